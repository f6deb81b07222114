"""Audio in, speech starts and ends out: counts samples and does not know the hour."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from operator import mul

from bench.audio import SAMPLE_RATE, SAMPLE_WIDTH
from bench.engine.settings import ConversationSettings

WINDOW = 512  # samples: 32 ms, what the detector's model takes
SILENCE_DB = -96.0

Probability = Callable[[bytes], float]  # of speech in WINDOW samples of PCM, 0 to 1


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Speech began at `at_sample`, noticed at the sample `noticed_at_sample`."""

    at_sample: int
    noticed_at_sample: int


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """The last window of speech ended at `at_sample`, noticed at the sample `noticed_at_sample`."""

    at_sample: int
    noticed_at_sample: int


class VoiceActivityDetector:
    """Hysteresis over a speech probability: quick to start, slow to stop.

    Speech starts after `start_windows` windows at `threshold` or above, and stops after
    `end_seconds` of windows below `end_threshold`.
    """

    def __init__(
        self,
        probability: Probability,
        *,
        threshold: float = 0.7,
        start_windows: int = 2,
        end_threshold: float = 0.45,
        end_seconds: float = 0.2,
    ) -> None:
        self.speaking = False
        self.voiced_samples = 0  # since the start of this speech, the tail of silence not counted
        self._probability = probability
        self._threshold, self._end_threshold = threshold, end_threshold
        self._start_windows = start_windows
        self._end_samples = round(end_seconds * SAMPLE_RATE)
        self._buffer = bytearray()
        self._sample = 0  # of the stream, at the end of the last whole window
        self._run = 0  # windows in a row at the threshold, or samples in a row below it
        self._recent: list[bytes] = []

    @classmethod
    def of(cls, probability: Probability, settings: ConversationSettings) -> VoiceActivityDetector:
        """A detector as the settings want it."""
        return cls(
            probability,
            threshold=settings.vad_threshold,
            start_windows=settings.vad_start_windows,
            end_threshold=settings.vad_end_threshold,
            end_seconds=settings.vad_end_seconds,
        )

    @property
    def level_db(self) -> float:
        """The loudest of the last few windows, in dBFS."""
        return max((level_db(window) for window in self._recent), default=SILENCE_DB)

    def feed(self, pcm: bytes) -> list[SpeechStarted | SpeechStopped]:
        """Take the next samples of the stream, in pieces of any size."""
        self._buffer += pcm
        edges: list[SpeechStarted | SpeechStopped] = []
        size = WINDOW * SAMPLE_WIDTH
        while len(self._buffer) >= size:
            window = bytes(self._buffer[:size])
            del self._buffer[:size]
            self._sample += WINDOW
            self._recent = [*self._recent[-2:], window]
            edge = self._step(self._probability(window))
            if edge is not None:
                edges.append(edge)
        return edges

    def _step(self, probability: float) -> SpeechStarted | SpeechStopped | None:
        if self.speaking:
            return self._while_speaking(probability)
        self._run = self._run + 1 if probability >= self._threshold else 0
        if self._run < self._start_windows:
            return None
        began = self._sample - self._run * WINDOW
        self.speaking, self.voiced_samples, self._run = True, self._run * WINDOW, 0
        return SpeechStarted(began, self._sample)

    def _while_speaking(self, probability: float) -> SpeechStopped | None:
        if probability >= self._end_threshold:
            self.voiced_samples += self._run + WINDOW  # a pause that did not end it counts
            self._run = 0
            return None
        self._run += WINDOW
        if self._run < self._end_samples:
            return None
        ended = self._sample - self._run
        self.speaking, self._run = False, 0
        return SpeechStopped(ended, self._sample)


def level_db(pcm: bytes) -> float:
    """Root-mean-square level of PCM in dB below full scale."""
    samples = array("h", pcm)
    if not samples:
        return SILENCE_DB
    power = sum(map(mul, samples, samples)) / len(samples)
    return max(SILENCE_DB, 10 * math.log10(power / 2**30)) if power else SILENCE_DB
