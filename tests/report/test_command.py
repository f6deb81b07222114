"""`talkbench replay`: what it prints, what it writes, and what its exit code says."""

from __future__ import annotations

import json
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from bench import cli
from bench.errors import ConfigError
from bench.replay import Stack
from bench.report.command import stacks
from tests.replay.digests import LIBRARY

pytestmark = pytest.mark.replay

PLAIN = LIBRARY / "turns" / "plain-turn.yaml"


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """The plain turn in a folder of its own, to be changed."""
    shutil.copy(PLAIN, tmp_path / "plain.yaml")
    shutil.copytree(LIBRARY / "audio", tmp_path / "audio")
    return tmp_path / "plain.yaml"


def replay(*arguments: object) -> int:
    return cli.main(["replay", *map(str, arguments)])


def test_what_passes_is_0_and_a_line_of_the_table(plain: Path, capsys: pytest.CaptureFixture[str]):
    assert replay(plain) == 0
    out = capsys.readouterr().out
    assert "plain-turn" in out
    assert "1 pass" in out
    assert "simulated" in out
    assert "Traceback" not in out


def test_what_fails_is_1_and_says_what_came_instead(
    plain: Path, capsys: pytest.CaptureFixture[str]
):
    plain.write_text(plain.read_text().replace("max: 3500", "max: 450"))
    assert replay(plain) == 1
    out = capsys.readouterr().out
    assert "steps.ask.v2v_ms" in out
    assert "1 fail" in out


def test_what_cannot_be_told_is_3(plain: Path):
    text = plain.read_text()
    rate = "  across_repeats:\n    false_interrupt_rate: {max: 0.02, min_events: 10}\n"
    plain.write_text(text.rstrip() + "\n" + rate)
    assert replay(plain) == 3


def test_every_report_is_written(plain: Path, tmp_path: Path):
    out = tmp_path / "out"
    reports = {kind: out / f"report.{kind}" for kind in ("junit", "html", "json", "markdown")}
    asked = [part for kind, path in reports.items() for part in (f"--{kind}", path)]
    assert replay(plain, "--repeat", 2, "--seed", 4, "--out", tmp_path / "runs", *asked) == 0
    assert len(ET.parse(reports["junit"]).findall(".//testcase")) == 2
    assert json.loads(reports["json"].read_text())["runs"]
    assert "plain-turn" in reports["markdown"].read_text()
    page = reports["html"].read_text()
    assert "<html" in page
    assert "data:audio" in page
    (run, _) = sorted((tmp_path / "runs").rglob("run.json"))
    assert {path.name for path in run.parent.iterdir()} == {
        "run.json", "trace.jsonl", "audio.wav", "turns.csv"
    }  # fmt: skip


def test_a_baseline_is_met_to_the_word_or_the_change_is_told(
    plain: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    kept = tmp_path / "kept"
    assert replay(plain, "--out", kept) == 0
    assert replay(plain, "--baseline", kept) == 0
    plain.write_text(plain.read_text().replace("nine to five", "eight to five"))
    capsys.readouterr()
    assert replay(plain, "--baseline", kept) == 1
    assert "eight" in capsys.readouterr().out


def test_every_combination_of_providers_is_played(plain: Path, tmp_path: Path):
    matrix = "stt=sim:deepgram-nova-3,sim:soniox-rt-v5 llm=sim:gpt-4.1,sim:gpt-4o"
    replay(plain, "--providers", matrix, "--out", tmp_path / "runs", "--jobs", 2)
    assert len(list((tmp_path / "runs").rglob("run.json"))) == 4


def test_tags_choose(capsys: pytest.CaptureFixture[str]):
    assert replay(LIBRARY / "turns", "--tag", "smoke") == 0
    assert "plain-turn" in capsys.readouterr().out
    assert replay(LIBRARY / "turns", "--tag", "nonsense") == 2


BAD = {
    "an unknown key": "scenario: 1\nid: x\nscript: [{id: a, say: Hi., at: {time: 1}, volume: 3}]\n",
    "an impossible anchor": "scenario: 1\nid: x\nscript: [{id: a, say: Hi., at: {after: b}}]\n",
    "missing audio": "scenario: 1\nid: x\nscript: [{id: a, play: no.wav, at: {time: 1}}]\n",
    "speech never rendered": "scenario: 1\nid: x\nscript: [{id: a, say: Qwx., at: {time: 1}}]\n",
    "a wrong type": "scenario: 1\nid: x\nscript: [{id: a, say: 3, at: {time: soon}}]\n",
    "a circle": "scenario: 1\nid: x\ninclude: bad.yaml\nscript: []\n",
    "no YAML": "{{{{",
    "junk": "x" * 10_000_000,
    "nothing": "",
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_file_is_2_and_one_message(
    what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "bad.yaml").write_text(BAD[what])
    assert replay(tmp_path / "bad.yaml") == 2
    told = capsys.readouterr().err.strip()
    assert told.startswith("talkbench: ")
    assert "bad.yaml" in told
    assert len(told.splitlines()) == 1
    assert len(told) < 1000


@pytest.mark.parametrize(
    "asked",
    [
        ["nowhere.yaml"],
        [PLAIN, "--providers", "ears=sim:gpt-4.1"],
        [PLAIN, "--providers", "llm=sim:no-such-model"],
        [PLAIN, "--baseline", "nowhere"],
    ],
)
def test_what_cannot_be_is_2(asked: list[object], capsys: pytest.CaptureFixture[str]):
    assert replay(*asked) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_a_matrix_is_every_combination():
    assert stacks(None) is None
    assert stacks("stt=a,b;tts=c") == [Stack(stt="a", tts="c"), Stack(stt="b", tts="c")]
    with pytest.raises(ConfigError, match="stt, llm, tts, voice"):
        stacks("stt")


@pytest.mark.parametrize("place", ["file/report.html", "."])
def test_a_report_that_cannot_be_written_is_refused_before_anything_is_played(
    place: str, plain: Path, capsys: pytest.CaptureFixture[str]
):
    (plain.parent / "file").write_text("")
    assert replay(plain, "--html", plain.parent / place) == 2
    told = capsys.readouterr()
    assert "cannot be written" in told.err
    assert "plain-turn" not in told.out


def test_a_vendor_that_is_misspelt_is_told_with_those_there_are(
    plain: Path, capsys: pytest.CaptureFixture[str]
):
    assert replay(plain, "--providers", "stt=deepgarm") == 2
    told = capsys.readouterr().err
    assert "unknown transcriber provider deepgarm, did you mean 'deepgram'?; known here" in told
