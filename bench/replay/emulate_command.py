"""`talkbench emulate`: names of vendors in, their protocols served on this machine until Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench import clock
from bench.config import PREFIX
from bench.errors import ConfigError
from bench.replay.emulation import Emulation, chosen, emulating, fault_of, not_here
from bench.replay.reading import read

SHORT = {"transcriber": "stt", "llm": "llm", "voice": "tts"}
ABOUT = """\
Serve vendors' protocols on this machine, for Talkbench or any other program:
no vendor is asked, and no key is one. Without --script what is said to them is
really recognised (the front desk's sentences), the front desk answers, and
espeak-ng speaks; each keeps to the pace of its vendor."""
EXAMPLES = """\
It serves in the foreground until Ctrl-C or SIGTERM. Another shell, or a script,
takes the addresses and keys from a file, which is there while everybody serves:

  talkbench emulate deepgram openai elevenlabs --env emulated.env &
  until [ -e emulated.env ]; do sleep 0.2; done
  . ./emulated.env
  talkbench app --stt deepgram --llm openai --tts elevenlabs"""


def add_emulate_parser(commands: Any) -> None:
    """Add `emulate` to the commands of an argument parser."""
    parser = commands.add_parser(
        "emulate",
        help="serve vendors' protocols on this machine",
        description=ABOUT,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = "deepgram, openai, …; or all, which is meant without any"
    parser.add_argument("names", nargs="*", metavar="NAME", help=names)
    script = "hear the lines of a scenario, one for each utterance, and answer as its bot does"
    parser.add_argument("--script", type=Path, metavar="FILE", help=script)
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="STAGE:KIND",
        help="stt:stall, llm:http_429:every, tts:disconnect:turn=2, …",
    )
    ports = "the first one's, each further one has the next; free ones unless given"
    parser.add_argument("--port", type=int, default=0, help=ports)
    file = "write `export NAME=value` lines there when all serve; removed at the end"
    parser.add_argument("--env", type=Path, metavar="FILE", help=file)
    parser.set_defaults(run=emulate_command)


def emulate_command(asked: argparse.Namespace) -> int:
    """Serve until interrupted.

    Raises:
        ConfigError: a name, a file, a fault or a port that cannot be.
    """
    rows = chosen(asked.names)
    faults = [fault_of(text) for text in asked.fault]
    scenario = read(asked.script) if asked.script else None
    left = not_here() if not asked.names or "all" in asked.names else {}

    async def serve() -> None:
        async with emulating(rows, scenario, faults, asked.port) as served:
            with _written(asked.env, variables(served)):
                sys.stdout.write("\n".join(introduction(served, left)) + "\n")
                sys.stdout.flush()
                await _terminated()

    with contextlib.suppress(KeyboardInterrupt):
        clock.run(serve())
    return 0


def introduction(served: Sequence[Emulation], left: Mapping[str, str]) -> Iterator[str]:
    """What is served where, and how to point programs at it; `left` are the providers that are
    not, and the extra that each wants."""
    yield "Emulated on this machine; no vendor is asked, and no key is one. Ctrl-C ends it."
    yield ""
    for one in served:
        yield f"  {one.row.provider:<11} {one.row.role:<12} {one.url}"
    for provider, extra in left.items():
        yield f"  {provider:<11} is left out: pip install 'talkbench[{extra}]'"
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


@contextlib.contextmanager
def _written(path: Path | None, lines: Sequence[str]) -> Generator[None]:
    """Lines in a file, whole as soon as it is there, until the block ends."""
    if path is None:
        yield
        return
    beside = path.with_name(f"{path.name}.part")
    try:
        beside.write_text("\n".join(lines) + "\n", "utf-8")
        beside.replace(path)
    except OSError as error:
        raise ConfigError(f"--env: {path}: {error.strerror}") from None
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


async def _terminated() -> None:
    """Wait until the process is asked to end (SIGTERM; an interrupt cancels this)."""
    asked = asyncio.Event()
    with contextlib.suppress(NotImplementedError):  # a system without such handlers
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asked.set)
    await asked.wait()
