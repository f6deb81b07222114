"""A scenario in, what would make its replay uncertain out.

A speech probability that sits at a threshold just where the detector decides may fall on its other
side on another CPU, and the replay would go another way there. Such a step is refused here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bench.audio import SAMPLE_RATE, SAMPLE_WIDTH, frames, silence
from bench.engine.settings import ConversationSettings
from bench.engine.vad import WINDOW, SpeechStarted, VoiceActivityDetector
from bench.errors import ConfigError
from bench.replay.channel import Line
from bench.replay.document import ScenarioError
from bench.replay.rendering import rendered_bot, speak
from bench.replay.scenario import Channel, Scenario, Step, Voice
from bench.replay.speech_store import Rendered, rendered
from bench.simulation.draws import Draws
from bench.speech.silero import SileroStream

MARGIN = 0.05  # of probability, that another CPU is allowed to differ
SILENCES = tuple(WINDOW * (32 + 4 * k) + 64 * k for k in range(8))
"""Samples of silence before a step that are tried when nobody knows how many there will be: they
begin it at any place in a window, and at any time since the detector began afresh."""
AFTER_SECONDS = 1.0
TRIED_VOICES = ("en-us", "en-us+m3", "en-us+m7", "en-gb")  # the detector is surest about these
_FLIP = 1e-6

Edges = list[tuple[bool, int, int]]


class Doubt(NamedTuple):
    """A window whose probability is so near a threshold that a decision hangs on it."""

    seconds: float  # from the beginning of the sound
    probability: float
    threshold: float
    decision: str  # "start" or "end"


class DoubtfulSound(ScenarioError):
    """The detector might decide otherwise about the sound of `step` on another CPU."""

    def __init__(self, scenario: Scenario, step: Step, wrong: str) -> None:
        super().__init__(
            step.file or "", step.line, step.id, wrong, f"{MARGIN:g} or more away from it"
        )
        self.scenario, self.step = scenario, step


def check(scenario: Scenario) -> None:
    """Look whether a scenario can be replayed, and will go the same way everywhere.

    Raises:
        ScenarioError: speech that is not rendered, a sound that cannot be played, or one that the
            detector is in doubt about.
    """
    rendered_bot(scenario)
    for step in scenario.script:
        if step.silence is not None:
            continue
        sound = _sound(scenario, step)
        doubt = first_doubt(scenario, step, sound.pcm)
        if doubt is not None:
            raise _refused(scenario, step, doubt)


def first_doubt(scenario: Scenario, step: Step, pcm: bytes) -> Doubt | None:
    """Where the detector would be in doubt, if this were the sound of the step; None: nowhere.

    The first step at a `time` begins after a known silence; for any other `SILENCES` are tried.
    """
    if not scenario.setup.vad:
        return None
    settings = ConversationSettings().changed(**scenario.setup.settings)
    heard = _through(scenario.setup.channel, pcm, step.gain_db)
    silences = SILENCES
    if step.at.kind == "time" and step is scenario.script[0]:
        silences = (round(step.at.seconds * SAMPLE_RATE),)
    found = (doubts(heard, settings, before) for before in silences)
    return next((each[0] for each in found if each), None)


async def certain_voice(scenario: Scenario, step: Step) -> Voice | None:
    """A voice of nearly the same pace in which the detector has no doubt about the step."""
    base = step.voice or scenario.setup.voice
    for name in dict.fromkeys((base.name, *TRIED_VOICES)):
        for speed in (1.0, 1.04, 0.96, 1.08, 0.92, 1.15):
            voice = Voice(name, round(base.speed * speed, 3), base.pitch)
            pcm, _ = await speak(step.say, voice)
            if first_doubt(scenario, step, pcm) is None:
                return voice
    return None


def doubts(pcm: bytes, settings: ConversationSettings, before: int = SILENCES[0]) -> list[Doubt]:
    """Where the detector is in doubt about a sound after `before` samples of silence.

    A window counts when its probability is within `MARGIN` of a threshold and what the detector
    decides would be otherwise, or at another sample, if it fell on the other side.
    """
    heard = silence(before) + pcm + silence(round(AFTER_SECONDS * SAMPLE_RATE))
    stream = SileroStream()
    probabilities = [
        stream.probability(window)
        for window in frames(heard, WINDOW * SAMPLE_WIDTH)
        if len(window) == WINDOW * SAMPLE_WIDTH
    ]
    decided = _edges(probabilities, settings)
    found: list[Doubt] = []
    for place, probability in enumerate(probabilities):
        for name in ("vad_threshold", "vad_end_threshold"):
            threshold: float = getattr(settings, name)
            if abs(probability - threshold) >= MARGIN:
                continue
            other = threshold - _FLIP if probability >= threshold else threshold + _FLIP
            flipped = [*probabilities[:place], other, *probabilities[place + 1 :]]
            if _edges(flipped, settings) != decided:
                seconds = (place * WINDOW - before) / SAMPLE_RATE
                decision = "start" if name == "vad_threshold" else "end"
                found.append(Doubt(seconds, probability, threshold, decision))
    return found


def _edges(probabilities: Sequence[float], settings: ConversationSettings) -> Edges:
    """What the engine's own detector makes of probabilities."""
    left = iter(probabilities)
    detector = VoiceActivityDetector.of(lambda window: next(left), settings)
    edges = detector.feed(silence(WINDOW * len(probabilities)))
    return [(isinstance(e, SpeechStarted), e.at_sample, e.noticed_at_sample) for e in edges]


def _through(channel: Channel, pcm: bytes, gain_db: float) -> bytes:
    """A step's sound as it arrives, apart from what is drawn: noise, loss and jitter."""
    clip = np.frombuffer(pcm, dtype="<i2").astype(np.float64) * 10 ** (gain_db / 20)
    line = Line(Channel(codec=channel.codec), max(1, clip.size), Draws())
    return line.send(0, line.through_codec(clip))


def _sound(scenario: Scenario, step: Step) -> Rendered:
    try:
        sound = rendered(scenario, step)
    except ConfigError as error:
        if isinstance(error, ScenarioError):
            raise
        raise ScenarioError(step.file or "", step.line, step.id, str(error)) from None
    if not sound.last_audible:
        raise ScenarioError(step.file or "", step.line, step.id, "nothing is audible in its sound")
    return sound


def _refused(scenario: Scenario, step: Step, doubt: Doubt) -> DoubtfulSound:
    at = f"at {max(0.0, doubt.seconds):.2f} s the probability of speech is {doubt.probability:.3f}"
    return DoubtfulSound(
        scenario,
        step,
        f"{at}, and the threshold for the {doubt.decision} of speech is {doubt.threshold:g}: "
        "another CPU might decide otherwise; change the voice, its speed or a word of the text",
    )
