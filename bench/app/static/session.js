// The session of this tab, kept over a reload so that the conversation can go on, and the ticket of
// the next one, by which the server knows the tab again.

const KEY = 'talkbench.session';
const TAB = 'talkbench.tab';

// Written when the page goes and taken when it is back: a tab that is duplicated meanwhile has none.
let tab = JSON.parse(sessionStorage.getItem(TAB) || 'null');
sessionStorage.removeItem(TAB);

export function rememberSession({ session, token }) {
  sessionStorage.setItem(KEY, JSON.stringify({ session, token }));
}

/** `{session, token}`, or null. */
export function rememberedSession() {
  const kept = sessionStorage.getItem(KEY);
  return kept && JSON.parse(kept);
}

/** What a page that was loaded again hands in, or null. */
export function keptTicket() {
  return rememberedSession() ?? tab;
}

/** Have the tab known again by what `ticket()` gives when the page goes. */
export function keepTab(ticket) {
  window.addEventListener('pagehide', () => {
    tab = ticket() ?? tab;
    if (tab) sessionStorage.setItem(TAB, JSON.stringify(tab));
  });
}

export function forgetSession() {
  sessionStorage.removeItem(KEY);
}
