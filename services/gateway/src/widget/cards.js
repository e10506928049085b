// Widgets that the server draws: the usual components. Of one that is not known here, its children are drawn.

/** A widget. `act(action)` runs an action of a button. */
function drawWidget(widget, act) {
  const done = widget.type === 'Card' && widget.status?.text;
  const card = el('div', { class: widget.type === 'Basic' ? 'col' : 'card' }, drawChildren(widget, act));
  if (done) card.prepend(el('span', { class: 'caption' }, widget.status.text));
  const [confirm, cancel] = [widget.confirm, widget.cancel];
  if (confirm || cancel) {
    const choice = (one, kind) => one && actionButton(one.label, one.action, act, kind);
    card.append(el('div', { class: 'row' }, choice(confirm, 'primary'), choice(cancel, '')));
  }
  return card;
}

function drawChildren(component, act) {
  const { children } = component;
  const list = Array.isArray(children) ? children : [children];
  return list.filter((child) => child && typeof child === 'object').map((child) => drawComponent(child, act));
}

function drawComponent(component, act) {
  switch (component.type) {
    case 'Text':
      return el('div', { class: component.weight ?? null }, component.value ?? '');
    case 'Markdown':
      return drawText(component.value ?? '');
    case 'Title':
      return el('div', { class: 'title', role: 'heading', 'aria-level': '3' }, component.value ?? '');
    case 'Caption':
    case 'Label':
      return el('div', { class: 'caption' }, component.value ?? '');
    case 'Badge':
      return el('span', { class: 'badge' }, component.label ?? '');
    case 'Button':
      return drawButton(component, act);
    case 'Divider':
      return el('hr', { class: 'line' });
    case 'Spacer':
      return el('span', { class: 'grow' });
    case 'Row':
      return el('div', { class: 'row' }, drawChildren(component, act));
    case 'Box':
      return el('div', { class: component.direction === 'row' ? 'row' : 'col' }, drawChildren(component, act));
    case 'ListViewItem': {
      const inside = el('div', { class: 'row' }, drawChildren(component, act));
      if (!component.onClickAction) return inside;
      const open = el('button', { type: 'button', class: 'prompt' }, inside, icon('next'));
      return acting(open, component.onClickAction, act);
    }
    default:
      return el('div', { class: 'col' }, drawChildren(component, act));
  }
}

function drawButton(component, act) {
  const primary = component.style === 'primary' || component.color === 'primary';
  const kind = `${primary ? 'primary' : ''} ${component.block ? 'block' : ''}`;
  const drawn = actionButton(component.label ?? '', component.onClickAction, act, kind);
  if (component.disabled) drawn.disabled = true;
  return drawn;
}

function actionButton(label, action, act, kind) {
  return acting(el('button', { type: 'button', class: `button ${kind}` }, label), action, act);
}

/** A button that runs an action and cannot be pressed again while it runs. */
function acting(drawn, action, act) {
  if (!action) return drawn;
  drawn.addEventListener('click', async () => {
    drawn.disabled = true;
    try {
      await act(action);
    } finally {
      drawn.disabled = false;
    }
  });
  return drawn;
}
