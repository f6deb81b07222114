"""Scenarios in, runs out: scripted callers played to the real pipeline, in virtual time or real.

    from bench.replay import run
    runs = run("scenarios/interrupts", repeat=8)

`run` plays files, folders or scenarios and judges what came of them; `read` reads one file, `play`
is one conversation on a loop of yours. `scenario` holds what a file says, `runs` what a replay
leaves behind, `user` and `listener` are the two ends of the conversation.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.replay.expectations import judge, judge_across
    from bench.replay.player import play
    from bench.replay.reading import read, read_all
    from bench.replay.runner import run
    from bench.replay.runs import Run, Verdict
    from bench.replay.scenario import Scenario, Stack

__all__ = [
    "Run",
    "Scenario",
    "Stack",
    "Verdict",
    "judge",
    "judge_across",
    "play",
    "read",
    "read_all",
    "run",
]

_HOMES = {
    "Run": "runs",
    "Scenario": "scenario",
    "Stack": "scenario",
    "Verdict": "runs",
    "judge": "expectations",
    "judge_across": "expectations",
    "play": "player",
    "read": "reading",
    "read_all": "reading",
    "run": "runner",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
