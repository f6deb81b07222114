"""What the socket's two ends can say to each other: the whole vocabulary.

`UP` and `DOWN` list it by name. `docs/socket.md` explains each message, `docs/socket/` holds a JSON
Schema of each; `wire` reads and writes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

FRAMINGS = ("plain", "utterance")
SAMPLE_RATES = (8_000, 48_000)


# Up


@dataclass(frozen=True, slots=True)
class Start:
    """How the conversation is to be, or which one goes on (`session` and `token`).

    A `token` alone is the server's own, which lets a program in from beyond the server's machine.

    `settings` are all fields that are not named here: providers, voices, settings of the engine.
    """

    session: str = ""
    token: str = ""
    sample_rate: int = 16_000
    framing: str = "plain"
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Played:
    """So many samples of an utterance have left the client's buffer for the loudspeaker."""

    utterance: int
    samples: int
    output_latency_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Cleared:
    """The answer to `clear`: what was played of the utterance, and what was thrown away."""

    utterance: int
    played: int
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class RanDry:
    """The client's buffer ran dry inside an utterance."""

    utterance: int
    at_sample: int


@dataclass(frozen=True, slots=True)
class Interrupt:
    """Stop talking."""


@dataclass(frozen=True, slots=True)
class Mute:
    """Hear silence from now on, or the microphone again."""

    on: bool


@dataclass(frozen=True, slots=True)
class Say:
    """Speak this text, to try a voice."""

    text: str


@dataclass(frozen=True, slots=True)
class End:
    """Hang up."""


@dataclass(frozen=True, slots=True)
class Pong:
    """The answer to `ping`."""


Up = Start | Played | Cleared | RanDry | Interrupt | Mute | Say | End | Pong

UP: dict[str, type[Up]] = {
    "start": Start,
    "played": Played,
    "cleared": Cleared,
    "underrun": RanDry,
    "interrupt": Interrupt,
    "mute": Mute,
    "say": Say,
    "end": End,
    "pong": Pong,
}

# Down


@dataclass(frozen=True, slots=True)
class Ready:
    """The conversation is on; `session` and `token` resume it."""

    session: str
    token: str
    sample_rate: int


@dataclass(frozen=True, slots=True)
class Said:
    """Words of the user as they are recognised, or a sentence of the agent's before it is heard."""

    role: str
    text: str
    final: bool


@dataclass(frozen=True, slots=True)
class UtteranceEdge:
    """An utterance begins, or is complete with so many samples."""

    id: int
    state: str
    samples: int


@dataclass(frozen=True, slots=True)
class Clear:
    """Throw away this utterance and all before it, and answer with `cleared`."""

    utterance: int


@dataclass(frozen=True, slots=True)
class Hold:
    """Pause, keeping what is buffered."""


@dataclass(frozen=True, slots=True)
class Resume:
    """Go on from the sample at which the pause began."""


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The bot was cut off: what was heard of what was intended."""

    heard: str
    intended: str
    estimated: bool


@dataclass(frozen=True, slots=True)
class State:
    """What the conversation is doing now."""

    name: str


@dataclass(frozen=True, slots=True)
class Metrics:
    """The figures of one turn, as `bench.metrics.turns` defines them."""

    turn: int
    figures: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Error:
    """Something went wrong; a fatal error is followed by the end of the socket."""

    code: str
    message: str
    fatal: bool = False


@dataclass(frozen=True, slots=True)
class Ping:
    """Are you there?"""


Down = (
    Ready
    | Said
    | UtteranceEdge
    | Clear
    | Hold
    | Resume
    | Interrupted
    | State
    | Metrics
    | Error
    | Ping
)

DOWN: dict[str, type[Down]] = {
    "ready": Ready,
    "transcript": Said,
    "utterance": UtteranceEdge,
    "clear": Clear,
    "hold": Hold,
    "resume": Resume,
    "interrupted": Interrupted,
    "state": State,
    "metrics": Metrics,
    "error": Error,
    "ping": Ping,
}
