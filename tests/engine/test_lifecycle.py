"""From every state to the end, in bounded time, with nothing left."""

import asyncio

import pytest

from bench import clock
from bench.engine.agent import GeneratedResponse
from bench.engine.conversation import StreamingConversation
from bench.engine.synthesizer import BaseMessage
from bench.engine.transcriber import Transcription
from bench.engine.turns import Bot
from bench.engine.worker import QUEUE_SIZE
from bench.errors import ConfigError
from bench.events import (
    AgentRequested,
    AudioDropped,
    ConversationEnded,
    ConversationStarted,
    CutOff,
    Held,
    PlaybackFinished,
    SettingsChanged,
    SynthesisRequested,
    TurnCommitted,
    TurnWithdrawn,
)
from bench.simulation.loudspeaker import Loudspeaker
from bench.testing import (
    ScriptedAgent,
    ScriptedTranscriber,
    ToneSynthesizer,
    create_test_conversation,
)
from tests.engine.scene import LINE, LOUD, QUIET, SENTENCES, Listener, Scene, play, samples

pytestmark = pytest.mark.unit

QUESTION = "When are you open?"


# terminate, from every state


async def before_start(scene: Scene) -> None:
    pass


async def greeting(scene: Scene) -> None:
    scene.conversation.say("Hello and welcome to the house.")
    await clock.sleep(0.5)


async def thinking(scene: Scene) -> None:
    await scene.ask(QUESTION, 0.2)
    assert scene.conversation.bot() is Bot.THINKING


async def speaking(scene: Scene) -> None:
    await scene.ask(QUESTION, 1.5)
    assert scene.conversation.bot() is Bot.SPEAKING


async def held(scene: Scene) -> None:
    await speaking(scene)
    await scene.microphone(0.096, loud=True)
    assert scene.conversation.bot() is Bot.HELD


async def just_interrupted(scene: Scene) -> None:
    await speaking(scene)
    scene.conversation.broadcast_interrupt()


async def with_more_to_say(scene: Scene) -> None:
    await speaking(scene)
    for _ in range(5):
        scene.conversation.say("And another thing.")
    await clock.sleep(0)


async def idle(scene: Scene) -> None:
    await scene.ask(QUESTION, 10.0)
    assert scene.conversation.bot() is Bot.IDLE


STATES = [
    before_start,
    greeting,
    thinking,
    speaking,
    held,
    just_interrupted,
    with_more_to_say,
    idle,
]


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("drain", [0.0, 0.5])
@pytest.mark.parametrize("late", [0.0, 0.2])
def test_terminate_from_every_state_stays_within_its_bound(state, drain: float, late: float):
    async def script(scene: Scene) -> None:
        await state(scene)
        began_at = clock.now()
        await scene.conversation.terminate(drain)
        took = clock.now() - began_at
        own = 0.005 if not late else 0.255  # the client's account of a cut-off is waited for
        assert took <= drain + own
        sounded = len(scene.speaker.heard)
        await clock.sleep(5.0)
        assert len(scene.speaker.heard) == sounded
        assert scene.conversation.ended.is_set()

    agent = ScriptedAgent([LINE], think_seconds=0.5)
    speaker = Listener(report_delay_seconds=late)
    scene = play(script, agent=agent, speaker=speaker)
    assert [fact.reason for fact in scene.trace.of(ConversationEnded)] == ["terminated"]
    assert isinstance(list(scene.trace)[-1].fact, ConversationEnded)
    assert scene.heard_is_what_was_sent()
    assert len(scene.trace.of(ConversationStarted)) == 1


def test_terminate_before_start_and_nothing_starts_after_it():
    async def main() -> StreamingConversation:
        conversation = create_test_conversation()
        await conversation.terminate()
        await conversation.start()
        conversation.receive_audio(LOUD)
        conversation.say("Hello.")
        await clock.sleep(1.0)
        assert not conversation.spoken
        return conversation

    conversation = clock.run(main(), virtual=True)
    assert [type(fact) for _, fact in conversation.trace] == [ConversationEnded]


def test_audio_that_comes_while_the_last_words_play_does_not_start_it_anew():
    async def main() -> None:
        conversation = create_test_conversation(greeting="Hello there, nice to hear you.")
        await conversation.start()
        await clock.sleep(0.2)
        ending = asyncio.gather(conversation.terminate(0.5))
        for _ in range(40):
            conversation.receive_audio(QUIET)
            await clock.sleep(0.02)
        await ending
        assert len(conversation.trace.of(ConversationStarted)) == 1

    clock.run(main(), virtual=True)


def test_twice_and_at_once_and_from_inside():
    async def script(scene: Scene) -> None:
        await speaking(scene)
        ends = [scene.conversation.terminate(0.3) for _ in range(3)]
        await asyncio.gather(*ends, scene.conversation.terminate(0.0))
        await scene.conversation.terminate()

    scene = play(script)
    assert len(scene.trace.of(ConversationEnded)) == 1


def test_from_inside_the_agent():
    class Leaver(ScriptedAgent):
        conversation: StreamingConversation

        async def generate_response(self, human_input, is_interrupt, conversation_id):
            yield GeneratedResponse(BaseMessage("I am leaving. "))
            await self.conversation.terminate(0.5)

    async def script(scene: Scene) -> None:
        scene.agent.conversation = scene.conversation
        await scene.ask(QUESTION, 3.0)
        assert scene.conversation.ended.is_set()

    scene = play(script, agent=Leaver())
    assert [at for at, _ in scene.trace][-1] <= 1.5
    assert samples(scene.speaker.heard) == pytest.approx(0.5 * 16_000, abs=320)


def test_a_caller_that_gives_up_does_not_stop_the_end():
    async def script(scene: Scene) -> None:
        await speaking(scene)
        with pytest.raises(TimeoutError):
            async with clock.deadline(0.1):
                await scene.conversation.terminate(0.5)
        async with clock.deadline(1.0):
            await scene.conversation.terminate(0.5)
        assert scene.conversation.ended.is_set()

    play(script)


@pytest.mark.parametrize("drain", [0.0, 0.1, 0.5, 2.0, 10.0])
def test_what_plays_may_play_on_for_the_drain_and_no_longer(drain: float):
    async def script(scene: Scene) -> None:
        await scene.ask(QUESTION, 1.0)
        await scene.conversation.terminate(drain)

    scene = play(script)
    whole = len(LINE.split()) * 0.25
    heard = samples(scene.speaker.heard) / 16_000
    assert heard == pytest.approx(min(whole, 1.0 + drain), abs=0.021)
    assert bool(scene.trace.of(CutOff)) is (1.0 + drain < whole)
    assert bool(scene.trace.of(PlaybackFinished)) is (1.0 + drain > whole)
    ended_at = scene.trace.at(ConversationEnded)[0]
    assert ended_at <= min(whole + 0.1, 1.0 + drain + 0.01)


def test_the_reason_of_the_first_who_ends_it_stands():
    async def script(scene: Scene) -> None:
        await scene.conversation.terminate(0, reason="session limit")
        await scene.conversation.terminate(0, reason="another")

    scene = play(script)
    assert scene.conversation.end_reason == "session limit"
    assert scene.trace.of(ConversationEnded)[0].reason == "session limit"


def test_two_hundred_conversations_come_and_go():
    async def main() -> None:
        for i in range(200):
            scene = Scene(greeting="Hello there, nice to hear you.")
            await scene.conversation.start()
            await scene.ask(QUESTION, 0.01 * (i % 40))
            await scene.conversation.terminate(0)
            left = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
            assert not left, left

    clock.run(main(), virtual=True)


def test_start_twice_is_start_once():
    async def script(scene: Scene) -> None:
        await scene.conversation.start()
        scene.conversation.begin()
        await clock.sleep(3.0)

    scene = play(script, greeting="Hello.")
    assert scene.history == [("bot", "Hello.")]


# Bounds


def test_every_queue_is_bounded():
    scene = clock.run(_made(), virtual=True)
    conversation = scene.conversation
    for worker in conversation._road():
        assert 0 < worker.input_queue.maxsize <= 250, worker.name
        assert 0 < worker.output_queue.maxsize <= QUEUE_SIZE, worker.name


async def _made() -> Scene:
    return Scene()


def test_a_transcriber_that_falls_behind_loses_the_oldest_audio_and_says_so():
    class Slow(ScriptedTranscriber):
        async def process(self, item: bytes) -> None:
            await clock.sleep(0.05)
            await super().process(item)

    async def script(scene: Scene) -> None:
        for i in range(1000):
            scene.conversation.receive_audio(i.to_bytes(2, "little") * 320)
            await clock.sleep(0.02)

    scene = play(script, transcriber=Slow(), vad=None)
    got = [
        int.from_bytes(scene.user.received[i : i + 2], "little")
        for i in range(0, len(scene.user.received), 640)
    ]
    assert got == sorted(got)
    assert len(got) < 500
    dropped = sum(fact.samples for fact in scene.trace.of(AudioDropped))
    in_flight = 1 + scene.user.input_queue.qsize()
    assert dropped == (1000 - len(got) - in_flight) * 320
    assert {fact.reason for fact in scene.trace.of(AudioDropped)} == {"transcriber fell behind"}
    assert len(scene.trace.of(AudioDropped)) < 30


def test_more_turns_than_the_agent_can_take_are_withdrawn():
    async def script(scene: Scene) -> None:
        for i in range(QUEUE_SIZE + 10):
            scene.conversation._listening.input_queue.put_nowait(
                Transcription(f"question {i}", ends_turn=True)
            )
            await clock.sleep(0.01)

    scene = play(script, agent=ScriptedAgent(think_seconds=7.0), barge_in="never")
    withdrawn = scene.trace.of(TurnWithdrawn)
    assert {fact.reason for fact in withdrawn} == {"agent too busy"}
    assert len(scene.trace.of(TurnCommitted)) == QUEUE_SIZE + 10


def test_odd_bytes_and_pieces_of_any_size_are_one_stream():
    async def script(scene: Scene) -> None:
        pcm = bytes(range(1, 255)) * 4
        for start, end in ((0, 1), (1, 2), (2, 5), (5, 640), (640, 1001), (1001, 1016)):
            scene.conversation.receive_audio(pcm[start:end])
        scene.conversation.receive_audio(b"")
        await clock.sleep(0.1)
        assert bytes(scene.user.received) == pcm
        assert scene.conversation.mic_samples == len(pcm) // 2

    play(script)


# What is in flight


def test_pieces_of_two_answers_are_never_mixed():
    async def script(scene: Scene) -> None:
        scene.user.hear(QUESTION)
        for i in range(5):
            await clock.sleep(0.3)
            scene.conversation.say(f"Notice number {i}.")
        await clock.sleep(15.0)

    scene = play(script, agent=ScriptedAgent([SENTENCES], word_seconds=0.2))
    said = [text for who, text in scene.history if who == "bot"]
    assert sorted(said) == sorted([SENTENCES, *(f"Notice number {i}." for i in range(5))])
    assert said[0] == SENTENCES
    assert said[1:] == [f"Notice number {i}." for i in range(5)]


def test_what_was_called_off_before_it_was_read_does_not_stay_in_flight():
    class Notice(ScriptedAgent):
        async def generate_response(self, human_input, is_interrupt, conversation_id):
            for word in LINE.split():
                yield GeneratedResponse(BaseMessage(f"{word} "), is_interruptible=False)
                await clock.sleep(0.1)

    async def script(scene: Scene) -> None:
        await scene.ask(QUESTION, 0.5)
        scene.conversation.say("A thought.")
        assert scene.conversation.broadcast_interrupt()
        await clock.sleep(10.0)
        assert not scene.conversation._floor.live
        assert scene.conversation.bot() is Bot.IDLE

    scene = play(script, agent=Notice())
    assert scene.history == [("user", QUESTION), ("bot", LINE)]


@pytest.mark.parametrize("words", range(60, 70))
def test_an_answer_called_off_before_there_is_room_for_it_does_not_stay_in_flight(words: int):
    class Fast(ScriptedAgent):
        async def generate_response(self, human_input, is_interrupt, conversation_id):
            self.asked.append((human_input, is_interrupt))
            for i in range(words + 8 if len(self.asked) == 1 else 3):
                yield GeneratedResponse(BaseMessage(f"Word{i}. "))

    async def script(scene: Scene) -> None:
        await scene.ask(QUESTION, 0.1)
        await scene.ask("And on Sunday?", 0.1)
        scene.conversation.broadcast_interrupt()
        await clock.sleep(3.0)
        assert not scene.conversation._floor.live

    play(script, agent=Fast(), barge_in="never")


def test_the_first_piece_says_whether_the_answer_may_be_interrupted():
    class Changing(ScriptedAgent):
        closed = False

        async def generate_response(self, human_input, is_interrupt, conversation_id):
            try:
                yield GeneratedResponse(BaseMessage("One two three four five. "))
                yield GeneratedResponse(BaseMessage("Six. "), is_interruptible=False)
                await clock.sleep(2.0)
            finally:
                self.closed = True

    async def script(scene: Scene) -> None:
        await scene.ask(QUESTION, 0.5)
        assert scene.conversation.broadcast_interrupt()
        await clock.sleep(0)
        await clock.sleep(0)
        assert scene.agent.closed

    play(script, agent=Changing())


# The end of a call


@pytest.mark.parametrize("mode", ["streaming", "buffered"])
def test_an_end_phrase_ends_the_call_once_the_answer_was_heard(mode: str):
    async def script(scene: Scene) -> None:
        await scene.ask("Thank you, good bye!", 6.0)
        assert scene.conversation.ended.is_set()

    scene = play(script, response_mode=mode)
    assert scene.history[-1] == ("bot", LINE)
    assert scene.speaker.heard == scene.speaker.all_sent
    (ended,) = scene.trace.of(ConversationEnded)
    assert ended.reason == "goodbye"
    assert scene.trace.at(ConversationEnded)[0] <= scene.trace.at(PlaybackFinished)[-1] + 0.01


def test_an_agent_may_hang_up():
    class Curt(ScriptedAgent):
        async def generate_response(self, human_input, is_interrupt, conversation_id):
            yield GeneratedResponse(BaseMessage("I have to go."), ends_call=True)

    async def script(scene: Scene) -> None:
        await scene.ask(QUESTION, 3.0)
        assert scene.conversation.ended.is_set()

    assert play(script, agent=Curt()).history[-1] == ("bot", "I have to go.")


def test_an_agent_that_hangs_up_without_a_word_says_goodbye():
    class Mute(ScriptedAgent):
        async def generate_response(self, human_input, is_interrupt, conversation_id):
            yield GeneratedResponse(BaseMessage(""), ends_call=True)

    async def script(scene: Scene) -> None:
        await scene.ask(QUESTION, 3.0)
        assert scene.conversation.ended.is_set()

    assert play(script, agent=Mute()).history[-1] == ("bot", "Goodbye.")
    assert play(script, agent=Mute(), goodbye="").history == [("user", QUESTION)]


def test_a_goodbye_that_is_interrupted_does_not_end_the_call():
    async def script(scene: Scene) -> None:
        await scene.ask("Good bye.", 1.0)
        await scene.ask("Wait, one more thing.", 6.0)
        assert not scene.conversation.ended.is_set()

    agent = ScriptedAgent([LINE, "Yes?"])
    assert play(script, agent=agent).history[-1] == ("bot", "Yes?")


def test_a_word_inside_another_is_no_end_phrase():
    async def script(scene: Scene) -> None:
        await scene.ask("Say goodbyes to nobody.", 6.0)
        assert not scene.conversation.ended.is_set()

    play(script)


# Settings


def test_settings_change_from_the_next_turn():
    async def script(scene: Scene) -> None:
        await scene.ask(QUESTION, 0.5)
        scene.conversation.change(response_mode="buffered", apology=None)
        assert scene.conversation.settings.response_mode == "streaming"
        await clock.sleep(6.0)
        await scene.ask("And on Sunday?", 6.0)

    scene = play(script, agent=ScriptedAgent([SENTENCES]))
    assert [fact.turn for fact in scene.trace.of(SynthesisRequested)] == [1, 1, 1, 2]
    (changed,) = scene.trace.of(SettingsChanged)
    assert changed.settings["response_mode"] == "buffered"


def test_a_change_while_nobody_speaks_is_in_force_at_once():
    async def script(scene: Scene) -> None:
        scene.conversation.change(barge_in="never")
        assert scene.conversation.settings.barge_in == "never"
        await scene.ask(QUESTION, 0.5)
        await scene.microphone(0.192, loud=True)
        assert not scene.trace.of(Held)

    play(script)


def test_another_synthesizer_speaks_from_the_next_answer_and_both_are_closed():
    class Named(ToneSynthesizer):
        closed = False

        def __init__(self, name: str) -> None:
            super().__init__(seconds_per_word=0.25)
            self.provider = self.voice = name

        async def terminate(self) -> None:
            self.closed = True

    async def script(scene: Scene) -> None:
        await scene.ask(QUESTION, 0.5)
        scene.conversation.change(synthesizer=second)
        await clock.sleep(6.0)
        await scene.ask("And on Sunday?", 6.0)

    first, second = Named("first"), Named("second")
    agent = ScriptedAgent([SENTENCES], word_seconds=0.2)
    scene = play(script, agent=agent, synthesizer=first, speaker=Listener(24_000))
    assert [fact.voice for fact in scene.trace.of(SynthesisRequested)] == ["first"] * 3 + [
        "second"
    ] * 3
    assert second.sampling_rate == 24_000
    assert first.closed
    assert second.closed
    assert scene.trace.of(SettingsChanged)[0].settings["synthesizer"] == "second"


def test_an_impossible_change_changes_nothing():
    async def script(scene: Scene) -> None:
        with pytest.raises(ConfigError):
            scene.conversation.change(response_mode="buffered", barge_in="sometimes")
        with pytest.raises(ConfigError, match="unknown setting colour"):
            scene.conversation.change(colour="red", response_mode="buffered")
        await scene.ask(QUESTION, 5.0)
        assert scene.conversation.settings.response_mode == "streaming"

    play(script)


def test_a_conversation_of_impossible_settings_is_refused():
    with pytest.raises(ConfigError, match="unknown setting colour; known are: response_mode, "):
        StreamingConversation(
            output_device=Loudspeaker(),
            transcriber=ScriptedTranscriber(),
            agent=ScriptedAgent(),
            synthesizer=ToneSynthesizer(),
            colour="red",
        )


def test_the_trace_begins_with_the_settings_and_the_parts():
    scene = play(before_start, greeting=None)
    started = scene.trace.of(ConversationStarted)[0].settings
    assert started["barge_in"] == "hold-then-decide"
    assert started["transcriber"] == started["agent"] == "scripted"
    assert started["synthesizer"] == "tone"
    assert not scene.trace.of(AgentRequested)
