"""A request in, a refusal out where its model does not think as the request would have it.

As the vendors had it in November 2026; names of models that are not known here take everything.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast

_GPT = re.compile(r"gpt-(\d+)(?:\.(\d+))?(?:-|$)(?!chat)")
_CLAUDE = re.compile(r"claude-([a-z]+)-(\d+)(?:-(\d)(?!\d))?")
_GEMINI = re.compile(r"gemini-(\d+)(?:\.(\d+))?-(flash-lite|flash|pro)")
_EFFORTS = ("none", "low", "medium", "high", "xhigh", "max")
_LEVELS = ("minimal", "low", "medium", "high")


def check_openai(body: Mapping[str, Any]) -> None:
    """Raises:
    ValueError: the service would refuse.
    """
    model, effort = str(body["model"]), body.get("reasoning_effort")
    named = _GPT.match(model)
    version: tuple[int, ...] = tuple(int(one or 0) for one in named.groups()) if named else ()
    is_o = re.match(r"o\d", model) is not None
    if named is None and not is_o:
        return
    if not is_o and version < (5, 0):
        if effort is not None:
            raise ValueError("Unrecognized request argument: reasoning_effort")
        return
    if "max_tokens" in body:
        raise ValueError("Unsupported parameter: 'max_tokens'; want 'max_completion_tokens'.")
    if body.get("temperature", 1) != 1:
        raise ValueError("Unsupported value: 'temperature' has to be 1 with this model.")
    efforts = ("low", "medium", "high") if is_o else ("minimal", *_EFFORTS[1:4])
    efforts = _EFFORTS if version >= (5, 1) else efforts
    if effort is not None and effort not in efforts:
        raise ValueError(f"Unsupported value: {effort!r} is not supported with {model!r}.")
    unasked = "none" if version < (5, 6) else "medium"
    if body.get("tools") and version >= (5, 4) and (effort or unasked) != "none":
        raise ValueError(f"Function tools with reasoning_effort are not supported for {model}.")


def check_anthropic(body: Mapping[str, Any]) -> None:
    """Raises:
    ValueError: the service would refuse.
    """
    model = str(body["model"])
    named = _CLAUDE.match(model)
    if named is None:
        return
    tier, version = named[1], (int(named[2]), int(named[3] or 0))
    thinking = cast("Mapping[str, Any]", body.get("thinking") or {}).get("type")
    effort = cast("Mapping[str, Any]", body.get("output_config") or {}).get("effort")
    taken = {"adaptive"} if version >= (4, 6) else {"enabled"}
    if version >= (5, 5) and tier == "sonnet":
        taken.add("between_tools")
    elif not (tier in ("fable", "mythos") or (tier == "opus" and version >= (5, 5))):
        taken.add("disabled")
    if thinking is not None and thinking not in taken:
        raise ValueError(f'"thinking.type.{thinking}" is not supported for this model.')
    if effort is not None and (version < (4, 6) or effort not in _EFFORTS[1:]):
        raise ValueError("output_config.effort: not a value that this model takes")
    if version >= (5, 0) and {"temperature", "top_p", "top_k"} & set(body):
        raise ValueError("temperature, top_p and top_k are not supported for this model.")


def check_gemini(model: str, body: Mapping[str, Any]) -> None:
    """Raises:
    ValueError: the service would refuse.
    """
    config = cast("Mapping[str, Any]", body.get("generationConfig") or {})
    thinking = cast("Mapping[str, Any]", config.get("thinkingConfig") or {})
    # Either spelling of a name goes for protobuf's JSON; the SDK's is the one with underscores.
    level = thinking.get("thinkingLevel", thinking.get("thinking_level"))
    budget = thinking.get("thinkingBudget", thinking.get("thinking_budget"))
    if level is not None and budget is not None:
        raise ValueError("Thinking budget and thinking level cannot be set together.")
    named = _GEMINI.match(model)
    if named is None:
        return
    version, tier = (int(named[1]), int(named[2] or 0)), named[3]
    if level is not None:
        light = tier == "flash-lite" or (tier == "flash" and version < (3, 7))
        levels = () if version < (3, 0) else _LEVELS if light else _LEVELS[1:]
        if str(level).lower() not in levels:
            raise ValueError(f"Thinking level {level} is not supported for this model.")
    if budget == 0 and tier == "pro":
        raise ValueError("Budget 0 is invalid. This model only works in thinking mode.")
