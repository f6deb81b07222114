"""What goes wrong, and at which point of the conversation."""

from __future__ import annotations

from dataclasses import dataclass

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
