"""Agents and synthesizers that fail when they are told to."""

import asyncio
from collections.abc import AsyncGenerator, Callable

from bench import clock
from bench.engine.agent import GeneratedResponse
from bench.engine.synthesizer import (
    BaseMessage,
    ChunkResult,
    SynthesisResult,
)
from bench.testing import ScriptedAgent, ToneSynthesizer
from tests.engine.scene import LINE

KEY = "sk-abcdefghijklmnopqrstuvwxyz0123456789"
REFUSAL_SECONDS = 30.0


class Agent(ScriptedAgent):
    """Does `trouble` in its first answer, after `words` of it, and answers the rest."""

    provider = "troubled"

    def __init__(self, trouble: Callable[[], object], words: int = 0, line: str = LINE) -> None:
        super().__init__([line])
        self.trouble, self.words = trouble, words
        self.closed_at: list[float] = []

    async def generate_response(
        self, human_input: str, is_interrupt: bool, conversation_id: str
    ) -> AsyncGenerator[GeneratedResponse, None]:
        first = not self.asked
        try:
            async for piece in super().generate_response(
                human_input, is_interrupt, conversation_id
            ):
                if first and self.words == 0:
                    await _do(self.trouble)
                self.words -= 1
                yield piece
        finally:
            self.closed_at.append(clock.now())


class Synthesizer(ToneSynthesizer):
    """Does `trouble` in its first call, after `chunks` chunks (None: in `create_speech`)."""

    provider = "troubled"

    def __init__(self, trouble: Callable[[], object], chunks: int | None = None) -> None:
        super().__init__(seconds_per_word=0.25)
        self.trouble, self.chunks = trouble, chunks
        self.calls: list[str] = []
        self.closed_at: list[float] = []

    async def create_speech(self, message: BaseMessage, chunk_size: int) -> SynthesisResult:
        self.calls.append(message.text)
        first = len(self.calls) == 1
        if first and self.chunks is None:
            await _do(self.trouble)
        result = await super().create_speech(message, chunk_size)
        if first and self.chunks is not None:
            result.chunk_generator = self._broken(result.chunk_generator, self.chunks)
        return result

    async def _broken(
        self, chunks: AsyncGenerator[ChunkResult, None], left: int
    ) -> AsyncGenerator[ChunkResult, None]:
        try:
            async for chunk in chunks:
                if left == 0:
                    await _do(self.trouble)
                left -= 1
                yield chunk
        finally:
            self.closed_at.append(clock.now())


async def _do(trouble: Callable[[], object]) -> None:
    done = trouble()
    if asyncio.iscoroutine(done):
        await done


def fail(error: Exception) -> Callable[[], object]:
    def trouble() -> object:
        raise error

    return trouble


def stall() -> object:
    return clock.sleep(REFUSAL_SECONDS * 4)
