// One item of a conversation as an element. `deeds` are what its buttons do.

function drawItem(item, deeds) {
  switch (item.type) {
    case 'user_message': {
      const text = item.content.map((part) => part.text ?? '').join('');
      return el('div', { class: 'item user' }, el('span', { class: 'heard' }, 'You: '), text);
    }
    case 'assistant_message':
      return drawAnswer(item, deeds);
    case 'widget':
      return el('div', { class: 'item' }, drawWidget(item.widget, (action) => deeds.act(item, action)));
    case 'structured_input':
      return el('div', { class: 'item' }, drawForm(item, (input) => deeds.answer(item, input)));
    case 'workflow':
      return drawTasks(item.workflow?.tasks ?? [], item.workflow?.summary?.title);
    case 'task':
      return drawTasks([item.task], null);
    case 'notice':
      return el(
        'div',
        { class: `item note ${['warning', 'danger'].includes(item.level) ? item.level : ''}` },
        item.title && el('strong', {}, item.title),
        drawText(item.message ?? ''),
      );
    default:
      return null;
  }
}

function drawAnswer(item, deeds) {
  const text = textOf(item);
  if (!text) return null;
  const who = item.id.startsWith('opr_') ? 'Team: ' : 'Assistant: ';
  const answer = el('div', { class: 'item answer' }, el('span', { class: 'heard' }, who), drawText(text));
  const sources = sourcesOf(item);
  if (sources.length) {
    answer.append(el('ul', { class: 'sources', 'aria-label': 'Sources' }, sources.map((one) => el('li', {}, one))));
  }
  // what a person or the server says is nothing to rate
  if (deeds.isDone(item) && !/^(opr|srv)_/.test(item.id)) {
    const thumb = (kind, name, label) => {
      const pressed = String(deeds.feedbackOf(item) === kind);
      return tool(name, label, () => deeds.feedback(item, kind), { 'aria-pressed': pressed });
    };
    answer.append(
      el('div', { class: 'after' }, thumb('positive', 'up', 'Good answer'), thumb('negative', 'down', 'Bad answer')),
    );
  }
  return answer;
}

/** What an answer leans on, each once. */
function sourcesOf(item) {
  const seen = new Map();
  for (const annotation of (item.content ?? []).flatMap((part) => part?.annotations ?? [])) {
    const source = annotation?.source;
    if (!source) continue;
    const href = source.type === 'url' ? safeUrl(source.url) : null;
    const title = source.title || source.filename || (href && new URL(href).host);
    if (title && !seen.has(href ?? title)) seen.set(href ?? title, href ? link(href, title) : title);
  }
  return [...seen.values()];
}

function drawTasks(tasks, summary) {
  const titles = tasks.map((task) => task?.title).filter(Boolean);
  const text = summary ?? titles.at(-1);
  return text ? el('div', { class: 'item caption' }, text) : null;
}
