// A strip of controls: talk, interrupt, mute, and see what is being heard and said.

import { Call } from './call.js';
import { Captions } from './captions.js';
import { forgetSession, rememberSession, rememberedSession } from './session.js';
import { closedBecause, MICROPHONE_GONE, microphoneProblem, stateInWords } from './words.js';

const BUSY = new Set(['thinking', 'speaking', 'held']);
const MENDED = new Set(['took_over', 'tried_again']);

class VoiceStrip {
  constructor(element, options) {
    this.root = element.querySelector('.voice');
    this.options = options;
    this.call = null;
    this.socketOpen = false;
    this.resuming = false;
    this.fatal = '';
    this.turnsTold = new Set();
    this.captions = new Captions(this.root);
    this.#bind();
    if (rememberedSession()) this.#offerToGoOn();
  }

  #part(selector) {
    return this.root.querySelector(selector);
  }

  #bind() {
    this.#part('.talk').onclick = () => (this.call || this.opening ? this.stop() : this.start());
    this.#part('.interrupt').onclick = () => this.interrupt();
    this.#part('.mute').onclick = () => this.mute(!this.muted);
    this.#part('.echo input').onchange = ({ target }) => this.#setEcho(target.checked);
    this.root.addEventListener('keydown', ({ key }) => { if (key === 'Escape') this.interrupt(); });
    document.addEventListener('visibilitychange', () => this.#wake());
    this.root.addEventListener('pointerdown', () => this.#wake());
  }

  #offerToGoOn() {
    this.#part('.talk').textContent = 'Resume';
    this.#say('The page was reloaded: press Resume to go on talking.');
  }

  /** True while messages can reach the server: only then may the page call Gradio. */
  get open() {
    return this.socketOpen;
  }

  async start() {
    if (this.call || this.opening) return;
    this.#complain('');
    this.#talking(true);
    this.#say('Asking for the microphone…');
    const kept = rememberedSession();
    this.resuming = Boolean(kept);
    const opening = Call.open({
      socketUrl: this.options.socketUrl,
      start: kept ?? this.options.start?.() ?? {},
      echoCancellation: this.#part('.echo input').checked,
      onEvent: (event) => this.#handle(event),
    });
    this.opening = opening;
    try {
      const call = await opening;
      if (this.opening !== opening) await call.close();
      else this.call = call;
    } catch (error) {
      if (this.opening === opening) this.#over(microphoneProblem(error));
    }
    if (this.opening === opening) this.opening = null;
  }

  async stop() {
    const { call } = this;
    this.#over('');
    forgetSession();
    this.#part('.talk').textContent = 'Start';
    this.#say(stateInWords('idle'));
    await call?.close();
  }

  interrupt() {
    if (!this.#part('.interrupt').disabled) this.call?.interrupt();
  }

  mute(on) {
    this.muted = on;
    this.#part('.mute').setAttribute('aria-pressed', String(on));
    this.#part('.mute').textContent = on ? 'Unmute' : 'Mute';
    this.call?.mute(on);
  }

  /** Have a sentence spoken in the session's voice. */
  say(text) {
    this.call?.send({ type: 'say', text });
  }

  /** Figures arrive as events `stats` and `report`. */
  askForFigures() {
    this.call?.askForFigures();
  }

  async #setEcho(on) {
    try {
      await this.call?.setEchoCancellation(on);
    } catch (error) {
      this.#complain(microphoneProblem(error));
    }
  }

  #wake() {
    if (document.visibilityState === 'visible') this.call?.wake();
  }

  #handle(event) {
    if (event.kind === 'message') this.#hear(event.message);
    else if (event.kind === 'socket') this.#follow(event);
    else if (event.kind === 'level') this.#showLevel(event.peak);
    else if (event.kind === 'microphone') this.#followMicrophone(event.state);
    else if (event.kind === 'audio' && event.state === 'interrupted') {
      this.#complain('The system paused the sound. Touch this strip to go on.');
    }
    this.options.onEvent?.(event, this);
  }

  #followMicrophone(state) {
    this.microphoneGone = state === 'ended';
    this.#complain(this.microphoneGone ? MICROPHONE_GONE : '');
    if (this.microphoneGone) this.#showLevel(0);
  }

  #hear(message) {
    if (message.type === 'ready') this.#begin(message);
    else if (message.type === 'state') this.#showState(message.name);
    else if (message.type === 'transcript') this.#showWords(message);
    else if (message.type === 'interrupted') this.captions.cut(message);
    else if (message.type === 'error') this.#showError(message);
    else if (message.type === 'metrics') this.#tellTurn(message);
  }

  /** What a provider did is told until the user is heard again. */
  #showError({ code, message, fatal }) {
    if (fatal) this.fatal = message;
    // Sound is lost because of what is told already.
    else if (code === 'audio_dropped' && this.#part('.problem').textContent) return;
    this.#complain(message, MENDED.has(code));
  }

  #showWords(message) {
    if (message.role === 'user' && message.final && !this.microphoneGone) this.#complain('');
    this.captions.show(message);
  }

  #begin(message) {
    rememberSession(message);
    this.resuming = false;
    this.fatal = '';
    this.#complain('');
    this.#showState('listening');
    if (this.muted) this.call?.mute(true);
  }

  /** Once per finished turn, and never while the socket is down: see the page's reload trap. */
  #tellTurn(message) {
    if (!this.socketOpen || this.turnsTold.has(message.turn)) return;
    this.turnsTold.add(message.turn);
    this.options.onTurn?.(message, this);
  }

  #follow({ state, code, reason }) {
    this.socketOpen = state === 'open';
    if (state === 'connecting') this.#say(stateInWords('connecting'));
    if (state === 'lost') this.#say('Connection lost, trying again…');
    if (state === 'lost' || state === 'closed') this.#part('.interrupt').disabled = true;
    if (state === 'closed') this.#hangUp(code, reason);
  }

  #hangUp(code, reason) {
    const { call, resuming, fatal } = this;
    if (!call) return;
    call.close();
    this.fatal = '';
    this.#over(fatal || (code === 1000 ? '' : closedBecause(code, reason)));
    if (code !== 4409) forgetSession();
    this.#part('.talk').textContent = code === 4409 ? 'Resume' : 'Start';
    this.#say(stateInWords(code === 1000 ? 'ended' : 'idle'));
    // A session that ended while the page was away is no reason to refuse a new one.
    if (resuming && code === 4401) this.start();
  }

  #over(problem) {
    this.call = null;
    this.microphoneGone = false;
    this.opening = null;
    this.socketOpen = false;
    this.turnsTold.clear();
    this.#talking(false);
    this.#complain(problem);
    this.#showLevel(0);
    if (problem) this.#say('Not connected.');
  }

  #talking(on) {
    this.root.dataset.talking = String(on);
    this.#part('.talk').textContent = on ? 'Stop' : 'Start';
    this.#part('.mute').disabled = !on;
    if (!on) this.#part('.interrupt').disabled = true;
  }

  #showState(name) {
    this.root.dataset.state = name;
    this.#part('.interrupt').disabled = !BUSY.has(name);
    this.#say(stateInWords(name));
  }

  #say(text) {
    const state = this.#part('.state');
    if (state.textContent !== text) state.textContent = text;
  }

  #complain(text, mended = false) {
    const problem = this.#part('.problem');
    problem.textContent = text;
    problem.hidden = !text;
    problem.dataset.mended = String(mended);
  }

  #showLevel(peak) {
    // Square root: speech at a tenth of full scale should already move the bar.
    this.#part('.meter i').style.transform = `scaleX(${Math.sqrt(Math.min(1, peak))})`;
  }
}

/**
 * Bring the strip inside `element` to life.
 *
 * `socketUrl` defaults to `conversation` one level above these files. `start()` gives the first
 * message's settings, or a promise of them. `onEvent(event, strip)` sees everything; `onTurn(metrics, strip)` is called
 * once per finished turn while the socket is open.
 */
export function mount(element, options = {}) {
  const socketUrl = new URL(options.socketUrl ?? '../conversation', import.meta.url);
  socketUrl.protocol = socketUrl.protocol.replace('http', 'ws');
  return new VoiceStrip(element, { ...options, socketUrl });
}
