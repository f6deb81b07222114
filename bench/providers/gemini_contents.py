"""The history and tools in, what Gemini is asked with out, whichever SDK asks."""

from __future__ import annotations

from typing import Any

from bench.engine.tools import Tools
from bench.engine.transcript import Transcript
from bench.providers.spoken_part import CUT_OFF, SILENCE

MODEL = "gemini-3.1-flash-lite"
KEY_VARIABLE = "GEMINI_API_KEY"


def contents(transcript: Transcript, *, bare: bool = False) -> list[dict[str, Any]]:
    """The history, a list of `{"role", "parts"}`, the user's first and last; names of fields in
    snake_case.

    A part is `{"text"}`, `{"function_call": {"id", "name", "args"}, "thought_signature"}` (base64,
    where there is one) or `{"function_response": {"id", "name", "response"}}`. `bare` leaves out
    ids and signatures, which the older SDK does not know.
    """
    found = transcript.to_gemini_contents(cut_off=CUT_OFF, silence=SILENCE)
    if bare:
        for part in (part for content in found for part in content["parts"]):
            part.pop("thought_signature", None)
            for kind in ("function_call", "function_response"):
                part.get(kind, {}).pop("id", None)
    return found


def declarations(tools: Tools) -> list[dict[str, Any]]:
    """The tools: `{"name", "description", "parameters"}`, the last a JSON schema."""
    return [
        {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}
        for tool in tools
    ]
