// OpenAI's element: loaded from OpenAI, set up with our address or OpenAI's secret. It may refuse this page, for it
// asks OpenAI whether the page's host is allowed; then the built-in chat takes its place.

const ELEMENT = 'openai-chatkit';
const ELEMENT_SCRIPT = 'https://cdn.platform.openai.com/deployments/chatkit/chatkit.js';
const ALLOW_LIST = 'https://platform.openai.com/settings/organization/security/domain-allowlist';
const LOAD_MS = 5000;
const READY_MS = 8000;

/** Rejects after some time. */
function within(limit, what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took longer than ${limit / 1000} s`)), limit);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Loads the element's script, once. */
function loadElement() {
  if (customElements.get(ELEMENT)) return Promise.resolve();
  const loaded = new Promise((resolve, reject) => {
    const script = el('script', { src: ELEMENT_SCRIPT, async: true });
    script.addEventListener('error', () => reject(new Error('its script did not load')));
    customElements.whenDefined(ELEMENT).then(resolve);
    document.head.append(script);
  });
  return within(LOAD_MS, 'its script', loaded);
}

/** The options of the element, as `@openai/chatkit` types them: one that it does not know blanks it. */
function elementOptions({ session, thread, theme, deeds }) {
  const { mode, url, domain_key: domainKey, start_screen: screen } = session.current;
  const own = mode === 'self_hosted';
  const startScreen = {};
  if (screen?.greeting) startScreen.greeting = screen.greeting;
  if (screen?.prompts?.length) startScreen.prompts = screen.prompts.map(({ label, prompt }) => ({ label, prompt }));
  const options = {
    api: own
      ? { url, domainKey, fetch: (input, init) => session.fetch(input, init) }
      : { getClientSecret: (current) => session.hostedSecret(current) },
    theme,
    frameTitle: 'Chat',
    initialThread: thread,
    startScreen,
    header: deeds.close ? { enabled: true, rightAction: { icon: 'close', onClick: () => deeds.close() } } : { enabled: true },
    history: { enabled: true, showDelete: true, showRename: true },
    composer: { placeholder: 'Write a message', attachments: { enabled: false } },
    onClientTool: ({ name }) => (name === 'get_page_context' ? deeds.context() : { error: `this page has no tool ${name}` }),
  };
  if (own) options.threadItemActions = { feedback: true, retry: true };
  return options;
}

/** OpenAI's element in `panel`, with the same methods as the built-in chat. Rejects if it is refused. */
async function mountElement(panel, { session, keep, threadKey, themeOf, deeds }) {
  await loadElement();
  const element = document.createElement(ELEMENT);
  const options = () => elementOptions({ session, thread: keep.get(threadKey), theme: themeOf(), deeds });
  const ready = new Promise((resolve, reject) => {
    element.addEventListener('chatkit.ready', () => resolve(), { once: true });
    element.addEventListener('chatkit.error', (event) => reject(event.detail?.error ?? new Error('it refused')), { once: true });
  });
  element.addEventListener('chatkit.thread.change', ({ detail }) => {
    if (detail?.threadId) keep.set(threadKey, detail.threadId);
    else keep.remove(threadKey);
  });
  element.addEventListener('chatkit.effect', ({ detail }) => {
    if (detail?.name === 'open_url') askToOpen(panel, detail.data?.url);
    deeds.emit('effect', { name: detail?.name, data: detail?.data });
  });
  element.setOptions(options());
  panel.append(element);
  try {
    await within(READY_MS, 'it', ready);
  } catch (error) {
    element.remove();
    throw error;
  }
  if (session.current.mode === 'self_hosted') keepUpToDate(element, panel, session, keep.get(threadKey));
  return {
    focus: () => element.focusComposer().catch(() => {}),
    newThread: () => element.setThreadId(null).catch(() => {}),
    restyle: () => element.setOptions(options()),
  };
}

/** Has the element show what comes into its conversation without being asked for. */
function keepUpToDate(element, panel, session, first) {
  const protocol = new Protocol(session);
  const open = { id: first, writing: false };
  const writes = (writing) => () => Object.assign(open, { writing });
  element.addEventListener('chatkit.thread.change', ({ detail }) => Object.assign(open, { id: detail?.threadId ?? null }));
  element.addEventListener('chatkit.response.start', writes(true));
  element.addEventListener('chatkit.response.end', writes(false));
  new Updates({
    thread: () => (panel.hidden || open.writing ? null : open.id),
    newest: (id) => newestOf(protocol, id),
    update: () => element.fetchUpdates(),
  }).start();
}

/** Tells the site's developer why the built-in chat is shown, and what would change it. */
function explainRefusal(error, host) {
  console.warn(
    `Frontdesk: OpenAI's chat element is not available on this page (${error?.message ?? error}), the built-in chat is ` +
      `shown instead. To use the element, add "${host}" to the domain allow-list at ${ALLOW_LIST} and set ` +
      'CHATKIT_DOMAIN_KEY to the key that it shows.',
  );
}
