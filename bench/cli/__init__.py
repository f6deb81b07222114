"""A command in, its work done, an exit code out: 0 done, 1 not well, 2 asked wrongly."""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import importlib.util
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import bench
from bench.errors import TalkbenchError

COMMANDS = {
    "app": ("bench.cli.app", "talk to it in the browser"),
    "replay": ("bench.report.command", "play scenarios to the pipeline, and judge them"),
    "scenario": ("bench.replay.commands", "begin, render or check scenario files"),
    "providers": ("bench.cli.providers", "who can listen, answer and speak, and what they miss"),
    "emulate": ("bench.replay.emulate_command", "serve vendors' protocols on this machine"),
    "record": ("bench.report.record_command", "keep what providers do in a scenario, or compare"),
    "doctor": ("bench.cli.doctor", "look whether everything here works"),
}
"""Where the parser of a command is made, by `add_NAME_parser`, and what is said of it. Only the
module of the one that is asked for is imported: each has its own weight."""

OF_TESTS = ("jiwer", "playwright", "psutil", "pytest")
"""Packages that the figures are measured with, beside those of Talkbench."""

EXAMPLES = """\
begin with:
  talkbench app                     talk to it, no key needed
  talkbench replay scenarios        play the library to it
  talkbench COMMAND --help          the options of a command

docs/index.md is the map of everything else."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `talkbench`; returns the exit code. Usage errors leave through SystemExit(2)."""
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = _parser(next((word for word in arguments if word[:1] != "-"), ""))
    if not arguments:
        parser.print_help(sys.stderr)
        return 2
    asked, rest = parser.parse_known_args(arguments)
    if rest and asked.run is not _bench:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    asked.rest = rest
    try:
        return asked.run(asked)
    except TalkbenchError as error:
        print(f"talkbench: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _parser(wanted: str) -> argparse.ArgumentParser:
    """The parser, whole for one command; of the others it knows what is said of them."""
    parser = argparse.ArgumentParser(
        "talkbench",
        description="Talk to a streaming voice pipeline, replay calls to it, and see what the\n"
        "listener heard and where the time went.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    version = f"talkbench {importlib.metadata.version('talkbench')}"
    parser.add_argument("--version", action="version", version=version)
    commands = parser.add_subparsers(required=True, metavar="command")
    for name, (module, about) in COMMANDS.items():
        if name == wanted:
            _add(name, module, commands)
        else:
            commands.add_parser(name, help=about)
    figures = commands.add_parser(
        "bench", add_help=False, help="our own figures, beside a bare-asyncio baseline"
    )
    figures.set_defaults(run=_bench)
    return parser


def _add(name: str, module: str, commands: Any) -> None:
    getattr(importlib.import_module(module), f"add_{name}_parser")(commands)


def _bench(asked: argparse.Namespace) -> int:
    home = Path(bench.__file__).parents[1]
    if not (home / "tests" / "bench" / "__main__.py").is_file():
        told = "the figures need the source tree: run `make bench` in a checkout of Talkbench"
        print(f"talkbench: {told}", file=sys.stderr)
        return 2
    if any(importlib.util.find_spec(package) is None for package in OF_TESTS):
        told = "the figures need what the tests need: run `make bench`, which installs it"
        print(f"talkbench: {told}", file=sys.stderr)
        return 2
    command = [sys.executable, "-m", "tests.bench", *asked.rest]
    return subprocess.run(command, cwd=home, check=False).returncode
