"""Runs made by the real pipeline and the scripted user, with parts whose every delay is drawn."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np

from bench import clock
from bench.audio import to_samples
from bench.engine.transcriber import BaseTranscriber, Transcription
from bench.engine.worker import spawn
from bench.events import Word
from bench.replay.channel import Line
from bench.replay.listener import Listener
from bench.replay.runs import Run, Verdict
from bench.replay.scenario import Anchor, Scenario, Setup, Stack, Step
from bench.replay.user import Clip, ScriptedUser
from bench.simulation import tone
from bench.simulation.draws import Draws
from bench.simulation.truth import Said, TruthFeed
from bench.testing import ScriptedAgent, TestConversation, ToneSynthesizer
from bench.trace import Trace
from bench.truths import ReplayStarted

HOURS = (
    "We are open from nine to five on weekdays. On Saturdays from ten to two. "
    "On Sundays we are closed, and on holidays too."
)
SCRIPT = (
    Step("hello", Anchor("time", 0.5), say="What are your opening hours please?"),
    Step("mhm", Anchor("bot_starts", 1.0), say="mhm", role="backchannel"),
    Step("cut", Anchor("bot_word", word=11), say="Sorry, only Sunday please.", role="interrupt"),
    Step("thanks", Anchor("bot_ends", 0.4), say="Thank you, that was all."),
)
SLIPS = {"opening": "opponent", "only": "lonely", "Thank": "Tank", "hours": "ours"}


class HearingByWord(BaseTranscriber):
    """Hears a partial a word, `after` seconds late; some words wrongly at first."""

    provider = "by word"

    def __init__(self, feed: TruthFeed, after: float) -> None:
        super().__init__()
        self._feed, self._after = feed, after
        self._samples, self._told, self._words = 0, 0, 0

    async def process(self, item: bytes) -> None:
        self._samples += len(item) // 2
        if self._told >= len(self._feed.said):
            return
        said = self._feed.said[self._told]
        ended = sum(word.end_sample <= self._samples for word in said.words)
        if ended > self._words:
            self._words = ended
            whole = ended == len(said.words)
            self._told, self._words = self._told + whole, 0 if whole else ended
            spawn(self._tell(said, ended), name="tell")

    async def _tell(self, said: Said, count: int) -> None:
        whole = count == len(said.words)
        texts = [word.text for word in said.words[:count]]
        if not whole:
            texts[-1] = SLIPS.get(texts[-1], texts[-1])
        words = tuple(replace(w, text=t) for w, t in zip(said.words, texts, strict=False))
        await clock.sleep(self._after + 0.1 * whole)
        await self.output_queue.put(Transcription(" ".join(texts), 0.9, whole, words=words))


def loudness(window: bytes) -> float:
    """A probability of speech that knows only tones."""
    return float(max(map(abs, to_samples(window)), default=0) > 500)


def clip(text: str) -> Clip:
    """A text in tones, as a caller's voice."""
    pcm, words = tone.speak(text, words_per_minute=200)
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float64) * 0.6
    return Clip(samples, tuple(Word(*word) for word in words), 0, words[-1][2])


def play(
    scenario: Scenario,
    stack: Stack | None = None,
    *,
    seed: int = 7,
    repeat: int = 0,
    slower: float = 1.0,
    button_at: float | None = None,
) -> Run:
    """Play a scenario in virtual time; `slower` stretches the delays of agent and voice, and at the
    instant `button_at` the stop button is pressed."""
    stack = stack or Stack()

    async def playing() -> Run:
        trace, feed, draws = Trace(), TruthFeed(), Draws(seed, repeat)
        delays = [slower * (0.12 + 0.5 * draws.uniform(stack.name, "delay", k)) for k in range(3)]
        listener = Listener(scenario.setup.playout, trace.record, lambda: conversation.turn)
        conversation = TestConversation(
            output_device=listener,
            transcriber=HearingByWord(feed, delays[0] / 2),
            agent=ScriptedAgent((HOURS, "On Sundays we are closed.", "You are welcome. Bye!"),
                                think_seconds=delays[1], word_seconds=0.05),
            synthesizer=ToneSynthesizer(first_seconds=delays[2], real_time_factor=0.3),
            trace=trace,
            vad=loudness,
            measure_joins=True,
            **scenario.setup.settings,
        )  # fmt: skip
        clips = {step.id: clip(step.say) for step in scenario.script if step.say}
        line = Line(scenario.setup.channel, 320, draws)
        user = ScriptedUser(scenario, clips, conversation, listener, feed, line)
        trace.start()
        listener.origin = clock.now()
        trace.record(ReplayStarted(scenario.id, stack.name, seed, repeat, "virtual", 0.0))
        conversation.begin()
        if button_at is not None:
            asyncio.get_running_loop().call_later(button_at, conversation.broadcast_interrupt)
        await user.play()
        await conversation.terminate(0)
        heard = listener.sounded_between(listener.origin, len(user.received) // 2)
        run = Run(scenario, stack, seed, repeat, "virtual", trace, bytes(user.received), heard)
        run.assumptions = ("word times of the partials",) if stack.simulated else ()
        run.verdicts = [
            Verdict("steps.cut.stop_ms", "pass", "at most 900", "612"),
            Verdict("steps.cut.heard", "fail", "We are open", "We are open from", "1 word more"),
            Verdict("run.cost_per_min_usd", "inconclusive", "at most 0.06", "", "no price"),
        ]
        return run

    return clock.run(playing(), virtual=True)


def scenario(
    id: str = "opening-hours", script: Sequence[Step] = SCRIPT, **setup: object
) -> Scenario:
    """A call about opening hours, with an "mhm" and an interrupt."""
    return Scenario(id, tuple(script), title="Asks, cuts in, thanks", setup=Setup(**setup))


@cache
def one() -> Run:
    """A run with three turns, a backchannel and an interrupt."""
    return play(scenario(), Stack())


@cache
def several(repeats: int = 6) -> tuple[Run, ...]:
    """The same call with two stacks, several times."""
    stacks = Stack(), Stack(stt="sim:azure-realtime", tts="sim:cartesia-sonic-3")
    return tuple(
        play(scenario(), stack, repeat=repeat, slower=1.0 + k)
        for repeat in range(repeats)
        for k, stack in enumerate(stacks)
    )
