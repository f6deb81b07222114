"""What each policy interrupts for, and what was nothing: a sound, a murmur, the bot's own voice."""

import pytest

from bench import clock
from bench.events import (
    CutOff,
    Held,
    InterruptDecided,
    PlaybackFinished,
    Resumed,
    TranscriptIgnored,
)
from bench.testing import ScriptedAgent
from tests.engine.scene import LINE, WINDOW_SECONDS, Listener, Scene, play, samples

pytestmark = pytest.mark.unit

QUESTION = "When are you open?"
LAST_REPORT = 960  # samples that a loudspeaker plays between two reports


# Each policy


def cut_in(words: str, *, sound: float = 0.192, final: bool = True, **settings: object):
    async def script(scene: Scene) -> None:
        await scene.ask(then_seconds=1.0)
        if sound:
            await scene.microphone(sound, loud=True)
            await scene.microphone(0.32)
        if words:
            scene.user.hear(words, final=final, ends_turn=None)
        await scene.microphone(8.0)

    return play(script, agent=ScriptedAgent([LINE, "All right."]), **settings)


@pytest.mark.parametrize(
    ("policy", "words", "held", "reason"),
    [
        ("hold-then-decide", "what about sunday", True, "words"),
        ("hold-then-decide", "stop", True, "stop word"),
        ("on-words(1)", "what about sunday", False, "words"),
        ("on-words(1)", "sunday", False, "words"),
        ("on-words(3)", "what about sunday", False, "words"),
        ("on-words(3)", "stop", False, "stop word"),
        ("on-words(3)", "hold on", False, "stop word"),
        ("on-vad", "", False, "sound"),
    ],
)
def test_what_each_policy_interrupts_for(policy: str, words: str, held: bool, reason: str):
    scene = cut_in(words, barge_in=policy)
    (decided,) = scene.trace.of(InterruptDecided)
    assert (decided.reason, decided.policy) == (reason, policy)
    assert bool(scene.trace.of(Held)) is held
    assert len(scene.trace.of(CutOff)) == 1
    if words:
        assert scene.history[-1] == ("bot", "All right.")
        assert scene.agent.asked[-1] == (words, True)


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ("on-words(3)", "what about"),
        ("never", "what about sunday"),
        ("never", "stop"),
        ("on-words(1)", "mm hm"),
        ("on-words(1)", ""),
        ("never", ""),
    ],
)
def test_what_each_policy_lets_pass(policy: str, words: str):
    scene = cut_in(words, barge_in=policy)
    assert not scene.trace.of(InterruptDecided)
    assert not scene.trace.of(Held)
    assert scene.speaker.heard == scene.speaker.all_sent
    kept = words and words != "mm hm"
    assert len(scene.agent.asked) == (2 if kept else 1)
    if kept:
        assert scene.agent.asked[1] == (words, False)
        assert scene.history[-1] == ("bot", "All right.")


def test_words_add_up_under_on_words():
    async def script(scene: Scene) -> None:
        await scene.ask(then_seconds=1.0)
        scene.user.hear("what", final=False)
        await clock.sleep(0.1)
        scene.user.hear("what about", final=True, ends_turn=None)
        await clock.sleep(0.1)
        assert not scene.trace.of(InterruptDecided)
        scene.user.hear("sunday", final=False)
        await clock.sleep(0.01)
        assert scene.trace.of(InterruptDecided)
        scene.user.hear("sunday")
        await clock.sleep(3.0)

    agent = ScriptedAgent([LINE, "All right."])
    play(script, agent=agent, barge_in="on-words(3)")
    assert agent.asked[-1] == ("what about sunday", True)


def test_a_partial_interrupts_as_soon_as_a_final():
    scene = cut_in("sunday", final=False)
    assert len(scene.trace.of(CutOff)) == 1
    assert scene.agent.asked[-1] == ("sunday", True)


@pytest.mark.parametrize("word", ["Stop!", "wait", "Hang on.", "quiet", "ENOUGH", "cancel"])
def test_stop_words_always_interrupt_however_short(word: str):
    scene = cut_in(word, sound=0.0, barge_in="on-words(5)")
    assert [fact.reason for fact in scene.trace.of(InterruptDecided)] == ["stop word"]


def test_long_sound_without_words_interrupts_after_0_6_s_of_voice():
    async def script(scene: Scene) -> None:
        await scene.ask(then_seconds=1.0)
        await scene.microphone(0.96, loud=True)
        await clock.sleep(0.1)

    scene = play(script)
    (decided,) = scene.trace.of(InterruptDecided)
    assert decided.reason == "long sound"
    voiced = scene.trace.at(InterruptDecided)[0] - 1.0
    assert 0.6 <= voiced < 0.6 + WINDOW_SECONDS + 1e-6
    assert scene.trace.at(Held) == [1.064]


# It was nothing


@pytest.mark.parametrize("reports", [True, False])
@pytest.mark.parametrize("prebuffer", [0.0, 0.05])
@pytest.mark.parametrize("rate", [16_000, 24_000])
def test_a_sound_without_words_resumes_with_not_a_sample_lost_or_repeated(
    reports: bool, prebuffer: float, rate: int
):
    async def script(scene: Scene) -> None:
        await scene.ask(then_seconds=1.0)
        await scene.microphone(0.192, loud=True)
        await scene.microphone(8.0)

    speaker = Listener(rate, reports=reports, prebuffer_seconds=prebuffer)
    scene = play(script, speaker=speaker)
    (held,), (resumed,) = scene.trace.of(Held), scene.trace.of(Resumed)
    assert resumed.reason == "no words"
    assert 0 <= resumed.at_sample - held.at_sample <= LAST_REPORT * reports * rate / 16_000
    assert speaker.heard == speaker.all_sent
    assert samples(speaker.heard) == round(len(LINE.split()) * 0.25 * rate)
    assert scene.history[-1] == ("bot", LINE)
    held_at, resumed_at = scene.trace.at(Held)[0], scene.trace.at(Resumed)[0]
    assert not [at for at, _ in speaker.chunks if held_at < at < resumed_at]
    sound_ends = 1.0 + 6 * WINDOW_SECONDS
    assert sound_ends + 0.8 <= resumed_at <= sound_ends + 0.8 + WINDOW_SECONDS


@pytest.mark.parametrize("words", ["mm-hm", "Yeah.", "okay", "Uh huh", "right, I see"])
def test_a_backchannel_resumes_at_once_and_is_nobodys_turn(words: str):
    scene = cut_in(words)
    assert scene.speaker.heard == scene.speaker.all_sent
    (resumed,) = scene.trace.of(Resumed)
    assert resumed.reason == "backchannel"
    assert 0 <= resumed.at_sample - scene.trace.of(Held)[0].at_sample <= LAST_REPORT
    assert [fact.reason for fact in scene.trace.of(TranscriptIgnored)] == ["backchannel"]
    assert len(scene.agent.asked) == 1
    assert len(scene.history) == 2


def test_held_again_and_again_it_is_still_the_same_sound():
    async def script(scene: Scene) -> None:
        await scene.ask(then_seconds=0.5)
        for _ in range(3):
            await scene.microphone(0.448, loud=True)
            await scene.microphone(1.28)
        await scene.microphone(6.0)

    scene = play(script)
    assert len(scene.trace.of(Held)) == len(scene.trace.of(Resumed)) == 3
    assert scene.speaker.heard == scene.speaker.all_sent


def test_a_sound_before_the_first_audio_holds_it_back_and_then_lets_it_go():
    async def script(scene: Scene) -> None:
        await scene.ask(then_seconds=0.1)
        await scene.microphone(0.128, loud=True)
        await scene.microphone(6.0)

    scene = play(script, agent=ScriptedAgent([LINE], think_seconds=0.4))
    assert scene.speaker.chunks[0][0] >= scene.trace.at(Resumed)[0]
    assert scene.speaker.heard == scene.speaker.all_sent
    assert scene.history[-1] == ("bot", LINE)


# The bot's own voice


def test_the_bots_own_words_resume_it():
    async def script(scene: Scene) -> None:
        await scene.ask(then_seconds=1.0)
        await scene.microphone(0.192, loud=True)
        scene.user.hear("are open from", ends_turn=None)
        await scene.microphone(6.0)

    scene = play(script)
    assert [fact.reason for fact in scene.trace.of(Resumed)] == ["echo"]
    assert scene.speaker.heard == scene.speaker.all_sent
    assert len(scene.agent.asked) == 1


def test_an_echo_that_is_written_down_after_the_bot_has_finished_is_nobodys_turn():
    async def script(scene: Scene) -> None:
        await scene.ask(then_seconds=len(LINE.split()) * 0.25 + 0.4)
        scene.user.hear("Sundays from ten to noon")
        await scene.microphone(6.0)

    scene = play(script)
    assert len(scene.agent.asked) == 1


def test_a_learned_echo_level_no_longer_holds_the_bot():
    async def script(scene: Scene) -> None:
        await scene.ask(then_seconds=0.5)
        await scene.microphone(0.128, loud=True)
        scene.user.hear("we are open", ends_turn=None)
        await scene.microphone(0.64)
        held = len(scene.trace.of(Held))
        await scene.microphone(0.128, loud=True)
        assert len(scene.trace.of(Held)) == held == 1
        await scene.microphone(0.64)
        await scene.ask("What about Sunday?", 3.0)

    scene = play(script, agent=ScriptedAgent([LINE, "All right."]))
    assert scene.agent.asked[-1] == ("What about Sunday?", True)


# Deaf while it speaks


@pytest.mark.parametrize("reports", [True, False])
def test_mute_hears_silence_from_the_first_until_the_last_played_sample(reports: bool):
    async def script(scene: Scene) -> None:
        await scene.microphone(0.32, loud=True)
        await scene.ask(then_seconds=0.0)
        await scene.microphone(len(LINE.split()) * 0.25 + 2.0, loud=True)

    speaker = Listener(reports=reports, prebuffer_seconds=0.05)
    scene = play(script, speaker=speaker, echo="mute")
    assert not scene.trace.of(Held)
    received = bytes(scene.user.received)
    quiet = received.count(bytes(1024))
    assert received.startswith(b"\x01\x20" * 512)
    assert received.endswith(b"\x01\x20" * 512)
    last = scene.trace.at(PlaybackFinished)[0]
    played = len(LINE.split()) * 0.25 + 0.05
    assert quiet * WINDOW_SECONDS == pytest.approx(played, abs=0.1)
    assert last >= played


@pytest.mark.parametrize("after", [0.0, 0.03, 0.5])
def test_mute_hears_again_as_soon_as_the_bot_was_cut_off(after: float):
    async def script(scene: Scene) -> None:
        scene.user.hear(QUESTION)
        while not scene.speaker.chunks:
            await clock.sleep(0)
        await clock.sleep(after)
        assert scene.user.is_muted
        scene.conversation.broadcast_interrupt()
        await clock.sleep(0.5)
        assert not scene.user.is_muted

    play(script, echo="mute")


@pytest.mark.parametrize("echo", ["browser-aec", "mute"])
def test_a_transcriber_that_its_owner_muted_stays_muted(echo: str):
    async def script(scene: Scene) -> None:
        scene.conversation.transcriber.mute()
        await scene.ask(then_seconds=5.0)
        assert scene.history[-1] == ("bot", LINE)
        assert scene.user.is_muted

    play(script, echo=echo)
