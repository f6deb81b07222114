"""Audio in, words out, and text in, audio out: the keyless ears and voice, on this machine.

pocketsphinx listens and espeak-ng speaks, both in processes of their own that all conversations
share.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from functools import cache
from typing import Any

from bench.audio import SAMPLE_WIDTH
from bench.engine.synthesizer import (
    BaseMessage,
    BaseSynthesizer,
    ChunkResult,
    SynthesisResult,
    words_up_to,
)
from bench.engine.transcriber import BaseTranscriber, Transcription
from bench.engine.vad import SpeechStarted, SpeechStopped, VoiceActivityDetector
from bench.engine.words import has_stop_word
from bench.errors import ConfigError
from bench.events import Word
from bench.speech.espeak import Espeak
from bench.speech.silero import SileroStream
from bench.speech.sphinx import Recogniser, Result, Utterance, Vocabulary, build_vocabulary

MODES = ("vocabulary", "open")
UNCLEAR = "(unclear)"
UNCLEAR_CONFIDENCE = 0.1
UNCLEAR_SECONDS = 0.45  # of speech that fits nothing, from which it is worth asking again

PRE_ROLL_SAMPLES = 6_400  # 0.4 s before speech is noticed: its first sounds are softer
BATCH_SAMPLES = 960  # 60 ms to the decoder at a time
LONGEST_SAMPLES = 15 * 16_000  # of one utterance; a longer one is closed and another begun

USUAL_VOICE = "en-us+klatt"
USUAL_PACE = 165  # words a minute


@cache
def recogniser() -> Recogniser:
    """The one recogniser of this process."""
    return Recogniser()


@cache
def espeak() -> Espeak:
    """The one voice engine of this process."""
    return Espeak()


async def warm_up(words: Vocabulary | None = None, *, open_speech: bool = False) -> None:
    """Start the engines and load their models, so that the first conversation does not wait.

    Raises:
        ConnectFailed: an engine does not start.
    """
    await espeak().start()
    if words is not None or open_speech:
        await recogniser().start(words)


def close_engines() -> None:
    """End the worker processes; the next use starts them anew."""
    recogniser().close()
    espeak().close()


class EmbeddedTranscriber(BaseTranscriber):
    """Offline speech-to-text over pocketsphinx, gated by voice activity.

    `transcriber_config` may hold `transcriber_mode` ("vocabulary", the default, or "open"),
    `templates` and `slots` (the vocabulary: what callers say, see `bench.speech.language_model`).
    In vocabulary mode speech that fits nothing comes out as `UNCLEAR`, with hardly any confidence,
    when it is long enough to have been meant. A partial is told once it holds two words or a word
    that stops the bot, and twice running.
    """

    provider = "embedded"

    def __init__(self, transcriber_config: Mapping[str, Any] | None = None) -> None:
        super().__init__(transcriber_config)
        config = transcriber_config or {}
        mode = config.get("transcriber_mode") or "vocabulary"
        if mode not in MODES:
            raise ConfigError(f"transcriber_mode is {mode!r}: want {' or '.join(MODES)}")
        if mode == "vocabulary" and not config.get("templates"):
            raise ConfigError("vocabulary mode needs `templates`; or set transcriber_mode: open")
        self._templates = None if mode == "open" else tuple(config["templates"])
        self._slots = config.get("slots") or {}
        self._ids = itertools.count(1)
        self._id = ""

    def next_id(self) -> str:
        """The id of an utterance that begins: that of the last one, where it came to no end."""
        self._id = self._id or f"u{next(self._ids)}"
        return self._id

    async def tell(self, said: Transcription) -> None:
        """Put what was said on `output_queue`."""
        if said.is_final:
            self._id = ""
        await super().tell(said)

    async def _run_loop(self) -> None:
        loop = asyncio.get_running_loop()
        words = None
        if self._templates is not None:
            words = await loop.run_in_executor(None, build_vocabulary, self._templates, self._slots)
        vad = VoiceActivityDetector(SileroStream().probability)
        listener = _Listener(words, self)
        try:
            async for chunk in self.audio():
                await listener.take(chunk, vad.feed(chunk))
        finally:
            listener.cancel()


class _Listener:
    """Cuts the stream into utterances and has each one written down."""

    def __init__(self, words: Vocabulary | None, ears: EmbeddedTranscriber) -> None:
        self._words, self._ears = words, ears
        self._recent: deque[bytes] = deque()
        self._recent_samples = 0
        self._sample = 0  # of the stream, taken so far
        self._utterance: Utterance | None = None
        self._began = 0
        self._batch = bytearray()
        self._told = self._last = ""
        self._acoustics = ""  # of this speaker
        self._id = ""

    async def take(self, chunk: bytes, edges: list[SpeechStarted | SpeechStopped]) -> None:
        """The next audio, and what was noticed in it."""
        self._sample += len(chunk) // SAMPLE_WIDTH
        self._remember(chunk)
        if self._utterance is not None:
            await self._feed(chunk)
        for edge in edges:
            if isinstance(edge, SpeechStarted):
                await self._begin(edge)
            else:
                await self._end(edge.at_sample)
        if self._utterance is not None and self._sample - self._began > LONGEST_SAMPLES:
            await self._end(self._sample)
            await self._begin(SpeechStarted(self._sample, self._sample))

    def cancel(self) -> None:
        """Give up what is being said."""
        if self._utterance is not None:
            self._utterance.cancel()
            self._utterance = None

    def _remember(self, chunk: bytes) -> None:
        self._recent.append(chunk)
        self._recent_samples += len(chunk) // SAMPLE_WIDTH
        while self._recent_samples - len(self._recent[0]) // SAMPLE_WIDTH >= PRE_ROLL_SAMPLES:
            self._recent_samples -= len(self._recent.popleft()) // SAMPLE_WIDTH

    async def _begin(self, edge: SpeechStarted) -> None:
        if self._utterance is not None:
            return
        self._utterance = await recogniser().open(self._words, self._acoustics)
        self._began = self._sample - self._recent_samples
        self._speech_began = edge.at_sample
        self._id, self._told, self._last = self._ears.next_id(), "", ""
        self._batch.clear()
        for chunk in self._recent:
            self._batch += chunk
        await self._flush()

    async def _feed(self, chunk: bytes) -> None:
        self._batch += chunk
        if len(self._batch) >= BATCH_SAMPLES * SAMPLE_WIDTH:
            await self._flush()

    async def _flush(self) -> None:
        if self._utterance is None or not self._batch:
            return
        batch = bytes(self._batch)
        self._batch.clear()
        text = await self._utterance.feed(batch)
        stable = text == self._last and text != self._told
        self._last = text
        if stable and (len(text.split()) > 1 or has_stop_word(text)):
            self._told = text
            said = Transcription(text, 0.5, is_final=False, utterance_id=self._id)
            await self._ears.tell(said)

    async def _end(self, at_sample: int) -> None:
        await self._flush()
        utterance, self._utterance = self._utterance, None
        if utterance is None:
            return
        result = await utterance.finish()
        self._acoustics = result.acoustics
        seconds = (at_sample - self._speech_began) / 16_000
        said = self._said(result, seconds)
        if said is not None:
            await self._ears.tell(said)

    def _said(self, result: Result, seconds: float) -> Transcription | None:
        if result.text and result.in_domain:
            placed, began = self._ears.placed, self._began
            words = tuple(
                Word(
                    word.text,
                    placed(began + word.start_sample),
                    placed(began + word.end_sample),
                    word.confidence,
                )
                for word in result.words
            )
            sure = result.confidence
            return Transcription(result.text, sure, words=words, utterance_id=self._id)
        if seconds >= UNCLEAR_SECONDS:
            return Transcription(UNCLEAR, UNCLEAR_CONFIDENCE, utterance_id=self._id)
        if self._told:  # a partial was told and turned out to be nothing
            return Transcription("", 0.0, utterance_id=self._id)
        return None


class EmbeddedSynthesizer(BaseSynthesizer):
    """Offline speech over espeak-ng, with exact word times.

    `synthesizer_config` may hold `voice` (see `bench.speech.espeak.VOICES`), `pitch` (0 to 99) and
    `words_per_minute` (80 to 450) or `speed` (1.0 is the usual pace).
    """

    provider = "embedded"

    def __init__(self, synthesizer_config: Mapping[str, Any] | None = None) -> None:
        super().__init__(synthesizer_config)
        config = synthesizer_config or {}
        self.voice = config.get("voice") or USUAL_VOICE
        pace = config.get("words_per_minute")
        speed = config.get("speed")
        self.words_per_minute = round(pace if pace is not None else USUAL_PACE * (speed or 1.0))
        self.pitch = 50 if config.get("pitch") is None else int(config["pitch"])

    async def create_speech(self, message: BaseMessage, chunk_size: int) -> SynthesisResult:
        """Speak `message`; words are known as their audio comes."""
        words: list[Word] = []
        speech = espeak().speak(
            message.text,
            voice=self.voice,
            words_per_minute=self.words_per_minute,
            pitch=self.pitch,
            sample_rate=self.sampling_rate,
        )
        chunks = _in_chunks(speech, words, chunk_size)
        return SynthesisResult(chunks, words_up_to(words, self.sampling_rate))


async def _in_chunks(
    speech: AsyncIterator[Any], words: list[Word], size: int
) -> AsyncGenerator[ChunkResult, None]:
    rest = bytearray()
    async with contextlib.aclosing(speech) as pieces:  # pyright: ignore[reportArgumentType]
        async for piece in pieces:
            words.extend(piece.words)
            rest += piece.pcm
            while len(rest) > size:
                yield ChunkResult(bytes(rest[:size]), False)
                del rest[:size]
    yield ChunkResult(bytes(rest), True)
