"""The listening worker in its conversation: turns with their words, timers that end."""

import pytest

from bench import clock
from bench.engine.transcriber import Transcription
from bench.engine.vad import WINDOW
from bench.events import (
    Held,
    Resumed,
    TranscriptReceived,
    TurnCommitted,
    UserStartedSpeaking,
    UserStoppedSpeaking,
    Word,
)
from bench.testing import ScriptedAgent
from tests.engine.scene import LINE, WINDOW_SECONDS, Scene, play

pytestmark = pytest.mark.unit


def test_speech_is_traced_by_its_samples_and_its_turn():
    async def script(scene: Scene) -> None:
        await scene.microphone(0.32)
        await scene.microphone(0.64, loud=True)
        await scene.microphone(0.64)

    scene = play(script)
    assert scene.trace.of(UserStartedSpeaking) == [UserStartedSpeaking("vad", 10 * WINDOW, turn=1)]
    assert scene.trace.of(UserStoppedSpeaking) == [UserStoppedSpeaking("vad", 30 * WINDOW, turn=1)]
    (noticed,) = scene.trace.at(UserStartedSpeaking)
    assert noticed == pytest.approx(12 * WINDOW_SECONDS, abs=1e-4)


def test_silence_commits_the_turn_at_its_time_from_the_end_of_speech_itself():
    async def script(scene: Scene) -> None:
        await scene.microphone(0.96, loud=True)
        scene.user.hear("When are you open", ends_turn=None)
        await scene.microphone(2.0)

    scene = play(script)
    assert scene.trace.at(TurnCommitted) == [pytest.approx(0.96 + 0.7, abs=1e-3)]
    assert scene.trace.of(TurnCommitted)[0].reason == "silence"


def test_a_turn_carries_its_words_and_its_least_confidence():
    seen: list[Transcription] = []

    class Reader(ScriptedAgent):
        async def process(self, item) -> None:
            seen.append(item.transcription)
            await super().process(item)

    words = (Word("When", 0, 1600), Word("are", 1600, 3200)), (Word("you", 3200, 4800),)

    async def script(scene: Scene) -> None:
        put = scene.user.output_queue.put_nowait
        put(Transcription("When", 0.2, False))
        put(Transcription("When are", 0.9, True, words=words[0]))
        put(Transcription("you", 0.6, True, words=words[1], ends_turn=True))
        await clock.sleep(5.0)
        put(Transcription("again", 0.8, ends_turn=True))
        await clock.sleep(1.0)

    scene = play(script, agent=Reader([LINE]))
    assert (seen[0].message, seen[0].confidence, seen[0].words) == (
        "When are you",
        0.6,
        words[0] + words[1],
    )
    assert (seen[1].confidence, seen[1].words) == (0.8, ())
    assert len(scene.trace.of(TranscriptReceived)) == 4
    assert {fact.provider for fact in scene.trace.of(TranscriptReceived)} == {"scripted"}


def test_the_interrupt_is_marked_on_the_transcription_and_on_the_turn():
    said = [Transcription("Stop.", ends_turn=None), Transcription("And now?", ends_turn=True)]

    async def script(scene: Scene) -> None:
        await scene.ask(then_seconds=1.0)
        for transcription in said:
            scene.user.output_queue.put_nowait(transcription)
            await clock.sleep(0.1)
        await clock.sleep(8.0)
        await scene.ask("Later on.", 1.0)

    scene = play(script)
    assert [transcription.is_interrupt for transcription in said] == [True, True]
    assert scene.agent.asked[1:] == [("Stop. And now?", True), ("Later on.", False)]


def test_a_sound_that_interrupts_marks_the_words_that_come_after_it():
    async def script(scene: Scene) -> None:
        await scene.ask(then_seconds=1.0)
        await scene.microphone(0.96, loud=True)
        scene.user.hear("What about Sunday?")
        await clock.sleep(1.0)

    scene = play(script, barge_in="on-vad")
    assert scene.agent.asked[-1] == ("What about Sunday?", True)


@pytest.mark.parametrize("text", ["", "   ", "..."])
def test_no_words_are_no_turn(text: str):
    async def script(scene: Scene) -> None:
        scene.user.hear(text)
        await clock.sleep(5.0)

    scene = play(script)
    assert not scene.trace.of(TurnCommitted)


def test_a_timer_for_one_thing_does_not_hurry_another():
    """The bot is held with a resume due later, as a turn comes due at once."""

    async def script(scene: Scene) -> None:
        scene.user.hear("And on", final=True, ends_turn=None)  # a turn of its own, trailing
        await clock.sleep(0.1)
        scene.conversation.say(LINE)
        await clock.sleep(1.1)
        await scene.microphone(0.128, loud=True)
        await scene.microphone(0.32)
        assert scene.trace.of(Held)
        await scene.microphone(3.0)

    scene = play(script)
    stopped = scene.trace.at(UserStoppedSpeaking)[0] - 7 * WINDOW_SECONDS
    for resumed in scene.trace.at(Resumed):
        assert resumed >= stopped + 0.8 - 1e-3


def test_a_microphone_that_falls_silent_for_good_does_not_hold_the_bot_for_ever():
    async def script(scene: Scene) -> None:
        await scene.ask(then_seconds=1.0)
        await scene.microphone(0.096, loud=True)
        await clock.sleep(20.0)  # not a sample more
        assert scene.history[-1] == ("bot", LINE)

    play(script)


def test_no_timer_stays_behind():
    async def script(scene: Scene) -> None:
        scene.user.hear("When are", final=False)
        await clock.sleep(0.1)
        await scene.conversation.terminate(0)
        await clock.sleep(10.0)

    scene = play(script)
    assert not scene.trace.of(TurnCommitted)
