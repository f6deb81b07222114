"""A voice's name and text in, tones at that voice's pitch and the samples of every word out."""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b

from bench.events import Word
from bench.simulation import tone

USUAL_VOICE = "default"
USUAL_PACE = 170  # words a minute
USUAL_PITCH = 50  # of 0 to 99
SEMITONES = (-6, -4, -2, 2, 4, 6)  # away from the usual voice, where the others lie
PITCH_SEMITONES = 12.0  # from the lowest pitch that can be set to the usual one


def semitones_of(voice: str, pitch: int = USUAL_PITCH) -> float:
    """How far a voice lies above the usual one; by its name, so that it is always the same."""
    above = (pitch - USUAL_PITCH) / USUAL_PITCH * PITCH_SEMITONES
    if voice == USUAL_VOICE:
        return above
    drawn = blake2b(voice.encode(), digest_size=1).digest()[0]
    return above + SEMITONES[drawn % len(SEMITONES)]


@lru_cache(maxsize=128)
def speak(
    text: str, rate: int, words_per_minute: int, semitones: float
) -> tuple[bytes, tuple[Word, ...]]:
    """PCM at `rate` Hz and its words.

    A voice is shifted by making it at another rate than it is played at, and as much slower as that
    makes it faster: words last as long as the usual voice's, pauses a little more or less.
    """
    shift = 2.0 ** (semitones / 12.0)
    pcm, words = tone.speak(
        text, round(rate / shift), words_per_minute=round(words_per_minute / shift)
    )
    return pcm, tuple(Word(*word) for word in words)
