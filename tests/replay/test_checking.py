"""What would make a replay uncertain is refused, and the library holds none of it."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench import clock
from bench.audio import SAMPLE_RATE, write_wav
from bench.engine.settings import ConversationSettings
from bench.replay import checking, commands
from bench.replay.checking import DoubtfulSound, check, doubts
from bench.replay.document import ScenarioError
from bench.replay.reading import read, read_all
from bench.replay.rendering import lines_of
from bench.replay.speech_store import path_of

pytestmark = pytest.mark.unit

LIBRARY = Path(__file__).parents[2] / "scenarios"
SETTINGS = ConversationSettings(vad_threshold=0.7, vad_end_threshold=0.45)
AS_SETTINGS = "setup: {settings: {vad_threshold: 0.7, vad_end_threshold: 0.45}}"
NOISE = (np.random.Generator(np.random.PCG64(1)).standard_normal(8192) * 3000).astype("<i2")


class Detector:
    """A detector that finds in every window what the test says."""

    def __init__(self, probabilities: list[float]) -> None:
        self._left: Iterator[float] = iter(probabilities)

    def probability(self, window: bytes) -> float:
        return next(self._left, 0.0)


def found(monkeypatch: pytest.MonkeyPatch, *probabilities: float) -> list[tuple[float, str]]:
    """The doubts about a sound of these probabilities, after two windows of silence."""
    detector = Detector([0.0, 0.0, *probabilities])
    monkeypatch.setattr(checking, "SileroStream", lambda: detector)
    told = doubts(b"\0\0" * 512 * len(probabilities), SETTINGS, before=1024)
    return [(doubt.probability, doubt.decision) for doubt in told]


def test_a_clear_sound_leaves_no_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    assert found(monkeypatch, 0.1, 0.9, 0.99, 0.99, 0.9, 0.2, 0.1) == []


def test_a_start_that_hangs_on_a_threshold_is_in_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    assert found(monkeypatch, 0.1, 0.72, 0.99, 0.99, 0.1) == [(0.72, "start")]
    assert found(monkeypatch, 0.1, 0.68, 0.99, 0.99, 0.1) == [(0.68, "start")]


def test_an_end_that_hangs_on_a_threshold_is_in_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    assert found(monkeypatch, 0.1, 0.99, 0.99, 0.47, 0.1, 0.1) == [(0.47, "end")]
    assert found(monkeypatch, 0.1, 0.99, 0.99, 0.41, 0.1, 0.1) == [(0.41, "end")]


def test_a_threshold_passed_where_nothing_is_decided_is_no_doubt(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert found(monkeypatch, 0.1, 0.99, 0.99, 0.71, 0.46, 0.99, 0.1) == []
    assert found(monkeypatch, 0.1, 0.71, 0.1, 0.44, 0.1) == []  # alone it would not start speech


def test_the_margin_follows_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    detector = Detector([0.0, 0.0, 0.1, 0.52, 0.99, 0.99, 0.1])
    monkeypatch.setattr(checking, "SileroStream", lambda: detector)
    changed = SETTINGS.changed(vad_threshold=0.5)
    assert [doubt.threshold for doubt in doubts(b"\0\0" * 2560, changed, before=1024)] == [0.5]


def played(folder: Path, sound: bytes, more: str = "") -> Path:
    write_wav(folder / "x.wav", sound)
    path = folder / "a.yaml"
    step = "script: [{id: it, play: x.wav, as: noise, at: {time: 0.5}}]"
    path.write_text(f"scenario: 1\nid: a\n{step}\n{more}\n")
    return path


def test_a_doubtful_sound_is_refused_with_place_figure_and_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = [0.0] * (SAMPLE_RATE // 2 // 512)
    probabilities = [*before, 0.1, 0.72, 0.9, 0.9, 0.1]
    monkeypatch.setattr(checking, "SileroStream", lambda: Detector(probabilities))
    scenario = read(played(tmp_path, NOISE.tobytes(), AS_SETTINGS))
    with pytest.raises(DoubtfulSound) as caught:
        check(scenario)
    assert str(caught.value) == (
        f"{scenario.path}:3: it: at 0.01 s the probability of speech is 0.720, and the threshold "
        "for the start of speech is 0.7: another CPU might decide otherwise; change the voice, its "
        "speed or a word of the text; allowed: 0.05 or more away from it"
    )


def test_without_voice_activity_nothing_is_in_doubt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "SileroStream", lambda: Detector([0.72, 0.99] * 99))
    check(read(played(tmp_path, NOISE.tobytes(), "setup: {vad: false}")))


def test_a_sound_that_nobody_hears_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="it: nothing is audible"):
        check(read(played(tmp_path, b"\1\0" * 8000)))


def test_a_damaged_sound_is_refused_with_its_step(tmp_path: Path) -> None:
    path = played(tmp_path, b"")
    with pytest.raises(ScenarioError, match=r"a\.yaml:3: it: .*x\.wav: there is no sound"):
        check(read(path))


@pytest.mark.parametrize("path", sorted(LIBRARY.rglob("[!_]*.yaml")), ids=lambda path: path.stem)
def test_the_librarys_sounds_are_certain(path: Path) -> None:
    check(read(path))


def test_the_library_keeps_no_speech_that_nobody_says() -> None:
    assert commands.unused(read_all([LIBRARY])) == []


def test_every_file_of_the_library_can_fail() -> None:
    for scenario in read_all([LIBRARY]):
        assert scenario.title, scenario.path
        assert scenario.tags, scenario.path
        assert len(scenario.expect) >= 3, scenario.path


def test_the_librarys_speech_is_what_the_engine_speaks(tmp_path: Path) -> None:
    scenario = read(LIBRARY / "turns" / "plain-turn.yaml")
    (line,) = lines_of(scenario)
    pcm, _ = clock.run(checking.speak(line.text, line.voice))
    kept = path_of(scenario, line.text, line.voice).read_bytes()
    assert kept.endswith(pcm)


class Told:
    """What a command said."""

    def __init__(self) -> None:
        self.out, self.err = list[str](), list[str]()

    def into(self) -> dict[str, Any]:
        return {"out": self.out.append, "told": self.err.append}


def test_a_new_scenario_passes_once_it_is_rendered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    told = Told()
    path = Path("mine.yaml")
    assert commands.begin("mine", **told.into()) == 0
    assert commands.begin("mine", **told.into()) == 2
    assert told.err == ["mine.yaml: cannot be written: File exists"]
    assert commands.check_all([path], **told.into()) == 2
    assert "has not been rendered; run: talkbench scenario render mine.yaml" in told.err[-1]
    assert commands.render_all([path], **told.into()) == 0
    assert commands.check_all([path], **told.into()) == 0
    assert told.out[-1] == "1 of 1 scenarios are well."


def test_every_wrong_file_is_told_and_the_exit_code_is_two(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.yaml").write_text("scenario: 1\nid: {name}\n")
    (tmp_path / "three.yaml").write_bytes(b"{" * 10_000_000)
    told = Told()
    assert commands.check_all([tmp_path], **told.into()) == 2
    assert len(told.err) == 3
    assert told.out == ["0 of 3 scenarios are well."]
    assert commands.render_all([tmp_path], **told.into()) == 2
    assert commands.check_all([tmp_path / "gone"], **told.into()) == 2


def test_a_name_that_is_no_id_is_refused(tmp_path: Path) -> None:
    told = Told()
    assert commands.begin(str(tmp_path / "Not An Id"), **told.into()) == 2
    assert not list(tmp_path.iterdir())


def test_speech_that_nobody_says_any_more_is_pruned(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    step = "script: [{id: hi, say: Hello., at: {time: 0.5}}]\n"
    path.write_text(f"scenario: 1\nid: a\n{step}")
    told = Told()
    assert commands.render_all([path], **told.into()) == 0
    path.write_text(f"scenario: 1\nid: a\n{step.replace('Hello', 'Goodbye')}")
    assert commands.render_all([path], prune=True, **told.into()) == 0
    assert len(list((tmp_path / "audio").iterdir())) == 2
    assert sum(line.startswith("removed") for line in told.err) == 2


def test_the_command_line_has_the_three(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    commands.add_scenario_parser(parser.add_subparsers())
    asked = parser.parse_args(["scenario", "new", str(tmp_path / "mine.yaml")])
    assert asked.run(asked) == 0
    for action, code in (("check", 2), ("render", 0), ("check", 0)):
        asked = parser.parse_args(["scenario", action, str(tmp_path)])
        assert asked.run(asked) == code
    assert "1 of 1 scenarios are well." in capsys.readouterr().out
