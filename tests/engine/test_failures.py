"""Everything that can break does, and the conversation goes on."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable

import pytest

from bench import clock
from bench.engine.agent import BaseAgent, GeneratedResponse
from bench.engine.synthesizer import (
    BaseMessage,
    BaseSynthesizer,
    ChunkResult,
    Speech,
    SynthesisResult,
)
from bench.engine.transcriber import BaseTranscriber, Transcription
from bench.errors import ConnectFailed, Rejected
from bench.events import (
    AgentFinished,
    CutOff,
    PlaybackFinished,
    ProviderFailed,
    TranscriptReceived,
    WorkerFailed,
)
from bench.simulation import tone
from bench.testing import ScriptedAgent, ToneSynthesizer
from tests.engine.scene import LINE, SENTENCES, Listener, Scene, play, samples

pytestmark = pytest.mark.unit

QUESTION = "When are you open?"
APOLOGY = "Sorry, something went wrong."
KEY = "sk-abcdefghijklmnopqrstuvwxyz0123456789"
REFUSAL_SECONDS = 30.0


class Agent(ScriptedAgent):
    """Does `trouble` in its first answer, after `words` of it, and answers the rest."""

    provider = "troubled"

    def __init__(self, trouble: Callable[[], object], words: int = 0, line: str = LINE) -> None:
        super().__init__([line])
        self.trouble, self.words = trouble, words
        self.closed_at: list[float] = []

    async def generate_response(
        self, human_input: str, is_interrupt: bool, conversation_id: str
    ) -> AsyncGenerator[GeneratedResponse, None]:
        first = not self.asked
        try:
            async for piece in super().generate_response(
                human_input, is_interrupt, conversation_id
            ):
                if first and self.words == 0:
                    await _do(self.trouble)
                self.words -= 1
                yield piece
        finally:
            self.closed_at.append(clock.now())


class Synthesizer(ToneSynthesizer):
    """Does `trouble` in its first call, after `chunks` chunks (None: in `create_speech`)."""

    provider = "troubled"

    def __init__(self, trouble: Callable[[], object], chunks: int | None = None) -> None:
        super().__init__(seconds_per_word=0.25)
        self.trouble, self.chunks = trouble, chunks
        self.calls: list[str] = []
        self.closed_at: list[float] = []

    async def create_speech(self, message: BaseMessage, chunk_size: int) -> SynthesisResult:
        self.calls.append(message.text)
        first = len(self.calls) == 1
        if first and self.chunks is None:
            await _do(self.trouble)
        result = await super().create_speech(message, chunk_size)
        if first and self.chunks is not None:
            result.chunk_generator = self._broken(result.chunk_generator, self.chunks)
        return result

    async def _broken(
        self, chunks: AsyncGenerator[ChunkResult, None], left: int
    ) -> AsyncGenerator[ChunkResult, None]:
        try:
            async for chunk in chunks:
                if left == 0:
                    await _do(self.trouble)
                left -= 1
                yield chunk
        finally:
            self.closed_at.append(clock.now())


async def _do(trouble: Callable[[], object]) -> None:
    done = trouble()
    if asyncio.iscoroutine(done):
        await done


def fail(error: Exception) -> Callable[[], object]:
    def trouble() -> object:
        raise error

    return trouble


def stall() -> object:
    return clock.sleep(REFUSAL_SECONDS * 4)


async def ask_twice(scene: Scene) -> None:
    await scene.ask(QUESTION, 25.0)
    await scene.ask("And on Sunday?", 25.0)


def went_on(scene: Scene, line: str = LINE) -> bool:
    """Whether the second question was answered, and the apology said once."""
    apologies = [text for _, text in scene.history if text == APOLOGY]
    return scene.history[-1] == ("bot", line) and len(apologies) == 1


# The agent


def test_an_agent_that_raises_before_its_answer():
    error = Rejected("troubled", "no such model")
    scene = play(ask_twice, agent=Agent(fail(error)), apology=APOLOGY)
    (failed,) = scene.trace.of(ProviderFailed)
    assert (failed.provider, failed.kind, failed.turn) == ("troubled", "Rejected", 1)
    assert failed.message == "no such model"
    assert scene.history == [
        ("user", QUESTION),
        ("bot", APOLOGY),
        ("user", "And on Sunday?"),
        ("bot", LINE),
    ]
    assert len(scene.trace.of(AgentFinished)) == 1


def test_an_agent_that_raises_in_the_middle_is_heard_so_far_and_then_apologised_for():
    scene = play(ask_twice, agent=Agent(fail(OSError("gone")), 6, SENTENCES), apology=APOLOGY)
    (failed,) = scene.trace.of(WorkerFailed)
    assert (failed.kind, failed.message, failed.turn) == ("OSError", "gone", 1)
    assert scene.history[1:3] == [("bot", "We are open today. On Sundays"), ("bot", APOLOGY)]
    assert went_on(scene, SENTENCES)


@pytest.mark.parametrize("mode", ["streaming", "buffered"])
def test_an_agent_that_stalls_before_its_answer_is_given_up_after_8_s(mode: str):
    agent = Agent(stall)
    scene = play(ask_twice, agent=agent, apology=APOLOGY, response_mode=mode)
    (failed,) = scene.trace.of(ProviderFailed)
    assert (failed.kind, failed.after_seconds) == ("Stalled", 8.0)
    assert agent.closed_at[0] == 8.0
    assert went_on(scene)


def test_an_agent_that_stalls_in_the_middle_is_given_up_after_3_s():
    agent = Agent(stall, 6, SENTENCES)
    scene = play(ask_twice, agent=agent, apology=APOLOGY)
    (failed,) = scene.trace.of(ProviderFailed)
    assert (failed.kind, failed.after_seconds) == ("Stalled", 3.0)
    assert went_on(scene, SENTENCES)


def test_no_apology_where_none_is_wanted():
    scene = play(ask_twice, agent=Agent(fail(OSError())), apology=None)
    assert scene.history == [("user", QUESTION), ("user", "And on Sunday?"), ("bot", LINE)]


def test_an_agent_that_has_nothing_to_say():
    async def script(scene: Scene) -> None:
        await scene.ask(QUESTION, 2.0)
        await scene.ask("And on Sunday?", 5.0)

    scene = play(script, agent=ScriptedAgent(["", "Closed."]))
    assert scene.history == [("user", QUESTION), ("user", "And on Sunday?"), ("bot", "Closed.")]


def test_an_agent_that_yields_what_is_no_text():
    class Confused(BaseAgent):
        asked = 0

        async def generate_response(
            self, human_input: str, is_interrupt: bool, conversation_id: str
        ) -> AsyncGenerator[GeneratedResponse, None]:
            self.asked += 1
            yield GeneratedResponse(BaseMessage("We are open today. And"))
            await clock.sleep(0.1)
            if self.asked == 1:
                yield GeneratedResponse(BaseMessage(7))  # type: ignore[arg-type]

    scene = play(ask_twice, agent=Confused(), apology=APOLOGY)
    assert scene.history[1] == ("bot", "We are open today.")
    assert went_on(scene, "We are open today. And")


def test_an_agent_without_an_answer_method():
    class Nothing(BaseAgent):
        pass

    async def script(scene: Scene) -> None:
        await scene.ask(QUESTION, 5.0)

    scene = play(script, agent=Nothing(), apology=APOLOGY)
    (failed,) = scene.trace.of(WorkerFailed)
    assert "generate_response" in failed.message
    assert scene.history[-1] == ("bot", APOLOGY)


# The synthesizer


@pytest.mark.parametrize("mode", ["streaming", "buffered"])
def test_a_synthesizer_that_raises(mode: str):
    synthesizer = Synthesizer(fail(ConnectFailed("troubled", "refused")))
    scene = play(ask_twice, synthesizer=synthesizer, apology=APOLOGY, response_mode=mode)
    (failed,) = scene.trace.of(ProviderFailed)
    assert (failed.provider, failed.kind, failed.turn) == ("troubled", "ConnectFailed", 1)
    assert scene.history[:2] == [("user", QUESTION), ("bot", APOLOGY)]
    assert went_on(scene)


def test_a_synthesizer_that_raises_is_apologised_for_before_the_agent_has_written_on():
    agent = ScriptedAgent([SENTENCES], word_seconds=1.0)
    scene = play(ask_twice, agent=agent, synthesizer=Synthesizer(fail(OSError())), apology=APOLOGY)
    apology_at = next(at for at, fact in scene.trace if isinstance(fact, PlaybackFinished))
    assert apology_at < 8.0


@pytest.mark.parametrize("chunks", [None, 0])
def test_a_synthesizer_that_stalls_before_its_first_audio_is_given_up_after_8_s(
    chunks: int | None,
):
    synthesizer = Synthesizer(stall, chunks)
    scene = play(ask_twice, synthesizer=synthesizer, apology=APOLOGY)
    (failed,) = scene.trace.of(ProviderFailed)
    assert (failed.provider, failed.kind, failed.after_seconds) == ("troubled", "Stalled", 8.0)
    assert went_on(scene)


def test_a_synthesizer_that_stalls_in_the_middle_is_given_up_after_3_s():
    synthesizer = Synthesizer(stall, 50)
    scene = play(ask_twice, synthesizer=synthesizer, apology=APOLOGY)
    (failed,) = scene.trace.of(ProviderFailed)
    assert (failed.kind, failed.after_seconds) == ("Stalled", 3.0)
    assert synthesizer.closed_at == [3.0]
    assert scene.history[1] == ("bot", "We are open from –")
    assert went_on(scene)


@pytest.mark.parametrize("chunks", [1, 3, 47, 50, 51, 160])
def test_speech_that_fails_in_the_middle_is_heard_so_far_and_no_further(chunks: int):
    synthesizer = Synthesizer(fail(OSError("gone")), chunks)
    scene = play(ask_twice, synthesizer=synthesizer, apology=APOLOGY)
    heard = LINE.split()[: int(chunks * 0.02 / 0.25)]
    if heard:
        assert scene.history[1] == ("bot", f"{' '.join(heard)} –")
    (cut,) = scene.trace.of(CutOff)
    assert cut.heard == " ".join(heard)
    assert cut.played == chunks * 320
    assert samples(bytes(scene.speaker.sounded[1])) == chunks * 320
    assert went_on(scene)


def test_the_second_sentence_fails_and_the_first_was_heard_whole():
    class Second(Synthesizer):
        async def create_speech(self, message: BaseMessage, chunk_size: int) -> SynthesisResult:
            if len(self.calls) == 1:
                self.calls.append(message.text)
                raise Rejected("troubled", "no such voice")
            return await super().create_speech(message, chunk_size)

    synthesizer = Second(lambda: None, 0)
    scene = play(
        ask_twice, agent=ScriptedAgent([SENTENCES]), synthesizer=synthesizer, apology=APOLOGY
    )
    assert scene.history[1:3] == [("bot", "We are open today."), ("bot", APOLOGY)]
    assert went_on(scene, SENTENCES)


def test_a_first_sentence_that_fails_in_the_middle_of_a_long_answer():
    """The rest waits for a loudspeaker that will not ask for it."""
    agent = ScriptedAgent([" ".join(f"This is number {i}." for i in range(10)), "Certainly."])
    synthesizer = Synthesizer(fail(OSError("gone")), 20)

    async def script(scene: Scene) -> None:
        await scene.ask(QUESTION, 5.0)
        assert scene.history[1:] == [("bot", "This –"), ("bot", APOLOGY)]
        assert not scene.conversation._floor.live
        await scene.ask("And on Sunday?", 5.0)
        assert scene.history[-1] == ("bot", "Certainly.")

    play(script, agent=agent, synthesizer=synthesizer, apology=APOLOGY)


def test_empty_speech_is_no_message_and_no_failure():
    class Silent(ToneSynthesizer):
        async def create_speech(self, message: BaseMessage, chunk_size: int) -> SynthesisResult:
            async def nothing() -> AsyncGenerator[ChunkResult, None]:
                yield ChunkResult(b"", True)

            if message.text == LINE:
                return SynthesisResult(nothing(), lambda seconds: "")
            return await super().create_speech(message, chunk_size)

    async def script(scene: Scene) -> None:
        await scene.ask(QUESTION, 5.0)
        await scene.ask("And on Sunday?", 5.0)

    scene = play(script, agent=ScriptedAgent([LINE, "Closed."]), synthesizer=Silent())
    assert scene.history == [("user", QUESTION), ("user", "And on Sunday?"), ("bot", "Closed.")]
    assert not scene.trace.of(WorkerFailed)


def test_a_synthesizer_that_gives_back_no_speech_at_all():
    class Wrong(ToneSynthesizer):
        async def create_speech(self, message: BaseMessage, chunk_size: int) -> SynthesisResult:
            if message.text == LINE:
                return b"no result"  # type: ignore[return-value]
            return await super().create_speech(message, chunk_size)

    async def script(scene: Scene) -> None:
        await scene.ask(QUESTION, 5.0)
        await scene.ask("And on Sunday?", 5.0)

    agent = ScriptedAgent([LINE, "Closed."])
    scene = play(script, agent=agent, synthesizer=Wrong(), apology=APOLOGY)
    assert scene.trace.of(WorkerFailed)
    assert scene.history == [
        ("user", QUESTION),
        ("bot", APOLOGY),
        ("user", "And on Sunday?"),
        ("bot", "Closed."),
    ]


def test_a_synthesizer_that_never_works_again_apologises_for_nothing_for_ever():
    class Gone(BaseSynthesizer):
        calls = 0

        async def create_speech(self, message: BaseMessage, chunk_size: int) -> SynthesisResult:
            self.calls += 1
            raise ConnectFailed("gone", "refused")

    synthesizer = Gone()
    scene = play(ask_twice, synthesizer=synthesizer, apology=APOLOGY)
    assert synthesizer.calls == 4  # each answer and its apology
    assert scene.history == [("user", QUESTION), ("user", "And on Sunday?")]


def test_an_apology_that_fails_in_the_middle_is_not_apologised_for():
    class Short(ToneSynthesizer):
        async def create_speech(self, message: BaseMessage, chunk_size: int) -> SynthesisResult:
            result = await super().create_speech(message, chunk_size)

            async def broken() -> AsyncGenerator[ChunkResult, None]:
                for _ in range(10):
                    yield ChunkResult(b"\x01" * chunk_size, False)
                raise OSError("gone")

            return SynthesisResult(broken(), result.get_message_up_to)

    scene = play(ask_twice, synthesizer=Short(seconds_per_word=0.1), apology=APOLOGY)
    assert len(scene.trace.of(WorkerFailed)) == 4
    assert len(scene.speaker.utterances) == 4


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
