"""A draw belongs to its place in the script: nothing that happens elsewhere shifts it."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import pytest

from bench.simulation.draws import Draws
from bench.simulation.latency import Latency, Spread, Tail, correlated
from bench.simulation.profiles import names, profile

pytestmark = pytest.mark.unit

STEPS = ("hello", "cut", "thanks")
STAGES = ("stt.final", "llm.first_token", "tts.first_audio")


def table(draws: Draws, places: Iterable[tuple[str, str]]) -> dict[tuple[str, str], float]:
    return {(step, stage): draws.normal(step, stage) for step, stage in places}


def test_a_draw_is_the_same_on_any_machine():
    draws = Draws(7)
    assert draws.uniform("hello", "stt.final", 0) == 0.5617821515204451
    assert draws.normal("hello", "stt.final", 0) == draws.normal("hello", "stt.final")


def test_another_order_another_step_or_another_stage_shifts_nothing():
    places = [(step, stage) for step in STEPS for stage in STAGES]
    one = table(Draws(7), places)
    assert table(Draws(7), reversed(places)) == one
    more = [("before", "stt.final"), *places, ("hello", "llm.token"), ("after", "tts.first_audio")]
    assert {place: table(Draws(7), more)[place] for place in places} == one


def test_draws_that_do_not_say_which_are_counted_in_their_place_alone():
    draws = Draws(7)
    counted = list[float]()
    for n in range(3):
        counted.append(draws.uniform("hello", "tts.first_audio"))
        draws.uniform("cut", "tts.first_audio")
        draws.uniform("hello", "llm.first_token", n)
    assert counted == [Draws(7).uniform("hello", "tts.first_audio", k) for k in range(3)]
    assert len(set(counted)) == 3


def test_seed_repeat_step_stage_and_k_each_make_another_draw():
    values = {
        Draws(seed, repeat).uniform(step, stage, k)
        for seed in (0, 1)
        for repeat in (0, 1)
        for step in STEPS
        for stage in STAGES
        for k in (0, 1)
    }
    assert len(values) == 2 * 2 * 3 * 3 * 2


def test_the_same_place_has_the_same_luck_for_every_profile():
    ranks: list[list[int]] = []
    for name in ("sim:deepgram-nova-3", "sim:azure-realtime", "sim:soniox-rt-v5"):
        final = profile(name, {"tail": {"prob": 0}}, role="stt").final
        waits = [final.draw(Draws(3), f"step {n}", "stt.final", 0) for n in range(40)]
        ranks.append(sorted(range(40), key=waits.__getitem__))
    assert ranks[0] == ranks[1] == ranks[2]


@pytest.mark.parametrize("name", names("llm")[:6])
def test_a_slower_median_is_slower_at_every_place(name: str):
    usual = profile(name, role="llm").first_token
    slower = profile(name, {"ttfat_ms": {"p50": usual.spread.p50 * 1300}}, role="llm").first_token
    assert slower.spread.sigma == usual.spread.sigma
    for n in range(200):
        step = f"step {n}"
        one = usual.draw(Draws(3), step, "llm.first_token", 0)
        other = slower.draw(Draws(3), step, "llm.first_token", 0)
        assert one < other or other in (slower.floor_seconds, slower.timeout_seconds)


def test_waits_of_one_session_go_together_as_much_as_it_is_said():
    def correlation(rho: float) -> float:
        pairs = [
            [correlated(Draws(seed), rho, step, "stt.final", 0) for step in ("hello", "cut")]
            for seed in range(3000)
        ]
        return sum(one * other for one, other in pairs) / len(pairs)

    assert correlation(0.0) == pytest.approx(0.0, abs=0.06)
    assert correlation(0.5) == pytest.approx(0.5, abs=0.06)


def test_a_wait_stays_between_floor_and_timeout():
    wait = Latency(Spread(0.1, 2.0), Tail(0.5, 50.0), floor_seconds=0.05, timeout_seconds=3.0)
    waits = [wait.draw(Draws(1), f"step {n}", "llm.first_token") for n in range(300)]
    assert min(waits) == 0.05
    assert max(waits) == 3.0


def test_the_tail_comes_as_often_as_it_says_and_gets_thinner():
    tail = Tail(0.02, 2.0, 2.5)
    factors = [tail.at((n + 0.5) / 10_000) for n in range(10_000)]
    slow = [factor for factor in factors if factor != 1.0]
    assert len(slow) == 200
    assert all(one >= other for one, other in pairwise(slow))
    assert min(slow) >= 2.0
    assert sum(factor > 4.0 for factor in slow) / 200 == pytest.approx(2**-2.5, abs=0.01)
