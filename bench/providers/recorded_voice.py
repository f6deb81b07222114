"""Text and a cassette in, the speech of that text out: as it was said then."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping
from typing import Any

from bench import clock
from bench.engine.synthesizer import (
    BaseMessage,
    BaseSynthesizer,
    ChunkResult,
    SynthesisResult,
    proportion_up_to,
    words_up_to,
)
from bench.engine.worker import Ending, spawn
from bench.errors import Rejected
from bench.events import Word
from bench.providers.cassette import ANEW, Spoke
from bench.providers.recorded import cassette_of, end_of, quoted, wait_until


class RecordedSynthesizer(BaseSynthesizer):
    """Says what was said then, in the same voice, as it came.

    `synthesizer_config` holds `voiceProvider`: `recorded:FOLDER`, and `voice` where there are
    several. It speaks at the recorded rate alone; another is a `Rejected`.
    """

    def __init__(self, synthesizer_config: Mapping[str, Any] | None = None) -> None:
        super().__init__(synthesizer_config)
        config = synthesizer_config or {}
        folder, self._cassette, part = cassette_of(config, "voiceProvider", "synthesizer")
        self.provider, self.voice, self._rate = part.provider, part.voice, part.rate
        self._name = folder.name
        self._speeches = self._cassette.of(Spoke, part.role)
        self.streams_text = any(spoke.pieces is not None for spoke in self._speeches)

    async def create_speech(self, message: BaseMessage, chunk_size: int) -> SynthesisResult:
        """Begin to say `message` as it was said."""
        alike = (one for one in self._speeches if one.pieces is None and one.text == message.text)
        if (spoke := next(alike, None)) is None:
            raise Rejected(self.provider, f"{quoted(message.text)} was {self._not_said()}")
        return await self._begun(spoke, chunk_size)

    async def create_streamed_speech(
        self, texts: AsyncGenerator[str, None], chunk_size: int
    ) -> SynthesisResult:
        """Begin to say the text that was being written next then; that it is another shows as it
        comes."""
        try:
            spoke = next((one for one in self._speeches if one.pieces is not None), None)
            if spoke is None:
                raise Rejected(self.provider, f"one more text was {self._not_said()}")
            return await self._begun(spoke, chunk_size, _Text(spoke, texts, self.provider))
        except BaseException:
            await texts.aclose()
            raise

    def _not_said(self) -> str:
        whole = self.streams_text and " as a whole (its response_mode was tokens)"
        return f"not said in {self._name}{whole or ''}: {ANEW}"

    async def _begun(
        self, spoke: Spoke, chunk_size: int, text: _Text | None = None
    ) -> SynthesisResult:
        began_at = clock.now()
        then, now = (self._rate, spoke.chunk_bytes), (self.sampling_rate, chunk_size)
        if then != now:
            told = "{} Hz in chunks of {} bytes".format
            why = f"{self._name} has {told(*then)}, and this is to be {told(*now)}"
            raise Rejected(self.provider, f"{why}: {ANEW}")
        self._speeches.remove(spoke)
        if spoke.created_seconds is None:
            await end_of(spoke, self.provider, began_at)
        else:
            await wait_until(began_at + spoke.created_seconds)
        words = _Words(spoke, self._rate)
        chunks = self._chunks(spoke, began_at, words)
        if text is not None:
            chunks = text.before(chunks)
        return SynthesisResult(chunks, words.up_to, spoke.estimated)

    async def _chunks(
        self, spoke: Spoke, began_at: float, words: _Words
    ) -> AsyncGenerator[ChunkResult, None]:
        """The audio as it came, and what was known then of its words."""
        begin, last = spoke.begins, len(spoke.chunks) - 1
        for number, (at, size, known) in enumerate(spoke.chunks):
            await wait_until(began_at + at)
            words.learn(at, known)
            pcm = bytes(self._cassette.speech[begin : begin + size])
            begin += size
            yield ChunkResult(pcm, spoke.whole and number == last)
        await end_of(spoke, self.provider, began_at)


class _Words:
    """The words of a recorded speech, as far as they were known by then."""

    def __init__(self, spoke: Spoke, rate: int) -> None:
        self._spoke, self._rate = spoke, rate
        self._known = 0  # words, or samples of an estimate
        self._text = spoke.text if spoke.pieces is None else ""  # that is estimated

    def learn(self, at: float, known: int) -> None:
        """What was known at a chunk, `at` seconds."""
        self._known = known
        if self._spoke.estimated and self._spoke.pieces is not None:
            self._text = _written(self._spoke, at).strip()

    def up_to(self, seconds: float) -> str:
        """Those whose audio ended by then."""
        if self._spoke.estimated:
            return proportion_up_to(self._text, lambda: self._known / self._rate)(seconds)
        known = self._spoke.words[: self._known]
        return words_up_to([Word(word, 0, end) for word, end in known if word], self._rate)(seconds)


def _written(spoke: Spoke, at: float) -> str:
    """As much of a text as was written by `at` seconds."""
    return "".join(text for came_at, text in spoke.pieces or () if came_at <= at)


class _Text:
    """A text that is being written, which the recorded one is compared with."""

    def __init__(self, spoke: Spoke, texts: AsyncGenerator[str, None], provider: str) -> None:
        self._spoke, self._texts, self._provider = spoke, texts, provider
        self._came, self._is_whole = "", False
        self._moved = asyncio.Event()
        self._error: Exception | None = None

    async def before(
        self, chunks: AsyncGenerator[ChunkResult, None]
    ) -> AsyncGenerator[ChunkResult, None]:
        """The speech of it, and no piece of that before the text that it was made of."""
        reading = spawn(self._read(), name="cassette reads")
        try:
            async with contextlib.aclosing(chunks):
                number = 0
                async for chunk in chunks:
                    at, number = self._spoke.chunks[number][0], number + 1
                    await self._wait(at, whole=chunk.is_last_chunk)
                    yield chunk
        finally:
            reading.cancel()
            await Ending([reading])

    async def _read(self) -> None:
        """Take the text, as far as it is the same."""
        wanted = self._spoke.text
        try:
            async with contextlib.aclosing(self._texts) as texts:
                async for text in texts:
                    self._came += text
                    if not (wanted.startswith(self._came) or self._came.startswith(wanted)):
                        raise self._another(wanted)
                    self._moved.set()
            if len(self._came) < len(wanted):
                raise self._another(wanted)
            self._is_whole = True
        except Exception as error:  # told where the speech is read
            self._error = error
        self._moved.set()

    async def _wait(self, at: float, *, whole: bool) -> None:
        """Until as much has come as had by `at` seconds of the recording."""
        wanted = len(_written(self._spoke, at))
        while self._error is None and (len(self._came) < wanted or (whole and not self._is_whole)):
            self._moved.clear()
            await self._moved.wait()
        if self._error is not None:
            raise self._error

    def _another(self, wanted: str) -> Rejected:
        why = f"{quoted(wanted)} was said in the recording, and now {quoted(self._came)}"
        return Rejected(self._provider, f"{why}: {ANEW}")
