"""A whole call with simulated providers: a turn, an interrupt, every fault; the same every time."""

from __future__ import annotations

import subprocess
import sys
from hashlib import blake2b
from pathlib import Path

import pytest

from bench.errors import ConfigError
from bench.events import (
    AgentFinished,
    AgentRequested,
    ConversationEnded,
    CutOff,
    Fact,
    FirstAudible,
    FirstAudio,
    FirstToken,
    PlaybackFinished,
    ProviderFailed,
    Retried,
    SentenceReady,
    SynthesisRequested,
    TranscriptReceived,
    TurnCommitted,
    WorkerFailed,
)
from bench.providers.handler import VoiceHandler
from bench.settings import KEY_VARIABLES
from bench.simulation.draws import Draws
from bench.simulation.faults import KINDS_OF, Fault
from bench.simulation.profiles import names, profile
from tests.providers.simulated_call import ASKS, CUTS_IN, HOURS, STACK, Call, call

pytestmark = pytest.mark.replay

ROOT = Path(__file__).parents[2]
APOLOGY = "Sorry, something went wrong. Could you say that again?"


def first(made: Call, kind: type[Fact], turn: int = 1) -> float:
    return next(at for at, fact in made.trace if isinstance(fact, kind) and fact.turn == turn)


def digest(made: Call) -> str:
    return blake2b("\n".join(made.trace.lines()).encode(), digest_size=8).hexdigest()


def test_a_turn_takes_what_was_drawn_for_it():
    made, draws = call(), Draws(7)
    stt, llm, tts = (
        profile(STACK["stt"], role="stt"),
        profile(STACK["llm"], role="llm"),
        profile(STACK["tts"], role="tts"),
    )
    assert made.history == [("user", ASKS[2]), ("bot", HOURS)]
    (final,) = [at for at, f in made.trace if isinstance(f, TranscriptReceived) and f.final]
    end_of_speech = 0.5 + 5 * 0.3 - 0.05
    wait = stt.final.draw(draws, "hello", "stt.final", 0)
    assert final == pytest.approx(end_of_speech + wait, abs=2e-6)
    think = first(made, FirstToken) - first(made, AgentRequested)
    wait = llm.first_token.draw(draws, "hello", "llm.first_token", 0)
    assert think == pytest.approx(wait, abs=2e-6)
    speak = first(made, FirstAudio) - first(made, SynthesisRequested)
    wait = tts.first_audio.draw(draws, "hello", "tts.first_audio", 0)
    (audible,) = [f for f in made.trace.of(FirstAudible) if f.turn == 1]
    lead = audible.lead_samples / 16_000
    assert speak + lead == pytest.approx(wait, abs=0.011)  # found in windows of 10 ms


def test_an_interrupt_cuts_the_answer_at_what_was_heard():
    made = call(ASKS, CUTS_IN)
    (cut,) = made.trace.of(CutOff)
    assert HOURS.startswith(cut.heard)
    assert 3 < len(cut.heard.split()) < len(HOURS.split())
    assert made.history == [
        ("user", ASKS[2]),
        ("bot", f"{cut.heard} –"),
        ("user", CUTS_IN[2]),
        ("bot", "All right."),
    ]
    assert len(made.trace.of(PlaybackFinished)) == 1


def test_the_next_step_is_answered_as_if_there_had_been_no_other():
    alone = call(ASKS, (9.0, "cut", CUTS_IN[2]))
    after_more = call(ASKS, (5.0, "more", "Anything else today?"), (9.0, "cut", CUTS_IN[2]))

    def pace(made: Call) -> list[float]:
        """The stages of the answer to the last step."""
        turn = made.conversation.turn
        kinds = (AgentRequested, FirstToken, AgentFinished, SynthesisRequested, FirstAudio)
        at = [first(made, kind, turn) for kind in kinds]
        return [round(at[1] - at[0], 5), round(at[2] - at[1], 5), round(at[4] - at[3], 5)]

    assert after_more.conversation.turn == alone.conversation.turn + 1
    assert pace(after_more) == pace(alone)


def test_another_model_leaves_the_other_stages_as_they_were():
    one, other = call(), call(stack={"llm": "sim:claude-sonnet-5"})
    for kind in (TranscriptReceived, TurnCommitted, AgentRequested):
        assert one.trace.at(kind) == other.trace.at(kind)

    def speaking(made: Call) -> list[float]:
        begins, comes = made.trace.at(SynthesisRequested), first(made, FirstAudio)
        return [round(comes - begins[0], 5)]

    assert speaking(one) == speaking(other)
    assert first(one, FirstToken) != first(other, FirstToken)


def test_the_same_call_is_the_same_to_the_byte_and_another_seed_is_not():
    script = (ASKS, CUTS_IN)
    faults = [Fault("llm", "stall", turn=2, for_seconds=1.0)]
    one, again = (list(call(*script, faults=faults).trace.lines()) for _ in range(2))
    assert one == again
    assert list(call(*script, faults=faults, seed=8).trace.lines()) != one


def test_the_same_in_processes_with_other_hash_seeds():
    asked = (
        "from tests.providers.simulated_call import ASKS, CUTS_IN, call\n"
        "from tests.providers.test_simulated import digest\n"
        "print(digest(call(ASKS, CUTS_IN, replies=())))"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", asked],
            env={"PYTHONHASHSEED": seed},
            cwd=ROOT,
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("0", "1", "4711")
    }
    assert digests == {f"{digest(call(ASKS, CUTS_IN, replies=()))}\n"}


@pytest.mark.parametrize(
    ("stage", "kind"), [(s, k) for s, kinds in KINDS_OF.items() for k in kinds]
)
def test_after_any_fault_the_conversation_goes_on(stage: str, kind: str):
    made = call(ASKS, (9.0, "again", "And on Sundays?"), faults=[Fault(stage, kind, turn=1)])
    assert not made.trace.of(WorkerFailed)
    assert ("bot", "All right.") in made.history
    assert [fact.reason for fact in made.trace.of(ConversationEnded)] == ["terminated"]
    clean = call(ASKS, (9.0, "again", "And on Sundays?"))
    assert list(made.trace.lines()) != list(clean.trace.lines())


@pytest.mark.parametrize(
    ("fault", "error", "after"),
    [
        (Fault("llm", "http_429", turn=1, retry_after_seconds=2.0), "RateLimited", 0.1),
        (Fault("llm", "http_503", turn=1), "ConnectFailed", 0.1),
        (Fault("llm", "connect_timeout", turn=1), "ConnectFailed", 2.0),
        (Fault("llm", "stall", turn=1, for_seconds=20.0), "Stalled", 8.0),
        (Fault("tts", "http_429", turn=1), "RateLimited", 0.1),
        (Fault("tts", "connect_timeout", turn=1), "ConnectFailed", 2.0),
        (Fault("tts", "stall", turn=1, for_seconds=20.0), "Stalled", 8.0),
        (Fault("stt", "http_503", turn=1), "ConnectFailed", 0.1),
        (Fault("stt", "connect_timeout", utterance="hello"), "ConnectFailed", 2.0),
        (Fault("stt", "stall", utterance="hello", for_seconds=9.0), "Stalled", 3.0),
    ],
)
def test_a_fault_raises_what_a_real_adapter_would(fault: Fault, error: str, after: float):
    made = call(faults=[fault], seconds=20.0)
    failures = made.trace.of(ProviderFailed)
    (failed,) = made.trace.of(Retried) if error == "ConnectFailed" else failures
    assert (failed.kind, failed.provider) == (error, STACK[fault.at])
    assert failed.after_seconds == pytest.approx(after, abs=0.002)
    assert (("bot", APOLOGY) in made.history) == bool(failures and fault.at != "stt")


def test_a_model_breaks_off_after_so_many_tokens():
    for kind in ("disconnect", "malformed"):
        made = call(faults=[Fault("llm", kind, turn=1, after_tokens=14)])
        (failed,) = made.trace.of(ProviderFailed)
        assert failed.kind == "BrokenStream"
        said = " ".join(fact.text for fact in made.trace.of(SentenceReady) if fact.turn == 1)
        assert said.removesuffix(APOLOGY).strip() == "We are open from nine to five on weekdays."


def test_a_voice_breaks_off_so_far_into_its_answer():
    """The point counts the answer's audio, over its sentences."""
    whole = call()
    for seconds in (0.9, 4.0):
        fault = Fault("tts", "disconnect", turn=1, after_audio_seconds=seconds)
        made = call(faults=[fault])
        (cut, *_) = made.trace.of(CutOff)
        assert cut.played / 16_000 == pytest.approx(seconds, abs=0.021)
        assert HOURS.startswith(cut.heard)
        assert first(made, FirstAudio) == first(whole, FirstAudio)
        assert [failed.kind for failed in made.trace.of(ProviderFailed)] == ["BrokenStream"]


def test_a_fault_of_every_turn_comes_in_every_turn():
    script = (ASKS, (8.0, "again", "And on Sundays?"))
    once = call(*script, faults=[Fault("llm", "http_503")])
    always = call(*script, faults=[Fault("llm", "http_503", every=True)])
    assert (len(once.trace.of(Retried)), len(once.trace.of(ProviderFailed))) == (1, 0)
    assert (len(always.trace.of(Retried)), len(always.trace.of(ProviderFailed))) == (2, 2)


@pytest.mark.parametrize(
    "stack",
    [
        {"stt": stt, "llm": llm, "tts": tts}
        for stt, llm, tts in zip(
            names("stt")[::4], names("llm")[::4], names("tts")[::3], strict=False
        )
    ],
)
def test_any_stack_holds_a_conversation(stack: dict[str, str]):
    made = call(stack=stack, seconds=25.0)
    assert made.history[-1] == ("bot", HOURS)


def test_overrides_reach_the_providers():
    exact = {
        STACK["stt"]: {"ttfs_ms": 200, "word_error_rate": 0},
        STACK["llm"]: {"ttfat_ms": 300, "tokens_per_s": 100},
        STACK["tts"]: {"ttfa_ms": 150, "lead_silence_ms": 0},
    }
    made = call(overrides=exact)
    final = first(made, TurnCommitted)
    assert final == pytest.approx(1.95 + 0.4, abs=0.3)
    assert first(made, FirstToken) - first(made, AgentRequested) == pytest.approx(0.3, abs=2e-6)
    speak = first(made, FirstAudio) - first(made, SynthesisRequested)
    assert speak == pytest.approx(0.15, abs=2e-6)


def test_no_key_is_asked_for(monkeypatch: pytest.MonkeyPatch):
    for variable in KEY_VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    assert VoiceHandler({}).create_agent({"llm": "sim:gpt-4.1"}).model == "gpt-4.1"


@pytest.mark.parametrize("role", ["stt", "llm", "tts"])
def test_a_wrong_override_or_fault_is_refused_when_the_provider_is_made(role: str):
    with pytest.raises(ConfigError, match="unknown figure speed"):
        Call(overrides={STACK[role]: {"speed": 3}})
    with pytest.raises(ConfigError, match=f"{role} cannot suffer 'fire'"):
        Call(faults=[Fault(role, "fire")])
