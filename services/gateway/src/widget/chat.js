// The built-in chat: the same protocol as OpenAI's element, drawn with nothing but this script.

/** How often a conversation that was left in the middle is looked at again, and how long after. */
const LOOKS = 6;
const LOOK_MS = 1500;
const PAGE = 50;

class Chat {
  /** `deeds`: close() if it can be closed, context() for the page's facts, emit(name, detail) for the site. */
  constructor({ session, keep, threadKey, deeds }) {
    Object.assign(this, { session, keep, threadKey, deeds });
    this.protocol = new Protocol(session);
    this.state = emptyThread();
    this.running = null;
    this.shown = 'thread';
    this.drawn = new Map();
    this.feedback = new Map();
  }

  // === drawing

  mount(panel) {
    this.panel = panel;
    this.title = el('h2', {}, 'Chat');
    this.historyTool = tool('clock', 'Conversations', () => this.toggleHistory());
    const fresh = tool('write', 'New conversation', () => this.newThread());
    const close = this.deeds.close && tool('close', 'Close the chat', () => this.deeds.close());
    this.main = el('div', { class: 'main' });
    this.composer = new Composer({ say: (text) => this.submit(text), stop: () => this.running?.abort() });
    this.live = el('div', { class: 'heard', 'aria-live': 'polite' });
    panel.replaceChildren(
      el('div', { class: 'head' }, this.title, this.historyTool, fresh, close),
      this.main,
      this.composer.drawn,
      this.live,
    );
    const connection = () => this.draw();
    addEventListener('online', connection);
    addEventListener('offline', connection);
    this.draw();
    this.updates = new Updates({
      thread: () => (this.isIdle() ? this.state.id : null),
      newest: (id) => newestOf(this.protocol, id),
      shown: () => this.state.items.findLast((item) => item.type !== 'notice')?.id ?? null,
      update: (id) => this.update(id),
    }).start();
  }

  /** Where to write; on a phone that would bring up the keyboard unasked. */
  focus() {
    if (matchMedia('(pointer: coarse)').matches) this.panel.focus();
    else this.composer.field.focus();
  }

  /** Draws soon; many changes are one drawing. */
  set(state) {
    this.state = state;
    this.due ??= requestAnimationFrame(() => {
      this.due = null;
      this.draw();
    });
  }

  draw() {
    const { state } = this;
    this.title.textContent = this.shown === 'history' ? 'Conversations' : state.title || 'Chat';
    this.composer.draw(this.running !== null);
    if (this.shown === 'history') return;
    const empty = !state.items.length && state.said === null && !state.trouble && !state.loading && !this.running;
    if (empty) this.main.replaceChildren(this.startScreen());
    else this.drawLog();
  }

  startScreen() {
    const { greeting, prompts } = this.session.current?.start_screen ?? {};
    const start = el('div', { class: 'start' }, el('span', { class: 'spark' }, icon('spark')));
    start.append(el('p', {}, greeting || 'How can we help?'));
    for (const { label, prompt } of prompts ?? []) {
      start.append(el('button', { type: 'button', class: 'prompt', onclick: () => this.send(prompt) }, label, icon('next')));
    }
    return start;
  }

  drawLog() {
    const { main, state } = this;
    const near = main.scrollHeight - main.scrollTop - main.clientHeight < 80;
    const parts = [];
    if (state.earlier) parts.push(el('button', { type: 'button', class: 'more', onclick: () => this.loadEarlier() }, 'Show earlier messages'));
    const kept = new Map();
    for (const item of state.items) {
      // A form that is being filled in must not be drawn anew.
      const mood = item.type === 'assistant_message' && `${this.feedback.get(item.id)} ${this.isDone(item)}`;
      const before = this.drawn.get(item.id);
      const same = before?.item === item && before.mood === mood;
      const one = same ? before : { item, mood, element: drawItem(item, this.itemDeeds()) };
      if (before && !same) one.element?.classList.add('still');
      kept.set(item.id, one);
      if (one.element) parts.push(one.element);
    }
    this.drawn = kept;
    if (state.said !== null) parts.push(el('div', { class: 'item user pending' }, state.said));
    if (state.trouble) parts.push(this.drawTrouble(state.trouble));
    else if ((this.running && !this.isWriting()) || state.loading) parts.push(this.drawProgress(state.progress));
    if (!this.log?.isConnected) {
      this.log = el('div', { class: 'log', role: 'log', 'aria-live': 'off', 'aria-label': 'Conversation' });
      main.replaceChildren(this.log);
    }
    swap(this.log, parts);
    if (near || this.jump) main.scrollTop = main.scrollHeight;
    this.jump = false;
  }

  drawProgress(text) {
    if (text) this.say(text);
    return el('div', { class: 'progress' }, el('span', { class: 'dots' }, el('i'), el('i'), el('i')), text ?? el('span', { class: 'heard' }, 'Writing'));
  }

  drawTrouble(trouble) {
    if (this.told?.trouble === trouble) return this.told.note;
    const note = el('div', { class: 'item note danger', role: 'alert' }, trouble.message);
    if (trouble.retry) note.append(el('div', { class: 'row' }, button('Retry', () => this.retry(), 'primary')));
    this.told = { trouble, note };
    return note;
  }

  /** Tells those who listen; what streams is told once it is whole. */
  say(text) {
    if (this.live.textContent !== text) this.live.textContent = text;
  }

  isWriting() {
    const last = this.state.items.at(-1);
    return !this.state.progress && last?.type === 'assistant_message' && textOf(last) !== '';
  }

  isDone(item) {
    return !(this.running && this.state.items.at(-1) === item);
  }

  itemDeeds() {
    return {
      isDone: (item) => this.isDone(item),
      feedbackOf: (item) => this.feedback.get(item.id),
      feedback: (item, kind) => this.rate(item, kind),
      act: (item, action) => this.act(item, action),
      answer: (item, input) => this.run('threads.add_structured_input', { ...this.here(), item_id: item.id, input }),
    };
  }

  here() {
    return { thread_id: this.state.id };
  }

  // === doing

  submit(text) {
    this.send(text);
    this.composer.field.focus();
  }

  send(text) {
    this.shown = 'thread';
    this.jump = true;
    this.set({ ...this.state, said: text, trouble: null });
    const input = userInput(text);
    return this.state.id
      ? this.run('threads.add_user_message', { ...this.here(), input })
      : this.run('threads.create', { input });
  }

  /** Runs a request that streams, and the tools of the page that its answer asks for. */
  async run(type, params) {
    if (this.running) return;
    this.last = { type, params };
    const running = new AbortController();
    this.running = running;
    this.set({ ...this.state, trouble: null, progress: null });
    try {
      for await (const event of this.protocol.stream(type, params, running.signal)) {
        if (this.running !== running) return;
        this.take(event);
      }
      if (!this.state.trouble && this.running === running) this.last = null;
    } catch (trouble) {
      if (this.running === running) this.fail(trouble);
    }
    // Whoever went to another conversation meanwhile has left this one behind.
    if (this.running !== running) return;
    this.running = null;
    this.set(this.state);
    await this.runTool();
  }

  take(event) {
    if (event.type === 'client_effect') return this.effect(event);
    this.set(reduce(this.state, event));
    if (event.type === 'thread.created') this.keep.set(this.threadKey, event.thread.id);
    if (event.type === 'thread.item.done' && event.item.type === 'assistant_message') this.say(textOf(event.item));
    return undefined;
  }

  effect({ name, data }) {
    if (name === 'open_url') askToOpen(this.panel, data?.url);
    this.deeds.emit('effect', { name, data });
  }

  /** Answers a tool call that waits for the page. */
  async runTool() {
    const call = this.state.items.at(-1);
    if (call?.type !== 'client_tool_call' || call.status !== 'pending') return;
    const known = call.name === 'get_page_context';
    const result = known ? this.deeds.context() : { error: `this page has no tool ${call.name}` };
    this.set({ ...this.state, items: put(this.state.items, { ...call, status: 'completed', output: result }) });
    await this.run('threads.add_client_tool_output', { ...this.here(), result });
  }

  fail(trouble) {
    if (trouble.name === 'AbortError') {
      // What was not taken yet may be said another way.
      if (this.state.said !== null) this.composer.offer(this.state.said);
      this.last = null;
      this.set({ ...this.state, said: null, progress: null });
      return;
    }
    if (trouble.detail) console.warn(`Frontdesk: ${trouble.detail}`);
    if (trouble.kind === 'unknown') this.keep.remove(this.threadKey);
    const stored = this.state.said === null && trouble.kind === 'lost';
    const retry = trouble.kind !== 'unknown';
    this.set({ ...this.state, progress: null, trouble: { kind: trouble.kind, message: wordsOf(trouble), retry, stored } });
  }

  /** Again: what was not taken is sent anew, what was taken is answered anew. */
  async retry() {
    const { last, state } = this;
    const begun = last?.type === 'threads.create' && state.id !== null;
    if (last && !begun && (!state.trouble?.stored || last.type === 'threads.custom_action')) {
      await this.run(last.type, last.params);
      return;
    }
    if (!state.id) {
      this.set({ ...state, trouble: null });
      return;
    }
    await this.open(state.id, { look: 0 });
    if (!last || this.state.trouble) return;
    const asked = this.state.items.findLast((item) => item.type === 'user_message');
    const lost = state.trouble.kind === 'lost' && this.state.items.at(-1)?.type === 'assistant_message';
    if (!asked) await this.run('threads.add_user_message', { ...this.here(), input: last.params.input });
    else if (!lost) await this.run('threads.retry_after_item', { ...this.here(), item_id: asked.id });
  }

  async act(item, action) {
    if (action.handler === 'client') {
      if (action.type === 'open_url') askToOpen(this.panel, action.payload?.url);
      this.deeds.emit('action', { type: action.type, payload: action.payload, item_id: item.id });
      return;
    }
    const { type, payload } = action;
    await this.run('threads.custom_action', { ...this.here(), item_id: item.id, action: { type, payload } });
  }

  async rate(item, kind) {
    this.feedback.set(item.id, kind);
    this.set(this.state);
    try {
      await this.protocol.call('items.feedback', { ...this.here(), item_ids: [item.id], kind });
    } catch (trouble) {
      this.feedback.delete(item.id);
      this.fail(trouble);
    }
  }

  // === threads

  newThread() {
    this.leave();
    this.keep.remove(this.threadKey);
    this.set(emptyThread());
    this.focus();
  }

  leave() {
    this.running?.abort();
    this.running = null;
    this.last = null;
    this.shown = 'thread';
    this.composer.drawn.hidden = false;
  }

  /** Shows a conversation, running or finished. */
  async open(id, { look = LOOKS } = {}) {
    this.leave();
    this.jump = true;
    this.set({ ...emptyThread(), id, loading: true });
    try {
      const thread = await this.protocol.call('threads.get_by_id', { thread_id: id });
      const page = await this.page(id);
      if (this.state.id !== id) return;
      this.keep.set(this.threadKey, id);
      this.set({ ...emptyThread(), id, title: thread.title ?? null, ...page });
    } catch (trouble) {
      if (trouble.kind === 'unknown') this.newThread();
      else this.fail(trouble);
      this.set({ ...this.state, loading: false });
      return;
    }
    await (look ? this.follow(id, look) : null);
  }

  async page(id, after) {
    const order = { thread_id: id, limit: PAGE, order: 'desc', ...(after && { after }) };
    const page = await this.protocol.call('items.list', order);
    return { items: page.data.reverse(), earlier: page.has_more ? (page.after ?? page.data[0]?.id) : null };
  }

  /** Whether news may come in: somebody may see the conversation, and nothing is under way in it. */
  isIdle() {
    return !this.panel.hidden && this.shown === 'thread' && !this.running && !this.state.loading;
  }

  /** Brings what has come into the conversation without being asked for. */
  async update(id) {
    const { items: newest } = await this.page(id);
    if (this.state.id !== id || !this.isIdle()) return false;
    const items = merge(this.state.items, newest);
    items.slice(this.state.items.length).filter((item) => item.type === 'assistant_message').forEach((item) => this.say(textOf(item)));
    const trouble = this.state.trouble?.stored && items.at(-1)?.type !== 'user_message' ? null : this.state.trouble;
    this.set({ ...this.state, items, trouble });
    return true;
  }

  async loadEarlier() {
    const { id, earlier } = this.state;
    try {
      const page = await this.page(id, earlier);
      if (this.state.id === id) this.set({ ...this.state, earlier: page.earlier, items: [...page.items, ...this.state.items] });
    } catch (trouble) {
      this.fail(trouble);
    }
  }

  /** A conversation that was left in the middle: its tool call is answered, its answer waited for. */
  async follow(id, looks) {
    const last = () => this.state.items.at(-1)?.type;
    for (let look = 0; look < looks && last() === 'user_message' && !isWithPerson(this.state.items); look += 1) {
      this.set({ ...this.state, loading: true });
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      if (this.state.id !== id || this.running) return;
      const page = await this.page(id).catch(() => null);
      if (this.state.id !== id || this.running) return;
      if (page) this.set({ ...this.state, ...page });
    }
    const unanswered = last() === 'user_message' && !isWithPerson(this.state.items);
    const trouble = unanswered ? { message: 'This was not answered.', retry: true, stored: true } : null;
    this.set({ ...this.state, loading: false, trouble });
    await this.runTool();
  }

  async toggleHistory() {
    const showing = this.shown !== 'history';
    this.shown = showing ? 'history' : 'thread';
    this.composer.drawn.hidden = showing;
    this.historyTool.setAttribute('aria-pressed', String(showing));
    this.draw();
    if (!showing) return;
    const back = (work) => {
      this.historyTool.setAttribute('aria-pressed', 'false');
      this.shown = 'thread';
      this.composer.drawn.hidden = false;
      return work();
    };
    await drawHistory(this.main, this.protocol, {
      open: (thread) => back(() => this.open(thread.id)),
      gone: (id) => {
        if (id !== this.state.id) return;
        this.running?.abort();
        this.running = null;
        this.keep.remove(this.threadKey);
        this.state = emptyThread();
      },
      failed: (trouble) => back(() => this.fail(trouble)),
      isShown: () => this.shown === 'history',
    });
  }
}

/** What a visitor is told; an error of this script is for the console. */
function wordsOf(trouble) {
  if (trouble instanceof Trouble) return trouble.message;
  console.error(trouble);
  return 'Something went wrong.';
}

/** Makes `parts` the children of `parent` and leaves in place what is there already. */
function swap(parent, parts) {
  const wanted = new Set(parts);
  for (const child of [...parent.childNodes]) if (!wanted.has(child)) child.remove();
  parts.forEach((part, index) => {
    if (parent.childNodes[index] !== part) parent.insertBefore(part, parent.childNodes[index] ?? null);
  });
}
