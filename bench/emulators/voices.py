"""Text in, speech and the places of its words out: the voices an emulator speaks with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bench.audio import SAMPLE_RATE
from bench.events import Word
from bench.simulation import tone


@dataclass(frozen=True, slots=True)
class Spoken:
    """PCM at the rate that was asked for, and its words by their samples."""

    pcm: bytes
    words: tuple[Word, ...]


Voice = Callable[[str, int], Awaitable[Spoken]]  # text, rate in Hz


async def tones(text: str, rate: int = SAMPLE_RATE) -> Spoken:
    """Syllable tones: at once, and the same every time."""
    pcm, words = tone.speak(text, rate)
    return Spoken(pcm, tuple(Word(word, begin, end) for word, begin, end in words))
