"""A word that was said in, the word that was understood out: seeded errors and doubts."""

from __future__ import annotations

from dataclasses import dataclass

from bench.events import Word
from bench.simulation.draws import Draws
from bench.simulation.profiles import SttProfile
from bench.simulation.truth import Said

DROPPED = 0.25  # of the words that are wrong for good; the others are taken for another word
OTHERS = (
    "four hour day table any half some then when there late seat where less week night place more "
    "care here plan turn next road"
).split()
"""What words are taken for: none of them stops the bot or is a listener's noise."""

SURE = 0.90, 0.99
UNSURE = 0.10, 0.50
ECHOED = 0.50, 0.90
"""How sure of the words of a step, from … to: of the user's, of what is said aside, far from the
microphone, and of the bot's echo. With 0.3 as the threshold for an interrupt, half of what is said
aside would be taken for the user's."""
WRONG = 0.6
"""The share of its certainty that is left of a word that is wrong."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A word as it was understood: `text` for good ("" when it was missed), `first` in the first
    partial that holds it."""

    word: Word
    text: str
    first: str
    confidence: float
    ended_at: float

    def word_in(self, text: str) -> Word:
        """As it stands in a transcription that understood `text`."""
        return Word(text, self.word.start_sample, self.word.end_sample, self.confidence)


class Mishearing:
    """The errors of a profile; each belongs to a word of the script and to nothing else."""

    def __init__(self, profile: SttProfile, draws: Draws) -> None:
        self._profile, self._draws = profile, draws

    def hear(self, said: Said, index: int, word: Word, ended_at: float) -> Heard:
        """The `index`-th word of a step, which ended at an instant."""
        profile, step = self._profile, said.step
        sure = certainty(said, self._draws)
        text = word.text
        if self._draws.uniform(step, "stt.error", index) < profile.word_error_rate:
            drop = self._draws.uniform(step, "stt.error.drop", index) < DROPPED
            text = "" if drop else self._other(word.text, step, "stt.error.word", index)
            sure *= WRONG
        first = text
        if self._draws.uniform(step, "stt.unstable", index) < profile.unstable_words:
            first = self._other(word.text, step, "stt.unstable.word", index)
        return Heard(word, text, first, round(sure, 3), ended_at)

    def _other(self, text: str, step: str, stage: str, index: int) -> str:
        choice = [other for other in OTHERS if other != text.strip(".,;:!?").lower()]
        return choice[int(self._draws.uniform(step, stage, index) * len(choice))]


def certainty(said: Said, draws: Draws) -> float:
    """How sure a recogniser is of the words of a step that it gets right."""
    low, high = UNSURE if said.role == "side_talk" else SURE
    if not said.own:
        low, high = ECHOED
    return low + (high - low) * draws.uniform(said.step, "stt.confidence", 0)
