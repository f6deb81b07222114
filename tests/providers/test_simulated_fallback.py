"""A fault of a scenario in, and the second provider that was named carries the conversation on."""

from __future__ import annotations

from typing import Any

import pytest

from bench.events import FellBack, ProviderFailed, Retried, WorkerFailed
from bench.simulation.faults import Fault
from tests.providers.simulated_call import ASKS, HOURS, STACK, Call, call

pytestmark = pytest.mark.unit

SECOND = {
    "transcriberFallback": "sim:assemblyai-u3-rt-pro",
    "llmFallback": "sim:gpt-4.1-mini",
    "voiceFallback": "sim:azure-neural",
}
SURE = {
    name: {"word_error_rate": 0, "unstable_words": 0}
    for name in (STACK["stt"], SECOND["transcriberFallback"])
}
AGAIN = (22.0, "again", "And on Sundays?")
QUESTION, NEXT = "What are your opening hours?", "And on Sundays?"


def called(*faults: Fault, **config: Any) -> Call:
    more = {"config": {**SECOND, **config}, "overrides": SURE}
    return call(ASKS, AGAIN, faults=faults, seconds=34.0, **more)


@pytest.mark.parametrize(
    "fault",
    [
        Fault("stt", "http_503", every=True),
        Fault("stt", "http_429", every=True),
        Fault("stt", "stall", utterance="hello", after_partial=1, for_seconds=60.0),
        Fault("llm", "http_503", every=True),
        Fault("llm", "http_429", every=True),
        Fault("llm", "stall", turn=1, for_seconds=60.0),
        Fault("tts", "connect_timeout", every=True),
        Fault("tts", "http_429", every=True),
        Fault("tts", "stall", turn=1, for_seconds=60.0),
        Fault("tts", "stall", turn=1, after_audio_seconds=0.9, for_seconds=60.0),
        Fault("tts", "disconnect", turn=1, after_audio_seconds=0.9),
        Fault("tts", "disconnect", turn=1, after_audio_seconds=4.0),
        Fault("tts", "malformed", turn=1, after_audio_seconds=1.5),
    ],
    ids=lambda fault: f"{fault.at}-{fault.kind}-{fault.point}",
)
def test_the_answer_is_heard_whole(fault: Fault):
    made = called(fault)
    names = {"stt": "transcriberFallback", "llm": "llmFallback", "tts": "voiceFallback"}
    falls = {(fact.provider, fact.to) for fact in made.trace.of(FellBack)}
    assert falls == {(STACK[fault.at], SECOND[names[fault.at]])}
    assert ("bot", HOURS) in made.history
    assert made.history[-1] == ("bot", "All right.")
    assert not made.trace.of(WorkerFailed)
    assert {fact.provider for fact in made.trace.of(ProviderFailed)} == {STACK[fault.at]}


@pytest.mark.parametrize("kind", ["disconnect", "malformed", "stall"])
def test_an_answer_that_broke_off_is_apologised_for_and_the_next_is_another_s(kind: str):
    made = called(Fault("llm", kind, turn=1, after_tokens=14, for_seconds=60.0))
    assert not made.trace.of(FellBack)
    bot = [text for who, text in made.history if who == "bot"]
    assert bot[0] == "We are open from nine to five on weekdays."
    assert "something went wrong" in bot[1]
    assert bot[2] == "All right."


def test_ears_whose_stream_breaks_once_are_the_same_ears():
    made = called(Fault("stt", "disconnect", utterance="hello", after_partial=1))
    assert [fact.provider for fact in made.trace.of(Retried)] == [STACK["stt"]]
    assert not made.trace.of(FellBack)
    assert made.history[0] == ("user", QUESTION)
    assert ("user", NEXT) in made.history


def test_it_is_the_same_twice():
    fault = Fault("tts", "disconnect", turn=1, after_audio_seconds=0.9)
    assert list(called(fault).trace.lines()) == list(called(fault).trace.lines())


def test_fallbacks_that_are_not_needed_change_nothing_but_the_settings():
    backed, alone = called(), call(ASKS, AGAIN, seconds=34.0, overrides=SURE)
    assert list(backed.trace.lines())[1:] == list(alone.trace.lines())[1:]
