"""A trace in, the anatomy of every interrupt out: noticed, decided, silent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.audio import SAMPLE_RATE
from bench.events import (
    CutOff,
    Held,
    InterruptDecided,
    Resumed,
    Silenced,
    TurnCommitted,
    UserStartedSpeaking,
)
from bench.trace import Entry, Trace


@dataclass(frozen=True, slots=True)
class Interrupt:
    """One answer called off; durations are seconds, None where the trace does not tell.

    - `detect`: from the first voiced sample of the user to its being noticed. The sample's instant
      is reckoned back from the decision, which knows how many samples had come by then.
    - `decide`: from the notice to the decision (words, voice for long enough, the policy).
    - `paused`: from the first voiced sample to the pause, where the bot was held until it was
      decided; the listener hears silence from then on.
    - `flush`: from the decision to the loudspeaker's word that it is silent, the way there and
      back included.
    """

    turn: int
    decided_at: float
    reason: str
    policy: str
    detect: float | None = None
    paused: float | None = None
    decide: float | None = None
    flush: float | None = None
    heard: str = ""
    intended: str = ""
    dropped_seconds: float | None = None  # of audio at the loudspeaker that never sounded

    @property
    def total(self) -> float | None:
        """From the user's first sound to silence; None for a button, which makes no sound."""
        if self.detect is None or self.decide is None or self.flush is None:
            return None
        return self.detect + self.decide + self.flush


def interrupts(trace: Trace, *, sample_rate: int = SAMPLE_RATE) -> list[Interrupt]:
    """Every interrupt, in order. `sample_rate` is that of the loudspeaker."""
    entries = trace.entries
    return [
        _interrupt(entries, i, fact, sample_rate)
        for i, (_, fact) in enumerate(entries)
        if isinstance(fact, InterruptDecided)
    ]


def pauses(trace: Trace) -> list[float]:
    """Seconds that the bot paused for what turned out to be nothing, one for each such hold."""
    held_at: float | None = None
    lasted: list[float] = []
    for at, fact in trace:
        if isinstance(fact, Held):
            held_at = at
        elif isinstance(fact, Resumed) and held_at is not None:
            lasted.append(at - held_at)
            held_at = None
    return lasted


def _interrupt(
    entries: Sequence[Entry], i: int, decided: InterruptDecided, sample_rate: int
) -> Interrupt:
    decided_at = entries[i].at
    onset = _onset(entries[:i])
    detect = decide = paused = None
    if onset is not None and decided.reason != "requested":
        noticed_at, began_sample = onset
        began_at = decided_at - (decided.at_sample - began_sample) / SAMPLE_RATE
        detect, decide = max(0.0, noticed_at - began_at), decided_at - noticed_at
        held_at = _held(entries[:i], noticed_at)
        paused = max(0.0, held_at - began_at) if held_at is not None else None
    silent_at, cut = _silence(entries[i + 1 :])
    return Interrupt(
        turn=decided.turn,
        decided_at=decided_at,
        reason=decided.reason,
        policy=decided.policy,
        detect=detect,
        paused=paused,
        decide=decide,
        flush=silent_at - decided_at if silent_at is not None else None,
        heard=cut.heard if cut else "",
        intended=cut.intended if cut else "",
        dropped_seconds=cut.dropped / sample_rate if cut else None,
    )


def _onset(before: Sequence[Entry]) -> tuple[float, int] | None:
    """When the newest speech was noticed, and at which sample it began."""
    for at, fact in reversed(before):
        if isinstance(fact, UserStartedSpeaking) and fact.source == "vad":
            return at, fact.at_sample
        if isinstance(fact, TurnCommitted):
            return None
    return None


def _held(before: Sequence[Entry], noticed_at: float) -> float | None:
    """When the bot was paused for this sound, if it still is."""
    for at, fact in reversed(before):
        if at < noticed_at or isinstance(fact, Resumed):
            return None
        if isinstance(fact, Held):
            return at
    return None


def _silence(after: Sequence[Entry]) -> tuple[float | None, CutOff | None]:
    """When the loudspeaker fell silent, and what the cut left of the answer."""
    silent_at: float | None = None
    for at, fact in after:
        match fact:
            case Silenced():
                silent_at = at
            case CutOff():
                return silent_at, fact
            case InterruptDecided():
                break
            case _:
                pass
    return silent_at, None
