"""A text and a width in, the part of it that fits out."""

from __future__ import annotations

import re
import textwrap

from matplotlib.axes import Axes

from bench.report import style

LETTER_EMS = 0.55  # of an average letter
MARGIN_INCHES = 1.0  # beside the only axes of a figure, once it is laid out


def fitted(ax: Axes, text: str, width: float, *, lines: int = 1, size: float = 7.0) -> str:
    """As much of a text as stands in `width` of the x axis on so many lines; "…" ends what does
    not. Letters are reckoned at an average width."""
    letters = int(width / letter(ax, size))
    text = style.legible(re.sub(r"[\t-\r\x1c-\x1f ]+", " ", text).strip(" "))
    if letters < 2:
        return ""
    wrapped = textwrap.wrap(text, letters)
    if len(wrapped) > lines:
        wrapped = textwrap.wrap(text, letters, max_lines=lines, placeholder="…")
    return "\n".join(wrapped)


def letter(ax: Axes, size: float = 7.0) -> float:
    """The width of a letter of so many points, in units of a linear x axis."""
    whole = ax.get_figure(root=True)
    assert whole is not None
    since, until = ax.get_xlim()
    across = whole.get_size_inches()[0]
    inches = across * ax.get_position().width
    if len(whole.axes) == 1:
        inches = max(inches, across - MARGIN_INCHES)
    return LETTER_EMS * size / 72 * (until - since) / inches
