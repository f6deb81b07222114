"""What the far end says of a cut-off, in time, late or never, and whose message it is about."""

import pytest

from bench import clock
from bench.engine.output import Utterance
from bench.engine.transcript import Sender
from bench.events import (
    CutOff,
    InterruptDecided,
    PlaybackStarted,
    Silenced,
    TurnCommitted,
    TurnWithdrawn,
)
from bench.testing import ScriptedAgent
from tests.engine.scene import LINE, Listener, Scene, play

pytestmark = pytest.mark.unit

QUESTION = "When are you open?"
LAST_REPORT = 960  # samples that a loudspeaker plays between two reports


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
