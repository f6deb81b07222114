"""What can happen in a conversation: frozen facts, the vocabulary of the trace.

A fact says what happened and in which turn; when it happened is the trace's business. A new kind of
fact is a new class. Positions are samples (`…_sample`, `samples`), durations seconds (`…_seconds`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Word:
    """A word and where it lies in its audio; `end_sample` is one past its last sample."""

    text: str
    start_sample: int
    end_sample: int
    confidence: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """Anything that can happen.

    `turn` counts the user's turns from 1; what the user says counts towards the turn it will be
    part of, and 0 is what the bot does before the first.
    """

    turn: int = 0


# The user


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


# The agent


@dataclass(frozen=True, slots=True)
class AgentRequested(Fact):
    """The agent was asked for an answer."""

    provider: str = ""
    model: str = ""


@dataclass(frozen=True, slots=True)
class FirstToken(Fact):
    """The first text of the answer arrived."""

    provider: str = ""


@dataclass(frozen=True, slots=True)
class SentenceReady(Fact):
    """A piece of the answer is whole: it goes to the synthesizer, or went there word by word."""

    text: str


@dataclass(frozen=True, slots=True)
class AgentFinished(Fact):
    """The answer is complete; `tokens` counts its pieces, `usage` is the provider's own account."""

    provider: str = ""
    tokens: int = 0
    usage: Mapping[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True, slots=True)
class ToolCalled(Fact):
    """The agent called a tool."""

    name: str
    arguments: str = ""


@dataclass(frozen=True, slots=True)
class ToolReturned(Fact):
    """A tool gave its result, or an account of why it has none (`failed`)."""

    name: str
    result: str = ""
    failed: bool = False


# The synthesizer


@dataclass(frozen=True, slots=True)
class SynthesisRequested(Fact):
    """Text went to the synthesizer."""

    characters: int
    provider: str = ""
    voice: str = ""


@dataclass(frozen=True, slots=True)
class SynthesisContinued(Fact):
    """So many more characters went to the synthesizer since it was asked, in the same answer."""

    characters: int
    provider: str = ""


@dataclass(frozen=True, slots=True)
class FirstAudio(Fact):
    """The first audio of the answer came back."""

    provider: str = ""


@dataclass(frozen=True, slots=True)
class FirstAudible(Fact):
    """The first 10 ms of the answer above -40 dBFS, `lead_samples` after its first sample."""

    lead_samples: int


@dataclass(frozen=True, slots=True)
class SynthesisFinished(Fact):
    """All audio of one synthesis call arrived: `samples` at the session's rate."""

    samples: int
    provider: str = ""


@dataclass(frozen=True, slots=True)
class JoinMeasured(Fact):
    """A seam between two synthesis calls: its step in level (dB) and pitch (semitones)."""

    at_sample: int
    level_step_db: float
    pitch_step_semitones: float


# The loudspeaker


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


# The interrupt


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


# What goes wrong


@dataclass(frozen=True, slots=True)
class Retried(Fact):
    """A provider was asked a second time."""

    provider: str
    kind: str
    after_seconds: float


@dataclass(frozen=True, slots=True)
class FellBack(Fact):
    """A second provider took over from `provider`."""

    provider: str
    kind: str
    after_seconds: float
    to: str = ""


@dataclass(frozen=True, slots=True)
class ProviderFailed(Fact):
    """A provider failed and its turn ended; `kind` is the error's class name."""

    provider: str
    kind: str
    after_seconds: float
    message: str = ""


@dataclass(frozen=True, slots=True)
class WorkerFailed(Fact):
    """A worker's `process` raised; the worker goes on with its next item."""

    provider: str
    kind: str
    after_seconds: float = 0.0
    message: str = ""


# The conversation


@dataclass(frozen=True, slots=True)
class ConversationStarted(Fact):
    """The conversation began with these settings (redacted)."""

    settings: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class SettingsChanged(Fact):
    """New settings, in force from the next turn."""

    settings: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class ConversationEnded(Fact):
    """The conversation is over; `reason` is `terminated`, `goodbye`, `idle` or a limit's name."""

    reason: str
