"""What a recogniser says in, whether that is news out, and of which utterance."""

from __future__ import annotations

from bench.engine.transcriber import Transcription


class Utterances:
    """The utterances of one microphone, one after the other: "u1", "u2" and on, over all streams.

    `told` is the newest partial of the one under way, "" before there is any.
    """

    def __init__(self) -> None:
        self._number = 1
        self.told = ""

    @property
    def name(self) -> str:
        """The one under way."""
        return f"u{self._number}"

    def end(self) -> str:
        """The name of the utterance that ends; the next one has another."""
        ended, self.told = self.name, ""
        self._number += 1
        return ended

    def leave(self) -> None:
        """The one under way gets no final any more: what comes now is the next one, if any of it
        was told."""
        if self.told:
            self.end()

    def is_news(self, said: Transcription) -> bool:
        """Whether it is to be told; a final that is ends the utterance.

        Silence is none, unless it is a final that takes back what was told.
        """
        if said.is_final and (said.message or self.told):
            self.end()
            return True
        self.told = said.message or self.told
        return bool(said.message)
