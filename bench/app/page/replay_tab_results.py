"""What replays left behind in, files under unguessable names out: each visitor's own, and few."""

from __future__ import annotations

import secrets
import shutil
import tempfile
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.replay.runner import Task
from bench.replay.runs import Status, Verdict

MOST_KEPT = 300  # results in all: a minute of a run is 4 MB of sound
MOST_DESKS = 50
REPORT = "report.html"
FILES = {"audio.wav": "audio/wav", "trace.jsonl": "application/jsonl", REPORT: "text/html"}
"""What may be fetched of a result beside its pictures, and as what."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawn chart: its file, what it shows, and that in words for who does not see it."""

    file: str
    title: str
    told: str


@dataclass(frozen=True, slots=True)
class CutOff:
    """An answer that was cut off: what it was to be, what was heard of it, and what the agent was
    told of it (`context`)."""

    intended: str
    heard: str
    context: str


@dataclass(slots=True)
class Result:
    """What came of one run. `name` is known to its visitor alone, and names its files; `run` is the
    run's folder, None when none was made (`void` then says why)."""

    task: Task
    name: str
    place: Path
    run: Path | None = None
    status: Status = "void"
    void: str = ""
    verdicts: tuple[Verdict, ...] = ()
    assumptions: tuple[str, ...] = ()
    pictures: list[Picture] | None = None  # None: not drawn yet
    cut_offs: tuple[CutOff, ...] = ()

    def take(self, told: Mapping[str, Any]) -> None:
        """Become what the worker says of the run."""
        self.run = Path(told["folder"])
        self.status, self.void = told["status"], told["void"]
        self.verdicts = tuple(Verdict(*verdict) for verdict in told["verdicts"])
        self.assumptions = tuple(told["assumptions"])

    def take_pictures(self, told: Mapping[str, Any]) -> None:
        """Have what the worker drew."""
        self.pictures = [Picture(*picture) for picture in told["pictures"]]
        self.cut_offs = tuple(CutOff(**each) for each in told["cut_offs"])

    @property
    def failed(self) -> list[Verdict]:
        """The expectations that do not hold, or of which nobody can tell."""
        return [verdict for verdict in self.verdicts if verdict.status != "pass"]

    def file(self, name: str) -> Path | None:
        """The file of that name, if it is one that may be fetched."""
        if name in FILES and self.run is not None:
            path = (self.place if name == REPORT else self.run) / name
        elif any(picture.file == name for picture in self.pictures or ()):
            path = self.place / name
        else:
            return None
        return path if path.is_file() else None


@dataclass(frozen=True, slots=True)
class Across:
    """What was expected of the repeats of a scenario with a stack, and what became of it."""

    scenario: str
    stack: str
    verdict: Verdict


@dataclass(slots=True)
class Desk:
    """What one visitor has: the results of the newest job, which of them is looked at, and the
    verdicts across its repeats."""

    results: list[Result] = field(default_factory=list[Result])
    chosen: str = ""
    across: tuple[Across, ...] = ()

    def find(self, name: str) -> Result | None:
        """The visitor's own result of that name."""
        return next((result for result in self.results if result.name == name), None)


class Results:
    """Every visitor's results, in a temporary folder that goes with them; old ones make room."""

    def __init__(self) -> None:
        self._desks: OrderedDict[Hashable, Desk] = OrderedDict()
        self._folder: Path | None = None
        self.close: Callable[[], object] = lambda: None

    def of(self, visitor: Hashable) -> Desk:
        """What a visitor has."""
        desk = self._desks.get(visitor)
        return desk if desk is not None else Desk()

    def clear(self, visitor: Hashable) -> Desk:
        """A desk with nothing on it, for results to come."""
        self._drop(self._desks.pop(visitor, Desk()).results)
        desk = self._desks[visitor] = Desk()
        while len(self._desks) > MOST_DESKS:
            self._drop(self._desks.popitem(last=False)[1].results)
        return desk

    def make(self, task: Task) -> Result:
        """A result to be, with a folder of its own."""
        name = secrets.token_urlsafe(18)
        place = self._home() / name
        place.mkdir()
        return Result(task, name, place)

    def keep(self, desk: Desk, result: Result) -> None:
        """Put a result on a desk; the desks that were cleared longest ago make room."""
        desk.results.append(result)
        while sum(len(each.results) for each in self._desks.values()) > MOST_KEPT:
            oldest = next(each for each in self._desks.values() if each.results)
            self._drop([oldest.results.pop(0)])

    def drop(self, result: Result) -> None:
        """Remove a result that nobody keeps."""
        self._drop([result])

    def adopt(self, visitor: Hashable, name: str) -> None:
        """Give the desk with a result of that name to who knows it: its visitor under a new name,
        after a reload of the page. One that has a desk keeps it."""
        if visitor in self._desks:
            return
        for former, desk in self._desks.items():
            if desk.find(name) is not None:
                self._desks[visitor] = self._desks.pop(former)
                return

    def desk_of(self, name: str) -> Desk | None:
        """Whoever's desk a result of that name lies on; who knows the name may see it."""
        return next((desk for desk in self._desks.values() if desk.find(name) is not None), None)

    def _drop(self, results: Sequence[Result]) -> None:
        for result in results:
            shutil.rmtree(result.place, ignore_errors=True)

    def _home(self) -> Path:
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="talkbench-replays-"))
            self.close = weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        return self._folder
