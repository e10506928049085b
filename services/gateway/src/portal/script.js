'use strict';
// The portal's buttons. The server draws what the member has; this asks for the rest. It knows no token and sends none:
// Whop's proxy puts it beside the requests of this page's own origin. Text enters the page as text.

const byId = (id) => document.getElementById(id);

/** A request that did not do what was asked, in words for the member. */
class Refusal extends Error {}

/** An element with attributes and children, which are elements or text. */
function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** The address if it is one of the web; null for a script's, a file's, and what is no address. */
function webAddress(text) {
  try {
    const url = new URL(text);
    return url.protocol === 'https:' || url.protocol === 'http:' ? url.href : null;
  } catch {
    return null;
  }
}

function opening(address, label, kind) {
  const attributes = { href: address, target: '_blank', rel: 'noopener noreferrer', class: kind };
  return el('a', attributes, label, el('span', { class: 'heard' }, ' (opens a new window)'));
}

/** Names a request, so that sending it again does nothing twice. */
function makeKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

// === asking

function wordsFor(response, problem) {
  const wait = Number(response.headers.get('retry-after')) || 0;
  if (response.status === 400 && problem.field) return `${problem.error}.`;
  if (response.status === 404) return 'That is not there any more. Reload the page.';
  if (response.status === 429) return `That was a lot at once. Try again ${wait ? `in ${wait} s` : 'a little later'}.`;
  if (response.status === 503 || response.status === 504) return 'There is no answer just now. Try again in a minute.';
  return `Something went wrong on our side. If it stays so, tell us this: ${problem.request_id ?? response.status}`;
}

async function ask(path, init) {
  let response;
  try {
    response = await fetch(path, { cache: 'no-store', ...init });
  } catch {
    throw new Refusal('We could not be reached. Check your connection and try again.');
  }
  if (response.status === 401) {
    leave();
    throw new Refusal('');
  }
  return response;
}

async function post(path, body, key) {
  const headers = { 'content-type': 'application/json', 'idempotency-key': key };
  const response = await ask(path, { method: 'POST', headers, body: JSON.stringify(body) });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refusal(wordsFor(response, answer));
  return answer;
}

const run = (id, body, key) => post(`/api/portal/actions/${encodeURIComponent(id)}`, body, key);

/** Nobody is a member here any more: nothing of theirs stays on the page. */
function leave() {
  document.body.replaceChildren(byId('outside').content.cloneNode(true));
  const heading = document.querySelector('h1');
  document.title = heading.textContent;
  heading.focus();
}

/** Draws plan and buttons anew, as the server has them now. */
async function refresh() {
  const response = await ask(location.pathname);
  if (!response.ok) return;
  const fresh = new DOMParser().parseFromString(await response.text(), 'text/html');
  for (const id of ['plans', 'actions']) {
    const section = fresh.getElementById(id);
    if (section) byId(id).replaceWith(document.adoptNode(section));
  }
}

// === showing

function say(text, trouble = '') {
  const [status, alert] = [byId('status'), byId('trouble')];
  if (status) status.textContent = text;
  if (alert) alert.textContent = trouble;
}

/** Does `work` for a control once at a time, and says what became of it. */
async function busy(control, text, work) {
  if (control.getAttribute('aria-disabled') === 'true') return;
  control.setAttribute('aria-disabled', 'true');
  say(text);
  try {
    say((await work()) ?? '');
  } catch (trouble) {
    if (!(trouble instanceof Refusal)) console.error(trouble);
    say('', trouble instanceof Refusal ? trouble.message : 'Something went wrong. Reload the page.');
  } finally {
    control.removeAttribute('aria-disabled');
  }
}

/** Opens the panel below the buttons; closing it leads back to the button that opened it. */
function show(title, opener, ...content) {
  const panel = byId('panel');
  const heading = el('h2', { id: 'panel-title', tabindex: '-1' }, title);
  const close = el('button', { type: 'button', class: 'quiet' }, 'Close');
  close.addEventListener('click', () => {
    panel.hidden = true;
    say('');
    document.querySelector(`[data-action="${CSS.escape(opener)}"]`)?.focus();
  });
  panel.replaceChildren(el('div', { class: 'bar' }, heading, close), ...content);
  panel.hidden = false;
  heading.focus();
}

// === files

function size(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  const [shown, unit] = bytes < 1e6 ? [bytes / 1e3, 'kB'] : bytes < 1e9 ? [bytes / 1e6, 'MB'] : [bytes / 1e9, 'GB'];
  return `${shown.toFixed(shown < 10 ? 1 : 0)} ${unit}`;
}

function drawFile({ name, url, updated_at: updated, size: bytes }) {
  const address = webAddress(url);
  const facts = [];
  if (updated) facts.push(new Date(updated).toLocaleDateString('en-GB', { dateStyle: 'long' }));
  if (bytes) facts.push(size(bytes));
  return el('li', {}, address ? opening(address, name, 'file') : name, el('small', {}, facts.join(', ')));
}

async function showFiles(id, label) {
  const { files, more } = await run(id, {}, makeKey());
  const list = el('ul', { class: 'files' }, ...files.map(drawFile));
  if (!files.length) return show(label, id, el('p', { class: 'note' }, 'There are no files yet.'));
  return show(label, id, list, ...(more ? [el('p', { class: 'note' }, 'There are more; these are the newest.')] : []));
}

// === tickets

function showTicket(id, label) {
  const form = byId('ticket').content.cloneNode(true).firstElementChild;
  const send = form.querySelector('[type="submit"]');
  let key = makeKey();
  // another text is another ticket, the same text sent again is the same one
  form.addEventListener('input', () => {
    key = makeKey();
  });
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const { subject, message } = Object.fromEntries(new FormData(form));
    busy(send, 'Sending…', async () => {
      const { ticket_id: ticket } = await run(id, { subject, message }, key);
      show('Your ticket is open', id, el('p', {}, 'The team has it and answers in your support chat at Whop.'), el('p', { class: 'note' }, `Its number: ${ticket}`));
    });
  });
  show(label, id, form);
  form.elements.subject.focus();
}

// === upgrades

let isAway = false;

/** The window is opened before the answer is there: later, a browser would take it for an advertisement. */
async function showUpgrade(id, label) {
  const tab = window.open('', '_blank');
  try {
    const address = webAddress((await run(id, {}, makeKey())).url);
    if (!address) throw new Refusal('There is no address to buy it at. Ask in the chat.');
    if (tab) {
      tab.opener = null;
      tab.location.replace(address);
    }
    isAway = true;
    const text = tab ? 'It goes on in the new window. If you see none:' : 'It goes on in a new window:';
    show(label, id, el('p', {}, text), opening(address, 'Go to the checkout', 'button primary'));
  } catch (trouble) {
    tab?.close();
    throw trouble;
  }
}

// === cancelling

/** What a member types so that a click alone, which another page may have led there, cancels nothing. */
const WORD = 'CANCEL';

function askToCancel({ cancel: id, name, end }) {
  const dialog = byId('cancel');
  byId('cancel-text').textContent = `${name} then ends on ${end}. You keep everything until that day, and it does not renew.`;
  dialog.dataset.id = id;
  dialog.dataset.key = makeKey();
  byId('cancel-word').value = '';
  checkWord();
  dialog.showModal();
}

function checkWord() {
  byId('cancel-yes').disabled = byId('cancel-word').value.trim().toUpperCase() !== WORD;
}

function cancel(control) {
  const { id, key } = byId('cancel').dataset;
  return busy(control, 'Cancelling…', async () => {
    byId('cancel').close();
    await post(`/api/portal/memberships/${encodeURIComponent(id)}/cancel`, { confirmed: true }, key);
    await refresh();
    byId('plans-title')?.focus();
    return 'It is cancelled and ends with the period that is paid for.';
  });
}

// === events

const SHOWS = { files: showFiles, support: showTicket, upgrade: showUpgrade };

document.addEventListener('click', ({ target }) => {
  const control = target.closest('button');
  if (!control) return;
  const { action, type, cancel: membership } = control.dataset;
  if (action) busy(control, type === 'support' ? '' : 'One moment…', () => SHOWS[type](action, control.textContent));
  else if (membership) askToCancel(control.dataset);
  else if (control.id === 'cancel-no') byId('cancel').close();
  else if (control.id === 'cancel-yes' && !control.disabled) cancel(control);
});

document.addEventListener('input', ({ target }) => {
  if (target.id === 'cancel-word') checkWord();
});

document.addEventListener('visibilitychange', () => {
  if (document.visibilityState !== 'visible' || !isAway || !byId('plans')) return;
  isAway = false;
  refresh().catch(() => {});
});
