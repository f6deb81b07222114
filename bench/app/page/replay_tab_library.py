"""A folder of scenarios in, what of them can be replayed out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import bench
from bench.errors import ConfigError
from bench.replay.reading import files_of, read
from bench.replay.scenario import Scenario

FOLDER = "scenarios"
SHIPPED = Path(bench.__file__).parents[1] / FOLDER  # in a checkout
SMOKE = "smoke"
"""The tag of the few scenarios that are tried first."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """What was found: scenarios by id, in order of their groups, and what is wrong with the rest.

    A group is the folder that a file lies in, "" for those at the top.
    """

    scenarios: dict[str, Scenario] = field(default_factory=dict[str, Scenario])
    groups: dict[str, str] = field(default_factory=dict[str, str])
    wrong: tuple[str, ...] = ()

    def choices(self) -> list[tuple[str, str]]:
        """Labels for people and ids, as a group of check boxes has them."""
        return [(self._label(id), id) for id in self.scenarios]

    def tagged(self, tag: str) -> list[str]:
        """The ids of those with a tag."""
        return [id for id, scenario in self.scenarios.items() if tag in scenario.tags]

    def _label(self, id: str) -> str:
        scenario, group = self.scenarios[id], self.groups[id]
        tags = [f"#{tag}" for tag in scenario.tags]
        return " · ".join(part for part in (group, scenario.title or id, " ".join(tags)) if part)


class Library:
    """The scenarios of a folder, read anew when a file of it has changed.

    Unless a folder is given, it is `scenarios` in the working directory, else that of the checkout.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._given = folder
        self._seen: object = None
        self._shelf = Shelf()

    @property
    def folder(self) -> Path:
        """Where scenarios are looked for."""
        if self._given is not None:
            return self._given
        return SHIPPED if not Path(FOLDER).is_dir() and SHIPPED.is_dir() else Path(FOLDER)

    def shelf(self) -> Shelf:
        """What there is now; a file that is wrong does not hide the others. Reads files."""
        try:
            files = files_of([self.folder]) if self.folder.is_dir() else []
        except ConfigError:  # the folder holds none
            files = []
        seen = [(path, path.stat().st_mtime_ns) for path in _with_included(self.folder, files)]
        if seen != self._seen:
            self._shelf, self._seen = self._read(files), seen
        return self._shelf

    def _read(self, files: Iterable[Path]) -> Shelf:
        found, wrong = dict[str, Scenario](), list[str]()
        for path in files:
            try:
                scenario = read(path)
            except ConfigError as error:
                wrong.append(self._without_place(str(error)))
                continue
            if scenario.id in found:
                wrong.append(f"{path.name}: another file has the id {scenario.id!r} too")
            else:
                found[scenario.id] = scenario
        groups = {id: self._group(scenario.path) for id, scenario in found.items()}
        order = sorted(found, key=lambda id: (groups[id], found[id].title or id))
        return Shelf({id: found[id] for id in order}, groups, tuple(wrong))

    def _group(self, path: Path | None) -> str:
        inside = path.relative_to(self.folder).parent if path is not None else Path()
        return "" if inside == Path() else inside.as_posix()

    def _without_place(self, text: str) -> str:
        """A message that names no folder of the machine: others than its owner may read it."""
        return text.replace(f"{self.folder}/", "")


def _with_included(folder: Path, files: Iterable[Path]) -> list[Path]:
    """Those files and the ones that are there to be included."""
    return [*files, *(sorted(folder.rglob("_*.y*ml")) if folder.is_dir() else ())]
