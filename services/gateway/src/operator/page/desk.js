// The desk: who waits, what was said, and the reply.

const EVERY = 4000;
const asked = new URLSearchParams(location.search);
const desk = { thread: asked.get('thread') ?? '', visitor: asked.get('visitor') ?? '', shown: '', timer: 0, key: '', keyed: '' };

function show(open) {
  at('login').hidden = open;
  at('desk').hidden = !open;
  if (!open) at('token').focus();
}

/** Forgets the token, and says why it is asked for. */
function lock(why) {
  clearTimeout(desk.timer);
  token.forget();
  at('login-error').textContent = why;
  at('list').replaceChildren();
  at('messages').replaceChildren();
  at('thread').hidden = true;
  desk.shown = '';
  show(false);
}

/** Does something with the server; what it refuses is said at `place`, once. */
async function attempt(place, work) {
  let why = '';
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    why = error.message;
    if (error.status === 401) {
      lock(why);
      return false;
    }
  }
  if (place.textContent !== why) place.textContent = why;
  return !why;
}

/** All threads of a list, page by page. */
async function pages(query) {
  const threads = [];
  let after = '';
  do {
    const page = await call(`?${query}&limit=100${after && `&after=${encodeURIComponent(after)}`}`);
    threads.push(...page.threads);
    after = page.next ?? '';
  } while (after);
  return threads;
}

async function list() {
  const query = desk.visitor ? `visitor=${encodeURIComponent(desk.visitor)}` : 'handed_off=true';
  const threads = await pages(query);
  // whoever nobody has come to yet stands before those with whom somebody is
  const behind = (thread) => Number(thread.state !== 'waiting_human');
  if (!desk.visitor) threads.sort((one, other) => behind(one) - behind(other));
  at('list-title').textContent = desk.visitor ? 'Of this visitor' : 'Waiting';
  const focused = document.activeElement?.dataset?.thread;
  at('list').replaceChildren(...threads.map((thread) => entry(thread, open)));
  for (const button of at('list').querySelectorAll('button')) {
    button.setAttribute('aria-current', String(button.dataset.thread === desk.thread));
    if (button.dataset.thread === focused) button.focus();
  }
  const none = desk.visitor ? 'No conversation.' : 'Nobody waits.';
  const note = threads.length ? '' : none;
  // said anew only where it is another, or it would be read out each time
  if (at('list-note').textContent !== note) at('list-note').textContent = note;
  if (desk.visitor && !desk.thread && threads.length) desk.thread = threads[0].id;
}

async function transcript() {
  if (!desk.thread) return;
  const wanted = desk.thread;
  const { thread, messages } = await call(`/${encodeURIComponent(wanted)}`);
  // another one was opened meanwhile
  if (wanted !== desk.thread) return;
  at('thread').hidden = false;
  at('thread-title').textContent = thread.title || thread.id;
  const problem = thread.problem && `The books refused this: ${thread.problem}`;
  at('thread-note').textContent = [STATES[thread.state], thread.reason, problem].filter(Boolean).join(' ');
  at('release').hidden = thread.state === 'active';
  const newest = `${wanted} ${messages.map((message) => message.id).join(' ')}`;
  if (newest === desk.shown) return;
  desk.shown = newest;
  at('messages').replaceChildren(...messages.map(said));
  at('messages').scrollTop = at('messages').scrollHeight;
}

async function refresh() {
  clearTimeout(desk.timer);
  if (!token.get()) return;
  if (!document.hidden) {
    await attempt(at('list-error'), list);
    if (token.get()) await attempt(at('thread-error'), transcript);
  }
  clearTimeout(desk.timer);
  if (token.get()) desk.timer = setTimeout(refresh, EVERY);
}

async function open(id) {
  if (id !== desk.thread) {
    // Where an answer is written nothing of another conversation stands, neither its words nor a draft for it.
    at('thread').hidden = true;
    at('messages').replaceChildren();
    at('reply').value = '';
    desk.shown = '';
  }
  desk.thread = id;
  at('reply-error').textContent = '';
  await refresh();
  at('thread-title').focus();
}

async function reply() {
  const text = at('reply').value.trim();
  if (!text) return;
  const author = at('author').value.trim();
  // the same words after a failure are the same message
  const keyed = JSON.stringify([desk.thread, text, author]);
  if (keyed !== desk.keyed) [desk.key, desk.keyed] = [fresh(), keyed];
  const button = at('reply-form').querySelector('button');
  button.disabled = true;
  const sent = await attempt(at('reply-error'), () =>
    call(`/${encodeURIComponent(desk.thread)}/messages`, author ? { text, author } : { text }, desk.key));
  button.disabled = false;
  if (!sent) return;
  desk.keyed = '';
  sessionStorage.setItem(NAME, author);
  at('reply').value = '';
  at('reply').focus();
  await refresh();
}

async function release() {
  const released = () => call(`/${encodeURIComponent(desk.thread)}/release`, undefined, fresh());
  if (await attempt(at('reply-error'), released)) await refresh();
}

at('token-form').addEventListener('submit', (event) => {
  event.preventDefault();
  token.set(at('token').value.trim());
  at('token').value = '';
  at('login-error').textContent = '';
  show(true);
  refresh();
});
at('reply-form').addEventListener('submit', (event) => {
  event.preventDefault();
  reply();
});
at('reply').addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) reply();
});
at('release').addEventListener('click', release);
at('leave').addEventListener('click', () => lock(''));
document.addEventListener('visibilitychange', () => {
  if (!document.hidden) refresh();
});

at('author').value = sessionStorage.getItem(NAME) ?? '';
if (token.get()) {
  show(true);
  refresh();
} else {
  show(false);
}
