// One loudspeaker for all sounds of the voices tab: a button with `data-sound` plays it, and stops it.

const attached = new Set();
const sound = new Audio();
sound.id = 'voices-sound';
sound.hidden = true;
let playing = '';

function mark() {
  for (const element of attached) {
    for (const button of element.querySelectorAll('[data-sound]')) {
      const on = !sound.paused && button.dataset.sound === playing;
      const share = sound.duration ? sound.currentTime / sound.duration : 0;
      if (button.getAttribute('aria-pressed') !== String(on)) {
        button.setAttribute('aria-pressed', String(on));
      }
      button.closest('[data-row]')?.style.setProperty('--played', on ? share : 0);
    }
  }
}

function follow() {
  mark();
  if (!sound.paused) requestAnimationFrame(follow);
}

function press(button) {
  if (!sound.paused && button.dataset.sound === playing) {
    sound.pause();
    return;
  }
  playing = button.dataset.sound;
  sound.src = playing;
  sound.play().catch(() => {});
}

for (const event of ['pause', 'ended', 'emptied']) sound.addEventListener(event, mark);
sound.addEventListener('play', follow);
sound.addEventListener('error', () => {
  for (const button of document.querySelectorAll(`[data-sound="${CSS.escape(playing)}"]`)) {
    button.disabled = true;
    button.title = 'This sound is not kept any more: compare again.';
  }
});

/** Have the buttons inside of an element play; what it holds may change. */
export function attach(element) {
  attached.add(element);
  if (!sound.isConnected) document.body.append(sound);
  element.addEventListener('click', (event) => {
    const button = event.target.closest('[data-sound]');
    if (button) press(button);
  });
  new MutationObserver(mark).observe(element, { childList: true, subtree: true });
}
