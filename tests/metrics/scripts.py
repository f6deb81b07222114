"""Hand-written replays: what the user said, what the bot did, what really sounded; in seconds."""

from __future__ import annotations

from collections.abc import Iterable

from bench.events import (
    AgentFinished,
    AgentRequested,
    ConversationEnded,
    CutOff,
    Fact,
    FirstAudible,
    FirstAudio,
    FirstToken,
    Held,
    InterruptDecided,
    PlaybackFinished,
    PlaybackStarted,
    Resumed,
    SentenceReady,
    SynthesisFinished,
    SynthesisRequested,
    TranscriptReceived,
    TurnCommitted,
    Word,
)
from bench.trace import Entry, Trace
from bench.truths import ListenerHeard, ReplayStarted, Sounded, StepPlayed

RATE = 16_000
MIC_AT = 0.25  # the microphone begins later than the trace, as it does when the line has a delay

Facts = list[tuple[float, Fact]]


def trace(*parts: Iterable[tuple[float, Fact]], ends: float | None = 20.0) -> Trace:
    """A replay of all these facts, by their instants."""
    made = Trace()
    facts: Facts = [(0.0, ReplayStarted("hand", "none", 0, 0, "virtual", MIC_AT))]
    facts += [fact for part in parts for fact in part]
    if ends is not None:
        facts.append((ends, ConversationEnded("terminated")))
    made.entries = [Entry(at, fact) for at, fact in sorted(facts, key=lambda pair: pair[0])]
    return made


def sample(at: float) -> int:
    """The microphone's sample at an instant."""
    return round((at - MIC_AT) * RATE)


def words(text: str, began: float, ended: float) -> tuple[Word, ...]:
    """The words of a text, equally long."""
    said = text.split()
    each = (ended - began) / max(1, len(said))
    return tuple(
        Word(word, sample(began + i * each), sample(began + (i + 1) * each))
        for i, word in enumerate(said)
    )


def says(
    step: str, text: str, began: float, ended: float, role: str = "turn", *, timed: bool = True
) -> Facts:
    """The user says it."""
    said = words(text, began, ended) if timed else ()
    return [(ended, StepPlayed(step, role, text, sample(began), sample(ended), said))]


def heard(
    at: float, text: str, span: tuple[float, float] | None = None, *, final: bool = True
) -> Facts:
    """The transcriber tells it, with the places of its words when `span` says where they are."""
    placed = words(text, *span) if span is not None else ()
    return [(at, TranscriptReceived(text, final, 1.0, placed))]


def commits(turn: int, at: float, text: str) -> Facts:
    """The user's turn is over."""
    return [(at, TurnCommitted(text, "silence", turn=turn))]


def prepares(turn: int, at: float, text: str, samples: int = 32_000) -> Facts:
    """The answer's stages, from the commit at `at`: 10, 200, 50, 5 and 120 ms, 30 ms of silence."""
    return [
        (at + 0.01, AgentRequested("bot", turn=turn)),
        (at + 0.21, FirstToken("bot", turn=turn)),
        (at + 0.26, SentenceReady(text, turn=turn)),
        (at + 0.26, AgentFinished("bot", len(text.split()), turn=turn)),
        (at + 0.265, SynthesisRequested(len(text), turn=turn)),
        (at + 0.385, FirstAudio(turn=turn)),
        (at + 0.39, FirstAudible(480, turn=turn)),
        (at + 0.4, SynthesisFinished(samples, turn=turn)),
    ]


def sounds(utterance: int, turn: int, text: str, began: float, ended: float) -> Facts:
    """An utterance is heard to its end."""
    samples = round((ended - began) * RATE)
    return [
        (began + 0.02, PlaybackStarted(utterance, False, turn=turn)),
        (ended, Sounded(utterance, began, ended, 0, samples, "finished", turn=turn)),
        (ended, ListenerHeard(utterance, text, samples, turn=turn)),
        (ended + 0.02, PlaybackFinished(utterance, samples, False, turn=turn)),
    ]


def is_cut(
    utterance: int,
    turn: int,
    began: float,
    ended: float,
    *,
    heard: str,
    intended: str,
    context: str | None = None,
    decided: float | None = None,
    reason: str = "words",
    dropped: int = 3200,
) -> Facts:
    """An utterance is cut off at `ended`; decided then, or when `decided` says."""
    samples = round((ended - began) * RATE)
    at = ended if decided is None else decided
    cut = CutOff(
        heard, intended, heard if context is None else context, samples, dropped, False, turn=turn
    )
    over = max(at, ended)
    return [
        (began + 0.02, PlaybackStarted(utterance, False, turn=turn)),
        (at, InterruptDecided(reason, "hold-then-decide", sample(at), turn=turn)),
        (over, Sounded(utterance, began, ended, 0, samples, "cleared", turn=turn)),
        (over, ListenerHeard(utterance, heard, samples, turn=turn)),
        (over + 0.03, cut),
    ]


def held(at: float, turn: int = 1) -> Facts:
    """The bot pauses."""
    return [(at, Held("sound", "hold-then-decide", 0, turn=turn))]


def goes_on(at: float, turn: int = 1) -> Facts:
    """It was nothing."""
    return [(at, Resumed("no words", "hold-then-decide", 0, turn=turn))]


HOURS = "We are open from nine to five on weekdays"
ASKS = (
    *says("ask", "when do you open", 1.0, 2.0),
    *heard(2.2, "when do you open", (1.0, 2.0)),
    *commits(1, 2.5, "when do you open"),
    *prepares(1, 2.5, HOURS),
)
