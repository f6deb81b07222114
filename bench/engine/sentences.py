"""Text as it is written in, whole sentences out."""

from __future__ import annotations

import re

ENDS = ".!?…"
CLOSERS = "\"'”’)]"
LONGEST_STOP = 4  # characters: a full stop, closers, a space
_STOP = re.compile(f"[{ENDS}][{re.escape(CLOSERS)}]{{0,2}}\\s")
ABBREVIATIONS = frozenset("mr mrs ms dr st vs e.g i.e etc approx dept prof sr jr".split())


class Sentences:
    """Text as it streams in, whole sentences out.

    A sentence ends at a full stop, question or exclamation mark that white space follows, unless
    the stop belongs to an abbreviation or an initial. Nothing waits for more than that one
    character.
    """

    def __init__(self) -> None:
        self._text = ""
        self._scanned: int = 0

    def feed(self, text: str) -> list[str]:
        """The sentences that `text` completes."""
        self._text = joined(self._text, text)
        whole: list[str] = []
        while (stop := _STOP.search(self._text, self._scanned)) is not None:
            end = stop.end() - 1
            if self._ends_before(end):
                whole.append(self._text[:end].strip())
                self._text, self._scanned = self._text[end:].lstrip(), 0
            else:
                self._scanned = end
        self._scanned = max(self._scanned, len(self._text) - LONGEST_STOP)
        return whole

    def flush(self) -> str:
        """What is left when no more text comes; may be empty."""
        rest, self._text, self._scanned = self._text.strip(), "", 0
        return rest

    def _ends_before(self, i: int) -> bool:
        head = self._text[:i].rstrip(CLOSERS)
        if not head or head[-1] not in ENDS:
            return False
        if head[-1] != ".":
            return True
        last = head.split()[-1].rstrip(".").lower()
        return last not in ABBREVIATIONS and not (len(last) == 1 and last.isalpha() and last != "i")


def joined(before: str, text: str) -> str:
    """Text appended as it comes; pieces that are whole sentences of their own get their space."""
    if before and text and before[-1] in ENDS and text[0].isupper():
        return f"{before} {text}"
    return before + text


def says_something(text: str) -> bool:
    """Whether there is a letter or a digit in it: punctuation alone is not spoken."""
    return any(character.isalnum() for character in text)
