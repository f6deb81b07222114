"""The block `bot` in, what it answers, with which tools and in which voice out."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from bench.replay.document import Node, nearest
from bench.replay.scenario import BotTool, Voice
from bench.replay.sections import Section, items, mapping, text
from bench.simulation.context import RESULT, Reply

KEYS = ("replies", "tools", "voice")
REPLY_KEYS = ("match", "say", "tool", "arguments")
TOOL_KEYS = ("name", "result", "takes_ms")
MOST_TOOLS = 100
LONGEST_SECONDS = 600.0  # that a tool may take
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")


def tools_of(node: Node | None) -> tuple[BotTool, ...]:
    """The bot's tools."""
    section = Section(node, KEYS) if node is not None else None
    if section is None or "tools" not in section:
        return ()
    tools: dict[str, BotTool] = {}
    for item in items(section["tools"], most=MOST_TOOLS):
        tool = _tool(Section(item, TOOL_KEYS, required=("name", "result")))
        if tool.name in tools:
            raise item.wrong(f"the tool {tool.name!r} comes up twice", "each one once")
        tools[tool.name] = tool
    return tuple(tools.values())


def replies_of(
    node: Node | None, voice: Voice, tools: Sequence[BotTool] = ()
) -> tuple[tuple[Reply, ...], Voice | None]:
    """The bot's fixed answers, and its voice when that is rendered."""
    if node is None:
        return (), None
    section = Section(node, KEYS)
    rendered = section.choice("voice", ("tones", "rendered"), "tones") == "rendered"
    replies: list[Reply] = []
    for item in items(section["replies"], most=500) if "replies" in section else ():
        if replies and replies[-1].match == "*":
            raise item.wrong("comes after '*', which matches everything", "'*' last")
        replies.append(_reply(Section(item, REPLY_KEYS, required=("match", "say")), tools))
    if rendered and not replies:
        raise section["voice"].wrong("is rendered", "rendered with fixed replies only")
    return tuple(replies), voice if rendered else None


def _tool(section: Section) -> BotTool:
    name = section.text("name")
    if not _NAME.fullmatch(name):
        raise section["name"].wrong(f"is {section['name'].shown}", "a name as in find_tables")
    takes = section.seconds("takes_ms", 0.0, 0.0, LONGEST_SECONDS)
    return BotTool(name, " ".join(section.text("result").split()), takes)


def _reply(section: Section, tools: Sequence[BotTool]) -> Reply:
    match, say = section.text("match"), " ".join(section.text("say").split())
    if "tool" not in section:
        if "arguments" in section:
            raise section["arguments"].wrong("are those of a tool, and none is called", "tool")
        if RESULT in say:
            raise section["say"].wrong(f"tells the {RESULT} of a tool, and none is called", "tool")
        return Reply(match, say)
    name, known = section.text("tool"), [tool.name for tool in tools]
    if name not in known:
        allowed = known or "the names of bot.tools, and there are none"
        guess = nearest(name, known)
        raise section["tool"].wrong(f"there is no tool {name!r}{guess}", allowed)
    arguments = {key: _bare(value) for key, value in _arguments(section).items()}
    return Reply(match, say, name, json.dumps(arguments, ensure_ascii=False))


def _arguments(section: Section) -> dict[str, Node]:
    return mapping(section["arguments"]) if "arguments" in section else {}


def _bare(node: Node) -> Any:
    """What JSON can hold: a text, a number, true or false, or a list of texts."""
    if isinstance(node.value, list):
        return [text(item) for item in items(node)]
    if isinstance(node.value, dict) or node.value is None:
        raise node.wrong(f"is {node.shown}", "a text, a number, true, false, a list of texts")
    return node.value
