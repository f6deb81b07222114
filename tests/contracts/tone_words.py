"""Sound in, words out: what a listener who knows the tones of some words makes of a recording.

It owes nothing to the engine's own account, so it can judge that.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from bench.audio import SAMPLE_RATE, SAMPLE_WIDTH
from bench.simulation import tone

LEAST_SAMPLES = 2  # of a torn word, that are passed over
MOST_SHARED = 64  # samples in which the word after a torn one may go on as that would have


def words_heard(
    pcm: bytes, texts: Iterable[str], rates: tuple[int, ...] = (SAMPLE_RATE,)
) -> list[frozenset[str]]:
    """The words whose tones sounded whole, in their order: for each the words of `texts` that sound
    like that, since some sound alike. `rates` are those at which the voice may have been made.

    Raises:
        AssertionError: there is a sound in it that none of the words begins with.
    """
    sounds = _sounds(tuple(sorted({word for text in texts for word in text.split()})), rates)
    heard = list[frozenset[str]]()
    at = _next_sound(pcm, 0)
    while at < len(pcm):
        whole = [sound for sound in sounds if pcm.startswith(sound, at)]
        if whole:
            longest = max(whole, key=len)
            heard.append(sounds[longest])
            at += len(longest)
        else:
            at = _behind_torn(pcm, at, list(sounds))
        at = _next_sound(pcm, at)
    return heard


def are_words_of(text: str, heard: Sequence[frozenset[str]]) -> bool:
    """Whether what was heard is this text, to the word."""
    words = text.split()
    return len(words) == len(heard) and all(
        word in alike for word, alike in zip(words, heard, strict=True)
    )


@lru_cache(maxsize=16)
def _sounds(words: tuple[str, ...], rates: tuple[int, ...]) -> dict[bytes, frozenset[str]]:
    alike = dict[bytes, frozenset[str]]()
    for rate in rates:
        for word in words:
            sound = _stripped(tone.speak(word, rate)[0])
            alike[sound] = alike.get(sound, frozenset()) | {word}
    return alike


def _stripped(pcm: bytes) -> bytes:
    """Without the silence around it, in whole samples."""
    end = len(pcm.rstrip(b"\0"))
    return pcm[_next_sound(pcm, 0) : end + end % SAMPLE_WIDTH]


def _next_sound(pcm: bytes, at: int) -> int:
    """The first byte, from `at` on, of a sample that is not silent."""
    found = re.compile(rb"[^\0]").search(pcm, at)
    return len(pcm) if found is None else found.start() - found.start() % SAMPLE_WIDTH


def _behind_torn(pcm: bytes, at: int, sounds: Sequence[bytes]) -> int:
    """Where a word that broke off, at `at`, ends and another begins."""
    torn = max(_shared(pcm, at, sound) for sound in sounds)
    assert torn >= LEAST_SAMPLES * SAMPLE_WIDTH, f"an unknown sound at byte {at} of {len(pcm)}"
    for back in range(0, min(torn, MOST_SHARED * SAMPLE_WIDTH), SAMPLE_WIDTH):
        following = at + torn - back
        if any(pcm.startswith(sound, _next_sound(pcm, following)) for sound in sounds):
            return following
    return at + torn


def _shared(pcm: bytes, at: int, sound: bytes) -> int:
    """How many bytes from `at` on are the sound's beginning; whole samples."""
    low, high = 0, min(len(sound), len(pcm) - at)
    while low < high:
        middle = (low + high + 1) // 2
        if pcm.startswith(sound[:middle], at):
            low = middle
        else:
            high = middle - 1
    return low - low % SAMPLE_WIDTH
