// The strip on the Gradio page: its settings come from Python, its finished turns go there.

import { rememberedSession } from './session.js';
import { mount } from './voice-strip.js';

const GOODBYE = 1000;

/**
 * `start()` gives the first message's settings; `turn(session)`, when there is something new to
 * show of a conversation, and `over()`, when it has ended, call Python.
 *
 * Neither is called while the server cannot be reached: a Gradio event that fails makes the front
 * end reload the page. An orderly close (1000) shows that it can.
 */
export function attach(element, { start, turn, over }) {
  const strip = mount(element, {
    start,
    onTurn: () => turn(rememberedSession()),
    onEvent: ({ kind, state, code, message }) => {
      if (kind === 'message' && message.type === 'ready') turn(rememberedSession());
      else if (kind === 'socket' && state === 'closed' && code === GOODBYE) over();
    },
  });
  window.talkbench = {
    strip,
    start, // what the next conversation begins with
    /** Speak in the conversation that is on; false when there is none. */
    say(text) {
      if (strip.open && text.trim()) strip.say(text);
      return strip.open;
    },
  };
}
