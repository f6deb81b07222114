"""Facts in, the familiar lines of a log out.

At INFO: a final transcript, a question to the agent, a sentence to the synthesizer, an interrupt.
At DEBUG: partial transcripts.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from bench.events import AgentRequested, InterruptDecided, SynthesisRequested, TranscriptReceived
from bench.trace import Entry, Trace

logger = logging.getLogger("bench.conversation")


def follow(
    trace: Trace, *, redact: bool = False, name: str = "", log: logging.Logger = logger
) -> Callable[[], None]:
    """Log what happens from now on, until the function that is returned is called.

    `redact` leaves the users' words out; `name` is put before each line, to tell conversations
    apart. A logger that does not listen costs one question a fact.
    """
    prefix = f"{name} " if name else ""

    def write(entry: Entry) -> None:
        if log.isEnabledFor(logging.INFO):
            level, text = line(entry, redact=redact)
            if text:
                log.log(level, "%s%s", prefix, text)

    return trace.listen(write)


def line(entry: Entry, *, redact: bool = False) -> tuple[int, str]:
    """The level and the line that a fact gets; the line is empty when it gets none."""
    match entry.fact:
        case TranscriptReceived(text=text, final=final) if text:
            shown = f"[{len(text)} characters]" if redact else text
            level = logging.INFO if final else logging.DEBUG
            return level, f"🎤 [TRANSCRIBER] Received: '{shown}'"
        case AgentRequested():
            return logging.INFO, "🤖 [AGENT] Generating response…"
        case SynthesisRequested(characters=characters):
            return logging.INFO, f"🔊 [SYNTHESIZER] Synthesizing {characters} characters"
        case InterruptDecided():
            return logging.INFO, "⚠️ [INTERRUPT] User interrupted bot"
        case _:
            return logging.NOTSET, ""
