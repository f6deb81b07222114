"""What is in flight, how a call ends, and settings that change under way."""

import pytest

from bench import clock
from bench.engine.agent import GeneratedResponse
from bench.engine.conversation import StreamingConversation
from bench.engine.synthesizer import BaseMessage
from bench.engine.turns import Bot
from bench.errors import ConfigError
from bench.events import (
    AgentRequested,
    ConversationEnded,
    ConversationStarted,
    Held,
    PlaybackFinished,
    SettingsChanged,
    SynthesisRequested,
)
from bench.simulation.loudspeaker import Loudspeaker
from bench.testing import (
    ScriptedAgent,
    ScriptedTranscriber,
    ToneSynthesizer,
)
from tests.engine.scene import LINE, SENTENCES, Listener, Scene, play

pytestmark = pytest.mark.unit

QUESTION = "When are you open?"


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
    scene = play(lambda scene: clock.sleep(0), greeting=None)
    started = scene.trace.of(ConversationStarted)[0].settings
    assert started["barge_in"] == "hold-then-decide"
    assert started["transcriber"] == started["agent"] == "scripted"
    assert started["synthesizer"] == "tone"
    assert not scene.trace.of(AgentRequested)
