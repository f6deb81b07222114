"""Text in, syllable tones and the exact samples of every word out."""

from __future__ import annotations

import re
import sys
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from itertools import pairwise

WordSamples = tuple[str, int, int]
"""(word as written, first sample, sample after the last)."""

_PITCHES_HERTZ = (131, 147, 165, 175, 196, 220, 247, 262, 294, 330)
_COLOURS = ((8, 2, 1), (6, 5, 2, 1), (6, 1, 4, 1, 2), (5, 4, 4, 3, 2, 1))
"""Weights of the harmonics, from flute to reed; like vowels, they tell words apart."""

_PEAK = 9000
_ATTACK_MILLISECONDS = 8
_RELEASE_MILLISECONDS = 24
_LONGEST_GAP_MILLISECONDS = 40
_PAUSE_MILLISECONDS = {",": 180, ";": 180, ":": 180, ".": 320, "!": 320, "?": 320}
_SYLLABLES_PER_WORD = 3, 2
"""English has about three syllables in two words."""


@dataclass(frozen=True, slots=True)
class Timing:
    """When every word of a text sounds, in samples from its start, and how long it all is."""

    words: tuple[WordSamples, ...]
    samples: int


def speak(
    text: str,
    sample_rate: int = 16000,
    seconds_per_word: float | None = None,
    words_per_minute: int = 170,
) -> tuple[bytes, list[WordSamples]]:
    """PCM16 (little-endian, mono) and the samples of each word; the same bytes on any machine.

    `words_per_minute` is the pace between pauses, for words of average length. With
    `seconds_per_word` every word lasts exactly that long, and punctuation adds nothing.
    """
    words = list(_timed(text, sample_rate, seconds_per_word, words_per_minute))
    pcm = b"".join(_block(word, sample_rate) for word in words)
    return pcm, [(text, start, end) for text, start, end, _ in words]


def stream(
    text: str,
    chunk_size: int,
    sample_rate: int = 16000,
    seconds_per_word: float | None = None,
    words_per_minute: int = 170,
) -> Iterator[bytes]:
    """What `speak` returns, in pieces of `chunk_size` bytes (the last one shorter), each
    synthesised when it is asked for."""
    if chunk_size < 2 or chunk_size % 2:
        raise ValueError(f"a chunk holds whole 16-bit samples, not {chunk_size} bytes")
    ready = bytearray()
    for word in _timed(text, sample_rate, seconds_per_word, words_per_minute):
        ready += _block(word, sample_rate)
        while len(ready) >= chunk_size:
            yield bytes(ready[:chunk_size])
            del ready[:chunk_size]
    if ready:
        yield bytes(ready)


def word_timing(
    text: str,
    sample_rate: int = 16000,
    seconds_per_word: float | None = None,
    words_per_minute: int = 170,
) -> Timing:
    """The samples `speak` would return for each word, without synthesising them."""
    words = list(_timed(text, sample_rate, seconds_per_word, words_per_minute))
    return Timing(tuple(word[:3] for word in words), words[-1][3] if words else 0)


def syllables(word: str) -> int:
    """How many syllables an English word has, estimated from its vowels; at least one."""
    letters = _letters(word)
    count = len(re.findall(r"[aeiouy]+", letters))
    if letters.endswith("e") and not letters.endswith(("le", "ee")):
        count -= 1
    return max(1, count)


def _timed(
    text: str, sample_rate: int, seconds_per_word: float | None, words_per_minute: int
) -> Iterator[tuple[str, int, int, int]]:
    """(word, first sample, sample after its sound, first sample of the next word), as `speak`."""
    position = 0
    for word in text.split():
        if seconds_per_word is None:
            slot = _slot(word, sample_rate, words_per_minute)
            pause = sample_rate * _PAUSE_MILLISECONDS.get(_last_sign(word), 0) // 1000
        else:
            slot, pause = round(seconds_per_word * sample_rate), 0
        slot = slot if _letters(word) else 0  # a lone sign makes no sound
        end = position + slot - min(slot // 5, sample_rate * _LONGEST_GAP_MILLISECONDS // 1000)
        yield word, position, end, position + slot + pause
        position += slot + pause


def _slot(word: str, sample_rate: int, words_per_minute: int) -> int:
    """Samples from the start of a word to that of the next, pauses aside."""
    syllables_in, words_in = _SYLLABLES_PER_WORD
    return sample_rate * 60 * words_in * syllables(word) // (words_per_minute * syllables_in)


def _block(timed: tuple[str, int, int, int], sample_rate: int) -> bytes:
    """The audio of a word and of the silence up to the next one."""
    word, start, end, following = timed
    silence = bytes(2 * (following - end))
    if end == start:
        return silence
    return _word(_letters(word), syllables(word), end - start, sample_rate) + silence


@lru_cache(maxsize=1024)
def _word(letters: str, count: int, samples: int, sample_rate: int) -> bytes:
    """A word: one tone per syllable, pitch and colour drawn from the letters."""
    drawn = blake2b(letters.encode(), digest_size=32).digest()
    edges = [samples * place // count for place in range(count + 1)]
    return b"".join(
        _tone(drawn[place % 16], drawn[16 + place % 16], end - start, sample_rate)
        for place, (start, end) in enumerate(pairwise(edges))
    )


@lru_cache(maxsize=1024)
def _tone(pitch: int, colour: int, samples: int, sample_rate: int) -> bytes:
    """One syllable: whole periods of a wave, faded in and out."""
    hertz = _PITCHES_HERTZ[pitch % len(_PITCHES_HERTZ)]
    period = _period(max(2, sample_rate // hertz), _COLOURS[colour % len(_COLOURS)])
    tone = (period * (samples // len(period) + 1))[:samples]
    attack = min(sample_rate * _ATTACK_MILLISECONDS // 1000, samples // 2)
    release = min(sample_rate * _RELEASE_MILLISECONDS // 1000, samples // 2)
    for index in range(attack):
        tone[index] = tone[index] * index // attack
    for index in range(release):
        tone[-1 - index] = tone[-1 - index] * index // release
    if sys.byteorder == "big":
        tone.byteswap()
    return tone.tobytes()


@lru_cache(maxsize=256)
def _period(samples: int, weights: tuple[int, ...]) -> array[int]:
    """One period of the sum of weighted harmonics, its highest sample at the peak level."""
    wave = [
        sum(weight * _sine(nth * index % samples, samples) for nth, weight in enumerate(weights, 1))
        for index in range(samples)
    ]
    highest = max(map(abs, wave)) or 1
    return array("h", [value * _PEAK // highest for value in wave])


def _sine(index: int, period: int) -> int:
    """About 32767 × sin(2π index / period) by Bhaskara's formula: integers are the same everywhere,
    a platform's `sin` need not be."""
    doubled = 2 * index  # in half samples, so that half a period is whole
    sign = 1 if doubled < period else -1
    angle = doubled % period
    product = angle * (period - angle)
    return sign * (32767 * 16 * product // (5 * period * period - 4 * product))


def _letters(word: str) -> str:
    return re.sub(r"[^\w]|_", "", word.lower())


def _last_sign(word: str) -> str:
    """The punctuation that ends a word, closing quotes and brackets aside."""
    return word.rstrip("\"')]\N{RIGHT DOUBLE QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK}")[-1:]
