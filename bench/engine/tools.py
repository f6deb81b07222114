"""A model's wish in, a function called, its result out: the tools an agent may use."""

from __future__ import annotations

import asyncio
import inspect
import json
import re
import types
import typing
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from bench import clock
from bench.errors import ConfigError, redacted

ToolFunction = Callable[..., Any] | Callable[..., Awaitable[Any]]

_NAME = re.compile(r"[A-Za-z_][\w-]{0,63}", re.ASCII)
CALLED_OFF = "called off: the caller spoke before there was a result"
TYPES: Mapping[object, str] = {str: "string", int: "integer", float: "number", bool: "boolean"}


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A model wants a tool called: `arguments` is JSON as the model wrote it, `id` the model's own
    name of the call; `mark` is whatever else the vendor wants back with the result."""

    id: str
    name: str
    arguments: str = "{}"
    mark: str = ""

    def values(self) -> dict[str, Any]:
        """The arguments by name.

        Raises:
            ValueError: they are not a JSON object.
        """
        content: object = json.loads(self.arguments or "{}")
        if not isinstance(content, dict):
            raise ValueError("want a JSON object")
        return cast("dict[str, Any]", content)


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool gave; `failed` when `text` says why it gave nothing. Those of one `step` were
    called side by side, those of the next one after them."""

    call: ToolCall
    text: str
    failed: bool = False
    step: int = 0


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that a model may call; `parameters` is the JSON schema of its arguments."""

    name: str
    description: str
    parameters: Mapping[str, Any]
    function: ToolFunction


class Tools:
    """The tools of one agent, by name.

    Functions become tools by `add`, also as a decorator: the name, the docstring and the annotated
    parameters (text, numbers, true or false, lists of these, a `Literal`; those with a default may
    be left out) are what the model is told::

        @agent.tools.add
        async def free_tables(day: str, people: int = 2) -> str:
            \"""How many tables are free on a day.\"""
    """

    def __init__(self) -> None:
        self._tools = dict[str, Tool]()

    def __bool__(self) -> bool:
        return bool(self._tools)

    def __iter__(self) -> Iterator[Tool]:
        return iter(self._tools.values())

    def add(self, function: ToolFunction | Tool) -> ToolFunction | Tool:
        """Offer a function, or a `Tool` made by hand, to the model.

        Raises:
            ConfigError: a parameter has no type that JSON has, or the name is taken, or none that
                models can write.
        """
        tool = function if isinstance(function, Tool) else _tool(function)
        if not _NAME.fullmatch(tool.name):
            raise ConfigError(
                f"a tool is called {tool.name!r}: want up to 64 letters, digits and _"
            )
        if tool.name in self._tools:
            raise ConfigError(f"there is a tool {tool.name} already")
        self._tools[tool.name] = tool
        return function

    async def run(self, call: ToolCall, seconds: float) -> ToolResult:
        """Call a tool; whatever goes wrong is told to the model, which may do better.

        A function that is no coroutine runs in a thread; one that takes longer than `seconds` is
        given up.
        """
        tool = self._tools.get(call.name)
        if tool is None:
            known = ", ".join(self._tools) or "none"
            return ToolResult(call, f"there is no tool {call.name}; there are: {known}", True)
        try:
            async with clock.deadline(seconds):
                result = await _called(tool.function, call.values())
        except TimeoutError:
            return ToolResult(call, f"no result within {seconds:g} s", True)
        except Exception as error:  # the model hears of it, and the conversation goes on
            return ToolResult(call, redacted(f"{type(error).__name__}: {error}"), True)
        text = result if isinstance(result, str) else json.dumps(result, default=str)
        return ToolResult(call, text)


async def _called(function: ToolFunction, values: Mapping[str, Any]) -> Any:
    if inspect.iscoroutinefunction(function):
        return await function(**values)
    result = await asyncio.to_thread(function, **values)
    return await result if inspect.isawaitable(result) else result


def _tool(function: ToolFunction) -> Tool:
    name = getattr(function, "__name__", type(function).__name__)
    hints = typing.get_type_hints(function)
    properties = dict[str, Any]()
    required = list[str]()
    for parameter in inspect.signature(function).parameters.values():
        where = f"the parameter {parameter.name} of the tool {name}"
        properties[parameter.name] = _schema(hints.get(parameter.name), where)
        if parameter.default is parameter.empty:
            required.append(parameter.name)
    schema = {"type": "object", "properties": properties, "required": required}
    return Tool(name, inspect.cleandoc(function.__doc__ or name), schema, function)


def _schema(kind: Any, where: str) -> dict[str, Any]:
    """The JSON schema of an annotation."""
    choices, origin = typing.get_args(kind), typing.get_origin(kind)
    if kind in TYPES:
        return {"type": TYPES[kind]}
    if origin is Literal and all(isinstance(choice, str) for choice in choices):
        return {"type": "string", "enum": list(choices)}
    if origin is list:
        return {"type": "array", "items": _schema(choices[0], where)}
    if origin in (types.UnionType, typing.Union) and len(choices) == 2 and type(None) in choices:
        return _schema(next(one for one in choices if one is not type(None)), where)
    raise ConfigError(f"{where} is {kind!r}: want a text, a number, true or false, or a list")
