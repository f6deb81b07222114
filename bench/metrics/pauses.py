"""A trace in, what became of a pause out: the bot goes on, begins again, or leaves it."""

from __future__ import annotations

from dataclasses import dataclass

from bench.audio import SAMPLE_RATE
from bench.events import Held
from bench.metrics.barge_in import stop_of
from bench.metrics.reading import Reading
from bench.metrics.steps import PlayedStep
from bench.metrics.words import common_prefix, contains, words_of
from bench.truths import Sounded


@dataclass(frozen=True, slots=True)
class Pause:
    """The bot was held because of a step, and went on with the same utterance.

    `seconds` of silence; `after` is from the step's end to the first sound again, below 0 when the
    bot went on before. `repeated_seconds` were played twice, `skipped_seconds` never.
    """

    step: str
    utterance: int
    seconds: float
    after: float
    repeated_seconds: float = 0.0
    skipped_seconds: float = 0.0


def pauses_of(told: Reading, step: PlayedStep, sample_rate: int = SAMPLE_RATE) -> list[Pause]:
    """The pauses that a step made in the bot's speech, and after which the bot went on."""
    return [
        _pause(step, said.id, held, again, sample_rate)
        for said in told.utterances
        for held, again in zip(said.sounded, said.sounded[1:], strict=False)
        if held.reason == "held" and _holder(told, held, again) == step
    ]


def aftermath(told: Reading, step: PlayedStep) -> str | None:
    """What the bot did after a step had silenced it: `resumes` from where it was, `restarts` (says
    again what was heard), `skips` a part or `drops` the rest; None when it was not silenced.

    After a stop, the next thing the bot says that is no answer to the step decides: it resumes when
    that holds the words that were not heard, one after the other, and restarts when it begins as
    the one that was cut.
    """
    if pauses := pauses_of(told, step):
        if any(pause.repeated_seconds for pause in pauses):
            return "restarts"
        return "skips" if any(pause.skipped_seconds for pause in pauses) else "resumes"
    stop = stop_of(told, step)
    if stop is None or stop.censored:
        return None
    cut = next(said for said in told.utterances if said.id == stop.utterance)
    intended = words_of(cut.intended)
    rest = intended[len(words_of(cut.heard or "")) :]
    ended = cut.ended_at or 0.0
    own = {turn.number for turn in told.turns_of(step)}
    later = [
        said
        for said in told.utterances
        if said.began_at is not None and said.began_at > ended and said.turn not in own
    ]
    next_words = words_of(later[0].intended) if later else []
    if intended and common_prefix(intended, next_words) >= min(3, len(intended)):
        return "restarts"
    return "resumes" if rest and contains(next_words, rest) else "drops"


def resumed(told: Reading, step: PlayedStep) -> bool | None:
    """Whether the bot went on with what the step silenced; None when it was not silenced."""
    what = aftermath(told, step)
    return None if what is None else what != "drops"


def _pause(step: PlayedStep, id: int, held: Sounded, again: Sounded, rate: int) -> Pause:
    gap = again.at_sample - held.at_sample - held.samples
    silent, after = again.began_at - held.ended_at, again.began_at - step.ended_at
    return Pause(step.step, id, silent, after, max(0, -gap) / rate, max(0, gap) / rate)


def _holder(told: Reading, held: Sounded, again: Sounded) -> PlayedStep | None:
    """The step that sounded last when the bot was held between two stretches."""
    for at, fact in told.trace:
        if isinstance(fact, Held) and held.ended_at - 1e-6 <= at <= again.began_at:
            return told.step_at(at)
    return None
