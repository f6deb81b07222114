"""An agent and a synthesizer fail in every way, and the conversation goes on."""

from collections.abc import AsyncGenerator

import pytest

from bench import clock
from bench.engine.agent import BaseAgent, GeneratedResponse
from bench.engine.synthesizer import (
    BaseMessage,
    BaseSynthesizer,
    ChunkResult,
    SynthesisResult,
)
from bench.errors import ConnectFailed, Rejected
from bench.events import (
    AgentFinished,
    CutOff,
    PlaybackFinished,
    ProviderFailed,
    WorkerFailed,
)
from bench.testing import ScriptedAgent, ToneSynthesizer
from tests.engine.scene import LINE, SENTENCES, Scene, play, samples
from tests.engine.trouble import Agent, Synthesizer, fail, stall

pytestmark = pytest.mark.unit

QUESTION = "When are you open?"
APOLOGY = "Sorry, something went wrong."


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
    synthesizer = Synthesizer(fail(Rejected("troubled", "no such voice")))
    scene = play(ask_twice, synthesizer=synthesizer, apology=APOLOGY, response_mode=mode)
    (failed,) = scene.trace.of(ProviderFailed)
    assert (failed.provider, failed.kind, failed.turn) == ("troubled", "Rejected", 1)
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
    assert synthesizer.calls == 8  # each answer and its apology, and each once more
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


def test_a_remark_that_fails_does_not_take_the_answer_with_it():
    class NoRemarks(ToneSynthesizer):
        async def create_speech(self, message: BaseMessage, chunk_size: int) -> SynthesisResult:
            if message.text == "One moment.":
                raise OSError("gone")
            return await super().create_speech(message, chunk_size)

    async def script(scene: Scene) -> None:
        await scene.ask(QUESTION, 0.2)
        scene.conversation.say("One moment.")
        await clock.sleep(8.0)

    agent = ScriptedAgent([LINE], think_seconds=1.0)
    scene = play(script, agent=agent, synthesizer=NoRemarks(seconds_per_word=0.25), apology=APOLOGY)
    assert scene.history == [("user", QUESTION), ("bot", APOLOGY), ("bot", LINE)]
