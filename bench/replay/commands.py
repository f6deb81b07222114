"""`talkbench scenario` in, files looked at, begun or rendered, and an exit code out."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench import clock
from bench.errors import ConfigError
from bench.replay.checking import DoubtfulSound, certain_voice, check
from bench.replay.reading import files_of, read, read_all
from bench.replay.rendering import lines_of, render
from bench.replay.scenario import Scenario
from bench.replay.schema_script import NAME
from bench.replay.speech_store import path_of
from bench.replay.templates import new

Tell = Callable[[str], None]


def add_scenario_parser(commands: Any) -> None:
    """Add `scenario` with its own commands to those of the command line."""
    parser = commands.add_parser(
        "scenario",
        help="begin, render or check scenario files",
        description="A scenario is a YAML file: what a caller does, and what must then be true.",
        epilog="docs/scenarios.md describes the file.",
    )
    actions = parser.add_subparsers(required=True, metavar="action")
    beginning = actions.add_parser("new", help="write a commented scenario to begin with")
    beginning.add_argument("name", metavar="NAME", help="its id, or a path ending in .yaml")
    beginning.set_defaults(run=_new)
    rendering = actions.add_parser("render", help="speak the caller's lines once, and keep them")
    rendering.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="files or folders")
    rendering.add_argument(
        "--anew", action="store_true", help="speak every line again, also those that are there"
    )
    rendering.add_argument(
        "--prune", action="store_true", help="remove speech that none of these scenarios says"
    )
    rendering.set_defaults(run=_render)
    checking = actions.add_parser("check", help="say what is wrong with scenario files")
    checking.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="files or folders")
    checking.set_defaults(run=_check)


def _check(asked: argparse.Namespace) -> int:
    return check_all(asked.paths)


def _new(asked: argparse.Namespace) -> int:
    return begin(asked.name)


def _render(asked: argparse.Namespace) -> int:
    return render_all(asked.paths, anew=asked.anew, prune=asked.prune)


def check_all(paths: Sequence[Path], out: Tell | None = None, told: Tell | None = None) -> int:
    """Check every file; each that is wrong has its message. Returns 0, or 2 when one was wrong."""
    out, told = out or _print, told or _tell
    wrong, ids = 0, dict[str, Path]()
    try:
        files = files_of(paths)
    except ConfigError as error:
        told(str(error))
        return 2
    for path in files:
        try:
            scenario = read(path)
            if scenario.id in ids:
                raise ConfigError(f"{path}: id: {scenario.id!r} is that of {ids[scenario.id]} too")
            ids[scenario.id] = path
            check(scenario)
        except ConfigError as error:
            wrong += 1
            told(str(error))
            if isinstance(error, DoubtfulSound):
                told(_proposal(error))
    out(f"{len(files) - wrong} of {len(files)} scenarios are well.")
    return 2 if wrong else 0


def begin(name: str, out: Tell | None = None, told: Tell | None = None) -> int:
    """Write a new scenario file; an existing one is left alone, and that is an error."""
    out, told = out or _print, told or _tell
    path = Path(name if name.endswith((".yaml", ".yml")) else f"{name}.yaml")
    if not NAME.fullmatch(path.stem):
        told(f"{path.stem!r} is no id; allowed: small letters, digits, - and _, at most 80")
        return 2
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(new(path.stem, str(path)))
    except OSError as error:
        told(f"{path}: cannot be written: {error.strerror}")
        return 2
    out(f"{path}\nNext: talkbench scenario render {path}")
    return 0


def render_all(
    paths: Sequence[Path],
    *,
    anew: bool = False,
    prune: bool = False,
    out: Tell | None = None,
    told: Tell | None = None,
) -> int:
    """Render every file's speech; `prune` removes what they do not say, so name them all then.

    Returns 0, or 2 when a file is wrong.
    """
    out, told = out or _print, told or _tell
    try:
        scenarios = read_all(paths)
        written = clock.run(_rendered(scenarios, anew, told))
    except ConfigError as error:
        told(str(error))
        return 2
    out(f"{len(written)} sounds rendered." if written else "All speech is rendered already.")
    for path in unused(scenarios) if prune else ():
        path.unlink()
        told(f"removed {path}")
    return 0


def unused(scenarios: Sequence[Scenario]) -> list[Path]:
    """Files in the scenarios' folders of rendered speech that hold nothing they say."""
    said = {
        path_of(scenario, line.text, line.voice).resolve()
        for scenario in scenarios
        for line in lines_of(scenario)
    }
    folders = dict.fromkeys(scenario.audio.resolve() for scenario in scenarios if scenario.audio)
    return [
        path
        for folder in folders
        for path in (sorted(folder.iterdir()) if folder.is_dir() else ())
        if path.suffix in (".wav", ".json") and path.with_suffix(".wav") not in said
    ]


async def _rendered(scenarios: Sequence[Scenario], anew: bool, told: Tell) -> dict[Path, None]:
    written: dict[Path, None] = {}
    for scenario in scenarios:
        written |= dict.fromkeys(await render(scenario, anew=anew, tell=told))
    return written


def _proposal(error: DoubtfulSound) -> str:
    scenario, step = error.scenario, error.step
    voice = clock.run(certain_voice(scenario, step)) if step.say else None
    if voice is None:
        return f"  {step.id}: no pace of the usual voices is certain; take other words"
    return f"  {step.id}: certain with  voice: {{name: {voice.name}, speed: {voice.speed:g}}}"


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
