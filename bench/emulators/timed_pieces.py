"""A text in, pieces of its speech with the time of every character out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bench.audio import SAMPLE_WIDTH
from bench.emulators.voices import Voice, made_at, spoken_by
from bench.events import Word
from bench.simulation.faults import Fault

Characters = tuple[tuple[str, float, float], ...]
"""Each with its first and last instants."""

_DIGITS = "zero one two three four five six seven eight nine".split()


@dataclass(frozen=True, slots=True)
class Piece:
    """Audio and the characters that begin in it, in seconds from the beginning of the text; `at` is
    where the piece lies itself."""

    pcm: bytes
    at: float
    seconds: float
    characters: Characters

    @property
    def normalized(self) -> Characters:
        """The characters as they are read out: a digit is a word."""
        read = list[tuple[str, float, float]]()
        for character, start, end in self.characters:
            text = _DIGITS[int(character)] if character in "0123456789" else character
            step = (end - start) / len(text)
            read += [(one, start + n * step, start + (n + 1) * step) for n, one in enumerate(text)]
        return tuple(read)


async def timed_pieces(
    voice: Voice, text: str, rate: int, piece_seconds: float, spoilt: Fault | None = None
) -> list[Piece]:
    """The speech of a text at `rate` Hz; `spoilt` is a fault of `SPOILT` that it suffers."""
    spoken = await spoken_by(voice, text, rate, spoilt)
    characters = list(_characters(text, spoken.words, made_at(rate, spoilt)))
    size, total = round(piece_seconds * rate), len(spoken.pcm) // SAMPLE_WIDTH
    pieces = list[Piece]()
    for start in range(0, total, size):
        end = (start + size) / rate
        last = start + size >= total
        count = sum(1 for character in characters if last or character[1] < end)
        pcm = spoken.pcm[SAMPLE_WIDTH * start : SAMPLE_WIDTH * (start + size)]
        seconds = len(pcm) / (SAMPLE_WIDTH * rate)
        pieces.append(Piece(pcm, start / rate, seconds, tuple(characters[:count])))
        del characters[:count]
    return pieces


def _characters(text: str, words: Iterable[Word], rate: int) -> Iterator[tuple[str, float, float]]:
    """Every character with its time: those of a word share it, a space lasts until the next."""
    at = place = 0
    for word in words:
        here = text.index(word.text, place)
        yield from _spread(text[place:here], at, word.start_sample, rate)
        yield from _spread(word.text, word.start_sample, word.end_sample, rate)
        at, place = word.end_sample, here + len(word.text)
    yield from _spread(text[place:], at, at, rate)


def _spread(text: str, start: int, end: int, rate: int) -> Iterator[tuple[str, float, float]]:
    step = (end - start) / max(1, len(text))
    for number, character in enumerate(text):
        began, ended = start + number * step, start + (number + 1) * step
        yield character, round(began / rate, 5), round(ended / rate, 5)
