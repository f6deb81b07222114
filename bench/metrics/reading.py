"""A trace in, the whole conversation out, joined: the script, the user's turns, the bot's voice.

Every figure reads this and not the facts, so that all agree on what belongs to what.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from bench.audio import SAMPLE_RATE
from bench.events import (
    ConversationEnded,
    ConversationStarted,
    InterruptDecided,
    SettingsChanged,
    TurnCommitted,
    UserStartedSpeaking,
    UserStoppedSpeaking,
)
from bench.metrics.hearing import Heard, UserTurn, transcripts, user_turns
from bench.metrics.steps import PlayedStep, mic_at, newest, played_steps
from bench.metrics.utterances import Utterance, utterances
from bench.trace import Entry, Trace
from bench.truths import StepMissed

WINDOW_SAMPLES = 512  # of one decision of the voice activity detector
END_SECONDS = 0.2  # of silence that end speech, when the trace does not say

ANSWERED_ROLES = ("turn", "interrupt")  # of steps that want an answer
FALSE_ROLES = ("backchannel", "noise", "side_talk")  # of steps that want none
VOICED_ROLES = ("turn", "interrupt", "backchannel", "side_talk")  # of steps in which people speak


@dataclass(frozen=True)
class Reading:
    """A trace, read. Everything is worked out once, when it is first asked for."""

    trace: Trace

    @cached_property
    def mic_at(self) -> float | None:
        """The instant of the microphone's first sample; None in a trace that is no replay's."""
        return mic_at(self.trace)

    @cached_property
    def steps(self) -> tuple[PlayedStep, ...]:
        """The steps that were played."""
        return played_steps(self.trace)

    @cached_property
    def missed(self) -> tuple[str, ...]:
        """The steps that never were."""
        played = {step.step for step in self.steps}
        return tuple(s.step for s in self.trace.of(StepMissed) if s.step not in played)

    @cached_property
    def heard(self) -> tuple[Heard, ...]:
        """The transcriber's words."""
        return transcripts(self.trace, self.steps)

    @cached_property
    def turns(self) -> tuple[UserTurn, ...]:
        """The user's committed turns."""
        return user_turns(self.trace, self.heard, self.steps)

    @cached_property
    def utterances(self) -> tuple[Utterance, ...]:
        """What the bot said."""
        return utterances(self.trace)

    @cached_property
    def decisions(self) -> tuple[tuple[float, str], ...]:
        """When an interrupt was decided that sound or words caused, and why; a button is none."""
        return tuple(
            (at, fact.reason)
            for at, fact in self.trace
            if isinstance(fact, InterruptDecided) and fact.reason != "requested"
        )

    @property
    def scripted(self) -> bool:
        """Whether the trace knows what the user really did."""
        return self.mic_at is not None

    @cached_property
    def span(self) -> tuple[float, float]:
        """From when to when the conversation lasted."""
        entries = self.trace.entries
        began = self.mic_at
        if began is None:
            began = next(iter(self.trace.at(ConversationStarted)), 0.0)
        ended = self.trace.at(ConversationEnded)
        return began, ended[-1] if ended else max((at for at, _ in entries), default=began)

    def step(self, name: str) -> PlayedStep | None:
        """A step by name; None when it was not played."""
        return next((step for step in self.steps if step.step == name), None)

    def step_at(self, at: float) -> PlayedStep | None:
        """The step that sounds, or did last, at an instant."""
        return newest(self.steps, at)

    def turns_of(self, step: PlayedStep) -> tuple[UserTurn, ...]:
        """The turns that hold words of a step."""
        return tuple(turn for turn in self.turns if step.step in turn.steps)

    def began_speaking(self, turn: UserTurn) -> float | None:
        """When the user began to say a turn: the first of its steps. Truth only."""
        said = [step.began_at for step in self.steps if step.step in turn.steps]
        return min(said, default=None)

    def ended_speaking(self, turn: UserTurn) -> float | None:
        """When the user had said a turn: the end of the last of its steps, also where the turn was
        committed before; without a script the detector's word, less the silence it waits for."""
        if self.scripted:
            said = [step.ended_at for step in self.steps if step.step in turn.steps]
            return max(said, default=None)
        return end_by_detector(self.trace, turn)

    def answer(self, turn: UserTurn) -> Utterance | None:
        """The first utterance of the turn's answer of which anything was heard."""
        return next(iter(self.answers(turn)), None)

    def answers(self, turn: UserTurn) -> list[Utterance]:
        """All that was said and heard in the turn: the answer, an apology, an idle prompt."""
        return [
            said
            for said in self.utterances
            if said.turn == turn.number
            and said.began_at is not None
            and said.began_at >= turn.committed_at
        ]


Readable = Trace | Reading


def read(trace: Readable) -> Reading:
    """A trace read, or what is read already."""
    return trace if isinstance(trace, Reading) else Reading(trace)


def end_by_detector(trace: Trace, turn: UserTurn) -> float | None:
    """When the speech that led to the commit ended; None while it still went on."""
    entries = trace.entries
    committed = next(
        i
        for i, (_, fact) in enumerate(entries)
        if isinstance(fact, TurnCommitted) and fact.turn == turn.number
    )
    return end_of_speech(entries, committed, notice_seconds(trace))


def end_of_speech(entries: Sequence[Entry], committed: int, lag: float) -> float | None:
    """By the detector: its newest notice before the entry `committed`, less `lag`."""
    for at, fact in reversed(entries[:committed]):
        match fact:
            case UserStoppedSpeaking(source="vad"):
                return at - lag
            case UserStartedSpeaking(source="vad") | TurnCommitted():
                return None
            case _:
                pass
    return None


def notice_seconds(trace: Trace) -> float:
    """Between the end of speech and the detector's notice: whole windows of silence."""
    settings: Mapping[str, object] = {}
    for _, fact in reversed(trace.entries):
        if isinstance(fact, ConversationStarted | SettingsChanged):
            settings = fact.settings
            break
    silence = settings.get("vad_end_seconds", END_SECONDS)
    seconds = silence if isinstance(silence, int | float) else END_SECONDS
    windows = math.ceil(round(seconds * SAMPLE_RATE) / WINDOW_SAMPLES)
    return windows * WINDOW_SAMPLES / SAMPLE_RATE
