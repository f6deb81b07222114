"""A trace in, how the bot gave way out: its stops, and whose they were."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bench.events import Held, InterruptDecided, UserStartedSpeaking
from bench.metrics.reading import ANSWERED_ROLES, FALSE_ROLES, Readable, Reading, read
from bench.metrics.steps import PlayedStep
from bench.metrics.utterances import Utterance

YIELD_SECONDS = 2.0  # within which the bot is to stop
FALSE_SECONDS = 1.0  # after the end of a sound that wanted no stop: until then a stop is its doing
SPURIOUS_SECONDS = 2.0  # after its end: until then an answer is to it

Share = tuple[int, int]  # how many, of how many


@dataclass(frozen=True, slots=True)
class Stop:
    """What a step that came while the bot spoke did to it.

    `latency` is from the step's first audible sample to the bot's last one, below 0 when the bot
    had just paused by itself; None when this step did not stop it. `bound` is how long the bot was
    seen to go on: without a latency it stopped after that, if at all (right-censored at its own
    end, at the next step or at the end of the conversation). The three parts add up to the latency:
    `detect` until the sound is noticed, `decide` until the interrupt is decided, `flush` until the
    last sample, below 0 when the bot was held before the decision.
    """

    step: str
    role: str
    utterance: int
    bound: float
    latency: float | None = None
    detect: float | None = None
    decide: float | None = None
    flush: float | None = None

    @property
    def censored(self) -> bool:
        """Whether there was no stop: `bound` is all that is known."""
        return self.latency is None


def stops(trace: Readable) -> list[Stop]:
    """Every step with sound that came while the bot spoke, or that stopped it. Needs a script.

    An utterance's stop belongs to the step that sounded last when the bot was held for good, or,
    where it was not held, when the interrupt was decided; a pause that a cough began and that the
    words of the next step decided belongs to the words.
    """
    told = read(trace)
    found = [stop_of(told, step) for step in told.steps]
    return [stop for stop in found if stop is not None]


def stop_of(told: Reading, step: PlayedStep) -> Stop | None:
    """What a step did to the bot's voice; None when the bot was silent."""
    if not step.sounds:
        return None
    for said in told.utterances:
        if said.ended_at is not None and stopper(told, said) == step:
            return _stopped(told, step, said, said.ended_at)
    said = speaking_at(told, step.began_at)
    if said is None or said.ended_at is None:
        return None
    seen_until = min(said.ended_at, step.until, told.span[1])
    return Stop(step.step, step.role, said.id, seen_until - step.began_at)


def stopper(told: Reading, said: Utterance) -> PlayedStep | None:
    """The step that cut an utterance off; None when none did: a button, or late words or an echo
    in the answer to the step that sounded last."""
    if not said.interrupted or said.decided_at is None:
        return None
    if all(at != said.decided_at for at, _ in told.decisions):
        return None
    held = told.step_at(said.held_at) if said.held_at is not None else None
    wanted = held is not None and held.role in ANSWERED_ROLES
    step = held if wanted else told.step_at(said.decided_at)
    return None if step is None or _answers(told, said, step) else step


def interrupts(told: Reading, step: PlayedStep) -> bool:
    """Whether a step made the bot give up what it was saying, or was about to say: it stopped an
    utterance, or an interrupt that stopped none was decided while it was the newest step. An
    answer to itself that is cut by its own late words, or by an echo, is not its doing."""
    if any(stopper(told, said) == step for said in told.utterances):
        return True
    audible = {said.decided_at for said in told.utterances if said.interrupted}
    return any(step.began_at <= at < step.until and at not in audible for at, _ in told.decisions)


def speaking_at(told: Reading, at: float) -> Utterance | None:
    """The utterance that sounds at an instant, or is in the middle of a gap or a pause."""
    for said in reversed(told.utterances):
        began, ended = said.began_at, said.ended_at
        if began is not None and ended is not None and began <= at < ended:
            return said
    return None


def yielded(trace: Readable, within_seconds: float = YIELD_SECONDS) -> Share:
    """How many interrupting steps stopped the bot in time, of how many that came while it spoke;
    one whose bot ended by itself before the time was up tells nothing and is left out."""
    wanted = [stop for stop in stops(trace) if stop.role == "interrupt"]
    known = [s for s in wanted if s.latency is not None or s.bound >= within_seconds]
    return sum(s.latency is not None and s.latency <= within_seconds for s in known), len(known)


def missed(trace: Readable, within_seconds: float = YIELD_SECONDS) -> Share:
    """How many interrupting steps did not stop the bot in time, or never became a turn of the
    user's, of how many were played."""
    told = read(trace)
    steps = [step for step in told.steps if step.role == "interrupt" and step.sounds]
    lost = 0
    for step in steps:
        stop = stop_of(told, step)
        late = stop is not None and (stop.latency or stop.bound) > within_seconds
        lost += late or not told.turns_of(step)
    return lost, len(steps)


def false_stops(trace: Readable, within_seconds: float = FALSE_SECONDS) -> Share:
    """How many backchannels, noises and side talks stopped the bot for good, at the latest
    `within_seconds` after their end, of how many came while it spoke."""
    told = read(trace)
    found = [(s, stop_of(told, s)) for s in told.steps if s.role in FALSE_ROLES]
    came = [(step, stop) for step, stop in found if stop is not None]
    false = [
        stop
        for step, stop in came
        if stop.latency is not None
        and step.began_at + stop.latency <= step.ended_at + within_seconds
    ]
    return len(false), len(came)


def spurious(trace: Readable, within_seconds: float = SPURIOUS_SECONDS) -> Share:
    """How many backchannels, noises and side talks were answered: a turn committed after their
    beginning has an answer that began at the latest `within_seconds` after their end. Of how many
    came while the bot was silent."""
    told = read(trace)
    alone = [
        step
        for step in told.steps
        if step.role in FALSE_ROLES and step.sounds and speaking_at(told, step.began_at) is None
    ]
    return sum(_answered_within(told, step, within_seconds) for step in alone), len(alone)


def agent_interrupts(trace: Readable) -> Share:
    """How many of the user's turn and interrupt steps the bot began to speak into before they were
    over, of how many were played."""
    told = read(trace)
    steps = [step for step in told.steps if step.role in ANSWERED_ROLES and step.sounds]
    began = [said.began_at for said in told.utterances if said.began_at is not None]
    return sum(_any_between(began, step.began_at, step.ended_at) for step in steps), len(steps)


def _answers(told: Reading, said: Utterance, step: PlayedStep) -> bool:
    """Whether an utterance is the answer to a step that was over when it began."""
    own = (turn.number for turn in told.turns_of(step))
    return said.turn in own and said.began_at is not None and said.began_at >= step.ended_at


def _stopped(told: Reading, step: PlayedStep, said: Utterance, ended: float) -> Stop:
    latency, decided = ended - step.began_at, said.decided_at
    noticed = _noticed_at(told, step, decided)
    return Stop(
        step.step,
        step.role,
        said.id,
        latency,
        latency,
        None if noticed is None else noticed - step.began_at,
        None if noticed is None or decided is None else decided - noticed,
        None if decided is None else ended - decided,
    )


def _noticed_at(told: Reading, step: PlayedStep, decided: float | None) -> float | None:
    """The first sign, from the step's beginning to the decision, that the user was noticed."""
    for at, fact in told.trace:
        if at < step.began_at or decided is None:
            continue
        by_voice = isinstance(fact, UserStartedSpeaking) and fact.source == "vad"
        if by_voice or isinstance(fact, Held | InterruptDecided):
            return at if at <= decided else None
    return None


def _answered_within(told: Reading, step: PlayedStep, seconds: float) -> bool:
    after = {t.number for t in told.turns if t.committed_at >= step.began_at}
    began = [s.began_at for s in told.utterances if s.turn in after and s.began_at is not None]
    return _any_between(began, step.began_at, step.ended_at + seconds)


def _any_between(instants: Iterable[float], low: float, high: float) -> bool:
    return any(low < at <= high for at in instants)
