"""A bot that answers after a known time, in the real pipeline, with the truth written beside it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bench import clock
from bench.audio import SAMPLE_RATE, silence
from bench.metrics.sound import audible
from bench.simulation import tone
from bench.simulation.loudspeaker import Loudspeaker
from bench.testing import ScriptedAgent, ScriptedTranscriber, ToneSynthesizer
from bench.testing import create_test_conversation as conversation
from bench.trace import Trace
from bench.truths import ListenerHeard, ReplayStarted, Sounded, StepPlayed

DELAYS_MS = (137, 213, 353, 457)  # no multiples of a frame
FRAME_SAMPLES = 320
SAYS, ANSWERS = "Is anybody there", "Yes indeed. Quite so."
BEGINS_AT_SAMPLE = 8_123  # on no frame's edge either


@dataclass(frozen=True)
class Call:
    """What was measured from, and the two recordings on the microphone's clock."""

    trace: Trace
    user_pcm: bytes
    bot_pcm: bytes


async def call(delay_seconds: float, kind: str = "virtual") -> Call:
    """One turn: the answer's first sample sounds `delay_seconds` after the question's last one.

    The transcriber knows the words in the instant of their last sample, the agent thinks for the
    delay, and nothing else takes time. `kind` names the clock of the loop that runs.
    """
    spoken, _ = tone.speak(SAYS, SAMPLE_RATE)
    first, end = _edges(spoken)
    user = silence(BEGINS_AT_SAMPLE) + spoken
    hears, speaker = ScriptedTranscriber(), Loudspeaker()
    talk = conversation(
        transcriber=hears,
        agent=ScriptedAgent([ANSWERS], think_seconds=delay_seconds),
        synthesizer=ToneSynthesizer(),
        output_device=speaker,
    )
    await talk.start()
    origin, mic_at = clock.now(), talk.trace.now()
    talk.trace.record(ReplayStarted("known delay", "known", 0, 0, kind, mic_at))
    ends_at = origin + (BEGINS_AT_SAMPLE + end) / SAMPLE_RATE
    told = False
    for k in range(math.ceil(len(user) / 2 / FRAME_SAMPLES) + 150):
        frame_at = origin + (k + 1) * FRAME_SAMPLES / SAMPLE_RATE
        if not told and frame_at >= ends_at:
            await clock.sleep_until(ends_at)
            hears.hear(SAYS)
            told = True
        await clock.sleep_until(frame_at)
        talk.receive_audio(_frame(user, k))
    at, until = BEGINS_AT_SAMPLE + first, BEGINS_AT_SAMPLE + end
    talk.trace.record(StepPlayed("ask", "turn", SAYS, at, until))
    await talk.terminate(1.0)
    _tell(talk.trace, speaker, origin - mic_at)
    return Call(talk.trace, user, _recorded(speaker, origin))


def _frame(pcm: bytes, k: int) -> bytes:
    return pcm[2 * k * FRAME_SAMPLES : 2 * (k + 1) * FRAME_SAMPLES].ljust(2 * FRAME_SAMPLES, b"\0")


def _edges(pcm: bytes) -> tuple[int, int]:
    edges = audible(pcm)
    assert edges is not None
    return edges


def _tell(trace: Trace, speaker: Loudspeaker, zero: float) -> None:
    """What the loudspeaker played, as a replay's listener would tell it."""
    at, _ = speaker.recording[0]
    first, end = _edges(speaker.heard)
    began, ended = (round(at - zero + edge / SAMPLE_RATE, 6) for edge in (first, end))
    samples = len(speaker.heard) // 2
    trace.record(Sounded(1, began, ended, 0, samples, "finished", turn=1))
    trace.record(ListenerHeard(1, ANSWERS, samples, turn=1))


def _recorded(speaker: Loudspeaker, origin: float) -> bytes:
    at, _ = speaker.recording[0]
    return silence(round((at - origin) * SAMPLE_RATE)) + speaker.heard
