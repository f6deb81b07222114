"""Replays are played beside the server, one at a time, and called off, and gone when it ends."""

import asyncio
import io
import os
import signal
import wave
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from bench import clock
from bench.app.page.replay_tab_jobs import MOST_IN_LINE, Busy, Job, Replays
from bench.app.page.replay_tab_library import SHIPPED
from bench.app.page.replay_tab_route import add_replays
from bench.app.page.replay_tab_shown import table
from bench.replay.reading import read
from bench.replay.runner import Task, plan

pytestmark = pytest.mark.replay

PATIENCE_SECONDS = 45.0
INTERRUPT = SHIPPED / "interrupts" / "stop-word.yaml"


def tasks(number: int = 1) -> list[Task]:
    return plan(read(INTERRUPT), repeat=number)


def played(test: Callable[[Replays], Awaitable[None]], replays: Replays) -> None:
    async def run() -> None:
        try:
            async with clock.deadline(PATIENCE_SECONDS):
                await test(replays)
        finally:
            await replays.close()

    clock.run(run())


async def over(job: Job) -> None:
    while not job.over:
        await job.news.wait()


def test_a_run_is_played_drawn_and_fetched_by_its_name_alone() -> None:
    async def test(replays: Replays) -> None:
        job = replays.begin("me", tasks())
        await over(job)
        assert job.state == "done"
        (result,) = job.desk.results
        assert result.status == "pass", result.failed
        assert result.assumptions
        await replays.draw(result)
        assert [picture.file for picture in result.pictures or ()] == [
            "timeline.png",
            "waterfall.png",
            "interrupts.png",
        ]
        (cut,) = result.cut_offs
        assert cut.heard
        assert cut.intended.startswith(cut.heard)
        app = FastAPI()
        add_replays(app, replays)
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
            sound = await client.get(f"/replay/{result.name}/audio.wav")
            with wave.open(io.BytesIO(sound.content)) as file:
                assert (file.getnchannels(), file.getframerate()) == (2, 16_000)
                assert file.getnframes() > 5 * 16_000
            picture = await client.get(f"/replay/{result.name}/timeline.png")
            assert picture.headers["content-type"] == "image/png"
            assert picture.content.startswith(b"\x89PNG")
            report = await client.get(f"/replay/{result.name}/report.html")
            assert "The caller says stop" in report.text
            assert "data:audio" in report.text
            for path in ("guessed/audio.wav", f"{result.name}/run.json", f"{result.name}/..%2Fx"):
                assert (await client.get(f"/replay/{path}")).status_code == 404
        assert result.place.is_dir()
        await replays.close()
        assert not result.place.exists()

    played(test, Replays())


def test_repeats_are_judged_together_too(tmp_path: Path) -> None:
    (tmp_path / "audio").symlink_to(SHIPPED / "audio")
    path = tmp_path / "together.yaml"
    path.write_text(
        f"""scenario: 1
id: together
include: {INTERRUPT}
script:
  - {{id: ask, say: "What are your opening hours?", at: {{time: 0.5}}}}
  - {{id: stop, say: "Stop.", as: interrupt, at: {{bot_word: 6}}}}
expect:
  across_repeats: {{yield_rate: {{min: 1}}, pass_rate: {{max: 0.5}}}}
""",
        "utf-8",
    )

    async def test(replays: Replays) -> None:
        job = replays.begin("me", plan(read(path), repeat=2))
        await over(job)
        assert job.state == "done", job.why
        assert [result.status for result in job.desk.results] == ["pass", "pass"]
        judged = [(each.verdict.expectation, each.verdict.status) for each in job.desk.across]
        assert judged == [
            ("across_repeats.yield_rate", "pass"),
            ("across_repeats.pass_rate", "fail"),
        ]
        assert "together · deepgram-nova-3+gpt-4.1" in table(job.desk)

    played(test, Replays())


def test_one_replay_at_a_time_and_a_stopped_one_lets_the_next_begin() -> None:
    async def test(replays: Replays) -> None:
        first, second = replays.begin("first", tasks(40)), replays.begin("second", tasks())
        assert (first.before, second.before) == (0, 1)
        with pytest.raises(Busy, match="not over yet"):
            replays.begin("first", tasks())
        while not first.desk.results:
            await first.news.wait()
        assert (first.state, second.state) == ("playing", "waiting")
        replays.stop("first")
        await over(first)
        assert first.state == "stopped"
        assert 1 <= len(first.desk.results) < 40
        await over(second)
        assert second.state == "done"
        assert [result.status for result in second.desk.results] == ["pass"]
        replays.stop("first")  # nothing is left to stop

    played(test, Replays())


def test_the_line_has_an_end() -> None:
    async def test(replays: Replays) -> None:
        jobs = [replays.begin(number, tasks()) for number in range(MOST_IN_LINE)]
        with pytest.raises(Busy, match="in line"):
            replays.begin("late", tasks())
        for number in reversed(range(MOST_IN_LINE)):
            replays.stop(number)
        for job in jobs:
            await over(job)
        assert {job.state for job in jobs} == {"stopped"}
        again = replays.begin("late", tasks())
        replays.stop("late")
        await over(again)

    played(test, Replays())


def test_a_process_that_dies_costs_one_run() -> None:
    async def test(replays: Replays) -> None:
        job = replays.begin("me", tasks(3))
        while not job.desk.results:
            await job.news.wait()
        pid = replays.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await over(job)
        assert job.state == "done"
        statuses = [result.status for result in job.desk.results]
        assert statuses.count("pass") >= 2
        lost = [result for result in job.desk.results if result.run is None]
        assert all("process" in result.void for result in lost)
        assert replays.pid not in (None, pid)

    played(test, Replays())


def test_a_run_that_takes_too_long_is_void() -> None:
    async def test(replays: Replays) -> None:
        job = replays.begin("me", tasks())
        await over(job)
        (result,) = job.desk.results
        assert (result.status, result.run) == ("void", None)
        assert result.void == "it took longer than 0.001 s"

    played(test, Replays(run_seconds=0.001))


def test_what_cannot_be_played_is_void_and_says_why(tmp_path: Path) -> None:
    path = tmp_path / "silent.yaml"
    path.write_text(
        """scenario: 1
id: silent
script: [{id: hi, say: "This was never rendered.", at: {time: 0.5}}]
""",
        "utf-8",
    )

    async def test(replays: Replays) -> None:
        job = replays.begin("me", plan(read(path)))
        await over(job)
        (result,) = job.desk.results
        assert (result.status, result.run) == ("void", None)
        assert "render" in result.void

    played(test, Replays())


def test_a_replay_ends_with_its_server() -> None:
    async def test(replays: Replays) -> None:
        app = FastAPI()
        add_replays(app, replays)
        async with app.router.lifespan_context(app):
            job = replays.begin("me", tasks(40))
            while not job.desk.results:
                await job.news.wait()
            pid = replays.pid
            places = [result.place for result in job.desk.results]
        assert job.state == "stopped"
        assert pid is not None
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        assert not any(place.exists() for place in places)
        names = {task.get_name() for task in asyncio.all_tasks()}
        assert "replay" not in names

    played(test, Replays())
