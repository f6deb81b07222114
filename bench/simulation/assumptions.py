"""A profile's figures in, sentences out about what of them nobody measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.simulation.figures import ABOUT, Figures

READABLE = {
    "ttfs_ms": "time to the final transcript",
    "ttfat_ms": "time to the first token",
    "ttfa_ms": "time to the first sound",
    "tail": "tail",
    "rho": "correlation within a session",
    "first_partial_ms": "time to the first partial",
    "partial_every_ms": "pace of partials",
    "partial_lag_ms": "lag of partials",
    "unstable_words": "share of unstable words",
    "word_error_rate": "word error rate",
    "false_end_rate": "share of pauses taken for the end",
    "tokens_per_s": "tokens per second",
    "rtf": "real-time factor",
    "chunk_ms": "size of a piece of audio",
    "lead_silence_ms": "leading silence",
}
_QUIET = frozenset(("floor_ms", "timeout_ms"))


def assumptions_of(figures: Figures, sources: Mapping[str, Mapping[str, str]]) -> tuple[str, ...]:
    """What of a profile is assumed, claimed by its vendor or set by a scenario; the first sentence
    says that it is simulated at all."""
    told = [f"{figures.name} is a model of a provider and measures none"]
    if assumed := _of_kind(figures, sources, "assumption"):
        told.append(f"{figures.name}: assumed, not measured: {', '.join(assumed)}")
    if claimed := _of_kind(figures, sources, "vendor claim"):
        told.append(f"{figures.name}: the vendor's own claim: {', '.join(claimed)}")
    told += [f"{figures.name}: {sentence}" for sentence in _about_the_spread(figures)]
    if "word_error_rate" in figures.own and "word_error_rate" not in figures.changed:
        told.append(f"{figures.name}: the word error rate is a semantic one; plain ones are higher")
    if figures.own["confidence"] in ("low", "assumption"):
        told.append(f"{figures.name}: low confidence, good to exercise a pipeline, not to rank")
    if figures.changed:
        told.append(f"{figures.name}: set by hand: {', '.join(sorted(figures.changed))}")
    return tuple(told)


def _of_kind(figures: Figures, sources: Mapping[str, Mapping[str, str]], kind: str) -> list[str]:
    """The figures in use that have a source of a kind, in words."""
    known: dict[str, Any] = dict(figures.defaults["sources"]) | dict(figures.own["sources"])
    return [
        READABLE.get(key, key)
        for key, named in known.items()
        if key not in figures.changed
        and key not in _QUIET | ABOUT
        and not (key == "false_end_rate" and not figures.own.get("detects_turns"))
        and any(sources[source]["kind"] == kind for source in named)
    ]


def _about_the_spread(figures: Figures) -> list[str]:
    wait = next(key for key in ("ttfs_ms", "ttfat_ms", "ttfa_ms") if key in figures.own)
    if wait in figures.changed or "p95" in figures.own[wait]:
        return []
    if "iqr" in figures.own[wait]:
        return ["its spread comes from the middle half of the measurements; no tail was observed"]
    ratio = figures.defaults["p95_over_p50"]
    return [f"only a median is known; the p95 is taken to be {ratio:g} times as long"]
