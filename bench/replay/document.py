"""A YAML file in, values that know their place out.

What is refused here needs no knowledge of scenarios: files too big, of another kind or not UTF-8,
tabs, duplicate keys, tags, several documents, and aliases that multiply.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias, cast

import yaml

from bench.errors import ConfigError
from bench.errors import nearest as nearest

LARGEST_BYTES = 256 * 1024
DEEPEST = 20
QUOTED = 'YAML, with texts that hold , : ? # [ ] { } in "quotes"'
MOST_VALUES = 20_000  # aliases counted as often as they are used

Value: TypeAlias = "str | int | float | bool | list[Node] | dict[str, Node] | None"

_parse = cast("Any", yaml).parse
_INTEGER = re.compile(r"[-+]?\d{1,15}")
_NUMBER = re.compile(r"[-+]?(\d+\.\d*|\.\d+|\d+)([eE][-+]?\d{1,3})?")
_INDENTED_WITH_TAB = re.compile(r" *\t\s*\S")
_CONSTANTS: dict[str, bool | None] = {
    **{word: None for word in ("", "~", "null", "Null", "NULL")},
    **{word: True for word in ("true", "True", "TRUE")},
    **{word: False for word in ("false", "False", "FALSE")},
}


class ScenarioError(ConfigError):
    """A scenario file is wrong: in which file, at which line and key, how, and what is allowed."""

    def __init__(
        self, file: Path | str, line: int, key: str, wrong: str, allowed: str | Iterable[str] = ""
    ) -> None:
        self.file, self.line, self.key, self.wrong = Path(file), line, key, wrong
        self.allowed = allowed if isinstance(allowed, str) else ", ".join(allowed)
        place = f"{file}:{line}" if line else str(file)
        where = f"{place}: {key}" if key else place
        more = f"; allowed: {self.allowed}" if self.allowed else ""
        super().__init__(f"{where}: {wrong}{more}")


@dataclass(slots=True)
class Node:
    """A value and where it stands; `key` is its path in the file (`script[2].at`)."""

    value: Value
    file: Path
    line: int
    key: str = ""
    size: int = field(default=1, compare=False)  # values in it, its own included

    def wrong(self, reason: str, allowed: str | Iterable[str] = "") -> ScenarioError:
        """The error that something about this value is wrong."""
        return ScenarioError(self.file, self.line, self.key, reason, allowed)

    @property
    def shown(self) -> str:
        """The value as a message quotes it: short, and in one line."""
        match self.value:
            case list():
                return "a list"
            case dict():
                return "a mapping"
            case None:
                return "nothing"
            case bool():
                return str(self.value).lower()
            case str() as text:
                return repr(text if len(text) <= 60 else f"{text[:57]}...")
            case number:
                return str(number)


def compose(path: Path) -> Node:
    """The one document of a file.

    Raises:
        ScenarioError: the file is missing, too big, no text or no YAML that we take.
    """
    text = _text(path)
    for number, line in enumerate(text.splitlines(), 1):
        if _INDENTED_WITH_TAB.match(line):
            raise ScenarioError(path, number, "", "a tab in the indentation", "spaces")
    try:
        events = cast("Iterator[yaml.Event]", _parse(text, Loader=yaml.SafeLoader))
        node = _Composer(path).document(events)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, wrong = mark.line + 1 if mark else 0, f"this is not YAML: {error.problem}"
        raise ScenarioError(path, line, "", wrong, QUOTED) from None
    except yaml.YAMLError as error:
        reason = getattr(error, "reason", None) or str(error).partition("\n")[0]
        raise ScenarioError(path, 0, "", f"this is not YAML: {reason}") from None
    _name(node, "")
    return node


def _text(path: Path) -> str:
    try:
        if not path.exists():
            raise ScenarioError(path, 0, "", "there is no such file")
        if not path.is_file():
            raise ScenarioError(path, 0, "", "this is no file", "a YAML file")
        size = path.stat().st_size
        if size > LARGEST_BYTES:
            raise ScenarioError(
                path,
                0,
                "",
                f"{size:,} bytes are too many for a scenario",
                f"{LARGEST_BYTES:,} bytes",
            )
        content = path.read_bytes()
    except OSError as error:
        raise ScenarioError(path, 0, "", f"cannot be read: {error.strerror}") from None
    try:
        text = content.removeprefix(b"\xef\xbb\xbf").decode()
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ScenarioError(path, line, "", "this is not text in UTF-8", "UTF-8") from None
    if "\0" in text:
        raise ScenarioError(path, 0, "", "this is binary data", "text in UTF-8")
    return text


class _Composer:
    """Builds nodes from the parser's events, so that no file can make it recurse or multiply."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._anchors: dict[str, Node] = {}
        self._open: list[tuple[Node, str | None, int]] = []  # containers; the waiting key, its line
        self._names: list[str] = []  # the anchor of each open container
        self._root: Node | None = None
        self._documents = 0

    def document(self, events: Iterator[yaml.Event]) -> Node:
        for event in events:
            self._take(event)
        if self._root is None:
            raise ScenarioError(self._file, 0, "", "the file is empty", "a scenario")
        return self._root

    def _take(self, event: yaml.Event) -> None:
        line = event.start_mark.line + 1 if event.start_mark else 0
        match event:
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    raise self._wrong(line, "a second document begins", "one scenario a file")
            case yaml.AliasEvent():
                self._add(self._alias(event.anchor, line), line)
            case yaml.ScalarEvent():
                self._check_tag(event, line)
                value = event.value if event.style else _plain(event.value)
                self._close(Node(value, self._file, line), event.anchor)
            case yaml.SequenceStartEvent() | yaml.MappingStartEvent():
                self._check_tag(event, line)
                self._begin(event, line)
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                self._close(self._open.pop()[0], self._names.pop())
            case _:
                pass

    def _begin(self, event: yaml.SequenceStartEvent | yaml.MappingStartEvent, line: int) -> None:
        if len(self._open) == DEEPEST:
            raise self._wrong(line, "nested too deep", f"{DEEPEST} levels")
        if self._open and self._is_key():
            raise self._wrong(line, "a key is a list or a mapping", "texts as keys")
        empty: Value = {} if isinstance(event, yaml.MappingStartEvent) else []
        self._open.append((Node(empty, self._file, line), None, 0))
        self._names.append(event.anchor or "")

    def _alias(self, anchor: str, line: int) -> Node:
        if anchor not in self._anchors:
            raise self._wrong(line, f"the alias *{anchor} names nothing that stands before it")
        node = self._anchors[anchor]
        return Node(node.value, node.file, node.line, "", node.size)

    def _close(self, node: Node, anchor: str | None) -> None:
        if anchor:
            self._anchors[anchor] = node
        self._add(node, node.line)

    def _add(self, node: Node, line: int) -> None:
        """Put a whole value where it belongs."""
        if not self._open:
            self._root = node
            return
        parent, key, key_line = self._open[-1]
        if isinstance(parent.value, list):
            parent.value.append(node)
        elif isinstance(parent.value, dict) and key is None:
            self._open[-1] = (parent, self._key(parent.value, node, line), line)
            return
        elif isinstance(parent.value, dict) and key is not None:
            node.line = key_line
            parent.value[key] = node
            self._open[-1] = (parent, None, 0)
        parent.size += node.size
        if parent.size > MOST_VALUES:
            raise self._wrong(
                line,
                "holds too many values, aliases counted as they are used",
                f"{MOST_VALUES:,} values",
            )

    def _is_key(self) -> bool:
        parent, key, _ = self._open[-1]
        return isinstance(parent.value, dict) and key is None

    def _key(self, mapping: dict[str, Node], node: Node, line: int) -> str:
        if isinstance(node.value, list | dict | bool) or node.value is None:
            raise self._wrong(line, f"{node.shown} as a key", "texts as keys")
        key = str(node.value)
        if key in mapping:
            raise ScenarioError(
                self._file, line, key, f"stands here twice, first in line {mapping[key].line}"
            )
        return key

    def _check_tag(self, event: yaml.NodeEvent, line: int) -> None:
        tag = getattr(event, "tag", None)
        if tag not in (None, "!"):
            raise self._wrong(line, f"the tag {tag[:60]!r}", "plain values, without tags")

    def _wrong(self, line: int, reason: str, allowed: str = "") -> ScenarioError:
        return ScenarioError(self._file, line, "", reason, allowed)


def _plain(text: str) -> Value:
    """What an unquoted scalar is; `yes`, `no` and dates are texts."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else text


def _name(node: Node, key: str) -> None:
    """Give a value and all that is in it their paths; what an alias repeats keeps its first."""
    node.key = node.key or key
    if isinstance(node.value, dict):
        for name, child in node.value.items():
            _name(child, f"{key}.{name}" if key else name)
    elif isinstance(node.value, list):
        for place, child in enumerate(node.value):
            _name(child, f"{key}[{place}]")
