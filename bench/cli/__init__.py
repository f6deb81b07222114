"""A command in, its work done, an exit code out: 0 done, 1 not well, 2 asked wrongly."""

from __future__ import annotations

import argparse
import importlib.metadata
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import bench
from bench.cli.app import add_app_parser
from bench.cli.doctor import add_doctor_parser
from bench.cli.providers import add_providers_parser
from bench.errors import TalkbenchError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `talkbench`; returns the exit code. Usage errors leave through SystemExit(2)."""
    parser = _parser()
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "talkbench", description="Talk to a streaming voice pipeline, and measure what was heard."
    )
    version = f"talkbench {importlib.metadata.version('talkbench')}"
    parser.add_argument("--version", action="version", version=version)
    commands = parser.add_subparsers(required=True, metavar="command")
    add_app_parser(commands)
    add_providers_parser(commands)
    add_doctor_parser(commands)
    _add_scenario_parsers(commands)
    figures = commands.add_parser(
        "bench", add_help=False, help="our own figures, beside a bare-asyncio baseline"
    )
    figures.set_defaults(run=_bench)
    return parser


def _add_scenario_parsers(commands: Any) -> None:
    from bench.replay.commands import add_scenario_parser
    from bench.replay.emulate_command import add_emulate_parser
    from bench.report.command import add_replay_parser
    from bench.report.record_command import add_record_parser

    add_scenario_parser(commands)
    add_replay_parser(commands)
    add_record_parser(commands)
    add_emulate_parser(commands)


def _bench(asked: argparse.Namespace) -> int:
    home = Path(bench.__file__).parents[1]
    if not (home / "tests" / "bench" / "__main__.py").is_file():
        told = "the figures need the source tree: run `make bench` in a checkout of Talkbench"
        print(f"talkbench: {told}", file=sys.stderr)
        return 2
    command = [sys.executable, "-m", "tests.bench", *asked.rest]
    return subprocess.run(command, cwd=home, check=False).returncode
