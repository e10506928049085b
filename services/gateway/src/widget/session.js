// The session: the client secret, kept in memory, renewed a minute before it ends.

/** Seconds that must be left of a secret for a request to be begun with it, and the longest that one lives. */
const MARGIN = 60;
const LIFETIME = 600;

/** A request that did not do what was asked, in words for the visitor. */
class Trouble extends Error {
  constructor(kind, message, wait = 0) {
    super(message);
    this.kind = kind;
    this.wait = wait;
  }

  /** Nobody answered. */
  static unreached() {
    const offline = navigator.onLine === false;
    const message = offline ? 'You are offline.' : 'We could not be reached. Check your connection.';
    return new Trouble('unreached', message);
  }

  /** What an answer that is no success means. */
  static async of(response) {
    const problem = await response.json().catch(() => ({}));
    const wait = Number(response.headers.get('retry-after')) || 0;
    if (response.status === 429) {
      const when = wait ? `in ${wait} second${wait === 1 ? '' : 's'}` : 'a little later';
      return new Trouble('limited', `That was a lot at once. Please try again ${when}.`, wait);
    }
    if (response.status === 404) return new Trouble('unknown', 'This conversation is not there any more.');
    if (problem.reason === 'WORKFLOW_NOT_ALLOWED') return new Trouble('refused', 'This chat is for members with an active membership.');
    const kind = response.status >= 500 ? 'failed' : 'refused';
    const trouble = new Trouble(kind, 'Something went wrong. Please try again.');
    trouble.detail = problem.error ?? `status ${response.status}`;
    return trouble;
  }
}

class Session {
  /** `ask()` answers what every request for a session says; `base` is where the gateway is. */
  constructor({ base, keep, ask, now = () => Date.now() / 1000, fetch = (...call) => globalThis.fetch(...call) }) {
    Object.assign(this, { base, keep, ask, now, call: fetch });
    this.current = null;
    this.pending = null;
    this.modes = ['self_hosted', 'hosted'];
  }

  /** The session, renewed if it is about to end. Concurrent calls share one request. */
  async fresh() {
    if (this.current && this.ends - this.now() > MARGIN) return this.current;
    return this.renew();
  }

  /** A session with another secret than the present one. */
  renew() {
    this.pending ??= this.request().finally(() => {
      this.pending = null;
    });
    return this.pending;
  }

  async request() {
    const held = this.current?.client_secret;
    const body = { ...this.ask(), modes: this.modes };
    if (held) body.currentClientSecret = held;
    const headers = { 'content-type': 'application/json' };
    const visitor = this.keep.get('visitor');
    if (visitor) headers['x-frontdesk-visitor'] = visitor;
    const url = `${this.base}/api/chatkit/${held ? 'refresh' : 'session'}`;
    const response = await this.send(url, { method: 'POST', headers, body: JSON.stringify(body) });
    if (!response.ok) throw await Trouble.of(response);
    const session = await response.json();
    this.keep.set('visitor', session.visitor_token);
    const left = session.expires_at - this.now();
    // A clock that goes wrong must not cost a request each time; a secret that has ended is refused and renewed.
    this.ends = this.now() + (left > MARGIN && left <= LIFETIME ? left : LIFETIME / 2);
    this.current = session;
    return session;
  }

  /** OpenAI's secret, for its element: another one than it has. */
  async hostedSecret(current) {
    const session = current && current === this.current?.client_secret ? await this.renew() : await this.fresh();
    return session.client_secret;
  }

  /** `fetch` with the secret; a secret that is refused is renewed once. */
  async fetch(input, init = {}) {
    const whole = input instanceof Request;
    const body = withMetadata(init.body, () => this.ask().traits);
    const once = async (session) => {
      const headers = new Headers(init.headers ?? (whole ? input.headers : undefined));
      headers.set('authorization', `Bearer ${session.client_secret}`);
      const said = body === undefined ? { ...init, headers } : { ...init, body, headers };
      return this.send(whole ? input.clone() : input, said);
    };
    const response = await once(await this.fresh());
    return response.status === 401 ? once(await this.renew()) : response;
  }

  async send(url, init) {
    try {
      return await this.call(url, init);
    } catch (error) {
      throw error.name === 'AbortError' ? error : Trouble.unreached();
    }
  }
}

/** A request of the chat with the traits of the visit beside what it says. */
function withMetadata(body, traits) {
  if (typeof body !== 'string') return body;
  try {
    const request = JSON.parse(body);
    if (typeof request?.type !== 'string') return body;
    return JSON.stringify({ ...request, metadata: { ...traits(), ...request.metadata } });
  } catch {
    return body;
  }
}
