"""A trace in, how well the user was understood out: the history's words beside the script's."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bench.metrics.hearing import Heard
from bench.metrics.reading import ANSWERED_ROLES, Readable, Reading, read
from bench.metrics.steps import PlayedStep
from bench.metrics.words import WordErrors, distance_to_prefix, word_errors, words_of

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_NUMBERS = {word: str(i) for i, word in enumerate(_ONES)} | {
    word: str(20 + 10 * i) for i, word in enumerate(_TENS)
}
_DIGITS = re.compile(r"\d+")


def understood(told: Reading, step: PlayedStep) -> str | None:
    """A step's words as the history holds them, from every turn that it became; None when it
    became none."""
    turns = told.turns_of(step)
    if not turns:
        return None
    said = [heard.said.get(step.step, ()) for turn in turns for heard in turn.made_of if heard.said]
    words = " ".join(word for part in said for word in part)
    alone = all(turn.steps == (step.step,) for turn in turns)
    return " ".join(turn.text for turn in turns) if alone else words


def heard_errors(told: Reading, step: PlayedStep) -> WordErrors | None:
    """The words of a step in the history against the script; all are missing when it became no
    turn. None for a step without words."""
    if not words_of(step.text):
        return None
    return word_errors(step.text, understood(told, step) or "")


def truth_wer(trace: Readable) -> float | None:
    """Word errors of all turns and interrupts in the history over the words of the script."""
    told = read(trace)
    found = [heard_errors(told, step) for step in told.steps if step.role in ANSWERED_ROLES]
    known = [errors for errors in found if errors is not None]
    words = sum(errors.words for errors in known)
    return sum(errors.errors for errors in known) / words if words else None


def partial_wers(trace: Readable) -> list[float]:
    """For every partial with words: its distance to the nearest beginning of what its step says,
    over its own words. Partials of no step, or of several, are left out."""
    told = read(trace)
    texts = {step.step: words_of(step.text) for step in told.steps}
    return [
        distance_to_prefix(texts[heard.steps[0]], words) / len(words)
        for heard in told.heard
        if not heard.final and len(heard.steps) == 1 and (words := words_of(heard.text))
    ]


def number_accuracy(trace: Readable) -> tuple[int, int] | None:
    """How many of the script's numbers stand in the history, of how many; None when the script
    says none. `nineteen` is 19, `twenty three` 23, and digits said one by one are one number."""
    told = read(trace)
    right = wanted = 0
    for step in told.steps:
        if step.role in ANSWERED_ROLES:
            got = numbers_in(understood(told, step) or "")
            for number in numbers_in(step.text):
                wanted += 1
                if number in got:
                    right += 1
                    got.remove(number)
    return (right, wanted) if wanted else None


def orphan_finals(trace: Readable) -> int | None:
    """Finals that came after a turn was committed in which their sound already was: the middle of
    their words lies before the end of a word that the turn is made of. A turn that was withdrawn
    waits for them, so they are none of its. None when no final carries the places of its words."""
    told = read(trace)
    placed = [heard for heard in told.heard if heard.final and heard.words]
    if not placed:
        return None
    return sum(
        any(
            _late(heard, turn.made_of, turn.committed_at)
            for turn in told.turns
            if not turn.withdrawn
        )
        for heard in placed
    )


def numbers_in(text: str) -> list[str]:
    """The numbers of a text as digits, in their order."""
    found, grows, ten = list[str](), False, False
    for word in words_of(text):
        digits = word if _DIGITS.fullmatch(word) else _NUMBERS.get(word)
        if digits is None:
            grows = False
            continue
        if grows and len(digits) == 1:
            found[-1] = (found[-1][:-1] if ten and digits != "0" else found[-1]) + digits
        else:
            found.append(digits)
        ten = word in _TENS
        grows = ten or len(digits) == 1
    return found


def _late(final: Heard, made_of: Sequence[Heard], committed_at: float) -> bool:
    if final.at <= committed_at or final in made_of:
        return False
    ends = [heard.words[-1].end_sample for heard in made_of if heard.words]
    middle = (final.words[0].start_sample + final.words[-1].end_sample) // 2
    return bool(ends) and middle < max(ends)
