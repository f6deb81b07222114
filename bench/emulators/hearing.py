"""Audio's length in, results out when they are due: a recogniser that knows what is said."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.audio import SAMPLE_RATE
from bench.events import Word
from bench.simulation.truth import TruthFeed

Message = dict[str, Any]

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
            None if endpointing == "false" else _samples(int(endpointing) / 1000),
            None if gap is None else _samples(int(gap) / 1000),
            query.get("vad_events") == "true",
        )


class Hearing:
    """What one connection has heard, which is told by samples and not by the clock.

    `feed` holds the truth; the connection's first sample is sample `base` of the microphone. A
    partial comes `interim()` seconds of audio after a word, a final `final()` seconds after the
    pause that ends the words.
    """

    def __init__(
        self,
        feed: TruthFeed,
        options: Options,
        base: int,
        interim: Callable[[], float],
        final: Callable[[], float],
    ) -> None:
        self.samples = 0  # of this connection's audio
        self._feed, self._options, self._base = feed, options, base
        self._draw_interim, self._draw_final = interim, final
        self._delays: tuple[int, int] | None = None  # of the words being said
        self._done = 0  # words that are final
        self._shown = 0  # words of the newest partial
        self._told_at = 0  # the newest result
        self._gap_from: int | None = None  # the end of the newest final's words, until it is told

    def take(self, samples: int) -> Iterator[Message]:
        """More audio came: what there is to tell of it."""
        self.samples += samples
        words = self._segment()
        if words:
            yield from self._of_words(words)
        gap, end = self._options.utterance_end, self._gap_from
        if gap is not None and end is not None and self.samples >= end + gap:
            self._gap_from = None
            last = round(end / SAMPLE_RATE, 4)
            yield {"type": "UtteranceEnd", "channel": [0, 1], "last_word_end": last}
        if self.samples - self._told_at >= _samples(SILENCE_SECONDS):
            yield self._results([], final=not words, speech_final=False)

    def finish(self, *, asked: bool) -> Iterator[Message]:
        """Make final whatever was said so far; `asked` when the client wants just that."""
        words = [word for word in self._segment() if word.end_sample <= self.samples]
        if words or asked:
            yield self._final(words, from_finalize=asked)

    def _segment(self) -> list[Word]:
        """The words to come, and those said, up to the first pause."""
        said = [word for said in self._feed.said for word in said.words]
        ahead = [self._placed(word) for word in said if word.start_sample >= self._base]
        ahead = sorted(ahead, key=lambda word: word.start_sample)[self._done :]
        pause = self._options.endpointing
        for number in range(1, len(ahead)):
            gap = ahead[number].start_sample - ahead[number - 1].end_sample
            if pause is not None and gap > pause:
                return ahead[:number]
        return ahead

    def _placed(self, word: Word) -> Word:
        start, end = word.start_sample - self._base, word.end_sample - self._base
        return Word(word.text, start, end)

    def _of_words(self, words: Sequence[Word]) -> Iterator[Message]:
        if self._options.speech_started and self._delays is None and self._began(words):
            at = round(words[0].start_sample / SAMPLE_RATE, 4)
            yield {"type": "SpeechStarted", "channel": [0, 1], "timestamp": at}
        if self._delays is None:
            if not self._began(words):
                return
            self._delays = _samples(self._draw_interim()), _samples(self._draw_final())
        interim, final = self._delays
        pause, end = self._options.endpointing, words[-1].end_sample
        if pause is not None and self.samples >= end + pause + final:
            yield self._final(words)
            return
        said = [word for word in words if word.end_sample + interim <= self.samples]
        if self._options.interim and len(said) > self._shown:
            self._shown = len(said)
            yield self._results(said, final=False, speech_final=False)

    def _began(self, words: Sequence[Word]) -> bool:
        return words[0].start_sample < self.samples

    def _final(self, words: Sequence[Word], *, from_finalize: bool = False) -> Message:
        self._done += len(words)
        self._shown, self._delays = 0, None
        if words:
            self._gap_from = words[-1].end_sample
        return self._results(words, final=True, speech_final=True, from_finalize=from_finalize)

    def _results(
        self,
        words: Sequence[Word],
        *,
        final: bool,
        speech_final: bool,
        from_finalize: bool = False,
    ) -> Message:
        start = words[0].start_sample if words else self._told_at
        self._told_at = self.samples
        shown = [self._shown_as(word) for word in words]
        best = {
            "transcript": " ".join(one["punctuated_word"] or one["word"] for one in shown),
            "confidence": CONFIDENCE if words else 0.0,
            "words": [{k: v for k, v in one.items() if v is not None} for one in shown],
        }
        return {
            "type": "Results",
            "channel_index": [0, 1],
            "start": round(start / SAMPLE_RATE, 4),
            "duration": round((self.samples - start) / SAMPLE_RATE, 4),
            "is_final": final,
            "speech_final": speech_final,
            "from_finalize": from_finalize,
            "channel": {"alternatives": [best]},
            "metadata": {
                "request_id": "emulated",
                "model_uuid": "emulated",
                "model_info": {"name": "emulated", "version": "1", "arch": "emulated"},
            },
        }

    def _shown_as(self, word: Word) -> dict[str, Any]:
        plain = "".join(c for c in word.text.lower() if c.isalnum() or c in "'-")
        return {
            "word": plain,
            "punctuated_word": word.text if self._options.punctuate else None,
            "start": round(word.start_sample / SAMPLE_RATE, 4),
            "end": round(word.end_sample / SAMPLE_RATE, 4),
            "confidence": CONFIDENCE,
        }


def _samples(seconds: float) -> int:
    return round(seconds * SAMPLE_RATE)
