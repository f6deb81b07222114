"""Words in, text out as it is thought of: the seam every language model fits."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Any

from bench import clock
from bench.engine.admission import Account
from bench.engine.answers import (
    AgentResponse,
    Answer,
    GeneratedResponse,
    TranscriptionAgentInput,
)
from bench.engine.fallback import Attempts, name_of
from bench.engine.patience import Patience
from bench.engine.settings import ConversationSettings
from bench.engine.tools import CALLED_OFF, ToolCall, ToolResult, Tools
from bench.engine.transcript import Message, Transcript
from bench.engine.worker import InterruptibleWorker
from bench.errors import BrokenStream, Stalled
from bench.events import AgentRequested, ToolCalled, ToolReturned

__all__ = ["AgentResponse", "BaseAgent", "GeneratedResponse", "TranscriptionAgentInput"]

MOST_ROUNDS = 8  # of tools, for one answer


class BaseAgent(InterruptibleWorker):
    """Answers the user's turns one by one; write `generate_response`.

    `input_queue` takes `TranscriptionAgentInput`, `output_queue` gives `AgentResponse`. It needs no
    code about interruption: an interrupted answer's generator is closed where it stands. `backup`
    answers when this one fails, from the same transcript and with the same tools and settings; it
    is no worker of its own.
    """

    provider = ""
    model = ""
    backup: BaseAgent | None = None
    account: Account | None = None  # units: tokens
    worked = False
    rests_until = 0.0

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

    async def warm_up(self) -> None:
        """Make ready for the first turn, before the conversation begins; nothing by default."""

    async def hang_up(self) -> None:
        """Close connections, at the end of the conversation; nothing by default."""

    _current: TranscriptionAgentInput | None = None

    async def process(self, item: TranscriptionAgentInput) -> None:
        """Answer one turn; a failure ends the answer, with a mark, and not the agent."""
        self._current, self.turn = item, item.turn
        if item.message is None:
            item.message = self.transcript.add_human_message(item.transcription.message)
        if self.settled is not None:
            await self.settled()
        answer = Answer(item, self.output_queue, self.record, self.on_answer)
        began_at = clock.now()
        try:
            await self._answer(item, answer)
        except Exception as error:  # the turn fails, the conversation goes on
            self.failed(error, round(clock.now() - began_at, 6))
            await answer.close(failed=True)
        except asyncio.CancelledError:
            answer.abandon()
            raise
        finally:
            if self._current is item:
                self._current = None

    async def _run_loop(self) -> None:
        try:
            await super()._run_loop()
        finally:
            if self.backup is None:
                await self.hang_up()
            else:
                await self._hang_up_both(self.backup)

    async def _hang_up_both(self, backup: BaseAgent) -> None:
        ends = self.hang_up(), backup.hang_up()
        for result in await asyncio.gather(*ends, return_exceptions=True):
            if isinstance(result, Exception):
                self.failed(result)

    async def _answer(self, item: TranscriptionAgentInput, answer: Answer) -> None:
        for _ in range(MOST_ROUNDS):
            calls = await self._round(item, answer)
            if not calls:
                await answer.close()
                return
            await answer.pause()
            await self._use(calls, item)
            answer.next_round()
        raise BrokenStream(answer.provider, f"{MOST_ROUNDS} rounds of tools, no answer")

    async def _round(self, item: TranscriptionAgentInput, answer: Answer) -> list[ToolCall]:
        """One round, by whoever is able: the text goes on its way, the tools that are wanted come
        back."""
        attempts = Attempts(self, self.backup, self, item.turn)
        while True:
            who, began_at, said = attempts.who, clock.now(), answer.pieces
            self._ask(who, item, answer)
            try:
                calls = await self._admitted(who, item, answer)
            except TimeoutError:
                waited = round(clock.now() - began_at, 6)
                error: Exception = Stalled(name_of(who), "no text within the deadline", waited)
            except Exception as failure:
                error = failure
            else:
                who.worked = True
                return calls
            after = round(clock.now() - began_at, 6)
            if not await attempts.go_on(error, after, begun=answer.pieces > said):
                raise error
            answer.next_round()

    def _ask(self, who: BaseAgent, item: TranscriptionAgentInput, answer: Answer) -> None:
        """Note who answers, and lend them what they answer from."""
        if who is not self:
            who.transcript, who.tools, who.settings = self.transcript, self.tools, self.settings
            who.speaking, who.turn, who.trace = self.speaking, item.turn, self.trace
        if answer.asked is not who:
            answer.asked, answer.provider = who, name_of(who)
            self.record(AgentRequested(answer.provider, who.model, turn=item.turn))

    async def _admitted(
        self, who: BaseAgent, item: TranscriptionAgentInput, answer: Answer
    ) -> list[ToolCall]:
        if who.account is None:
            return await self._generate(who, item, answer)
        slot = await who.account.enter(0.0, self.settings.first_result_seconds)
        try:
            return await self._generate(who, item, answer)
        finally:
            slot.use(answer.tokens)
            slot.leave()

    async def _generate(
        self, who: BaseAgent, item: TranscriptionAgentInput, answer: Answer
    ) -> list[ToolCall]:
        said, stall_seconds = item.transcription, self.settings.stall_seconds
        calls = list[ToolCall]()
        responses = who.generate_response(said.message, said.is_interrupt, item.conversation_id)
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
                before = item.message.tools
                step = before[-1].step + 1 if before else 0
                before += [dataclasses.replace(result, step=step) for result in results]
