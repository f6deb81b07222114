"""The tools that a scenario gives its bot in, tools that a model can call out."""

from __future__ import annotations

import json
from typing import Any

from bench import clock
from bench.engine.tools import Tool, ToolFunction, Tools
from bench.replay.scenario import BotTool, Scenario

_TYPES: dict[type, str] = {str: "string", bool: "boolean", int: "integer", float: "number"}


def offer(tools: Tools, scenario: Scenario) -> None:
    """Add a scenario's tools; their parameters are the arguments that its replies have for them."""
    for tool in scenario.tools:
        properties = dict[str, Any]()
        for reply in scenario.replies:
            if reply.tool == tool.name:
                values: dict[str, Any] = json.loads(reply.arguments)
                properties |= {name: _schema(value) for name, value in values.items()}
        schema: dict[str, Any] = {"type": "object", "properties": properties, "required": []}
        tools.add(Tool(tool.name, tool.name.replace("_", " "), schema, _function(tool)))


def _function(tool: BotTool) -> ToolFunction:
    async def give(**arguments: Any) -> str:
        await clock.sleep(tool.takes_seconds)
        return tool.result

    return give


def _schema(value: Any) -> dict[str, Any]:
    if isinstance(value, list):
        return {"type": "array", "items": {"type": "string"}}
    return {"type": _TYPES[type(value)]}
