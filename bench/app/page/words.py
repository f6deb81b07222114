"""What the page says to people: what to try, what is understood, and what is not."""

from __future__ import annotations

from html import escape

from bench.simulation.front_desk import SUGGESTIONS

HEADER = (
    "<h1>Talkbench</h1><p>Talk to a streaming voice pipeline, interrupt it, and see where the time "
    "went. You are talking to a <b>script, not a language model</b>, unless you choose another "
    "agent in the settings.</p>"
)

SAY = (
    "<h3>You could say</h3><ul class='tb-say'>"
    + "".join(f"<li>“{escape(text)}”</li>" for text in SUGGESTIONS)
    + "</ul><p>Talk over it to interrupt: “stop” always works. Headphones work best.</p>"
)

UNDERSTANDS = (
    "<h3>What it understands</h3><p>The voice in your browser is recognised on this machine, by a "
    "small engine.</p><dl class='tb-modes'>"
    "<dt>Vocabulary (usual)</dt><dd>Knows what callers of this front desk say: booking, changing "
    "and cancelling a table, opening hours, the place, small talk, “stop”, “go on”. Near these "
    "phrases it is quite sure. Anything else it takes for one of them, or ignores.</dd>"
    "<dt>Open</dt><dd>Takes any English words, and gets about one in three wrong on clear read "
    "speech, more with noise, distance or an accent. The front desk then often has to ask "
    "again.</dd></dl>"
    "<p>The front desk looks for words it knows and fills in a form. It is a script: it invents "
    "nothing, and books no real table.</p>"
)

EMPTY_CHAT = (
    "### Press Start and say something\n"
    "Your words and the answers appear here. What you did not hear of an answer you cut off is "
    "struck through."
)

ECHO_NOTE = (
    "Mute makes the recogniser deaf while the bot is heard: <b>you cannot interrupt it by voice "
    "then</b>, only with the Interrupt button or Escape."
)

WHEN = (
    "<p>A change applies from the next turn; who listens and who answers, from the next "
    "conversation.</p>"
)
NEXT_TURN = "Applies from the next turn."
NEXT_CALL = "Applies from the next conversation: press Stop, then Start."
NOT_READY = "{label} cannot be the {role} now: {why}."
TYPE_THE_KEY = " You can type the key under Keys."
KEYS = (
    "<p>For this tab alone, as long as it is open: in the memory of the server of this page, "
    "in no log, trace, file or export, and never shown again. The server sends them to the "
    "provider they are for.</p>"
)
NO_KEYS_MISSING = "<p>Every key that a provider here may want is set on this server.</p>"
KEY_TAKEN = "Taken: {names}. {ready}"
NOW_READY = "Ready now: {labels}."
STILL_MISSING = "Nothing is ready by that alone: some want several."
NO_KEY_TYPED = "No key was typed."
KEYS_FORGOTTEN = "The keys of this tab are forgotten; a conversation that is on keeps its own."
NO_VOCABULARY = (
    "PocketSphinx knows the vocabulary of the front desk’s callers alone: with another agent it "
    "has to take any words."
)
NOTHING_TO_EXPORT = "There is nothing to export yet: have a conversation first."
NOT_RECORDED = "This server keeps no recordings."
TOO_LONG_TO_SAY = "That is too long for a preview: {most} letters at most."
PREVIEW_FAILED = "The voice could not be heard: {why}"


def problem(text: str) -> str:
    """Words that something went wrong."""
    return f'<p class="tb-problem" role="alert">{escape(text)}</p>'
