// The session of this tab, kept over a reload so that the conversation can go on.

const KEY = 'talkbench.session';

export function rememberSession({ session, token }) {
  sessionStorage.setItem(KEY, JSON.stringify({ session, token }));
}

/** `{session, token}`, or null. */
export function rememberedSession() {
  const kept = sessionStorage.getItem(KEY);
  return kept && JSON.parse(kept);
}

export function forgetSession() {
  sessionStorage.removeItem(KEY);
}
