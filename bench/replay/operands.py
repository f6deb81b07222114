"""What was wanted and what there is in, whether it holds and how both read out."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from bench.metrics.session import quantile
from bench.metrics.words import contains, distance, words_of
from bench.replay.expectations_table import Kind, Metric
from bench.replay.word_diff import word_diff

Outcome = Literal["pass", "fail", "inconclusive"]
NO_DATA = "no data"
LONGEST_SHOWN = 240  # characters of a text in a verdict


@dataclass(frozen=True, slots=True)
class Finding:
    """Whether something holds, and how it reads: what was wanted, what there is, what differs."""

    status: Outcome
    wanted: str
    got: str
    why: str = ""


def check(metric: Metric, wanted: Any, got: Any, *, tolerance: int = 0) -> Finding:
    """Hold `got` against what a scenario says of a metric.

    Numbers are in the metric's unit. `got` is a number for a range, a count or a window, a truth
    value for a flag, a text for a text or a match (None: no data, which is never a pass); a list of
    numbers for a spread, counts by name for events, counts by side for turns. `tolerance` is in
    words and goes with a text.
    """
    if metric.kind == "text" and tolerance and got is not None:
        return _near(str(wanted), str(got), tolerance)
    return _CHECKS[metric.kind](metric, wanted, got)


def _checked(holds: bool, wanted: str, got: str, why: str = "") -> Finding:
    return Finding("pass" if holds else "fail", wanted, got, "" if holds else why)


def absent(wanted: str, why: str = "") -> Finding:
    """Nothing to hold against what was wanted: a failure."""
    return Finding("fail", wanted, NO_DATA, why)


def _range(metric: Metric, wanted: Any, got: Any) -> Finding:
    limits, shown = cast(Mapping[str, float], wanted), limits_shown(wanted, metric.unit)
    if got is None:
        return absent(shown)
    return _checked(within(limits, float(got)), shown, figure(float(got), metric.unit))


def within(limits: Mapping[str, float], value: float) -> bool:
    """Whether a value lies between `min` and `max`, each when given."""
    return limits.get("min", value) <= value <= limits.get("max", value)


def _flag(metric: Metric, wanted: Any, got: Any) -> Finding:
    said = {True: "yes", False: "no"}
    if got is None:
        return absent(said[bool(wanted)])
    return _checked(bool(got) == wanted, said[bool(wanted)], said[bool(got)])


def _count(metric: Metric, wanted: Any, got: Any) -> Finding:
    limits, shown = _limits(wanted), limits_shown(_limits(wanted), metric.unit)
    if got is None:
        return absent(shown)
    return _checked(within(limits, float(got)), shown, figure(float(got), metric.unit))


def _limits(wanted: Any) -> Mapping[str, float]:
    """The limits that a count, a pair or a range sets."""
    if isinstance(wanted, Mapping):
        return cast(Mapping[str, float], wanted)
    if isinstance(wanted, Sequence):
        low, high = cast(Sequence[float], wanted)
        return {"min": low, "max": high}
    return {"min": wanted, "max": wanted}


def _text(metric: Metric, wanted: Any, got: Any) -> Finding:
    shown = quoted(str(wanted))
    if got is None:
        return absent(shown)
    if metric.name == "not_said_after":
        holds = not holds_words(str(got), str(wanted))
        return _checked(holds, f"never again {shown}", quoted(str(got)))
    return _near(str(wanted), str(got), 0)


def _near(wanted: str, got: str, tolerance: int) -> Finding:
    """Texts are equal when their words are, but for `tolerance` words missing, added or other."""
    off = distance(words_of(wanted), words_of(got))
    within_words = f", within {tolerance} {_words(tolerance)}" if tolerance else ""
    why = f"{off} {_words(off)} off: {word_diff(wanted, got)}"
    return _checked(off <= tolerance, quoted(wanted) + within_words, quoted(got), why)


def _words(number: int) -> str:
    return "word" if number == 1 else "words"


def holds_words(text: str, phrase: str) -> bool:
    """Whether the words of a phrase come one after another in a text."""
    return contains(words_of(text), words_of(phrase))


def _match(metric: Metric, wanted: Any, got: Any) -> Finding:
    asked = cast(Mapping[str, str], wanted)
    shown = " and ".join(f"{verb} {quoted(text)}" for verb, text in asked.items())
    if got is None:
        return absent(shown)
    text = str(got)
    failed = [verb for verb, sought in asked.items() if not _MATCHES[verb](text, sought)]
    why = ""
    if failed == ["equals"]:
        why = word_diff(asked["equals"], text)
    elif len(asked) > 1:
        why = f"does not hold: {', '.join(failed)}"
    return _checked(not failed, shown, quoted(text), why)


_MATCHES: dict[str, Callable[[str, str], bool]] = {
    "contains": holds_words,
    "lacks": lambda text, sought: not holds_words(text, sought),
    "equals": lambda text, sought: words_of(text) == words_of(sought),
    "regex": lambda text, sought: re.search(sought, text) is not None,
}


def _events(metric: Metric, wanted: Any, got: Any) -> Finding:
    asked = cast(Mapping[str, Sequence[str]], wanted)
    counts = cast(Mapping[str, int], got or {})
    missing = [name for name in asked.get("present", ()) if not counts.get(name)]
    unwanted = [name for name in asked.get("absent", ()) if counts.get(name)]
    shown = [f"{name} at least once" for name in asked.get("present", ())]
    shown += [f"no {name}" for name in asked.get("absent", ())]
    said = [f"no {name}" for name in missing]
    said += [f"{counts[name]} × {name}" for name in unwanted]
    return _checked(not said, ", ".join(shown), ", ".join(said) or "just that")


def _turns(metric: Metric, wanted: Any, got: Any) -> Finding:
    asked, counts = cast(Mapping[str, Any], wanted), cast(Mapping[str, int], got or {})
    shown = [f"{side} {limits_shown(_limits(limits), '')}" for side, limits in asked.items()]
    said = [f"{side} {counts[side] if side in counts else NO_DATA}" for side in asked]
    holds = all(
        side in counts and within(_limits(limits), counts[side]) for side, limits in asked.items()
    )
    return _checked(holds, ", ".join(shown), ", ".join(said))


def _spread(metric: Metric, wanted: Any, got: Any) -> Finding:
    asked = dict(cast(Mapping[str, Any], wanted))
    least = int(asked.pop("min_events", 1))
    shown = ", ".join(f"{s} {limits_shown(asked[s], metric.unit)}" for s in asked)
    values = sorted(float(value) for value in got or ())
    if not values and least <= 1:
        return absent(shown)
    if len(values) < least:
        return Finding("inconclusive", shown, f"n = {len(values)}", f"fewer than {least} values")
    found = {name: statistic(name, values) for name in asked}
    said = ", ".join(f"{name} {figure(value, metric.unit)}" for name, value in found.items())
    holds = all(within(asked[name], value) for name, value in found.items())
    return _checked(holds, shown, f"{said} (n = {len(values)})")


def statistic(name: str, ordered: Sequence[float]) -> float:
    """`mean`, `min`, `max` or a quantile as `p95` of ordered values, of which there are some."""
    match name:
        case "mean":
            return sum(ordered) / len(ordered)
        case "min":
            return ordered[0]
        case "max":
            return ordered[-1]
        case _:
            found = quantile(ordered, int(name.removeprefix("p")) / 100)
            assert found is not None
            return found


_CHECKS: dict[Kind, Callable[[Metric, Any, Any], Finding]] = {
    "range": _range,
    "flag": _flag,
    "text": _text,
    "count": _count,
    "match": _match,
    "window": _count,
    "events": _events,
    "turns": _turns,
    "spread": _spread,
}


# How it reads


def limits_shown(limits: Mapping[str, float], unit: str) -> str:
    """`at most 400 ms`, `1 to 3`, `exactly 2`."""
    low, high = limits.get("min"), limits.get("max")
    if low is not None and high is not None:
        if low == high:
            return f"exactly {figure(low, unit)}"
        return f"{figure(low, '')} to {figure(high, unit)}"
    return f"at least {figure(low, unit)}" if low is not None else f"at most {figure(high, unit)}"


def figure(value: float | None, unit: str) -> str:
    """A number with its unit, as short as it can be without a loss that matters."""
    if value is None:
        return NO_DATA
    if unit == "usd":
        return f"{value:.4g} USD"
    digits = 1 if unit == "ms" else 3
    shown = f"{value:.{digits}f}".rstrip("0").rstrip(".") if value % 1 else f"{value:.0f}"
    named = unit if unit in ("ms", "s", "words", "characters") else ""
    return f"{'0' if shown in ('-0', '') else shown} {named}".rstrip()


def quoted(text: str) -> str:
    """A text in quotes and in one line, shortened in the middle."""
    text = " ".join(text.split())
    if len(text) > LONGEST_SHOWN:
        half = LONGEST_SHOWN // 2
        text = f"{text[:half]} … {text[-half:]}"
    return f'"{text}"'
