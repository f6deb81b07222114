"""An answer in, facts of its sound out: the loudspeaker, and the interrupt that stops it."""

from __future__ import annotations

from dataclasses import dataclass

from bench.events.facts import Fact


@dataclass(frozen=True, slots=True)
class PlaybackStarted(Fact):
    """The first sample of an utterance was handed to the loudspeaker (or reported played)."""

    utterance: int
    estimated: bool


@dataclass(frozen=True, slots=True)
class PlaybackFinished(Fact):
    """An utterance was played to its end: `samples` of it."""

    utterance: int
    samples: int
    estimated: bool


@dataclass(frozen=True, slots=True)
class Underrun(Fact):
    """The loudspeaker ran dry inside an utterance, at `at_sample` of it."""

    utterance: int
    at_sample: int
    estimated: bool


@dataclass(frozen=True, slots=True)
class Held(Fact):
    """Output paused while it is decided whether the user wants to speak."""

    reason: str
    policy: str
    at_sample: int


@dataclass(frozen=True, slots=True)
class Resumed(Fact):
    """It was nothing: output goes on from the same sample."""

    reason: str
    policy: str
    at_sample: int


@dataclass(frozen=True, slots=True)
class InterruptDecided(Fact):
    """The answer is called off, `at_sample` of the microphone."""

    reason: str
    policy: str
    at_sample: int


@dataclass(frozen=True, slots=True)
class Silenced(Fact):
    """The loudspeaker is known to be silent, `at_sample` of the utterance."""

    reason: str
    policy: str
    at_sample: int


@dataclass(frozen=True, slots=True)
class CutOff(Fact):
    """The bot was interrupted.

    `heard` is what left the loudspeaker, `intended` what was generated, `context` what the history
    now holds; `played` and `dropped` are samples. `estimated`: no client report, or no word times.
    """

    heard: str
    intended: str
    context: str
    played: int
    dropped: int
    estimated: bool
