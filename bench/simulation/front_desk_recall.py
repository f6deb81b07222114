"""An answer and what was heard of it in, what is worth saying again out."""

from __future__ import annotations

import re

_LONG_WORDS = 30


def sentences_of(text: str) -> list[str]:
    """The sentences of an answer, punctuation kept."""
    return re.findall(r"[^.!?]+[.!?]+", text.strip()) or [text] * bool(text.strip())


def rest_after(heard: str, said: str) -> str:
    """What follows once `heard` was played of `said`, from the start of the sentence it broke."""
    left = len(heard.split())
    sentences = [sentence.strip() for sentence in sentences_of(said)]
    for index, sentence in enumerate(sentences):
        left -= len(sentence.split())
        if left < 0:
            return " ".join(sentences[index:])
    return ""


def shortened(said: str) -> str:
    """The first sentence of a long answer, and its closing question; short ones stay whole."""
    sentences = [sentence.strip() for sentence in sentences_of(said)]
    if len(said.split()) <= _LONG_WORDS or len(sentences) == 1:
        return said
    last = sentences[-1:] if sentences[-1].endswith("?") else []
    return " ".join((sentences[0], *last))
