"""Stages add up, interrupts come apart, and a conversation sums up to what happened in it."""

import statistics

import pytest

from bench import clock
from bench.engine.output import OutputDevice
from bench.events import (
    AgentRequested,
    ConversationStarted,
    CutOff,
    Fact,
    FirstAudio,
    FirstToken,
    Held,
    InterruptDecided,
    PlaybackFinished,
    PlaybackStarted,
    Resumed,
    SentenceReady,
    Silenced,
    SynthesisRequested,
    TurnCommitted,
    TurnWithdrawn,
    UserStartedSpeaking,
    UserStoppedSpeaking,
)
from bench.metrics.interrupts import interrupts, pauses
from bench.metrics.session import quantile, session
from bench.metrics.turns import STAGES, figures, turns
from bench.testing import ScriptedAgent, ScriptedTranscriber, ToneSynthesizer
from bench.testing import create_test_conversation as conversation
from bench.trace import Entry, Trace

pytestmark = pytest.mark.unit


def trace(*entries: tuple[float, Fact]) -> Trace:
    made = Trace()
    made.entries = [Entry(at, fact) for at, fact in entries]
    return made


ANSWERED = (
    (0.0, ConversationStarted({"vad_end_seconds": 0.2})),
    (1.0, UserStartedSpeaking("vad", at_sample=14_000)),
    (2.224, UserStoppedSpeaking("vad", at_sample=32_000)),
    (2.7, TurnCommitted("hello", "silence", turn=1)),
    (2.701, AgentRequested(turn=1)),
    (2.9, FirstToken(turn=1)),
    (3.0, SentenceReady("We are open.", turn=1)),
    (3.001, SynthesisRequested(12, turn=1)),
    (3.1, FirstAudio(turn=1)),
    (3.15, PlaybackStarted(1, False, turn=1)),
    (3.2, SentenceReady("From nine to five.", turn=1)),
    (5.15, PlaybackFinished(1, 32_000, False, turn=1)),
)


def test_stages_follow_one_another_and_add_up() -> None:
    (turn,) = turns(trace(*ANSWERED))
    assert turn.stages.endpoint == pytest.approx(0.7)  # speech ended at 2.0: 7 windows earlier
    assert turn.stages.first_token == pytest.approx(0.199)
    assert turn.stages.voice_to_voice == pytest.approx(3.15 - 2.0)
    assert turn.stages.response == pytest.approx(3.15 - 2.7)
    assert turn.played_seconds == pytest.approx(2.0)
    assert turn.heard == turn.intended == "We are open. From nine to five."
    assert turn.over
    assert not turn.cut_off


def test_what_the_trace_does_not_tell_is_none() -> None:
    without_voice = [e for e in ANSWERED if not isinstance(e[1], UserStoppedSpeaking)]
    (turn,) = turns(trace(*without_voice))
    assert turn.stages.endpoint is None
    assert turn.stages.voice_to_voice is None
    assert turn.stages.response == pytest.approx(0.45)
    (unfinished,) = turns(trace(*ANSWERED[:6]))
    assert unfinished.stages.first_token is not None
    assert unfinished.stages.playout is None
    assert unfinished.heard == ""
    assert not unfinished.over


def test_a_later_prompt_of_the_same_turn_does_not_change_its_answer() -> None:
    prompt = (
        (14.0, SentenceReady("Are you still there?", turn=1)),
        (14.2, PlaybackStarted(2, False, turn=1)),
        (15.2, PlaybackFinished(2, 16_000, False, turn=1)),
    )
    assert turns(trace(*ANSWERED, *prompt)) == turns(trace(*ANSWERED))


def test_a_withdrawn_turn_has_no_answer() -> None:
    gone = (2.8, TurnWithdrawn("hello", "interrupted", turn=1))
    (turn,) = turns(trace(*ANSWERED[:5], gone))
    assert turn.withdrawn
    assert turn.stages.playout is None
    assert session(trace(*ANSWERED[:5], gone)).answered == 0


def test_figures_are_flat_and_json() -> None:
    row = figures(trace(*ANSWERED), 1)
    assert {f"{name}_seconds" for name in STAGES} < row.keys()
    assert row["synthesis_seconds"] == 0.099
    assert figures(trace(*ANSWERED), 7) == {}


CUT = (
    (10.0, UserStartedSpeaking("vad", at_sample=158_000)),
    (10.0, Held("speech", "hold-then-decide", 4000, turn=1)),
    (10.4, InterruptDecided("words", "hold-then-decide", 166_000, turn=1)),
    (10.43, Silenced("cleared", "hold-then-decide", 4000, turn=1)),
    (10.43, CutOff("We are", "We are open.", "We are", 4000, 8000, False, turn=1)),
)


def test_an_interrupt_comes_apart_into_detect_decide_flush() -> None:
    (cut,) = interrupts(trace(*ANSWERED[:-1], *CUT))
    # 8000 samples before the decision at 10.4 the user began: at 9.9.
    assert cut.detect == pytest.approx(0.1)
    assert cut.paused == pytest.approx(0.1)
    assert cut.decide == pytest.approx(0.4)
    assert cut.flush == pytest.approx(0.03)
    assert cut.total == pytest.approx(0.53)
    assert cut.dropped_seconds == pytest.approx(0.5)


def test_a_button_makes_no_sound_to_detect() -> None:
    pressed = (10.4, InterruptDecided("requested", "hold-then-decide", 166_000, turn=1))
    (cut,) = interrupts(trace(*ANSWERED[:-1], pressed, *CUT[3:]))
    assert cut.detect is None
    assert cut.total is None
    assert cut.flush == pytest.approx(0.03)


def test_a_hold_for_nothing_is_a_pause() -> None:
    resumed = (11.2, Resumed("no words", "hold-then-decide", 4000, turn=1))
    assert pauses(trace(*CUT[:2], resumed)) == pytest.approx([1.2])
    assert pauses(trace(*CUT)) == []


@pytest.mark.parametrize("share", [0.5, 0.95])
def test_quantiles_are_those_of_the_statistics_module(share: float) -> None:
    values = sorted([0.3, 1.0, 0.1, 0.2, 0.9, 0.4, 7.0])
    expected = statistics.quantiles(values, n=100, method="inclusive")[round(share * 100) - 1]
    assert quantile(values, share) == pytest.approx(expected)
    assert quantile([], share) is None


def test_a_real_conversation_is_timed_to_the_microsecond() -> None:
    async def talk() -> Trace:
        hears = ScriptedTranscriber()
        call = conversation(
            transcriber=hears,
            agent=ScriptedAgent(["Yes indeed. Quite so."], think_seconds=0.15, word_seconds=0.01),
            synthesizer=ToneSynthesizer(first_seconds=0.08),
            output_device=_Silent(),
        )
        await call.start()
        hears.hear("is it?")
        await clock.sleep(10)
        await call.terminate()
        return call.trace

    (turn,) = turns(clock.run(talk(), virtual=True))
    assert turn.stages.first_token == pytest.approx(0.15, abs=1e-6)
    assert turn.stages.synthesis == pytest.approx(0.08, abs=1e-6)
    assert turn.stages.response == pytest.approx(0.15 + 0.02 + 0.08, abs=1e-6)
    assert turn.heard == "Yes indeed. Quite so."


class _Silent(OutputDevice):
    def consume_nonblocking(self, chunk: bytes) -> None:
        pass
