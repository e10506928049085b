// Elements. Text enters a page as text; there is no other way in here.

const ICONS = {
  chat: 'M21 12a8 8 0 0 1-8 8H4l1.8-3.2A8 8 0 1 1 21 12Z',
  close: 'M6 6l12 12M18 6L6 18',
  clock: 'M12 7v5l3 2M21 12a9 9 0 1 1-3-6.7M21 3v5h-5',
  write: 'M12 20h9M16.5 3.5a2.1 2.1 0 0 1 3 3L8 18l-4 1 1-4Z',
  send: 'M12 19V5M5 12l7-7 7 7',
  stop: 'M7 7h10v10H7Z',
  up: 'M7 11v9H4v-9ZM7 11l4-8a2 2 0 0 1 3 2l-1 5h6a2 2 0 0 1 2 2l-2 7a2 2 0 0 1-2 1H7',
  down: 'M17 13V4h3v9ZM17 13l-4 8a2 2 0 0 1-3-2l1-5H5a2 2 0 0 1-2-2l2-7a2 2 0 0 1 2-1h10',
  back: 'M15 5l-7 7 7 7',
  next: 'M9 5l7 7-7 7',
  bin: 'M4 7h16M10 11v6M14 11v6M6 7l1 13h10l1-13M9 7V4h6v3',
  spark: 'M12 3l2 6 6 3-6 2-2 7-2-7-6-2 6-3Z',
};

/** An element with properties, listeners (`onclick`) and children; what is null is left out. */
function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

function icon(name) {
  const space = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(space, 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS(space, 'path');
  path.setAttribute('d', ICONS[name]);
  svg.append(path);
  return svg;
}

/** A button that shows an icon and has a name. */
function tool(name, label, onclick, properties = {}) {
  return el('button', { type: 'button', class: 'tool', 'aria-label': label, title: label, onclick, ...properties }, icon(name));
}

function button(label, onclick, kind = '') {
  return el('button', { type: 'button', class: `button ${kind}`, onclick }, label);
}

function link(href, label) {
  return el('a', { href, target: '_blank', rel: 'noopener noreferrer' }, label);
}

function drawSpan(span) {
  if (span.code !== undefined) return el('code', {}, span.code);
  if (span.bold) return el('strong', {}, span.bold.map(drawSpan));
  if (span.italic) return el('em', {}, span.italic.map(drawSpan));
  if (span.link) return link(span.href, span.link);
  return span.text;
}

function drawBlock(block) {
  if (block.kind === 'code') return el('pre', { tabindex: '0' }, el('code', {}, block.text));
  if (block.kind === 'heading') return el('h3', {}, block.spans.map(drawSpan));
  if (block.kind === 'list') {
    const start = block.ordered && block.start !== 1 ? String(block.start) : null;
    return el(block.ordered ? 'ol' : 'ul', { start }, block.items.map((spans) => el('li', {}, spans.map(drawSpan))));
  }
  return el('p', {}, block.spans.map(drawSpan));
}

/** Markdown as elements. */
function drawText(text) {
  return el('div', { class: 'text' }, blocksOf(text).map(drawBlock));
}

/** Asks in `panel` whether to open an address; one that is not http or https is not even asked for. */
function askToOpen(panel, address) {
  const href = safeUrl(address);
  if (!href) return;
  panel.querySelector('.ask')?.remove();
  const done = () => ask.remove();
  const open = el('a', { class: 'button primary', href, target: '_blank', rel: 'noopener noreferrer', onclick: done }, 'Open');
  const ask = el(
    'div',
    { class: 'ask', role: 'alertdialog', 'aria-label': 'Open a page' },
    el('p', {}, `Open ${new URL(href).host} in a new tab?`),
    el('div', { class: 'row' }, open, button('Not now', done)),
  );
  panel.append(ask);
  open.focus();
}
