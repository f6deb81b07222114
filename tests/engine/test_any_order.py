"""Anything may happen in any pass of the loop; afterwards the conversation still works."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench import clock
from bench.engine.turns import Bot
from bench.events import CutOff, TurnCommitted, TurnWithdrawn, WorkerFailed
from bench.testing import ScriptedAgent, ToneSynthesizer
from tests.engine.scene import LOUD, QUIET, SENTENCES, Listener, Scene, play

pytestmark = pytest.mark.unit

ACTS = (
    "ask", "stop", "yeah", "partial", "sound", "silence", "button", "hold", "resume", "say",
    "notice", "mode", "voice", "cancel", "cleared", "played",
)  # fmt: skip
STEP = st.tuples(
    st.sampled_from(ACTS),
    st.integers(0, 6),  # passes of the loop afterwards …
    st.sampled_from([0.0, 0.0, 0.02, 0.1, 0.4, 1.1]),  # … and seconds
)


def do(scene: Scene, act: str) -> None:
    conversation, ledger = scene.conversation, scene.speaker.ledger
    newest = ledger.current.id if ledger.current is not None else 0
    acts: dict[str, Callable[[], object]] = {
        "ask": lambda: scene.user.hear("What about Sunday?"),
        "stop": lambda: scene.user.hear("stop", ends_turn=None),
        "yeah": lambda: scene.user.hear("yeah", ends_turn=None),
        "partial": lambda: scene.user.hear("what", final=False),
        "sound": lambda: conversation.receive_audio(LOUD * 8),
        "silence": lambda: conversation.receive_audio(QUIET * 8),
        "button": conversation.broadcast_interrupt,
        "hold": lambda: conversation.hold("outside"),
        "resume": lambda: conversation.resume("outside"),
        "say": lambda: conversation.say("One more thing."),
        "notice": lambda: conversation.say("One more thing.", is_interruptible=False),
        "mode": lambda: conversation.change(response_mode="buffered", lead_seconds=0.3),
        "voice": lambda: conversation.change(synthesizer=ToneSynthesizer(seconds_per_word=0.1)),
        "cancel": scene.agent.cancel_current_task,
        "cleared": lambda: ledger.report_cleared(newest, 100),
        "played": lambda: ledger.report_played(newest, 10**6),
    }
    acts[act]()


@given(
    steps=st.lists(STEP, max_size=25),
    barge_in=st.sampled_from(["hold-then-decide", "on-words(2)", "on-vad", "never"]),
    echo=st.sampled_from(["browser-aec", "mute"]),
    reports=st.booleans(),
    late=st.sampled_from([0.0, 0.1, 0.5]),
    pace=st.sampled_from([(0.0, 0.0, 0.0), (0.1, 0.05, 0.1), (0.5, 0.0, 0.4)]),
)
@settings(max_examples=80, deadline=None)
def test_afterwards_it_still_works(
    steps: list[tuple[str, int, float]],
    barge_in: str,
    echo: str,
    reports: bool,
    late: float,
    pace: tuple[float, float, float],
):
    async def script(scene: Scene) -> None:
        for act, passes, seconds in steps:
            do(scene, act)
            for _ in range(passes):
                await clock.sleep(0)
            if seconds:
                await clock.sleep(seconds)
        if scene.conversation.bot() is Bot.HELD:
            scene.conversation.resume("outside")
        await scene.microphone(0.64)
        await clock.sleep(90.0)
        conversation = scene.conversation
        assert conversation.bot() is Bot.IDLE
        assert not conversation._floor.live
        assert not scene.user.is_muted
        asked = len(scene.agent.asked)
        scene.user.hear("Are you there?")
        await clock.sleep(20.0)
        assert len(scene.agent.asked) == asked + 1
        assert scene.history[-1] == ("bot", SENTENCES)

    think, word, first = pace
    scene = play(
        script,
        agent=ScriptedAgent([SENTENCES], think_seconds=think, word_seconds=word),
        synthesizer=ToneSynthesizer(seconds_per_word=0.25, first_seconds=first),
        speaker=Listener(reports=reports, report_delay_seconds=late),
        barge_in=barge_in,
        echo=echo,
    )
    assert not scene.trace.of(WorkerFailed)
    turns = [fact.turn for fact in scene.trace.of(TurnCommitted)]
    assert turns == list(range(1, len(turns) + 1))
    for cut in scene.trace.of(CutOff):
        assert cut.intended.startswith(cut.heard)
    withdrawn = [fact.turn for fact in scene.trace.of(TurnWithdrawn)]
    assert len(set(withdrawn)) == len(withdrawn)
    assert all(fact.text for fact in scene.trace.of(TurnWithdrawn))
