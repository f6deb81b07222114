"""What goes wrong, and at which point of the conversation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bench.errors import ConfigError

STAGES = ("stt", "llm", "tts")
KINDS = (
    "http_429",
    "http_503",
    "connect_timeout",
    "disconnect",
    "stall",
    "slow",
    "malformed",
    "empty_audio",
    "wrong_rate",
    "no_final",
    "duplicate_final",
    "late_final",
    "out_of_order",
)

REFUSALS = ("http_429", "http_503", "connect_timeout")
"""Those that come instead of any result."""
BREAKS = ("disconnect", "stall", "malformed")
"""Those that come in the middle of a result."""
FINALS = ("no_final", "duplicate_final", "late_final", "out_of_order")
"""Those that a final transcript suffers."""

KINDS_OF: Mapping[str, tuple[str, ...]] = {
    "stt": (*REFUSALS, *BREAKS, "slow", *FINALS),
    "llm": (*REFUSALS, *BREAKS, "slow"),
    "tts": (*REFUSALS, *BREAKS, "slow", "empty_audio", "wrong_rate"),
}
"""The kinds that a stage can suffer."""

POINTS: Mapping[str, str] = {
    "stt": "after_partial",
    "llm": "after_tokens",
    "tts": "after_audio_seconds",
}
"""What a stage counts until a fault in the middle of its result."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault; it fires once, or `every` time that its point is reached.

    `at` is a stage of `STAGES`, `kind` one of `KINDS`. The point: in turn `turn` of the user's or
    in the step `utterance` (each when given), after `after_audio_seconds` of the answer's audio,
    `after_tokens` of its text or `after_partial` partial transcripts. `retry_after_seconds` goes
    with http_429, `for_seconds` with stall and late_final, `factor` with slow.
    """

    at: str
    kind: str
    turn: int | None = None
    utterance: str | None = None
    after_audio_seconds: float | None = None
    after_tokens: int | None = None
    after_partial: int | None = None
    for_seconds: float = 3.0
    retry_after_seconds: float = 1.0
    factor: float = 3.0
    every: bool = False

    @property
    def point(self) -> float | None:
        """How far into the result it fires, in the stage's own count; None when it is not said."""
        points = (self.after_audio_seconds, self.after_tokens, self.after_partial)
        return next((point for point in points if point is not None), None)


def check(fault: Fault) -> None:
    """Raise `ConfigError`, with what is allowed, for a fault that no stage can suffer."""
    if fault.at not in STAGES:
        raise ConfigError(f"a fault is at {fault.at!r}: want {', '.join(STAGES)}")
    kinds = KINDS_OF[fault.at]
    if fault.kind not in kinds:
        raise ConfigError(f"{fault.at} cannot suffer {fault.kind!r}: want {', '.join(kinds)}")
    for point in POINTS.values():
        if getattr(fault, point) is None:
            continue
        if point != POINTS[fault.at]:
            raise ConfigError(f"a fault at {fault.at} has {POINTS[fault.at]}, not {point}")
        if fault.kind not in BREAKS:
            want = ", ".join(BREAKS)
            raise ConfigError(f"{fault.kind} has no {point}; those that have are {want}")
    _check_numbers(fault)


def _check_numbers(fault: Fault) -> None:
    if fault.turn is not None and fault.turn < 0:
        raise ConfigError(f"a fault is in turn {fault.turn}: want 0 or more")
    if (fault.point or 0.0) < 0.0 or fault.for_seconds < 0.0 or fault.retry_after_seconds < 0.0:
        raise ConfigError(f"the times of a fault ({fault.kind} at {fault.at}) are 0 or more")
    if fault.factor <= 0.0:
        raise ConfigError(f"slow has the factor {fault.factor:g}: want more than 0")


class FaultWatch:
    """The faults that one stage has yet to suffer.

    `find` looks for one at a place, `fired` says that it happened: then it is over, unless it
    happens every time.
    """

    def __init__(self, faults: Iterable[Fault], at: str) -> None:
        self._left = [fault for fault in faults if fault.at == at]
        for fault in self._left:
            check(fault)

    def __bool__(self) -> bool:
        return bool(self._left)

    def find(
        self,
        kinds: Iterable[str],
        *,
        turn: int,
        step: str,
        begin: float = 0.0,
        end: float = float("inf"),
    ) -> Fault | None:
        """The first of these kinds for a result, or for its stretch from `begin` to before `end`
        (one that does not say where belongs to the beginning)."""
        for fault in self._left:
            if fault.kind not in kinds or not begin <= (fault.point or 0.0) < end:
                continue
            if fault.turn in (None, turn) and fault.utterance in (None, step):
                return fault
        return None

    def fired(self, fault: Fault) -> None:
        """It happened."""
        if not fault.every:
            self._left.remove(fault)
