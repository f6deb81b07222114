"""A trace in, the user's turns out: which words made each, and which steps said them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bench.audio import SAMPLE_RATE
from bench.events import (
    Fact,
    TranscriptIgnored,
    TranscriptReceived,
    TurnCommitted,
    TurnWithdrawn,
    Word,
)
from bench.metrics.steps import PlayedStep
from bench.metrics.words import contains, words_of
from bench.trace import Entry, Trace

BESIDE_SAMPLES = SAMPLE_RATE // 5  # that a recogniser may put a word beside its sound
LATEST_SECONDS = 8.0  # after a step's end, for words without a place to be taken for its own


@dataclass(frozen=True, slots=True)
class Heard:
    """A transcript as it arrived. `said` are its words by the step that said them; "" is nobody.

    `ignored`: it was taken for no turn's words (an echo, a backchannel, noise).
    """

    at: float
    text: str
    final: bool
    words: tuple[Word, ...] = ()
    ignored: bool = False
    said: Mapping[str, tuple[str, ...]] | None = None

    @property
    def steps(self) -> tuple[str, ...]:
        """The steps whose words it holds, in their order."""
        return tuple(step for step in self.said or {} if step)


@dataclass(frozen=True, slots=True)
class UserTurn:
    """A committed turn. `made_of` are the transcripts that its text is made of, `steps` the steps
    that said it, `facts` what happened to its answer."""

    number: int
    committed_at: float
    text: str
    reason: str
    made_of: tuple[Heard, ...] = ()
    steps: tuple[str, ...] = ()
    withdrawn: bool = False
    facts: tuple[Entry, ...] = ()

    def first(self, kind: type[Fact]) -> float | None:
        """The instant of the first fact of a kind about its answer."""
        return next((at for at, fact in self.facts if isinstance(fact, kind)), None)


def transcripts(trace: Trace, steps: Sequence[PlayedStep]) -> tuple[Heard, ...]:
    """Everything the transcriber told, in order, with the steps that said it.

    A word that carries its place belongs to the step in whose sound it lies, 0.2 s more or less. A
    transcript without places, or with places where nobody spoke, belongs to the newest step that
    had begun when it arrived; to the one before, when half of its words are that one's and not
    the newest one's; to nobody, when it came more than 8 s after the step was over.
    """
    heard = list[Heard]()
    for at, fact in trace:
        if isinstance(fact, TranscriptReceived):
            told = Heard(at, fact.text, fact.final, fact.words)
            heard.append(replace(told, said=_sayers(told, steps)))
        elif isinstance(fact, TranscriptIgnored):
            _ignore(heard, fact.text)
    return tuple(heard)


def user_turns(
    trace: Trace, heard: Sequence[Heard], steps: Sequence[PlayedStep]
) -> tuple[UserTurn, ...]:
    """Every committed turn, in order.

    A turn is made of the finals since the commit before it, and of the newest partial after the
    last of them, as far as their words stand in its text. It belongs to every step that said any
    of these; a turn without a transcript to the newest step that had begun.
    """
    withdrawn = {fact.turn for fact in trace.of(TurnWithdrawn)}
    turns, entries = list[UserTurn](), trace.entries
    arrivals = iter(heard)
    waiting = list[Heard]()
    for i, (at, fact) in enumerate(entries):
        if isinstance(fact, TranscriptReceived):
            waiting.append(next(arrivals))
        elif isinstance(fact, TurnCommitted):
            made_of = _made_of(waiting, fact.text)
            waiting.clear()
            later = tuple(entry for entry in entries[i + 1 :] if entry.fact.turn == fact.turn)
            turn = UserTurn(
                fact.turn,
                at,
                fact.text,
                fact.reason,
                made_of,
                _steps_of(made_of, at, steps),
                fact.turn in withdrawn,
                later,
            )
            turns.append(turn)
    return tuple(turns)


def _ignore(heard: list[Heard], text: str) -> None:
    """Mark the transcript that was ignored, and the partials that led to it."""
    for i in range(len(heard) - 1, -1, -1):
        if i < len(heard) - 1 and heard[i].final:
            return
        if heard[i].final and heard[i].text != text:
            return
        heard[i] = replace(heard[i], ignored=True)


def _made_of(waiting: Sequence[Heard], text: str) -> tuple[Heard, ...]:
    words = words_of(text)
    finals = [i for i, heard in enumerate(waiting) if heard.final]
    rest = range(finals[-1] + 1 if finals else 0, len(waiting))
    chosen = [waiting[i] for i in [*finals, *rest[-1:]]]
    return tuple(
        heard
        for heard in chosen
        if not heard.ignored and words_of(heard.text) and contains(words, words_of(heard.text))
    )


def _steps_of(made_of: Sequence[Heard], at: float, steps: Sequence[PlayedStep]) -> tuple[str, ...]:
    said = {step for heard in made_of for step in heard.steps}
    if not made_of:
        said = {step.step for step in _begun(steps, at)[-1:]}
    return tuple(step.step for step in steps if step.step in said)


def _sayers(heard: Heard, steps: Sequence[PlayedStep]) -> dict[str, tuple[str, ...]]:
    said = dict[str, tuple[str, ...]]()
    for word in heard.words:
        step = _step_at(word, steps)
        said[step] = (*said.get(step, ()), word.text)
    if said.keys() - {""}:
        return said
    words = tuple(words_of(heard.text))
    return {_by_arrival(words, heard.at, steps): words} if words else {}


def _step_at(word: Word, steps: Sequence[PlayedStep]) -> str:
    """The step in whose sound a word lies."""
    middle = (word.start_sample + word.end_sample) // 2
    for step in reversed(steps):
        if not step.words:
            continue
        low, high = step.words[0].start_sample, step.words[-1].end_sample
        if low - BESIDE_SAMPLES <= middle <= high + BESIDE_SAMPLES:
            return step.step
    return ""


def _by_arrival(words: Sequence[str], at: float, steps: Sequence[PlayedStep]) -> str:
    begun = [step for step in _begun(steps, at)[-2:] if at - step.ended_at <= LATEST_SECONDS]
    for step in reversed(begun):
        own = set(words_of(step.text))
        if sum(word in own for word in words) * 2 >= len(words):
            return step.step
    return begun[-1].step if begun else ""


def _begun(steps: Sequence[PlayedStep], at: float) -> list[PlayedStep]:
    return [step for step in steps if step.sounds and step.began_at <= at]
