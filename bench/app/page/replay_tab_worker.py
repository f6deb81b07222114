"""Runs to make in, verdicts and files out: the process in which the page's replays are played.

Run as `python -m bench.app.page.replay_tab_worker` with a socket as standard input (see
`bench.speech.frames`). It plays, draws and writes reports, one request after another, and yields
the processor to whoever serves people.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.errors import TalkbenchError, redacted
from bench.replay.runs import Run, Verdict
from bench.speech.frames import Kind, receive, send

NICENESS = 10
MOST_DRAWN = 8  # runs with pictures in a report: a second or two each
Request = Mapping[str, Any]


def play(request: Request) -> dict[str, Any]:
    """Play `scenario` (a file) with `stack`, keep the run under `into`, and say what came of it."""
    from bench.replay import folder
    from bench.replay.reading import read
    from bench.replay.runner import Task, results
    from bench.replay.scenario import Stack

    scenario = read(request["scenario"])
    task = Task(scenario, Stack(**request["stack"]), request["seed"], request["repeat"], "virtual")
    (run,) = results([task])
    return {
        "folder": str(folder.write(run, Path(request["into"]))),
        "status": run.status,
        "void": run.void,
        "verdicts": [_plain(verdict) for verdict in run.verdicts],
        "assumptions": list(run.assumptions),
    }


def draw(request: Request) -> dict[str, Any]:
    """Draw the run in `folder` as PNG files into `into`; say which, and what was cut off in it."""
    from bench.app.page.replay_tab_pictures import cut_offs, pictures
    from bench.replay import folder

    run = folder.read(Path(request["folder"]))
    return {"pictures": pictures(run, Path(request["into"])), "cut_offs": cut_offs(run)}


def report(request: Request) -> dict[str, Any]:
    """Write the page on the runs in `folders` to the file `into`."""
    from bench.report.html import html

    runs = _read(request["folders"])
    judged = [verdict for _, _, verdicts in _across(runs) for verdict in verdicts]
    page = html(runs, across=judged, drawn_runs=MOST_DRAWN)
    Path(request["into"]).write_text(page, encoding="utf-8")
    return {}


def across(request: Request) -> dict[str, Any]:
    """Judge the runs in `folders` across their repeats: the verdicts by scenario and stack."""
    return {
        "across": [
            [scenario, stack, _plain(verdict)]
            for scenario, stack, verdicts in _across(_read(request["folders"]))
            for verdict in verdicts
        ]
    }


def _read(folders: Iterable[str]) -> list[Run]:
    from bench.replay import folder

    return [folder.read(Path(each)) for each in folders]


def _across(runs: Sequence[Run]) -> list[tuple[str, str, list[Verdict]]]:
    from bench.replay.expectations import judge_across
    from bench.report.telling import cells

    return [(scenario, stack, judge_across(repeats)) for scenario, stack, repeats in cells(runs)]


def _plain(verdict: Verdict) -> list[str]:
    return [verdict.expectation, verdict.status, verdict.wanted, verdict.got, verdict.why]


WORK: Mapping[str, Callable[[Request], dict[str, Any]]] = {
    "play": play,
    "draw": draw,
    "report": report,
    "across": across,
}


def serve(channel: socket.socket) -> None:
    """Answer requests until the owner hangs up."""
    send(channel, Kind.READY, {})
    while (asked := _next(channel)) is not None:
        try:
            answer = WORK[asked["work"]](asked)
        except TalkbenchError as error:
            send(channel, Kind.REFUSED, {"message": redacted(str(error))})
        else:
            send(channel, Kind.DONE, answer)


def _next(channel: socket.socket) -> Request | None:
    try:
        return receive(channel).json()
    except (EOFError, OSError):
        return None


def main() -> None:
    """Serve the socket that is standard input."""
    os.nice(NICENESS)
    # What a replayed pipeline complains of is in its trace; a fault is often the point of it.
    logging.getLogger().addHandler(logging.NullHandler())
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the owner is gone
        serve(socket.socket(fileno=0))


if __name__ == "__main__":
    main()
