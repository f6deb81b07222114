"""Text in, speech out, and beside it where the words begin: Amazon Polly."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping
from typing import Any

from bench import clock
from bench.engine.synthesizer import BaseMessage, BaseSynthesizer, SynthesisResult
from bench.engine.worker import Ending, spawn
from bench.errors import BrokenStream
from bench.providers.connections import FIRST_RESULT_SECONDS
from bench.providers.estimated_words import GrowingSpeech
from bench.providers.locales import locale_of
from bench.providers.pieces import pieces
from bench.providers.polly_client import FAILURES, PROVIDER, PollyClient
from bench.providers.speech_marks import SpeechMarks
from bench.providers.voice_format import VoiceFormat

VOICE = "Joanna"
VOICES = {
    "de-DE": "Vicki",
    "en-AU": "Olivia",
    "en-GB": "Amy",
    "es-ES": "Lucia",
    "fr-FR": "Lea",
    "it-IT": "Bianca",
    "ja-JP": "Kazuha",
    "ko-KR": "Seoyeon",
    "nl-NL": "Laura",
    "pl-PL": "Ola",
    "pt-BR": "Camila",
}
"""Who speaks a language unless a voice is named; each of them is neural."""
BILINGUAL = ("Aditi", "Kajal")  # any other voice refuses to be told another language
ENGINE = "neural"
ENGINES_WITHOUT_MARKS = ("generative",)
RATES = (8000, 16_000)  # Hz of the service's PCM
USUAL_RATE = 16_000
MP3_RATE = 24_000  # Hz at which the newer engines speak


class PollySynthesizer(BaseSynthesizer):
    """Speech while it is made, word times from speech marks: two requests at a time.

    `synthesizer_config` may hold `voice`, `voice_model` (the engine: "neural", "standard",
    "long-form", or "generative", which has no marks), `language` (whose voice speaks, when none is
    named), `voice_format` ("pcm", or "mp3" for 24 kHz) and `polly_url`: the address of a server
    that speaks the same protocol. Marks that do not come leave the speech whole, its words
    estimated.
    """

    provider = PROVIDER

    def __init__(self, synthesizer_config: Mapping[str, Any] | None = None) -> None:
        super().__init__(synthesizer_config)
        config = synthesizer_config or {}
        self._locale = locale_of(config["language"]) if config.get("language") else ""
        self.voice = config.get("voice") or VOICES.get(self._locale, VOICE)
        self.engine = config.get("voice_model") or ENGINE
        self._format = VoiceFormat(config, self.provider)
        self._client = PollyClient(config)
        self._readers = dict[asyncio.Task[None], None]()

    async def warm_up(self) -> None:
        """Load the service's description, which takes longer than a first request should."""
        try:
            await self._client.make()
        except FAILURES as error:
            raise self._client.translated(error, begun=False) from None

    async def create_speech(self, message: BaseMessage, chunk_size: int) -> SynthesisResult:
        """Begin to say `message`; its words are known once the marks are there."""
        rate = self.sampling_rate if self.sampling_rate in RATES else USUAL_RATE
        rate = MP3_RATE if self._format.is_mp3 else rate
        marks = SpeechMarks(GrowingSpeech(message.text, rate))
        marks.estimated = self.engine in ENGINES_WITHOUT_MARKS
        chunks = pieces(self._audio(marks), rate, self.sampling_rate, chunk_size)
        marks.result = SynthesisResult(chunks, marks.up_to, marks.estimated)
        return marks.result

    async def terminate(self) -> None:
        """Close the connections."""
        readers = list(self._readers)
        for reader in readers:
            reader.cancel()
        await Ending(readers)
        await self._client.close()

    async def _audio(self, marks: SpeechMarks) -> AsyncGenerator[bytes, None]:
        """The PCM as it comes; the marks are read meanwhile, and on when the PCM has ended."""
        reader = None if marks.estimated else self._spawn(self._read(marks))
        speech = marks.speech
        try:
            pcm = self._format.pcm(self._body(marks), speech.rate)
            async with contextlib.aclosing(pcm):
                async for piece in pcm:
                    speech.received += len(piece)
                    yield piece
            speech.is_whole = True
        finally:
            if reader is not None and not speech.is_whole:
                reader.cancel()
                await Ending([reader])
        if not speech.received and speech.has_sound:
            raise BrokenStream(self.provider, "an answer without audio")

    async def _body(self, marks: SpeechMarks) -> AsyncGenerator[bytes, None]:
        """The speech as it comes, in the format it has."""
        begun = False
        form = {"OutputFormat": self._format.name, "SampleRate": str(marks.speech.rate)}
        try:
            async with await self._ask(marks.text, **form) as body:
                async for piece in body.raw_stream.content.iter_any():
                    begun = True
                    yield piece
        except FAILURES as error:
            raise self._client.translated(error, begun=begun) from None

    async def _read(self, marks: SpeechMarks) -> None:
        """Read the marks; whatever keeps them away, the speech goes on with an estimate."""
        try:
            async with clock.deadline(FIRST_RESULT_SECONDS):
                asked = {"OutputFormat": "json", "SpeechMarkTypes": ["word"]}
                async with await self._ask(marks.text, **asked) as body:
                    marks.read(await body.read())
            marks.settle()
        except (*FAILURES, ValueError):
            marks.settle(estimated=True)

    def _spawn(self, work: Any) -> asyncio.Task[None]:
        reader = spawn(work, name="Polly marks")
        self._readers[reader] = None
        reader.add_done_callback(lambda task: self._readers.pop(task, None))
        return reader

    async def _ask(self, text: str, **asked: Any) -> Any:
        """The body of an answer."""
        if self._locale and self.voice in BILINGUAL:
            asked["LanguageCode"] = self._locale
        return await self._client.ask(Text=text, VoiceId=self.voice, Engine=self.engine, **asked)
