"""Values with a place in, plain values of the wanted type out, or the error that says what is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from bench.replay.document import Node, ScenarioError, nearest

T = TypeVar("T", bound=str)


def text(node: Node, *, empty: bool = False) -> str:
    """A text; numbers and constants must be quoted to be one."""
    if not isinstance(node.value, str):
        quote = "" if isinstance(node.value, list | dict) or node.value is None else ' in "quotes"'
        raise node.wrong(f"is {node.shown}", f"a text{quote}")
    if not empty and not node.value.strip():
        raise node.wrong("is an empty text", "a text")
    return node.value


def number(node: Node, low: float, high: float, unit: str = "") -> float:
    """A number from `low` to `high`."""
    value = node.value
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise node.wrong(f"is {node.shown}", f"a number, {low:g} to {high:g}{unit and ' ' + unit}")
    return float(value)


def whole(node: Node, low: int, high: int) -> int:
    """A whole number from `low` to `high`."""
    value = node.value
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise node.wrong(f"is {node.shown}", f"a whole number, {low} to {high}")
    return value


def flag(node: Node) -> bool:
    """True or false."""
    if not isinstance(node.value, bool):
        raise node.wrong(f"is {node.shown}", "true, false")
    return node.value


def choice(node: Node, options: Sequence[T]) -> T:
    """One of a few words."""
    for option in options:
        if node.value == option and isinstance(node.value, str):
            return option
    guess = nearest(node.value, options) if isinstance(node.value, str) else ""
    raise node.wrong(f"is {node.shown}{guess}", options)


def items(node: Node, *, most: int = 1000) -> list[Node]:
    """The values of a list that is not empty."""
    if not isinstance(node.value, list):
        raise node.wrong(f"is {node.shown}", "a list")
    if not 0 < len(node.value) <= most:
        raise node.wrong(f"holds {len(node.value)} values", f"1 to {most}")
    return node.value


def texts(node: Node) -> tuple[str, ...]:
    """A list of texts."""
    return tuple(text(item) for item in items(node))


def mapping(node: Node) -> dict[str, Node]:
    """A mapping with any keys."""
    if not isinstance(node.value, dict):
        raise node.wrong(f"is {node.shown}", "a mapping")
    return node.value


def existing_file(node: Node, what: str) -> Path:
    """A file by its path from the folder of the YAML file that names it."""
    path = node.file.parent / text(node)
    try:
        found = path.is_file()
    except (OSError, ValueError):  # a name too long, or with a zero byte
        found = False
    if not found:
        raise node.wrong(f"is {node.shown}, which is not there", f"{what}, relative to this file")
    return path


class Section:
    """A mapping whose keys are known: what is not among them is refused at once."""

    def __init__(self, node: Node, known: Sequence[str], required: Iterable[str] = ()) -> None:
        self.node = node
        self._values = mapping(node)
        for key, value in self._values.items():
            if key not in known:
                raise ScenarioError(
                    value.file, value.line, value.key, f"unknown key{nearest(key, known)}", known
                )
        for key in required:
            if key not in self._values:
                raise node.wrong(f"the key {key!r} is missing")

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def __getitem__(self, key: str) -> Node:
        return self._values[key]

    def keys(self) -> list[str]:
        """The keys that are given, in the file's order."""
        return list(self._values)

    def get(self, key: str) -> Node | None:
        """The value of a key, None when it is not given."""
        return self._values.get(key)

    def text(self, key: str, default: str = "") -> str:
        """A text, or the default when the key is not given; so do all below."""
        return text(self._values[key]) if key in self._values else default

    def number(
        self, key: str, default: float, low: float, high: float, unit: str = "", scale: float = 1.0
    ) -> float:
        """A number, times `scale`."""
        if key not in self._values:
            return default
        return round(number(self._values[key], low, high, unit) * scale, 9)

    def seconds(self, key: str, default: float, low: float = 0.0, high: float = 3600.0) -> float:
        """Seconds; from a key in `_ms` they are converted, `low` and `high` are seconds anyway."""
        if key.endswith("_ms"):
            return self.number(key, default, low * 1000, high * 1000, "ms", 0.001)
        return self.number(key, default, low, high, "s")

    def whole(self, key: str, default: int, low: int, high: int) -> int:
        """A whole number."""
        return whole(self._values[key], low, high) if key in self._values else default

    def flag(self, key: str, default: bool) -> bool:
        """True or false."""
        return flag(self._values[key]) if key in self._values else default

    def choice(self, key: str, options: Sequence[T], default: T) -> T:
        """One of a few words."""
        return choice(self._values[key], options) if key in self._values else default

    def exactly_one(self, keys: Sequence[str]) -> str:
        """Which of some keys is given.

        Raises:
            ScenarioError: none, or more than one.
        """
        given = [key for key in keys if key in self._values]
        if len(given) != 1:
            said = " and ".join(given) if given else "none of its keys"
            raise self.node.wrong(f"says {said}", f"exactly one of {', '.join(keys)}")
        return given[0]
