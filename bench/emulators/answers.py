"""A caller's words in, the script's answer out token by token: what emulated models share."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, cast

from bench import clock
from bench.emulators.serving import Answer, HttpEmulator
from bench.emulators.trouble import Trouble, refuse, suffer
from bench.simulation.context import Reply
from bench.simulation.faults import Fault

AT_A_LOSS = "I am afraid I cannot say."
EVENTS = {"content-type": "text/event-stream", "transfer-encoding": "chunked"}
ERROR_AFTER_TOKENS = 2
FRAGMENT = 8  # characters of a tool's arguments, as long as a token or two
RESULT = "{result}"  # in a reply: what the tool gave
_TOKEN = re.compile(r"\s*\S+")


def one_each(text: str) -> int:
    """A word, or a piece of a call, is a token."""
    return 1


@dataclass(frozen=True, slots=True)
class Wish:
    """A tool that the model wants called; `arguments` is JSON."""

    name: str
    arguments: str

    @property
    def fragments(self) -> list[str]:
        """The arguments as they are written."""
        text = self.arguments
        return [text[place : place + FRAGMENT] for place in range(0, len(text), FRAGMENT)]


@dataclass(frozen=True, slots=True)
class Written:
    """What the model has to say: words, or tools that it wants called, with words before them;
    `counts` tells how many tokens each piece of it is."""

    text: str
    wishes: tuple[Wish, ...] = ()
    counts: Callable[[str], int] = one_each

    @property
    def weights(self) -> list[int]:
        """The tokens of each word, and of each piece of a call: the tool's name comes first."""
        return [*self._words, *(tokens for call in self._calls for tokens in call)]

    @property
    def whole_calls(self) -> list[int]:
        """The same, where a call comes in one piece."""
        return [*self._words, *map(sum, self._calls)]

    @property
    def tokens(self) -> int:
        """What it counts for."""
        return sum(self.weights)

    @property
    def _words(self) -> list[int]:
        return [self.counts(word) for word in tokens(self.text)]

    @property
    def _calls(self) -> list[list[int]]:
        return [
            [self.counts(piece) for piece in (wish.name, *wish.fragments)] for wish in self.wishes
        ]


def tokens(text: str) -> list[str]:
    """Words with the space before them, as which these models tell them."""
    return _TOKEN.findall(text)


def count(*said: object) -> int:
    """Tokens of texts, or of what holds texts."""
    return sum(len(tokens(words(one))) for one in said)


def words(content: object) -> str:
    """The text of a message, which is one or holds pieces with a `text` each."""
    if isinstance(content, str):
        return content
    pieces = cast("list[object]", content) if isinstance(content, list) else []
    return " ".join(
        str(cast("dict[str, object]", piece).get("text", ""))
        for piece in pieces
        if isinstance(piece, dict) and "text" in piece
    )


Mind = Callable[[Sequence[Mapping[str, Any]]], Reply]


def _history(body: Mapping[str, Any]) -> list[dict[str, str]]:
    """The messages of a request, in either of the forms that vendors have for them."""
    messages: list[dict[str, Any]] = body.get("messages") or body.get("contents") or []
    spoken = ((one.get("role"), words(one.get("content", one.get("parts")))) for one in messages)
    return [
        {"role": "user" if role == "user" else "assistant", "content": text}
        for role, text in spoken
        if text and role in ("user", "assistant", "model")
    ]


class LanguageModel(HttpEmulator):
    """A server that answers with the first of `replies` that fits the user's newest words.

    A reply with a tool has it called first, if the request offers it; replies right after it that
    fit as well and say nothing are further tools, called with it. `aside` is said before any tool.

    A `mind` answers in their place: it is given the messages (`role` user or assistant, `content`)
    and gives the reply. `first` and `every` draw the seconds before the first token and before each
    further one, of which `counts` has a word be some.
    `refuses_with` is an HTTP status that every request meets; `error_event` the vendor's name of an
    error that breaks off every streamed answer after `error_after` tokens, `lingers` the seconds
    for which a streamed answer is left open after its end, `ends_with` the vendor's name of a
    reason for which every answer ends with nothing said. `requests` keeps the bodies that were
    sent, `gone` the instants at which a client hung up in the middle of an answer.
    """

    usual_key: ClassVar[str] = ""
    malformed: ClassVar[bytes] = b""  # a piece that the protocol does not allow

    def __init__(
        self,
        replies: Sequence[Reply] = (),
        *,
        key: str | None = None,
        first: Callable[[], float] = lambda: 0.3,
        every: Callable[[], float] = lambda: 0.02,
        counts: Callable[[str], int] = one_each,
        mind: Mind | None = None,
        aside: str = "",
        refuses_with: int = 0,
        error_event: str = "",
        error_after: int = ERROR_AFTER_TOKENS,
        lingers: float = 0.0,
        ends_with: str = "",
        faults: Iterable[Fault] = (),
        turn: Callable[[], int] | None = None,
    ) -> None:
        super().__init__()
        self.replies, self.key = tuple(replies), self.usual_key if key is None else key
        self.requests: list[dict[str, Any]] = []
        self._first, self._every, self._counts = first, every, counts
        self._mind, self._aside, self._lingers = mind, aside, lingers
        self._refuses_with, self._ends_with = refuses_with, ends_with
        self._error_event, self._error_after = error_event, error_after
        self._trouble = Trouble(faults, "llm", turn)

    @abstractmethod
    def _error(self, status: int, message: str = "", delay: float | None = None) -> dict[str, Any]:
        """The body of a refusal; `delay` is after how many seconds to try again."""

    @abstractmethod
    def _error_piece(self, named: str) -> bytes:
        """An error, by the vendor's name, in the middle of a stream."""

    async def _refused(self, answer: Answer) -> bool:
        """Turn a request down, if that is what it is to meet."""
        if self._refuses_with:
            answer.whole(self._refuses_with, self._error(self._refuses_with, delay=7.0))
            return True
        if (fault := self._trouble.begins()) is None:
            return False
        delay = fault.retry_after_seconds
        await refuse(fault, answer, {429: self._error(429, delay=delay), 503: self._error(503)})
        return True

    def _written(
        self,
        body: Mapping[str, Any],
        asked: str,
        offered: Collection[str],
        results: Sequence[str] | None,
    ) -> Written:
        """The answer to a request and the newest words in it, given the names of the tools there
        are and, once tools were called, what they gave."""
        if self._ends_with:
            return Written("")
        if self._mind is not None:
            return Written(self._mind(_history(body)).say, counts=self._counts)
        fitting = (place for place, reply in enumerate(self.replies) if reply.fits(asked))
        if (place := next(fitting, None)) is None:
            return Written(AT_A_LOSS, counts=self._counts)
        reply = self.replies[place]
        if reply.tool not in offered or results is not None:
            said = reply.say.replace(RESULT, ", ".join(results or ()))
            return Written(said, counts=self._counts)
        wishes = [Wish(reply.tool, reply.arguments)]
        for more in self.replies[place + 1 :]:
            if more.say or more.tool not in offered or not more.fits(asked):
                break
            wishes.append(Wish(more.tool, more.arguments))
        return Written(self._aside, tuple(wishes), self._counts)

    async def _thinks(self, written: Written) -> None:
        """As long as it takes to write it all."""
        await clock.sleep(self._first() + sum(self._every() for _ in range(1, written.tokens)))

    async def _writes(
        self, answer: Answer, pieces: Iterable[bytes], weights: Sequence[int]
    ) -> bool:
        """A stream's pieces, each with its last token, in time; False when the answer was broken
        off. What is to come after so many tokens comes before the piece that follows them."""
        slow = self._trouble.suffers(("slow",))
        factor = slow.factor if slow is not None else 1.0
        looked, told = 0, 0
        for piece, weight in zip(pieces, weights, strict=True):
            fault = self._trouble.breaks(looked, told + 1)
            if fault is not None and await suffer(fault, answer, self.malformed):
                return False
            if self._error_event and looked <= self._error_after <= told:
                answer.write(self._error_piece(self._error_event))
                answer.end()
                return False
            wait = sum(self._every() for _ in range(weight)) if told else self._first()
            await clock.sleep(factor * wait)
            answer.write(piece)
            looked, told = told + 1, told + weight
        return True

    async def _ends(self, answer: Answer) -> None:
        """The last piece was written."""
        if self._lingers:
            await clock.sleep(self._lingers)
        answer.end()
