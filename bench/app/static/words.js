// Something went wrong or changed; words a person can act on.

const MICROPHONE = {
  NotAllowedError: 'The microphone is blocked. Allow it for this page in the address bar, then press Start.',
  SecurityError: 'The microphone is blocked by the settings of this browser or of the embedding page.',
  NotFoundError: 'No microphone was found. Connect one, then press Start.',
  OverconstrainedError: 'No microphone fits what was asked for. Connect another one, then press Start.',
  NotReadableError: 'The microphone is in use by another program, or the system refused it.',
  AbortError: 'The microphone could not be opened. Press Start to try again.',
  InsecureContextError:
    'The browser gives a microphone only to secure pages: open this one over https, or on localhost.',
};

export const MICROPHONE_GONE =
  'The microphone was disconnected. Connect it again, or another one: the conversation then goes on by itself.';

const CLOSED = {
  1000: 'The conversation is over.',
  4401: 'The server refused this conversation: the session is not valid here. Reload the page.',
  4409: 'This conversation goes on in another tab or window.',
  4429: 'The server has as many conversations as it can hold. Try again later.',
};

const STATES = {
  idle: 'Ready when you are.',
  connecting: 'Connecting…',
  listening: 'Listening',
  hearing: 'Hearing you',
  thinking: 'Thinking…',
  speaking: 'Speaking',
  held: 'Paused: is that you?',
  deaf: 'Nobody listens',
  ended: CLOSED[1000],
};

export function microphoneProblem(error) {
  return MICROPHONE[error.name] ?? `The microphone could not be opened (${error.message || error.name}).`;
}

export function closedBecause(code, reason) {
  return CLOSED[code] ?? (reason || 'The connection was closed.');
}

export function stateInWords(name) {
  return STATES[name] ?? name;
}
