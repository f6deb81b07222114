"""Runs and stored runs in, what changed out: to the word first, by statistics second."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.replay import folder
from bench.replay.gate import gate
from bench.replay.golden import FILE, Likeness, compare_goldens, golden
from bench.replay.golden import compare as compare_with_file
from bench.replay.runs import Run, Status, Verdict


@dataclass(frozen=True, slots=True)
class Comparison:
    """Runs beside stored ones.

    `likenesses` are the runs that were compared to the word, `gate` the statistical verdicts, `new`
    the runs of which nothing is stored, `gone` the stored ones that were not run.
    """

    likenesses: tuple[Likeness, ...] = ()
    gate: tuple[Verdict, ...] = ()
    new: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    tolerated: frozenset[str] = field(default_factory=frozenset[str])

    @property
    def status(self) -> Status:
        """Fail when something is worse or other than before, void when nothing was compared.

        What is inconclusive under a gate that only warns of it changes nothing.
        """
        if not self.likenesses and not self.gate:
            return "void"
        statuses = {like.status for like in self.likenesses}
        statuses |= {v.status for v in self.gate if v.expectation not in self.tolerated}
        order: tuple[Status, ...] = ("fail", "inconclusive", "void")
        for status in order:
            if status in statuses:
                return status
        return "pass"

    @property
    def failed(self) -> tuple[Likeness, ...]:
        """The runs that are not as before where they must be."""
        return tuple(like for like in self.likenesses if like.status == "fail")

    def text(self) -> str:
        """For people: what is not as before, what moved, and every verdict of the gate."""
        same = sum(like.status == "pass" and not like.notes for like in self.likenesses)
        lines = [f"baseline: {same} of {len(self.likenesses)} runs compared are just as before"]
        told = (like for like in self.likenesses if like.status != "pass" or like.notes)
        lines += [like.text() for like in told]
        lines += [_said(verdict) for verdict in self.gate]
        lines += [f"new, nothing stored: {name}" for name in self.new]
        lines += [f"stored, not run now: {name}" for name in self.gone]
        return "\n".join(lines)


def compare(runs: Iterable[Run], directory: Path) -> Comparison:
    """Hold runs against those that are stored under a folder.

    A run in virtual time is compared to the word with the stored run, or golden file, of its name;
    one on the wall clock by statistics alone.

    Raises:
        ConfigError: the folder, or something in it, cannot be read.
    """
    now = [run for run in runs if not run.void]
    stored = {run.name: run for run in folder.read_all(directory) if not run.void}
    likenesses = [like for run in now if (like := _likeness(run, stored, directory)) is not None]
    compared = {like.name for like in likenesses}
    verdicts = gate(now, stored.values())
    paired = {run.name for run in now if run.name in stored} | compared
    return Comparison(
        tuple(likenesses),
        tuple(verdicts),
        tuple(run.name for run in now if run.name not in paired),
        tuple(name for name in stored if name not in {run.name for run in now}),
        frozenset(_tolerated(now, verdicts)),
    )


def _likeness(run: Run, stored: dict[str, Run], directory: Path) -> Likeness | None:
    if run.clock != "virtual":
        return None
    before = stored.get(run.name)
    if before is None:
        has_file = (folder.place(run, directory) / FILE).is_file()
        return compare_with_file(run, directory) if has_file else None
    if (before.clock, before.seed) != (run.clock, run.seed):
        said = f"stored with seed {before.seed} on the {before.clock} clock"
        return Likeness(run.name, missing=f"not compared to the word: {said}")
    return compare_goldens(golden(before), golden(run), run.scenario.gate.exact)


def _tolerated(runs: Sequence[Run], verdicts: Sequence[Verdict]) -> Iterator[str]:
    strict = {run.scenario.id for run in runs if run.scenario.gate.inconclusive == "fail"}
    for verdict in verdicts:
        if verdict.status == "inconclusive" and verdict.expectation.split("/")[0] not in strict:
            yield verdict.expectation


def _said(verdict: Verdict) -> str:
    why = f" ({verdict.why})" if verdict.why else ""
    return f"{verdict.status}: {verdict.expectation}: {verdict.got}, wanted {verdict.wanted}{why}"
