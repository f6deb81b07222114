"""A script in, a microphone out: the caller of a replay, who listens to the loudspeaker."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bench import clock
from bench.audio import SAMPLE_RATE
from bench.engine.conversation import StreamingConversation
from bench.events import Fact, UserStartedSpeaking, UserStoppedSpeaking, Word
from bench.replay.anchors import Anchors, Played
from bench.replay.channel import Line, Samples
from bench.replay.listener import Listener
from bench.replay.scenario import Scenario, Step
from bench.simulation.truth import TruthFeed
from bench.truths import StepMissed, StepPlayed

QUIET_SECONDS = 3.0  # without anything said, thought or waited for, then a finished script is over
VOICED_ROLES = ("turn", "interrupt", "backchannel")
ECHO_UNDERSTOOD_DB = -30.0  # an echo at least so loud has words in it
ECHO_DELAY_SAMPLES = SAMPLE_RATE // 50  # from the loudspeaker to the microphone


@dataclass(frozen=True, slots=True)
class Clip:
    """A step's sound: 16 kHz samples, its words, its first audible sample and one past the last."""

    samples: Samples
    words: tuple[Word, ...] = ()
    first: int = 0
    end: int = 0


SILENT = Clip(np.zeros(0))


@dataclass(slots=True)
class _Sounding:
    """A step on its way through the microphone: `at` is the sample where its clip begins."""

    step: Step
    clip: Clip
    at: int
    over: int  # the sample at which the step is over
    told: int = 0  # of the two facts about its voice


class ScriptedUser:
    """Speaks the script into a conversation, frame by frame, and stops when all has been answered.

    What is decided within a frame is in that very frame: it leaves at its end, as a microphone's
    does, so anchors hold to the sample.
    """

    def __init__(
        self,
        scenario: Scenario,
        clips: Mapping[str, Clip],
        conversation: StreamingConversation,
        listener: Listener,
        feed: TruthFeed,
        line: Line,
    ) -> None:
        self.received = bytearray()  # PCM, as it came to the bot
        self.latest_seconds = 0.0  # by which a frame left after its time; on the wall clock
        self._scenario, self._clips = scenario, clips
        self._conversation, self._listener = conversation, listener
        self._feed, self._line = feed, line
        self._frame_samples = round(scenario.setup.frame_seconds * SAMPLE_RATE)
        self._silence = bytes(2 * self._frame_samples)
        self._script = list(scenario.script)
        self._sounding: list[_Sounding] = []
        self._anchors = Anchors(conversation.trace, listener)
        self._origin = 0.0
        self._delivered_at = -math.inf
        self._quiet_since: float | None = None
        self._echoed: dict[int, int] = {}  # words fed, by utterance
        channel = scenario.setup.channel
        echo_db = channel.echo_db
        self._echo_gain = 0.0 if echo_db is None else 10 ** (echo_db / 20)
        self._echo_is_understood = echo_db is not None and echo_db >= ECHO_UNDERSTOOD_DB
        self._is_prompt = not (channel.jitter or channel.delay_seconds)
        self._is_plain = line.is_plain and not self._echo_gain

    async def play(self) -> None:
        """Play the whole script; returns when it is over, or `max_s` is, or the conversation."""
        self._origin = self._anchors.origin = clock.now()
        self._anchors.wait_from(self._origin)
        frame_seconds = self._frame_samples / SAMPLE_RATE
        for k in range(round(self._scenario.setup.max_seconds / frame_seconds)):
            ends_at = self._origin + (k + 1) * frame_seconds
            await clock.sleep_until(ends_at)
            self.latest_seconds = max(self.latest_seconds, clock.now() - ends_at)
            self._listener.look()
            if self._script:
                self._begin_steps(k, ends_at)
            self._send(k, self._frame(k))
            if self._conversation.ended.is_set():
                self._miss_rest("the conversation ended")
                break
            if self._is_over(ends_at):
                break
        else:
            self._miss_rest("the scenario's max_s is over")
        await clock.sleep_until(self._delivered_at)

    # The script

    def _begin_steps(self, k: int, now: float) -> None:
        frame_at = self._origin + k * self._frame_samples / SAMPLE_RATE
        while self._script:
            step = self._script[0]
            instant = self._anchors.instant(step.at)
            late = now > self._anchors.waiting_since + step.timeout_seconds
            if instant is None and late:
                instant = self._miss(step, now)
            if instant is None or instant > now + 1e-9:
                return
            self._begin(self._script.pop(0), max(instant, frame_at))

    def _begin(self, step: Step, at: float) -> None:
        clip = self._clips.get(step.id, SILENT)
        at_sample = round((at - self._origin) * SAMPLE_RATE)
        lasts = clip.samples.size
        if step.silence is not None:
            lasts = round(step.silence * SAMPLE_RATE)
        self._sounding.append(_Sounding(step, clip, at_sample, at_sample + lasts))
        words = _moved(clip.words, at_sample)
        if words:
            self._feed.say(step.id, words, step.role)
        end = at_sample + (clip.end or lasts)
        self._anchors.played(
            Played(step, at, self._origin + end / SAMPLE_RATE, tuple(self._instants(words)))
        )

    def _instants(self, words: tuple[Word, ...]) -> list[float]:
        return [self._origin + word.end_sample / SAMPLE_RATE for word in words]

    def _miss(self, step: Step, now: float) -> float | None:
        """The anchor did not come: when the step begins all the same, or None."""
        waited = f"{step.at.kind} did not come within {step.timeout_seconds:g} s"
        self._record(StepMissed(step.id, waited, step.if_missed))
        if step.if_missed == "say_now":
            return now
        if step.if_missed == "skip":
            self._script.pop(0)
            self._anchors.wait_from(now)
        else:
            self._script.clear()
        return None

    def _miss_rest(self, reason: str) -> None:
        for step in self._script:
            self._record(StepMissed(step.id, reason, step.if_missed))
        self._script.clear()

    def _is_over(self, now: float) -> bool:
        if self._script or self._sounding or not self._conversation.is_quiet:
            self._quiet_since = None
            return False
        if self._quiet_since is None:
            self._quiet_since = now
        return now - self._quiet_since >= QUIET_SECONDS - 1e-9

    # The sound

    def _frame(self, k: int) -> bytes:
        size = self._frame_samples
        start = k * size
        if self._is_plain and not self._sounding:
            return self._silence
        frame = np.zeros(size)
        for sounding in self._sounding:
            _mix(frame, sounding.clip.samples, sounding.at - start)
        if self._echo_gain:
            frame += self._echo(start)
        return self._line.send(k, frame)

    def _echo(self, start: int) -> Samples:
        begins = self._origin + (start - ECHO_DELAY_SAMPLES) / SAMPLE_RATE
        pcm = self._listener.sounded_between(begins, self._frame_samples)
        if self._echo_is_understood:
            self._feed_echo(start)
        return np.frombuffer(pcm, dtype="<i2") * self._echo_gain

    def _feed_echo(self, start: int) -> None:
        """What a recogniser may make of the echo: the bot's words, as they end."""
        for answer in self._listener.answers[-1:]:
            words = answer.words(answer.position)
            fed = self._echoed.get(answer.utterance.id, 0)
            self._echoed[answer.utterance.id] = max(fed, len(words))
            for word in words[fed:]:
                end = start + self._frame_samples
                self._feed.say("", (Word(word, start, end),), "noise", own=False)

    def _send(self, k: int, pcm: bytes) -> None:
        facts = self._facts((k + 1) * self._frame_samples) if self._sounding else []
        if self._is_prompt:
            self._deliver(pcm, facts)
            return
        delay = self._line.late_seconds(k) + self._scenario.setup.channel.delay_seconds
        at = max(clock.now() + delay, self._delivered_at + 1e-6)
        self._delivered_at = at
        asyncio.get_running_loop().call_at(at, self._deliver, pcm, facts)

    def _deliver(self, pcm: bytes, facts: list[Fact]) -> None:
        for fact in facts:
            self._record(fact)
        self.received += pcm
        self._conversation.receive_audio(pcm)

    def _facts(self, up_to: int) -> list[Fact]:
        """What of the steps has gone through the microphone by the sample `up_to`."""
        facts, turn = list[Fact](), self._conversation.turn + 1
        for sounding in tuple(self._sounding):
            step, clip, at = sounding.step, sounding.clip, sounding.at
            if step.role in VOICED_ROLES and clip.end:
                if sounding.told == 0 and at + clip.first < up_to:
                    facts.append(UserStartedSpeaking("script", at + clip.first, turn=turn))
                    sounding.told = 1
                if sounding.told == 1 and at + clip.end <= up_to:
                    facts.append(UserStoppedSpeaking("script", at + clip.end, turn=turn))
                    sounding.told = 2
            if sounding.over <= up_to:
                self._sounding.remove(sounding)
                facts.append(self._whole(sounding, turn))
        return facts

    def _whole(self, sounding: _Sounding, turn: int) -> StepPlayed:
        step, clip, at = sounding.step, sounding.clip, sounding.at
        text = step.text or step.say
        words = _moved(clip.words, at)
        first, end = at + clip.first, at + clip.end
        return StepPlayed(step.id, step.role, text, first, end, words, turn=turn)

    def _record(self, fact: Fact) -> None:
        self._conversation.trace.record(fact)


def _moved(words: tuple[Word, ...], by: int) -> tuple[Word, ...]:
    return tuple(
        Word(word.text, word.start_sample + by, word.end_sample + by, word.confidence)
        for word in words
    )


def _mix(frame: Samples, clip: Samples, at: int) -> None:
    """Add a clip that begins at the sample `at` of the frame, or before it."""
    low, high = max(at, 0), min(at + clip.size, frame.size)
    if low < high:
        frame[low:high] += clip[low - at : high - at]
