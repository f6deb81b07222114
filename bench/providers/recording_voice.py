"""A voice in, the same out, with all that it was given and said on a cassette."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import AsyncGenerator, Awaitable
from typing import Any, cast

from bench import clock
from bench.engine.synthesizer import BaseMessage, BaseSynthesizer, ChunkResult, SynthesisResult
from bench.errors import ProviderError
from bench.providers.cassette import Cassette, Failure, Spoke, since

LONGEST_SECONDS = 3600.0  # of one speech


class RecordingVoice:
    """Stands between a conversation and a voice that it has as `role`."""

    def __init__(self, cassette: Cassette, role: str, voice: BaseSynthesizer) -> None:
        self._cassette, self._role, self._voice = cassette, role, voice
        self._create, self._stream = voice.create_speech, voice.create_streamed_speech
        patched = cast("Any", voice)
        patched.create_speech = self.create_speech
        patched.create_streamed_speech = self.create_streamed_speech

    async def create_speech(self, message: BaseMessage, chunk_size: int) -> SynthesisResult:
        """As the voice's own."""
        spoke = Spoke(message.text, chunk_size, by=self._role)
        return await self._created(spoke, self._create(message, chunk_size))

    async def create_streamed_speech(
        self, texts: AsyncGenerator[str, None], chunk_size: int
    ) -> SynthesisResult:
        """As the voice's own."""
        spoke = Spoke("", chunk_size, by=self._role, pieces=())
        return await self._created(spoke, self._stream(_given(spoke, texts), chunk_size))

    async def _created(self, spoke: Spoke, making: Awaitable[SynthesisResult]) -> SynthesisResult:
        began_at, tape, rate = clock.now(), self._cassette, self._voice.sampling_rate
        tape.parts[self._role] = dataclasses.replace(tape.parts[self._role], rate=rate)
        is_kept = tape.keep(spoke)
        try:
            result = await making
        except BaseException as error:
            _end(spoke, began_at, error)
            raise
        spoke.created_seconds = spoke.ended_seconds = since(began_at)
        chunks = result.chunk_generator
        result.chunk_generator = self._passed_on(spoke, result, chunks, began_at, is_kept=is_kept)
        return result

    async def _passed_on(
        self,
        spoke: Spoke,
        result: SynthesisResult,
        chunks: AsyncGenerator[ChunkResult, None],
        began_at: float,
        *,
        is_kept: bool,
    ) -> AsyncGenerator[ChunkResult, None]:
        rate, tape = self._voice.sampling_rate, self._cassette
        came, pcm = list[tuple[float, int, int]](), bytearray()
        try:
            async with contextlib.aclosing(chunks):
                async for chunk in chunks:
                    pcm += chunk.chunk
                    came.append((since(began_at), len(chunk.chunk), _known(result, rate)))
                    if chunk.is_last_chunk:  # nobody asks for more
                        spoke.whole, spoke.ended_seconds = True, since(began_at)
                    yield chunk
        except BaseException as error:
            _end(spoke, began_at, error)
            raise
        finally:
            spoke.estimated, spoke.words = result.is_estimated, _words(result, rate)
            if is_kept:
                spoke.begins, spoke.chunks = len(tape.speech), came
                tape.speech += pcm


async def _given(spoke: Spoke, texts: AsyncGenerator[str, None]) -> AsyncGenerator[str, None]:
    """A text that is being written, noted as it comes."""
    began_at, pieces = clock.now(), list[tuple[float, str]]()
    spoke.pieces = pieces
    async with contextlib.aclosing(texts):
        async for text in texts:
            pieces.append((since(began_at), text))
            spoke.text += text
            yield text


def _end(spoke: Spoke, began_at: float, error: BaseException) -> None:
    """It was left, or failed, unless it was whole by then."""
    if not spoke.whole:
        spoke.ended_seconds = since(began_at)
        spoke.failed = Failure.of(error) if isinstance(error, ProviderError) else None


def _known(result: SynthesisResult, rate: int) -> int:
    """How many words are known by now; of an estimate, the sample at which the last one ends."""
    said = len(result.get_message_up_to(LONGEST_SECONDS).split())
    return _end_of(said, result, rate) if result.is_estimated else said


def _words(result: SynthesisResult, rate: int) -> list[tuple[str, int]]:
    """The words of a speech and the samples at which they have been heard."""
    words = result.get_message_up_to(LONGEST_SECONDS).split()
    return [(word, _end_of(number, result, rate)) for number, word in enumerate(words, 1)]


def _end_of(number: int, result: SynthesisResult, rate: int) -> int:
    """The first sample by which so many words have been heard, by asking."""
    low, high = 0, round(LONGEST_SECONDS * rate)
    while low < high:
        middle = (low + high) // 2
        if len(result.get_message_up_to(middle / rate).split()) >= number:
            high = middle
        else:
            low = middle + 1
    return low
