"""Text in, about how many tokens it has out."""

from __future__ import annotations

from math import ceil

LETTERS_PER_TOKEN = 4  # of English, about


def tokens_in(text: str) -> int:
    """One for every four characters, rounded up."""
    return ceil(len(text) / LETTERS_PER_TOKEN)
