"""The library in, a line of hash and name for every run out: `python -m tests.replay.digests`."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from bench.replay.runner import run

LIBRARY = Path(__file__).parents[2] / "scenarios"


def digests(sources: list[str]) -> list[str]:
    logging.disable(logging.CRITICAL)  # faults are in the script
    return [f"{done.digest} {done.name} {done.status}" for done in run(sources or LIBRARY)]


if __name__ == "__main__":
    sys.stdout.write("\n".join(digests(sys.argv[1:])) + "\n")
