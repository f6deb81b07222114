"""A voice's name and text in, tones at that voice's pitch and the samples of every word out."""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b

from bench.audio import SAMPLE_WIDTH
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
    """PCM at `rate` Hz and its words, which every voice says at the same samples."""
    if not semitones:
        pcm, words = tone.speak(text, rate, words_per_minute=words_per_minute)
        return pcm, tuple(Word(*word) for word in words)
    timing = tone.word_timing(text, rate, words_per_minute=words_per_minute)
    made_at = round(rate / 2.0 ** (semitones / 12.0))
    audio = bytearray(timing.samples * SAMPLE_WIDTH)
    for word, start, end in timing.words:
        if end > start:  # a lone sign makes no sound
            audio[start * SAMPLE_WIDTH : end * SAMPLE_WIDTH] = _word(word, end - start, made_at)
    return bytes(audio), tuple(Word(*word) for word in timing.words)


def _word(word: str, samples: int, made_at: int) -> bytes:
    """A word that sounds for so many samples, made for another rate than it is played at: that
    shifts its pitch."""
    slot = samples + min(samples // 4, _gap_after(made_at, made_at))
    while slot - _gap_after(slot, made_at) < samples:
        slot += 1
    pcm, _ = tone.speak(word, made_at, seconds_per_word=slot / made_at)
    return pcm[: samples * SAMPLE_WIDTH]


@lru_cache(maxsize=1024)
def _gap_after(slot: int, made_at: int) -> int:
    """Samples of silence at the end of a word that has so many in all."""
    ((_, _, end),) = tone.word_timing("a", made_at, seconds_per_word=slot / made_at).words
    return slot - end
