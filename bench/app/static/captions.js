// What is being heard and said, word for word, as it happens.

/** The latest words of both sides; a cut-off answer shows what was heard and strikes out the rest. */
export class Captions {
  constructor(root) {
    this.lines = {
      user: root.querySelector('.caption.user'),
      agent: root.querySelector('.caption.bot'),
    };
  }

  show({ role, text, final }) {
    const words = this.#words(role);
    if (!words) return;
    words.className = final ? '' : 'partial';
    words.replaceChildren(text);
  }

  cut({ heard, intended }) {
    const words = this.#words('agent');
    const rest = document.createElement('s');
    rest.textContent = intended.startsWith(heard) ? intended.slice(heard.length) : intended;
    words.className = '';
    words.replaceChildren(heard, rest);
  }

  #words(role) {
    const line = this.lines[role];
    if (!line) return null;
    line.hidden = false;
    return line.querySelector('span');
  }
}
