"""The user's words in, the front desk's answer out, word by word: an agent that needs no key."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Mapping
from copy import deepcopy
from typing import Any, NamedTuple

from bench import clock
from bench.engine.agent import BaseAgent, GeneratedResponse
from bench.engine.synthesizer import BaseMessage
from bench.engine.transcript import Message, Sender
from bench.simulation.front_desk import SLOTS, TEMPLATES, FrontDesk, Reply
from bench.simulation.front_desk_recall import sentences_of
from bench.simulation.front_desk_understanding import CONTROL, understand

__all__ = ["SLOTS", "TEMPLATES", "WORDS_PER_SECOND", "FrontDeskAgent"]

WORDS_PER_SECOND = 30.0  # about what a language model in the cloud writes
LONGEST_CATCH_UP_WORDS = 30  # an answer of more is a story: whoever went on does not want it


_REMARK = re.compile(r"\([^)]*\)")  # a transcriber's own, as in "(unclear)": nobody said it


class _Heard(NamedTuple):
    """Of the last answer: whether it was cut off, and what was heard of it (None: nothing)."""

    interrupted: bool
    heard: str | None


class FrontDeskAgent(BaseAgent):
    """A scripted front desk of a restaurant, at the pace at which a language model writes.

    `agent_config` may hold `words_per_second`; `greeting` is what it opens the call with. What was
    heard of its answers it reads from the transcript, which only holds that.
    """

    provider = "embedded"
    model = "front desk (scripted, not a language model)"

    def __init__(self, agent_config: Mapping[str, Any] | None = None) -> None:
        super().__init__(agent_config)
        pace = (agent_config or {}).get("words_per_second")
        self.words_per_second = WORDS_PER_SECOND if pace is None else float(pace)
        self._desk = FrontDesk()
        self.greeting = self._desk.greeting
        self._said = ""  # the last answer, as far as it was the desk's own
        self._caught_up = ""  # what was put in front of it
        self._asked: Message | None = None  # the user's message it answered
        self._before = self._desk, _Heard(False, None)  # of the first of the unanswered messages

    def is_complete(self, text: str) -> bool:
        """Whether the front desk could act on these words as they stand."""
        return self._desk.is_complete(_words(text))

    async def generate_response(
        self, human_input: str, is_interrupt: bool, conversation_id: str
    ) -> AsyncGenerator[GeneratedResponse, None]:
        """The front desk's answer, a word at a time at the set pace."""
        reply = self._reply(human_input)
        words = f"{self._caught_up} {reply.text}".split()
        began_at = clock.now()
        for number, word in enumerate(words, 1):
            await clock.sleep_until(began_at + number / self.words_per_second)
            text = word if number == 1 else f" {word}"
            ends_call = reply.ends_call and number == len(words)
            yield GeneratedResponse(BaseMessage(text), ends_call=ends_call)

    def _reply(self, human_input: str) -> Reply:
        unanswered = self.transcript.unanswered()
        if len(unanswered) < 2:
            heard = self._heard()
            self._before = deepcopy(self._desk), heard
            self._caught_up = ""
            reply = self._desk.reply(_words(human_input), **heard._asdict())
        else:
            reply = self._reply_to_all(unanswered)
        self._said, self._asked = reply.text, self.transcript.last(Sender.HUMAN)
        return reply

    def _reply_to_all(self, said: list[str]) -> Reply:
        """The user went on before a word of the answer was heard: go back, and take it all in."""
        before, heard = self._before
        self._desk = deepcopy(before)
        *earlier, newest = self._requests([words for text in said if (words := _words(text))])
        answers: list[str] = []
        for text in earlier:
            answer = self._desk.reply(text, **heard._asdict()).text
            if understand(text).intent and len(answer.split()) <= LONGEST_CATCH_UP_WORDS:
                answers += [one.strip() for one in sentences_of(answer) if not one.endswith("?")]
            heard = _Heard(True, None)
        steers = understand(newest).intent in CONTROL
        self._caught_up = "" if steers else " ".join(dict.fromkeys(answers))
        return self._desk.reply(newest, **heard._asdict())

    def _requests(self, said: list[str]) -> list[str]:
        """Messages that were begun and not finished are one with what follows them."""
        requests: list[str] = []
        trial = deepcopy(self._desk)
        for text in said:
            if requests and not trial.is_complete(requests[-1]):
                requests[-1] += f" {text}"
            else:
                requests.append(text)
        return requests or [""]

    def _heard(self) -> _Heard:
        """What became of the last answer, which may have been followed by other messages."""
        if self._asked is None:
            greeting = self.transcript.last(Sender.BOT)
            return _Heard(greeting is not None and greeting.interrupted, greeting and greeting.text)
        log = self.transcript.event_logs
        since = log[log.index(self._asked) + 1 :] if self._asked in log else []
        whole = f"{self._caught_up} {self._said}".strip()
        for message in since:
            if message.sender is Sender.BOT and whole.startswith(message.intended):
                text = message.text.removeprefix(self._caught_up).strip()
                return _Heard(message.interrupted, text or None)
        return _Heard(True, None)


def _words(text: str) -> str:
    return _REMARK.sub(" ", text).strip()
