"""Words in, text out as it is thought of: the seam every language model fits."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench import clock
from bench.engine.patience import Patience
from bench.engine.settings import ConversationSettings
from bench.engine.synthesizer import BaseMessage
from bench.engine.tools import CALLED_OFF, ToolCall, ToolResult, Tools
from bench.engine.transcriber import Transcription
from bench.engine.transcript import Message, Transcript
from bench.engine.worker import InterruptibleEvent, InterruptibleWorker
from bench.errors import BrokenStream, Stalled
from bench.events import AgentFinished, AgentRequested, FirstToken, ToolCalled, ToolReturned

MOST_ROUNDS = 8  # of tools, for one answer


@dataclass(slots=True)
class GeneratedResponse:
    """A piece of the answer, or the whole of it.

    `message.text` is taken as it comes, spaces and all. `ends_call` hangs up once it has been
    heard; `usage` is the provider's own account (token counts by name), the newest counts.
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


class BaseAgent(InterruptibleWorker):
    """Answers the user's turns one by one; write `generate_response`.

    `input_queue` takes `TranscriptionAgentInput`, `output_queue` gives `AgentResponse`. It needs no
    code about interruption: an interrupted answer's generator is closed where it stands.
    """

    provider = ""
    model = ""

    def __init__(self, agent_config: Any = None) -> None:
        super().__init__()
        self.agent_config = agent_config
        self.transcript = Transcript()
        self.settings = ConversationSettings()
        self.tools = Tools()
        self.speaking: Message | None = None  # the bot's message that plays, or played last
        self.settled: Callable[[], Awaitable[None]] | None = None  # history is true again after it
        self.on_answer: Callable[[AgentResponse], None] | None = None

    def generate_response(
        self, human_input: str, is_interrupt: bool, conversation_id: str
    ) -> AsyncGenerator[GeneratedResponse, None]:
        """Answer, in one `GeneratedResponse` or in many as the text comes (an async generator).

        `is_interrupt`: the user cut in; `transcript` then holds what they heard of the last answer.
        """
        raise NotImplementedError(f"{self.name} must write generate_response()")

    def is_complete(self, text: str) -> bool:
        """Whether the words so far are a whole utterance to this agent; False: cannot tell."""
        return False

    def cancel_current_task(self) -> bool:
        """Stop answering; False when nothing was being answered."""
        return self._current is not None and self._current.interrupt()

    def update_last_bot_message_on_cut_off(self, text: str) -> None:
        """Let the history hold `text`, what was heard, of the message that was being spoken."""
        if (message := self.speaking) is not None:
            message.settle(text, interrupted=True, estimated=message.estimated)

    _current: TranscriptionAgentInput | None = None

    async def process(self, item: TranscriptionAgentInput) -> None:
        """Answer one turn; a failure ends the answer, with a mark, and not the agent."""
        self._current, self.turn = item, item.turn
        if item.message is None:
            item.message = self.transcript.add_human_message(item.transcription.message)
        if self.settled is not None:
            await self.settled()
        answer = _Answer(self, item)
        began_at = clock.now()
        try:
            await self._answer(item, answer)
        except TimeoutError:
            waited = round(clock.now() - began_at, 6)
            self.failed(Stalled(self.provider or self.name, "no text within the deadline", waited))
            await answer.close(failed=True)
        except Exception as error:  # the turn fails, the conversation goes on
            self.failed(error, round(clock.now() - began_at, 6))
            await answer.close(failed=True)
        except asyncio.CancelledError:
            answer.abandon()
            raise
        finally:
            if self._current is item:
                self._current = None

    async def _answer(self, item: TranscriptionAgentInput, answer: _Answer) -> None:
        self.record(AgentRequested(self.provider or self.name, self.model, turn=item.turn))
        for _ in range(MOST_ROUNDS):
            calls = await self._generate(item, answer)
            if not calls:
                await answer.close()
                return
            await self._use(calls, item)
            answer.next_round()
        raise BrokenStream(self.provider or self.name, f"{MOST_ROUNDS} rounds of tools, no answer")

    async def _generate(self, item: TranscriptionAgentInput, answer: _Answer) -> list[ToolCall]:
        """One round: the text goes on its way; the tools that the agent wants come back."""
        said, stall_seconds = item.transcription, self.settings.stall_seconds
        calls = list[ToolCall]()
        responses = self.generate_response(said.message, said.is_interrupt, item.conversation_id)
        async with (
            contextlib.aclosing(responses),
            Patience(self.settings.first_result_seconds) as patience,
        ):
            async for response in responses:
                calls += response.tool_calls
                if self.output_queue.full():
                    patience.suspend()  # the slow ones are downstream
                await answer.add(response)
                patience.extend(stall_seconds)
        return calls

    async def _use(self, calls: Sequence[ToolCall], item: TranscriptionAgentInput) -> None:
        """Call tools, side by side; their results enter the history, in the order of the calls."""
        for call in calls:
            self.record(ToolCalled(call.name, call.arguments, turn=item.turn))
        results = [ToolResult(call, CALLED_OFF, failed=True) for call in calls]

        async def use(place: int, call: ToolCall) -> None:
            results[place] = await self.tools.run(call, self.settings.tool_seconds)

        try:
            await asyncio.gather(*(use(place, call) for place, call in enumerate(calls)))
        finally:
            for result in results:
                fact = ToolReturned(result.call.name, result.text, result.failed, turn=item.turn)
                self.record(fact)
            if item.message is not None:
                item.message.tools += results


class _Answer:
    """The pieces of one answer, put on the agent's output queue."""

    def __init__(self, agent: BaseAgent, item: TranscriptionAgentInput) -> None:
        self._agent, self._item = agent, item
        self._first: AgentResponse | None = None
        self._pieces = 0
        self._usage: dict[str, int] = {}  # of this round
        self._used = Counter[str]()  # in the rounds before it
        self._ends_call = item.ends_call

    async def add(self, response: GeneratedResponse) -> None:
        self._usage |= response.usage or {}
        if self._first is None and not response.message.text and response.tool_calls:
            return  # nothing is said yet
        if self._first is None:  # the first piece stands for the whole answer
            self._item.is_interruptible = response.is_interruptible
        if response.message.text:
            self._pieces += 1
        if response.ends_call:
            self._ends_call = True
        piece, queue = self._piece(response), self._agent.output_queue
        if queue.full():
            await self._put(piece)
        else:
            queue.put_nowait(piece)

    def next_round(self) -> None:
        """The agent begins anew: what it counts, it counts from 0."""
        self._used.update(self._usage)
        self._usage = {}

    async def close(self, *, failed: bool = False) -> None:
        if not failed:
            agent = self._agent
            self.next_round()
            fact = AgentFinished(
                agent.provider or agent.name, self._pieces, dict(self._used), turn=self._item.turn
            )
            agent.record(fact)
        end = GeneratedResponse(BaseMessage(""), ends_call=self._ends_call)
        await self._put(self._piece(end, is_last=True, failed=failed))

    def abandon(self) -> None:
        """Called off: what was said so far stands, unless the answer is called off too."""
        queue, first = self._agent.output_queue, self._first
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
        agent, item, first = self._agent, self._item, self._first
        turn = item.turn
        piece = AgentResponse(
            response, turn=turn, asked=item, first=first, is_last=is_last, failed=failed
        )
        if first is None:
            self._first = piece
            if not failed and response.message.text:
                agent.record(FirstToken(agent.provider or agent.name, turn=turn))
            if agent.on_answer is not None:
                agent.on_answer(piece)
        return piece

    async def _put(self, piece: AgentResponse) -> None:
        try:
            await self._agent.output_queue.put(piece)
        except asyncio.CancelledError:
            piece.done()  # it never went on its way
            raise
