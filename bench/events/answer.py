"""An answer in, facts of its making out: the agent, its tools, the synthesizer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bench.events.facts import Fact


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
