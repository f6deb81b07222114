"""A trace in, what the bot said out: when it sounded, what was heard of it, how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.events import (
    CutOff,
    Held,
    InterruptDecided,
    PlaybackFinished,
    PlaybackStarted,
    Resumed,
    SentenceReady,
)
from bench.metrics.words import words_of
from bench.trace import Entry, Trace
from bench.truths import ListenerHeard, ReplayStarted, Sounded


@dataclass(frozen=True, slots=True)
class Utterance:
    """One utterance of the bot's.

    `sounded` are its stretches, as the loudspeaker played them, and `truth` says that the trace has
    them; without, `began_at` is what was reported. `heard` is None where nobody knows. `context` is
    what the history holds of it. `cut` is how it was cut off, `decided_at` when an interrupt was
    decided that did it, `held_at` when the pause began that ended there.
    """

    id: int
    turn: int
    sounded: tuple[Sounded, ...] = ()
    heard: str | None = None
    samples: int | None = None
    intended: str = ""
    context: str | None = None
    cut: CutOff | None = None
    cut_at: float | None = None
    finished_at: float | None = None
    decided_at: float | None = None
    held_at: float | None = None
    reported_at: float | None = None
    truth: bool = False

    @property
    def began_at(self) -> float | None:
        """The instant of its first audible sample; None when nothing of it was heard."""
        return self.sounded[0].began_at if self.sounded else self.reported_at

    @property
    def ended_at(self) -> float | None:
        """The instant of its last audible sample."""
        if self.sounded:
            return self.sounded[-1].ended_at
        return self.cut_at if self.cut_at is not None else self.finished_at

    @property
    def over_at(self) -> float | None:
        """When it was known to be over."""
        told = [at for at in (self.ended_at, self.cut_at, self.finished_at) if at is not None]
        return max(told, default=None)

    @property
    def interrupted(self) -> bool:
        """Whether an interrupt took some of it away."""
        if self.cut is None or self.decided_at is None:
            return False
        return self.cut.dropped > 0 or words_of(self.cut.heard) != words_of(self.cut.intended)


def utterances(trace: Trace) -> tuple[Utterance, ...]:
    """Every utterance of which the trace tells anything, in order.

    A cut-off names no utterance: it is that of its turn which was not played to its end, the one
    with as many samples played when there are several. One that fits none is an utterance of which
    nothing sounded, with the id 0.
    """
    truth = bool(trace.of(ReplayStarted) or trace.of(ListenerHeard))
    told = _Told(trace)
    cuts = _match(trace, told)
    told.over = told.finished | {id: at for id, (at, _) in cuts.items()}
    made = [_utterance(trace, told, id, cuts.get(id), truth) for id in told.ids]
    lost = [_utterance(trace, told, 0, cut, truth) for id, cut in cuts.items() if id < 0]
    return tuple(made + lost)


class _Told:
    """The facts about utterances, by utterance."""

    def __init__(self, trace: Trace) -> None:
        self.turns: dict[int, int] = {}
        self.seen_at: dict[int, float] = {}
        self.started: dict[int, float] = {}
        self.finished: dict[int, float] = {}
        self.sounded: dict[int, list[Sounded]] = {}
        self.heard: dict[int, ListenerHeard] = {}
        self.over: dict[int, float] = {}  # when it was finished or cut
        for at, fact in trace:
            match fact:
                case PlaybackStarted(utterance=id):
                    self.started[id] = at
                    self.turns[id] = fact.turn
                case PlaybackFinished(utterance=id):
                    self.finished[id] = at
                    self.turns[id] = fact.turn
                case Sounded(utterance=id):
                    self.sounded.setdefault(id, []).append(fact)
                    self.turns.setdefault(id, fact.turn)
                case ListenerHeard(utterance=id):
                    self.heard[id] = fact
                    self.turns.setdefault(id, fact.turn)
                case _:
                    continue
            self.seen_at.setdefault(id, at)
        self.ids = sorted(self.seen_at)


def _match(trace: Trace, told: _Told) -> dict[int, tuple[float, CutOff]]:
    """Cut-offs by utterance; those without one under negative numbers."""
    found = dict[int, tuple[float, CutOff]]()
    for at, fact in trace:
        if not isinstance(fact, CutOff):
            continue
        left = [
            id
            for id in told.ids
            if id not in told.finished and id not in found and told.seen_at[id] <= at
        ]
        fitting = [id for id in left if told.turns[id] == fact.turn] or left
        exact = [id for id in fitting if id in told.heard and told.heard[id].samples == fact.played]
        chosen = [*exact, *fitting][:1]
        if not fact.played and not exact:
            chosen = []
        found[chosen[0] if chosen else -1 - len(found)] = (at, fact)
    return found


def _utterance(
    trace: Trace, told: _Told, id: int, cut: tuple[float, CutOff] | None, truth: bool
) -> Utterance:
    cut_at, how = cut if cut is not None else (None, None)
    turn = how.turn if how is not None else told.turns[id]
    heard = told.heard.get(id)
    sounded = tuple(sorted(told.sounded.get(id, ()), key=lambda stretch: stretch.began_at))
    over = [at for at in (cut_at, told.finished.get(id)) if at is not None]
    began = sounded[0].began_at if sounded else told.started.get(id, 0.0)
    decided, held = _decision(trace.entries, began, cut_at)
    intended = how.intended if how is not None else _sentences(trace, told, id, turn, over)
    finished = told.finished.get(id)
    context = how.context if how is not None else (intended if finished is not None else None)
    return Utterance(
        id,
        turn,
        sounded,
        heard.text if heard is not None else None,
        heard.samples if heard is not None else None,
        intended,
        context,
        how,
        cut_at,
        finished,
        decided,
        held,
        None if truth else told.started.get(id),
        truth,
    )


def _decision(
    entries: Sequence[Entry], began: float, cut_at: float | None
) -> tuple[float | None, float | None]:
    """When the interrupt was decided that cut an utterance, and when the pause before it began."""
    if cut_at is None:
        return None, None
    decided = pause = held = None
    for at, fact in entries:
        if at > cut_at:
            break
        match fact:
            case Held():
                held = at
            case Resumed():
                held = None
            case InterruptDecided():
                if decided is None or decided < began:
                    decided, pause = at, held
                held = None
            case _:
                pass
    return (decided, pause) if decided is not None and decided >= began else (None, None)


def _sentences(trace: Trace, told: _Told, id: int, turn: int, over: Sequence[float]) -> str:
    """The text given to the synthesizer for an utterance that was not cut: what its turn's answer
    said since the utterance before it was over."""
    until = max(over, default=float("inf"))
    before = [
        at for other, at in told.over.items() if other != id and told.turns.get(other) == turn
    ]
    since = max((at for at in before if at < until), default=-1.0)
    said = [
        fact.text
        for at, fact in trace
        if isinstance(fact, SentenceReady) and fact.turn == turn and since < at <= until
    ]
    return " ".join(said)
