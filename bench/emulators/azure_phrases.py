"""Words heard in, the bodies of Azure's messages about them out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bench.audio import SAMPLE_RATE
from bench.emulators import usp
from bench.emulators.hearing import sureness
from bench.events import Word

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Phrases:
    """Of one request, which begins with the sample `begins` of the connection's audio."""

    begins: int

    def ticks(self, sample: int) -> int:
        """Where that lies, in the services' unit of time."""
        return usp.ticks(sample - self.begins, SAMPLE_RATE)

    def hypothesis(self, words: Sequence[Word]) -> dict[str, Any]:
        """Words that may change."""
        text = " ".join(_plain(word.text) for word in words)
        return {"Id": "emulated", "Text": text, **self._span(words), "Channel": 0}

    def phrase(self, words: Sequence[Word]) -> dict[str, Any]:
        """Words that will not."""
        shown = " ".join(word.text for word in words)
        plain = " ".join(_plain(word.text) for word in words)
        timed = [{"Word": _plain(word.text), **self._span((word,))} for word in words]
        best = {
            "Confidence": sureness(words, CONFIDENCE),
            "Lexical": plain,
            "ITN": plain,
            "MaskedITN": plain,
            "Display": shown,
            "Words": timed,
        }
        about = {"Id": "emulated", "RecognitionStatus": "Success", **self._span(words)}
        return {**about, "DisplayText": shown, "Channel": 0, "NBest": [best]}

    def nothing(self, status: str, sample: int, samples: int = 0) -> dict[str, Any]:
        """Why there are no words in so many samples from one on."""
        span = {"Offset": self.ticks(sample), "Duration": usp.ticks(samples, SAMPLE_RATE)}
        about = {"Id": "emulated", "RecognitionStatus": status, **span}
        return {**about, "DisplayText": "", "Channel": 0}

    def _span(self, words: Sequence[Word]) -> dict[str, int]:
        begin, end = words[0].start_sample, words[-1].end_sample
        return {"Offset": self.ticks(begin), "Duration": usp.ticks(end - begin, SAMPLE_RATE)}


def _plain(text: str) -> str:
    return "".join(sign for sign in text.lower() if sign.isalnum() or sign in "'-")
