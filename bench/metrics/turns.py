"""A trace in, the stages of every answer out: where the time went between two voices."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import TypeVar

from bench.events import (
    AgentRequested,
    CutOff,
    Fact,
    FirstAudio,
    FirstToken,
    PlaybackFinished,
    PlaybackStarted,
    SentenceReady,
    SynthesisRequested,
    TurnCommitted,
    TurnWithdrawn,
)
from bench.metrics.hearing import UserTurn
from bench.metrics.reading import Reading, end_of_speech, notice_seconds
from bench.trace import Entry, Trace

F = TypeVar("F", bound=Fact)


@dataclass(frozen=True, slots=True)
class Stages:
    """How long each stage of an answer took, in seconds; None where the trace does not tell.

    They follow one another without gap or overlap, so `voice_to_voice` is their sum. In a replay
    both its ends are truth: the last sample of the script's words and the first audible one of the
    loudspeaker's.

    - `endpoint`: from the end of the user's speech to the commit of the turn; below 0 when it came
      before. Without a script the end is that of the last voiced window (32 ms): the detector's
      notice minus the silence it waits for.
    - `request`: from the commit to the question put to the agent.
    - `first_token`: from the question to the first text of the answer.
    - `sentence`: from the first text to the first piece of it given to the synthesizer.
    - `synthesis`: from there to the first audio.
    - `playout`: from the first audio to the first sample played, as far as anybody knows: the
      client's first report when it reports, else the moment of sending; in a replay the first
      audible one.
    """

    endpoint: float | None = None
    request: float | None = None
    first_token: float | None = None
    sentence: float | None = None
    synthesis: float | None = None
    playout: float | None = None

    @property
    def voice_to_voice(self) -> float | None:
        """From the end of the user's speech to the first sample of the answer; None in part."""
        return _total(tuple(getattr(self, name) for name in STAGES))

    @property
    def response(self) -> float | None:
        """From the commit of the turn to the first sample of the answer."""
        return _total(tuple(getattr(self, name) for name in STAGES[1:]))


STAGES = tuple(field.name for field in fields(Stages))


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of the user's and what became of the answer.

    `heard` is what left the loudspeaker of `intended`; the two differ when it was `cut_off`. A
    `withdrawn` turn has no answer: the user went on. `over` says that nothing more is to come.
    """

    turn: int
    committed_at: float
    reason: str
    said: str
    stages: Stages
    intended: str = ""
    heard: str = ""
    played_seconds: float | None = None  # from its first sample to its end or its cut
    cut_off: bool = False
    withdrawn: bool = False
    over: bool = False


def turns(trace: Trace) -> list[Turn]:
    """Every committed turn, in order."""
    entries = trace.entries
    starts = [i for i, entry in enumerate(entries) if isinstance(entry.fact, TurnCommitted)]
    ends = _Ends(trace)
    return [_turn(entries, i, ends) for i in starts]


def figures(trace: Trace, turn: int) -> dict[str, float | str | bool | None]:
    """The figures of one turn under plain names (`…_seconds`); none for a turn never committed."""
    entries = trace.entries
    for i in range(len(entries) - 1, -1, -1):  # the newest turn is the one that is asked for
        fact = entries[i].fact
        if isinstance(fact, TurnCommitted) and fact.turn == turn:
            return flat(_turn(entries, i, _Ends(trace)))
    return {}


def flat(turn: Turn) -> dict[str, float | str | bool | None]:
    """A turn as one row: texts, flags and `…_seconds`, rounded to a microsecond."""
    seconds = {name: getattr(turn.stages, name) for name in STAGES}
    seconds["response"] = turn.stages.response
    seconds["voice_to_voice"] = turn.stages.voice_to_voice
    seconds["played"] = turn.played_seconds
    return {
        "said": turn.said,
        "intended": turn.intended,
        "heard": turn.heard,
        "cut_off": turn.cut_off,
        "withdrawn": turn.withdrawn,
        "committed_at": turn.committed_at,
        "reason": turn.reason,
    } | {f"{name}_seconds": _rounded(value) for name, value in seconds.items()}


class _Ends:
    """The two ends of voice-to-voice: truth when the trace holds any, else the pipeline's word."""

    def __init__(self, trace: Trace) -> None:
        told = Reading(trace)
        self._told = told if told.scripted else None
        self._lag = 0.0 if told.scripted else notice_seconds(trace)

    def of_user(self, entries: Sequence[Entry], committed: int) -> float | None:
        """When the speech that led to the commit ended; None while it still went on."""
        if self._told is None:
            return end_of_speech(entries, committed, self._lag)
        turn = self._turn(self._told, entries[committed].fact.turn)
        return self._told.ended_speaking(turn) if turn is not None else None

    def of_bot(self, number: int, reported: float | None) -> float | None:
        """When the answer was heard first."""
        if self._told is None:
            return reported
        turn = self._turn(self._told, number)
        answer = self._told.answer(turn) if turn is not None else None
        return answer.began_at if answer is not None else None

    @staticmethod
    def _turn(told: Reading, number: int) -> UserTurn | None:
        return next((turn for turn in told.turns if turn.number == number), None)


def _turn(entries: Sequence[Entry], committed: int, ends: _Ends) -> Turn:
    at, fact = entries[committed]
    assert isinstance(fact, TurnCommitted)
    answer = list(_answer(entries, committed))
    times = [_first(answer, kind) for kind in _MARKS]
    started = times.pop()
    marks = [ends.of_user(entries, committed), at, *times, ends.of_bot(fact.turn, started)]
    stages = Stages(*(_between(a, b) for a, b in itertools.pairwise(marks)))
    end = answer[-1] if answer else entries[committed]
    sentences = [f.text for _, f in answer if isinstance(f, SentenceReady)]
    intended = heard = " ".join(sentences)
    cut = end.fact
    if isinstance(cut, CutOff):
        intended, heard = cut.intended, cut.heard
    over = isinstance(end.fact, _ENDS)
    return Turn(
        turn=fact.turn,
        committed_at=at,
        reason=fact.reason,
        said=fact.text,
        stages=stages,
        intended=intended,
        heard=heard if started is not None else "",
        played_seconds=_between(started, end.at) if over else None,
        cut_off=isinstance(end.fact, CutOff),
        withdrawn=isinstance(end.fact, TurnWithdrawn),
        over=over,
    )


_MARKS = (AgentRequested, FirstToken, SynthesisRequested, FirstAudio, PlaybackStarted)
_ENDS = (PlaybackFinished, CutOff, TurnWithdrawn)


def _answer(entries: Sequence[Entry], committed: int) -> Iterator[Entry]:
    """What happened to the answer of the turn, up to the fact that ended it."""
    turn = entries[committed].fact.turn
    for entry in entries[committed + 1 :]:
        if entry.fact.turn == turn:
            yield entry
            if isinstance(entry.fact, _ENDS):
                return


def _first(entries: Sequence[Entry], kind: type[Fact]) -> float | None:
    return next((at for at, fact in entries if isinstance(fact, kind)), None)


def _between(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else b - a


def _total(parts: Sequence[float | None]) -> float | None:
    known = [part for part in parts if part is not None]
    return sum(known) if len(known) == len(parts) else None


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 6)
