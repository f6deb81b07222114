"""Every way and every moment to cut in, and what is left of the answer afterwards."""

import pytest

from bench import clock
from bench.engine.output import Utterance
from bench.engine.transcript import Sender
from bench.events import (
    CutOff,
    FirstAudio,
    Held,
    InterruptDecided,
    PlaybackFinished,
    PlaybackStarted,
    Resumed,
    Silenced,
    TranscriptIgnored,
    TurnCommitted,
    TurnWithdrawn,
)
from bench.testing import ScriptedAgent, ToneSynthesizer
from tests.engine.scene import LINE, SENTENCES, WINDOW_SECONDS, Listener, Scene, play, samples

pytestmark = pytest.mark.unit

QUESTION = "When are you open?"
LAST_REPORT = 960  # samples that a loudspeaker plays between two reports


# Before the first audio


def test_while_the_agent_thinks_the_turn_is_withdrawn_and_the_next_is_answered():
    async def script(scene: Scene) -> None:
        await scene.ask(then_seconds=0.5)
        await scene.ask("I mean on Sunday.", 5.0)

    agent = ScriptedAgent([LINE, "From ten to noon."], think_seconds=1.0)
    scene = play(script, agent=agent)
    assert agent.asked == [(QUESTION, False), ("I mean on Sunday.", True)]
    assert scene.history == [
        ("user", QUESTION),
        ("user", "I mean on Sunday."),
        ("bot", "From ten to noon."),
    ]
    (withdrawn,) = scene.trace.of(TurnWithdrawn)
    assert (withdrawn.turn, withdrawn.text) == (1, QUESTION)
    assert not scene.trace.of(CutOff)
    assert len(scene.speaker.utterances) == 1
    assert scene.conversation.transcript.unanswered() == []


def test_while_the_synthesizer_has_given_no_audio_yet_the_turn_is_withdrawn():
    async def script(scene: Scene) -> None:
        await scene.ask(then_seconds=0.5)
        assert scene.conversation.broadcast_interrupt()
        await clock.sleep(5.0)

    scene = play(script, synthesizer=ToneSynthesizer(first_seconds=1.0))
    assert [fact.turn for fact in scene.trace.of(TurnWithdrawn)] == [1]
    assert not scene.trace.of(FirstAudio)
    assert not scene.trace.of(CutOff)
    assert scene.history == [("user", QUESTION)]
    assert scene.speaker.utterances == []


def test_in_the_pass_in_which_the_turn_is_committed():
    async def script(scene: Scene) -> None:
        scene.user.hear(QUESTION)
        while not scene.trace.of(TurnCommitted):
            await clock.sleep(0)
        assert scene.conversation.broadcast_interrupt()
        assert not scene.conversation.broadcast_interrupt()
        await clock.sleep(3.0)

    scene = play(script)
    assert scene.agent.asked == []
    assert scene.history == [("user", QUESTION)]


@pytest.mark.parametrize("passes", range(30))
def test_in_every_pass_of_the_loop_on_the_way_to_the_first_sound(passes: int):
    async def script(scene: Scene) -> None:
        scene.user.hear(QUESTION)
        for _ in range(passes):
            await clock.sleep(0)
        scene.conversation.broadcast_interrupt()
        await clock.sleep(10.0)
        await scene.ask("And on Sunday?", 10.0)

    scene = play(script, agent=ScriptedAgent([SENTENCES]))
    assert scene.history[-1] == ("bot", SENTENCES)
    withdrawn, cut = scene.trace.of(TurnWithdrawn), scene.trace.of(CutOff)
    if scene.trace.of(InterruptDecided):
        assert len(withdrawn) + len(cut) == 1
    assert scene.heard_is_what_was_sent()


# While it speaks


def test_the_voice_is_gone_at_once_and_the_history_keeps_what_was_heard():
    async def script(scene: Scene) -> None:
        await scene.ask(then_seconds=1.1)
        assert scene.conversation.broadcast_interrupt()
        (_, bot) = scene.conversation.transcript.event_logs
        assert (bot.text, bot.interrupted, bot.intended) == ("We are open from", True, LINE)
        await clock.sleep(5.0)

    scene = play(script)
    assert samples(scene.speaker.heard) == round(1.1 * 16_000)
    assert scene.heard_is_what_was_sent()
    (cut,) = scene.trace.of(CutOff)
    assert (cut.heard, cut.intended, cut.context) == ("We are open from", LINE, "We are open from")
    sent = samples(scene.speaker.all_sent)
    assert (cut.played, cut.dropped, cut.estimated) == (17_600, sent - 17_600, False)
    (silenced,) = scene.trace.of(Silenced)
    assert silenced.at_sample == 17_600
    assert scene.trace.at(Silenced) == scene.trace.at(InterruptDecided) == [1.1]
    assert not scene.trace.of(PlaybackFinished)


def test_the_second_broadcast_finds_nothing_to_interrupt():
    async def script(scene: Scene) -> None:
        assert not scene.conversation.broadcast_interrupt()
        await scene.ask(then_seconds=1.0)
        assert scene.conversation.broadcast_interrupt()
        assert not scene.conversation.broadcast_interrupt()
        await clock.sleep(1.0)
        assert not scene.conversation.broadcast_interrupt()

    assert len(play(script).trace.of(InterruptDecided)) == 1


def test_twice_in_a_row_each_answer_is_cut_where_it_was_heard():
    async def script(scene: Scene) -> None:
        await scene.ask(then_seconds=1.1)
        await scene.ask("What about Sunday?", 0.6)
        await scene.ask("Stop talking please.", 3.0)

    agent = ScriptedAgent([LINE, "On Sunday we open at ten.", "All right."])
    scene = play(script, agent=agent)
    assert [interrupt for _, interrupt in agent.asked] == [False, True, True]
    assert scene.history == [
        ("user", QUESTION),
        ("bot", "We are open from –"),
        ("user", "What about Sunday?"),
        ("bot", "On Sunday –"),
        ("user", "Stop talking please."),
        ("bot", "All right."),
    ]


def test_twice_within_one_pass_of_the_loop():
    async def script(scene: Scene) -> None:
        await scene.ask(then_seconds=1.1)
        scene.user.hear("Stop.")
        scene.user.hear("Stop, I said.")
        await clock.sleep(5.0)

    agent = ScriptedAgent([LINE, "All right."])
    scene = play(script, agent=agent)
    assert scene.history[-1] == ("bot", "All right.")
    assert len(scene.trace.of(CutOff)) == 1
    assert [asked for asked, _ in agent.asked][-1] == "Stop, I said."


def test_in_the_greeting():
    async def script(scene: Scene) -> None:
        await clock.sleep(0.6)
        await scene.ask("Stop. When are you open?", 5.0)

    agent = ScriptedAgent(["From nine to five."])
    scene = play(script, agent=agent, greeting="Hello and welcome to the house.")
    assert scene.history == [
        ("bot", "Hello and –"),
        ("user", "Stop. When are you open?"),
        ("bot", "From nine to five."),
    ]
    assert agent.asked == [("Stop. When are you open?", True)]
    assert scene.trace.of(CutOff)[0].turn == 0
    assert not scene.trace.of(TurnWithdrawn)


def test_a_notice_that_is_not_interruptible_is_heard_out_and_the_words_answered_after():
    notice = "This call is recorded for training."

    async def script(scene: Scene) -> None:
        await clock.sleep(0.5)
        await scene.microphone(0.64, loud=True)
        assert not scene.conversation.broadcast_interrupt()
        await scene.ask("Stop. When are you open?")
        await clock.sleep(10.0)

    agent = ScriptedAgent(["From nine to five."])
    scene = play(script, agent=agent, greeting=notice, greeting_interruptible=False)
    assert scene.history == [
        ("bot", notice),
        ("user", "Stop. When are you open?"),
        ("bot", "From nine to five."),
    ]
    assert not scene.trace.of(CutOff)
    assert not scene.trace.of(Held)
    assert scene.speaker.heard == scene.speaker.all_sent


def test_a_notice_goes_on_when_the_answer_behind_it_is_called_off_while_held():
    notice = "This call is recorded for training."

    async def script(scene: Scene) -> None:
        await scene.ask(then_seconds=0.1)
        await scene.microphone(0.096, loud=True)  # holds what is being thought
        assert scene.trace.of(Held)
        scene.conversation.say(notice, is_interruptible=False)
        await clock.sleep(0.1)
        await scene.ask("No, on Sunday.", 10.0)

    agent = ScriptedAgent([LINE, "From ten to noon."], think_seconds=0.4)
    scene = play(script, agent=agent)
    assert ("bot", notice) in scene.history
    assert scene.history[-1] == ("bot", "From ten to noon.")


@pytest.mark.parametrize("reports", [True, False])
def test_in_the_last_100_ms(reports: bool):
    async def script(scene: Scene) -> None:
        words = len(LINE.split())
        await scene.ask(then_seconds=words * 0.25 - 0.05)
        assert scene.conversation.broadcast_interrupt()
        await clock.sleep(0.2)
        await scene.ask("Thanks a lot.", 5.0)

    agent = ScriptedAgent([LINE, "You are welcome."])
    scene = play(script, agent=agent, speaker=Listener(reports=reports))
    whole = LINE.rsplit(" ", 1)[0]
    assert scene.history[1:] == [
        ("bot", f"{whole} –"),
        ("user", "Thanks a lot."),
        ("bot", "You are welcome."),
    ]
    (cut,) = scene.trace.of(CutOff)
    assert cut.dropped == 800
    assert scene.heard_is_what_was_sent()
    assert len(scene.trace.of(PlaybackFinished)) == 1


def test_when_all_was_sent_and_the_last_report_is_still_out():
    async def script(scene: Scene) -> None:
        await scene.ask(then_seconds=len(LINE.split()) * 0.25 + 0.05)
        scene.conversation.broadcast_interrupt()
        await clock.sleep(2.0)

    scene = play(script, speaker=Listener(report_delay_seconds=0.2))
    assert scene.history[-1] in (("bot", LINE), ("bot", f"{LINE} –"))
    assert scene.speaker.heard == scene.speaker.all_sent


# While held


def test_while_held_by_words():
    async def script(scene: Scene) -> None:
        await scene.ask(then_seconds=1.0)
        await scene.microphone(0.096, loud=True)
        assert [name for _, name in scene.speaker.calls] == ["hold"]
        await clock.sleep(0.1)
        scene.user.hear("No, on Sunday.", ends_turn=True)
        await clock.sleep(5.0)

    agent = ScriptedAgent([LINE, "From ten to noon."])
    scene = play(script, agent=agent)
    assert [name for _, name in scene.speaker.calls] == ["hold", "clear"]
    assert agent.asked[-1] == ("No, on Sunday.", True)
    (held,), (cut,) = scene.trace.of(Held), scene.trace.of(CutOff)
    assert cut.played == pytest.approx((1.0 + 2 * WINDOW_SECONDS) * 16_000, abs=1)
    assert 0 <= cut.played - held.at_sample <= LAST_REPORT
    assert scene.history[-1] == ("bot", "From ten to noon.")


def test_while_held_by_the_button():
    async def script(scene: Scene) -> None:
        await scene.ask(then_seconds=1.0)
        await scene.microphone(0.096, loud=True)
        assert scene.conversation.broadcast_interrupt()
        await clock.sleep(2.0)
        await scene.ask("And on Sunday?", 5.0)

    scene = play(script)
    assert scene.history[-1] == ("bot", LINE)
    assert not scene.trace.of(Resumed)


def test_while_held_and_thinking():
    async def script(scene: Scene) -> None:
        await scene.ask(then_seconds=0.1)
        await scene.microphone(0.096, loud=True)
        (held,) = scene.trace.of(Held)
        assert held.at_sample == 0
        await scene.ask("On Sunday, I mean.", 5.0)

    agent = ScriptedAgent([LINE, "From ten to noon."], think_seconds=0.5)
    scene = play(script, agent=agent)
    assert scene.history[-1] == ("bot", "From ten to noon.")
    assert len(scene.trace.of(TurnWithdrawn)) == 1


def test_held_while_an_answer_that_says_nothing_comes_to_its_end():
    async def script(scene: Scene) -> None:
        await scene.ask(then_seconds=0.1)
        await scene.microphone(0.096, loud=True)
        await clock.sleep(1.0)  # the agent has nothing to say
        await scene.ask("Are you there?", 5.0)

    scene = play(script, agent=ScriptedAgent(["", "I am."], think_seconds=0.3))
    assert scene.history[-1] == ("bot", "I am.")


# What the client makes of it


def test_the_clients_answer_to_clear_comes_late_and_corrects_the_history():
    async def script(scene: Scene) -> None:
        await scene.ask(then_seconds=1.04)
        assert scene.conversation.broadcast_interrupt()
        (_, bot) = scene.conversation.transcript.event_logs
        assert bot.text == "We are open"  # by the last report
        await clock.sleep(0.19)
        assert not scene.trace.of(CutOff)
        await clock.sleep(0.02)
        assert bot.text == "We are open from"
        assert not bot.estimated

    scene = play(script, speaker=Listener(report_delay_seconds=0.2))
    (cut,) = scene.trace.of(CutOff)
    assert (cut.played, cut.estimated) == (round(1.04 * 16_000), False)
    assert scene.trace.at(Silenced) == [1.24]


def test_the_next_answer_waits_for_the_clients_account_of_the_last():
    async def script(scene: Scene) -> None:
        await scene.ask(then_seconds=1.04)
        await scene.ask("And on Sunday?", 3.0)

    class Reader(ScriptedAgent):
        async def generate_response(
            self, human_input: str, is_interrupt: bool, conversation_id: str
        ):
            self.seen = [m.text for m in self.transcript.event_logs]
            async for piece in super().generate_response(
                human_input, is_interrupt, conversation_id
            ):
                yield piece

    agent = Reader([LINE])
    play(script, agent=agent, speaker=Listener(report_delay_seconds=0.2))
    assert agent.seen == [QUESTION, "We are open from", "And on Sunday?"]


class Mute(Listener):
    """A far end that reports what it plays and never answers `clear`."""

    def _tell(self, report, utterance: int, samples: int) -> None:
        if report != self.ledger.report_cleared:
            super()._tell(report, utterance, samples)


def test_the_client_never_answers_clear_and_its_last_report_stands():
    async def script(scene: Scene) -> None:
        await scene.ask(then_seconds=1.05)
        scene.conversation.broadcast_interrupt()
        await clock.sleep(0.24)
        assert not scene.trace.of(CutOff)
        await clock.sleep(0.02)
        await scene.ask("And on Sunday?", 8.0)

    scene = play(script, speaker=Mute())
    (cut,) = scene.trace.of(CutOff)
    assert cut.played == 1.02 * 16_000
    assert cut.heard == "We are open from"
    assert scene.trace.at(CutOff) == [1.3]
    assert scene.history[-1] == ("bot", LINE)


def test_an_answer_to_clear_after_the_wait_is_too_late_for_the_history_and_harms_nothing():
    async def script(scene: Scene) -> None:
        await scene.ask(then_seconds=1.05)
        scene.conversation.broadcast_interrupt()
        await scene.ask("And on Sunday?", 8.0)

    scene = play(script, speaker=Listener(report_delay_seconds=0.5))
    (first, second) = scene.speaker.utterances
    assert first.sent == first.played + first.dropped
    assert second.played == second.sent


def test_a_client_that_stops_reporting_in_mid_speech_is_believed_up_to_its_last_report():
    class Dead(Listener):
        def _tell(self, report, utterance: int, samples: int) -> None:
            if clock.now() < 1.03:
                super()._tell(report, utterance, samples)

    async def script(scene: Scene) -> None:
        await scene.ask(then_seconds=8.0)

    scene = play(script, speaker=Dead())
    (cut,) = scene.trace.of(CutOff)
    assert cut.played == 1.02 * 16_000
    assert scene.history[-1] == ("bot", "We are open from –")


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


# Identity


def test_a_late_account_corrects_the_message_it_is_about_and_no_other():
    async def script(scene: Scene) -> None:
        await scene.ask(then_seconds=1.04)
        scene.conversation.broadcast_interrupt()
        scene.conversation.say("Excuse me, one more thing before you go.")
        await clock.sleep(0.15)
        bots = [m for m in scene.conversation.transcript.event_logs if m.sender is Sender.BOT]
        assert len(bots) == 2
        await clock.sleep(5.0)

    scene = play(script, speaker=Listener(report_delay_seconds=0.2))
    assert scene.history[1:] == [
        ("bot", "We are open from –"),
        ("bot", "Excuse me, one more thing before you go."),
    ]


def test_the_agent_may_keep_its_own_version_of_a_cut_off():
    class Diarist(ScriptedAgent):
        def update_last_bot_message_on_cut_off(self, text: str) -> None:
            super().update_last_bot_message_on_cut_off(f"{text}…")

    async def script(scene: Scene) -> None:
        await scene.ask(then_seconds=1.1)
        scene.conversation.broadcast_interrupt()

    scene = play(script, agent=Diarist([LINE]))
    (cut,) = scene.trace.of(CutOff)
    assert (cut.heard, cut.context) == ("We are open from", "We are open from…")


def test_an_estimated_cut_off_stays_marked_as_one():
    async def script(scene: Scene) -> None:
        await scene.ask(then_seconds=1.1)
        scene.conversation.broadcast_interrupt()

    scene = play(script, speaker=Listener(reports=False))
    (cut,) = scene.trace.of(CutOff)
    assert cut.estimated
    assert scene.conversation.transcript.event_logs[-1].estimated


def test_a_turn_waiting_behind_the_answer_that_is_cut_is_withdrawn_too():
    async def script(scene: Scene) -> None:
        await scene.ask(then_seconds=1.0)
        await scene.ask("Sunday?", 0.1)
        assert len(scene.agent.asked) == 2
        scene.conversation.broadcast_interrupt()
        await clock.sleep(3.0)

    agent = ScriptedAgent([LINE, "All right."], think_seconds=0.2)
    scene = play(script, agent=agent, barge_in="on-words(3)")
    assert [cut.turn for cut in scene.trace.of(CutOff)] == [1]
    assert [fact.turn for fact in scene.trace.of(TurnWithdrawn)] == [2]
    assert len(scene.trace.of(TurnCommitted)) == 2


def test_nothing_starts_to_play_after_it_was_cut_off():
    async def script(scene: Scene) -> None:
        await scene.ask(then_seconds=0.03)
        scene.conversation.broadcast_interrupt()
        await clock.sleep(2.0)

    scene = play(script, speaker=Listener(report_seconds=0.02, report_delay_seconds=0.02))
    kinds = [type(fact) for _, fact in scene.trace]
    assert PlaybackStarted not in kinds[kinds.index(InterruptDecided) :]


def test_a_report_of_nothing_played_is_no_start_of_playback():
    async def script(scene: Scene) -> None:
        await scene.ask(then_seconds=3.0)

    scene = play(script, speaker=Listener(prebuffer_seconds=0.2))
    assert scene.trace.at(PlaybackStarted)[0] >= 0.2


def test_the_interrupted_utterance_id_is_known_to_the_ledger_for_late_words():
    async def script(scene: Scene) -> None:
        await scene.ask(then_seconds=1.0)
        scene.conversation.broadcast_interrupt()
        first: Utterance = scene.speaker.utterances[0]
        scene.speaker.ledger.report_played(first.id, 10**9)
        scene.speaker.ledger.report_cleared(first.id, -5)
        scene.speaker.ledger.report_cleared(999, 5)
        assert first.played == 16_000

    play(script)
