"""Words heard in, the responses of Google's recognition out, in both versions of its protocol."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from google.cloud import speech_v1, speech_v2

from bench.audio import SAMPLE_RATE
from bench.emulators.hearing import Heard, sureness
from bench.events import Word

CONFIDENCE = 0.98
STABLE, UNSTABLE = 0.9, 0.01  # of all words but the newest, and of that one


@dataclass(frozen=True, slots=True)
class Asked:
    """What the first request of a stream asks for, and what it gets wrong."""

    api: str
    model: str
    language: str
    recognizer: str
    interim: bool
    voice_activity: bool
    word_times: bool
    word_confidence: bool
    terms: tuple[str, ...]  # to listen for
    wrong: str = ""


class VersionOne:
    """`google.cloud.speech.v1`."""

    path = "google.cloud.speech.v1.Speech/StreamingRecognize"
    request = speech_v1.StreamingRecognizeRequest

    def asked(self, first: Any) -> Asked:
        """What the first request of a stream asks for."""
        streaming, config = first.streaming_config, first.streaming_config.config
        wrong = ""
        if config.encoding != speech_v1.RecognitionConfig.AudioEncoding.LINEAR16:
            wrong = "Invalid recognition 'config': bad encoding."
        elif config.sample_rate_hertz != SAMPLE_RATE:
            wrong = "Invalid recognition 'config': bad sample rate hertz."
        elif not config.language_code:
            wrong = "Invalid recognition 'config': bad language code."
        return Asked(
            "v1",
            config.model,
            config.language_code,
            "",
            streaming.interim_results,
            streaming.enable_voice_activity_events,
            config.enable_word_time_offsets,
            config.enable_word_confidence,
            tuple(term for context in config.speech_contexts for term in context.phrases),
            wrong,
        )

    def audio(self, request: Any) -> bytes:
        """The audio of a further request."""
        return request.audio_content

    def event(self, name: str, samples: int) -> Any:
        """A speech event."""
        kinds = speech_v1.StreamingRecognizeResponse.SpeechEventType
        return speech_v1.StreamingRecognizeResponse(
            speech_event_type=kinds[name], speech_event_time=_time(samples)
        )

    def partial(self, words: Sequence[Word]) -> Any:
        """Interim results: the newest word may still change."""
        return speech_v1.StreamingRecognizeResponse(
            results=[
                speech_v1.StreamingRecognitionResult(
                    alternatives=[speech_v1.SpeechRecognitionAlternative(transcript=text)],
                    stability=stability,
                    result_end_time=_time(end),
                )
                for text, stability, end in _portions(words)
            ]
        )

    def final(self, heard: Heard, asked: Asked) -> Any:
        """A final result."""
        words = [
            speech_v1.WordInfo(
                word=word.text,
                start_time=_time(word.start_sample),
                end_time=_time(word.end_sample),
                confidence=sureness((word,), CONFIDENCE) if asked.word_confidence else 0.0,
            )
            for word in heard.words
        ]
        best = speech_v1.SpeechRecognitionAlternative(
            transcript=" ".join(word.text for word in heard.words),
            confidence=sureness(heard.words, CONFIDENCE),
            words=words if asked.word_times else [],
        )
        result = speech_v1.StreamingRecognitionResult(
            alternatives=[best], is_final=True, result_end_time=_time(heard.words[-1].end_sample)
        )
        return speech_v1.StreamingRecognizeResponse(results=[result])


class VersionTwo:
    """`google.cloud.speech.v2`."""

    path = "google.cloud.speech.v2.Speech/StreamingRecognize"
    request = speech_v2.StreamingRecognizeRequest

    def asked(self, first: Any) -> Asked:
        """What the first request of a stream asks for."""
        config, streaming = first.streaming_config.config, first.streaming_config.streaming_features
        decoding, features = config.explicit_decoding_config, config.features
        wrong = ""
        if "/recognizers/" not in first.recognizer:
            wrong = "Invalid resource field value in the request."
        elif decoding.encoding != speech_v2.ExplicitDecodingConfig.AudioEncoding.LINEAR16:
            wrong = "Audio data does not appear to be in a supported encoding."
        elif (decoding.sample_rate_hertz, decoding.audio_channel_count) != (SAMPLE_RATE, 1):
            wrong = "This emulator hears one channel at 16 kHz."
        elif not config.model or not config.language_codes:
            wrong = "A model and a language code are required."
        elif config.model.startswith("chirp_3") and features.enable_word_time_offsets:
            wrong = "Recognizer does not support feature: word_level_timestamps"
        elif config.model.startswith("chirp") and features.enable_word_confidence:
            wrong = "Recognizer does not support feature: word_level_confidence"
        return Asked(
            "v2",
            config.model,
            ",".join(config.language_codes),
            first.recognizer,
            streaming.interim_results,
            streaming.enable_voice_activity_events,
            features.enable_word_time_offsets,
            features.enable_word_confidence,
            tuple(
                phrase.value
                for phrases in config.adaptation.phrase_sets
                for phrase in phrases.inline_phrase_set.phrases
            ),
            wrong,
        )

    def audio(self, request: Any) -> bytes:
        """The audio of a further request."""
        return request.audio

    def event(self, name: str, samples: int) -> Any:
        """A speech event."""
        kinds = speech_v2.StreamingRecognizeResponse.SpeechEventType
        return speech_v2.StreamingRecognizeResponse(
            speech_event_type=kinds[name], speech_event_offset=_time(samples)
        )

    def partial(self, words: Sequence[Word]) -> Any:
        """Interim results: the newest word may still change."""
        return speech_v2.StreamingRecognizeResponse(
            results=[
                speech_v2.StreamingRecognitionResult(
                    alternatives=[speech_v2.SpeechRecognitionAlternative(transcript=text)],
                    stability=stability,
                    result_end_offset=_time(end),
                )
                for text, stability, end in _portions(words)
            ]
        )

    def final(self, heard: Heard, asked: Asked) -> Any:
        """A final result."""
        words = [
            speech_v2.WordInfo(
                word=word.text,
                start_offset=_time(word.start_sample),
                end_offset=_time(word.end_sample),
                confidence=sureness((word,), CONFIDENCE) if asked.word_confidence else 0.0,
            )
            for word in heard.words
        ]
        best = speech_v2.SpeechRecognitionAlternative(
            transcript=" ".join(word.text for word in heard.words),
            confidence=sureness(heard.words, CONFIDENCE),
            words=words if asked.word_times else [],
        )
        result = speech_v2.StreamingRecognitionResult(
            alternatives=[best], is_final=True, result_end_offset=_time(heard.words[-1].end_sample)
        )
        return speech_v2.StreamingRecognizeResponse(results=[result])


Version = VersionOne | VersionTwo


def _portions(words: Sequence[Word]) -> list[tuple[str, float, int]]:
    """What is stable of an interim result and what is not: text, stability, end."""
    *before, newest = words
    if not before:
        return [(newest.text, UNSTABLE, newest.end_sample)]
    stable = " ".join(word.text for word in before)
    return [
        (stable, STABLE, before[-1].end_sample),
        (f" {newest.text}", UNSTABLE, newest.end_sample),
    ]


def _time(samples: int) -> timedelta:
    return timedelta(seconds=samples / SAMPLE_RATE)
