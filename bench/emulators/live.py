"""Sound in, real words out, and the other way round: this machine's engines, on the wall clock."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from bench.audio import SAMPLE_WIDTH
from bench.emulators.hearing import Ears, EarsMaker, Heard, samples_of
from bench.emulators.voices import Spoken, Voice
from bench.events import Word
from bench.simulation.context import Reply
from bench.simulation.front_desk import FrontDesk
from bench.speech.espeak import Espeak
from bench.speech.silero import SileroStream
from bench.speech.sphinx import Recogniser, Utterance, Vocabulary, build_vocabulary

Mind = Callable[[Sequence[Mapping[str, Any]]], Reply]
"""Messages (`role`, `content`) in, what to answer to the newest: its `match` is "*"."""

WINDOW_SAMPLES = 512  # that voice activity is judged by
SPEECH, SILENCE = 0.5, 0.35  # probabilities: at least this begins speech, less than that ends it
LEAST_PAUSE_SECONDS = 0.3  # of an utterance: the recogniser wants whole sentences
PRE_ROLL_SECONDS = 0.4  # before speech is noticed: its first sounds are softer
BATCH_SAMPLES = 1920  # to the recogniser at a time
CUT_OFF = "–"  # behind what was heard of an answer that was cut off


@asynccontextmanager
async def sphinx_ears(
    templates: Sequence[str] | None = None,
    slots: Mapping[str, Sequence[str]] | None = None,
    *,
    processes: int = 1,
) -> AsyncGenerator[EarsMaker, None]:
    """Ears that recognise the audio a client sends: the sentences of `templates`, or any words.

    The places of a partial's words are estimates, those of a final's the recogniser's. A pause
    shorter than 0.3 s ends no utterance, whatever is asked for.

    Raises:
        ConfigError: a malformed template, or an engine that is not installed.
        ConnectFailed: it does not start.
    """
    words = None if templates is None else await asyncio.to_thread(_vocabulary, templates, slots)
    recogniser = Recogniser(processes)
    try:
        await asyncio.gather(recogniser.start(words), asyncio.to_thread(SileroStream))

        def ears(pause: int | None) -> Ears:
            return _LiveEars(recogniser, words, pause)

        yield ears
    finally:
        recogniser.close()


@asynccontextmanager
async def espeak_voice(
    name: str = "en-us+klatt", words_per_minute: int = 165
) -> AsyncGenerator[Voice, None]:
    """A voice that really speaks; it has said all of a text before it gives any of it.

    Raises:
        ConnectFailed: the engine does not start.
    """
    engine = Espeak()
    try:
        await engine.start()

        async def speak(text: str, rate: int) -> Spoken:
            pcm, words = bytearray(), list[Word]()
            pace = words_per_minute
            said = engine.speak(text, voice=name, words_per_minute=pace, sample_rate=rate)
            async for chunk in said:
                pcm += chunk.pcm
                words += chunk.words
            return Spoken(bytes(pcm), tuple(words))

        yield speak
    finally:
        engine.close()


def front_desk_mind(messages: Sequence[Mapping[str, Any]]) -> Reply:
    """The front desk's answer to a conversation so far, which it goes through from the beginning:
    the same messages have the same answer.

    An assistant's message that ends with a dash was cut off there.
    """
    desk = FrontDesk()
    heard: str | None = None
    interrupted, said = False, ""
    for message in messages:
        text = str(message.get("content") or "")
        if message.get("role") == "assistant":
            interrupted = text.endswith(CUT_OFF)
            heard = text.removesuffix(CUT_OFF).strip() or None
        elif message.get("role") == "user":
            said = desk.reply(text, interrupted=interrupted, heard=heard).text
            interrupted, heard = True, None  # unless an answer follows
    return Reply("*", said or desk.greeting)


def _vocabulary(templates: Sequence[str], slots: Mapping[str, Sequence[str]] | None) -> Vocabulary:
    return build_vocabulary(templates, slots)


class _LiveEars:
    """Cuts a stream into utterances by voice activity and has each one written down."""

    def __init__(self, recogniser: Recogniser, words: Vocabulary | None, pause: int | None) -> None:
        self.samples = 0
        self.speaking_since: int | None = None
        self._recogniser, self._words = recogniser, words
        self._pause = None if pause is None else max(pause, samples_of(LEAST_PAUSE_SECONDS))
        self._activity = SileroStream()
        self._window = bytearray()  # not judged yet
        self._judged = 0  # samples
        self._recent = bytearray()  # before an utterance
        self._utterance: Utterance | None = None
        self._began = 0  # the utterance's first sample, with what came before the speech
        self._spoke_at = 0  # the newest window of speech
        self._batch = bytearray()
        self._shown: str = ""  # the newest partial
        self._last: str = ""  # what was decoded last
        self._acoustics = ""  # of this speaker

    async def take(self, pcm: bytes) -> list[Heard]:
        self.samples += len(pcm) // SAMPLE_WIDTH
        self._window += pcm
        told, size = list[Heard](), WINDOW_SAMPLES * SAMPLE_WIDTH
        while len(self._window) >= size:
            window = bytes(self._window[:size])
            del self._window[:size]
            told += await self._judge(window)
        return told

    async def finish(self) -> list[Heard]:
        if self._utterance is None:
            return []
        self._batch += self._window  # what is left of it says nothing about speech
        self._judged += len(self._window) // SAMPLE_WIDTH
        self._window.clear()
        return await self._end()

    async def _judge(self, window: bytes) -> list[Heard]:
        probability = self._activity.probability(window)
        self._judged += WINDOW_SAMPLES
        if self._utterance is None:
            self._remember(window)
            if probability >= SPEECH:
                await self._begin()
            return []
        self._batch += window
        if probability >= SILENCE:
            self._spoke_at = self._judged
        elif self._pause is not None and self._judged - self._spoke_at >= self._pause:
            return await self._end()
        return await self._grow() if len(self._batch) >= BATCH_SAMPLES * SAMPLE_WIDTH else []

    def _remember(self, window: bytes) -> None:
        self._recent += window
        excess = len(self._recent) - samples_of(PRE_ROLL_SECONDS) * SAMPLE_WIDTH
        del self._recent[: max(0, excess)]

    async def _begin(self) -> None:
        self.speaking_since = self._judged - WINDOW_SAMPLES
        utterance = await self._recogniser.open(self._words, self._acoustics)
        self._utterance, self._spoke_at = utterance, self._judged
        self._release = weakref.finalize(self, utterance.cancel)  # when the client goes
        self._began = self._judged - len(self._recent) // SAMPLE_WIDTH
        self._batch, self._recent = self._recent, bytearray()
        self._shown, self._last = "", ""

    async def _grow(self) -> list[Heard]:
        """Decode what there is; words that stand twice running are shown."""
        assert self._utterance is not None
        batch, self._batch = bytes(self._batch), bytearray()
        text = await self._utterance.feed(batch)
        news = bool(text) and text == self._last != self._shown
        self._last = text
        if not news:
            return []
        self._shown = text
        return [Heard(self._estimated(text.split()), is_final=False)]

    async def _end(self) -> list[Heard]:
        assert self._utterance is not None
        if self._batch:
            await self._grow()
        self._release.detach()
        utterance, self._utterance = self._utterance, None
        self.speaking_since = None
        result = await utterance.finish()
        self._acoustics = result.acoustics
        words = tuple(
            Word(word.text, self._began + word.start_sample, self._began + word.end_sample)
            for word in result.words
        )
        if not self._shown and not result.in_domain:
            return []  # a noise
        words = words or self._estimated(self._shown.split())
        return [Heard(words, is_final=True)] if words else []

    def _estimated(self, texts: Sequence[str]) -> tuple[Word, ...]:
        """Words evenly over the speech so far."""
        begin = self._began if self.speaking_since is None else self.speaking_since
        width = max(self._spoke_at - begin, len(texts)) // max(len(texts), 1)
        places = [begin + width * number for number in range(len(texts) + 1)]
        return tuple(
            Word(text, places[number], places[number + 1]) for number, text in enumerate(texts)
        )
