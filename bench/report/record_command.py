"""`talkbench record`: a scenario in, a cassette of its providers out, or how they changed."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bench import clock, config
from bench.errors import ConfigError
from bench.events import ProviderFailed
from bench.providers.cassette import EVENTS, Cassette
from bench.providers.scrubbing import secrets_of
from bench.replay.drift import Drift, drift
from bench.replay.player import play
from bench.replay.reading import read
from bench.replay.runs import Run
from bench.replay.scenario import Scenario, Stack

SAME, CHANGED = 0, 1
WIDE = 140  # characters


def add_record_parser(commands: Any) -> None:
    """Add `record` to the commands of an argument parser."""
    parser = commands.add_parser("record", help="keep what providers do in a scenario, or compare")
    parser.add_argument("scenario", type=Path, metavar="SCENARIO", help="the file to play")
    for role, about in (("stt", "listens"), ("llm", "answers"), ("tts", "speaks")):
        parser.add_argument(f"--{role}", metavar="NAME", help=f"who {about}, over what it says")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--out", type=Path, metavar="DIR", help="write the cassette here")
    where.add_argument("--drift", type=Path, metavar="DIR", help="compare with this cassette")
    parser.add_argument("--clock", choices=("virtual", "wall"), help="over what the file says")
    parser.add_argument("--force", action="store_true", help="write over a cassette")
    parser.set_defaults(run=record_command)


def record_command(asked: argparse.Namespace) -> int:
    """Play and record; then write, or compare. Returns the exit code: 1 when something changed.

    Raises:
        ConfigError: a file, a provider or an option that cannot be.
    """
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDE)
    scenario = read(asked.scenario)
    was = Cassette.read(asked.drift) if asked.drift else None
    if asked.out and (asked.out / EVENTS).exists() and not asked.force:
        raise ConfigError(f"--out: {asked.out} holds a cassette; --force writes over it")
    stack = _stack(scenario, asked, was)
    with console.status(f"recording {scenario.id} with {stack.name}"):
        cassette, run = recorded(scenario, stack, asked.clock)
    for fact in run.trace.of(ProviderFailed):
        console.print(escape(f"{fact.provider}: {fact.kind}: {fact.message}"))
    if was is None:
        cassette.write(asked.out)
        told = f"{asked.out}: events of {', '.join(_counted(cassette))}"
        console.print(escape(told), soft_wrap=True)
        again = f"talkbench replay {asked.scenario} {_played_by(asked.out)}"
        console.print(escape(again), soft_wrap=True)
        return SAME
    changes = drift(was, cassette)
    _show(changes, console)
    return CHANGED if changes else SAME


def recorded(
    scenario: Scenario, stack: Stack, clock_kind: str | None = None
) -> tuple[Cassette, Run]:
    """A scenario played once with a stack, on a cassette; `clock_kind` over what the file says."""
    cassette = Cassette(secrets=secrets_of(config.read_keys()))
    kind = clock_kind or scenario.setup.clock
    playing = play(scenario, stack, clock_kind=kind, cassette=cassette)
    return cassette, clock.run(playing, virtual=kind == "virtual")


def _stack(scenario: Scenario, asked: argparse.Namespace, was: Cassette | None) -> Stack:
    """The scenario's first stack, with who was recorded and then whom the options name."""
    usual = scenario.stacks[0]
    parts = {role: part.provider for role, part in was.parts.items()} if was is not None else {}
    return Stack(
        stt=asked.stt or parts.get("transcriber", usual.stt),
        llm=asked.llm or parts.get("agent", usual.llm),
        tts=asked.tts or parts.get("synthesizer", usual.tts),
        voice=usual.voice,
    )


def _counted(cassette: Cassette) -> Iterator[str]:
    for role, part in cassette.parts.items():
        yield f"{part.provider} ({sum(event.by == role for event in cassette.events)})"


def _played_by(folder: Path) -> str:
    """The option that has a scenario played by a cassette."""
    return f"--providers 'stt=recorded:{folder} llm=recorded:{folder} tts=recorded:{folder}'"


def _show(changes: list[Drift], console: Console) -> None:
    if not changes:
        console.print("Nothing changed.")
        return
    table = Table(title="What changed since the recording", title_justify="left")
    for column in ("role", "what", "was", "now"):
        table.add_column(column, overflow="fold")
    for change in changes:
        table.add_row(*map(escape, (change.role, change.what, change.was, change.now)))
    console.print(table)
