"""A command line in, every figure out: `python -m tests.bench [--only 1,2] [--quick]`."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import sys
import time
import traceback
from pathlib import Path

from tests.bench import document, table
from tests.bench.figures import Figure, Progress, settle_memory
from tests.bench.workload import SENTENCES, spoken

GROUPS = {
    "1": ("turn_latency", "1. Final transcript to first audio at the sink, our own time"),
    "2": ("interrupts", "2. Interrupt to last frame, 100 live conversations"),
    "3": ("cut_history", "3. Words wrong in the cut-off history"),
    "4": ("live_load", "4. Live conversations per core"),
    "5": ("lifetimes", "5. Frames, imports, starts, stops, an hour"),
    "clock": ("virtual_speed", "The virtual clock"),
    "replay": ("replay_speed", "Replay, in virtual time"),
    "agreement": ("replay_agreement", "Replay, the wall clock beside virtual time"),
    "adapters": ("adapters", "Adapters, on the loopback"),
    "speech": ("speech_figures", "Speech"),
    "browser": ("browser_figures", "In the browser"),
}
ENGINE = ("1", "2", "3", "4", "5", "clock", "replay")


def main() -> int:
    """Measure what was asked for, print it, write it; 1 when a measurement broke off."""
    asked = _arguments()
    for sentence in SENTENCES:
        spoken(sentence)
    settle_memory()
    print(f"{machine(_load())}\n" + "\n".join(table.footnotes()), end="\n\n")
    results, sections = dict[str, list[Figure]](), dict[str, str]()
    names = asked.only or (ENGINE if asked.quick else tuple(GROUPS))
    broken: list[str] = []
    for name in names:
        began, load = time.monotonic(), _load()
        found = _measured(name, quick=asked.quick)
        if found is None:
            broken.append(name)
            continue
        results[name] = found
        title, told = GROUPS[name][1], machine(f"{load} to {_load()}")
        sections[title] = document.section(told, found)
        print(
            f"{table.plain(title, found)}\n      ({time.monotonic() - began:.0f} s)\n", flush=True
        )
    if asked.json:
        asked.json.write_text(json.dumps(_as_json(results), indent=1) + "\n", encoding="utf-8")
    if asked.markdown:
        document.update(sections, [title for _, title in GROUPS.values()])
    missed = [f for found in results.values() for f in found if f.met is False]
    print(f"{len(missed)} of {sum(len(r) for r in results.values())} figures miss their goal")
    if broken:
        print(f"broke off, and stand in no table: {', '.join(broken)}")
    return 1 if broken else 0


def _measured(name: str, *, quick: bool) -> list[Figure] | None:
    """The figures of a group; None, and why, when they cannot be had: the others still can."""
    try:
        return importlib.import_module(f"tests.bench.{GROUPS[name][0]}").figures(
            quick, _progress(name)
        )
    except Exception:
        traceback.print_exc()
        return None
    finally:
        _clear_line()


def machine(load: str) -> str:
    """What this is measured on, while its load (of the last minute) is so much."""
    system = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, load {load}"
    return f"{platform.python_implementation()} {platform.python_version()} on {system}"


def _load() -> str:
    return f"{os.getloadavg()[0]:.1f}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument(
        "--only",
        type=_groups,
        metavar="1,2",
        help=f"of {', '.join(GROUPS)}",
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="coarser, in a minute and a half; only the engine unless others are named",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument(
        "--markdown", action="store_true", help="put the tables into docs/performance.md"
    )
    return parser.parse_args()


def _groups(text: str) -> list[str]:
    names = text.split(",")
    if unknown := sorted(set(names) - set(GROUPS)):
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: want {', '.join(GROUPS)}")
    return names


def _progress(group: str) -> Progress:
    def show(what: str) -> None:
        if sys.stderr.isatty():
            print(f"\r\x1b[K[{group}] {what} …", end="", file=sys.stderr, flush=True)

    return show


def _clear_line() -> None:
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _as_json(results: dict[str, list[Figure]]) -> dict[str, object]:
    figures = {name: [f.as_dict() for f in found] for name, found in results.items()}
    return {"machine": machine(_load()), "notes": table.footnotes(), "figures": figures}


if __name__ == "__main__":
    sys.exit(main())
