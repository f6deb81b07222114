"""Utterance templates in, a language model and a pronouncing dictionary out.

A template is a sentence as a user may say it: `I'd like a table for {number} [please]`. A name in
braces stands for each of its slot's values, a part in brackets may be left out. Each template
weighs the same, however many sentences it makes; every word can also follow every other, rarely, so
that an order nobody listed can still be heard.
"""

from __future__ import annotations

import itertools
import math
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from bench.errors import ConfigError
from bench.speech.pronunciation import spoken_number

SENTENCES_PER_TEMPLATE = 400
EVERYDAY = (
    "yes", "yeah", "no", "okay", "right", "sure", "mm-hm", "uh-huh", "mhm", "hmm", "um", "uh",
    "stop", "wait", "hold on", "sorry", "pardon", "please", "thanks", "thank you", "hello", "hi",
    "goodbye", "bye", "repeat that", "what", "cancel", "no stop", "stop please",
)  # fmt: skip
"""What anybody may say in between, in every vocabulary."""

# Share of each order that goes to the one below it.
_TO_BIGRAM, _TO_UNIGRAM, _TO_ANY_WORD = 0.1, 0.3, 0.3
_EVERYDAY_WEIGHT = 0.5  # of a template

_PART = re.compile(r"\{(?P<slot>\w+)\}|\[(?P<maybe>[^\[\]]*)\]|(?P<text>[^{}\[\]]+)|(?P<stray>.)")
_WORD = re.compile(r"[a-z]+(?:['-][a-z]+)*")
_JOINED = {"mm-hm", "uh-huh", "uh-oh"}  # one word to the dictionary; other hyphens separate words


def normalise(text: str) -> str:
    """Lower-case words as the recogniser writes them: digits spelled out, no punctuation, no
    accents.
    """
    text = unicodedata.normalize("NFKD", text.replace("’", "'")).encode("ascii", "ignore").decode()
    return " ".join(_words(text))


def _words(text: str) -> Iterator[str]:
    text = re.sub(r"\d+", lambda digits: f" {spoken_number(digits.group())} ", text.lower())
    for word in _WORD.findall(text.replace("&", " and ").replace("%", " percent ")):
        if word in _JOINED:
            yield word
        elif word == "ok":  # two spellings of one sound would split its probability
            yield "okay"
        else:
            yield from (part for part in word.split("-") if part)


def expand(
    template: str,
    slots: Mapping[str, Sequence[str]] | None = None,
    limit: int = SENTENCES_PER_TEMPLATE,
) -> list[str]:
    """The sentences a template stands for, normalised; at most `limit`, spread evenly over all.

    Raises:
        ConfigError: a slot without values, or a brace or bracket without its partner.
    """
    choices = _choices(template, slots or {})
    total = math.prod(len(choice) for choice in choices)
    if total <= limit:
        picked = itertools.product(*choices)
    else:
        picked = (_pick(choices, _spread(number, total)) for number in range(limit))
    sentences = dict.fromkeys(normalise(" ".join(parts)) for parts in picked)
    sentences.pop("", None)
    return list(sentences)


def _choices(template: str, slots: Mapping[str, Sequence[str]]) -> list[Sequence[str]]:
    choices: list[Sequence[str]] = []
    for part in _PART.finditer(template):
        if slot := part["slot"]:
            if not slots.get(slot):
                raise ConfigError(f"the slot {{{slot}}} in {template!r} has no values")
            choices.append(slots[slot])
        elif part["maybe"] is not None:
            inner = expand(part["maybe"], slots) if "{" in part["maybe"] else [part["maybe"]]
            choices.append([*inner, ""])
        elif part["text"] is not None:
            choices.append([part["text"]])
        else:
            raise ConfigError(f"a {part['stray']!r} without its partner in {template!r}")
    return choices


def _spread(number: int, total: int) -> int:
    """A walk through 0…total-1 in steps of the golden section: no neighbourhood is left out."""
    step = round(total * 0.6180339887) or 1
    while math.gcd(step, total) != 1:
        step += 1
    return number * step % total


def _pick(choices: list[Sequence[str]], number: int) -> list[str]:
    parts: list[str] = []
    for choice in choices:
        number, index = divmod(number, len(choice))
        parts.append(choice[index])
    return parts


def weighted_sentences(
    templates: Iterable[str], slots: Mapping[str, Sequence[str]] | None = None
) -> dict[tuple[str, ...], float]:
    """Every sentence with its weight: 1 a template in all, and the everyday words beside them.

    Raises:
        ConfigError: a template is malformed, or there is none.
    """
    weights: dict[tuple[str, ...], float] = defaultdict(float)
    for template in templates:
        sentences = expand(template, slots)
        for sentence in sentences:
            weights[tuple(sentence.split())] += 1 / len(sentences)
    if not weights:
        raise ConfigError("a vocabulary needs at least one template with words in it")
    for phrase in EVERYDAY:
        weights[tuple(phrase.split())] += _EVERYDAY_WEIGHT
    return dict(weights)


def vocabulary(sentences: Iterable[Sequence[str]]) -> list[str]:
    """The words of the sentences, each once, sorted."""
    return sorted({word for sentence in sentences for word in sentence})


def arpa(sentences: Mapping[tuple[str, ...], float]) -> str:
    """A trigram model in ARPA format: each order interpolated with the one below it.

    With a fixed share `s` going down, the back-off weight of every seen context is `s` itself.
    """
    uni, bi, tri = counts = _gram_counts(sentences)
    heads = _context_counts(bi), _context_counts(tri)
    known = len(uni) - 1  # all but <s>, which is never predicted
    spoken = sum(weight for gram, weight in uni.items() if gram != ("<s>",))

    def one(gram: tuple[str, ...]) -> float:
        return (1 - _TO_ANY_WORD) * uni[gram] / spoken + _TO_ANY_WORD / known

    def two(gram: tuple[str, ...]) -> float:
        return (1 - _TO_UNIGRAM) * bi[gram] / heads[0][gram[:1]] + _TO_UNIGRAM * one(gram[1:])

    def three(gram: tuple[str, ...]) -> float:
        return (1 - _TO_BIGRAM) * tri[gram] / heads[1][gram[:2]] + _TO_BIGRAM * two(gram[1:])

    lines = ["\\data\\", *(f"ngram {order}={len(grams)}" for order, grams in enumerate(counts, 1))]
    lines += ["", "\\1-grams:"]
    for gram in sorted(uni):
        probability = -99.0 if gram == ("<s>",) else math.log10(one(gram))
        lines.append(_line(probability, gram, _TO_UNIGRAM if gram in heads[0] else None))
    lines += ["", "\\2-grams:"]
    for gram in sorted(bi):
        lines.append(_line(math.log10(two(gram)), gram, _TO_BIGRAM if gram in heads[1] else None))
    lines += ["", "\\3-grams:"]
    lines += [_line(math.log10(three(gram)), gram, None) for gram in sorted(tri)]
    return "\n".join([*lines, "", "\\end\\", ""])


def _gram_counts(
    sentences: Mapping[tuple[str, ...], float],
) -> list[dict[tuple[str, ...], float]]:
    counts: list[dict[tuple[str, ...], float]] = [defaultdict(float) for _ in range(3)]
    for sentence, weight in sentences.items():
        padded = ("<s>", *sentence, "</s>")
        for order in range(3):
            for start in range(len(padded) - order):
                counts[order][padded[start : start + order + 1]] += weight
    return counts


def _context_counts(grams: Mapping[tuple[str, ...], float]) -> dict[tuple[str, ...], float]:
    heads: dict[tuple[str, ...], float] = defaultdict(float)
    for gram, weight in grams.items():
        heads[gram[:-1]] += weight
    return dict(heads)


def _line(log_probability: float, gram: tuple[str, ...], share_down: float | None) -> str:
    back_off = "" if share_down is None else f" {math.log10(share_down):.4f}"
    return f"{log_probability:.4f} {' '.join(gram)}{back_off}"
