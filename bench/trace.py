"""Facts in, one list out: what happened and when, written and read as JSON lines."""

from __future__ import annotations

import dataclasses
import json
import logging
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from bench import clock, events, truths
from bench.errors import redacted
from bench.events import Fact

F = TypeVar("F", bound=Fact)
logger = logging.getLogger(__name__)

KINDS: dict[str, type[Fact]] = {
    name: kind
    for name, kind in (vars(events) | vars(truths)).items()
    if isinstance(kind, type) and issubclass(kind, Fact) and kind is not Fact
}


class Entry(NamedTuple):
    """A fact and its instant, in seconds since the conversation began."""

    at: float
    fact: Fact


class Trace:
    """The one record of a conversation; every view, metric and gate is a reading of it."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._origin: float | None = None
        self._listeners: tuple[Callable[[Entry], None], ...] = ()  # one may stop while it is told

    def start(self) -> None:
        """Make this instant second zero; a second call changes nothing."""
        if self._origin is None:
            self._origin = clock.now()

    def now(self) -> float:
        """Seconds since the start."""
        return clock.now() - self._origin if self._origin is not None else 0.0

    def record(self, fact: Fact) -> None:
        """Append a fact that happens now."""
        entry = Entry(round(self.now(), 6), fact)
        self.entries.append(entry)
        for listener in self._listeners:
            try:
                listener(entry)
            except Exception as error:  # who looks on must not break what it looks at
                self._drop(listener)
                logger.error("a listener of the trace failed: %s", redacted(repr(error)))

    def listen(self, listener: Callable[[Entry], None]) -> Callable[[], None]:
        """Call `listener` with every entry from now on; returns the function that stops it.

        One that raises is not called again.
        """
        self._listeners = (*self._listeners, listener)
        return partial(self._drop, listener)

    def _drop(self, listener: Callable[[Entry], None]) -> None:
        self._listeners = tuple(other for other in self._listeners if other is not listener)

    def of(self, kind: type[F]) -> list[F]:
        """The facts of one kind, in order."""
        return [fact for _, fact in self.entries if isinstance(fact, kind)]

    def at(self, kind: type[Fact]) -> list[float]:
        """The instants of one kind's facts, in order."""
        return [at for at, fact in self.entries if isinstance(fact, kind)]

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def lines(self) -> Iterator[str]:
        """One JSON object an entry: keys sorted, instants with six decimals."""
        for entry in self.entries:
            yield entry_to_json(entry)

    def write(self, path: Path | str) -> None:
        """Write the trace as JSON lines."""
        Path(path).write_text("".join(f"{line}\n" for line in self.lines()), encoding="utf-8")

    @classmethod
    def read(cls, lines: Iterable[str]) -> Trace:
        """Read back what `lines` wrote.

        Raises:
            ValueError: a line is no fact of this version's vocabulary.
        """
        trace = cls()
        for number, line in enumerate(lines, 1):
            try:
                trace.entries.append(entry_from_dict(json.loads(line)))
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                raise ValueError(f"line {number} of the trace is not a fact: {error}") from error
        return trace


def entry_to_dict(entry: Entry) -> dict[str, Any]:
    """A plain dictionary of an entry: `at`, `kind` (the fact's class) and the fact's fields; a
    failure's own kind is `error` there."""
    fields = dataclasses.asdict(entry.fact)
    if "kind" in fields:
        fields["error"] = fields.pop("kind")
    return {"at": entry.at, "kind": type(entry.fact).__name__} | fields


def entry_to_json(entry: Entry) -> str:
    """An entry as one line of JSON with sorted keys; the instant has exactly six decimals."""
    fields = entry_to_dict(entry)
    fields["at"] = "\0"
    line = json.dumps(fields, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    if not line.isascii():
        line = line.encode("utf-8", "replace").decode("utf-8")  # half a character is none
    return line.replace('"at":"\\u0000"', f'"at":{entry.at:.6f}', 1)


def entry_from_dict(fields: dict[str, Any]) -> Entry:
    """The inverse of `entry_to_dict`."""
    at, kind = fields.pop("at"), KINDS[fields.pop("kind")]
    if "error" in fields:
        fields["kind"] = fields.pop("error")
    if "words" in fields:
        fields["words"] = tuple(events.Word(**word) for word in fields["words"])
    return Entry(at, kind(**fields))
