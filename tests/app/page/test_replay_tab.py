"""What the replay tab offers and says: scenarios, stacks, verdicts; whose results are whose."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from bench.app.page.replay_tab_handlers import MOST_RUNS, ReplayHandlers, stacks
from bench.app.page.replay_tab_jobs import Job, Replays
from bench.app.page.replay_tab_library import SHIPPED, Library
from bench.app.page.replay_tab_results import MOST_DESKS, MOST_KEPT, Desk, Picture, Results
from bench.app.page.replay_tab_shown import detail, found, progress, table
from bench.errors import ConfigError
from bench.replay.runner import Task
from bench.replay.runs import Verdict
from bench.replay.scenario import Anchor, Scenario, Stack, Step

pytestmark = pytest.mark.unit

SCENARIO = Scenario("one", (Step("hi", Anchor("time", 0.5), say="Hello."),), title="One <call>")
TASK = Task(SCENARIO, Stack(), 3, 0, "virtual")
FILE = """scenario: 1
id: {id}
title: {id} as it is called
tags: [{tags}]
script: [{{id: hi, say: "Hello.", at: {{time: 0.5}}}}]
"""


def write(path: Path, id: str, tags: str = "turn") -> None:
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text(FILE.format(id=id, tags=tags), "utf-8")


def test_scenarios_stand_under_the_folder_they_lie_in(tmp_path: Path) -> None:
    write(tmp_path / "turns" / "b.yaml", "plain", "smoke, turn")
    write(tmp_path / "interrupts" / "a.yaml", "stop")
    write(tmp_path / "top.yaml", "top", "smoke")
    shelf = Library(tmp_path).shelf()
    assert shelf.choices() == [
        ("top as it is called · #smoke", "top"),
        ("interrupts · stop as it is called · #turn", "stop"),
        ("turns · plain as it is called · #smoke #turn", "plain"),
    ]
    assert shelf.tagged("smoke") == ["top", "plain"]


def test_a_wrong_file_hides_no_other_and_names_no_folder_of_the_machine(tmp_path: Path) -> None:
    write(tmp_path / "good.yaml", "good")
    write(tmp_path / "same.yaml", "good")
    (tmp_path / "bad.yaml").write_text("scenario: 1\nid: <b>\nscript: 7\n")
    shelf = Library(tmp_path).shelf()
    assert list(shelf.scenarios) == ["good"]
    assert len(shelf.wrong) == 2
    said = found(shelf)
    assert "bad.yaml:" in said
    assert str(tmp_path) not in said
    assert "<b>" not in said


def test_a_changed_file_is_read_again_and_an_unchanged_one_is_not(tmp_path: Path) -> None:
    library = Library(tmp_path)
    assert "talkbench scenario new" in found(library.shelf())
    write(tmp_path / "a.yaml", "first")
    first = library.shelf()
    assert list(first.scenarios) == ["first"]
    assert library.shelf() is first
    write(tmp_path / "a.yaml", "renamed")
    assert list(library.shelf().scenarios) == ["renamed"]


def test_without_a_folder_of_ones_own_the_checkouts_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert Library().folder == SHIPPED
    Path("scenarios").mkdir()
    assert Library().folder == Path("scenarios")
    assert "No scenario was found" in found(Library().shelf())


def test_names_replace_those_of_the_scenarios_own_stacks() -> None:
    two = replace(SCENARIO, stacks=(Stack(), Stack(llm="sim:gpt-4o")))
    assert stacks(two, [], [], []) == list(two.stacks)
    made = stacks(two, ["a", "b"], [], [])
    assert [(stack.stt, stack.llm) for stack in made] == [
        ("a", "sim:gpt-4.1"),
        ("b", "sim:gpt-4.1"),
        ("a", "sim:gpt-4o"),
        ("b", "sim:gpt-4o"),
    ]
    assert len(stacks(two, [], ["x"], [])) == 1
    other_voice = replace(SCENARIO, stacks=(Stack(voice="rachel"),))
    assert stacks(other_voice, [], [], ["sim:x"])[0].voice == "default"


@pytest.mark.parametrize(
    ("chosen", "repeat", "seed", "told"),
    [
        ([], "", "", "Choose at least one"),
        (["plain"], "0", "", "Repeat is '0'"),
        (["plain"], "two", "", "Repeat is 'two'"),
        (["plain"], "", "-1", "Seed is '-1'"),
        (["plain"], "", "²", "Seed is"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_words(
    tmp_path: Path, chosen: list[str], repeat: str, seed: str, told: str
) -> None:
    write(tmp_path / "a.yaml", "plain")
    handlers = ReplayHandlers(Replays(), Library(tmp_path), lambda _: "visitor")
    with pytest.raises(ConfigError, match=told):
        handlers.planned(chosen, ([], [], []), repeat, seed)


def test_one_replay_has_so_many_runs_at_most(tmp_path: Path) -> None:
    for number in range(4):
        write(tmp_path / f"{number}.yaml", f"call-{number}")
    handlers = ReplayHandlers(Replays(), Library(tmp_path), lambda _: "visitor")
    chosen = list(handlers.library.shelf().scenarios)
    tasks = handlers.planned(chosen, (["sim:a", "sim:b"], [], []), "15", "12")
    assert len(tasks) == 4 * 2 * 15 <= MOST_RUNS
    assert {task.seed for task in tasks} == {12}
    with pytest.raises(ConfigError, match="128 runs"):
        handlers.planned(chosen, (["sim:a", "sim:b"], [], []), "16", "")


def test_results_are_found_by_their_visitor_alone_and_go_when_new_ones_come() -> None:
    results = Results()
    mine, other = results.clear("me"), results.clear("other")
    first = results.make(TASK)
    results.keep(mine, first)
    assert results.of("me").find(first.name) is first
    assert results.of("other").find(first.name) is None
    assert results.of("never seen").results == []
    assert other.results == []
    assert first.place.is_dir()
    results.adopt("other", first.name)
    assert results.of("other").results == []
    results.adopt("me again", first.name)
    assert results.of("me again") is mine
    assert results.of("me").results == []
    results.clear("me again")
    assert not first.place.exists()
    results.close()


def test_old_results_make_room() -> None:
    results = Results()
    old, new = results.clear("old"), results.clear("new")
    made = [results.make(TASK) for _ in range(MOST_KEPT + 2)]
    for result in made[:3]:
        results.keep(old, result)
    for result in made[3:]:
        results.keep(new, result)
    assert old.results == [made[2]]
    assert [result.place.exists() for result in made[:4]] == [False, False, True, True]
    for number in range(MOST_DESKS):
        results.clear(number)
    assert results.desk_of(made[3].name) is None
    assert not made[3].place.exists()
    results.close()


def test_the_files_of_a_result_are_those_and_no_others(tmp_path: Path) -> None:
    results = Results()
    result = results.make(TASK)
    result.run = tmp_path
    result.pictures = [Picture("timeline.png", "", "")]
    shutil.copy(__file__, tmp_path / "audio.wav")
    shutil.copy(__file__, tmp_path / "run.json")
    shutil.copy(__file__, result.place / "timeline.png")
    assert result.file("audio.wav") == tmp_path / "audio.wav"
    assert result.file("timeline.png") == result.place / "timeline.png"
    for name in ("run.json", "trace.jsonl", "waterfall.png", "../audio.wav", "", "."):
        assert result.file(name) is None
    results.close()


def test_what_is_shown_is_text_and_says_what_does_not_hold() -> None:
    results = Results()
    desk = results.clear("me")
    broken = results.make(TASK)
    broken.status = "fail"
    broken.run = Path("somewhere")
    broken.verdicts = (
        Verdict("steps.hi.stop_ms", "fail", "at most 400 ms", "512 ms"),
        Verdict("run.turns", "pass", "1", "1"),
        Verdict("steps.hi.heard", "fail", "<b>these</b> words", ""),
    )
    broken.pictures = [Picture("timeline.png", "What <was> said", "in 'words'")]
    results.keep(desk, broken)
    desk.chosen = broken.name
    said = table(desk)
    assert "steps.hi.stop_ms: 512 ms, wanted at most 400 ms" in said
    assert "steps.hi.heard: no data, wanted &lt;b&gt;these" in said
    assert "run.turns" not in said
    assert "aria-current" in said
    looked_at = detail(broken)
    assert "Simulated providers." in looked_at
    assert "One &lt;call&gt;" in looked_at
    assert "What &lt;was&gt; said" in looked_at
    assert "alt='in &#x27;words&#x27;'" in looked_at
    assert "run.turns" in looked_at
    results.close()


def test_how_far_a_replay_is_stands_in_words() -> None:
    job = Job("me", [TASK, TASK], Desk())
    job.before = 1
    assert "Busy: 1 replay before yours." in progress(job)
    job.state = "playing"
    assert "0 of 2 played · now: one" in progress(job)
    results = Results()
    done, void = results.make(TASK), results.make(TASK)
    done.status = "pass"
    job.desk.results += [done, void]
    job.state = "done"
    assert "2 played: 1 passed, 1 void." in progress(job)
    results.close()
