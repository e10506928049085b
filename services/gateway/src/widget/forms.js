// Questions with answers to choose or to write: the item `structured_input`.

/** A form, or what was answered. `submit(input)` sends the answers as the protocol writes them. */
function drawForm(item, submit) {
  if (item.status !== 'pending') return drawAnswers(item);
  const fields = item.inputs.map((input, index) => drawInput(input, `${item.id} ${index}`));
  const send = el('button', { type: 'submit', class: 'button primary' }, 'Send');
  const skip = button('Skip', () => give({ status: 'skipped', answers: answersOf(item.inputs, () => []) }));
  const form = el('form', { class: 'card', novalidate: true }, fields.map((field) => field.drawn));
  form.append(el('div', { class: 'row' }, send, skip));
  const give = async (input) => {
    [send, skip].forEach((one) => (one.disabled = true));
    try {
      await submit(input);
    } finally {
      [send, skip].forEach((one) => (one.disabled = false));
    }
  };
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const invalid = form.querySelector(':invalid');
    if (invalid) return invalid.reportValidity();
    const answers = answersOf(item.inputs, (_, index) => fields[index].values());
    if (Object.values(answers).every((answer) => answer.skipped)) return fields[0].focus();
    return give({ status: 'answered', answers });
  });
  return form;
}

/** The answers by question; one without a value is skipped. */
function answersOf(inputs, valuesOf) {
  const answers = inputs.map((input, index) => {
    const values = valuesOf(input, index);
    return [input.id, { values, skipped: values.length === 0 }];
  });
  return Object.fromEntries(answers);
}

function drawInput(input, name) {
  return input.type === 'multiple_choice' ? drawChoice(input, name) : drawFreeform(input, name);
}

function drawChoice(input, name) {
  const kind = input.multiple ? 'checkbox' : 'radio';
  const boxes = input.options.map(({ value }) => el('input', { type: kind, name, value }));
  const rows = boxes.map((box) => el('label', { class: 'choice' }, box, box.value));
  return {
    drawn: el('fieldset', {}, el('legend', {}, input.question), rows),
    values: () => boxes.filter((box) => box.checked).map((box) => box.value),
    focus: () => boxes[0]?.focus(),
  };
}

function drawFreeform(input, name) {
  const asks = (words) => words.test(`${input.id} ${input.question}`);
  const email = asks(/\be-?mail\b/i);
  const long = !email && asks(/\b(need|describe|message|details|tell us)\b/i);
  const kind = email ? { type: 'email', autocomplete: 'email' } : { type: 'text', autocomplete: asks(/\bname\b/i) ? 'name' : 'off' };
  const field = long
    ? el('textarea', { class: 'field', id: name, rows: '3' })
    : el('input', { class: 'field', id: name, ...kind });
  const about = input.description && el('div', { class: 'caption', id: `${name} about` }, input.description);
  if (about) field.setAttribute('aria-description', input.description);
  return {
    drawn: el('div', {}, el('label', { class: 'label', for: name }, input.question), field, about),
    values: () => [field.value.trim()].filter(Boolean),
    focus: () => field.focus(),
  };
}

function drawAnswers(item) {
  const rows = item.inputs.flatMap((input) => {
    const { values = [], skipped = true } = input.answer ?? {};
    const said = skipped || values.length === 0 ? 'skipped' : values.join(', ');
    return [el('dt', {}, input.question), el('dd', {}, said)];
  });
  return el('div', { class: 'card' }, el('dl', { class: 'answers' }, rows));
}
