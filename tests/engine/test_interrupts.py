"""Every moment to cut in, and what is left of the answer afterwards."""

import pytest

from bench import clock
from bench.events import (
    CutOff,
    FirstAudio,
    Held,
    InterruptDecided,
    PlaybackFinished,
    Resumed,
    Silenced,
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
