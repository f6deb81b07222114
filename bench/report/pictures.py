"""A drawing in, an image that stands in the page itself out."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from bench.report import style
from bench.report.markup import Markup, tag

DOTS_PER_INCH, PIXELS_PER_INCH = 144, 96  # of the image, of the page
COLOURS = 128  # enough for letters with soft edges

Draw = Callable[[Axes], object]


def picture(draw: Draw, alt: str, width: float = 8.0, height: float = 3.2) -> Markup:
    """A chart of so many inches, with what it shows in words."""
    image, _ = _drawn(draw, alt, width, height)
    return tag("div", image, class_="wide", tabindex="0")


def clickable(
    draw: Draw, alt: str, width: float, height: float, since: float, until: float
) -> Markup:
    """A chart whose x axis is that of a recording, from second `since` to `until` of it: it says
    where the axis lies in it, as shares of its width."""
    image, (left, right) = _drawn(draw, alt, width, height)
    head = tag("span", class_="playhead", hidden=True)
    place = {"data_left": f"{left:.5f}", "data_right": f"{right:.5f}"}
    time = {"data_since": f"{since:.4f}", "data_until": f"{until:.4f}"}
    line = tag("div", image, head, class_="timeline", **place, **time)
    return tag("div", line, class_="wide", tabindex="0")


def _drawn(draw: Draw, alt: str, width: float, height: float) -> tuple[Markup, tuple[float, float]]:
    """An image at its natural size, and where the axes begin and end in it."""
    with style.figure(width, height) as (made, ax):
        made.set_dpi(DOTS_PER_INCH)
        draw(ax)
        canvas = FigureCanvasAgg(made)
        canvas.draw()
        box = ax.get_position()
        image = Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3])
    small = image.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    png = io.BytesIO()
    small.save(png, format="png", compress_level=6)  # the most takes six times as long, for 10 %
    source = f"data:image/png;base64,{base64.b64encode(png.getvalue()).decode('ascii')}"
    wide, high = (size * PIXELS_PER_INCH // DOTS_PER_INCH for size in image.size)
    shown = tag("img", src=source, alt=alt, width=wide, height=high)
    return shown, (float(box.x0), float(box.x1))
