"""The scripted user keeps its anchors to the sample, and the listener tells what sounded."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bench.audio import SAMPLE_RATE
from bench.events import CutOff, TurnCommitted, UserStartedSpeaking, UserStoppedSpeaking
from bench.replay.scenario import Anchor, Channel, Jitter, Loss, Scenario, Setup
from bench.truths import ListenerHeard, Sounded, StepMissed, StepPlayed
from tests.replay.some_calls import LINE, call, step

pytestmark = pytest.mark.replay

HELLO = step("hello", Anchor("time", 0.5))


def scenario(*steps, **setup):
    return Scenario("call", tuple(steps), setup=Setup(**setup))


def played(trace, id):
    return next(fact for fact in trace.of(StepPlayed) if fact.step == id)


def test_a_step_begins_at_its_time_to_the_sample_and_is_answered():
    trace, _, _, conversation = call(scenario(HELLO))
    fact = played(trace, "hello")
    assert fact.at_sample == 8000
    assert fact.end_sample == 8000 + 2 * 3200
    assert [word.start_sample for word in fact.words] == [8000, 11200]
    script = [f for f in trace.of(UserStartedSpeaking) if f.source == "script"]
    assert [f.at_sample for f in script] == [8000]
    assert [f.at_sample for f in trace.of(UserStoppedSpeaking) if f.source == "script"] == [14400]
    assert [fact.text for fact in trace.of(ListenerHeard)] == [LINE]
    assert conversation.turn == 1


def test_what_sounded_is_told_with_its_instants():
    trace, user, listener, _ = call(scenario(HELLO))
    (sounded,) = trace.of(Sounded)
    assert sounded.reason == "finished"
    # The end of the turn, thinking, and the listener's own buffer; the words are 250 ms each.
    committed = next(at for at, fact in trace if isinstance(fact, TurnCommitted))
    began = committed + 0.5 + 0.05
    assert sounded.began_at == pytest.approx(began, abs=0.011)
    assert sounded.ended_at - sounded.began_at == pytest.approx(8 * 0.25 - 0.04, abs=0.03)
    first = round(sounded.began_at * SAMPLE_RATE)
    heard = listener.sounded_between(listener.origin, len(user.received) // 2)
    loud = np.flatnonzero(np.abs(np.frombuffer(heard, "<i2")) > 500)
    assert abs(loud[0] - first) < SAMPLE_RATE * 0.011


@pytest.mark.parametrize("word", [1, 3, 4])
def test_an_interrupt_comes_after_the_word_that_was_played(word):
    cut = step("cut", Anchor("bot_word", word=word), "stop it now", role="interrupt")
    trace, *_ = call(scenario(HELLO, cut))
    began = trace.of(Sounded)[0].began_at
    words = LINE.split()
    cut_in = played(trace, "cut").at_sample / SAMPLE_RATE - began
    assert cut_in == pytest.approx(0.25 * word - 0.04, abs=0.012)
    heard, *_ = trace.of(ListenerHeard)
    (settled,) = trace.of(CutOff)
    # "stop it now" takes 0.6 s, and is understood 0.1 s after: three or four words more.
    assert heard.text == settled.heard == " ".join(words[: len(heard.text.split())])
    assert heard.samples == settled.played
    assert word + 2 <= len(heard.text.split()) <= min(word + 4, 8)
    assert trace.of(Sounded)[0].reason == "cleared"


def test_anchors_follow_the_bot_and_the_script():
    steps = (
        HELLO,
        step("again", Anchor("bot_ends", 0.3)),
        step("mhm", Anchor("bot_starts", 0.4), "mhm", role="backchannel"),
        step("more", Anchor("after", 0.2, step="mhm"), "mhm", role="backchannel"),
        step("over", Anchor("user_word", 0.05, step="more", word=1), "x", role="noise"),
        step("last", Anchor("bot_ends", 0.25)),
    )
    trace, *_ = call(scenario(*steps), barge_in="on-words(2)")
    began = [fact.began_at for fact in trace.of(Sounded)]
    over = [round(fact.began_at + fact.samples / SAMPLE_RATE, 6) for fact in trace.of(Sounded)]
    at = {f.step: (f.at_sample / SAMPLE_RATE, f.end_sample / SAMPLE_RATE)
          for f in trace.of(StepPlayed)}  # fmt: skip
    assert at["again"][0] == pytest.approx(over[0] + 0.3, abs=0.011)
    assert at["mhm"][0] == pytest.approx(began[1] + 0.4, abs=1e-4)
    assert at["more"][0] == pytest.approx(at["mhm"][1] + 0.2, abs=1e-4)
    assert at["over"][0] == pytest.approx(at["more"][1] + 0.05, abs=1e-4)
    assert at["last"][0] == pytest.approx(over[1] + 0.25, abs=0.011)


def test_a_fact_is_an_anchor_too():
    early = step("early", Anchor("event", 0.1, event="AgentRequested"), role="interrupt")
    trace, *_ = call(scenario(HELLO, early), think_seconds=1.0)
    requested = next(at for at, fact in trace if type(fact).__name__ == "AgentRequested")
    assert played(trace, "early").at_sample / SAMPLE_RATE == pytest.approx(
        requested + 0.1, abs=1e-4
    )


@pytest.mark.parametrize(
    ("policy", "then"), [("fail", []), ("skip", ["last"]), ("say_now", ["late", "last"])]
)
def test_an_anchor_that_does_not_come(policy, then):
    late = step(
        "late", Anchor("bot_word", word=50), timeout_seconds=4.0, if_missed=policy, role="interrupt"
    )
    last = step("last", Anchor("time", 8.0))
    trace, *_ = call(scenario(HELLO, late, last))
    (missed,) = trace.of(StepMissed)
    assert (missed.step, missed.policy) == ("late", policy)
    assert "bot_word" in missed.reason
    assert [fact.step for fact in trace.of(StepPlayed)] == ["hello", *then]


def test_the_time_limit_ends_a_script_and_says_what_was_left():
    never = step("never", Anchor("time", 9.0), timeout_seconds=20.0)
    trace, user, *_ = call(scenario(HELLO, never, max_seconds=4.0))
    assert len(user.received) == 4 * 2 * SAMPLE_RATE
    (missed,) = trace.of(StepMissed)
    assert "max_s" in missed.reason


def test_silence_is_a_step_and_idle_prompts_come_in_it():
    idle = step("idle", Anchor("bot_ends"), "", silence=9.0, role="silence")
    trace, *_ = call(scenario(HELLO, idle), idle_seconds=4.0, idle_prompts=("Are you there?",) * 2)
    assert [fact.text for fact in trace.of(ListenerHeard)][1:] == ["Are you there?"] * 2


def test_the_line_delays_loses_and_quantises_the_same_way_each_time():
    channel = Channel(
        codec="pcmu-8k",
        loss=Loss(0.2, "gilbert", 0.06),
        jitter=Jitter(0.015),
        delay_seconds=0.04,
    )
    runs = [call(scenario(HELLO, channel=channel)) for _ in range(2)]
    lines = [list(trace.lines()) for trace, *_ in runs]
    assert lines[0] == lines[1]
    (_, user, *_), plain = runs[0], call(scenario(HELLO))[1]
    assert len(user.received) >= len(plain.received)
    assert bytes(user.received[:40000]) != bytes(plain.received[:40000])
    other = call(scenario(HELLO, channel=channel), seed=1)[1]
    assert bytes(other.received) != bytes(user.received)


def test_the_bot_leaks_into_the_microphone():
    echo = replace(Setup().channel, echo_db=-20.0)
    trace, user, listener, _ = call(scenario(HELLO, channel=echo), barge_in="never")
    (sounded,) = trace.of(Sounded)
    mic = np.frombuffer(bytes(user.received), "<i2").astype(float)
    at = round((sounded.began_at + 0.5) * SAMPLE_RATE)
    leaked = np.sqrt(np.mean(mic[at : at + 8000] ** 2))
    voice = np.frombuffer(listener.sounded_between(sounded.began_at + 0.5, 8000), "<i2")
    assert 20 * np.log10(leaked / np.sqrt(np.mean(voice.astype(float) ** 2))) == pytest.approx(
        -20, abs=1.5
    )
