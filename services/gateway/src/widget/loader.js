// The loader: a launcher in the corner of the page and the panel that it opens; or, in a place that the page names, the
// panel alone, which is always open.

class Desk {
  constructor(script) {
    const { workflow = '', theme = 'auto', client = '', place = '' } = script.dataset;
    Object.assign(this, { workflow, client, place: place ? document.getElementById(place) : null });
    this.keep = new Keep(() => localStorage);
    this.visit = new Keep(() => sessionStorage);
    this.threadKey = `thread.${workflow || 'default'}`;
    this.session = new Session({ base: new URL(script.src).origin, keep: this.keep, ask: () => this.ask() });
    this.chat = null;
    this.wanted = wantedThread(location.hash);
    if (this.wanted) history.replaceState(history.state, '', location.pathname + location.search);
    this.build(theme);
    if (this.wanted || this.place || this.visit.get('open') === 'yes') this.open({ quietly: true });
  }

  build(theme) {
    this.host = document.createElement('frontdesk-chat');
    const root = this.host.attachShadow({ mode: 'open' });
    addStyle(root);
    const kind = this.place ? { class: 'panel placed', role: 'region' } : { class: 'panel', role: 'dialog', hidden: true };
    this.panel = el('section', { ...kind, 'aria-label': 'Chat', id: 'panel', tabindex: '-1' });
    this.launcher = el(
      'button',
      { type: 'button', class: 'launcher', 'aria-expanded': 'false', 'aria-controls': 'panel', onclick: () => this.toggle() },
      icon('chat'),
    );
    this.panel.addEventListener('keydown', (event) => this.onKey(event));
    root.append(this.panel);
    if (!this.place) root.append(this.launcher);
    this.name();
    this.host.toggleAttribute('data-placed', Boolean(this.place));
    (this.place ?? document.body).append(this.host);
    applyTheme(this.host, theme, () => this.chat?.restyle?.());
  }

  /** The launcher says what it does. */
  name() {
    const isOpen = !this.panel.hidden;
    this.launcher.setAttribute('aria-expanded', String(isOpen));
    this.launcher.setAttribute('aria-label', isOpen ? 'Close the chat' : 'Open the chat');
    this.launcher.replaceChildren(icon(isOpen ? 'close' : 'chat'));
  }

  traits() {
    const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
    return traitsOf(this.visit, new URL(location.href), document.referrer, navigator.language, timeZone);
  }

  /** What every request for a session says. */
  ask() {
    const asked = { deviceId: deviceId(this.keep, crypto), page: location.pathname, traits: this.traits() };
    return this.workflow ? { ...asked, workflowId: this.workflow } : asked;
  }

  deeds() {
    return {
      close: this.place ? null : () => this.close(),
      context: () => pageContext(new URL(location.href), document.title, this.traits()),
      emit: (name, detail) => this.host.dispatchEvent(new CustomEvent(`frontdesk.${name}`, { detail, bubbles: true })),
    };
  }

  // === opening

  async open({ quietly = false } = {}) {
    if (this.panel.hidden) {
      this.before = document.activeElement;
      this.panel.hidden = false;
      this.visit.set('open', 'yes');
      this.name();
    }
    if (!quietly) this.panel.focus();
    await this.start();
    if (!quietly && !this.panel.hidden) this.chat?.focus();
  }

  close() {
    if (this.place || this.panel.hidden) return;
    this.panel.hidden = true;
    this.visit.set('open', 'no');
    this.name();
    const back = this.before && this.before !== document.body && this.before.isConnected ? this.before : this.launcher;
    (back === this.host ? this.launcher : back).focus();
  }

  toggle() {
    if (this.panel.hidden) this.open();
    else this.close();
  }

  async newThread() {
    await this.open();
    this.chat?.newThread();
  }

  /** Brings a chat into the panel, once; a failure may be tried again. */
  start() {
    this.starting ??= this.mount().catch((trouble) => {
      this.starting = null;
      this.refuse(trouble);
    });
    return this.starting;
  }

  async mount() {
    const close = this.place ? null : tool('close', 'Close the chat', () => this.close());
    const head = el('div', { class: 'head' }, el('h2', {}, 'Chat'), close);
    this.panel.replaceChildren(head, el('div', { class: 'loading', role: 'status' }, 'One moment…'));
    await this.session.fresh();
    await this.adopt();
    if (this.client !== 'built-in' && this.visit.get('element') !== 'refused') {
      try {
        await this.mountOpenAi();
        return;
      } catch (error) {
        this.visit.set('element', 'refused');
        explainRefusal(error, location.hostname);
      }
    }
    await this.mountBuiltIn();
  }

  /** A conversation that the address names is the one to show, if it is this visitor's. */
  async adopt() {
    const id = this.wanted;
    this.wanted = null;
    if (!id || this.session.current.mode !== 'self_hosted') return;
    try {
      await new Protocol(this.session).call('threads.get_by_id', { thread_id: id });
      this.keep.set(this.threadKey, id);
    } catch (trouble) {
      // It is another's, or gone: the one that is remembered stays.
      if (!(trouble instanceof Trouble)) throw trouble;
    }
  }

  async mountOpenAi() {
    const { session, keep, threadKey } = this;
    const token = (name) => getComputedStyle(this.host).getPropertyValue(name);
    const themeOf = () => elementTheme(this.host.dataset.theme, token);
    await forgetLostThread(session, keep, threadKey);
    this.chat = await mountElement(this.panel, { session, keep, threadKey, themeOf, deeds: this.deeds() });
    this.panel.querySelectorAll('.head, .loading').forEach((one) => one.remove());
  }

  async mountBuiltIn() {
    const { session, keep, threadKey } = this;
    if (session.current.mode !== 'self_hosted') {
      // OpenAI's secret is of no use to us; a chat of our own needs another session.
      session.modes = ['self_hosted'];
      session.current = null;
      await session.fresh();
    }
    const chat = new Chat({ session, keep, threadKey, deeds: this.deeds() });
    chat.mount(this.panel);
    this.chat = chat;
    const thread = keep.get(threadKey);
    if (thread) chat.open(thread);
  }

  refuse(trouble) {
    if (trouble.detail) console.warn(`Frontdesk: ${trouble.detail}`);
    const message = trouble instanceof Trouble ? trouble.message : 'The chat could not be started.';
    if (!(trouble instanceof Trouble)) console.error(trouble);
    const retry = button('Retry', () => this.open(), 'primary');
    const note = el('div', { class: 'note danger', role: 'alert' }, message, el('div', { class: 'row' }, retry));
    this.panel.querySelector('.loading')?.replaceChildren(note);
  }

  // === keys

  onKey(event) {
    if (event.key === 'Escape' && !event.isComposing) {
      event.stopPropagation();
      const ask = this.panel.querySelector('.ask');
      if (ask) ask.remove();
      else this.close();
    }
    if (event.key === 'Tab' && !this.place) this.trap(event);
  }

  /** Keeps Tab inside the panel while it is open. */
  trap(event) {
    const reachable = 'button:not(:disabled), a[href], input, textarea, [tabindex="0"], openai-chatkit';
    const stops = [...this.panel.querySelectorAll(reachable)].filter((one) => one.getClientRects().length);
    const active = this.host.shadowRoot.activeElement;
    const [first, last] = [stops[0], stops.at(-1)];
    if (event.shiftKey ? active === first || active === this.panel : active === last) {
      event.preventDefault();
      (event.shiftKey ? last : first).focus();
    }
  }
}

/** A remembered conversation that is gone must not be asked for: the element shows an error instead of a start. */
async function forgetLostThread(session, keep, threadKey) {
  const id = keep.get(threadKey);
  if (!id || session.current.mode !== 'self_hosted') return;
  try {
    await new Protocol(session).call('threads.get_by_id', { thread_id: id });
  } catch (trouble) {
    if (trouble.kind === 'unknown') keep.remove(threadKey);
  }
}

/** Styles that a strict content security policy lets pass. */
function addStyle(root) {
  if ('adoptedStyleSheets' in root) {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    root.adoptedStyleSheets = [sheet];
  } else {
    root.append(el('style', {}, STYLE));
  }
}

const SCRIPT = document.currentScript;

if (SCRIPT && !window.Frontdesk) {
  let desk;
  const api = (name) => (...values) => desk?.[name](...values);
  window.Frontdesk = Object.freeze({
    open: () => api('open')(),
    close: api('close'),
    toggle: api('toggle'),
    newThread: api('newThread'),
  });
  const begin = () => {
    desk = new Desk(SCRIPT);
  };
  if (document.body) begin();
  else document.addEventListener('DOMContentLoaded', begin, { once: true });
}
