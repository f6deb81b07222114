"""Transcripts in, out those that say nothing new: a final that comes twice or too late."""

from __future__ import annotations

from collections import deque

from bench.engine.transcriber import Transcription
from bench.engine.words import words_of

REMEMBERED = 4  # finals, and turns that ended without one


class Retold:
    """Remembers what a transcriber has told, for as long as it may tell it again.

    A final with the words of an earlier one, at the same samples or, where those are not known, in
    the same utterance, is `repeated`. A transcript of an utterance that was committed as a partial
    is `late`, unless it has more words than were committed: those nobody has answered yet.
    """

    def __init__(self) -> None:
        self._finals: deque[Transcription] = deque(maxlen=REMEMBERED)
        self._open: Transcription | None = None  # the newest partial that has no final yet
        self._committed: deque[Transcription] = deque(maxlen=REMEMBERED)

    def why(self, said: Transcription) -> str:
        """Why a transcript says nothing new; "" when it does, and then it is remembered."""
        if not words_of(said.message):
            return ""
        if said.is_final and any(_is_same(said, final) for final in self._finals):
            return "repeated"
        if any(_is_covered(said, committed) for committed in self._committed):
            return "late"
        if said.is_final:
            self._finals.append(said)
        self._open = None if said.is_final else said
        return ""

    def committed(self) -> None:
        """The user's turn is over, and whatever partial there is belongs to it."""
        if self._open is not None:
            self._committed.append(self._open)
        self._open = None


def _is_same(said: Transcription, final: Transcription) -> bool:
    if said.message != final.message:
        return False
    if said.words or final.words:  # two that are the same lie at the same samples
        return said.words == final.words
    return bool(said.utterance_id) and said.utterance_id == final.utterance_id


def _is_covered(said: Transcription, committed: Transcription) -> bool:
    if not said.utterance_id or said.utterance_id != committed.utterance_id:
        return False
    return len(words_of(said.message)) <= len(words_of(committed.message))
