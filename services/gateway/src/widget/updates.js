// What comes into an open conversation without being asked for: a person's answer, news of a booking or a payment. No
// server can call a browser here, so the newest item is looked at every few seconds while somebody may see it.

const UPDATE_MS = 4000;
const UPDATE_MOST_MS = 60_000;

class Updates {
  /**
   * `thread()` names the open conversation, or nothing while it must be left alone; `newest(id)` asks the server for its
   * newest item; `shown()` is the newest one on the screen, if that is known; `update(id)` brings what is new, or answers
   * false if it cannot just now.
   */
  constructor({ thread, newest, shown = () => undefined, update, isSeen = () => !document.hidden, every = UPDATE_MS }) {
    Object.assign(this, { thread, newest, shown, update, isSeen, every });
    this.failures = 0;
    this.seen = null;
  }

  start() {
    const wait = this.failures ? Math.min(UPDATE_MOST_MS, this.every * 2 ** this.failures) : this.every;
    setTimeout(() => this.look().finally(() => this.start()), wait);
    return this;
  }

  /** Looks once. A failure makes the next looks rarer and is told to nobody. */
  async look() {
    const id = this.isSeen() ? this.thread() : null;
    if (!id) return;
    try {
      const newest = await this.newest(id);
      this.failures = 0;
      if (this.thread() !== id) return;
      const seen = `${id} ${newest}`;
      const known = seen === this.seen || newest === this.shown();
      if (known || (await this.update(id)) !== false) this.seen = seen;
    } catch {
      this.failures += 1;
    }
  }
}

/** The id of a conversation's newest item; null if it has none. */
async function newestOf(protocol, id) {
  const page = await protocol.call('items.list', { thread_id: id, limit: 1, order: 'desc' });
  return page.data[0]?.id ?? null;
}

/** What is on the screen with what a page of the newest items adds to it; what is the same stays the same object. */
function merge(items, page) {
  const known = new Map(items.map((item) => [item.id, item]));
  const isSame = (item) => JSON.stringify(known.get(item.id)) === JSON.stringify(item);
  return page.filter((item) => !isSame(item)).reduce(put, items);
}

/** Whether a person has the conversation: the last that was answered was not the assistant's. The server marks it so. */
function isWithPerson(items) {
  const answered = items.findLast((item) => item.type === 'assistant_message');
  return /^(opr|srv)_/.test(answered?.id ?? '');
}

