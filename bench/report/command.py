"""`talkbench replay`: scenarios in, a table, reports and an exit code out."""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench.errors import ConfigError
from bench.replay import folder
from bench.replay.comparison import Comparison, compare
from bench.replay.expectations import judge_across
from bench.replay.runner import Task, plan, results
from bench.replay.runs import Run, Verdict
from bench.replay.scenario import Stack
from bench.report.console import show
from bench.report.junit import junit
from bench.report.markdown import markdown
from bench.report.summary_json import summary_json
from bench.report.telling import cells

PASSED, FAILED, UNDECIDED = 0, 1, 3  # 2 is bad input, which leaves as a ConfigError
WIDE = 140  # characters
ROLES = ("stt", "llm", "tts", "voice")
ABOUT = """\
Play scenarios to the pipeline and judge them. In virtual time, the default, no
vendor is asked and no key is needed: sim: providers are models of vendors, and
behind a vendor's own SDK stands an emulator of its service."""
EXAMPLES = """\
  talkbench replay scenarios --tag smoke
  talkbench replay scenarios/interrupts --repeat 8 --html report.html \\
      --providers "stt=sim:deepgram-nova-3,sim:azure-realtime llm=sim:gpt-4.1"
  talkbench replay scenarios/interrupts \\
      --providers "stt=deepgram llm=openai tts=elevenlabs"

Exit code: 0 all passed, 1 an expectation failed or something got worse than
the baseline, 2 wrong input, 3 nobody can tell."""


def add_replay_parser(commands: Any) -> None:
    """Add `replay` to the commands of an argument parser."""
    replay = commands.add_parser(
        "replay",
        help="play scenarios to the pipeline, and judge them",
        description=ABOUT,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    replay.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="files or folders")
    replay.add_argument("--clock", choices=("virtual", "wall"), help="instead of the file's")
    matrix = "who listens, answers and speaks: every combination of the names is played"
    replay.add_argument("--providers", metavar="MATRIX", help=matrix)
    replay.add_argument("--tag", action="append", default=[], help="only scenarios with this tag")
    replay.add_argument(
        "--repeat", type=_count, metavar="N", help="play each N times, with other latencies"
    )
    replay.add_argument("--seed", type=int, metavar="S", help="the seed of all random draws")
    replay.add_argument("--jobs", type=_count, default=1, metavar="N", help="processes to use (1)")
    replay.add_argument("--out", type=Path, metavar="DIR", help="keep each run in a folder here")
    replay.add_argument(
        "--baseline", type=Path, metavar="DIR", help="compare with runs that --out has kept"
    )
    for kind, about in _REPORTS.items():
        replay.add_argument(f"--{kind}", type=Path, metavar="FILE", help=about)
    replay.set_defaults(run=replay_command)


_REPORTS = {
    "html": "write a page with plots, tables and audio",
    "junit": "write the verdicts as JUnit XML",
    "json": "write the verdicts and figures",
    "markdown": "write a summary for a pull request",
}


def replay_command(asked: argparse.Namespace) -> int:
    """Play, print, write; returns the exit code.

    Raises:
        ConfigError: a file, a provider or an option that cannot be.
    """
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDE)  # in a log nothing needs to be folded
    if asked.baseline and not asked.baseline.is_dir():
        raise ConfigError(f"--baseline: {asked.baseline} is no folder; make one with --out")
    _want_writable(asked)
    tasks = plan(
        asked.paths,
        stacks=stacks(asked.providers),
        repeat=asked.repeat,
        seed=asked.seed,
        clock=asked.clock,
    )
    tasks = [task for task in tasks if set(asked.tag) <= set(task.scenario.tags)]
    if not tasks:
        raise ConfigError(f"no scenario is tagged {' and '.join(asked.tag)}")
    runs = list(_played(tasks, asked.jobs))
    across = [verdict for _, _, group in cells(runs) for verdict in judge_across(group)]
    comparison = compare(runs, asked.baseline) if asked.baseline else None
    if asked.out:
        for run in runs:
            run.folder = folder.write(run, asked.out)
    show(runs, across, comparison, console)
    _write(asked, runs, across, comparison)
    return exit_code(runs, across, comparison)


def exit_code(runs: Sequence[Run], across: Iterable[Verdict], comparison: Comparison | None) -> int:
    """0: all passed; 1: an expectation failed or something got worse; 3: nobody can tell."""
    statuses = {run.status for run in runs} | {verdict.status for verdict in across}
    if comparison is not None:
        statuses.add(comparison.status)
    if "fail" in statuses:
        return FAILED
    return UNDECIDED if statuses & {"void", "inconclusive"} else PASSED


def stacks(matrix: str | None) -> list[Stack] | None:
    """Every combination that a matrix names; None without one.

    Raises:
        ConfigError: it names a role that there is not.
    """
    if not matrix:
        return None
    chosen = dict[str, list[str]]()
    for part in matrix.replace(";", " ").split():
        role, _, names = part.partition("=")
        if role not in ROLES or not names:
            raise ConfigError(
                f"--providers: {part!r} is not ROLE=NAME,NAME with a role of {', '.join(ROLES)}"
            )
        chosen[role] = [name for name in names.split(",") if name]
    combinations = itertools.product(*chosen.values())
    return [Stack(**dict(zip(chosen, names, strict=True))) for names in combinations]


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is too few: want 1 or more")
    return number


def _played(tasks: Sequence[Task], jobs: int) -> Iterator[Run]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("replay", total=len(tasks))
        with contextlib.closing(results(tasks, jobs=jobs)) as runs:
            for run in runs:
                progress.update(bar, advance=1, description=escape(run.scenario.id))
                yield run


def _write(
    asked: argparse.Namespace,
    runs: Sequence[Run],
    across: Sequence[Verdict],
    comparison: Comparison | None,
) -> None:
    if asked.html:
        from bench.report.html import html  # plotting takes a second to import

        _keep(asked.html, html(runs, comparison, across))
    for path, report in (
        (asked.junit, junit),
        (asked.json, summary_json),
        (asked.markdown, markdown),
    ):
        if path:
            _keep(path, report(runs, comparison, across))


def _want_writable(asked: argparse.Namespace) -> None:
    """Refuse a report that cannot be written before anything is played.

    Raises:
        ConfigError: it names a folder, or its own folder is no place to write.
    """
    for path in (asked.html, asked.junit, asked.json, asked.markdown):
        if path is None:
            continue
        folder = next(parent for parent in path.absolute().parents if parent.exists())
        if path.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
            raise ConfigError(f"{path} cannot be written")


def _keep(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from error
