"""A run is kept whole in a folder and read back as it was; nothing else is overwritten."""

from __future__ import annotations

import csv
import json
import wave
from pathlib import Path

import pytest

from bench.errors import ConfigError
from bench.replay import folder
from bench.replay.runs import Verdict
from bench.replay.scenario import Anchor, Channel, Gate, GateMetric, Noise, Setup, Stack
from bench.simulation.context import Reply
from bench.simulation.faults import Fault
from tests.replay.some_calls import step
from tests.replay.some_runs import CUT, HELLO, expecting, played, scenario

pytestmark = pytest.mark.replay


@pytest.fixture(scope="module")
def run():
    asked = scenario(
        HELLO,
        CUT,
        title="Ein Anrufer – fällt ins Wort",
        tags=("interrupt",),
        setup=Setup(channel=Channel(noise=Noise(20.0)), settings={"lead_seconds": 0.2}),
        faults=(Fault("tts", "stall", turn=9),),
        replies=(Reply("*", "All right."),),
        expect=expecting(("cut.stop_ms", {"max": 400}), ("run.underruns", 0)),
        gate=Gate((GateMetric("v2v_ms", "p50", 0.05, True),)),
        path=Path("/srv/secret-project/short.yaml"),
        audio=Path("/srv/secret-project/audio"),
    )
    done = played(asked)
    done.verdicts = [Verdict("run.underruns", "pass", "exactly 0", "0")]
    return done


def test_a_run_comes_back_as_it_was(run, tmp_path):
    kept = folder.write(run, tmp_path)
    assert kept == tmp_path / "short" / run.stack.name / "0"
    again = folder.read(kept)
    assert again.digest == run.digest
    assert again.trace.entries == run.trace.entries
    assert (again.user_pcm, again.bot_pcm[:3200]) == (run.user_pcm, run.bot_pcm)
    assert again.messages == run.messages
    assert again.verdicts == run.verdicts
    assert again.assumptions == run.assumptions
    assert again.scenario.script == run.scenario.script
    assert again.scenario.setup == run.scenario.setup
    assert again.scenario.expect == run.scenario.expect
    assert again.scenario.gate == run.scenario.gate
    assert again.scenario.faults == run.scenario.faults
    assert again.name == run.name
    assert again.folder == kept


def test_a_folder_holds_the_four_files_and_says_that_figures_are_simulated(run, tmp_path):
    kept = folder.write(run, tmp_path)
    assert sorted(path.name for path in kept.iterdir()) == sorted(folder.FILES)
    told = json.loads((kept / "run.json").read_text(encoding="utf-8"))
    assert told["simulated"] is True
    assert told["versions"]["python"]
    assert told["digest"] == run.digest
    with wave.open(str(kept / "audio.wav")) as audio:
        assert (audio.getnchannels(), audio.getframerate()) == (2, 16_000)
    rows = list(csv.DictReader((kept / "turns.csv").read_text(encoding="utf-8").splitlines()))
    assert [row["turn"] for row in rows] == ["1", "2"]
    assert rows[0]["cut_off"] == "True"


def test_no_folder_of_the_machine_is_told(run, tmp_path):
    kept = folder.write(run, tmp_path)
    written = "".join(
        path.read_text(encoding="utf-8") for path in kept.iterdir() if path.suffix != ".wav"
    )
    assert "secret-project" not in written
    assert str(tmp_path) not in written


def test_an_older_run_is_replaced_and_no_half_of_one_is_left(run, tmp_path):
    kept = folder.write(run, tmp_path)
    (kept.with_name(".0.partial")).mkdir()
    assert folder.write(run, tmp_path) == kept
    assert [path.name for path in kept.parent.iterdir()] == ["0"]
    assert [again.name for again in folder.read_all(tmp_path)] == [run.name]


def test_what_is_not_a_run_is_not_overwritten(run, tmp_path):
    target = tmp_path / "short" / run.stack.name / "0"
    target.mkdir(parents=True)
    (target / "thesis.txt").write_text("years of work")
    with pytest.raises(ConfigError, match=r"a run has no 'thesis.txt'"):
        folder.write(run, tmp_path)
    assert (target / "thesis.txt").read_text() == "years of work"
    (target / "thesis.txt").rename(target / "run.json")
    with pytest.raises(ConfigError, match="cannot be read"):
        folder.write(run, tmp_path)
    (target / "run.json").write_text('{"format": "another tool"}')
    with pytest.raises(ConfigError, match="is no run"):
        folder.write(run, tmp_path)


def test_a_link_in_the_way_is_left_alone(run, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    target = tmp_path / "runs" / "short" / run.stack.name
    target.mkdir(parents=True)
    (target / "0").symlink_to(elsewhere, target_is_directory=True)
    with pytest.raises(ConfigError, match="in the way"):
        folder.write(run, tmp_path / "runs")


def test_a_name_that_leads_elsewhere_is_refused(tmp_path):
    run = played(scenario(HELLO))
    run.stack = Stack(stt="recorded:../../x")
    assert folder.write(run, tmp_path / "runs").parent.parent.parent == tmp_path / "runs"
    run.scenario = scenario(HELLO, id="..")
    with pytest.raises(ConfigError, match="cannot be the name"):
        folder.write(run, tmp_path)


def test_a_trace_that_was_changed_is_found_out(run, tmp_path):
    kept = folder.write(run, tmp_path)
    lines = (kept / "trace.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    (kept / "trace.jsonl").write_text("".join(lines[:-1]), encoding="utf-8")
    with pytest.raises(ConfigError, match="not the trace"):
        folder.read(kept)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("run.json", b"[]"),
        ("run.json", b'{"format": "talkbench run 1"}'),
        ("run.json", b"[" * 100_000),
        ("trace.jsonl", b"{}\n"),
        ("trace.jsonl", b"\xff\xfe"),
        ("audio.wav", b"RIFF"),
        ("audio.wav", b""),
    ],
)
def test_junk_is_one_clear_error(run, tmp_path, file, content):
    kept = folder.write(run, tmp_path)
    (kept / file).write_bytes(content)
    with pytest.raises(ConfigError):
        folder.read(kept)


def test_a_folder_that_is_not_there_is_one_too(tmp_path):
    with pytest.raises(ConfigError, match="no run"):
        folder.read(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match="no folder of runs"):
        folder.read_all(tmp_path / "nowhere")


def test_steps_that_play_a_file_keep_its_name_only(tmp_path):
    asked = scenario(step("x", Anchor("time", 0.1), "", play=Path("/srv/a/b/cough.wav")))
    run = played(scenario(HELLO))
    run.scenario = asked
    again = folder.read(folder.write(run, tmp_path))
    assert again.scenario.script[0].play == Path("cough.wav")
