"""Resampled speech and word events in, one stretch of samples per word out.

A word is what stands between two spaces of the text, so the words joined by single spaces are the
text again; a token that is not spoken ("—") belongs to the word before it, in front of the first to
that one. A word begins where espeak says and ends with its last audible sample before the next
begins; between words that espeak says as one ("of the") the border is estimated. All positions are
samples at the wanted rate.
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


Spoken = tuple[str, int, int]  # text, start, end


class Stretch(NamedTuple):
    """The audio up to the next word, and the words in it: mostly one, none when nothing is said."""

    samples: Samples
    words: list[Spoken]


class WordCutter:
    """Cuts one utterance's samples at the beginnings of its words.

    Args:
        text: the words to be recognised in the events' character offsets.
        rate: of the samples, in Hz.
        emit: takes each stretch as soon as the next word has begun.
    """

    def __init__(self, text: str, rate: int, emit: Callable[[Stretch], None]) -> None:
        self._tokens = list(re.finditer(r"\S+", text))
        self._starts = [token.start() for token in self._tokens]
        self._emit = emit
        self._boundaries: list[tuple[int, int]] = []  # (sample, token) of words not yet reached
        self._newest = -1  # the last token that has begun, reached or not
        self._current: tuple[int, int] | None = None  # (sample, token) of the word being heard
        self._first_token = 0  # where the current word's text begins
        self._parts: list[Samples] = []
        self._stretch_start = 0
        self._ringing = rate // 500  # the resampler's filter sounds 2 ms ahead of the next word
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
                self._cut(next_token=token)
            self._current = (boundary, token)
        self._append(samples)

    def finish(self, end_pause: int | None) -> None:
        """The last word, its silence cut or filled to `end_pause` samples (None: left as it is)."""
        samples = self._collected()
        audible = _audible(samples)
        words = self._words(len(self._tokens), audible, len(samples))
        if end_pause is not None:
            samples = samples[: audible + end_pause] if audible else samples[:0]
            missing = audible + end_pause - len(samples) if audible else 0
            samples = np.concatenate([samples, np.zeros(missing, np.int16)])
        self.position = self._stretch_start + len(samples)
        self._emit(Stretch(samples, words))

    def _cut(self, next_token: int) -> None:
        """The current word is over: the next one begins here."""
        samples = self._collected()
        audible = _audible(samples[: len(samples) - self._ringing])
        if audible > len(samples) - 2 * self._ringing:
            audible = len(samples)
        words = self._words(next_token, audible, len(samples))
        self._stretch_start = self.position
        self._first_token = next_token
        self._emit(Stretch(samples, words))

    def _append(self, samples: Samples) -> None:
        if len(samples):
            self._parts.append(samples)
            self.position += len(samples)

    def _collected(self) -> Samples:
        samples = np.concatenate(self._parts) if self._parts else np.zeros(0, np.int16)
        self._parts = []
        return samples

    def _words(self, next_token: int, audible: int, size: int) -> list[Spoken]:
        if self._current is None:
            return []
        start = self._current[0]
        end = self._stretch_start + audible
        if end <= start:
            end = self._stretch_start + size
        return _shared_out(self._texts(next_token), start, end)

    def _texts(self, next_token: int) -> list[str]:
        """The words said since the last boundary; a token of mere signs joins its neighbour."""
        texts: list[str] = []
        for token in self._tokens[self._first_token : next_token]:
            said = any(character.isalnum() for character in token.group())
            if texts and not (said and any(character.isalnum() for character in texts[-1])):
                texts[-1] += f" {token.group()}"
            else:
                texts.append(token.group())
        return texts


def _shared_out(texts: list[str], start: int, end: int) -> list[Spoken]:
    """espeak says some pairs ("of the") in one breath: each word gets its share by its length."""
    total = sum(len(text) for text in texts)
    words: list[Spoken] = []
    told = 0
    for text in texts:
        begin = start + (end - start) * told // total
        told += len(text)
        words.append((text, begin, start + (end - start) * told // total))
    return words


def _audible(samples: Samples) -> int:
    """How many samples there are up to the last that is no silence."""
    loud = np.flatnonzero((samples > QUIET) | (samples < -QUIET))
    return int(loud[-1]) + 1 if len(loud) else 0
