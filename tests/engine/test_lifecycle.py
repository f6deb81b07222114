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
from bench.events import (
    AudioDropped,
    ConversationEnded,
    ConversationStarted,
    CutOff,
    PlaybackFinished,
    TurnCommitted,
    TurnWithdrawn,
)
from bench.testing import (
    ScriptedAgent,
    ScriptedTranscriber,
    create_test_conversation,
)
from tests.engine.scene import LINE, LOUD, QUIET, Listener, Scene, play, samples

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
    for worker in conversation._road.workers:
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
