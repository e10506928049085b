// Elements of the page. What others wrote becomes text and nothing else.

const at = (id) => document.getElementById(id);

/** A new element with this text. */
function make(name, text) {
  const element = document.createElement(name);
  if (text) element.textContent = text;
  return element;
}

/** A time as people read it. */
function moment(text) {
  const time = text ? new Date(text) : null;
  return time ? time.toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' }) : '';
}

const STATES = {
  active: 'The assistant answers.',
  waiting_human: 'Waits for a person.',
  with_human: 'A person answers.',
};
const AUTHORS = { visitor: 'Visitor', assistant: 'Assistant', person: 'Team', server: 'Shown by the server' };

/** One conversation in the list. */
function entry(thread, open) {
  const item = make('li');
  const button = make('button');
  button.type = 'button';
  button.dataset.thread = thread.id;
  button.append(make('strong', thread.title || thread.id), make('span', thread.reason || STATES[thread.state]));
  button.append(make('span', `${thread.workflow}, ${moment(thread.handed_off_at ?? thread.updated_at)}`));
  button.addEventListener('click', () => open(thread.id));
  item.append(button);
  return item;
}

/** One thing that was said. */
function said(message) {
  const item = make('li');
  item.className = message.author;
  item.dataset.item = message.id;
  item.append(make('small', `${AUTHORS[message.author] ?? ''} ${moment(message.created_at)}`.trim()), make('span', message.text));
  return item;
}

