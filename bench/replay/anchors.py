"""Anchors in, instants out: when a step begins, by what sounded and what the script did."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bench.replay.listener import Answer, Listener
from bench.replay.scenario import Anchor, Step
from bench.trace import Trace

ANSWERED_ROLES = ("turn", "interrupt", "silence")  # after these an answer is a new one


@dataclass(frozen=True, slots=True)
class Played:
    """A step that has begun: when, when its sound ends, and when each of its words does."""

    step: Step
    at: float
    ends_at: float
    word_ends: tuple[float, ...] = ()


class Anchors:
    """Tells when a step's anchor came; instants are those of the loop's clock.

    The bot's answer that an anchor names is the first that began to sound after the newest step
    that wanted one began; a cough or an "mhm" changes nothing about that.
    """

    def __init__(self, trace: Trace, listener: Listener) -> None:
        self.origin = 0.0
        self.waiting_since = 0.0
        self._trace, self._listener = trace, listener
        self._played: dict[str, Played] = {}
        self._answer_after = -math.inf
        self._past = 0  # answers that began before then
        self._facts_seen = 0

    def wait_from(self, now: float) -> None:
        """The next step waits from here on: events before it do not count."""
        self.waiting_since = now
        self._facts_seen = len(self._trace.entries)

    def played(self, played: Played) -> None:
        """A step has begun."""
        self._played[played.step.id] = played
        if played.step.role in ANSWERED_ROLES:
            self._answer_after = played.at
        self.wait_from(played.ends_at)

    def instant(self, anchor: Anchor) -> float | None:
        """When the step is to begin, in the past or in the future; None while nobody knows."""
        base = self._base(anchor)
        return None if base is None else base + anchor.seconds

    def _base(self, anchor: Anchor) -> float | None:
        match anchor.kind:
            case "time":
                return self.origin
            case "bot_starts" | "bot_ends" | "bot_word":
                return self._of_answer(anchor)
            case "after":
                played = self._played.get(anchor.step)
                return played.ends_at if played else None
            case "user_word":
                played = self._played.get(anchor.step)
                return played.word_ends[anchor.word - 1] if played else None
            case "event":
                return self._event(anchor.event)

    def _of_answer(self, anchor: Anchor) -> float | None:
        answer = self._answer()
        if answer is None:
            return None
        if anchor.kind == "bot_starts":
            return answer.began_at
        if anchor.kind == "bot_ends":
            return answer.over_at
        return answer.word_ended_at(anchor.word)

    def _answer(self) -> Answer | None:
        answers = self._listener.answers
        for place in range(self._past, len(answers)):
            began_at = answers[place].began_at
            if began_at is None:
                continue
            if began_at >= self._answer_after:
                return answers[place]
            self._past = place + 1
        return None

    def _event(self, name: str) -> float | None:
        entries = self._trace.entries
        for at, fact in entries[self._facts_seen :]:
            if type(fact).__name__ == name:
                return self.origin + at
        self._facts_seen = len(entries)
        return None
