"""Transcribers are opened again, streams are closed, keys are kept, all within bounds."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable

import pytest

from bench import clock
from bench.engine.agent import GeneratedResponse
from bench.engine.synthesizer import (
    BaseMessage,
    ChunkResult,
    Speech,
    SynthesisResult,
)
from bench.engine.transcriber import BaseTranscriber, Transcription
from bench.errors import ConnectFailed
from bench.events import (
    ProviderFailed,
    TranscriptReceived,
)
from bench.simulation import tone
from bench.testing import ScriptedAgent, ToneSynthesizer
from tests.engine.scene import LINE, Listener, Scene, play
from tests.engine.trouble import KEY, REFUSAL_SECONDS, Agent, Synthesizer, fail

pytestmark = pytest.mark.unit

QUESTION = "When are you open?"
APOLOGY = "Sorry, something went wrong."


# Exactly one last chunk


@pytest.mark.parametrize("seconds", [0.0, 0.001, 0.02, 0.03, 1.0])
@pytest.mark.parametrize("says_last", [True, False])
@pytest.mark.parametrize("parts", [1, 2])
def test_joined_speech_has_exactly_one_last_chunk(seconds: float, says_last: bool, parts: int):
    pcm = b"\x11\x22" * round(seconds * 16_000)

    async def chunks() -> AsyncGenerator[ChunkResult, None]:
        for start in range(0, len(pcm), 500):
            yield ChunkResult(pcm[start : start + 500], says_last and start + 500 >= len(pcm))

    async def main() -> list[ChunkResult]:
        speech = Speech(16_000, 640, first_seconds=8, stall_seconds=3)
        for _ in range(parts):
            await speech.add("words", SynthesisResult(chunks(), lambda seconds: ""))
        pieces, _ = await asyncio.gather(_collect(speech.joined()), speech.end())
        return pieces

    pieces = clock.run(main(), virtual=True)
    assert [piece.is_last_chunk for piece in pieces] == [False] * (len(pieces) - 1) + [True]
    assert all(len(piece.chunk) == 640 for piece in pieces[:-1])
    assert b"".join(piece.chunk for piece in pieces) == pcm * parts


async def _collect(result: SynthesisResult) -> list[ChunkResult]:
    return [piece async for piece in result.chunk_generator]


def test_failed_speech_has_exactly_one_last_chunk_too():
    async def chunks() -> AsyncGenerator[ChunkResult, None]:
        yield ChunkResult(b"\x11\x22" * 500, False)
        raise OSError("gone")

    async def main() -> list[ChunkResult]:
        speech = Speech(16_000, 640, first_seconds=8, stall_seconds=3)
        await speech.add("some words", SynthesisResult(chunks(), lambda seconds: "some"))
        result = speech.joined()
        pieces = await _collect(result)
        assert str(result.error) == "gone"
        assert speech.get_message_up_to(10.0) == "some"
        return pieces

    pieces = clock.run(main(), virtual=True)
    assert [piece.is_last_chunk for piece in pieces] == [False, True]
    assert b"".join(piece.chunk for piece in pieces) == b"\x11\x22" * 500


# The transcriber


class Deaf(BaseTranscriber):
    """Raises the first `times` that it is opened; what it hears is one word a chunk."""

    provider = "deaf"

    def __init__(self, times: int, lasts_seconds: float = 0.0) -> None:
        super().__init__()
        self.times, self.lasts_seconds = times, lasts_seconds
        self.opened_at: list[float] = []

    async def _run_loop(self) -> None:
        self.opened_at.append(clock.now())
        if len(self.opened_at) <= self.times:
            await clock.sleep(self.lasts_seconds)
            raise ConnectFailed("deaf", f"key {KEY} refused")
        async for _ in self.audio():
            await self.output_queue.put(Transcription("word", ends_turn=True))


def test_a_transcriber_that_raises_is_opened_again_after_a_growing_wait():
    async def script(scene: Scene) -> None:
        await scene.microphone(20.0)

    transcriber = Deaf(6)
    scene = play(script, transcriber=transcriber, vad=None)
    waits = [b - a for a, b in zip(transcriber.opened_at, transcriber.opened_at[1:], strict=False)]
    assert waits == pytest.approx([0.0, 0.5, 1.0, 2.0, 4.0, 4.0], abs=1e-5)
    assert len(scene.trace.of(ProviderFailed)) == 6
    assert scene.trace.of(TranscriptReceived)
    assert scene.history[-1][0] in ("user", "bot")


def test_a_transcriber_that_worked_for_long_is_opened_again_at_once():
    async def script(scene: Scene) -> None:
        await scene.microphone(32.0)

    transcriber = Deaf(3, lasts_seconds=10.0)
    play(script, transcriber=transcriber, vad=None)
    assert transcriber.opened_at == pytest.approx([0.0, 10.0, 20.0, 30.0], abs=1e-3)


# Keys


@pytest.mark.parametrize("where", ["agent", "synthesizer", "transcriber", "closing", "generator"])
def test_a_key_in_an_exception_reaches_neither_trace_nor_log(
    where: str, caplog: pytest.LogCaptureFixture
):
    error = ValueError(f"invalid api_key={KEY} in https://user:{KEY}@example.org")

    class Closing(ToneSynthesizer):
        async def terminate(self) -> None:
            raise error

    class Generator(Agent):
        """Raises while it is being closed."""

        async def generate_response(
            self, human_input: str, is_interrupt: bool, conversation_id: str
        ) -> AsyncGenerator[GeneratedResponse, None]:
            try:
                yield GeneratedResponse(BaseMessage(LINE))
                await clock.sleep(2.0)
            finally:
                raise error

    parts = {
        "agent": {"agent": Agent(fail(error))},
        "synthesizer": {"synthesizer": Synthesizer(fail(error), 3)},
        "transcriber": {"transcriber": Deaf(1)},
        "closing": {"synthesizer": Closing()},
        "generator": {"agent": Generator(lambda: None)},
    }[where]

    async def script(scene: Scene) -> None:
        if where == "transcriber":
            await scene.microphone(1.0)
            return
        await scene.ask(QUESTION, 1.0)
        scene.conversation.broadcast_interrupt()
        await clock.sleep(1.0)

    with caplog.at_level(logging.DEBUG):
        scene = play(script, **parts)
    told = "\n".join(scene.trace.lines()) + caplog.text
    assert "abcdefghijklmnop" not in told
    if where != "closing":
        assert "***" in "\n".join(scene.trace.lines())
    assert "***" in caplog.text
    assert "ERROR" in caplog.text


# Streams are closed, and closing is bounded


@pytest.mark.parametrize("at", [0.0, 0.4, 0.6, 1.5, 3.0, 4.0])
@pytest.mark.parametrize("how", ["interrupt", "terminate"])
def test_provider_streams_are_closed_at_once_in_every_state(at: float, how: str):
    agent = Agent(lambda: None, -1)
    agent._think_seconds, agent._word_seconds = 0.5, 0.3
    synthesizer = Synthesizer(lambda: None, 0)
    synthesizer._first_seconds, synthesizer._real_time_factor = 0.3, 0.5
    asked_to_close_at: list[float] = []

    async def script(scene: Scene) -> None:
        await scene.ask(QUESTION)
        await clock.sleep(at)
        asked_to_close_at.append(clock.now())
        if how == "interrupt":
            scene.conversation.broadcast_interrupt()
        else:
            await scene.conversation.terminate(0)
        await clock.sleep(5.0)

    play(script, agent=agent, synthesizer=synthesizer, response_mode="streaming")
    for closed_at in [*agent.closed_at, *synthesizer.closed_at]:
        assert closed_at <= asked_to_close_at[0] + 1e-3
    assert len(agent.closed_at) == len(agent.asked)
    assert len(synthesizer.closed_at) <= 1


class Refusing(ScriptedAgent):
    """An agent whose stream does not want to close."""

    async def generate_response(
        self, human_input: str, is_interrupt: bool, conversation_id: str
    ) -> AsyncGenerator[GeneratedResponse, None]:
        first = not self.asked
        self.asked.append((human_input, is_interrupt))
        try:
            yield GeneratedResponse(BaseMessage("One two three four. Five"))
            if first:
                await clock.sleep(REFUSAL_SECONDS)
        finally:
            if first:
                await clock.sleep(REFUSAL_SECONDS)


def run_refusing(script: Callable[[Scene], object], **parts: object) -> Scene:
    """Like `play`, for streams that stay open behind its back."""

    async def main() -> Scene:
        scene = Scene(**parts)
        await scene.conversation.start()
        await script(scene)  # type: ignore[misc]
        began_at = clock.now()
        await scene.conversation.terminate(0)
        assert clock.now() - began_at <= 1.0 + 1e-6
        await clock.sleep(5 * REFUSAL_SECONDS)
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        assert not left, left
        return scene

    return clock.run(main(), virtual=True)


def test_an_agent_that_refuses_to_close_blocks_the_next_turn_for_its_bound_at_most():
    async def script(scene: Scene) -> None:
        await scene.ask(QUESTION, 0.5)
        scene.conversation.broadcast_interrupt()
        await scene.ask("And on Sunday?", 1.5)
        assert len(scene.agent.asked) == 2
        await clock.sleep(3.0)
        assert scene.history[-1] == ("bot", "One two three four. Five")

    run_refusing(script, agent=Refusing())


def test_an_agent_that_stalls_and_refuses_to_close_blocks_for_its_bound_at_most():
    async def script(scene: Scene) -> None:
        await scene.ask(QUESTION, 5.0)
        await scene.ask("And on Sunday?", 5.0)
        assert len(scene.agent.asked) == 2

    run_refusing(script, agent=Refusing())


class RefusingSynthesizer(ToneSynthesizer):
    """A synthesizer whose first stream does not want to close."""

    provider = "refusing"
    calls = 0

    async def create_speech(self, message: BaseMessage, chunk_size: int) -> SynthesisResult:
        self.calls += 1
        result = await super().create_speech(message, chunk_size)
        if self.calls == 1:
            return SynthesisResult(self._stubborn(chunk_size), result.get_message_up_to)
        return result

    async def _stubborn(self, size: int) -> AsyncGenerator[ChunkResult, None]:
        try:
            yield ChunkResult(tone.speak("one", self.sampling_rate, 0.25)[0][:size], False)
            await clock.sleep(REFUSAL_SECONDS)
        finally:
            await clock.sleep(REFUSAL_SECONDS)


@pytest.mark.parametrize("cut", [True, False])
def test_a_synthesizer_that_refuses_to_close_blocks_for_its_bound_at_most(cut: bool):
    async def script(scene: Scene) -> None:
        await scene.ask(QUESTION, 0.5)
        if cut:
            scene.conversation.broadcast_interrupt()
        await clock.sleep(5.0)
        await scene.ask("And on Sunday?", 6.0)
        assert scene.history[-1] == ("bot", LINE)

    run_refusing(script, synthesizer=RefusingSynthesizer(seconds_per_word=0.25))


def test_a_stream_that_fails_while_it_is_closed_with_a_full_queue_leaves_no_task():
    class Late(ToneSynthesizer):
        async def create_speech(self, message: BaseMessage, chunk_size: int) -> SynthesisResult:
            async def chunks() -> AsyncGenerator[ChunkResult, None]:
                try:
                    while True:
                        yield ChunkResult(b"\x01\x10" * (chunk_size // 2), False)
                finally:
                    raise OSError("cannot close")

            return SynthesisResult(chunks(), lambda seconds: "")

    async def script(scene: Scene) -> None:
        await scene.ask(QUESTION, 1.0)
        scene.conversation.broadcast_interrupt()
        await clock.sleep(0.5)

    play(script, synthesizer=Late())


def test_everybody_refuses_to_close_and_terminate_still_returns_within_a_second():
    class Stubborn(BaseTranscriber):
        async def _run_loop(self) -> None:
            try:
                await clock.sleep(1e6)
            finally:
                await clock.sleep(REFUSAL_SECONDS)

    class Door(RefusingSynthesizer):
        async def terminate(self) -> None:
            await clock.sleep(REFUSAL_SECONDS)

    class Exit(Listener):
        async def terminate(self) -> None:
            await super().terminate()
            await clock.sleep(REFUSAL_SECONDS)

    async def script(scene: Scene) -> None:
        scene.conversation._listening.input_queue.put_nowait(Transcription("hello", ends_turn=True))
        await clock.sleep(0.5)
        assert scene.agent.asked

    run_refusing(
        script,
        agent=Refusing(),
        synthesizer=Door(seconds_per_word=0.25),
        transcriber=Stubborn(),
        speaker=Exit(),
    )
