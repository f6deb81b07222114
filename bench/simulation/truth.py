"""What the user says, as it is said: the script's words and where they lie in the microphone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bench.events import Word


@dataclass(frozen=True, slots=True)
class Said:
    """The words of one step; samples count from the first of the microphone's stream.

    `role` is the step's: turn, interrupt, backchannel, noise or side_talk; `own` is False for words
    that are not the user's own, such as the bot's echo.
    """

    step: str
    words: tuple[Word, ...]
    role: str = "turn"
    own: bool = True

    @property
    def has_words(self) -> bool:
        """Whether a recogniser finds any: a cough or a cleared throat of the user's has none."""
        return not (self.own and self.role == "noise")

    @property
    def wants_answer(self) -> bool:
        """Whether it is a turn of the user's."""
        return self.own and bool(self.words) and self.role in ("turn", "interrupt")


@dataclass(slots=True)
class TruthFeed:
    """Written by the scripted user when a step begins, read by a simulated transcriber, which must
    not use a word before the microphone's stream has reached its last sample.

    `begins`, set by who runs the script, tells at which sample of the microphone a new stream to a
    service begins: a client may send again what it sent on one that broke. Without it a stream
    begins where the last one ended. `sure` tells how sure a service is of the words of a step.
    """

    said: list[Said] = field(default_factory=list[Said])
    begins: Callable[[], int] | None = None
    sure: Callable[[Said], float] = lambda _: 1.0

    def say(
        self, step: str, words: Sequence[Word], role: str = "turn", *, own: bool = True
    ) -> None:
        """Add the words of a step."""
        self.said.append(Said(step, tuple(words), role, own))

    @property
    def step(self) -> str:
        """The newest step that wants an answer, the key of whatever is drawn for it; "" before the
        first. A listener's noise, a cough or a word aside in between changes nothing."""
        return next((said.step for said in reversed(self.said) if said.wants_answer), "")
