"""Profiles in, tables for people out: what stands between the marks of `docs/simulated.md`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from bench.simulation.profiles import (
    LlmProfile,
    Role,
    SttProfile,
    TtsProfile,
    data,
    digest,
    names,
    profile,
)

_HEADS: Mapping[Role, tuple[str, ...]] = {
    "stt": ("final p50", "p95", "p99", "word errors", "USD a minute"),
    "llm": ("first token p50", "p95", "longest", "tokens a second", "USD a million in / out"),
    "tts": ("first sound p50", "p95", "USD a million characters"),
}
_MARKED = re.compile(r"(<!-- (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def rewritten(document: str) -> str:
    """A document with its tables as the figures have them: each stands between `<!-- stt -->` (or
    llm, tts, sources, digest) and `<!-- end -->`."""
    tables = {
        "stt": table("stt"),
        "llm": table("llm"),
        "tts": table("tts"),
        "sources": sources(),
        "digest": f"Figures as of {data()['as_of']}; the file's hash is `{digest()}`.",
    }
    return _MARKED.sub(lambda found: f"{found[1]}\n{tables[found[2]]}\n\n{found[3]}", document)


def table(role: Role) -> str:
    """The profiles of a role in Markdown; milliseconds, and `~` before what is assumed."""
    head = ("profile", *_HEADS[role], "confidence", "sources")
    return _markdown(head, [_row(role, name) for name in names(role)])


def sources() -> str:
    """Where the figures come from, in Markdown."""
    known = data()["sources"]
    rows = [(key, source["title"], source["date"], source["kind"]) for key, source in known.items()]
    return _markdown(("key", "source", "date", "kind"), rows)


def _row(role: Role, name: str) -> Sequence[str]:
    entry: Mapping[str, Any] = data()[role][name.removeprefix("sim:")]
    shown_of = {key: each for key, each in entry["sources"].items() if key != "tail"}
    named = sorted({source for each in shown_of.values() for source in each})
    shown = profile(name)
    match shown:
        case SttProfile():
            figures = _stt(shown, entry)
        case LlmProfile():
            figures = _llm(shown, entry)
        case TtsProfile():
            figures = _tts(shown, entry)
        case _:
            raise TypeError(name)
    return (f"`{name}`", *figures, str(entry["confidence"]), " ".join(named))


def _stt(shown: SttProfile, entry: Mapping[str, Any]) -> list[str]:
    rate = f"{'' if 'word_error_rate' in entry else '~'}{shown.word_error_rate * 100:.3g} %"
    p99 = str(entry["ttfs_ms"].get("p99", "–"))
    p50, p95 = _percentiles(entry["ttfs_ms"], shown.final.spread.p95)
    return [p50, p95, p99, rate, _price(shown.usd_per_minute)]


def _llm(shown: LlmProfile, entry: Mapping[str, Any]) -> list[str]:
    pace = f"{'' if 'tokens_per_s' in entry else '~'}{shown.tokens_per_second.p50:g}"
    price = f"{_price(shown.usd_per_million_in)} / {_price(shown.usd_per_million_out)}"
    longest = str(entry["ttfat_ms"]["max"])
    return [*_percentiles(entry["ttfat_ms"], shown.first_token.spread.p95), longest, pace, price]


def _tts(shown: TtsProfile, entry: Mapping[str, Any]) -> list[str]:
    price = _price(shown.usd_per_million_characters)
    assumed = "~" if "assume" in entry["sources"]["ttfa_ms"] else ""
    p50, p95 = _percentiles(entry["ttfa_ms"], shown.first_audio.spread.p95)
    return [f"{assumed}{p50}", p95, price]


def _percentiles(known: Mapping[str, float], p95_seconds: float) -> tuple[str, str]:
    p95 = str(known["p95"]) if "p95" in known else f"~{p95_seconds * 1000:.0f}"
    return str(known["p50"]), p95


def _price(price: float | None) -> str:
    return "unpriced" if price is None else f"{price:g}"


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
