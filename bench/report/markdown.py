"""Runs in, a summary for a pull request out: what failed first, then every figure.

Whatever was said or configured stands in code spans or fenced blocks, where it is neither markup
nor a mention.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from bench.metrics.session import quantile
from bench.metrics.statistics import minimum_n
from bench.replay.comparison import Comparison
from bench.replay.evidence import figures_of
from bench.replay.golden import Likeness
from bench.replay.runs import Run, Status, Verdict
from bench.report.telling import ORDER, SIMULATED, assumptions, cells, overall, worst

LARGEST = 60_000  # characters; GitHub takes comments of 65,536
MOST_RUNS_TOLD = 20  # of those that did not pass
MARKS: dict[Status, str] = {
    "pass": "✅ pass",
    "fail": "❌ fail",
    "inconclusive": "❔ inconclusive",
    "void": "⚪ void",
}
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]")


def markdown(
    runs: Sequence[Run], comparison: Comparison | None = None, across: Iterable[Verdict] = ()
) -> str:
    """A summary of some runs, of their comparison with stored ones, and of all repeats.

    A p95 is shown from 59 values on: of fewer nobody knows it.
    """
    over_all = list(across)
    parts = [
        _head(runs, comparison, over_all),
        "\n".join(_table(runs)),
        "\n".join(_failures(runs)),
        "\n".join(_across(over_all)),
        "\n".join(_comparison(comparison)) if comparison is not None else "",
        "\n".join(_assumptions(runs)),
    ]
    text = "\n\n".join(part for part in parts if part) + "\n"
    if len(text) > LARGEST:
        text = _cut(text)
    return text


def code(text: str, *, cell: bool = False) -> str:
    """A text as a code span, in one line, that ends where it should; `cell`: within a table."""
    text = _UNSEEN.sub("\N{REPLACEMENT CHARACTER}", " ".join(text.split()))
    if not text:
        return ""
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    pad = " " if text[0] == "`" or text[-1] == "`" else ""
    shown = text.replace("|", r"\|") if cell else text
    return f"{fence}{pad}{shown}{pad}{fence}"


def block(text: str, language: str = "") -> str:
    """A text as a fenced block."""
    text = _UNSEEN.sub("\N{REPLACEMENT CHARACTER}", text)
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence}{language}\n{text}\n{fence}"


def _head(runs: Sequence[Run], comparison: Comparison | None, across: Sequence[Verdict]) -> str:
    counts = [(sum(run.status == status for run in runs), status) for status in ORDER]
    said = ", ".join(f"{count} {status}" for count, status in counts if count)
    status = overall(runs, comparison, across)
    lines = [f"### Replay: {MARKS[status]}" if runs else "### Replay: nothing was played"]
    if said:
        lines += ["", f"{len(runs)} runs: {said}."]
    if any(run.simulated for run in runs):
        lines += ["", f"_{SIMULATED.capitalize()}._"]
    return "\n".join(lines)


def _table(runs: Sequence[Run]) -> Iterator[str]:
    if not runs:
        return
    yield "| scenario | stack | runs | result | v2v p50 | v2v p95 | stop p50 | n |"
    yield "|---|---|---:|---|---:|---:|---:|---:|"
    for scenario, stack, group in cells(runs):
        figures = [figures_of(run) for run in group if not run.void]
        waits = sorted(wait for figure in figures for wait in figure.v2v)
        stops = sorted(s.latency for f in figures for s in f.stops if s.latency is not None)
        simulated = " simulated" if group[0].simulated else ""
        cells_of_row = (
            code(scenario, cell=True),
            code(stack, cell=True) + simulated,
            str(len(group)),
            MARKS[worst(run.status for run in group)],
            _milliseconds(waits, 0.5),
            _milliseconds(waits, 0.95) if len(waits) >= minimum_n(0.95) else "–",
            _milliseconds(stops, 0.5),
            str(len(waits)),
        )
        yield f"| {' | '.join(cells_of_row)} |"


def _milliseconds(ordered: Sequence[float], share: float) -> str:
    found = quantile(ordered, share)
    return "–" if found is None else f"{1000 * found:.0f} ms"


def _failures(runs: Sequence[Run]) -> Iterator[str]:
    bad = [run for run in runs if run.status != "pass"]
    if not bad:
        return
    yield "#### What did not pass"
    for run in bad[:MOST_RUNS_TOLD]:
        yield f"\n{code(run.name)}, {run.clock} clock, seed {run.seed}: {MARKS[run.status]}"
        if run.void:
            yield f"- counts for nothing: {code(run.void)}"
        yield from _bullets(run.verdicts)
    if len(bad) > MOST_RUNS_TOLD:
        yield f"\n… and {len(bad) - MOST_RUNS_TOLD} runs more."


def _bullets(verdicts: Iterable[Verdict]) -> Iterator[str]:
    for verdict in verdicts:
        if verdict.status == "pass":
            continue
        wanted = f", wanted {code(verdict.wanted)}" if verdict.wanted else ""
        got = code(verdict.got) or "no data"
        yield f"- {MARKS[verdict.status]} {code(verdict.expectation)}: got {got}{wanted}"
        if verdict.why:
            yield f"  {code(verdict.why)}"


def _across(across: Sequence[Verdict]) -> Iterator[str]:
    if any(verdict.status != "pass" for verdict in across):
        yield "#### Across repeats\n"
        yield from _bullets(across)


def _comparison(comparison: Comparison) -> Iterator[str]:
    same = sum(like.status == "pass" for like in comparison.likenesses)
    yield f"#### Beside the baseline: {MARKS[comparison.status]}\n"
    yield f"{same} of {len(comparison.likenesses)} runs compared are as before, word for word."
    for like in comparison.likenesses:
        yield from _likeness(like)
    if comparison.gate:
        yield "\n| metric | result | change | wanted | |"
        yield "|---|---|---|---|---|"
    for verdict in comparison.gate:
        told = (verdict.got, verdict.wanted, verdict.why)
        shown = " | ".join(code(text, cell=True) for text in told)
        yield f"| {code(verdict.expectation, cell=True)} | {MARKS[verdict.status]} | {shown} |"
    yield from _listed("New, nothing stored", comparison.new)
    yield from _listed("Stored, not run now", comparison.gone)


def _likeness(like: Likeness) -> Iterator[str]:
    if like.status == "pass" and not like.notes:
        return
    yield f"\n{code(like.name)}: {MARKS[like.status]}"
    if like.missing:
        yield f"- {code(like.missing)}"
    for difference in like.differences:
        yield f"- {difference.part}: {code(difference.first)}\n"
        yield f"{block(difference.diff, 'diff')}\n"
    for note in like.notes:
        yield f"- note: {code(note)}"


def _listed(heading: str, names: Sequence[str]) -> Iterator[str]:
    if names:
        yield f"\n{heading}: {', '.join(map(code, names))}"


def _assumptions(runs: Sequence[Run]) -> Iterator[str]:
    said = assumptions(runs)
    if said:
        yield f"<details><summary>{len(said)} assumptions behind simulated figures</summary>\n"
        yield from (f"- {code(assumption)}" for assumption in said)
        yield "\n</details>"


def _cut(text: str) -> str:
    """The beginning of a text that is too long, whole lines, with every block closed."""
    kept = text[: text.rfind("\n", 0, LARGEST)]
    fences = [line for line in kept.splitlines() if re.fullmatch(r"`{3,}\w*", line)]
    close = f"\n{fences[-1].rstrip('abcdefghijklmnopqrstuvwxyz')}" if len(fences) % 2 else ""
    return f"{kept}{close}\n\n… cut: the whole is in the HTML report and in JUnit.\n"
