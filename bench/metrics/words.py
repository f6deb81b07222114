"""Two texts in, how their words differ out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")

Pair = tuple[int | None, int | None]


def words_of(text: str) -> list[str]:
    """The words, lower case, punctuation gone; an apostrophe inside a word stays."""
    return _WORD.findall(text.lower().replace("’", "'"))


@dataclass(frozen=True, slots=True)
class WordErrors:
    """Words wrong, missing and too many (`errors`) against the `words` that there should be."""

    errors: int
    words: int

    @property
    def rate(self) -> float | None:
        """The word error rate; it may exceed 1. None when there should be no words."""
        return self.errors / self.words if self.words else None


def word_errors(reference: str, hypothesis: str) -> WordErrors:
    """The fewest changes of words that make the hypothesis the reference."""
    wanted = words_of(reference)
    return WordErrors(distance(wanted, words_of(hypothesis)), len(wanted))


def distance(reference: Sequence[str], hypothesis: Sequence[str]) -> int:
    """Levenshtein's: substitutions, deletions and insertions, each 1."""
    return _rows(reference, hypothesis)[-1][-1]


def distance_to_prefix(reference: Sequence[str], hypothesis: Sequence[str]) -> int:
    """The distance of a hypothesis to that beginning of the reference which is nearest to it."""
    return min(row[-1] for row in _rows(reference, hypothesis))


def alignment(reference: Sequence[str], hypothesis: Sequence[str]) -> list[Pair]:
    """Positions side by side, with None for a word that the other side lacks; the fewest changes,
    and among equals a changed word before a missing one."""
    rows = _rows(reference, hypothesis)
    i, j, pairs = len(reference), len(hypothesis), list[Pair]()
    while i or j:
        if i and j and rows[i][j] == rows[i - 1][j - 1] + (reference[i - 1] != hypothesis[j - 1]):
            i, j = i - 1, j - 1
            pairs.append((i, j))
        elif i and rows[i][j] == rows[i - 1][j] + 1:
            i -= 1
            pairs.append((i, None))
        else:
            j -= 1
            pairs.append((None, j))
    return pairs[::-1]


def common_prefix(a: Sequence[str], b: Sequence[str]) -> int:
    """How many words both begin with."""
    return next(
        (i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b))
    )


def contains(words: Sequence[str], part: Sequence[str]) -> bool:
    """Whether `part` stands in `words`, word after word."""
    size = len(part)
    return any(list(words[i : i + size]) == list(part) for i in range(len(words) - size + 1))


def _rows(reference: Sequence[str], hypothesis: Sequence[str]) -> list[list[int]]:
    rows = [list(range(len(hypothesis) + 1))]
    for i, wanted in enumerate(reference, 1):
        above, row = rows[-1], [i]
        for j, got in enumerate(hypothesis, 1):
            row.append(min(above[j] + 1, row[-1] + 1, above[j - 1] + (wanted != got)))
        rows.append(row)
    return rows
