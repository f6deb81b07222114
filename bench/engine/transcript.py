"""What was said, cut at what was heard."""

from __future__ import annotations

import enum
import itertools
from collections.abc import Callable

from bench.engine.tools import ToolResult


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

    def to_openai_messages(self, system_prompt: str | None = None) -> list[dict[str, str]]:
        """Chat messages as OpenAI and compatible services take them."""
        system = [{"role": "system", "content": system_prompt}] if system_prompt else []
        return system + [
            {"role": "user" if human else "assistant", "content": text}
            for human, text in self._spoken()
        ]

    def to_anthropic_messages(self) -> list[dict[str, str]]:
        """Messages as Claude takes them: roles alternate, the user begins."""
        merged: list[dict[str, str]] = []
        for human, text in self._spoken():
            role = "user" if human else "assistant"
            if merged and merged[-1]["role"] == role:
                merged[-1]["content"] += f"\n{text}"
            elif merged or human:
                merged.append({"role": role, "content": text})
        return merged

    def to_gemini_contents(self) -> list[dict[str, object]]:
        """Contents as Gemini takes them."""
        return [
            {"role": "user" if human else "model", "parts": [{"text": text}]}
            for human, text in self._spoken()
        ]

    def _spoken(self) -> list[tuple[bool, str]]:
        return [(m.sender is Sender.HUMAN, text) for m in self.event_logs if (text := m.text)]

    def _add(self, message: Message) -> Message:
        self.event_logs.append(message)
        return message
