// The visitor's conversations: to open, to rename, to delete.

/** Draws the list into `main`. `open(thread)` shows one; `gone(id)` is told of one that was deleted. */
async function drawHistory(main, protocol, { open, gone, failed, isShown }) {
  const list = el('ul', { class: 'threads' });
  const more = el('button', { type: 'button', class: 'more', hidden: true }, 'Show more');
  const empty = el('p', { class: 'empty' }, 'Loading…');
  main.replaceChildren(list, more, empty);
  let after;
  const load = async () => {
    more.disabled = true;
    try {
      const page = await protocol.call('threads.list', { limit: 20, order: 'desc', ...(after && { after }) });
      if (!isShown()) return;
      list.append(...page.data.map((thread) => drawThread(thread, protocol, { open, gone, failed })));
      empty.textContent = list.children.length ? '' : 'No conversations yet.';
      empty.hidden = list.children.length > 0;
      after = page.after ?? page.data.at(-1)?.id;
      more.hidden = !page.has_more;
    } catch (trouble) {
      if (isShown()) failed(trouble);
    } finally {
      more.disabled = false;
    }
  };
  more.addEventListener('click', load);
  await load();
}

function drawThread(thread, protocol, deeds) {
  const row = el('li');
  const title = () => thread.title || 'Conversation';
  const attempt = async (work) => {
    try {
      await work();
    } catch (trouble) {
      deeds.failed(trouble);
    }
  };
  const show = () => {
    const when = new Date(thread.created_at.replace(/(T[\d:.]+)$/, '$1Z'));
    const day = Number.isNaN(when.getTime()) ? '' : when.toLocaleDateString(undefined, { dateStyle: 'medium' });
    const open = el(
      'button',
      { type: 'button', class: 'open', onclick: () => deeds.open(thread) },
      el('span', {}, title()),
      el('span', { class: 'caption' }, day),
    );
    row.replaceChildren(open, tool('write', `Rename ${title()}`, rename), tool('bin', `Delete ${title()}`, confirm));
  };
  const rename = () => {
    const field = el('input', { class: 'field', 'aria-label': 'New title', maxlength: '120' });
    field.value = thread.title ?? '';
    const save = () =>
      attempt(async () => {
        const wanted = field.value.trim();
        if (wanted) thread = { ...thread, ...(await protocol.call('threads.update', { thread_id: thread.id, title: wanted })) };
        show();
      });
    field.addEventListener('keydown', (event) => {
      if (event.isComposing) return;
      if (event.key === 'Enter') save();
      if (event.key === 'Escape') {
        event.stopPropagation();
        show();
      }
    });
    row.replaceChildren(field, button('Save', save, 'primary'));
    field.select();
    field.focus();
  };
  const confirm = () => {
    const remove = () =>
      attempt(async () => {
        await protocol.call('threads.delete', { thread_id: thread.id });
        row.remove();
        deeds.gone(thread.id);
      });
    const yes = button('Delete', remove, 'primary');
    row.replaceChildren(el('span', { class: 'ask-first' }, `Delete “${title()}”?`), yes, button('Keep', show));
    yes.focus();
  };
  show();
  return row;
}
