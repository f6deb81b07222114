"""Something in, that it happened out: what all facts are made of."""

from __future__ import annotations

from dataclasses import dataclass


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
