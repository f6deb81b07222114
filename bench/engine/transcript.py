"""What was said, cut at what was heard."""

from __future__ import annotations

import enum
import itertools
import json
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from bench.engine.tools import ToolCall, ToolResult

BLOCKS = "["  # begins the mark of a call of Claude's, which is JSON


class Sender(enum.StrEnum):
    """Who said it."""

    HUMAN = "human"
    BOT = "bot"


class Message:
    """One thing said.

    `text` of a bot's message is what was heard of it at the time of asking: it grows while it plays
    and is final afterwards. `intended` is all that was to be said. `interrupted` marks a message
    cut short. `tools` are the tools that were called to answer a user's message, with their
    results.
    """

    _ids = itertools.count(1)

    def __init__(self, sender: Sender, text: str, *, intended: str | None = None) -> None:
        self.id = next(self._ids)
        self.sender = sender
        self.intended = text if intended is None else intended
        self.interrupted = False
        self.estimated = False
        self.tools: list[ToolResult] = []
        self._text = text
        self._live: Callable[[], str] | None = None

    @property
    def text(self) -> str:
        """What was said and heard."""
        return self._live() if self._live is not None else self._text

    def follow(self, heard_so_far: Callable[[], str]) -> None:
        """Take the text from the ledger while the message plays."""
        self._live = heard_so_far

    def settle(self, text: str, *, interrupted: bool = False, estimated: bool = False) -> None:
        """Fix the text: what was heard in the end."""
        self._live = None
        self._text, self.interrupted, self.estimated = text, interrupted, estimated

    def __repr__(self) -> str:
        cut = " (cut off)" if self.interrupted else ""
        return f"<{self.sender}: {self.text!r}{cut}>"


class Said(NamedTuple):
    """Words of the user's, or what was heard of the bot's."""

    human: bool
    text: str


class Used(NamedTuple):
    """Tools that were called side by side; `is_newest`: the answer to the newest words goes on with
    what they gave."""

    results: list[ToolResult]
    is_newest: bool


class Transcript:
    """The conversation so far, in the order it was said."""

    def __init__(self) -> None:
        self.event_logs: list[Message] = []

    def add_human_message(self, text: str) -> Message:
        """The user said `text`."""
        return self._add(Message(Sender.HUMAN, text))

    def add_bot_message(self, text: str, *, intended: str | None = None) -> Message:
        """The bot says `text`; keep the message to correct it when it is cut off."""
        return self._add(Message(Sender.BOT, text, intended=intended))

    def remove(self, message: Message) -> None:
        """Forget a message of which nothing was heard; unknown ones are ignored."""
        if message in self.event_logs:
            self.event_logs.remove(message)

    def last(self, sender: Sender) -> Message | None:
        """The newest message of one side."""
        return next((m for m in reversed(self.event_logs) if m.sender is sender), None)

    def unanswered(self) -> list[str]:
        """What the user said since the bot was last heard."""
        said: list[str] = []
        for message in reversed(self.event_logs):
            if message.sender is Sender.BOT:
                break
            said.append(message.text)
        return said[::-1]

    def to_openai_messages(
        self, system_prompt: str | None = None, *, cut_off: str = ""
    ) -> list[dict[str, Any]]:
        """Chat messages as OpenAI and compatible services take them.

        `cut_off` is put after what was heard of a message that was cut off.
        """
        messages: list[dict[str, Any]] = []
        if system_prompt:
            messages.append({"role": "system", "content": system_prompt})
        for entry in self._entries(cut_off):
            if isinstance(entry, Said):
                role = "user" if entry.human else "assistant"
                messages.append({"role": role, "content": entry.text})
                continue
            if not messages or messages[-1]["role"] != "assistant":
                messages.append({"role": "assistant", "content": None})
            messages[-1]["tool_calls"] = [_openai_call(result.call) for result in entry.results]
            messages += [
                {"role": "tool", "tool_call_id": result.call.id, "content": result.text}
                for result in entry.results
            ]
        return messages

    def to_anthropic_messages(
        self, *, cut_off: str = "", silence: str = ""
    ) -> list[dict[str, Any]]:
        """Messages as Claude takes them: roles alternate, the user begins.

        `silence` stands for the user where the bot spoke unasked, at the beginning and at the end;
        without it the bot's first words are left out. The `mark` of a call holds the blocks of
        thought before it, in JSON: they go back, first of all, as long as its answer goes on.
        """
        turns: list[tuple[str, list[dict[str, Any]]]] = []

        def add(role: str, blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
            if turns and turns[-1][0] == role:
                turns[-1][1].extend(blocks)
                return turns[-1][1]
            if not turns and role == "assistant":
                if not silence:
                    return []
                turns.append(("user", [_text(silence)]))
            turns.append((role, blocks))
            return blocks

        for entry in self._entries(cut_off):
            if isinstance(entry, Said):
                add("user" if entry.human else "assistant", [_text(entry.text)])
                continue
            turn = add("assistant", [_anthropic_call(result.call) for result in entry.results])
            turn[:0] = _thoughts(entry)
            add("user", [_anthropic_result(result) for result in entry.results])
        if silence and (not turns or turns[-1][0] == "assistant"):
            add("user", [_text(silence)])
        return [{"role": role, "content": _content(blocks)} for role, blocks in turns]

    def to_gemini_contents(self, *, cut_off: str = "", silence: str = "") -> list[dict[str, Any]]:
        """Contents as Gemini takes them; a call's `mark` is its thought signature, in base64.

        Roles alternate; `silence` stands for the user where the bot spoke unasked, as for Claude.
        """
        contents: list[dict[str, Any]] = []

        def add(role: str, parts: list[dict[str, Any]]) -> None:
            if not contents and role == "model" and silence:
                contents.append({"role": "user", "parts": [{"text": silence}]})
            if contents and contents[-1]["role"] == role:
                contents[-1]["parts"] += parts
            else:
                contents.append({"role": role, "parts": parts})

        for entry in self._entries(cut_off):
            if isinstance(entry, Said):
                add("user" if entry.human else "model", [{"text": entry.text}])
            else:
                add("model", [_gemini_call(result.call) for result in entry.results])
                add("user", [_gemini_result(one) for one in entry.results])
        if silence and (not contents or contents[-1]["role"] == "model"):
            add("user", [{"text": silence}])
        return contents

    def _entries(self, cut_off: str) -> list[Said | Used]:
        """What was said, and what tools gave after the user's words that they helped to answer.

        The newest results end the history: what was heard of an answer that goes on comes first.
        """
        entries: list[Said | Used] = []
        newest: list[Used] = []
        asked = self.last(Sender.HUMAN)
        for message in self.event_logs:
            if (text := message.text).strip():
                mark = cut_off if message.interrupted else ""
                entries.append(Said(message.sender is Sender.HUMAN, text + mark))
            if message is asked:
                newest = _steps(message.tools, is_newest=True)
            else:
                entries += _steps(message.tools, is_newest=False)
        return [*entries, *newest]

    def _add(self, message: Message) -> Message:
        self.event_logs.append(message)
        return message


def _steps(results: Iterable[ToolResult], *, is_newest: bool) -> list[Used]:
    steps = itertools.groupby(results, key=lambda result: result.step)
    return [Used(list(those), is_newest) for _, those in steps]


def _openai_call(call: ToolCall) -> dict[str, Any]:
    # Some services read the arguments again, and refuse a history in which they make no sense.
    arguments = call.arguments if _arguments(call) else "{}"
    function = {"name": call.name, "arguments": arguments}
    return {"id": call.id, "type": "function", "function": function}


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _anthropic_call(call: ToolCall) -> dict[str, Any]:
    return {"type": "tool_use", "id": call.id, "name": call.name, "input": _arguments(call)}


def _thoughts(used: Used) -> list[dict[str, Any]]:
    """Claude's blocks of thought before a call; what else a mark holds is another vendor's."""
    mark = used.results[0].call.mark if used.is_newest else ""
    return json.loads(mark) if mark.startswith(BLOCKS) else []


def _anthropic_result(result: ToolResult) -> dict[str, Any]:
    block = {"type": "tool_result", "tool_use_id": result.call.id, "content": result.text}
    return block | ({"is_error": True} if result.failed else {})


def _content(blocks: list[dict[str, Any]]) -> str | list[dict[str, Any]]:
    """Words alone are a plain text."""
    if all(block["type"] == "text" for block in blocks):
        return "\n".join(block["text"] for block in blocks)
    return blocks


def _gemini_call(call: ToolCall) -> dict[str, Any]:
    part: dict[str, Any] = {
        "function_call": {"id": call.id, "name": call.name, "args": _arguments(call)}
    }
    is_signature = call.mark and not call.mark.startswith(BLOCKS)
    return part | ({"thought_signature": call.mark} if is_signature else {})


def _gemini_result(result: ToolResult) -> dict[str, Any]:
    call, outcome = result.call, {"error" if result.failed else "output": result.text}
    return {"function_response": {"id": call.id, "name": call.name, "response": outcome}}


def _arguments(call: ToolCall) -> dict[str, Any]:
    """The arguments, for vendors that take no text; those that make no sense are left out."""
    try:
        return call.values()
    except ValueError:
        return {}
