"""Words in, what they amount to out: a stop, a listener's noise, an echo, an unfinished thought."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
ECHO_SHARE = 0.6  # of the words heard that must be the bot's own …
ECHO_REACH_WORDS = 8  # … and twice their number and so many more lie in their reach

STOP_WORDS = frozenset("stop wait cancel quiet enough pause".split())
STOP_PHRASES = ("hold on", "hang on", "shut up", "be quiet", "one moment", "excuse me")
BACKCHANNELS = frozenset(
    "mm hm mhm hmm hm uh huh um ah oh yeah yep yes right okay ok sure good great nice i see".split()
)
BACKCHANNEL_WORDS_AT_MOST = 3
TRAILING_WORDS = frozenset(
    "a an the and or but so because if to for of with without in on at by from about as than that "
    "my your our his her their i we you is are was were am be will would could can i'd i'll i'm "
    "um uh er like maybe also please".split()
) - {"you", "please", "that"}


def words_of(text: str) -> list[str]:
    """The words, lower case, punctuation gone; an apostrophe inside a word stays."""
    return _WORD.findall(text.lower().replace("’", "'"))


def is_backchannel(text: str) -> bool:
    """A listener's noise of agreement, as "mm-hm" or "yeah, right"."""
    words = words_of(text)
    return len(words) <= BACKCHANNEL_WORDS_AT_MOST and all(word in BACKCHANNELS for word in words)


def has_stop_word(text: str) -> bool:
    """A word that always stops the bot, however short the utterance."""
    words = words_of(text)
    spoken = f" {' '.join(words)} "
    return any(word in STOP_WORDS for word in words) or any(
        f" {phrase} " in spoken for phrase in STOP_PHRASES
    )


def is_echo(text: str, playing: Sequence[str]) -> bool:
    """Whether most of these words are the bot's own, in their order.

    `playing` are the bot's last words up to a few beyond the loudspeaker's position; only so many
    of them count as an echo of this length can go back.
    """
    heard = words_of(text)
    near = playing[-(2 * len(heard) + ECHO_REACH_WORDS) :]
    if not heard or not near:
        return False
    return _common_in_order(heard, near) >= ECHO_SHARE * len(heard)


def _common_in_order(a: Sequence[str], b: Sequence[str]) -> int:
    """Length of the longest common subsequence; both are a few dozen words at most."""
    row = [0] * (len(b) + 1)
    for word in a:
        diagonal = 0
        for i, other in enumerate(b, 1):
            above = row[i]
            row[i] = diagonal + 1 if word == other else max(above, row[i - 1])
            diagonal = above
    return row[-1]


def trails_off(text: str) -> bool:
    """Whether more is to come: the last of several words is one that nobody ends on."""
    words = words_of(text)
    return len(words) > 1 and words[-1] in TRAILING_WORDS


def is_fragment(text: str) -> bool:
    """Whether it is one lone word that nobody says alone: what a sound is easily taken for."""
    words = words_of(text)
    return len(words) == 1 and words[0] in TRAILING_WORDS


def ends_the_call(text: str, phrases: Sequence[str]) -> bool:
    """Whether the user's words hold one of the phrases that end a call."""
    spoken = f" {' '.join(words_of(text))} "
    return any(_spaced(phrase) in spoken for phrase in phrases)


@lru_cache(maxsize=64)
def _spaced(phrase: str) -> str:
    return f" {' '.join(words_of(phrase))} "
