// Checks the widget's parts that need no browser. Run: node .ci/widget_test.mjs
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import test from 'node:test';

const dir = new URL('../../services/gateway/src/widget/', import.meta.url);
const source = (name) => readFileSync(new URL(name, dir), 'utf8');

/** The named things of some files, as if they stood in one script. */
const load = (files, names, globals = {}) => {
  const body = `'use strict';\n${files.map(source).join('\n')}\nreturn { ${names.join(', ')} };`;
  return new Function(...Object.keys(globals), body)(...Object.values(globals));
};

test('every file is a script', () => {
  const files = readdirSync(dir).filter((name) => name.endsWith('.js'));
  assert.ok(files.length > 5);
  for (const name of files) execFileSync(process.execPath, ['--check', new URL(name, dir).pathname]);
});

// === stream.js

const { Frames, eventsOf } = load(['stream.js'], ['Frames', 'eventsOf']);

test('frames come whole however they are cut', () => {
  const text = 'data: {"a":"é"}\n\ndata: {"b":1}\r\n\r\n: a comment\nevent: x\ndata:{"c":\ndata: 2}\n\ndata: {"cut":';
  const whole = new Frames().push(text);
  assert.deepEqual(whole, ['{"a":"é"}', '{"b":1}', '{"c":\n2}']);
  for (let size = 1; size < 9; size += 1) {
    const frames = new Frames();
    const pieces = [];
    for (let at = 0; at < text.length; at += size) pieces.push(...frames.push(text.slice(at, at + size)));
    assert.deepEqual(pieces, whole, `in pieces of ${size}`);
  }
});

test('events come out of bytes that are cut anywhere', async () => {
  const bytes = new TextEncoder().encode('data: {"text":"grüße 👋"}\n\ndata: oops\n\ndata: {"n":2}\n\n');
  for (const size of [1, 2, 3, 7, bytes.length]) {
    const body = new ReadableStream({
      start(controller) {
        for (let at = 0; at < bytes.length; at += size) controller.enqueue(bytes.slice(at, at + size));
        controller.close();
      },
    });
    const events = [];
    for await (const event of eventsOf({ body })) events.push(event);
    assert.deepEqual(events, [{ text: 'grüße 👋' }, { n: 2 }]);
  }
});

test('an event is there before the next has come', async () => {
  let push;
  const body = new ReadableStream({ start: (controller) => (push = (text) => controller.enqueue(new TextEncoder().encode(text))) });
  const events = eventsOf({ body });
  push('data: {"n":1}\n\n');
  assert.deepEqual((await events.next()).value, { n: 1 });
  push('data: {"n":2}\n\n');
  assert.deepEqual((await events.next()).value, { n: 2 });
  await events.return();
});

// === markdown.js

const { blocksOf, spansOf, safeUrl } = load(['markdown.js'], ['blocksOf', 'spansOf', 'safeUrl']);

test('only http and https are followed', () => {
  for (const good of ['https://example.com/a?b#c', 'http://x.test/', 'HTTPS://EXAMPLE.COM']) assert.ok(safeUrl(good), good);
  const bad = ['javascript:alert(1)', ' javascript:alert(1)', 'java\nscript:alert(1)', 'data:text/html,x', 'vbscript:x', 'file:///etc', '//x.test', '/a', '', 'mailto:a@b.c'];
  for (const one of bad) assert.equal(safeUrl(one), null, one);
});

test('markup stays text', () => {
  const hostile = '<img src=x onerror=alert(1)> & <script>alert(1)</script> &lt;b&gt;';
  assert.deepEqual(blocksOf(hostile), [{ kind: 'paragraph', spans: [{ text: hostile }] }]);
  assert.deepEqual(spansOf('[click](javascript:alert(1))'), [{ text: '[click](javascript:alert(1))' }]);
  assert.deepEqual(spansOf('**<b>**'), [{ bold: [{ text: '<b>' }] }]);
  assert.deepEqual(spansOf('`<i>`'), [{ code: '<i>' }]);
  assert.deepEqual(spansOf('[pay](<https://x.test/a(b>)'), [{ href: 'https://x.test/a(b', link: 'pay' }]);
  assert.deepEqual(spansOf('[pay](<javascript:alert(1)>)'), [{ text: '[pay](<javascript:alert(1)>)' }]);
  assert.deepEqual(spansOf('[<u>](https://x.test)'), [{ href: 'https://x.test/', link: '<u>' }]);
});

test('spans are bold, italic, code and links', () => {
  assert.deepEqual(spansOf('a **b** *c* `d` [e](https://x.test/f) https://y.test/g.'), [
    { text: 'a ' },
    { bold: [{ text: 'b' }] },
    { text: ' ' },
    { italic: [{ text: 'c' }] },
    { text: ' ' },
    { code: 'd' },
    { text: ' ' },
    { href: 'https://x.test/f', link: 'e' },
    { text: ' ' },
    { href: 'https://y.test/g', link: 'https://y.test/g' },
    { text: '.' },
  ]);
  for (const plain of ['2 * 3 * 4', 'snake*case*name', '**open', '`open', '[a] (b)']) {
    assert.deepEqual(spansOf(plain), [{ text: plain }], plain);
  }
});

test('blocks are paragraphs, headings, lists and code', () => {
  assert.deepEqual(
    blocksOf('# T\none\ntwo\n\n- a\n- **b**\n  more\n\n2. x\n3) y\n\n```js\n<b>\n\n- z\n```\nend').map(({ kind, ...rest }) => [kind, rest]),
    [
      ['heading', { spans: [{ text: 'T' }] }],
      ['paragraph', { spans: [{ text: 'one\ntwo' }] }],
      ['list', { ordered: false, start: 1, items: [[{ text: 'a' }], [{ bold: [{ text: 'b' }] }, { text: '\nmore' }]] }],
      ['list', { ordered: true, start: 2, items: [[{ text: 'x' }], [{ text: 'y' }]] }],
      ['code', { text: '<b>\n\n- z' }],
      ['paragraph', { spans: [{ text: 'end' }] }],
    ],
  );
  assert.deepEqual(blocksOf('```\nnot ended'), [{ kind: 'code', text: 'not ended' }]);
});

test('long hostile text does not take long', () => {
  const begun = performance.now();
  for (const piece of ['*', '**', '[', '`', '[a](', '**a*', '- ', '(', 'https://', '_*', '**a*b']) spansOf(piece.repeat(20_000));
  blocksOf('```\n'.repeat(5_000));
  assert.ok(performance.now() - begun < 5_000);
});

// === thread.js

const { reduce, emptyThread, textOf, mapComponent } = load(['thread.js'], ['reduce', 'emptyThread', 'textOf', 'mapComponent']);
const play = (events, state = emptyThread()) => events.reduce(reduce, state);
const message = (id, content = []) => ({ id, type: 'assistant_message', content });
const update = (id, change) => ({ type: 'thread.item.updated', item_id: id, update: change });

test('an answer grows as it is written', () => {
  const part = { type: 'output_text', text: '', annotations: [] };
  const events = [
    { type: 'thread.created', thread: { id: 'thr_1' } },
    { type: 'thread.item.done', item: { id: 'msg_1', type: 'user_message', content: [{ type: 'input_text', text: 'hi' }] } },
    { type: 'stream_options', stream_options: { allow_cancel: true } },
    { type: 'progress_update', text: 'Looking that up' },
    { type: 'thread.item.added', item: message('msg_2') },
    update('msg_2', { type: 'assistant_message.content_part.added', content_index: 0, content: part }),
    update('msg_2', { type: 'assistant_message.content_part.text_delta', content_index: 0, delta: 'Hel' }),
    update('msg_2', { type: 'assistant_message.content_part.text_delta', content_index: 0, delta: 'lo' }),
  ];
  const asked = play(events.slice(0, 4), { ...emptyThread(), said: 'hi' });
  assert.deepEqual([asked.id, asked.said, asked.progress], ['thr_1', null, 'Looking that up']);
  const state = play(events);
  assert.equal(state.progress, null);
  assert.equal(textOf(state.items[1]), 'Hello');
  const source = { type: 'annotation', source: { type: 'url', title: 'Docs', url: 'https://example.com' } };
  const noted = reduce(state, update('msg_2', { type: 'assistant_message.content_part.annotation_added', content_index: 0, annotation_index: 0, annotation: source }));
  assert.deepEqual(noted.items[1].content[0].annotations, [source]);
  assert.deepEqual(state.items[1].content[0].annotations, [], 'the item before is as it was');
  const done = reduce(state, { type: 'thread.item.done', item: message('msg_2', [{ ...part, text: 'Hello!' }]) });
  assert.deepEqual(done.items.map(textOf), ['hi', 'Hello!']);
  assert.equal(reduce(done, { type: 'thread.updated', thread: { id: 'thr_1', title: 'Greeting' } }).title, 'Greeting');
});

test('items are replaced and removed', () => {
  const state = play([
    { type: 'thread.item.done', item: message('a') },
    { type: 'thread.item.done', item: message('b') },
    { type: 'thread.item.replaced', item: { id: 'a', type: 'widget', widget: { type: 'Card', children: [] } } },
    { type: 'thread.item.removed', item_id: 'b' },
    { type: 'thread.item.removed', item_id: 'unknown' },
    { type: 'something.new' },
  ]);
  assert.deepEqual(state.items.map((item) => [item.id, item.type]), [['a', 'widget']]);
});

test('an error is told and may be tried again', () => {
  const failed = reduce(emptyThread(), { type: 'error', code: 'stream.error', allow_retry: true });
  assert.deepEqual([failed.trouble.retry, failed.trouble.message.length > 0], [true, true]);
  const custom = reduce(emptyThread(), { type: 'error', code: 'custom', message: 'Too many messages.', allow_retry: false });
  assert.deepEqual([custom.trouble.retry, custom.trouble.message], [false, 'Too many messages.']);
});

test('a component changes in its place', () => {
  const card = { type: 'Card', children: [{ type: 'Row', children: [{ type: 'Text', id: 't', value: 'a' }] }] };
  const grown = mapComponent(card, 't', (one) => ({ ...one, value: `${one.value}b` }));
  assert.equal(grown.children[0].children[0].value, 'ab');
  assert.equal(card.children[0].children[0].value, 'a');
});

// === updates.js

const updates = load(['thread.js', 'updates.js'], ['Updates', 'merge', 'isWithPerson']);
const watch = (over = {}) => {
  const scene = { thread: 'thr_1', seen: true, server: 'a', screen: 'a', asked: 0, updates: [] };
  const parts = {
    thread: () => scene.thread,
    newest: async () => {
      scene.asked += 1;
      if (scene.server instanceof Error) throw scene.server;
      return scene.server;
    },
    shown: () => scene.screen,
    update: async (id) => {
      scene.updates.push(id);
      return scene.answer;
    },
    isSeen: () => scene.seen,
    ...over,
  };
  return { scene, looker: new updates.Updates(parts) };
};

test('what is new is brought once, and only where somebody may see it', async () => {
  const { scene, looker } = watch();
  await looker.look();
  assert.deepEqual([scene.asked, scene.updates], [1, []], 'nothing is new');
  scene.server = 'b';
  await looker.look();
  await looker.look();
  assert.deepEqual(scene.updates, ['thr_1'], 'once, whatever the screen shows');
  scene.server = 'c';
  scene.seen = false;
  await looker.look();
  scene.seen = true;
  scene.thread = null;
  await looker.look();
  assert.deepEqual([scene.asked, scene.updates.length], [3, 1]);
  scene.thread = 'thr_2';
  await looker.look();
  assert.deepEqual(scene.updates, ['thr_1', 'thr_2']);
});

test('what could not be brought is brought at the next look', async () => {
  const { scene, looker } = watch();
  scene.server = 'b';
  scene.answer = false;
  await looker.look();
  scene.answer = true;
  await looker.look();
  await looker.look();
  assert.equal(scene.updates.length, 2);
  const refusing = watch({ update: () => Promise.reject(new Error('it is loading')) });
  refusing.scene.server = 'b';
  await refusing.looker.look();
  assert.deepEqual([refusing.looker.failures, refusing.looker.seen], [1, null]);
});

test('what came for another conversation is left', async () => {
  const { scene, looker } = watch({ newest: async () => { scene.thread = 'thr_2'; return 'b'; } });
  await looker.look();
  assert.deepEqual([scene.updates, looker.seen], [[], null]);
});

test('a server that fails is asked more rarely', async () => {
  const waits = [];
  const { Updates } = load(['thread.js', 'updates.js'], ['Updates'], { setTimeout: (work, wait) => waits.push(wait) });
  const looker = new Updates({ thread: () => 'thr_1', newest: () => Promise.reject(new Error('no')), update: () => {}, isSeen: () => true });
  for (let time = 0; time < 6; time += 1) {
    looker.start();
    await looker.look();
  }
  assert.deepEqual(waits, [4000, 8000, 16000, 32000, 60000, 60000]);
  looker.newest = async () => 'a';
  await looker.look();
  looker.start();
  assert.equal(waits.at(-1), 4000);
});

test('news stand behind what there is, and what is the same is left as it is', () => {
  const form = { id: 'f', type: 'structured_input', inputs: [{ id: 'q' }] };
  const note = { id: 'notice 0', type: 'notice', message: 'x' };
  const items = [{ id: 'a', type: 'user_message' }, form, { id: 'w', type: 'widget', widget: { children: [1] } }, note];
  const page = [structuredClone(form), { id: 'w', type: 'widget', widget: { children: [2] } }, message('opr_1')];
  const merged = updates.merge(items, page);
  assert.deepEqual(merged.map((item) => item.id), ['a', 'f', 'w', 'notice 0', 'opr_1']);
  assert.equal(merged[1], form);
  assert.deepEqual(merged[2].widget.children, [2]);
  assert.equal(updates.merge(items, []), items);
});

test('a conversation that a person has is not called unanswered', () => {
  const said = { id: 'msg_1', type: 'user_message' };
  for (const id of ['opr_1', 'srv_1']) assert.ok(updates.isWithPerson([said, message('msg_2'), message(id), said]), id);
  assert.ok(!updates.isWithPerson([said, message('opr_1'), said, message('msg_2'), said]));
  assert.ok(!updates.isWithPerson([said]));
});

// === visit.js, session.js, theme.js, element.js

const memory = () => {
  const map = new Map();
  return { getItem: (name) => map.get(name) ?? null, setItem: (name, value) => map.set(name, value), removeItem: (name) => map.delete(name) };
};
const visit = load(['visit.js'], ['wantedThread', 'Keep', 'randomId', 'deviceId', 'traitsOf', 'pageContext']);

test('an address leads back to a thread and to nothing else', () => {
  assert.equal(visit.wantedThread('#frontdesk-thread=thr_01AB.c:d-e'), 'thr_01AB.c:d-e');
  for (const other of ['', '#', '#frontdesk-thread=', '#frontdesk-thread=msg_1', '#frontdesk-thread=thr_', '#frontdesk-thread=thr_a/b', '#x&frontdesk-thread=thr_1', `#frontdesk-thread=thr_${'a'.repeat(125)}`]) {
    assert.equal(visit.wantedThread(other), null, other);
  }
});

test('a browser keeps its id, with and without randomUUID', () => {
  const keep = new visit.Keep(memory);
  const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
  const source = { getRandomValues: (bytes) => crypto.getRandomValues(bytes) };
  const id = visit.deviceId(keep, source);
  assert.match(id, uuid);
  assert.match(visit.randomId(crypto), uuid);
  assert.equal(visit.deviceId(keep, source), id);
  const refused = new visit.Keep(() => { throw new Error('no storage'); });
  assert.equal(visit.deviceId(refused, source), visit.deviceId(refused, source));
});

test('the first page of a visit is remembered', () => {
  const area = memory();
  const keep = new visit.Keep(() => area);
  const first = new URL('https://site.test/pricing?utm_source=yt&utm_medium=&gclid=g1&token=secret');
  const traits = visit.traitsOf(keep, first, 'https://search.test/?q=private', 'de', 'Europe/Berlin');
  const campaign = { landing_page: '/pricing', utm_source: 'yt', gclid: 'g1', referrer: 'https://search.test/' };
  assert.deepEqual(traits, { ...campaign, page: '/pricing', locale: 'de', time_zone: 'Europe/Berlin' });
  const later = visit.traitsOf(keep, new URL('https://site.test/b?utm_source=other'), 'https://site.test/pricing', 'de', 'UTC');
  assert.deepEqual(later, { ...campaign, page: '/b', locale: 'de', time_zone: 'UTC' });
  assert.deepEqual(visit.pageContext(first, 'Title', traits), { url: 'https://site.test/pricing', path: '/pricing', title: 'Title', utm: { utm_source: 'yt' } });
});

const { Session, Trouble } = load(['session.js'], ['Session', 'Trouble'], { navigator: { onLine: true } });
const stage = (answers) => {
  const calls = [];
  const area = memory();
  let clock = 1_000;
  const session = new Session({
    base: 'https://desk.test',
    keep: new visit.Keep(() => area),
    ask: () => ({ deviceId: 'd', traits: { utm_source: 'yt' } }),
    now: () => clock,
    fetch: async (url, init) => {
      calls.push({ url, init, body: init.body && JSON.parse(init.body) });
      return answers(url, calls.length, init);
    },
  });
  return { session, calls, pass: (seconds) => (clock += seconds) };
};
const made = (secret, expires_at = 1_600) => Response.json({ client_secret: secret, expires_at, visitor_token: 'v', mode: 'self_hosted', url: 'https://desk.test/chatkit' });

test('a secret is asked for once and renewed a minute before its end', async () => {
  const { session, calls, pass } = stage((url, count) => made(`c${count}`, 1_000 + 600 * count));
  await Promise.all([session.fresh(), session.fresh()]);
  pass(539);
  assert.equal((await session.fresh()).client_secret, 'c1');
  pass(1);
  assert.equal((await session.fresh()).client_secret, 'c2');
  assert.deepEqual(calls.map(({ url }) => new URL(url).pathname), ['/api/chatkit/session', '/api/chatkit/refresh']);
  assert.deepEqual([calls[0].body.modes, calls[1].body.currentClientSecret], [['self_hosted', 'hosted'], 'c1']);
  assert.equal(calls[1].init.headers['x-frontdesk-visitor'], 'v');
});

test('a secret that is refused is renewed once', async () => {
  const { session, calls } = stage((url, count) => (url.endsWith('/chatkit') ? new Response('{}', { status: count === 2 ? 401 : 200 }) : made(`c${count}`)));
  const answer = await session.fetch('https://desk.test/chatkit', { method: 'POST', headers: { 'x-theirs': '1' }, body: '{"type":"threads.list","params":{},"metadata":{"k":"v"}}' });
  assert.equal(answer.status, 200);
  const chats = calls.filter(({ url }) => url.endsWith('/chatkit'));
  assert.deepEqual(chats.map(({ init }) => init.headers.get('authorization')), ['Bearer c1', 'Bearer c3']);
  assert.equal(chats[0].init.headers.get('x-theirs'), '1');
  assert.deepEqual(chats[0].body, { type: 'threads.list', params: {}, metadata: { utm_source: 'yt', k: 'v' } });
  const always = stage((url) => (url.endsWith('/chatkit') ? new Response('{}', { status: 401 }) : made('c')));
  assert.equal((await always.session.fetch('https://desk.test/chatkit')).status, 401);
  assert.equal(always.calls.length, 4);
});

test('a clock that goes wrong does not renew each time', async () => {
  for (const expires_at of [0, 99_999]) {
    const { session, calls } = stage(() => made('c', expires_at));
    await session.fresh();
    await session.fresh();
    assert.equal(calls.length, 1);
  }
});

test('trouble is told in words', async () => {
  const limited = await Trouble.of(new Response('{}', { status: 429, headers: { 'retry-after': '12' } }));
  assert.deepEqual([limited.kind, limited.wait, limited.message.includes('12 seconds')], ['limited', 12, true]);
  assert.equal((await Trouble.of(new Response('oops', { status: 404 }))).kind, 'unknown');
  const failed = await Trouble.of(Response.json({ error: 'internal error' }, { status: 500 }));
  assert.deepEqual([failed.kind, failed.detail, failed.message.includes('internal')], ['failed', 'internal error', false]);
  const { session } = stage(() => { throw new TypeError('fetch failed'); });
  await assert.rejects(session.fresh(), (error) => error instanceof Trouble && error.kind === 'unreached');
});

const theme = load(['theme.js'], ['schemeOf', 'readableOn', 'elementTheme']);

test('themes', () => {
  assert.deepEqual([theme.schemeOf('auto', true), theme.schemeOf('light', true), theme.schemeOf('x', false)], ['dark', 'light', 'light']);
  assert.deepEqual(['#FF4500', '#008080', '#000', '#fff', 'red'].map(theme.readableOn), ['#1A0B04', '#FFFFFF', '#FFFFFF', '#1A0B04', null]);
  const tokens = { '--fd-primary': ' #FF4500', '--fd-bg': '#FFFFFF', '--fd-text': '#1C1917' };
  assert.deepEqual(theme.elementTheme('dark', (name) => tokens[name]), {
    colorScheme: 'dark',
    radius: 'round',
    density: 'normal',
    typography: { baseSize: 15 },
    color: { grayscale: { hue: 30, tint: 2 }, accent: { primary: '#FF4500', level: 1 }, surface: { background: '#FFFFFF', foreground: '#1C1917' } },
  });
});
