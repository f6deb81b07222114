"""A run in, its two voices on one clock out: what was said, understood, heard and lost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from bench.audio import SAMPLE_RATE
from bench.metrics.barge_in import Stop, stops
from bench.metrics.cutoffs import cuts
from bench.metrics.reading import Reading, read
from bench.metrics.steps import FOREVER
from bench.replay.runs import Run
from bench.report import style
from bench.report.charts.fitting import fitted, letter
from bench.report.picking import Look
from bench.report.tidy import frames

# Lanes, from the top: their middle and half their height.
SAID, USER, UNDERSTOOD, BOT, LOST, HEARD = 6.1, 5.0, 3.9, 2.55, 1.55, 0.75
VOICE_HALF, LOST_HALF = 0.62, 0.16
TOP, BOTTOM, LABELS = 7.15, 0.0, 6.85
COLUMNS_PER_SECOND = 80
QUIET = 2000.0  # a voice whose loudest sample is below it does not fill its lane
NAMES = {
    "script": SAID,
    "user": USER,
    "understood": UNDERSTOOD,
    "bot": BOT,
    "never heard": LOST,
    "heard": HEARD,
}
MARKS = {"u_on": style.BLUE, "detect": style.GREEN, "decided": style.PURPLE}
MARKS |= {"p_stop": style.VERMILLION}
REACH = {
    "u_on": (USER - VOICE_HALF, LABELS - 0.25),
    "detect": (BOT + VOICE_HALF + 0.05, USER + VOICE_HALF),
    "decided": (BOT + VOICE_HALF + 0.05, USER + VOICE_HALF),
    "p_stop": (LOST - LOST_HALF, BOT + VOICE_HALF),
}
HELD_FILL, LOST_FILL = "#eeeeee", "#fbe6d4"
DARK_GREEN = "#00694d"  # dark enough for letters


@dataclass(frozen=True, slots=True)
class _Text:
    """Words in a lane: about what happened from `at` to `ended`, with room up to `until`."""

    at: float
    ended: float
    until: float
    text: str
    colour: str = style.INK


def timeline(run: Run, ax: Axes, *, since: float | None = None, until: float | None = None) -> Axes:
    """A run, or a stretch of it in seconds of the trace.

    From the top: the script's words where they lie in the microphone, the user's voice, the
    transcriber's words where they arrived (a tick is a partial), the bot's voice as it sounded with
    the stretches in which it was held, the sound that was made and never heard, the words that
    were. Of each interrupt: its onset, its notice, its decision, the bot's last audible sample.
    """
    told = read(run.trace)
    began, ended = told.span
    ax.set_xlim(began if since is None else since, ended if until is None else until)
    ax.set_ylim(BOTTOM, TOP)
    _voice(ax, run.user_pcm, USER, style.USER, told)
    _voice(ax, run.bot_pcm, BOT, style.BOT, told)
    _holds(ax, told)
    _lost(ax, told)
    for lane, texts in (
        (SAID, _said(ax, told)),
        (UNDERSTOOD, _understood(told)),
        (HEARD, _heard(told)),
    ):
        _write(ax, lane, texts)
    _partials(ax, told)
    for stop in stops(told):
        _mark(ax, told, stop)
    _dress(ax)
    return style.footer(ax, frames([run]).turns, "turns")


def _voice(ax: Axes, pcm: bytes, lane: float, colour: str, told: Reading) -> None:
    since, until = ax.get_xlim()
    origin = told.mic_at or 0.0
    samples = np.frombuffer(pcm[: len(pcm) & ~1], dtype="<i2").astype(np.float64)
    size = SAMPLE_RATE // COLUMNS_PER_SECOND
    first = max(0, int((since - origin) * SAMPLE_RATE) // size)
    columns = samples[first * size : samples.size // size * size].reshape(-1, size)
    if not columns.size:
        return
    at = origin + (first + np.arange(len(columns))) * size / SAMPLE_RATE
    high = np.abs(columns).max(axis=1)
    high *= VOICE_HALF / max(QUIET, float(np.abs(samples).max()))
    within = at <= until
    at, high = at[within], high[within]
    ax.axhline(lane, color=style.RULE, linewidth=0.7, zorder=0.4)
    ax.fill_between(at, lane - high, lane + high, color=colour, linewidth=0, step="post")


def _holds(ax: Axes, told: Reading) -> None:
    """Where the bot was silent in the middle of an utterance because it was held."""
    for said in told.utterances:
        for held, again in zip(said.sounded, said.sounded[1:], strict=False):
            if held.reason == "held":
                _box(
                    ax, held.ended_at, again.began_at, BOT, VOICE_HALF, ec=style.FAINT, fc=HELD_FILL
                )


def _lost(ax: Axes, told: Reading) -> None:
    """The sound that was made and never heard, as long as it would have lasted."""
    ends = {said.id: said.ended_at for said in told.utterances}
    for cut in cuts(told):
        at = ends.get(cut.utterance)
        if at is None or cut.cut_seconds <= 0:
            continue
        made: Look = {"fc": LOST_FILL, "ec": style.VERMILLION, "hatch": "////"}
        until = at + cut.cut_seconds
        _box(ax, at, until, LOST, LOST_HALF, **made)
        low, high = max(at, ax.get_xlim()[0]), min(until, ax.get_xlim()[1])
        text = f"{cut.cut_seconds:.1f} s"
        if high - low > letter(ax) * (len(text) + 4):
            under: Look = {"facecolor": "white", "edgecolor": "none", "pad": 0.8}
            place: Look = {"ha": "center", "va": "center", "fontsize": 7, "color": style.VERMILLION}
            ax.text((low + high) / 2, LOST, text, bbox=under, **place)


def _box(ax: Axes, began: float, ended: float, lane: float, half: float, **look: Any) -> None:
    corner = (began, lane - half)
    ax.add_patch(Rectangle(corner, ended - began, 2 * half, linewidth=0.6, zorder=0.8, **look))


def _said(ax: Axes, told: Reading) -> Iterator[_Text]:
    """The script: word by word where there is room, else step by step."""
    origin, size = told.mic_at or 0.0, letter(ax)
    sounding = [step for step in told.steps if step.sounds]
    for step in sounding:
        words = [
            (word.text, *(origin + s / SAMPLE_RATE for s in (word.start_sample, word.end_sample)))
            for word in step.words
        ]
        if words and all((len(text) + 1) * size <= end - began for text, began, end in words):
            for text, began, end in words:
                yield _Text(began, end, FOREVER, text, style.USER)
            continue
        others = [s.began_at for s in sounding if s.began_at > step.began_at]
        text, until = step.text or f"({step.step})", min(others, default=FOREVER)
        yield _Text(step.began_at, step.ended_at, until, text, style.USER)


def _understood(told: Reading) -> Iterator[_Text]:
    finals = [heard for heard in told.heard if heard.final and heard.text]
    for heard, after in zip(finals, [*finals[1:], None], strict=True):
        text = f"{heard.text} (ignored)" if heard.ignored else heard.text
        colour = style.FAINT if heard.ignored else DARK_GREEN
        yield _Text(heard.at, heard.at, after.at if after else FOREVER, text, colour)


def _heard(told: Reading) -> Iterator[_Text]:
    sounding = [said for said in told.utterances if said.began_at is not None]
    for said, after in zip(sounding, [*sounding[1:], None], strict=True):
        until = after.began_at if after and after.began_at is not None else FOREVER
        text = (said.heard or "") + " …" * (said.cut is not None)
        yield _Text(said.began_at or 0.0, said.ended_at or FOREVER, until, text)


def _write(ax: Axes, lane: float, texts: Iterable[_Text]) -> None:
    since, until = ax.get_xlim()
    for told in texts:
        if told.at >= until or told.ended < since:
            continue
        at = max(told.at, since)
        text = fitted(ax, told.text, min(told.until, until) - at, lines=2)
        look: Look = {"va": "center", "fontsize": 7, "color": told.colour, "linespacing": 1.1}
        ax.text(at, lane, text, path_effects=style.HALO, zorder=3, **look)


def _partials(ax: Axes, told: Reading) -> None:
    low = UNDERSTOOD - 0.55
    marks = [heard.at for heard in told.heard if not heard.final]
    ax.vlines(marks, low, low + 0.14, color=style.FAINT, linewidth=0.9)
    finals = [heard.at for heard in told.heard if heard.final]
    ax.vlines(finals, low, low + 0.26, color=style.GREEN, linewidth=1.6)


def _mark(ax: Axes, told: Reading, stop: Stop) -> None:
    """The instants of one interrupt that worked, each on the lanes it concerns, and their times."""
    step = told.step(stop.step)
    since, until = ax.get_xlim()
    if step is None or stop.latency is None or not since <= step.began_at <= until:
        return
    after = {"u_on": 0.0, "p_stop": stop.latency}
    when = "after" if stop.latency >= 0 else "before by"
    said = [f"silent {when} {abs(stop.latency) * 1000:.0f} ms"]
    if stop.detect is not None:
        after["detect"] = stop.detect
        said.append(f"noticed {stop.detect * 1000:.0f}")
    if stop.detect is not None and stop.decide is not None:
        after["decided"] = stop.detect + stop.decide
        said.append(f"decided {after['decided'] * 1000:.0f}")
    for name, seconds in after.items():
        low, high = REACH[name]
        ax.vlines(step.began_at + seconds, low, high, color=MARKS[name], linewidth=1.3)
    place: Look = {"fontsize": 7, "va": "center", "color": style.VERMILLION}
    ax.text(step.began_at, LABELS, " · ".join(said), **place)


def _dress(ax: Axes) -> None:
    ax.set_yticks(list(NAMES.values()), list(NAMES))
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.set_xlabel("seconds")
    made: Look = {
        name: Line2D([], [], color=colour, linewidth=1.6) for name, colour in MARKS.items()
    }
    made |= {
        "held": Patch(fc=HELD_FILL, ec=style.FAINT),
        "never heard": Patch(fc=LOST_FILL, ec=style.VERMILLION, hatch="////"),
        "final": Line2D([], [], color=style.GREEN, linewidth=2.4),
        "partial": Line2D([], [], color=style.FAINT, linewidth=1),
    }
    style.key(ax, made)
