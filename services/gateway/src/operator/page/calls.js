// The way to the server: the token, and one call after another.

const TOKEN = 'frontdesk.operator.token';
const NAME = 'frontdesk.operator.name';

const token = {
  get: () => sessionStorage.getItem(TOKEN) ?? '',
  set: (value) => sessionStorage.setItem(TOKEN, value),
  forget: () => sessionStorage.removeItem(TOKEN),
};

/** What the server did not do, and why. */
class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** The answer of the server as JSON. */
async function call(path, body, key) {
  const headers = { authorization: `Bearer ${token.get()}` };
  if (body) headers['content-type'] = 'application/json';
  if (key) headers['idempotency-key'] = key;
  const init = { method: key ? 'POST' : 'GET', headers, body: body && JSON.stringify(body), cache: 'no-store' };
  let response;
  try {
    response = await fetch(`/api/operator/threads${path}`, init);
  } catch {
    throw new Refused(0, 'The server cannot be reached. Try again in a moment.');
  }
  const answer = await response.json().catch(() => ({}));
  if (response.ok) return answer;
  throw new Refused(response.status, response.status === 401 ? 'This is not the token.' : String(answer.error ?? 'It failed.'));
}

/** Something that has not been there before. */
function fresh() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

