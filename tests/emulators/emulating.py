"""Names of vendors in, a `talkbench emulate` that serves them out: for whoever wants to ask it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest


@dataclass(frozen=True)
class Emulating:
    """The process that serves, the lines that it printed, and the variables that are in them."""

    process: subprocess.Popen[str]
    lines: list[str]
    variables: dict[str, str]


@contextmanager
def emulating(*asked: str) -> Generator[Emulating]:
    """`talkbench emulate` with these arguments, from when everybody serves to the block's end."""
    command = [sys.executable, "-m", "bench", "emulate", *asked]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            lines = _lines(process)
            exports = [line.strip() for line in lines if line.startswith("  export ")]
            pairs = (line.removeprefix("export ").split("=", 1) for line in exports)
            yield Emulating(process, lines, dict(pairs))
        finally:
            process.terminate()
            try:
                process.communicate(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()


def _lines(process: subprocess.Popen[str]) -> list[str]:
    assert process.stdout is not None
    assert process.stderr is not None
    lines = list[str]()
    while not lines or not lines[-1].startswith("  talkbench app"):
        line = process.stdout.readline()
        lines.append(line.rstrip("\n") if line else pytest.fail(process.stderr.read()))
    return lines
