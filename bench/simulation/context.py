"""What the simulated parts of one run share: its draws, its truth, its answers, its faults."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from bench.simulation.draws import Draws
from bench.simulation.faults import Fault
from bench.simulation.truth import TruthFeed

ANSWERS_KEPT = 8  # an older one is not being spoken any more
RESULT = "{result}"  # in a reply: what the tool gave


@dataclass(frozen=True, slots=True)
class Reply:
    """A fixed answer: `say` is said to words that contain `match`, in any case; `*` is any.

    With a `tool` the model first calls that, with `arguments` (JSON); `{result}` in `say` then
    stands for what the tool gave.
    """

    match: str
    say: str
    tool: str = ""
    arguments: str = "{}"

    def fits(self, words: str) -> bool:
        """Whether it answers these words."""
        return self.match == "*" or self.match.lower() in words.lower()


class Answer(NamedTuple):
    """An answer on its way: `key` is the place of its draws, `step` and `turn` what it answers."""

    key: str
    step: str
    turn: int
    text: str


@dataclass(slots=True)
class Simulation:
    """Stands as `simulation` in the config of every simulated provider of a run.

    `overrides` change profiles, by name (`sim:gpt-4.1`), in the scenario's keys; `replies` are
    tried in order, and without any the front desk answers; `turn` tells which turn of the user's
    is being served.
    """

    draws: Draws = field(default_factory=Draws)
    feed: TruthFeed = field(default_factory=TruthFeed)
    replies: tuple[Reply, ...] = ()
    overrides: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    faults: tuple[Fault, ...] = ()
    turn: Callable[[], int] = lambda: 0
    _answers: deque[Answer] = field(default_factory=lambda: deque[Answer](maxlen=ANSWERS_KEPT))
    _asked: dict[str, int] = field(default_factory=dict[str, int])

    def answering(self, turn: int, text: str) -> Answer:
        """Note that a turn is being answered with `text`; its draws are those of the newest step,
        or of the turn where there is no script."""
        step = self.feed.step or f"turn {turn}"
        times = self._asked[step] = self._asked.get(step, 0) + 1
        answer = Answer(step if times == 1 else f"{step}#{times}", step, turn, text)
        self._answers.append(answer)
        return answer

    def answer_with(self, sentence: str) -> Answer:
        """The newest answer that holds a sentence; what nobody asked for answers for itself."""
        for answer in reversed(self._answers):
            if sentence in answer.text:
                return answer
        return Answer(f"\x1f{sentence}", self.feed.step, self.turn(), sentence)
