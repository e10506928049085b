// Server-sent events, read from a response as they arrive.

/** Takes text in any pieces and gives out the data of whole events. */
class Frames {
  constructor() {
    this.rest = '';
    this.data = [];
  }

  push(text) {
    const events = [];
    const lines = (this.rest + text).split('\n');
    this.rest = lines.pop();
    for (const raw of lines) {
      const line = raw.endsWith('\r') ? raw.slice(0, -1) : raw;
      if (line === '') {
        if (this.data.length) events.push(this.data.join('\n'));
        this.data = [];
      } else if (line.startsWith('data:')) {
        this.data.push(line.slice(line[5] === ' ' ? 6 : 5));
      }
    }
    return events;
  }
}

/** The events of a response, one by one. What is no JSON is left out. */
async function* eventsOf(response) {
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  const frames = new Frames();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      const text = done ? decoder.decode() : decoder.decode(value, { stream: true });
      for (const data of frames.push(text)) {
        let event;
        try {
          event = JSON.parse(data);
        } catch {
          continue;
        }
        yield event;
      }
      if (done) return;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
