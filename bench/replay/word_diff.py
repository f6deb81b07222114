"""Two texts in, one line that shows how their words differ out."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence

from bench.metrics.words import words_of

SHOWN_AROUND = 4  # words that are alike, on each side of a difference


def word_diff(wanted: str, got: str) -> str:
    """Both texts in one line: `[-wanted only-]`, `{+got only+}`; long stretches alike are cut.

    Words are compared as they sound, without case and punctuation, and shown as they stand.
    """
    return " ".join(_pieces(wanted.split(), got.split()))


def _pieces(wanted: Sequence[str], got: Sequence[str]) -> Iterator[str]:
    a, b = ([" ".join(words_of(word)) for word in words] for words in (wanted, got))
    blocks = difflib.SequenceMatcher(None, a, b, autojunk=False).get_opcodes()
    for place, (kind, i, j, k, m) in enumerate(blocks):
        if kind == "equal":
            yield from _alike(got[k:m], place > 0, place < len(blocks) - 1)
            continue
        if i < j:
            yield f"[-{' '.join(wanted[i:j])}-]"
        if k < m:
            yield f"{{+{' '.join(got[k:m])}+}}"


def _alike(words: Sequence[str], after: bool, before: bool) -> Sequence[str]:
    """Words that both have, those far from a difference left out."""
    kept = SHOWN_AROUND * (after + before)
    if len(words) <= kept + 1:
        return words
    head = words[:SHOWN_AROUND] if after else ()
    tail = words[-SHOWN_AROUND:] if before else ()
    return [*head, "…", *tail]
