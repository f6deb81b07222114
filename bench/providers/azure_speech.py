"""Audio in, words out as they are said: Azure's speech-to-text, through its native SDK."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from azure.cognitiveservices.speech import (
    CancellationErrorCode,
    CancellationReason,
    Connection,
    OutputFormat,
    PhraseListGrammar,
    ProfanityOption,
    PropertyId,
    SpeechConfig,
    SpeechRecognizer,
    audio,
)

from bench import clock
from bench.audio import SAMPLE_RATE, SAMPLE_WIDTH
from bench.engine.patience import Patience
from bench.engine.transcriber import BaseTranscriber, Transcription
from bench.engine.worker import Ending, spawn
from bench.errors import BrokenStream, ConnectFailed, Stalled
from bench.events import Word
from bench.providers.azure_bridge import (
    PROVIDER,
    TICKS_PER_SECOND,
    Events,
    NativeThread,
    Signals,
    Subscription,
    ended,
    failure,
    native,
)
from bench.providers.connections import CONNECT_SECONDS, FIRST_RESULT_SECONDS
from bench.providers.utterances import Utterances

SEGMENTATION_MILLISECONDS = 300  # of silence, after which words are final
EVENTS = 256  # that may wait to be read: minutes of partials

Kind = Literal["connected", "speech", "partial", "final", "stopped"]


@dataclass(frozen=True, slots=True)
class Told:
    """What the SDK told: `json` is the service's own words, with times from the stream's start."""

    kind: Kind
    json: str = ""
    code: CancellationErrorCode | None = None  # of a failure, whose `json` is its details


class AzureTranscriber(BaseTranscriber):
    """Speech-to-text while it is said, as continuous recognition of a pushed stream.

    `transcriber_config` may hold `language` ("en-US", or "en"), `keyterms`, `transcriber_model`
    (the id of a custom endpoint) and `azure_url`: the address (ws:// or wss://) of a server that
    speaks the same protocol, instead of a region. The SDK sends audio in pieces of 100 ms, whatever
    it is given. Partials have no word times; who has ended their turn is left to the conversation.
    """

    provider = PROVIDER
    owes_answers = True

    def __init__(self, transcriber_config: Mapping[str, Any] | None = None) -> None:
        super().__init__(transcriber_config)
        config = transcriber_config or {}
        self._subscription = Subscription(config)
        self.model: str | None = config.get("transcriber_model")
        self._keyterms = tuple(config.get("keyterms") or ())
        self._utterances = Utterances()

    async def _run_loop(self) -> None:
        events, began_at = Events[Told](EVENTS), clock.now()
        thread, recognition = NativeThread("Azure recogniser"), Recognition(events, self._keyterms)
        try:
            await self._connect(thread, recognition, events)
            began_at = clock.now()
            sender = spawn(self._send(recognition, events), name="Azure sender")
            try:
                async with Patience(FIRST_RESULT_SECONDS) as patience:
                    patience.suspend()
                    await self._receive(events, patience)
            finally:
                sender.cancel()
                await Ending([sender])
        except TimeoutError:
            waited = round(clock.now() - began_at, 6)
            raise Stalled(self.provider, "heard speech, told no words", waited) from None
        finally:
            await ended([thread.end(recognition.close)])

    async def _connect(
        self, thread: NativeThread, recognition: Recognition, events: Events[Told]
    ) -> None:
        try:
            async with clock.deadline(CONNECT_SECONDS):
                await thread.call(lambda: recognition.open(self._service()))
                while (told := await events.next()).kind != "connected":
                    self._check(told, begun=False)
        except TimeoutError:
            raise ConnectFailed(self.provider, "no handshake in time") from None
        except RuntimeError as error:
            raise ConnectFailed(self.provider, native(error)) from None

    def _service(self) -> SpeechConfig:
        config = self._subscription.service()
        config.speech_recognition_language = self._subscription.locale
        if self.model is not None:
            config.endpoint_id = self.model
        config.output_format = OutputFormat.Detailed
        config.request_word_level_timestamps()
        config.set_profanity(ProfanityOption.Raw)  # or words would be told with asterisks
        silence = str(SEGMENTATION_MILLISECONDS)
        config.set_property(PropertyId.Speech_SegmentationSilenceTimeoutMs, silence)
        return config

    async def _send(self, recognition: Recognition, events: Events[Told]) -> None:
        while True:
            chunk = await self.take()
            try:
                recognition.write(chunk)
            except RuntimeError as error:  # the SDK takes no more
                events.fail(error)
                return

    async def _receive(self, events: Events[Told], patience: Patience) -> None:
        while True:
            told = await events.next()
            self._check(told, begun=True)
            self.answered()
            if told.kind == "final":
                patience.suspend()
            elif told.kind in ("speech", "partial"):  # from now on words are owed
                patience.extend(FIRST_RESULT_SECONDS)
            if told.kind in ("partial", "final"):
                await self._pass_on(told)

    def _check(self, told: Told, *, begun: bool) -> None:
        if told.code is not None:
            raise failure(told.code, told.json, self._subscription.key, begun=begun)
        if told.kind == "stopped":
            raise BrokenStream(self.provider, "the service ended the session")

    async def _pass_on(self, told: Told) -> None:
        try:
            said = _read(told, self._utterances.name, self.placed)
            if said.is_final and not said.message:  # there were no words up to here
                self.intake.settled(self.placed(_end(told)))
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            reason = f"not a result: {type(error).__name__}"
            raise BrokenStream(self.provider, reason) from None
        if self._utterances.is_news(said):
            await self.tell(said)


class Recognition:
    """The native objects of one stream: opened and closed on a thread of their own."""

    def __init__(self, events: Events[Told], keyterms: Sequence[str] = ()) -> None:
        self._events, self._keyterms = events, keyterms
        self._stream: audio.PushAudioInputStream | None = None
        self._held: list[Any] = []
        self._signals = Signals()

    def open(self, config: SpeechConfig) -> None:
        """Begin to connect and to listen; blocks, though not until it is connected."""
        form = audio.AudioStreamFormat(SAMPLE_RATE, 8 * SAMPLE_WIDTH, 1)
        stream = audio.PushAudioInputStream(form)
        recogniser = SpeechRecognizer(config, audio.AudioConfig(stream=stream))
        connection = Connection.from_recognizer(recogniser)
        self._held += [stream, recogniser, connection]
        if self._keyterms:
            self._held.append(phrases := PhraseListGrammar.from_recognizer(recogniser))
            for term in self._keyterms:
                phrases.addPhrase(term)
        self._signals = Signals(
            connection.connected,
            recogniser.speech_start_detected,
            recogniser.recognizing,
            recogniser.recognized,
            recogniser.canceled,
            recogniser.session_stopped,
        )
        read = self._events.reading
        connection.connected.connect(read(lambda _: Told("connected")))
        recogniser.speech_start_detected.connect(read(lambda _: Told("speech")))
        recogniser.recognizing.connect(read(lambda event: Told("partial", event.result.json)))
        recogniser.recognized.connect(read(lambda event: Told("final", event.result.json)))
        recogniser.canceled.connect(read(_cancelled))
        recogniser.session_stopped.connect(read(lambda _: Told("stopped")))
        connection.open(True)
        recogniser.start_continuous_recognition_async().get()
        self._stream = stream

    def write(self, pcm: bytes) -> None:
        """Send audio; never blocks, the SDK keeps what the socket does not take."""
        assert self._stream is not None, "it was opened"
        self._stream.write(pcm)

    def close(self) -> None:
        """Hang up; blocks for as long as the SDK does."""
        self._stream = None
        self._signals.cut()
        while self._held:
            self._held.pop()


def _cancelled(event: Any) -> Told:
    details = event.cancellation_details
    if details.reason is CancellationReason.Error:
        return Told("stopped", details.error_details, details.code)
    return Told("stopped")  # of itself, the end of a stream is no failure


def _read(told: Told, utterance_id: str, placed: Callable[[int], int]) -> Transcription:
    """A result, its words placed in the microphone's audio.

    Raises:
        AttributeError, LookupError, TypeError, ValueError: it has another shape.
    """
    result = json.loads(told.json)
    if told.kind == "partial":
        return Transcription(result["Text"].strip(), is_final=False, utterance_id=utterance_id)
    if result["RecognitionStatus"] != "Success":  # nothing was said, or nothing that makes sense
        return Transcription("", 0.0, utterance_id=utterance_id)
    best = result["NBest"][0]
    text, timed = best["Display"].strip(), best.get("Words", ())
    shown = text.split()
    if len(shown) != len(timed):  # "nine to five" may be displayed as "9-5"
        shown = [word["Word"] for word in timed]
    words = tuple(_word(name, word, placed) for name, word in zip(shown, timed, strict=True))
    return Transcription(
        text, float(best["Confidence"]), True, words=words, utterance_id=utterance_id
    )


def _end(told: Told) -> int:
    """The sample of the stream at which a result ends."""
    result = json.loads(told.json)
    return _samples(result["Offset"] + result["Duration"])


def _word(shown: str, timed: dict[str, Any], placed: Callable[[int], int]) -> Word:
    begin, end = timed["Offset"], timed["Offset"] + timed["Duration"]
    return Word(shown, placed(_samples(begin)), placed(_samples(end)), timed.get("Confidence", 1.0))


def _samples(ticks: int) -> int:
    return round(ticks * SAMPLE_RATE / TICKS_PER_SECOND)
