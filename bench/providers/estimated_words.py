"""A text and how much of its speech there is in, the words heard by then out: an estimate."""

from __future__ import annotations

from collections.abc import Callable

from bench.audio import SAMPLE_WIDTH
from bench.engine.synthesizer import proportion_up_to

CHARACTERS_PER_SECOND = 14.0  # of speech whose length is not known yet


class GrowingSpeech:
    """The speech of a text whose vendor has no word times: letters are taken to last equally long.

    Count what came in `received` (bytes of PCM) at `rate` in Hz; `is_whole` says that all came. A
    text that is still being written grows by `give`; what is given is not heard in audio that
    came before it.
    """

    def __init__(self, text: str, rate: int) -> None:
        self.text, self.rate = text, rate
        self.received = 0
        self.is_whole = False
        self._given = list[tuple[int, int]]()  # words before a piece, and bytes

    @property
    def has_sound(self) -> bool:
        """Whether there is anything in the text to hear: not in signs alone."""
        return any(map(str.isalnum, self.text))

    @property
    def total_seconds(self) -> float:
        """How long the whole is, guessed while it is still being made."""
        seconds = self.received / (SAMPLE_WIDTH * self.rate)
        if self.is_whole:
            return seconds
        return max(seconds, len(self.text) / CHARACTERS_PER_SECOND)

    def give(self, text: str) -> None:
        """The text goes on, with a word of its own."""
        self._given.append((len(self.text.split()), self.received))
        self.text += text

    def heard(self) -> Callable[[float], str]:
        """The `get_message_up_to` of it."""
        return self.up_to

    def up_to(self, seconds: float) -> str:
        """The words whose audio, by this estimate, ended by then."""
        heard = proportion_up_to(self.text, lambda: self.total_seconds)(seconds)
        played = seconds * self.rate * SAMPLE_WIDTH
        known = next((words for words, received in self._given if played <= received), None)
        return heard if known is None else " ".join(heard.split()[:known])
