"""Text of a frame in, a message out, and the way back: strict where the client speaks.

Fields nobody knows are ignored, except in `Start`, whose other fields are settings of the
conversation.
"""

from __future__ import annotations

import dataclasses
import json
import math
import types
import typing
from collections.abc import Mapping
from typing import Any

from bench.app.messages import DOWN, FRAMINGS, SAMPLE_RATES, UP, Down, Metrics, Start, Up

LONGEST_TEXT = 2000  # letters of any one text
MOST_SAMPLES = 2**40
MOST_SECONDS = 3600.0


class Malformed(ValueError):
    """A message that is none of ours; `code` is what the answering `error` carries."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


def encode(message: Down) -> str:
    """A message as the text of a frame."""
    fields = dataclasses.asdict(message)
    if isinstance(message, Metrics):
        fields = {"turn": message.turn, **message.figures}
    body = {"type": _NAME_OF[type(message)], **fields}
    return json.dumps(body, separators=(",", ":"), allow_nan=False)


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
        if "\\u" in text:  # half a surrogate pair is no text
            json.dumps(fields, ensure_ascii=False).encode()
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
    if start.session and not start.token:
        raise Malformed("bad_field", "start.session needs its token")
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
        return isinstance(value, str) and len(value) <= LONGEST_TEXT
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if hint is int:
        return isinstance(value, int) and 0 <= value <= MOST_SAMPLES
    return hint is float and 0 <= value <= MOST_SECONDS and math.isfinite(value)


def _shown(value: object) -> str:
    """A value of somebody else's, short and safe enough to be quoted back."""
    if isinstance(value, int | float | bool) or value is None:
        return repr(value) if abs(value or 0) < MOST_SAMPLES else "that number"
    if isinstance(value, str):
        return ascii(value[:40])
    return f"a {'list' if isinstance(value, list) else 'object'}"


_HINTS: dict[type[Up], dict[str, Any]] = {kind: typing.get_type_hints(kind) for kind in UP.values()}
_NAME_OF = {kind: name for name, kind in DOWN.items()}
