"""`talkbench record`: a cassette of a scenario, its replay, and what changed since."""

import argparse
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from bench.errors import ConfigError
from bench.events import AgentRequested, FellBack, ProviderFailed
from bench.replay import read, run
from bench.replay.scenario import Stack
from bench.report.console import show
from bench.report.record_command import add_record_parser, recorded

pytestmark = pytest.mark.replay

SCENARIO = Path(__file__).parents[2] / "scenarios" / "interrupts" / "mid-sentence.yaml"
AUDIO = SCENARIO.parents[1] / "audio"
VENDORS = ["--stt", "deepgram", "--llm", "openai", "--tts", "elevenlabs"]


def record(*arguments: str, scenario: Path = SCENARIO) -> int:
    parser = argparse.ArgumentParser()
    add_record_parser(parser.add_subparsers())
    asked = parser.parse_args(["record", str(scenario), *VENDORS, *arguments])
    return asked.run(asked)


def test_a_recorded_call_is_replayed_to_the_byte_and_has_not_drifted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    tape = tmp_path / "tape"
    assert record("--out", str(tape)) == 0
    assert f"stt=recorded:{tape} llm=recorded:{tape} tts=recorded:{tape}" in capsys.readouterr().out
    scenario, name = read(SCENARIO), f"recorded:{tape}"
    (then,) = run(scenario, stacks=[Stack("deepgram", "openai", "elevenlabs")])
    (now,) = run(scenario, stacks=[Stack(name, name, name)])
    assert now.status == "pass"
    assert list(now.trace.lines())[1:] == list(then.trace.lines())[1:]  # the first names the stack
    assert (then.simulated, now.simulated) == (True, False)
    assert record("--drift", str(tape)) == 0
    assert "Nothing changed." in capsys.readouterr().out


@pytest.mark.parametrize(
    "name",
    ["faults/llm-stall", "faults/tts-fallback", "tools/interrupted", "endings/goodbye"],
)
def test_simulated_calls_are_replayed_to_the_byte(tmp_path: Path, name: str):
    scenario = read(SCENARIO.parents[1] / f"{name}.yaml")
    tape, then = recorded(scenario, scenario.stacks[0])
    tape.write(tmp_path)
    again = Stack(*[f"recorded:{tmp_path}"] * 3)
    _, now = recorded(scenario, again)
    assert list(now.trace.lines())[1:] == list(then.trace.lines())[1:]


def test_backups_are_played_again_where_the_scenario_names_them(tmp_path: Path):
    asked = read(SCENARIO.parents[1] / "faults" / "llm-fallback.yaml")
    setup = replace(asked.setup, fallback={"stt": "assemblyai", "llm": "anthropic"})
    scenario, name = replace(asked, setup=setup), f"recorded:{tmp_path}"
    tape, then = recorded(scenario, Stack("deepgram", "openai", "elevenlabs"))
    tape.write(tmp_path)
    (now,) = run(scenario, stacks=[Stack(name, name, name)])
    assert now.trace.of(FellBack)
    assert list(now.trace.lines())[1:] == list(then.trace.lines())[1:]
    assert not now.simulated
    (other,) = run(scenario, stacks=[Stack("deepgram", name, "elevenlabs")])
    assert other.scenario.setup.fallback == {"stt": "assemblyai", "llm": name}


def test_a_scenario_names_a_cassette_from_its_own_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    again = tmp_path / "scenarios" / "again.yaml"
    again.parent.mkdir()
    (again.parent / "audio").symlink_to(AUDIO.resolve())
    again.write_text(
        "scenario: 1\n"
        "id: again\n"
        "setup: {stt: recorded:../tape, llm: recorded:../tape, tts: recorded:../tape}\n"
        "script: [{id: ask, say: 'What are your opening hours?', at: {time: 0.5}}]\n"
    )
    assert record("--out", str(tmp_path / "tape"), scenario=again) == 0
    monkeypatch.chdir(again.parent.parent)
    for path in (Path("scenarios/again.yaml"), again):
        (now,) = run(read(path))
        assert now.stack.name == "recorded:tape+recorded:tape+recorded:tape"
        assert [one.provider for one in now.trace.of(AgentRequested)] == ["openai"]
        assert not now.trace.of(ProviderFailed)
    with pytest.raises(ConfigError, match="there is no cassette at missing: "):
        run(read(again), stacks=[Stack(llm="recorded:missing")])


def test_a_replay_that_does_not_fit_says_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert record("--out", str(tmp_path / "tape")) == 0
    assert "tape: events of deepgram (" in capsys.readouterr().out
    name, scenario = f"recorded:{tmp_path / 'tape'}", read(SCENARIO)
    scenario = replace(scenario, setup=replace(scenario.setup, settings={"greeting": "Hello!"}))
    show(run(scenario, stacks=[Stack(name, name, name)]), [], None, Console(width=140))
    why = "elevenlabs: Rejected: 'Hello!' was not said in tape: record it anew"
    assert why in capsys.readouterr().out


def test_another_provider_in_its_place_has_drifted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert record("--out", str(tmp_path)) == 0
    assert record("--drift", str(tmp_path), "--llm", "anthropic") == 1
    shown = capsys.readouterr().out
    assert "agent │ provider │ openai │ anthropic" in " ".join(shown.split())


def test_a_cassette_is_not_written_over_unless_told_to(tmp_path: Path):
    assert record("--out", str(tmp_path)) == 0
    with pytest.raises(ConfigError, match="--force writes over it"):
        record("--out", str(tmp_path))
    assert record("--out", str(tmp_path), "--force") == 0
    with pytest.raises(ConfigError, match="no cassette"):
        record("--drift", str(tmp_path / "elsewhere"))
