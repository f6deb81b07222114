"""What is to be written in, the same without keys out: also where one is spread over pieces."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from bench.settings import Secret

STARS = "***"
SHORTEST = 8  # characters of a key; what is shorter is a word put where a key was wanted
NO_SECRETS = "_REGION"  # how variables end that go with a key and are none

Leaf = tuple[Any, Any]  # a list or a mapping, and the place in it where a text stands


def secrets_of(keys: Mapping[str, Secret]) -> tuple[Secret, ...]:
    """The keys among what goes with them, by the names of their variables."""
    return tuple(secret for name, secret in keys.items() if not name.endswith(NO_SECRETS))


def hide(document: Any, secrets: Iterable[Secret]) -> None:
    """Put `***` for secrets in the texts of a JSON document.

    Texts at the same place of the entries of a list are read as one, from the first to the last:
    tokens of an answer, words of a transcript. One that is spread over several becomes `***` in
    the first of them.
    """
    leaves = dict[tuple[str, ...], list[Leaf]]()
    for path, leaf in _leaves(document, ()):
        leaves.setdefault(path, []).append(leaf)
    for alike in leaves.values():
        texts = [holder[place] for holder, place in alike]
        for key in _texts_of(secrets):
            texts = _without(texts, key)
        for (holder, place), text in zip(alike, texts, strict=True):
            holder[place] = text


def hidden(text: str, secrets: Iterable[Secret]) -> str:
    """A text with `***` for secrets."""
    for key in _texts_of(secrets):
        text = text.replace(key, STARS)
    return text


def holds_any(content: bytes | bytearray, secrets: Iterable[Secret]) -> bool:
    """Whether a secret can be read in it."""
    return any(key.encode() in content for key in _texts_of(secrets))


def all_texts(document: Any) -> str:
    """The texts of a JSON document in a row, names of fields among them."""
    if isinstance(document, str):
        return document
    if isinstance(document, dict):
        pairs = cast("dict[str, Any]", document).items()
        return "".join(map(all_texts, itertools.chain.from_iterable(pairs)))
    return "".join(map(all_texts, document)) if isinstance(document, list) else ""


def _texts_of(secrets: Iterable[Secret]) -> list[str]:
    """The longest first: one may hold another."""
    texts = {secret.reveal() for secret in secrets}
    return sorted((text for text in texts if len(text) >= SHORTEST), key=lambda t: (-len(t), t))


def _leaves(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Leaf]]:
    """Every text, by the names that lead to it."""
    places: Iterable[Any] = ()
    if isinstance(value, (dict, list)):
        places = value if isinstance(value, dict) else range(len(cast("list[Any]", value)))
    for place in places:
        inner: Any = cast("Any", value)[place]
        way = (*path, place) if isinstance(place, str) else path
        if isinstance(inner, str):
            yield way, (value, place)
        else:
            yield from _leaves(inner, way)


def _without(texts: Sequence[str], key: str) -> list[str]:
    """The same texts without a key that stands in them, read as one."""
    whole, begin = "".join(texts), 0
    if key not in whole:
        return list(texts)
    left = list[str]()
    hole = whole.find(key)
    for text in texts:
        at, end, kept = begin, begin + len(text), ""
        while 0 <= hole < end:
            if hole >= begin:
                kept += whole[at:hole] + STARS
            at = min(end, hole + len(key))
            if hole + len(key) > end:
                break
            hole = whole.find(key, hole + len(key))
        left.append(kept + whole[at:end])
        begin = end
    return left
