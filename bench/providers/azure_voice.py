"""Text in, speech with the times of its words out: Azure's text-to-speech, by its native SDK."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from azure.cognitiveservices.speech import (
    CancellationErrorCode,
    Connection,
    EventSignal,
    PropertyId,
    ResultFuture,
    SpeechConfig,
    SpeechSynthesisOutputFormat,
    SpeechSynthesizer,
)

from bench import clock
from bench.audio import SAMPLE_WIDTH
from bench.engine.synthesizer import BaseMessage, BaseSynthesizer, SynthesisResult
from bench.errors import BrokenStream, ConfigError, ConnectFailed, ProviderError, Stalled
from bench.providers.azure_bridge import (
    PROVIDER,
    TICKS_PER_SECOND,
    Events,
    NativeThread,
    Subscription,
    ended,
    failure,
    native,
)
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

Kind = Literal["connected", "audio", "word", "done", "failed"]


@dataclass(frozen=True, slots=True)
class Told:
    """What the SDK told: audio, a word and its place in seconds, or how it ended."""

    kind: Kind
    audio: bytes = b""
    text: str = ""
    begin: float = 0.0
    end: float = 0.0
    code: CancellationErrorCode = CancellationErrorCode.NoError


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

    async def create_speech(self, message: BaseMessage, chunk_size: int) -> SynthesisResult:
        """Begin to say `message`; words are known as they are told, ahead of their audio."""
        rate = self.sampling_rate if self.sampling_rate in FORMATS else USUAL_RATE
        spoken = SpokenWords(message.text, self.sampling_rate)
        audio = self._audio(spoken, rate)
        chunks = pieces(audio, rate, self.sampling_rate, chunk_size)
        return SynthesisResult(chunks, spoken.up_to)

    async def terminate(self) -> None:
        """Hang up."""
        self._leave(again=False)
        await ended(self._leaving)

    async def _audio(self, spoken: SpokenWords, rate: int) -> AsyncGenerator[bytes, None]:
        """The PCM as it comes; while it waits to be fetched, the next text may be made."""
        await self._speaking.acquire()
        turn = _Turn(self._speaking)
        again = False
        try:
            mouth = self._mouth = self._opened(rate)
            events = Events[Told](EVENTS, turn.follow)
            await mouth.thread.call(lambda: mouth.say(spoken.text, events))
            while (told := await self._next(events, mouth, spoken)).kind != "done":
                if told.kind == "audio":
                    spoken.seconds += len(told.audio) / (SAMPLE_WIDTH * rate)
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
            self._mouth.thread.post(self._mouth.warm_up)


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


class Mouth:
    """The native objects of one connection, which its `thread` makes, uses and lets go of.

    `connected` says whether the service has answered; it may hang up when nothing is to be said.
    """

    def __init__(self, rate: int, service: Callable[[int], SpeechConfig]) -> None:
        self.rate = rate
        self.thread = NativeThread("Azure voice")
        self.connected = False
        self._service = service
        self._synthesizer: SpeechSynthesizer | None = None
        self._connection: Connection | None = None
        self._asked: ResultFuture | None = None
        self._events: Events[Told] | None = None

    def warm_up(self) -> None:
        """Open the connection; who speaks will be told what is wrong, if anything."""
        with contextlib.suppress(ConfigError, RuntimeError):
            self._open()
            if self._connection is not None:
                self._connection.open(False)

    def say(self, text: str, events: Events[Told]) -> None:
        """Ask for a text; what comes of it goes to `events`."""
        synthesizer = self._open()
        self._end_asking()
        self._events = events
        self._asked = synthesizer.start_speaking_text_async(text)

    def close(self) -> None:
        """Stop what is being made, and hang up."""
        synthesizer, connection = self._synthesizer, self._connection
        if synthesizer is not None and connection is not None:
            # A callback into an interpreter that ends would end the process with it.
            for signal in (*_signals(synthesizer), connection.connected, connection.disconnected):
                signal.disconnect_all()
            synthesizer.stop_speaking_async().get()
        self._end_asking()
        self._synthesizer = self._connection = self._events = None

    def _open(self) -> SpeechSynthesizer:
        if self._synthesizer is not None:
            return self._synthesizer
        synthesizer = SpeechSynthesizer(self._service(self.rate), None)
        connection = Connection.from_speech_synthesizer(synthesizer)
        audio, word, completed, cancelled = _signals(synthesizer)
        connection.connected.connect(lambda _: self._is_connected(True))
        connection.disconnected.connect(lambda _: self._is_connected(False))
        audio.connect(self._telling(_audio))
        word.connect(self._telling(_word))
        completed.connect(self._telling(lambda _: Told("done")))
        cancelled.connect(self._telling(_cancelled))
        self._synthesizer, self._connection = synthesizer, connection
        return synthesizer

    def _end_asking(self) -> None:
        """An answer that is not taken is never let go of."""
        asked, self._asked = self._asked, None
        if asked is not None:
            asked.get()

    def _is_connected(self, connected: bool) -> None:
        self.connected = connected
        if connected and self._events is not None:
            self._events.reading(lambda _: Told("connected"))(None)

    def _telling(self, read: Callable[[Any], Told]) -> Callable[[Any], None]:
        def callback(event: Any) -> None:
            if self._events is not None:
                self._events.reading(read)(event)

        return callback


def _signals(synthesizer: SpeechSynthesizer) -> tuple[EventSignal, ...]:
    return (
        synthesizer.synthesizing,
        synthesizer.synthesis_word_boundary,
        synthesizer.synthesis_completed,
        synthesizer.synthesis_canceled,
    )


def _audio(event: Any) -> Told:
    return Told("audio", audio=event.result.audio_data)


def _word(event: Any) -> Told:
    begin = event.audio_offset / TICKS_PER_SECOND
    return Told("word", text=event.text, begin=begin, end=begin + event.duration.total_seconds())


def _cancelled(event: Any) -> Told:
    details = event.result.cancellation_details
    return Told("failed", text=details.error_details, code=details.error_code)
