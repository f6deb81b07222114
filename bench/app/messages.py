"""Text of the socket in, typed messages out, and the way back: the socket's whole vocabulary.

`docs/socket.md` explains each message, `docs/socket/` holds a JSON Schema of each. `UP` and `DOWN`
are the lists of them. Fields nobody knows are ignored, except in `Start`, whose other fields are
settings of the conversation.
"""

from __future__ import annotations

import dataclasses
import json
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

LONGEST_TEXT = 2000  # letters of any one text
MOST_SAMPLES = 2**40
MOST_SECONDS = 3600.0
FRAMINGS = ("plain", "utterance")
SAMPLE_RATES = (8_000, 48_000)


class Malformed(ValueError):
    """A message that is none of ours; `code` is what the answering `error` carries."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


# Up


@dataclass(frozen=True, slots=True)
class Start:
    """How the conversation is to be, or which one goes on (`session` and `token`).

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
_NAME_OF = {kind: name for name, kind in DOWN.items()}


def encode(message: Down) -> str:
    """A message as the text of a frame."""
    fields = dataclasses.asdict(message)
    if isinstance(message, Metrics):
        fields = {"turn": message.turn, **message.figures}
    body = {"type": _NAME_OF[type(message)], **fields}
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def decode(text: str) -> Up:
    """The message in the text of a frame.

    Raises:
        Malformed: no JSON object, an unknown type, a missing field, or a value that cannot be.
    """
    fields = _json_object(text)
    name = fields.pop("type", None)
    if not isinstance(name, str) or name not in UP:
        known = ", ".join(UP)
        raise Malformed("unknown_type", f"no message of type {_shown(name)}; known are: {known}")
    if name == "start":
        return _start(fields)
    kind = UP[name]
    return kind(**_fields_of(name, kind, fields))


def _json_object(text: str) -> dict[str, Any]:
    try:
        fields = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise Malformed("malformed", "a text frame must hold one JSON object") from error
    if not isinstance(fields, dict):
        raise Malformed("malformed", "a text frame must hold one JSON object")
    return typing.cast("dict[str, Any]", fields)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _start(fields: dict[str, Any]) -> Start:
    known = _fields_of("start", Start, {k: v for k, v in fields.items() if k != "settings"})
    settings = {name: value for name, value in fields.items() if name not in _HINTS[Start]}
    if "settings" in fields:
        raise Malformed("bad_field", "start takes its settings side by side, not under 'settings'")
    start = Start(**known, settings=settings)
    low, high = SAMPLE_RATES
    if not low <= start.sample_rate <= high:
        raise Malformed("bad_field", f"start.sample_rate must be {low} to {high} Hz")
    if start.framing not in FRAMINGS:
        raise Malformed("bad_field", f"start.framing must be one of {', '.join(FRAMINGS)}")
    if bool(start.session) != bool(start.token):
        raise Malformed("bad_field", "start.session and start.token go together")
    return start


def _fields_of(name: str, kind: type[Up], fields: Mapping[str, Any]) -> dict[str, Any]:
    taken: dict[str, Any] = {}
    for declared in dataclasses.fields(kind):
        if declared.name in fields:
            value = fields[declared.name]
            if not fits(value, _HINTS[kind][declared.name]):
                raise Malformed("bad_field", f"{name}.{declared.name} cannot be {_shown(value)}")
            taken[declared.name] = value
        elif _is_required(declared):
            raise Malformed("bad_field", f"{name} needs {declared.name}")
    return taken


def _is_required(declared: dataclasses.Field[Any]) -> bool:
    missing = dataclasses.MISSING
    return declared.default is missing and declared.default_factory is missing


def fits(value: object, hint: Any) -> bool:
    """Whether a JSON value can stand where `hint` (bool, int, float, str, None or a union) does.

    Numbers are finite and of a size that audio can have; texts are of a length that can be said.
    """
    if isinstance(hint, types.UnionType):
        return any(fits(value, option) for option in typing.get_args(hint))
    if hint is types.NoneType:
        return value is None
    if hint is bool:
        return isinstance(value, bool)
    if hint is str:
        return isinstance(value, str) and len(value) <= LONGEST_TEXT and _is_text(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if hint is int:
        return isinstance(value, int) and 0 <= value <= MOST_SAMPLES
    return hint is float and 0 <= value <= MOST_SECONDS and math.isfinite(value)


def _is_text(value: str) -> bool:
    """Whether it can be written as UTF-8: half a surrogate pair cannot."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _shown(value: object) -> str:
    """A value of somebody else's, short and safe enough to be quoted back."""
    if isinstance(value, int | float | bool) or value is None:
        return repr(value) if abs(value or 0) < MOST_SAMPLES else "that number"
    if isinstance(value, str):
        return ascii(value[:40])
    return f"a {'list' if isinstance(value, list) else 'object'}"


_HINTS: dict[type[Up], dict[str, Any]] = {kind: typing.get_type_hints(kind) for kind in UP.values()}
