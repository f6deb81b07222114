"""The times of characters in, the times of words out."""

from __future__ import annotations

from collections.abc import Sequence

from bench.audio import SAMPLE_WIDTH
from bench.engine.synthesizer import SynthesisResult, words_up_to
from bench.events import Word
from bench.providers.estimated_words import GrowingSpeech

COVERED = 0.9  # of a text's letters and digits that its speech must account for …
LETTERS_PER_SECOND = 30.0  # … or, of a model that tells of no characters, at most so quickly


class SpokenCharacters:
    """Gathers the characters of one text as its speech arrives; `rate` is that of the audio in Hz.

    `words` grows, and so may `text`; `seconds` is the audio that came before the next piece. While
    no character has been told, what was heard is an estimate, and `result` says so.
    """

    def __init__(self, text: str, rate: int) -> None:
        self.text, self.rate = text, rate
        self.words: list[Word] = []
        self.seconds = 0.0
        self.result: SynthesisResult | None = None
        self._letters = 0
        self._guess, self._is_over = GrowingSpeech("", rate), False
        self._word = ""
        self._began = self._ended = 0.0  # the word
        self._at = 0.0  # the end of the newest character, be it a space

    @property
    def left(self) -> int:
        """How many letters and digits of the text are yet to be spoken."""
        return sum(character.isalnum() for character in self.text) - self._letters

    @property
    def all_here(self) -> bool:
        """Whether the audio of all of the text came, to the end of its last character."""
        return self.left <= 0 and self.seconds >= self._at - 0.001

    @property
    def complete(self) -> bool:
        """Whether nearly all of the text was spoken."""
        letters = sum(character.isalnum() for character in self.text)
        if letters and not self._letters:
            return self.seconds * LETTERS_PER_SECOND >= letters
        return self._letters >= COVERED * letters

    def up_to(self, seconds: float) -> str:
        """The words whose audio ended by then."""
        if self._letters:
            return words_up_to(self.words, self.rate)(seconds)
        guess = self._guess
        guess.text, guess.is_whole = self.text, self._is_over
        guess.received = round(self.seconds * self.rate) * SAMPLE_WIDTH
        return guess.up_to(seconds)

    def hear(self, seconds: float) -> None:
        """So much more audio came."""
        self.seconds += seconds
        if self.result is not None:
            self.result.estimated = self.seconds > 0.0 and not self._letters

    def add(
        self,
        characters: Sequence[str],
        starts: Sequence[float],
        ends: Sequence[float],
        *,
        of_piece: bool = False,
    ) -> None:
        """The characters of the next piece, timed from the beginning of the text or of the piece;
        `of_piece` says that it is that of the piece.

        Raises:
            ValueError: not as many times as characters.
        """
        if not characters or not starts:
            return
        # Where nobody has written down which of the two it is: the nearer to where the last ended.
        shift = self.seconds
        if not of_piece and abs(starts[0] - self._at) <= abs(starts[0] + shift - self._at):
            shift = 0.0
        for character, start, end in zip(characters, starts, ends, strict=True):
            self._take(character, start + shift, end + shift)

    def finish(self) -> None:
        """No character follows: the last word is whole."""
        self._is_over = True
        self._finish_word()

    def _take(self, character: str, start: float, end: float) -> None:
        self._at = end
        if character.isspace():
            self._finish_word()
            return
        self._began = self._began if self._word else start
        self._word += character
        self._letters += character.isalnum()
        self._ended = end

    def _finish_word(self) -> None:
        if self._word:
            start, end = round(self._began * self.rate), round(self._ended * self.rate)
            self.words.append(Word(self._word, start, end))
            self._word = ""
