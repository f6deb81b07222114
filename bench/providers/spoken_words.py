"""The words of a text as a voice tells of them in, the same words with their times out."""

from __future__ import annotations

import re
from bisect import bisect_right

from bench.engine.synthesizer import proportion_up_to, words_up_to
from bench.events import Word

COVERED = 0.8  # of a text's letters and digits that its words must account for, if any came


class SpokenWords:
    """Gathers the words of one text as they are told; `rate` is that of the audio in Hz.

    They are matched to the text in its order, since what is told of a word is its sound: without
    the signs around it, and in parts where it has several. `seconds` is the audio so far.
    """

    def __init__(self, text: str, rate: int) -> None:
        self.text, self.rate = text, rate
        self.words: list[Word] = []
        self.seconds = 0.0
        self._tokens = [(one.start(), one.end()) for one in re.finditer(r"\S+", text)]
        self._place = 0  # in the text, after what was told
        self._letters = 0  # of what was told
        self._by_words = words_up_to(self.words, rate)
        self._by_proportion = proportion_up_to(text, lambda: self.seconds)

    @property
    def complete(self) -> bool:
        """Whether there is audio, and words for nearly all of the text where there are any."""
        wanted = _letters(self.text)
        enough = self._letters >= COVERED * wanted or not self._letters
        return not wanted or (enough and self.seconds > 0.0)

    def up_to(self, seconds: float) -> str:
        """The words whose audio ended by then; by proportion while none have been told."""
        return self._by_words(seconds) if self._letters else self._by_proportion(seconds)

    def add(self, told: str, begin: int, end: int) -> None:
        """The next word, or part of one, and its samples."""
        self._letters += _letters(told)
        at = self.text.lower().find(told.lower(), self._place)
        index = len(self.words) if at < 0 else self._token_at(at)
        if index >= len(self._tokens):  # a word that the text does not have
            return
        if index < len(self.words):  # a further part of the newest
            last = self.words[-1]
            self.words[-1] = Word(last.text, last.start_sample, max(last.end_sample, end))
        else:
            self._pass_over(index, begin)
            self.words.append(Word(self._token(index), begin, end))
        self._place = max(self._place, self._tokens[index][0] if at < 0 else at + len(told))

    def finish(self) -> None:
        """No word follows: what was not told of ends with the audio."""
        if self._letters and self.complete:
            self._pass_over(len(self._tokens), round(self.seconds * self.rate))

    def _token_at(self, place: int) -> int:
        return bisect_right(self._tokens, place, key=lambda token: token[0]) - 1

    def _token(self, index: int) -> str:
        begin, end = self._tokens[index]
        return self.text[begin:end]

    def _pass_over(self, index: int, at: int) -> None:
        """What comes before a word and was not told of, such as a lone dash, takes no time."""
        for skipped in range(len(self.words), index):
            self.words.append(Word(self._token(skipped), at, at))


def _letters(text: str) -> int:
    return sum(sign.isalnum() for sign in text)
