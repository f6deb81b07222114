"""Scenarios played with parts that say what they are told, so that every instant is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from bench import clock
from bench.audio import SAMPLE_RATE
from bench.engine.transcriber import BaseTranscriber, Transcription
from bench.engine.worker import spawn
from bench.events import Word
from bench.replay.channel import Line
from bench.replay.listener import Listener
from bench.replay.scenario import Anchor, Scenario, Step
from bench.replay.user import Clip, ScriptedUser
from bench.simulation.draws import Draws
from bench.simulation.truth import TruthFeed
from bench.testing import ScriptedAgent, TestConversation, ToneSynthesizer
from bench.trace import Trace
from bench.truths import ReplayStarted

LINE = "One two three four five six seven eight."


class AllHearing(BaseTranscriber):
    """Hears every word of the truth feed, `after` seconds late, at once and rightly."""

    def __init__(self, feed: TruthFeed, after: float = 0.1) -> None:
        super().__init__()
        self._feed, self._after = feed, after
        self._samples = 0
        self._told = 0

    async def process(self, item: bytes) -> None:
        self._samples += len(item) // 2
        for said in self._feed.said[self._told :]:
            if said.words[-1].end_sample > self._samples:
                return
            self._told += 1
            if not said.own:
                continue
            text = " ".join(word.text for word in said.words)
            spawn(self._tell(text), name="tell")

    async def _tell(self, text: str) -> None:
        await clock.sleep(self._after)
        await self.output_queue.put(Transcription(text, ends_turn=True))


def clip(text: str, seconds_per_word: float = 0.2) -> Clip:
    """A tone for every word."""
    each = round(seconds_per_word * SAMPLE_RATE)
    words = text.split()
    wave = 3000 * np.sin(2 * np.pi * 200 * np.arange(each * len(words)) / SAMPLE_RATE)
    timed = tuple(Word(word, i * each, (i + 1) * each) for i, word in enumerate(words))
    return Clip(wave, timed, 0, wave.size)


def step(id: str, at: Anchor, say: str = "hello there", **changes: Any) -> Step:
    return replace(Step(id, at, say=say), **changes)


def call(
    scenario: Scenario,
    lines: Sequence[str] = (LINE,),
    *,
    think_seconds: float = 0.5,
    seed: int = 0,
    **settings: Any,
) -> tuple[Trace, ScriptedUser, Listener, TestConversation]:
    """Play it in virtual time; a bot's word lasts 250 ms."""

    async def play() -> tuple[Trace, ScriptedUser, Listener, TestConversation]:
        trace, feed = Trace(), TruthFeed()
        listener = Listener(scenario.setup.playout, trace.record, lambda: conversation.turn)
        conversation = TestConversation(
            output_device=listener,
            transcriber=AllHearing(feed),
            agent=ScriptedAgent(lines, think_seconds=think_seconds),
            synthesizer=ToneSynthesizer(seconds_per_word=0.25),
            trace=trace,
            **{"idle_seconds": None, "end_of_turn_seconds": 0.3, **settings},
        )
        clips = {step.id: clip(step.say) for step in scenario.script if step.silence is None}
        line = Line(scenario.setup.channel, 320, Draws(seed))
        user = ScriptedUser(scenario, clips, conversation, listener, feed, line)
        trace.start()
        listener.origin = clock.now()
        delay = scenario.setup.channel.delay_seconds
        trace.record(ReplayStarted(scenario.id, "test", 0, 0, "virtual", delay))
        conversation.begin()
        await user.play()
        await conversation.terminate(0)
        return trace, user, listener, conversation

    return clock.run(play(), virtual=True)
