"""Text in, speech and the places of its words out: the voices an emulator speaks with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bench.audio import SAMPLE_RATE
from bench.events import Word
from bench.simulation import tone
from bench.simulation.faults import Fault


@dataclass(frozen=True, slots=True)
class Spoken:
    """PCM at the rate that was asked for, and its words by their samples."""

    pcm: bytes
    words: tuple[Word, ...]


SPOILT = ("empty_audio", "wrong_rate")
"""Faults of audio."""
_SPOILT_RATE = 1.5  # times the rate that was asked for

Voice = Callable[[str, int], Awaitable[Spoken]]  # text, rate in Hz


async def tones(text: str, rate: int = SAMPLE_RATE) -> Spoken:
    """Syllable tones: at once, and the same every time."""
    pcm, words = tone.speak(text, rate)
    return Spoken(pcm, tuple(Word(word, begin, end) for word, begin, end in words))


async def spoken_by(voice: Voice, text: str, rate: int, spoilt: Fault | None) -> Spoken:
    """What a voice says at `rate` Hz, or what a fault of `SPOILT` makes of it."""
    if spoilt is not None and spoilt.kind == "empty_audio":
        return Spoken(b"", ())
    return await voice(text, made_at(rate, spoilt))


def made_at(rate: int, spoilt: Fault | None) -> int:
    """The rate in Hz that speech really has where another was asked for."""
    return rate if spoilt is None else round(rate * _SPOILT_RATE)
