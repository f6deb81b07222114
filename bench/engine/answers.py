"""A user's turn in, the pieces of the answer to it out: what an agent takes and gives."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bench.engine.synthesizer import BaseMessage
from bench.engine.tools import ToolCall
from bench.engine.transcriber import Transcription
from bench.engine.transcript import Message
from bench.engine.worker import InterruptibleEvent
from bench.events import AgentFinished, Fact, FirstToken


@dataclass(slots=True)
class GeneratedResponse:
    """A piece of the answer, or the whole of it.

    `message.text` is taken as it comes, spaces and all; without any, a piece says that there is
    more to come. `ends_call` hangs up once it has been heard; `usage` is the provider's own account
    (token counts by name), the newest counts.
    `tool_calls` asks for tools of the agent's: when the generator is done they are called, their
    results stand in `tools` of the user's message, and the answer goes on with another
    `generate_response`.
    """

    message: BaseMessage
    is_interruptible: bool = True
    ends_call: bool = False
    usage: Mapping[str, int] | None = None
    tool_calls: tuple[ToolCall, ...] = ()


class TranscriptionAgentInput(InterruptibleEvent[Transcription]):
    """A user's turn for the agent; `message` is its place in the transcript, once it has one."""

    def __init__(
        self,
        transcription: Transcription,
        conversation_id: str = "",
        *,
        turn: int = 0,
        message: Message | None = None,
        ends_call: bool = False,
    ) -> None:
        super().__init__(transcription)
        self.conversation_id = conversation_id
        self.turn = turn
        self.message = message
        self.ends_call = ends_call

    @property
    def transcription(self) -> Transcription:
        """What the user said."""
        return self.payload


class AgentResponse(InterruptibleEvent[GeneratedResponse]):
    """A piece of an answer on its way to the synthesizer.

    The first piece stands for the whole answer: later ones share its fate. `is_last` closes the
    answer; `failed` says that it closes because the agent failed; `is_apology` that it tells of
    such a failure. `asked` is the user's turn that the agent answers, None when nobody asked.
    """

    def __init__(
        self,
        payload: GeneratedResponse,
        *,
        turn: int = 0,
        asked: TranscriptionAgentInput | None = None,
        first: AgentResponse | None = None,
        is_last: bool = False,
        failed: bool = False,
        is_apology: bool = False,
    ) -> None:
        super().__init__(payload, payload.is_interruptible)
        self.turn = turn
        self.asked = asked
        self._first = first
        self.is_last = is_last
        self.failed = failed
        self.is_apology = is_apology

    @property
    def first(self) -> AgentResponse:
        """The piece that stands for the whole answer."""
        return self._first or self

    @property
    def message(self) -> BaseMessage:
        """The text of this piece."""
        return self.payload.message

    def is_interrupted(self) -> bool:
        """Whether the answer was called off."""
        return (self._first or self).interrupted


ALL_TOKENS = ("total_tokens", "total_token_count")
TOKENS = (
    ("prompt_tokens", "input_tokens", "prompt_token_count"),
    ("completion_tokens", "output_tokens", "candidates_token_count"),
)
"""What vendors call all that was used, thoughts among it, and what was asked and answered."""
LETTERS_PER_TOKEN = 4  # of English, about


class Answer:
    """The pieces of one answer, put on an agent's output queue.

    `asked` is who gives it, `provider` their name; `on_answer` is told of the first piece, `record`
    of what happened.
    """

    def __init__(
        self,
        item: TranscriptionAgentInput,
        queue: asyncio.Queue[AgentResponse],
        record: Callable[[Fact], None],
        on_answer: Callable[[AgentResponse], None] | None,
    ) -> None:
        self.asked: object = None
        self.provider = ""
        self._item, self._queue, self._record = item, queue, record
        self._on_answer = on_answer
        self._first: AgentResponse | None = None
        self._pieces = 0
        self._said = list[str]()  # in this round
        self._usage: dict[str, int] = {}  # of this round
        self._used = Counter[str]()  # in the rounds before it
        self._ends_call = item.ends_call

    @property
    def pieces(self) -> int:
        """How many pieces with text were handed on."""
        return self._pieces

    @property
    def tokens(self) -> float:
        """What this round has used: by the provider's account, else by the letters of the text."""
        used = self._counted(ALL_TOKENS) or sum(map(self._counted, TOKENS))
        return float(used) or len("".join(self._said)) / LETTERS_PER_TOKEN

    async def add(self, response: GeneratedResponse) -> None:
        """Hand on the next piece; waits while the queue is full. One that says nothing is none."""
        self._usage |= response.usage or {}
        if not response.message.text and not response.ends_call:
            return
        if self._first is None:  # the first piece stands for the whole answer
            self._item.is_interruptible = response.is_interruptible
        if response.message.text:
            self._pieces += 1
            self._said.append(response.message.text)
        if response.ends_call:
            self._ends_call = True
        piece, queue = self._piece(response), self._queue
        if queue.full():
            await self._put(piece)
        else:
            queue.put_nowait(piece)

    async def pause(self) -> None:
        """Nothing comes for a while: what was said so far is to be spoken, and the next word is one
        of its own."""
        if self._first is not None:
            await self._put(self._piece(GeneratedResponse(BaseMessage(" "))))

    def next_round(self) -> None:
        """The agent begins anew: what it counts, it counts from 0."""
        self._used.update(self._usage)
        self._usage, self._said = {}, []

    async def close(self, *, failed: bool = False) -> None:
        """Hand on the end of it."""
        if not failed:
            self.next_round()
            used, turn = dict(self._used), self._item.turn
            self._record(AgentFinished(self.provider, self._pieces, used, turn=turn))
        end = GeneratedResponse(BaseMessage(""), ends_call=self._ends_call)
        await self._put(self._piece(end, is_last=True, failed=failed))

    def abandon(self) -> None:
        """Called off: what was said so far stands, unless the answer is called off too."""
        queue, first = self._queue, self._first
        if first is None or first.interrupted:
            return
        if queue.full():
            first.interrupt()
        else:
            end = GeneratedResponse(BaseMessage(""))
            queue.put_nowait(AgentResponse(end, turn=first.turn, first=first, is_last=True))

    def _piece(
        self, response: GeneratedResponse, *, is_last: bool = False, failed: bool = False
    ) -> AgentResponse:
        item, first = self._item, self._first
        turn = item.turn
        piece = AgentResponse(
            response, turn=turn, asked=item, first=first, is_last=is_last, failed=failed
        )
        if first is None:
            self._first = piece
            if not failed and response.message.text:
                self._record(FirstToken(self.provider, turn=turn))
            if self._on_answer is not None:
                self._on_answer(piece)
        return piece

    def _counted(self, names: tuple[str, ...]) -> int:
        return next((self._usage[name] for name in names if name in self._usage), 0)

    async def _put(self, piece: AgentResponse) -> None:
        try:
            await self._queue.put(piece)
        except asyncio.CancelledError:
            piece.done()  # it never went on its way
            raise
