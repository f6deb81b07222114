"""The words of a text as a voice tells of them in, the same words with their times out."""

from __future__ import annotations

import re
from bisect import bisect_right

from bench.audio import SAMPLE_WIDTH
from bench.engine.synthesizer import SynthesisResult, words_up_to
from bench.events import Word
from bench.providers.estimated_words import GrowingSpeech

COVERED = 0.8  # of a text's letters and digits that its words must account for, if any came
LOOKED_AHEAD = 3  # words of the text among which the next one is sought
_TOKEN = re.compile(r"\S+")


class SpokenWords:
    """Gathers the words of one text as they are told; `rate` is that of the audio in Hz.

    They are matched to the text in its order, since what is told of a word is its sound: without
    the signs around it, in parts where it has several, and spelt otherwise ("twenty five" for 25).
    `seconds` is the audio so far. A text that is still being written grows by `give`. `result`, if
    any, is told whether it is an estimate.
    """

    def __init__(self, text: str, rate: int) -> None:
        self.text, self.rate = "", rate
        self.words: list[Word] = []
        self.seconds = 0.0
        self.result: SynthesisResult | None = None
        self._sought = ""
        self._tokens = list[tuple[int, int]]()
        self._place = 0  # in the text, after what was found
        self._letters = 0  # of what was told
        self._loose = list[tuple[int, int]]()  # samples of what is not in the text as it was told
        self._guess = GrowingSpeech("", rate)
        self._by_words = words_up_to(self.words, rate)
        self.give(text)

    @property
    def complete(self) -> bool:
        """Whether there is audio, and words for nearly all of the text where there are any."""
        wanted = _letters(self.text)
        enough = self._letters >= COVERED * wanted or not self._letters
        return not wanted or (enough and self.seconds > 0.0)

    def give(self, text: str) -> None:
        """The text goes on, with a word of its own."""
        self._guess.give(text)
        begin, self.text = len(self.text), self.text + text
        lower = self.text.lower()
        self._sought = lower if len(lower) == len(self.text) else self.text
        self._tokens += [(one.start(), one.end()) for one in _TOKEN.finditer(self.text, begin)]

    def up_to(self, seconds: float) -> str:
        """The words whose audio ended by then; an estimate while none have been told."""
        return self._by_words(seconds) if self._letters else self._guess.up_to(seconds)

    def hear(self, seconds: float) -> None:
        """So much more audio came."""
        self.seconds += seconds
        if self.result is not None:
            self.result.estimated = self._guess.has_sound and not self._letters
        self._guess.received = round(self.seconds * self.rate) * SAMPLE_WIDTH

    def add(self, told: str, begin: int, end: int) -> None:
        """The next word, or part of one, and its samples."""
        self._letters += _letters(told)
        if self.result is not None and self._letters:
            self.result.estimated = False
        ahead = self._tokens[len(self.words) : len(self.words) + LOOKED_AHEAD]
        until = ahead[-1][1] if ahead else len(self.text)
        at = self._sought.find(told.lower(), self._place, until)
        if at < 0:
            self._loose.append((begin, end))
            return
        self._place = at + len(told)
        index = bisect_right(self._tokens, at, key=lambda token: token[0]) - 1
        if index < len(self.words):  # a further part of the newest
            last = self.words[-1]
            self.words[-1] = Word(last.text, last.start_sample, max(last.end_sample, end))
        else:
            self._pass_over(index, begin)
            self.words.append(Word(self._token(index), begin, end))

    def finish(self) -> None:
        """No word follows: what was not told of ends with the audio."""
        self.result = None  # which holds what holds this
        self._guess.is_whole = True
        if self._letters and self.complete:
            self._pass_over(len(self._tokens), round(self.seconds * self.rate))

    def _pass_over(self, index: int, at: int) -> None:
        """The words before this one were not found: they take the time of what was told instead,
        or none at all, such as a lone dash."""
        told, first = self._loose, len(self.words)
        many = max(1, index - first)
        for number in range(index - first):
            own = told[number * len(told) // many : (number + 1) * len(told) // many]
            begin, end = (own[0][0], own[-1][1]) if own else (at, at)
            self.words.append(Word(self._token(first + number), begin, end))
        self._loose = []

    def _token(self, index: int) -> str:
        begin, end = self._tokens[index]
        return self.text[begin:end]


def _letters(text: str) -> int:
    return sum(sign.isalnum() for sign in text)
