"""Sounds and words in, out whether they may be the bot's own voice, back through the microphone."""

from __future__ import annotations

from collections.abc import Sequence

from bench.engine.words import has_stop_word, is_echo, words_of

MARGIN_DB = 6.0  # a user speaks at least so much louder than the known echo
FADES_DB = 6.0  # that a known echo is forgotten with every turn, if nothing renews it
ENDS_SECONDS = 0.35  # an echo ends so soon after the bot is held


class Echo:
    """Knows how loud the bot's echo is, once words or short sounds have given it away.

    All it is asked is about the newest sound; `playing` are the bot's words around the loudspeaker.
    """

    def __init__(self) -> None:
        self._known_db: float | None = None
        self._sound_db = 0.0  # of the newest sound, at its onset
        self._short_sounds = 0  # in a row that ended as soon as the bot was held

    def sound_began(self, level_db: float) -> None:
        """A new sound, with the level of its onset."""
        self._sound_db = level_db

    def sound_ended(self, held_seconds: float | None) -> None:
        """The sound ended, so long after the bot was held because of it (None: because of no
        sound); one that stops as soon as the bot is held, twice running, is the bot's own."""
        if held_seconds is None or held_seconds > ENDS_SECONDS:
            self._short_sounds = 0
            return
        self._short_sounds += 1
        if self._short_sounds >= 2:
            self.recognised()

    def recognised(self) -> None:
        """The sound is the echo."""
        known = self._sound_db if self._known_db is None else self._known_db
        self._known_db = max(self._sound_db, known)

    def interrupted(self) -> None:
        """The bot was stopped: sounds before say nothing about those after."""
        self._short_sounds = 0

    def turn_over(self) -> None:
        """What is known fades."""
        if self._known_db is not None:
            self._known_db -= FADES_DB

    @property
    def is_as_soft(self) -> bool:
        """Whether an echo is known and the sound is no louder: words will tell whose it is."""
        return self._known_db is not None and self._sound_db <= self._known_db + MARGIN_DB

    def may_be(self, text: str, playing: Sequence[str]) -> bool:
        """Who speaks louder than the known echo is the user. While no echo is known, one word in
        common is chance, unless its sound broke off as soon as the bot was held."""
        if not is_echo(text, playing):
            return False
        if self._known_db is None:
            return len(words_of(text)) > 1 or self._short_sounds > 0
        return self.is_as_soft

    def may_be_misheard(self, text: str, playing: Sequence[str]) -> bool:
        """A lone word of the bot's own; or all but a stop, while the sound is no louder than the
        known echo and nothing but the newest word is another: a recogniser's first guess at that is
        often wrong."""
        *before, newest = words_of(text)
        if not before and is_echo(newest, playing):
            return True
        soft = self.is_as_soft and bool(playing) and not has_stop_word(text)
        return soft and (not before or is_echo(" ".join(before), playing))
