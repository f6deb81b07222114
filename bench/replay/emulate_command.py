"""`talkbench emulate`: names of vendors in, their protocols served on this machine until Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bench import clock
from bench.config import PREFIX
from bench.errors import ConfigError
from bench.replay.emulation import Emulation, chosen, emulating, fault_of
from bench.replay.reading import read

SHORT = {"transcriber": "stt", "llm": "llm", "voice": "tts"}


def add_emulate_parser(commands: Any) -> None:
    """Add `emulate` to the commands of an argument parser."""
    parser = commands.add_parser("emulate", help="serve vendors' protocols on this machine")
    parser.add_argument("names", nargs="*", metavar="NAME", help="deepgram, openai, …; or all")
    parser.add_argument("--script", type=Path, metavar="FILE", help="say what a scenario says")
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="STAGE:KIND",
        help="stt:stall, llm:http_429:every, tts:disconnect:turn=2, …",
    )
    parser.add_argument("--port", type=int, default=0, help="the first; free ones unless given")
    parser.add_argument("--env", action="store_true", help="print the variables alone, for a shell")
    parser.set_defaults(run=emulate_command)


def emulate_command(asked: argparse.Namespace) -> int:
    """Serve until interrupted.

    Raises:
        ConfigError: a name, a file, a fault or a port that cannot be.
    """
    rows = chosen(asked.names)
    faults = [fault_of(text) for text in asked.fault]
    scenario = read(asked.script) if asked.script else None

    async def serve() -> None:
        async with emulating(rows, scenario, faults, asked.port) as served:
            told = variables(served) if asked.env else introduction(served)
            sys.stdout.write("\n".join(told) + "\n")
            sys.stdout.flush()
            await asyncio.Event().wait()

    try:
        clock.run(serve())
    except OSError as error:
        raise ConfigError(f"--port {asked.port}: {error.strerror}") from None
    except KeyboardInterrupt:
        return 0
    return 0


def introduction(served: Sequence[Emulation]) -> Iterator[str]:
    """What is served where, and how to point programs at it."""
    yield "Emulated on this machine; no vendor is asked, and no key is one. Ctrl-C ends it."
    yield ""
    for one in served:
        yield f"  {one.row.provider:<11} {one.row.role:<12} {one.url}"
    yield ""
    yield "For Talkbench, and for any program that takes these:"
    yield ""
    yield from (f"  {line}" for line in variables(served))
    roles = {SHORT[one.row.role]: one.row.provider for one in reversed(served)}
    options = " ".join(f"--{short} {roles[short]}" for short in SHORT.values() if short in roles)
    yield ""
    yield f"  talkbench app {options}"


def variables(served: Sequence[Emulation]) -> list[str]:
    """Lines for a shell: our settings, the keys, and what the vendors' own SDKs read."""
    lines = dict[str, str]()
    for one in served:
        row = one.row
        lines[f"{PREFIX}{row.url.upper()}"] = one.url
        lines[row.key] = row.secret
        lines |= row.keys
        if row.program:
            lines[row.program] = one.url
    return [f"export {name}={text}" for name, text in lines.items()]
