// The strip on the Gradio page: its settings come from Python, its finished turns go there.

import { rememberedSession } from './session.js';
import { mount } from './voice-strip.js';

const GOODBYE = 1000;
const FAILURES = new Set(['provider_failed', 'took_over', 'tried_again']);

/**
 * `start()` gives the first message's settings; `turn(session)`, when there is something new to
 * show of a conversation, and `over()`, when it has ended, call Python.
 *
 * Neither is called while the server cannot be reached: a Gradio event that fails makes the front
 * end reload the page. An orderly close (1000) shows that it can.
 */
export function attach(element, { start, turn, over }) {
  let used = null;

  /** A conversation each: who is quicker than Python's next ticket asks for one without. */
  function ticketOnce() {
    const { session, token, ...settings } = start();
    return session && session !== used ? { session, token, ...settings } : settings;
  }

  function begin(message) {
    used = message.session;
    turn(rememberedSession());
  }

  const strip = mount(element, {
    start: ticketOnce,
    onTurn: () => turn(rememberedSession()),
    onEvent: ({ kind, state, code, message }) => {
      if (kind === 'message' && message.type === 'ready') begin(message);
      else if (kind === 'message' && FAILURES.has(message.code)) turn(rememberedSession());
      else if (kind === 'socket' && state === 'closed' && code === GOODBYE) over();
    },
  });
  window.talkbench = {
    strip,
    start: ticketOnce, // what the next conversation begins with
    /** Speak in the conversation that is on; false when there is none. */
    say(text) {
      if (strip.open && text.trim()) strip.say(text);
      return strip.open;
    },
  };
}
