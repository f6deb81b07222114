"""Silence: a nudge, another, and goodbye."""

import pytest

from bench import clock
from bench.engine.idle import IdleWatch
from bench.engine.synthesizer import BaseSynthesizer
from bench.errors import ConnectFailed
from bench.events import ConversationEnded, PlaybackFinished, PlaybackStarted
from bench.testing import ScriptedAgent
from tests.engine.scene import LINE, Listener, Scene, play

pytestmark = pytest.mark.unit

PROMPTS = ("Are you there?", "Take your time.")


def idle(script, **parts) -> Scene:
    return play(script, idle_seconds=8.0, idle_prompts=PROMPTS, **parts)


async def silence(scene: Scene) -> None:
    await clock.sleep(60.0)
    assert scene.conversation.ended.is_set()


def test_after_8_s_twice_then_goodbye_and_the_end():
    scene = idle(silence, speaker=Listener(reports=False))
    assert [text for _, text in scene.history] == [*PROMPTS, "Goodbye."]
    starts, ends = scene.trace.at(PlaybackStarted), scene.trace.at(PlaybackFinished)
    assert starts[0] == pytest.approx(8.0, abs=1e-4)
    assert starts[1] == pytest.approx(ends[0] + 8.0, abs=1e-4)
    assert starts[2] == pytest.approx(ends[1] + 8.0, abs=1e-4)
    assert scene.trace.of(ConversationEnded)[0].reason == "idle"
    assert scene.trace.at(ConversationEnded)[0] == pytest.approx(ends[2], abs=0.01)


def test_silence_is_counted_from_the_end_of_the_greeting_and_of_every_answer():
    async def script(scene: Scene) -> None:
        await clock.sleep(5.0)
        await scene.ask("When are you open?", 3.25 + 7.9)
        assert len(scene.history) == 3
        await clock.sleep(0.6)

    scene = idle(script, greeting="Hello.", speaker=Listener(reports=False))
    assert scene.history[-1][1].startswith("Are")


def test_a_sound_of_the_users_begins_the_count_anew():
    async def script(scene: Scene) -> None:
        await clock.sleep(18.0)
        assert len(scene.trace.of(PlaybackFinished)) == 2
        await scene.microphone(0.128, loud=True)
        await scene.microphone(9.5)
        assert [text for _, text in scene.history][2:] == [PROMPTS[0]]

    idle(script)


def test_a_long_thought_is_no_silence():
    async def script(scene: Scene) -> None:
        await scene.ask("When are you open?", 25.0)
        assert scene.history[1:] == [("bot", LINE)]
        await clock.sleep(8.5)
        assert [text for _, text in scene.history][2:] == [PROMPTS[0]]

    agent = ScriptedAgent([LINE], word_seconds=1.5)
    idle(script, agent=agent, response_mode="buffered", speaker=Listener(reports=False))


def test_no_prompt_while_the_user_speaks_in_one_breath():
    async def script(scene: Scene) -> None:
        await scene.microphone(20.0, loud=True)
        assert scene.history == []

    idle(script, no_new_words_seconds=3600.0)


def test_never_when_it_is_off():
    async def script(scene: Scene) -> None:
        await clock.sleep(3000.0)
        assert scene.history == []

    play(script, idle_seconds=None)


def test_the_call_ends_even_when_nothing_can_be_said():
    class Gone(BaseSynthesizer):
        async def create_speech(self, message, chunk_size):
            raise ConnectFailed("gone", "refused")

    async def script(scene: Scene) -> None:
        await clock.sleep(120.0)
        assert scene.conversation.ended.is_set()

    scene = idle(script, synthesizer=Gone())
    assert scene.trace.of(ConversationEnded)[0].reason == "idle"


def test_the_call_ends_without_a_goodbye_where_none_is_wanted():
    scene = idle(silence, goodbye="")
    assert [text for _, text in scene.history] == list(PROMPTS)
    assert scene.trace.of(ConversationEnded)[0].reason == "idle"


def test_an_answer_to_the_goodbye_keeps_the_call():
    async def script(scene: Scene) -> None:
        await clock.sleep(8.0 * 3 + 1.5 + 0.3)
        assert scene.history[-1] == ("bot", "Good")
        await scene.ask("Wait!", 6.0)
        assert not scene.conversation.ended.is_set()

    scene = idle(script, goodbye="Good bye for now.", speaker=Listener(reports=False))
    assert scene.history[-3:] == [("bot", "Good –"), ("user", "Wait!"), ("bot", LINE)]


def test_the_watch_alone():
    async def main() -> list[tuple[float, int]]:
        calls: list[tuple[float, int]] = []
        watch = IdleWatch(lambda times: not calls.append((clock.now(), times)))
        watch.restart(2.0)
        await clock.sleep(1.5)
        watch.restart(2.0)  # at 3.5
        await clock.sleep(3.0)
        watch.restart(1.0)  # at 5.5
        await clock.sleep(2.0)
        watch.user_spoke()
        watch.restart(10.0)
        watch.restart(1.0)  # sooner than the timer that runs
        await clock.sleep(1.5)
        watch.restart(1.0)
        watch.restart(None)
        await clock.sleep(5.0)
        watch.restart(1.0)
        watch.stop()
        await clock.sleep(5.0)
        return calls

    calls = clock.run(main(), virtual=True)
    assert calls == [
        (pytest.approx(3.5, abs=1e-5), 1),
        (pytest.approx(5.5, abs=1e-5), 2),
        (pytest.approx(7.5, abs=1e-5), 1),
    ]
