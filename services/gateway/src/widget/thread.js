// A conversation: the requests of the ChatKit server protocol, and what their events make of what is on the screen.

class Protocol {
  constructor(session) {
    this.session = session;
  }

  async post(type, params, signal) {
    const { url } = await this.session.fresh();
    const body = JSON.stringify({ type, params });
    const headers = { 'content-type': 'application/json', 'accept-language': navigator.language };
    const response = await this.session.fetch(url, { method: 'POST', headers, body, signal });
    if (!response.ok) throw await Trouble.of(response);
    return response;
  }

  /** The answer of a request that does not stream. */
  async call(type, params) {
    return (await this.post(type, params)).json();
  }

  /** The events of a request that streams. */
  async *stream(type, params, signal) {
    const response = await this.post(type, params, signal);
    try {
      yield* eventsOf(response);
    } catch (error) {
      throw error.name === 'AbortError' ? error : new Trouble('lost', 'The connection was lost.');
    }
  }
}

/** What a visitor says, as the protocol writes it. */
function userInput(text) {
  return { content: [{ type: 'input_text', text }], attachments: [], quoted_text: '', inference_options: {} };
}

/** A conversation before its first message. */
function emptyThread() {
  return { id: null, title: null, items: [], earlier: null, said: null, progress: null, trouble: null, notes: 0 };
}

/** What an event makes of a conversation. Items are never changed in place: another object is another picture. */
function reduce(state, event) {
  switch (event.type) {
    case 'thread.created':
    case 'thread.updated':
      return { ...state, id: event.thread.id, title: event.thread.title ?? state.title };
    case 'thread.item.added':
    case 'thread.item.done':
    case 'thread.item.replaced': {
      const said = event.item.type === 'user_message' ? null : state.said;
      const progress = event.item.type === 'user_message' ? state.progress : null;
      return { ...state, said, progress, items: put(state.items, event.item) };
    }
    case 'thread.item.updated': {
      const items = state.items.map((item) => (item.id === event.item_id ? updated(item, event.update) : item));
      return { ...state, progress: null, items };
    }
    case 'thread.item.removed':
      return { ...state, items: state.items.filter((item) => item.id !== event.item_id) };
    case 'progress_update':
      return { ...state, progress: event.text };
    case 'notice': {
      const note = { ...event, id: `notice ${state.notes}` };
      return { ...state, notes: state.notes + 1, items: [...state.items, note] };
    }
    case 'error': {
      const message = event.message || 'Something went wrong on our side.';
      return { ...state, progress: null, trouble: { message, retry: event.allow_retry === true, stored: true } };
    }
    default:
      return state;
  }
}

function put(items, item) {
  const at = items.findIndex((one) => one.id === item.id);
  return at < 0 ? [...items, item] : items.with?.(at, item) ?? items.map((one, index) => (index === at ? item : one));
}

function updated(item, update) {
  switch (update.type) {
    case 'assistant_message.content_part.added':
    case 'assistant_message.content_part.done':
      return withPart(item, update.content_index, () => update.content);
    case 'assistant_message.content_part.text_delta':
      return withPart(item, update.content_index, (part) => ({ ...part, text: part.text + update.delta }));
    case 'assistant_message.content_part.annotation_added':
      return withPart(item, update.content_index, (part) => {
        const annotations = [...part.annotations];
        annotations[update.annotation_index] = update.annotation;
        return { ...part, annotations };
      });
    case 'widget.root.updated':
      return { ...item, widget: update.widget };
    case 'widget.component.updated':
      return { ...item, widget: mapComponent(item.widget, update.component_id, () => update.component) };
    case 'widget.streaming_text.value_delta': {
      const grown = (component) => ({ ...component, value: (component.value ?? '') + update.delta });
      return { ...item, widget: mapComponent(item.widget, update.component_id, grown) };
    }
    case 'workflow.task.added':
    case 'workflow.task.updated': {
      const tasks = [...(item.workflow?.tasks ?? [])];
      tasks[update.task_index] = update.task;
      return { ...item, workflow: { ...item.workflow, tasks } };
    }
    default:
      return item;
  }
}

function withPart(item, index, change) {
  const content = [...(item.content ?? [])];
  content[index] = change(content[index] ?? { type: 'output_text', text: '', annotations: [] });
  return { ...item, content };
}

/** A widget with one of its components, known by its id, changed. */
function mapComponent(component, id, change) {
  if (component === null || typeof component !== 'object') return component;
  if (component.id === id) return change(component);
  const { children } = component;
  if (Array.isArray(children)) return { ...component, children: children.map((one) => mapComponent(one, id, change)) };
  return children ? { ...component, children: mapComponent(children, id, change) } : component;
}

/** What an assistant's message says. */
function textOf(item) {
  return (item.content ?? []).map((part) => part?.text ?? '').join('\n\n');
}
