"""Words in, who knew which of them out: the cut-off, and the partials on their way to the final."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, pairwise
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from bench.metrics.words import alignment, words_of
from bench.report import style
from bench.report.picking import Look, column, groups, records, where

ONE_RUN = ("scenario", "stack", "repeat", "seed")
LETTERS = 84  # of a line of the word diff
EMS = 0.602  # a letter of the typewriter face
KEPT, BELIEVED, MISSING, UNSAID = style.INK, style.VERMILLION, style.PURPLE, "#9a9a9a"
COLOURS = {"heard": KEPT, "in the history, never heard": BELIEVED}
COLOURS |= {"heard, not in the history": MISSING, "never said": UNSAID}

Piece = tuple[str, str]  # a word and its colour


def word_diff(interrupts: pd.DataFrame, ax: Axes, *, most: int = 6) -> Axes:
    """For each answer that was cut off, three rows: what was heard, what the history holds of it,
    what was to be said, around the cut; and how many words the history is wrong by."""
    cut = where(interrupts, lambda row: row["cut_off"])
    if cut.empty:
        return style.footer(style.nothing(ax), cut, "cut answers")
    shown = cut.head(most)
    ax.set_xlim(0, LETTERS + 22)
    ax.set_ylim(-4.1 * len(shown) + 0.7, 0.7)
    for place, row in enumerate(records(shown)):
        _rows(ax, -4.1 * place, row)
    _errors(ax, [float(error) for error in column(shown, "error_words")])
    ax.set_yticks([])
    ax.spines[:].set_visible(False)
    ax.set_xticks([])
    style.key(ax, COLOURS)
    left_out = f" ({len(cut) - len(shown)} more not drawn)" if len(cut) > len(shown) else ""
    return style.footer(ax, shown, f"cut answers{left_out}")


def staircase(
    partials: pd.DataFrame, ax: Axes, *, words: pd.DataFrame | None = None, utterance: int = 0
) -> Axes:
    """When each word of one utterance came to stand: a row a word of the final, from the transcript
    in which it first appeared; what was taken back later is orange, what stands is green.

    `utterance` 0 is the one with the most transcripts; of several runs, too. With `Frames.words`, a
    grey tick says when the word had been spoken.
    """
    chosen = _chosen(partials, utterance)
    if not any(column(chosen, "final")):
        return style.footer(style.nothing(ax), chosen, "transcripts")
    shown = [
        (float(at), words_of(text))
        for at, text in zip(column(chosen, "at"), column(chosen, "text"), strict=True)
    ]
    final = shown[-1][1]
    for place in range(len(final)):
        _stair(ax, shown, place)
    _spoken(ax, words, chosen, final)
    ax.axvline(shown[-1][0], color=style.GREEN, linewidth=0.9, linestyle=(0, (4, 3)))
    ax.set_yticks(range(len(final)), [style.legible(word) for word in final])
    ax.set_ylim(len(final) - 0.4, -0.7)
    ax.set_xlabel("seconds")
    ax.grid(visible=True, axis="x")
    made = {
        "taken back": style.ORANGE,
        "stands": style.GREEN,
        "stands from here": Line2D([], [], ls="none", marker="o", color=style.GREEN),
        "spoken": Line2D([], [], ls="none", marker="|", ms=9, color=style.FAINT),
    }
    style.key(ax, made)
    return style.footer(ax, chosen, "transcripts")


def _stair(ax: Axes, shown: Sequence[tuple[float, Sequence[str]]], place: int) -> None:
    """The row of one word of the final."""
    word = shown[-1][1][place]
    for began, ended, text in _stretches(shown, place):
        stands = text == word and ended == shown[-1][0]
        colour = style.GREEN if stands else style.ORANGE
        ax.plot([began, ended], [place, place], color=colour, linewidth=5, solid_capstyle="butt")
        if text != word:
            ax.text(began, place - 0.3, f" {text}", fontsize=7, va="bottom", color="#8a5f00")
    ax.plot(_stands_from(shown, place), place, "o", ms=5, color=style.GREEN, mec="white")


def _rows(ax: Axes, top: float, row: dict[str, Any]) -> None:
    heard, context, full = (
        style.legible(row[name]).split() for name in ("heard", "context", "intended")
    )
    name = f"{row['scenario']} · {row['step'] or 'cut off'} · repeat {row['repeat']}"
    name += " · estimated" * bool(row["estimated"])
    ax.text(0, top + 0.35, style.legible(name), fontsize=7, color=style.FAINT, va="center")
    whole = _pieces(full, heard, UNSAID)
    start = _window(whole, len(heard))
    told = [
        ("heard", _pieces(heard, context, MISSING)),
        ("history", _pieces(context, heard, BELIEVED)),
        ("to be said", whole),
    ]
    for line, (label, pieces) in enumerate(told):
        y = top - 0.55 - line
        ax.text(0, y, label, fontsize=7, va="center", color=style.FAINT)
        _print(ax, 11, y, pieces[start:], "… " if start else "")


def marked(words: Sequence[str], known: Sequence[str]) -> list[tuple[str, bool]]:
    """Words, each with whether the other text has it at that place; only letters count."""
    ours = [" ".join(words_of(word)) for word in reversed(words)]  # so that the first ones match
    theirs = [" ".join(words_of(word)) for word in reversed(known)]
    shared = {
        len(words) - 1 - i
        for i, j in alignment(ours, theirs)
        if i is not None and j is not None and ours[i] == theirs[j]
    }
    return [(word, i in shared) for i, word in enumerate(words)]


def _pieces(words: Sequence[str], known: Sequence[str], other: str) -> list[Piece]:
    """Words in black where the other text has them too, else in the other colour."""
    return [(word, KEPT if shared else other) for word, shared in marked(words, known)]


def _window(pieces: Sequence[Piece], cut: int) -> int:
    """The word to begin with, so that the cut is seen."""
    room, start = LETTERS // 2, cut
    while start > 0 and room > len(pieces[min(start, len(pieces)) - 1][0]):
        start -= 1
        room -= len(pieces[start][0]) + 1 if start < len(pieces) else 1
    return start


def _print(ax: Axes, at: float, y: float, pieces: Iterable[Piece], before: str) -> None:
    """Words one after the other; "…" where the line is full."""
    size, width = _letter(ax)
    left, place = LETTERS - 11, at
    runs = [(colour, " ".join(w for w, _ in some)) for colour, some in groupby(pieces, _colour)]
    if before:
        runs.insert(0, (UNSAID, before.strip()))
    for colour, text in runs:
        kept = text if len(text) <= left else text[: max(left - 2, 0)].rstrip() + " …"
        weight = "bold" if colour in (BELIEVED, MISSING) else "normal"
        look: Look = {
            "family": "DejaVu Sans Mono",
            "va": "center",
            "color": colour,
            "weight": weight,
        }
        ax.text(place, y, kept, fontsize=size, **look)
        place, left = place + (len(text) + 1) * width, left - len(text) - 1
        if left <= 2:
            return


def _colour(piece: Piece) -> str:
    return piece[1]


def _letter(ax: Axes) -> tuple[float, float]:
    """The size of the letters in points, and the width of one in units of the axis: 1 at most."""
    whole = ax.get_figure(root=True)
    assert whole is not None
    low, high = ax.get_xlim()
    inches = (whole.get_size_inches()[0] - 0.25) * (1 if len(whole.axes) == 1 else 0.5)
    widest = inches / (high - low) * 72 / EMS
    size = min(8.5, widest)
    return size, size / widest


def _errors(ax: Axes, errors: Sequence[float]) -> None:
    """A bar to the right for each cut: how many words too many, or too few, the history holds."""
    middle, widest = LETTERS + 11, max([abs(e) for e in errors if e == e] + [3.0])
    ax.plot([middle] * 2, ax.get_ylim(), color=style.RULE, linewidth=0.8)
    for place, error in enumerate(errors):
        y = -4.1 * place - 1.55
        known = error == error
        if known and error:
            colour = BELIEVED if error > 0 else MISSING
            ax.barh(y, error / widest * 9, 0.8, left=middle, color=colour)
        text = _off_by(error) if known else "not known"
        look: Look = {"fontsize": 7.5, "ha": "center", "va": "center", "path_effects": style.HALO}
        ax.text(middle, y + 0.95, text, **look)


def _off_by(error: float) -> str:
    if not error:
        return "exact"
    return f"{'+' if error > 0 else '−'}{abs(error):.0f} word{'s' * (abs(error) != 1)}"


def _chosen(partials: pd.DataFrame, utterance: int) -> pd.DataFrame:
    """The transcripts of one utterance, as far as they have words."""
    worded = where(partials, lambda row: bool(words_of(row["text"])))
    found = [
        rows
        for (*_, number), rows in groups(worded, [*ONE_RUN, "utterance"], sort=False)
        if utterance in (0, number)
    ]
    return max(found, key=len, default=worded)


def _stretches(
    shown: Sequence[tuple[float, Sequence[str]]], place: int
) -> Iterator[tuple[float, float, str]]:
    """From when to when which word was shown at a place, until the final."""
    texts = [(at, words[place] if place < len(words) else "") for at, words in shown]
    changes = [texts[0], *(b for a, b in pairwise(texts) if a[1] != b[1])]
    for (began, text), (ended, _) in pairwise([*changes, (shown[-1][0], "")]):
        if text and ended > began:
            yield began, ended, text


def _stands_from(shown: Sequence[tuple[float, Sequence[str]]], place: int) -> float:
    word, since = shown[-1][1][place], shown[-1][0]
    for at, words in reversed(shown):
        if place >= len(words) or words[place] != word:
            break
        since = at
    return since


def _spoken(
    ax: Axes, words: pd.DataFrame | None, chosen: pd.DataFrame, final: Sequence[str]
) -> None:
    """A tick where each of the final's words had been said."""
    if words is None:
        return
    wanted = {tuple(row[key] for key in (*ONE_RUN, "step")) for row in records(chosen)}
    said = [r for r in records(words) if tuple(r[key] for key in (*ONE_RUN, "step")) in wanted]
    texts = [" ".join(words_of(row["text"])) for row in said]
    for i, j in alignment(texts, list(final)):
        if i is not None and j is not None:
            ax.plot(said[i]["ended_at"], j, "|", ms=13, mew=1.5, color=style.FAINT, zorder=3)
