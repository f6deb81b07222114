"""Runs in, tables, charts and pages out: the only home of pandas and matplotlib.

    from bench.report import charts, frames
    charts.latency_ecdf(frames(runs).turns, ax)

`frames` makes tidy tables of runs; `charts` draws them, a table and an Axes in, the Axes out;
`html.html` writes a page that needs nothing else.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.report.tidy import Frames, frames

__all__ = ["Frames", "frames"]

_HOMES = {"Frames": "tidy", "frames": "tidy"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
