"""Durations in, bars out: HTML of our own, readable in both themes and without seeing colours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import NamedTuple

from bench.metrics.interrupts import Interrupt
from bench.metrics.turns import Turn

NARROWEST_LABEL = 0.09  # of the bar: below this a number does not fit its piece
NO_BREAK = "\N{NO-BREAK SPACE}"


class Piece(NamedTuple):
    """One stretch of a bar; `kind` is its class in page.css."""

    kind: str
    name: str
    seconds: float | None


STAGE_NAMES = {
    "endpoint": "you stopped → turn taken",
    "agent": "agent’s first word",
    "sentence": "first sentence whole",
    "synthesis": "voice’s first sound",
    "playout": "to your loudspeaker",
}
INTERRUPT_NAMES = {
    "detect": "noticed",
    "decide": "decided",
    "flush": "silent",
}


def stages_of(turn: Turn) -> list[Piece]:
    """The stages of a turn's answer as people see them; asking the agent is part of its time."""
    stages = turn.stages
    agent = stages.first_token
    if agent is not None and stages.request is not None:
        agent += stages.request
    seconds = {
        "endpoint": stages.endpoint,
        "agent": agent,
        "sentence": stages.sentence,
        "synthesis": stages.synthesis,
        "playout": stages.playout,
    }
    return [Piece(kind, STAGE_NAMES[kind], value) for kind, value in seconds.items()]


def parts_of(cut: Interrupt) -> list[Piece]:
    """The anatomy of an interrupt."""
    return [Piece(kind, name, getattr(cut, kind)) for kind, name in INTERRUPT_NAMES.items()]


def total(pieces: Iterable[Piece]) -> float:
    """Seconds of all that is known."""
    return sum(piece.seconds or 0.0 for piece in pieces)


def bar(pieces: Sequence[Piece], longest: float | None = None) -> str:
    """A bar whose full width is `longest` seconds (its own length unless given)."""
    whole = max(longest or 0.0, total(pieces), 1e-9)
    drawn = "".join(_stretch(piece, whole) for piece in pieces if piece.seconds)
    told = ", ".join(f"{piece.name} {duration(piece.seconds)}" for piece in pieces)
    label = f"{told}; in all {duration(total(pieces))}"
    return f'<div class="tb-bar" role="img" aria-label="{escape(label)}">{drawn}</div>'


def legend(names: dict[str, str]) -> str:
    """What the pieces are."""
    entries = "".join(
        f'<span><i class="tb-{kind}"></i>{name}</span>' for kind, name in names.items()
    )
    return f'<p class="tb-legend">{entries}</p>'


def duration(seconds: float | None) -> str:
    """A duration as people read it; a dash when it is not known."""
    if seconds is None:
        return "–"
    if seconds < 9.9995:
        return f"{seconds * 1000:.0f}{NO_BREAK}ms"
    return f"{seconds:.1f}{NO_BREAK}s"


def _stretch(piece: Piece, whole: float) -> str:
    share = (piece.seconds or 0.0) / whole
    label = f"{(piece.seconds or 0.0) * 1000:.0f}" if share >= NARROWEST_LABEL else ""
    title = escape(f"{piece.name}: {duration(piece.seconds)}")
    return (
        f'<span class="tb-{piece.kind}" style="width:{100 * share:.2f}%" title="{title}">'
        f"{label}</span>"
    )
