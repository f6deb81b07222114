"""A model's name in, how much it thinks before it speaks out: a listener is waiting.

`effort` is what somebody wants, in the vendor's word; without it, as little as the model can. What
that is in each family is as its vendor had it in November 2026; a name that is not known gets
nothing, and so what the vendor does unasked.
"""

from __future__ import annotations

import re
from typing import Any

_GPT = re.compile(r"gpt-(?P<major>\d+)(?:\.(?P<minor>\d+))?(?P<rest>.*)")
_CLAUDE = re.compile(r"claude-(?P<tier>[a-z]+)-(?P<major>\d+)(?:-(?P<minor>\d)(?!\d))?")
_GEMINI = re.compile(
    r"(?:models/)?gemini-(?P<major>\d+)(?:\.(?P<minor>\d+))?-(?P<tier>flash-lite|flash|pro)"
)

LEAST = ("none", "minimal")  # OpenAI's words, which the others do not have, or not everywhere
ALWAYS_THINK = ("fable", "mythos")  # of Claude's families, and from 5.5 on the largest of the rest
LEAST_BUDGET = {"flash": 0, "flash-lite": 0, "pro": 128}  # tokens of thought, of Gemini 2.5


def openai_effort(model: str, effort: str | None = None) -> str | None:
    """`reasoning_effort`. From 5.4 on a model takes tools in chat completions only at "none"."""
    if effort:
        return effort
    if re.match(r"o\d", model):
        return "low"
    named = _GPT.fullmatch(model)
    if named is None or int(named["major"]) < 5 or re.search("chat|codex|audio", named["rest"]):
        return None
    return "minimal" if (named["major"], named["minor"]) == ("5", None) else "none"


def anthropic_thinking(model: str, effort: str | None = None) -> dict[str, Any]:
    """`thinking`, or else `output_config`, of a model that thinks unless told not to."""
    if effort and effort not in LEAST:
        return {"output_config": {"effort": effort}}
    named = _CLAUDE.match(model)
    if named is None or int(named["major"]) < 5:
        return {}
    tier, version = named["tier"], (int(named["major"]), int(named["minor"] or 0))
    if tier in ALWAYS_THINK or (tier == "opus" and version >= (5, 5)):
        return {"output_config": {"effort": "low"}}
    no_more = "between_tools" if tier == "sonnet" and version >= (5, 5) else "disabled"
    return {"thinking": {"type": no_more}}


def gemini_thinking(model: str, effort: str | None = None) -> dict[str, Any]:
    """`thinking_config`: a level, or before Gemini 3 a budget."""
    if effort and effort not in LEAST:
        return {"thinking_level": effort}
    named = _GEMINI.match(model)
    if named is None:
        return {}
    tier, version = named["tier"], (int(named["major"]), int(named["minor"] or 0))
    if version < (3, 0):
        budget = LEAST_BUDGET.get(tier) if version >= (2, 5) else None
        return {} if budget is None else {"thinking_budget": budget}
    is_light = tier == "flash-lite" or (tier == "flash" and version < (3, 7))
    return {"thinking_level": "minimal" if is_light else "low"}


class Aloud:
    """An answer's text as it comes in, the same without the thoughts that it begins with out.

    Some services leave them in it, between tags: nobody is to hear them.
    """

    OPENS, CLOSES = "<think>", "</think>"

    def __init__(self) -> None:
        self._held = ""
        self._is_past = False

    def feed(self, text: str) -> str:
        """What is to be said of the next piece, and of those before it."""
        if self._is_past:
            return text
        self._held += text
        head = self._held.lstrip()
        if head.startswith(self.OPENS):
            said = head.partition(self.CLOSES)[2].lstrip()
            self._is_past = bool(said)
            return said
        if self.OPENS.startswith(head):
            return ""
        self._is_past = True
        return self._held
