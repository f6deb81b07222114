"""Scenarios in, runs out: in this thread, from a running loop, in several processes."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from bench import clock
from bench.errors import ConfigError
from bench.replay.player import play
from bench.replay.reading import read
from bench.replay.runner import plan, run
from bench.replay.scenario import Stack
from bench.truths import ReplayStarted
from tests.replay.digests import LIBRARY

pytestmark = pytest.mark.replay

PLAIN = LIBRARY / "turns" / "plain-turn.yaml"
OTHER = Stack(stt="sim:azure-realtime", llm="sim:gpt-4o-mini")


def test_a_file_is_played_and_judged():
    (done,) = run(PLAIN)
    assert done.status == "pass"
    assert done.verdicts
    assert done.clock == "virtual"
    assert len(done.bot_pcm) == len(done.user_pcm) > 5 * 32_000
    assert [message["sender"] for message in done.messages] == ["human", "bot"]
    assert done.assumptions


def test_a_seed_is_luck_and_the_same_seed_the_same_luck():
    scenario = read(PLAIN)
    again, other = run([scenario, scenario], repeat=1), run(scenario, seed=99)
    assert again[0].digest == again[1].digest != other[0].digest


def test_repeats_and_stacks_multiply_and_each_has_draws_of_its_own():
    runs = run(PLAIN, stacks=[Stack(), OTHER], repeat=2)
    assert [(done.stack, done.repeat) for done in runs] == [
        (Stack(), 0), (OTHER, 0), (Stack(), 1), (OTHER, 1)
    ]  # fmt: skip
    assert len({done.digest for done in runs}) == 4
    assert runs[0].digest == run(PLAIN)[0].digest


def test_a_scenario_tells_vendors_which_language_is_spoken_and_simulations_do_not_care():
    scenario = read(PLAIN)
    told = replace(scenario.setup, language="de", keyterms=("Zoë",))
    (plain,), (done,) = run(scenario), run(replace(scenario, setup=told))
    assert plain.digest == done.digest
    english = Stack(stt="deepgram", llm="sim:gpt-4o-mini")
    (done,) = run(replace(scenario, setup=replace(told, language="en-GB")), stacks=[english])
    assert done.status == "pass"


def test_processes_change_nothing_but_the_time_it_takes():
    told = []
    runs = run(PLAIN, stacks=[Stack(), OTHER], jobs=2, progress=told.append)
    assert [done.digest for done in runs] == [
        done.digest for done in run(PLAIN, stacks=[Stack(), OTHER])
    ]
    assert [done.name for done in told] == [done.name for done in runs]


def test_it_runs_inside_a_running_loop_as_in_a_notebook():
    async def cell():
        await asyncio.sleep(0)  # noqa: TID251 – a loop that runs
        return run(PLAIN)[0].digest

    assert asyncio.run(cell()) == run(PLAIN)[0].digest


def test_conversations_side_by_side_in_one_loop_do_not_see_each_other():
    scenario = read(PLAIN)

    async def crowd():
        calls = (play(scenario, Stack(), repeat=k) for k in range(8))
        return await asyncio.gather(*calls)

    together = clock.run(crowd(), virtual=True)
    alone = [run(scenario, repeat=8)[k].digest for k in range(8)]
    assert [done.digest for done in together] == alone


def test_on_the_wall_clock_the_order_of_stacks_is_drawn_and_stays():
    stacks = [replace(Stack(), voice=f"v{i}") for i in range(5)]
    orders = [
        [task.stack.voice for task in plan(PLAIN, stacks=stacks, repeat=4, clock="wall", seed=seed)]
        for seed in (1, 1, 2)
    ]
    assert orders[0] == orders[1] != orders[2]
    repeats = [tuple(orders[0][at : at + 5]) for at in range(0, 20, 5)]
    assert len(set(repeats)) > 1
    assert {tuple(sorted(order)) for order in repeats} == {("v0", "v1", "v2", "v3", "v4")}


def test_virtual_time_refuses_a_voice_that_is_never_the_same():
    with pytest.raises(ConfigError, match="virtual time"):
        run(PLAIN, stacks=[Stack(tts="embedded")])


def test_the_trace_says_what_was_played():
    (done,) = run(PLAIN, seed=5)
    (started,) = done.trace.of(ReplayStarted)
    assert (started.scenario, started.seed, started.clock) == ("plain-turn", 5, "virtual")
