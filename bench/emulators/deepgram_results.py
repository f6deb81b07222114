"""Words heard in, the messages of Deepgram's live socket out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench.audio import SAMPLE_RATE
from bench.emulators.hearing import Ears, EarsMaker, Heard, samples_of, sureness
from bench.emulators.telling import Message
from bench.events import Word

SILENCE_SECONDS = 3.0  # after so much audio without a result comes one without words
CONFIDENCE = 0.98
USUAL_ENDPOINTING = 10  # milliseconds, as the service has it


@dataclass(frozen=True, slots=True)
class Options:
    """What a client asked for in the query; durations are samples."""

    interim: bool
    punctuate: bool
    endpointing: int | None
    utterance_end: int | None
    speech_started: bool

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Options:
        """Read a query; its durations are milliseconds."""
        endpointing = query.get("endpointing", str(USUAL_ENDPOINTING))
        gap = query.get("utterance_end_ms")
        return cls(
            query.get("interim_results") == "true",
            "true" in (query.get("punctuate"), query.get("smart_format")),
            None if endpointing == "false" else samples_of(int(endpointing) / 1000),
            None if gap is None else samples_of(int(gap) / 1000),
            query.get("vad_events") == "true",
        )


class Listening:
    """What one connection is told, by the samples it has sent."""

    def __init__(self, options: Options, ears: EarsMaker) -> None:
        self._options = options
        self._ears: Ears = ears(options.endpointing)
        self._began = False  # SpeechStarted was due for the utterance under way
        self._told_at = 0  # the newest result
        self._gap_from: int | None = None  # the end of the newest final's words, until it is told

    @property
    def samples(self) -> int:
        """How much audio came."""
        return self._ears.samples

    @property
    def speaking(self) -> bool:
        """Whether there are words that are not final."""
        return self._ears.speaking_since is not None

    async def take(self, pcm: bytes) -> list[Message]:
        """More audio came: what there is to tell of it."""
        return list(self._told(await self._ears.take(pcm)))

    async def finish(self, *, asked: bool) -> list[Message]:
        """Make final whatever was said so far; `asked` when the client wants just that."""
        finals = [self._final(one, from_finalize=asked) for one in await self._ears.finish()]
        if asked and not finals:
            return [self._results((), final=True, from_finalize=True)]
        return finals

    def metadata(self) -> Message:
        """The goodbye."""
        return {
            "type": "Metadata",
            "transaction_key": "deprecated",
            "request_id": "emulated",
            "sha256": "0" * 64,
            "created": "1970-01-01T00:00:00Z",
            "duration": round(self.samples / SAMPLE_RATE, 4),
            "channels": 1,
        }

    def _told(self, heard: Sequence[Heard]) -> Iterator[Message]:
        began = self._ears.speaking_since
        if began is not None and not self._began:
            self._began = True
            if self._options.speech_started:
                at = round(began / SAMPLE_RATE, 4)
                yield {"type": "SpeechStarted", "channel": [0, 1], "timestamp": at}
        for one in heard:
            if one.is_final:
                yield self._final(one)
            elif self._options.interim:
                yield self._results(one.words, final=False)
        gap, end = self._options.utterance_end, self._gap_from
        if gap is not None and end is not None and self.samples >= end + gap:
            self._gap_from = None
            last = round(end / SAMPLE_RATE, 4)
            yield {"type": "UtteranceEnd", "channel": [0, 1], "last_word_end": last}
        if self.samples - self._told_at >= samples_of(SILENCE_SECONDS):
            quiet = self._ears.speaking_since is None
            yield self._results((), final=quiet, speech_final=False)

    def _final(self, heard: Heard, *, from_finalize: bool = False) -> Message:
        self._began, self._gap_from = False, heard.words[-1].end_sample
        return self._results(heard.words, final=True, from_finalize=from_finalize)

    def _results(
        self,
        words: Sequence[Word],
        *,
        final: bool,
        speech_final: bool | None = None,
        from_finalize: bool = False,
    ) -> Message:
        start = words[0].start_sample if words else self._told_at
        self._told_at = self.samples
        shown = [shown_as(word, punctuate=self._options.punctuate) for word in words]
        best = {
            "transcript": " ".join(one.get("punctuated_word", one["word"]) for one in shown),
            "confidence": sureness(words, CONFIDENCE),
            "words": shown,
        }
        return {
            "type": "Results",
            "channel_index": [0, 1],
            "start": round(start / SAMPLE_RATE, 4),
            "duration": round((self.samples - start) / SAMPLE_RATE, 4),
            "is_final": final,
            "speech_final": final if speech_final is None else speech_final,
            "from_finalize": from_finalize,
            "channel": {"alternatives": [best]},
            "metadata": {
                "request_id": "emulated",
                "model_uuid": "emulated",
                "model_info": {"name": "emulated", "version": "1", "arch": "emulated"},
            },
        }


def shown_as(word: Word, *, punctuate: bool) -> Message:
    """A word of a result."""
    plain = "".join(c for c in word.text.lower() if c.isalnum() or c in "'-")
    return {
        "word": plain,
        **({"punctuated_word": word.text} if punctuate else {}),
        "start": round(word.start_sample / SAMPLE_RATE, 4),
        "end": round(word.end_sample / SAMPLE_RATE, 4),
        "confidence": sureness((word,), CONFIDENCE),
    }
