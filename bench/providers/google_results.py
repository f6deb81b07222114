"""Responses of a recognition stream in, what was said out: both versions of Google's protocol."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from google.cloud import speech_v1, speech_v2
from google.cloud.speech_v1.services.speech.transports import (
    SpeechGrpcAsyncIOTransport as TransportV1,
)
from google.cloud.speech_v2.services.speech.transports import (
    SpeechGrpcAsyncIOTransport as TransportV2,
)
from grpc import aio

from bench import clock
from bench.audio import SAMPLE_RATE
from bench.engine.transcriber import Transcription
from bench.events import Word
from bench.providers.google_channel import CHINESE, LANGUAGE, regional

MODEL_V1, MODEL_V2 = "latest_long", "long"
TORN_SECONDS = 0.2  # a word that ends so near the end of a stream may not be whole

Said = tuple[str, float, float, float]  # a word, its first and last seconds, the confidence


class VersionOne:
    """Requests of `google.cloud.speech.v1`, and what the words of its results are called."""

    transport = TransportV1

    def __init__(self, agent_config: Mapping[str, Any]) -> None:
        self.model: str = agent_config.get("transcriber_model") or MODEL_V1
        self.language, self.keyterms = _language(agent_config), _keyterms(agent_config)

    def client(self, channel: aio.Channel) -> speech_v1.SpeechAsyncClient:
        """A client on a channel."""
        return speech_v1.SpeechAsyncClient(transport=self.transport(channel=channel))

    def first(self) -> speech_v1.StreamingRecognizeRequest:
        """The request that comes before the audio."""
        config = speech_v1.RecognitionConfig(
            encoding=speech_v1.RecognitionConfig.AudioEncoding.LINEAR16,
            sample_rate_hertz=SAMPLE_RATE,
            language_code=self.language,
            model=self.model,
            enable_word_time_offsets=True,
            enable_word_confidence=True,
            enable_automatic_punctuation=True,
            speech_contexts=[speech_v1.SpeechContext(phrases=self.keyterms)]
            if self.keyterms
            else [],
        )
        return speech_v1.StreamingRecognizeRequest(
            streaming_config=speech_v1.StreamingRecognitionConfig(
                config=config, interim_results=True, enable_voice_activity_events=True
            )
        )

    def audio(self, pcm: bytes) -> speech_v1.StreamingRecognizeRequest:
        """A request with audio."""
        return speech_v1.StreamingRecognizeRequest(audio_content=pcm)

    def said(self, word: Any, confidence: float) -> Said:
        """A word of a result; `confidence` where it has none of its own."""
        start, end = word.start_time.total_seconds(), word.end_time.total_seconds()
        return word.word, start, end, word.confidence or confidence

    def until(self, result: Any) -> float:
        """The second at which a result ends."""
        return result.result_end_time.total_seconds()


class VersionTwo:
    """Requests of `google.cloud.speech.v2`, and what the words of its results are called.

    `recognizer` is a resource, as "projects/…/locations/global/recognizers/_". The models called
    chirp give words no confidence, chirp_3 no times either, and refuse to be asked for them.
    """

    transport = TransportV2

    def __init__(self, agent_config: Mapping[str, Any], recognizer: str) -> None:
        self.model: str = agent_config.get("transcriber_model") or MODEL_V2
        self.language, self.keyterms = _language(agent_config), _keyterms(agent_config)
        self.recognizer = recognizer

    def client(self, channel: aio.Channel) -> speech_v2.SpeechAsyncClient:
        """A client on a channel."""
        return speech_v2.SpeechAsyncClient(transport=self.transport(channel=channel))

    def first(self) -> speech_v2.StreamingRecognizeRequest:
        """The request that comes before the audio."""
        config = speech_v2.RecognitionConfig(
            explicit_decoding_config=speech_v2.ExplicitDecodingConfig(
                encoding=speech_v2.ExplicitDecodingConfig.AudioEncoding.LINEAR16,
                sample_rate_hertz=SAMPLE_RATE,
                audio_channel_count=1,
            ),
            model=self.model,
            language_codes=[self.language],
            features=speech_v2.RecognitionFeatures(
                enable_word_time_offsets=not self.model.startswith("chirp_3"),
                enable_word_confidence=not self.model.startswith("chirp"),
                enable_automatic_punctuation=True,
            ),
            adaptation=self._adaptation(),
        )
        return speech_v2.StreamingRecognizeRequest(
            recognizer=self.recognizer,
            streaming_config=speech_v2.StreamingRecognitionConfig(
                config=config,
                streaming_features=speech_v2.StreamingRecognitionFeatures(
                    interim_results=True, enable_voice_activity_events=True
                ),
            ),
        )

    def _adaptation(self) -> speech_v2.SpeechAdaptation | None:
        if not self.keyterms:
            return None
        phrases = [speech_v2.PhraseSet.Phrase(value=term) for term in self.keyterms]
        inline = speech_v2.SpeechAdaptation.AdaptationPhraseSet(
            inline_phrase_set=speech_v2.PhraseSet(phrases=phrases)
        )
        return speech_v2.SpeechAdaptation(phrase_sets=[inline])

    def audio(self, pcm: bytes) -> speech_v2.StreamingRecognizeRequest:
        """A request with audio."""
        return speech_v2.StreamingRecognizeRequest(audio=pcm)

    def said(self, word: Any, confidence: float) -> Said:
        """A word of a result; `confidence` where it has none of its own."""
        start, end = word.start_offset.total_seconds(), word.end_offset.total_seconds()
        return word.word, start, end, word.confidence or confidence

    def until(self, result: Any) -> float:
        """The second at which a result ends."""
        return result.result_end_offset.total_seconds()


Version = VersionOne | VersionTwo


def _language(agent_config: Mapping[str, Any]) -> str:
    language = regional(agent_config.get("language") or LANGUAGE)
    return "cmn-Hans-CN" if language == CHINESE else language


def _keyterms(agent_config: Mapping[str, Any]) -> list[str]:
    return list(agent_config.get("keyterms") or ())


class Names:
    """What utterances are called, over all streams."""

    def __init__(self) -> None:
        self._number = 1

    @property
    def name(self) -> str:
        """The one under way."""
        return f"u{self._number}"

    def end(self) -> str:
        """The name of the utterance that ends; the next one has another."""
        ended = self.name
        self._number += 1
        return ended


class Results:
    """What one stream has told so far.

    `samples` is the audio it was sent. Once it `is_ending`, words that end with the audio are left
    to the next stream, which hears them whole: the engine sends again what follows the last final.
    """

    def __init__(self, version: Version, names: Names, placed: Callable[[int], int]) -> None:
        self.began_at = clock.now()
        self.samples = 0
        self.is_ending = self.is_idle = False
        self.is_voiced = False  # the service hears a voice
        self._version, self._names, self._placed = version, names, placed
        self._partial = ""  # told of the utterance under way
        self._is_torn = False  # words were left to the next stream
        self._settled_seconds = 0.0  # of this stream

    @property
    def is_owed(self) -> bool:
        """Whether words are being said that are not final."""
        return self.is_voiced or self._is_torn or bool(self._partial)

    def read(self, response: Any) -> Iterator[Transcription]:
        """What a response says."""
        match response.speech_event_type.name:
            case "SPEECH_ACTIVITY_BEGIN":
                self.is_voiced = True
            case "SPEECH_ACTIVITY_END":
                self.is_voiced = False
            case "END_OF_SINGLE_UTTERANCE":  # of some models, which end the stream with it
                self.is_ending = True
            case _:
                pass
        results = [result for result in response.results if result.alternatives]
        for result in results:
            if result.is_final:
                yield from self._final(result)
        yield from self._partly([result for result in results if not result.is_final])

    def _partly(self, results: Sequence[Any]) -> Iterator[Transcription]:
        """Several portions, the nearer ones less surely: one partial."""
        text = "".join(result.alternatives[0].transcript for result in results).strip()
        if not text or text == self._partial:
            return
        if 0.0 < self._version.until(results[-1]) <= self._settled_seconds:
            return  # it is older than the final
        self._partial = text
        surely = min(result.stability for result in results)
        yield Transcription(text, surely, is_final=False, utterance_id=self._names.name)

    def _final(self, result: Any) -> Iterator[Transcription]:
        best, version = result.alternatives[0], self._version
        text, confidence = best.transcript.strip(), best.confidence or 1.0
        every = [version.said(word, confidence) for word in best.words]
        whole = [said for said in every if not self._may_be_torn(said)]
        self._is_torn = len(whole) < len(every)
        if self._is_torn:
            text = " ".join(word for word, *_ in whole)
        is_news = bool(text or self._partial) and bool(whole or not every)
        self._partial = ""
        if is_news:
            ended = whole[-1][2] if whole else version.until(result)
            self._settled_seconds = max(self._settled_seconds, ended)
            words = tuple(map(self._word, whole))
            name = self._names.end()
            yield Transcription(text, confidence, words=words, utterance_id=name)

    def _may_be_torn(self, said: Said) -> bool:
        return self.is_ending and said[2] > self.samples / SAMPLE_RATE - TORN_SECONDS

    def _word(self, said: Said) -> Word:
        text, start, end, confidence = said
        first, last = round(start * SAMPLE_RATE), round(end * SAMPLE_RATE)
        return Word(text, self._placed(first), self._placed(last), confidence)
