"""The bench measures what it says it measures: identities that hold at any speed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from bench import clock
from tests.bench import clocks, crowd, cut_history, document, interrupts, lifetimes, table
from tests.bench.baseline import RawTalker
from tests.bench.figures import Figure, percentile
from tests.bench.live_load import Search
from tests.bench.talkers import EngineTalker, Talker
from tests.bench.turn_latency import measure
from tests.bench.workload import LIVE, NONE, Delays

pytestmark = pytest.mark.unit

BOTH = pytest.mark.parametrize("make", [EngineTalker, RawTalker])
PROVIDERS_SECONDS = 0.15 + 19 * 0.005 + 0.08  # to the end of the first sentence and its first sound
LOOK_AHEAD_SECONDS = 0.005  # the engine ends a sentence with the word after it


@BOTH
def test_an_instant_answer_takes_no_virtual_time(make: Callable[[Delays], Talker]):
    assert clocks.run(measure(make, NONE, 2, 0.1), "virtual") == [0.0, 0.0]


@BOTH
def test_a_live_answer_takes_what_its_providers_take(make: Callable[[Delays], Talker]):
    ahead = LOOK_AHEAD_SECONDS if make is EngineTalker else 0.0
    expected = pytest.approx(PROVIDERS_SECONDS + ahead, abs=1e-5)
    assert clocks.run(measure(make, LIVE, 2, 0.1), "virtual") == [expected] * 2


@pytest.mark.parametrize(
    ("make", "spoken"), [(RawTalker, False), (EngineTalker, False), (EngineTalker, True)]
)
def test_nothing_sounds_after_an_interrupt(make: Callable[[], Talker], spoken: bool):
    seen = interrupts.Silence()
    clocks.run(interrupts.scene(make, seen, 2, spoken=spoken, conversations=3), "virtual")
    assert (seen.seconds, seen.leaked) == ([pytest.approx(0, abs=1e-6)] * 6, 0)


def test_a_cut_history_with_word_times_is_what_was_heard():
    cuts = cut_history.sweep(30, NONE, word_times=True, reports=True)
    assert [cut.wrong for cut in cuts] == [0] * 30
    assert cuts[0].truth == ()
    assert len(cuts[-1].truth) == 40


def test_wrong_words_are_counted_one_by_one():
    assert cut_history.Cut(("a", "b"), ("a", "c", "d")).wrong == 2


@BOTH
def test_frames_arrive_and_cycles_leave_no_task(make: Callable[[Delays], Talker]):
    clocks.run(lifetimes.frame_cost(make, 100, 50), "virtual")  # asserts that all arrived
    assert clocks.run(lifetimes.cycle(make, 6), "virtual").tasks_left == 0


def test_a_minute_of_paced_audio_ends_in_its_place():
    figure = lifetimes.hour_figure(1)
    assert (figure.value, figure.met) == (0, True)
    assert figure.note.startswith("3000 chunks")


@pytest.mark.parametrize("who", ["ours", "raw"])
def test_a_crowd_is_punctual_and_the_same_every_time(who: str):
    scene = crowd.Scene(who, 3, 2.0, "virtual")
    seen, again = (clocks.run(crowd.play(scene), "virtual") for _ in range(2))
    assert (seen.worst, seen.underruns, seen.dropped) == (pytest.approx(0, abs=1e-5), 0, 0)
    assert seen.frames == pytest.approx(3 * 2.0 / 0.02, abs=3)
    clockless = ("chunks", "p50", "p99", "worst", "first", "answers", "frames")
    assert [getattr(seen, n) for n in clockless] == [getattr(again, n) for n in clockless]


def test_a_crowd_in_a_process_of_its_own_tells_the_same():
    scene = crowd.Scene("ours", 2, 1.0, "virtual")
    here, there = clocks.run(crowd.play(scene), "virtual"), crowd.apart(scene)
    assert (there.chunks, there.frames, there.first) == (here.chunks, here.frames, here.first)


def test_conversations_are_weighed_and_their_tasks_counted():
    idle, used, tasks = clocks.run(crowd.weigh("raw", 20, traced=False), "virtual")
    assert tasks == 3
    assert used >= idle


def test_a_dedicated_core_counts_sleep_and_work_but_not_the_asking():
    async def nap() -> tuple[float, float]:
        began, busy = clock.now(), clocks.busy_seconds()
        await clock.sleep(30)
        return clock.now() - began, clocks.busy_seconds() - busy

    elapsed, busy = clocks.run(nap(), "core")
    assert elapsed == pytest.approx(30 + busy, abs=1e-3)


def test_the_search_takes_the_largest_below_the_first_failure():
    assert Search({200: 0.001, 300: 0.01, 400: 0.019}, {350: 0.03}).best == 300
    assert Search({}, {10: 1.0}).best == 0


def test_the_search_goes_where_the_guess_is_then_closes_in():
    assert Search({100: 0.001}, {}).next(190.0, 1.1) == 190
    assert Search({100: 0.001}, {}).next(90.0, 1.1) == 110
    assert Search({}, {100: 0.1}).next(95.0, 1.1) == 83
    assert Search({100: 0.001}, {200: 0.1}).next(0.0, 1.1) == 141
    assert Search({100: 0.001}, {110: 0.1}).next(0.0, 1.1) is None


def test_percentiles_are_values_that_were_seen():
    assert [percentile(range(1, 101), share) for share in (0.5, 0.99, 1.0)] == [50, 99, 100]


def test_a_goal_is_met_or_missed_and_a_ratio_is_to_the_baseline():
    figure = Figure("turn.p50", "a turn", 0.6, "ms", "core", 0.2, "<= 0.8")
    assert (figure.met, figure.ratio) == (True, pytest.approx(3))
    assert Figure("n", "n", 10, "", "core", goal=">= 300").met is False
    text = table.plain("Turns", [figure])
    assert "met" in text
    assert "pipecat-ai 1.14.0 16–24" in text


def test_a_page_gets_its_tables_and_keeps_the_rest(tmp_path: Path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n\n{document.BEGIN}\nold\n{document.END}\n\nafter\n", "utf-8")
    figure = Figure("turn.p50", "a turn", 0.6, "ms", "core", 0.2, "<= 0.8", "why")
    slow = Figure("n", "others", 1.0, "ms", "wall", goal="<= 0.5")
    titles = ["Turns", "Others"]
    document.update({"Others": document.section("a machine", [slow])}, titles, page)
    for _ in range(2):
        document.update({"Turns": document.section("a machine", [figure])}, titles, page)
    text = page.read_text("utf-8")
    assert text.startswith(f"before\n\n{document.BEGIN}\n")
    assert text.endswith(f"{document.END}\n\nafter\n")
    assert "| a turn | core | 0.6 | ms |" in text
    assert "old" not in text
    assert text.count("a machine") == 2
    assert text.index("### Turns") < text.index("### Others")
    assert "1 of 2 goals are met. Missed are:\n\n- others (wall clock): 1 ms, goal <= 0.5" in text


def test_figures_can_be_read_back():
    figure = Figure("turn.p50", "a turn", 0.6, "ms", "core", 0.2)
    read = json.loads(json.dumps(figure.as_dict()))
    assert read["ratio"] == pytest.approx(3)
