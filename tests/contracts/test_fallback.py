"""A vendor fails in the middle of a call, another takes over: real SDKs, and nothing lost to the
word."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from bench import clock
from bench.audio import SAMPLE_WIDTH
from bench.emulators import deepgram, elevenlabs, openai
from bench.emulators.deepgram import DeepgramEmulator
from bench.emulators.elevenlabs import ElevenLabsEmulator
from bench.emulators.openai import OpenAIEmulator
from bench.engine.conversation import StreamingConversation
from bench.engine.fallback import COOL_DOWN_SECONDS
from bench.events import (
    AgentRequested,
    CutOff,
    FellBack,
    ProviderFailed,
    Retried,
    TranscriptReceived,
    TurnCommitted,
    Word,
)
from bench.providers.deepgram import DeepgramTranscriber
from bench.providers.elevenlabs import ElevenLabsSynthesizer
from bench.providers.handler import VoiceHandler
from bench.providers.openai import OpenAIAgent
from bench.settings import Secret
from bench.simulation import tone
from bench.simulation.context import Reply, Simulation
from bench.simulation.faults import Fault
from bench.testing import ScriptedAgent, ScriptedTranscriber, ToneSynthesizer
from tests.contracts.ends import nothing_left
from tests.engine.scene import Listener, is_loud

pytestmark = pytest.mark.contract

HOURS = "We are open from nine to five, and on Sundays from ten until noon, except in August."
QUESTION = "When are you open?"
KEYS = {
    "DEEPGRAM_API_KEY": Secret(deepgram.KEY),
    "OPENAI_API_KEY": Secret(openai.KEY),
    "ELEVENLABS_API_KEY": Secret(elevenlabs.KEY),
}
SIMULATED = "sim:deepgram-nova-3"
EXACT = {SIMULATED: {"word_error_rate": 0, "unstable_words": 0}}


class Call:
    """A conversation with some parts scripted."""

    def __init__(self, **parts: Any) -> None:
        self.speaker = Listener()
        self.user = ScriptedTranscriber()
        scripted = {
            "transcriber": self.user,
            "agent": ScriptedAgent([HOURS]),
            "synthesizer": ToneSynthesizer(),
        }
        self.talk = StreamingConversation(
            output_device=self.speaker, idle_seconds=None, vad=is_loud, **(scripted | parts)
        )
        self.trace = self.talk.trace

    async def ask(self, text: str = QUESTION, then_seconds: float = 10.0) -> None:
        self.user.hear(text)
        await clock.sleep(then_seconds)

    @property
    def history(self) -> list[str]:
        return [
            message.text + " –" * message.interrupted for message in self.talk.transcript.event_logs
        ]

    @property
    def falls(self) -> list[tuple[str, str, str]]:
        return [(fact.provider, fact.kind, fact.to) for fact in self.trace.of(FellBack)]


@asynccontextmanager
async def called(**parts: Any) -> AsyncGenerator[Call, None]:
    call = Call(**parts)
    await call.talk.start()
    try:
        yield call
    finally:
        await call.talk.terminate(0.0)


def run(script: Callable[[], Any]) -> Any:
    async def main() -> Any:
        async with nothing_left():
            return await script()

    return clock.run(main(), virtual=True)


# A voice


def voice(url: str) -> ElevenLabsSynthesizer:
    return ElevenLabsSynthesizer({"elevenlabs_url": url, "keys": KEYS})


def heard_of(sounded: bytes, rest: str) -> str:
    """The words whose tones had ended in what sounded: of the whole up to where that is another
    speech, and of the rest from there on."""
    whole, words = tone.speak(HOURS)
    same = next((i for i, (a, b) in enumerate(zip(sounded, whole, strict=False)) if a != b), None)
    joined = min(len(sounded), len(whole)) if same is None else same
    before = len(HOURS.split()) - len(rest.split())
    heard = [word for word, _, end in words[:before] if end * SAMPLE_WIDTH <= joined]
    _, others = tone.speak(rest)
    left = len(sounded) - joined + SAMPLE_WIDTH  # where the two speeches differ first may be late
    heard += [word for word, _, end in others if end * SAMPLE_WIDTH <= left]
    return " ".join(heard)


@pytest.mark.parametrize("seconds", [0.3, 1.0, 1.6, 3.0])
@pytest.mark.parametrize("kind", ["disconnect", "malformed", "stall"])
def test_a_second_voice_says_the_rest_of_the_sentence(kind: str, seconds: float):
    fault = Fault("tts", kind, after_audio_seconds=seconds, for_seconds=60.0)

    async def script() -> None:
        async with (
            ElevenLabsEmulator(faults=[fault]).serving() as first,
            ElevenLabsEmulator().serving() as second,
        ):
            primary = voice(first.url)
            primary.backup = voice(second.url)
            async with called(synthesizer=primary) as call:
                await call.ask(then_seconds=20.0)
                assert call.history == [QUESTION, HOURS]
                assert [request["text"] for request in first.requests] == [HOURS]
                ((rest,),) = [[request["text"] for request in second.requests]]
                assert HOURS.endswith(f" {rest}")
                error = "Stalled" if kind == "stall" else "BrokenStream"
                assert call.falls == [("elevenlabs", error, "elevenlabs")]
                assert [fact.kind for fact in call.trace.of(ProviderFailed)] == [error]
                _, words = tone.speak(HOURS)
                came = sum(end <= round(seconds * 16_000) for _, _, end in words)
                said = len(HOURS.split()) - len(rest.split())
                assert came - 1 <= said <= came + 1  # pieces of 0.25 s; a word ends with its space
                assert call.trace.of(CutOff) == []

    run(script)


@pytest.mark.parametrize("heard_seconds", [1.0, 1.5, 2.0, 3.0, 4.0])
def test_what_was_heard_of_both_voices_is_in_the_history_to_the_word(heard_seconds: float):
    fault = Fault("tts", "disconnect", after_audio_seconds=1.0)

    async def script() -> None:
        async with (
            ElevenLabsEmulator(faults=[fault]).serving() as first,
            ElevenLabsEmulator().serving() as second,
        ):
            primary = voice(first.url)
            primary.backup = voice(second.url)
            async with called(synthesizer=primary) as call:
                await call.ask(then_seconds=heard_seconds)
                call.talk.broadcast_interrupt()
                await clock.sleep(1.0)
                (rest,) = [request["text"] for request in second.requests]
                (cut,) = call.trace.of(CutOff)
                assert cut.heard == heard_of(bytes(call.speaker.sounded[1]), rest)
                assert HOURS.startswith(cut.heard)
                assert call.history == [QUESTION, f"{cut.heard} –"]
                assert not cut.estimated

    run(script)


def test_a_voice_that_answers_with_503_is_asked_twice_and_then_a_simulated_one():
    config = {
        "tts": "elevenlabs",
        "voiceFallback": "sim:elevenlabs-flash-v2.5",
        "simulation": Simulation(),
    }

    async def script() -> None:
        fault = Fault("tts", "http_503", every=True)
        async with ElevenLabsEmulator(faults=[fault]).serving() as first:
            handler = VoiceHandler(KEYS)
            made = handler.create_synthesizer({**config, "elevenlabs_url": first.url})
            async with called(synthesizer=made) as call:
                await call.ask()
                assert call.history == [QUESTION, HOURS]
                assert len(first.requests) == 2
                assert call.falls == [("elevenlabs", "ConnectFailed", "sim:elevenlabs-flash-v2.5")]
                assert [fact.kind for fact in call.trace.of(Retried)] == ["ConnectFailed"]

    run(script)


# A model


def model(url: str) -> OpenAIAgent:
    return OpenAIAgent({"openai_base_url": url, "keys": KEYS})


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault("llm", "http_429", retry_after_seconds=5.0, every=True), "RateLimited"),
        (Fault("llm", "http_503", every=True), "ConnectFailed"),
        (Fault("llm", "stall", for_seconds=60.0, after_tokens=0), "Stalled"),
    ],
)
def test_another_model_answers_from_the_same_history(fault: Fault, error: str):
    async def script() -> None:
        async with (
            OpenAIEmulator([Reply("*", "Never heard.")], faults=[fault]).serving() as first,
            OpenAIEmulator([Reply("*", HOURS)]).serving() as second,
        ):
            primary = model(first.url)
            primary.backup = model(second.url)
            async with called(agent=primary) as call:
                await call.ask(then_seconds=20.0)
                asked = len(first.requests)
                await call.ask("Again?")
                assert call.history == [QUESTION, HOURS, "Again?", HOURS]
                assert call.falls == [("openai", error, "openai")]
                assert asked == len(first.requests) == 1 + (error == "ConnectFailed")
                told = [message["content"] for message in second.requests[1]["messages"][1:]]
                assert told == [QUESTION, HOURS, "Again?"]
                await clock.sleep(COOL_DOWN_SECONDS)
                await call.ask("Once more?", 0.5)
                assert len(first.requests) > asked

    run(script)


@pytest.mark.parametrize(
    ("reason", "kind", "asked"), [("content_filter", "Rejected", 1), ("stop", "BrokenStream", 2)]
)
def test_an_answer_without_a_word_is_somebody_else_s_to_give(reason: str, kind: str, asked: int):
    """What was declined is not asked for again; what came empty is, of one that has answered."""

    async def script() -> None:
        async with (
            OpenAIEmulator(ends_with=reason).serving() as first,
            OpenAIEmulator([Reply("*", HOURS)]).serving() as second,
        ):
            primary = model(first.url)
            primary.backup, primary.worked = model(second.url), True
            async with called(agent=primary) as call:
                await call.ask(then_seconds=10.0)
                assert call.history == [QUESTION, HOURS]
                assert call.falls == [("openai", kind, "openai")]
                assert len(first.requests) == asked

    run(script)


def test_a_busy_model_that_asks_for_a_moment_is_given_it():
    fault = Fault("llm", "http_429", retry_after_seconds=0.0)

    async def script() -> None:
        async with OpenAIEmulator([Reply("*", HOURS)], faults=[fault]).serving() as first:
            async with called(agent=model(first.url)) as call:
                await call.ask()
                assert call.history == [QUESTION, HOURS]
                assert [fact.kind for fact in call.trace.of(Retried)] == ["RateLimited"]
                assert len(call.trace.of(AgentRequested)) == 1
                assert call.trace.of(ProviderFailed) == []

    run(script)


# Ears

LINES = ((0.5, "Please book a table for two."), (5.0, "On Sunday evening at eight."))


async def speak(call: Call, simulation: Simulation, seconds: float) -> None:
    """The caller's lines, each as it is spoken."""
    sound = bytearray(round(seconds * 16_000) * SAMPLE_WIDTH)
    for at, line in LINES:
        pcm, words = tone.speak(line)
        start = round(at * 16_000)
        sound[SAMPLE_WIDTH * start : SAMPLE_WIDTH * start + len(pcm)] = pcm
        simulation.feed.say(line, [Word(word, start + a, start + b) for word, a, b in words])
    began = clock.now()
    for number in range(len(sound) // 640):
        await clock.sleep_until(began + (number + 1) * 0.02)
        call.talk.receive_audio(bytes(sound[640 * number : 640 * (number + 1)]))


def places(call: Call) -> list[tuple[str, int]]:
    finals = [fact for fact in call.trace.of(TranscriptReceived) if fact.final]
    return [(word.text.lower(), word.start_sample) for fact in finals for word in fact.words]


WANTED = [
    (word.lower(), round(at * 16_000) + begin)
    for at, line in LINES
    for word, begin, _ in tone.speak(line)[1]
]


def faults_of_ears() -> list[tuple[list[Fault], str]]:
    broken = Fault("stt", "disconnect", turn=1, after_partial=2, every=True)
    return [
        ([Fault("stt", "http_503", every=True)], "ConnectFailed"),
        ([Fault("stt", "http_429", every=True)], "RateLimited"),
        ([broken], "BrokenStream"),
        ([Fault("stt", "stall", after_partial=1, for_seconds=60.0)], "Stalled"),
    ]


@pytest.mark.parametrize(("faults", "error"), faults_of_ears(), ids=lambda one: str(one)[:12])
@pytest.mark.parametrize("backup", ["deepgram", SIMULATED])
def test_other_ears_hear_the_same_words_at_the_same_samples(
    faults: list[Fault], error: str, backup: str
):
    simulation = Simulation(overrides=EXACT)

    async def script() -> Call:
        async with (
            DeepgramEmulator(simulation.feed, faults=faults).serving() as first,
            DeepgramEmulator(simulation.feed).serving() as second,
        ):
            primary = DeepgramTranscriber({"deepgram_url": first.url, "keys": KEYS})
            config = {"stt": backup, "deepgram_url": second.url, "simulation": simulation}
            handler = VoiceHandler(KEYS)
            primary.backup = handler.create_transcriber({**config, "stands_in": True})
            simulation.feed.begins = lambda: primary.intake.begins
            async with called(transcriber=primary) as call:
                await speak(call, simulation, 16.0)
                await clock.sleep(8.0)
                falls = [("deepgram", error, backup)] if error != "BrokenStream" else []
                assert call.falls == falls  # an old connection that broke is opened once more
                assert error in {fact.kind for fact in call.trace.of(ProviderFailed)}
                assert [word for word, _ in places(call)] == [word for word, _ in WANTED]
                assert all(
                    abs(at - wanted) <= 16
                    for (_, at), (_, wanted) in zip(places(call), WANTED, strict=True)
                )
                turns = [fact.text for fact in call.trace.of(TurnCommitted)]
                if error != "Stalled":  # whose partial was all there was when the turn ended
                    assert turns == [line for _, line in LINES]
                assert turns[-1].endswith(LINES[-1][1])
                return call

    run(script)


def test_a_call_with_all_its_backups_is_the_same_twice():
    def lines() -> list[str]:
        simulation = Simulation(overrides=EXACT)

        async def script() -> list[str]:
            stt, llm, tts = (
                Fault("stt", "stall", after_partial=1, for_seconds=60.0),
                Fault("llm", "http_503", every=True),
                Fault("tts", "disconnect", after_audio_seconds=1.0),
            )
            replies = [Reply("*", HOURS)]
            async with (
                DeepgramEmulator(simulation.feed, faults=[stt]).serving() as ears,
                OpenAIEmulator(replies, faults=[llm]).serving() as mind,
                OpenAIEmulator(replies).serving() as other_mind,
                ElevenLabsEmulator(faults=[tts]).serving() as mouth,
                ElevenLabsEmulator().serving() as other_mouth,
            ):
                config = {"deepgram_url": ears.url, "keys": KEYS}
                transcriber, agent = DeepgramTranscriber(config), model(mind.url)
                synthesizer = voice(mouth.url)
                transcriber.backup = VoiceHandler(KEYS).create_transcriber(
                    {"stt": SIMULATED, "simulation": simulation, "stands_in": True}
                )
                agent.backup, synthesizer.backup = model(other_mind.url), voice(other_mouth.url)
                simulation.feed.begins = lambda: transcriber.intake.begins
                parts = {"transcriber": transcriber, "agent": agent, "synthesizer": synthesizer}
                async with called(**parts, conversation_id="all") as call:
                    await speak(call, simulation, 20.0)
                    assert len(call.falls) == 3
                    return list(call.trace.lines())

        return run(script)

    assert lines() == lines()
