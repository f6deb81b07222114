"""Text in, speech with the times of its words out: Azure's text-to-speech, by its native SDK."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from typing import Any

from azure.cognitiveservices.speech import (
    PropertyId,
    SpeechConfig,
    SpeechSynthesisOutputFormat,
)

from bench import clock
from bench.audio import seconds_in
from bench.engine.synthesizer import BaseMessage, BaseSynthesizer, SynthesisResult
from bench.errors import BrokenStream, ConnectFailed, ProviderError, Stalled
from bench.providers.azure_bridge import PROVIDER, Events, Subscription, ended, failure, native
from bench.providers.azure_mouth import Mouth, Told
from bench.providers.connections import CONNECT_SECONDS, FIRST_RESULT_SECONDS
from bench.providers.pieces import pieces
from bench.providers.spoken_words import SpokenWords

VOICE = "en-US-AvaMultilingualNeural"
USUAL_RATE = 16_000
FORMATS = {
    8000: SpeechSynthesisOutputFormat.Raw8Khz16BitMonoPcm,
    USUAL_RATE: SpeechSynthesisOutputFormat.Raw16Khz16BitMonoPcm,
    24_000: SpeechSynthesisOutputFormat.Raw24Khz16BitMonoPcm,
    48_000: SpeechSynthesisOutputFormat.Raw48Khz16BitMonoPcm,
}
EVENTS = 4096  # that may wait to be read: many minutes of one sentence


class AzureSynthesizer(BaseSynthesizer):
    """Speech as it is made, with word times, over one connection that is kept open.

    `synthesizer_config` may hold `voice` (its name), `language` (whose usual voice speaks, when
    none is named), `voice_model` (the id of a custom endpoint) and `azure_url`: the address (ws://
    or wss://) of a server that speaks the same protocol, instead of a region. Sentences are made
    one after the other. To stop one closes the connection; the next is opened right away.
    """

    provider = PROVIDER

    def __init__(self, synthesizer_config: Mapping[str, Any] | None = None) -> None:
        super().__init__(synthesizer_config)
        config = synthesizer_config or {}
        self._subscription = Subscription(config)
        self.model: str | None = config.get("voice_model")
        self.voice = config.get("voice") or ("" if config.get("language") else VOICE)
        self._mouth: Mouth | None = None
        self._speaking = asyncio.Lock()
        self._leaving: list[asyncio.Future[None]] = []

    async def warm_up(self) -> None:
        """Open the connection; whether that worked is for the first text to tell."""
        if self._mouth is None:
            self._mouth = Mouth(self._rate, self._service)
            self._mouth.open()
            await self._mouth.ready()

    async def create_speech(self, message: BaseMessage, chunk_size: int) -> SynthesisResult:
        """Begin to say `message`; words are known as they are told, ahead of their audio."""
        spoken = SpokenWords(message.text, self.sampling_rate)
        audio = self._audio(spoken, self._rate)
        chunks = pieces(audio, self._rate, self.sampling_rate, chunk_size)
        return SynthesisResult(chunks, spoken.up_to)

    async def terminate(self) -> None:
        """Hang up."""
        self._leave(again=False)
        await ended(self._leaving)

    @property
    def _rate(self) -> int:
        return self.sampling_rate if self.sampling_rate in FORMATS else USUAL_RATE

    async def _audio(self, spoken: SpokenWords, rate: int) -> AsyncGenerator[bytes, None]:
        """The PCM as it comes; while it waits to be fetched, the next text may be made."""
        await self._speaking.acquire()
        turn = _Turn(self._speaking)
        again = False
        try:
            mouth = self._mouth = self._opened(rate)
            await mouth.ready()
            events = Events[Told](EVENTS, turn.follow)
            await mouth.thread.call(lambda: mouth.say(spoken.text, events))
            while (told := await self._next(events, mouth, spoken)).kind != "done":
                if told.kind == "audio":
                    spoken.hear(seconds_in(told.audio, rate))
                    yield told.audio
        except (GeneratorExit, asyncio.CancelledError):
            again = True
            raise
        except RuntimeError as error:
            raise ConnectFailed(self.provider, native(error)) from None
        finally:
            if turn.over():  # the service has not done its part
                self._leave(again=again)
        spoken.finish()
        if not spoken.complete:  # the SDK leaves out what it cannot read, without a word
            raise BrokenStream(self.provider, "the speech ended before its text did")

    async def _next(self, events: Events[Told], mouth: Mouth, spoken: SpokenWords) -> Told:
        limit = FIRST_RESULT_SECONDS if mouth.connected else CONNECT_SECONDS
        try:
            async with clock.deadline(limit):
                told = await events.next()
        except TimeoutError:
            raise self._late(mouth) from None
        if told.kind == "failed":
            begun = spoken.seconds > 0.0
            raise failure(told.code, told.text, self._subscription.key, begun=begun)
        if told.kind == "word":
            begin, end = (round(at * self.sampling_rate) for at in (told.begin, told.end))
            spoken.add(told.text, begin, end)
        return told

    def _late(self, mouth: Mouth) -> ProviderError:
        if mouth.connected:
            return Stalled(self.provider, "no audio in time")
        return ConnectFailed(self.provider, "no handshake in time")

    def _opened(self, rate: int) -> Mouth:
        """What speaks at this rate, made anew where it has to be."""
        if self._mouth is not None and self._mouth.rate == rate:
            return self._mouth
        self._leave(again=False)
        return Mouth(rate, self._service)

    def _service(self, rate: int) -> SpeechConfig:
        config = self._subscription.service()
        if self.voice:
            config.speech_synthesis_voice_name = self.voice
        else:
            config.speech_synthesis_language = self._subscription.locale
        if self.model is not None:
            config.endpoint_id = self.model
        config.set_speech_synthesis_output_format(FORMATS[rate])
        config.set_property(PropertyId.SpeechServiceResponse_RequestPunctuationBoundary, "false")
        return config

    def _leave(self, *, again: bool) -> None:
        """Let go of what speaks, in the background; `again`: open the next one there as well."""
        mouth, self._mouth = self._mouth, None
        if mouth is None:
            return
        self._leaving = [one for one in self._leaving if not one.done()]
        self._leaving.append(mouth.thread.end(mouth.close))
        if again:
            self._mouth = Mouth(mouth.rate, self._service)
            self._mouth.open()


class _Turn:
    """One text's right to be made, until the service has done its part."""

    def __init__(self, lock: asyncio.Lock) -> None:
        self._lock: asyncio.Lock | None = lock

    def follow(self, told: Told) -> None:
        """Whatever is told comes by here, be it read yet or not."""
        if told.kind == "done":
            self.over()

    def over(self) -> bool:
        """The next one may be made; False when that was known already."""
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.release()
        return lock is not None
