// The strip on the Gradio page: its settings come from Python, its finished turns go there.

import { keepTab, rememberedSession } from './session.js';
import { mount } from './voice-strip.js';

const NOT_OURS = 4409; // the conversation goes on elsewhere
const TICKET_MS = 3000;
const FAILURES = new Set(['provider_failed', 'took_over', 'tried_again']);

function closedByTheServer(code) {
  return code === 1000 || (code > 1006 && code !== NOT_OURS);
}

/**
 * `start()` gives the first message's settings; `turn(session)`, when there is something new to
 * show of a conversation, and `over()`, when it has ended, call Python.
 *
 * Neither is called while the server cannot be reached: a Gradio event that fails makes the front
 * end reload the page. A close with a reason of the server's shows that it can.
 */
export function attach(element, { start, turn, over }) {
  let used = ''; // the session of the last ticket

  /** A ticket is for one conversation: who is quicker than Python's next one waits for it, since
   * the keys that were typed in this tab go with it. */
  async function ticketOnce() {
    const late = performance.now() + TICKET_MS;
    while (start()?.session === used && performance.now() < late) {
      await new Promise((resolve) => { setTimeout(resolve, 20); });
    }
    const { session, token, ...settings } = start() ?? {};
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
      else if (kind === 'socket' && state === 'closed' && closedByTheServer(code)) over();
    },
  });
  keepTab(() => {
    const { session, token } = start() ?? {};
    return session ? { session, token } : null;
  });
  window.talkbench = {
    strip,
    start: () => start() ?? {}, // what the next conversation begins with
    /** Speak in the conversation that is on; false when there is none. */
    say(text) {
      if (strip.open && text.trim()) strip.say(text);
      return strip.open;
    },
  };
}
