"""A trace in, the latency tab out: a waterfall a turn, interrupts apart, the session's figures."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from bench.app.page.bars import (
    INTERRUPT_NAMES,
    STAGE_NAMES,
    bar,
    duration,
    legend,
    parts_of,
    stages_of,
    total,
)
from bench.metrics.interrupts import Interrupt, interrupts
from bench.metrics.session import Session, session
from bench.metrics.turns import Turn, turns
from bench.trace import Trace

MOST_ROWS = 50  # the newest; the exports have all
QUOTED_LETTERS = 60

NOTHING = (
    '<p class="tb-quiet">No turn yet. Press Start, say something, and each answer is taken '
    "apart here.</p>"
)
FIGURES = {
    "voice_to_voice": "Voice to voice: you stopped → first sound",
    "endpoint": "· you stopped → turn taken",
    "response": "Response: turn taken → first sound",
    "first_token": "· agent’s first word",
    "sentence": "· first sentence whole",
    "synthesis": "· voice’s first sound",
    "playout": "· to your loudspeaker",
    "interrupt": "Interrupt: your first sound → silence",
    "paused": "· paused, so that you hear nothing",
    "detect": "· noticed",
    "decide": "· decided",
    "flush": "· silent (there and back)",
    "pause": "Pause for what was nothing",
}


def latency(trace: Trace, *, sample_rate: int) -> str:
    """The whole tab as HTML."""
    had, cuts = turns(trace), interrupts(trace, sample_rate=sample_rate)
    if not had and not cuts:
        return NOTHING
    parts = [_waterfalls(had), _anatomy(cuts), _figures(session(trace))]
    return f'<div class="tb-latency">{"".join(parts)}</div>'


def _waterfalls(had: Sequence[Turn]) -> str:
    shown = [turn for turn in had if total(stages_of(turn))][-MOST_ROWS:]
    longest = max((total(stages_of(turn)) for turn in shown), default=0.0)
    rows = "".join(_turn_row(turn, longest) for turn in reversed(shown))
    return f"<h3>Turns</h3>{legend(STAGE_NAMES)}{rows}" if rows else ""


def _turn_row(turn: Turn, longest: float) -> str:
    pieces = stages_of(turn)
    notes = {"cut off": turn.cut_off, "withdrawn": turn.withdrawn}
    said = " · ".join([_quoted(turn.said), *(note for note, true in notes.items() if true)])
    return _row(f"{turn.turn}", said, bar(pieces, longest), duration(total(pieces)))


def _anatomy(cuts: Sequence[Interrupt]) -> str:
    if not cuts:
        return ""
    shown = cuts[-MOST_ROWS:]
    longest = max(total(parts_of(cut)) for cut in shown)
    rows = "".join(_cut_row(cut, longest) for cut in reversed(shown))
    return f"<h3>Interrupts</h3>{legend(INTERRUPT_NAMES)}{rows}"


def _cut_row(cut: Interrupt, longest: float) -> str:
    why = "button" if cut.reason == "requested" else cut.reason
    about = f"{escape(why)} · {escape(cut.policy)}"
    if cut.paused is not None:
        about += f" · paused after {duration(cut.paused)}"
    if cut.intended:
        heard, intended = len(cut.heard.split()), len(cut.intended.split())
        about += f" · {heard} of {intended} words heard"
    if cut.dropped_seconds is not None:
        about += f" · {duration(cut.dropped_seconds)} of sound thrown away"
    pieces = parts_of(cut)
    return _row(f"{cut.turn}", about, bar(pieces, longest), duration(total(pieces)))


def _figures(figures: Session) -> str:
    rows = "".join(
        f"<tr><th scope='row'>{name}</th><td>{duration(spread.p50)}</td>"
        f"<td>{duration(spread.p95)}</td><td>{spread.n}</td></tr>"
        for key, name in FIGURES.items()
        if (spread := figures.spreads[key]).n
    )
    gaps, turned = figures.underruns, figures.turns
    counts = (
        f"{turned} turn{'s' * (turned != 1)}: {figures.answered} answered, "
        f"{figures.cut_off} cut off, {figures.withdrawn} withdrawn. "
        f"{gaps or 'No'} gap{'s' * (gaps != 1)} in the sound."
    )
    return (
        f"<h3>This conversation</h3><p>{counts}</p><div class='tb-scroll'><table>"
        "<thead><tr><th></th><th scope='col'>p50</th><th scope='col'>p95</th>"
        f"<th scope='col'>n</th></tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _row(number: str, about: str, drawn: str, whole: str) -> str:
    return (
        f'<div class="tb-row"><b>{number}</b><span class="tb-about">{about}</span>'
        f'{drawn}<span class="tb-total">{whole}</span></div>'
    )


def _quoted(text: str) -> str:
    short = text if len(text) <= QUOTED_LETTERS else f"{text[:QUOTED_LETTERS].rstrip()}…"
    return f"“{escape(short)}”"
