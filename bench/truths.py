"""What really happened: the facts that only a script and a loudspeaker know, for replays.

They stand in the trace beside the pipeline's own facts, and every metric takes its truth from them.
"""

from __future__ import annotations

from dataclasses import dataclass

from bench.events import Fact, Word


@dataclass(frozen=True, slots=True)
class ReplayStarted(Fact):
    """A scenario begins: sample 0 of the microphone lies at instant `mic_at`, and its sample n at
    `mic_at + n / 16000`; `clock` is `virtual` or `wall`."""

    scenario: str
    stack: str
    seed: int
    repeat: int
    clock: str
    mic_at: float = 0.0


@dataclass(frozen=True, slots=True)
class StepPlayed(Fact):
    """The scripted user has played a step: truth, recorded when its last sample has been sent.

    `role` is turn, interrupt, backchannel, noise, side_talk or silence. `at_sample` and
    `end_sample` are the first audible sample at the bot's input and one past the last; both lie at
    the same place for a step without sound. `words` lie in the microphone's stream too.
    """

    step: str
    role: str
    text: str
    at_sample: int
    end_sample: int
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class StepMissed(Fact):
    """A step whose anchor never came; `policy` is `fail`, `skip` or `say_now`."""

    step: str
    reason: str
    policy: str


@dataclass(frozen=True, slots=True)
class Sounded(Fact):
    """A stretch of the bot's voice as the loudspeaker played it, without a pause: truth, recorded
    when it is over.

    `began_at` and `ended_at` are the instants of its first and last audible sample; it is the
    utterance's audio from `at_sample` on, `samples` long with its inaudible edges. `reason` says
    why it ended: `finished`, `held`, `cleared` or `dry`.
    """

    utterance: int
    began_at: float
    ended_at: float
    at_sample: int
    samples: int
    reason: str


@dataclass(frozen=True, slots=True)
class ListenerHeard(Fact):
    """What left the loudspeaker of an utterance, whole words: truth, recorded when it is over.

    `text` are the words whose last sample was played, `samples` all that was.
    """

    utterance: int
    text: str
    samples: int
