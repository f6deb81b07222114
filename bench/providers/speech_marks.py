"""Where words begin in, the times of words out: Amazon's speech marks."""

from __future__ import annotations

import json
import re
from itertools import pairwise

from bench.engine.synthesizer import SynthesisResult, words_up_to
from bench.events import Word
from bench.providers.estimated_words import GrowingSpeech

_WORD = re.compile(r"\S+")


class SpeechMarks:
    """What is known of a text as it is spoken: `speech` is its audio so far.

    Until there are marks no word is claimed; with `estimated`, words are told by proportion, since
    marks will not come; `result`, if any, is told so too.
    """

    def __init__(self, speech: GrowingSpeech) -> None:
        self.text, self.speech = speech.text, speech
        self.estimated = False
        self.result: SynthesisResult | None = None
        self._begins: list[float | None] | None = None  # of every word of the text, in seconds
        self._by_proportion = speech.heard()

    def read(self, lines: bytes) -> None:
        """Take the marks, one JSON object a line: {"time": ms, "type": "word", "start": byte, …}.

        Raises:
            ValueError: these are no marks of this text.
        """
        places = [match.start() for match in _WORD.finditer(self.text)]
        ends = [*places[1:], len(self.text)]
        encoded = self.text.encode()
        begins: list[float | None] = [None] * len(places)
        for line in lines.splitlines():
            at, byte = _mark(line)
            if at is None:
                continue
            if not places or not 0 <= byte < len(encoded):
                raise ValueError("a mark outside of the text")
            place = len(encoded[:byte].decode(errors="ignore"))
            number = next(n for n, end in enumerate(ends) if place < end)
            if begins[number] is None:  # the first of "e" and "mail" in "e-mail"
                begins[number] = at
        if self.speech.has_sound and all(begin is None for begin in begins):
            raise ValueError("no mark of a word")
        self._begins = begins

    def settle(self, *, estimated: bool = False) -> None:
        """Nothing more will be known of the marks."""
        self.estimated = estimated
        if self.result is not None:
            self.result.estimated |= estimated
            self.result = None  # which holds what holds this

    @property
    def words(self) -> list[Word]:
        """Every word whose end is known: the next one's beginning, that of the audio for the last.

        A word without a mark, such as a lone dash, ends where the one before it does.
        """
        if self._begins is None:
            return []
        rate = self.speech.rate
        after = self.speech.total_seconds if self.speech.is_whole else None
        ends = list[float | None]()
        for begin in reversed(self._begins):
            ends.append(after)
            after = after if begin is None else begin
        texts, words, at = self.text.split(), list[Word](), 0
        ends.append(self._begins[0])
        for text, begin, (_, end) in zip(
            texts, self._begins, pairwise(reversed(ends)), strict=True
        ):
            if end is None:
                break
            start = at if begin is None else round(begin * rate)
            at = max(start, round(end * rate)) if begin is not None else at
            words.append(Word(text, start, at))
        return words

    def up_to(self, seconds: float) -> str:
        """The words whose audio ended by then."""
        if self.estimated:
            return self._by_proportion(seconds)
        return words_up_to(self.words, self.speech.rate)(seconds)


def _mark(line: bytes) -> tuple[float | None, int]:
    """Seconds and byte of a mark; None and 0 when it is none of a word.

    Raises:
        ValueError: it is no mark.
    """
    try:
        mark = json.loads(line)
        if mark["type"] != "word":
            return None, 0
        return float(mark["time"]) / 1000, int(mark["start"])
    except (LookupError, TypeError, ValueError) as error:
        raise ValueError(f"not a speech mark: {type(error).__name__}") from None
