"""Resampled speech and word events in, one stretch of samples per word out.

A word is what stands between two spaces of the text, so the words joined by single spaces are the
text again; a token that is not spoken ("—") belongs to the word before it, in front of the first to
that one. A word begins where espeak says and ends with its last audible sample before the next
begins. All positions are samples at the wanted rate.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

QUIET = 64  # |sample| up to here is silence (-54 dBFS): espeak's own pauses are digital zero

Samples = NDArray[np.int16]


class Stretch(NamedTuple):
    """The audio up to the next word, and the one word in it: text, start, end. None when nothing is
    spoken.
    """

    samples: Samples
    word: tuple[str, int, int] | None


class WordCutter:
    """Cuts one utterance's samples at the beginnings of its words.

    Args:
        text: the words to be recognised in the events' character offsets.
        emit: takes each stretch as soon as the next word has begun.
    """

    def __init__(self, text: str, emit: Callable[[Stretch], None]) -> None:
        self._tokens = list(re.finditer(r"\S+", text))
        self._starts = [token.start() for token in self._tokens]
        self._emit = emit
        self._boundaries: list[tuple[int, int]] = []  # (sample, token) of words not yet reached
        self._newest = -1  # the last token that has begun, reached or not
        self._current: tuple[int, int] | None = None  # (sample, token) of the word being heard
        self._first_token = 0  # where the current word's text begins
        self._parts: list[Samples] = []
        self._loud_end = 0
        self.position = 0

    def begin(self, offset: int, sample: int) -> None:
        """The word around character `offset` begins at `sample`, not before what was fed."""
        token = bisect_right(self._starts, offset) - 1
        if token > self._newest or self._newest < 0:
            self._newest = max(token, 0)
            self._boundaries.append((max(sample, self.position), self._newest))

    def feed(self, samples: Samples) -> None:
        """The next samples of the utterance."""
        while self._boundaries and self._boundaries[0][0] <= self.position + len(samples):
            boundary, token = self._boundaries.pop(0)
            cut = boundary - self.position
            self._append(samples[:cut])
            samples = samples[cut:]
            if self._current:
                self._emit(self._stretch(next_token=token))
                self._first_token = token
            self._current = (boundary, token)
        self._append(samples)

    def finish(self, end_pause: int | None) -> None:
        """The last word, its silence cut or filled to `end_pause` samples (None: left as it is)."""
        stretch = self._stretch(next_token=len(self._tokens))
        samples = stretch.samples
        if end_pause is not None and self._loud_end:
            start = self.position - len(samples)
            samples = samples[: max(self._loud_end - start, 0) + end_pause]
            missing = self._loud_end + end_pause - start - len(samples)
            samples = np.concatenate([samples, np.zeros(max(missing, 0), np.int16)])
        elif end_pause is not None:
            samples = samples[:0]
        self.position += len(samples) - len(stretch.samples)
        self._emit(Stretch(samples, stretch.word))

    def _append(self, samples: Samples) -> None:
        if not len(samples):
            return
        loud = np.flatnonzero((samples > QUIET) | (samples < -QUIET))
        if len(loud):
            self._loud_end = self.position + int(loud[-1]) + 1
        self._parts.append(samples)
        self.position += len(samples)

    def _stretch(self, next_token: int) -> Stretch:
        samples = np.concatenate(self._parts) if self._parts else np.zeros(0, np.int16)
        self._parts = []
        if self._current is None:
            return Stretch(samples, None)
        tokens = self._tokens[self._first_token : next_token]
        text = " ".join(token.group() for token in tokens)
        start = self._current[0]
        end = self._loud_end if self._loud_end > start else self.position
        return Stretch(samples, (text, start, end))
