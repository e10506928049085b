// Where the visitor writes.

class Composer {
  /** `say(text)` is told what was written, `stop()` that the answer is not wanted any more. */
  constructor({ say, stop }) {
    Object.assign(this, { say, stop, running: false });
    const label = { placeholder: 'Write a message', 'aria-label': 'Message', enterkeyhint: 'send' };
    this.field = el('textarea', { rows: '1', ...label });
    this.field.addEventListener('input', () => this.fit());
    this.field.addEventListener('keydown', (event) => this.onKey(event));
    this.button = el('button', { type: 'submit', class: 'send' });
    const offline = 'You are offline. Messages can be sent again as soon as you are back.';
    this.offline = el('p', { class: 'offline', role: 'status', hidden: true }, offline);
    const form = el('form', { class: 'composer' }, this.field, this.button);
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      if (this.running) this.stop();
      else this.submit();
    });
    this.drawn = el('div', { class: 'foot' }, this.offline, form);
  }

  onKey(event) {
    // While an input method composes, Enter takes a suggestion.
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    this.submit();
  }

  submit() {
    const text = this.field.value.trim();
    if (!text || this.running) return;
    this.field.value = '';
    this.say(text);
  }

  /** Gives back what was not taken, unless something else is written already. */
  offer(text) {
    this.field.value ||= text;
  }

  draw(running) {
    this.running = running;
    this.offline.hidden = navigator.onLine !== false;
    this.button.setAttribute('aria-label', running ? 'Stop' : 'Send');
    this.button.replaceChildren(icon(running ? 'stop' : 'send'));
    this.fit();
  }

  /** As high as what is written, and no button without something to send. */
  fit() {
    this.field.style.height = 'auto';
    this.field.style.height = `${this.field.scrollHeight}px`;
    this.button.disabled = !this.running && !this.field.value.trim();
  }
}
