"""Dataclasses in, values that JSON can hold out, and back by the classes' own annotations."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

T = TypeVar("T")


def to_plain(value: Any) -> Any:
    """A value as JSON has it; of a path only its name, so that no machine's folders are told."""
    if isinstance(value, type) or not dataclasses.is_dataclass(value):
        return _plain(value)
    return {field.name: to_plain(getattr(value, field.name)) for field in dataclasses.fields(value)}


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return value.name
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in cast(Mapping[Any, Any], value).items()}
    if isinstance(value, list | tuple):
        return [to_plain(item) for item in cast(list[Any], value)]
    return value


def from_plain(kind: type[T], plain: Any) -> T:
    """The inverse of `to_plain`: a dataclass from its fields; what is missing has its default.

    Raises:
        TypeError, ValueError: these are not the fields of such a class.
    """
    if not isinstance(plain, Mapping):
        raise TypeError(f"a {kind.__name__} is an object, not {type(plain).__name__}")
    hints = _hints(kind)
    values = cast(Mapping[str, Any], plain)
    if unknown := sorted(set(values) - set(hints)):
        raise TypeError(f"a {kind.__name__} has no {', '.join(unknown)}")
    return kind(**{name: _value(hints[name], value) for name, value in values.items()})


@cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _value(kind: Any, plain: Any) -> Any:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return None if plain is None else _value(arguments[0], plain)
    if origin is tuple:
        return tuple(_value(arguments[0], item) for item in plain)
    if origin is Literal:
        if plain not in arguments:
            raise ValueError(f"{plain!r} is none of {', '.join(map(str, arguments))}")
        return plain
    if isinstance(kind, type):
        return _instance(kind, plain)
    return plain


def _instance(kind: type, plain: Any) -> Any:
    if dataclasses.is_dataclass(kind):
        return from_plain(kind, plain)
    if issubclass(kind, Path):
        return Path(plain)
    if kind in (bool, int, str) and not isinstance(plain, kind):
        raise TypeError(f"{plain!r} is no {kind.__name__}")
    return float(plain) if kind is float else plain
