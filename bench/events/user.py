"""What the user does in, facts of it out: speech, words, turns."""

from __future__ import annotations

from dataclasses import dataclass

from bench.events.facts import Fact, Word


@dataclass(frozen=True, slots=True)
class UserStartedSpeaking(Fact):
    """Speech began at `at_sample` of the microphone; `source` is `script` (truth) or `vad`."""

    source: str
    at_sample: int


@dataclass(frozen=True, slots=True)
class UserStoppedSpeaking(Fact):
    """Speech ended at `at_sample` of the microphone; `source` is `script` (truth) or `vad`."""

    source: str
    at_sample: int


@dataclass(frozen=True, slots=True)
class TranscriptReceived(Fact):
    """The transcriber's words, partial or final."""

    text: str
    final: bool
    confidence: float
    words: tuple[Word, ...] = ()
    provider: str = ""


@dataclass(frozen=True, slots=True)
class TurnCommitted(Fact):
    """The user's turn is over and goes to the agent; `reason` names the endpointing rule."""

    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class TurnWithdrawn(Fact):
    """The user went on before anything of the answer was heard, so the turn has no answer."""

    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class TranscriptIgnored(Fact):
    """Words that are nobody's turn: `reason` is `echo`, `backchannel`, `fragment`, `unclear`,
    `repeated` or `late`."""

    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class AudioDropped(Fact):
    """Microphone audio thrown away because the transcriber fell behind (oldest first)."""

    samples: int
    reason: str
