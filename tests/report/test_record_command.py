"""`talkbench record`: a cassette of a scenario, its replay, and what changed since."""

import argparse
from pathlib import Path

import pytest

from bench.errors import ConfigError
from bench.replay import read, run
from bench.replay.scenario import Stack
from bench.report.record_command import add_record_parser

pytestmark = pytest.mark.replay

SCENARIO = Path(__file__).parents[2] / "scenarios" / "interrupts" / "mid-sentence.yaml"
VENDORS = ["--stt", "deepgram", "--llm", "openai", "--tts", "elevenlabs"]


def record(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    add_record_parser(parser.add_subparsers())
    asked = parser.parse_args(["record", str(SCENARIO), *VENDORS, *arguments])
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
