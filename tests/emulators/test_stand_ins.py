"""Emulators that stand in for vendors in a replay: at the pace, and by the way, that is set."""

from pathlib import Path

import pytest

from bench import assembly, clock
from bench.errors import ConfigError
from bench.events import ProviderFailed, TranscriptReceived, UserStoppedSpeaking
from bench.replay.expectations import judge
from bench.replay.player import play
from bench.replay.reading import read
from bench.replay.runs import Run
from bench.replay.scenario import Stack
from bench.simulation.draws import Draws
from bench.simulation.profiles import profile

pytestmark = pytest.mark.contract

SCENARIO = Path(__file__).parents[2] / "scenarios" / "turns" / "plain-turn.yaml"


@pytest.fixture(autouse=True)
def _settings_of_nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """An empty folder and the settings read anew."""
    monkeypatch.chdir(tmp_path)
    assembly.settings.cache_clear()
    yield
    assembly.settings.cache_clear()


def played(stt: str = "deepgram", tts: str = "elevenlabs") -> Run:
    stack = Stack(stt, "openai", tts)
    return clock.run(play(read(SCENARIO), stack, clock_kind="virtual"), virtual=True)


def failed(run: Run) -> list[str]:
    verdicts = judge(run)
    return [one.expectation for one in verdicts if one.status != "pass"]


def final_after_seconds(run: Run) -> float:
    """From the end of what the caller says to the final of it."""
    entries = run.trace.entries
    stopped = [at for at, fact in entries if isinstance(fact, UserStoppedSpeaking)]
    finals = [at for at, fact in entries if isinstance(fact, TranscriptReceived) and fact.final]
    return finals[0] - stopped[0]


@pytest.mark.parametrize(
    ("stt", "model", "named"),
    [
        ("deepgram", "", "sim:deepgram-nova-3"),
        ("deepgram", "nova-3", "sim:deepgram-nova-3"),
        ("deepgram", "flux-general-en", "sim:deepgram-flux-en"),
    ],
)
def test_a_final_comes_when_the_profile_of_the_model_that_is_set_says(
    stt: str, model: str, named: str, monkeypatch: pytest.MonkeyPatch
):
    if model:
        monkeypatch.setenv("TALKBENCH_TRANSCRIBER_MODEL", model)
    run = played(stt)
    wanted = profile(named, role="stt").final.draw(Draws(1, 0), "ask", "stt.final")
    assert final_after_seconds(run) == pytest.approx(wanted, abs=0.03)  # a frame and the rest
    assert not run.trace.of(ProviderFailed)


def test_the_socket_stands_in_where_it_is_set(monkeypatch: pytest.MonkeyPatch):
    by_request = played()
    monkeypatch.setenv("TALKBENCH_ELEVENLABS_TRANSPORT", "socket")
    assembly.settings.cache_clear()
    by_socket = played()
    assert failed(by_request) == failed(by_socket) == []
    assert by_request.bot_pcm.strip(b"\0") == by_socket.bot_pcm.strip(b"\0")


def test_native_code_cannot_be_hurried():
    with pytest.raises(ConfigError, match="voice provider azure: its SDK keeps to the wall clock"):
        played(tts="azure")
