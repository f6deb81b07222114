"""A trace in, what the scripted user really did out: its steps on the trace's clock."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from bench.audio import SAMPLE_RATE
from bench.events import Word
from bench.trace import Trace
from bench.truths import ReplayStarted, StepPlayed

BRIDGED_SECONDS = 0.3  # of silence between two words that still are one stretch of speech
FOREVER = float("inf")

Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class PlayedStep:
    """A step as it came to the bot's input: truth.

    `began_at` and `ended_at` are the instants of its first audible sample and of one past the last
    (`u_on`, `u_off`); both are its beginning for a step without sound. `until` is where the next
    step that sounds begins, and infinite for the last one; `words` are samples of the microphone.
    """

    step: str
    role: str
    text: str
    began_at: float
    ended_at: float
    until: float = FOREVER
    words: tuple[Word, ...] = ()
    spans: tuple[Span, ...] = ()  # of sound, inner pauses left out

    @property
    def sounds(self) -> bool:
        """Whether anything was to be heard of it."""
        return self.ended_at > self.began_at


def mic_at(trace: Trace) -> float | None:
    """The instant of the microphone's sample 0; None in a trace that is no replay's."""
    started = trace.of(ReplayStarted)
    return started[0].mic_at if started else None


def played_steps(trace: Trace) -> tuple[PlayedStep, ...]:
    """The steps that were played, in the order in which they began."""
    origin = mic_at(trace) or 0.0
    steps = [_step(fact, origin) for fact in trace.of(StepPlayed)]
    steps.sort(key=lambda step: step.began_at)
    onsets = [step.began_at for step in steps if step.sounds]
    return tuple(
        replace(step, until=next((at for at in onsets if at > step.began_at), FOREVER))
        for step in steps
    )


def newest(steps: Sequence[PlayedStep], at: float) -> PlayedStep | None:
    """The step that sounds, or did last, at an instant."""
    return next((s for s in reversed(steps) if s.sounds and s.began_at <= at), None)


def spans_of(words: Iterable[Word], origin: float) -> tuple[Span, ...]:
    """Where words sound, pauses longer than `BRIDGED_SECONDS` left out."""
    spans = list[Span]()
    for word in words:
        began, ended = (origin + s / SAMPLE_RATE for s in (word.start_sample, word.end_sample))
        if spans and began - spans[-1][1] <= BRIDGED_SECONDS:
            spans[-1] = spans[-1][0], max(spans[-1][1], ended)
        else:
            spans.append((began, ended))
    return tuple(spans)


def shared(a: Iterable[Span], b: Iterable[Span]) -> float:
    """Seconds that lie in a span of both; the spans of each side do not overlap one another."""
    others = list(b)
    return sum(
        max(0.0, min(ended, other[1]) - max(began, other[0]))
        for began, ended in a
        for other in others
    )


def _step(fact: StepPlayed, origin: float) -> PlayedStep:
    began = origin + fact.at_sample / SAMPLE_RATE
    ended = origin + fact.end_sample / SAMPLE_RATE
    whole = ((began, ended),) if ended > began else ()
    spans = spans_of(fact.words, origin) or whole
    return PlayedStep(fact.step, fact.role, fact.text, began, ended, words=fact.words, spans=spans)
