"""What the application serves beside its socket: health, metrics, files, the log."""

import asyncio
import logging
import re

import httpx
import pytest

from bench import clock
from bench.app.server import create_app
from tests.app.far_end import PORT, QUIET, SOUND, scripted, serving

pytestmark = pytest.mark.unit


def test_health_and_metrics() -> None:
    async def main() -> None:
        async with (
            serving() as server,
            httpx.AsyncClient(base_url=f"http://localhost:{PORT}") as http,
        ):
            assert (await http.get("/health")).json() == {"status": "ok", "conversations": 0}
            client = await server.call()
            await client.talk(SOUND, *[QUIET] * 5)
            scraped = (await http.get("/metrics")).text
            assert 'transcriptions_count_total{final="true"} 1.0' in scraped
            assert 'transcriptions_count_total{final="false"} 0.0' in scraped
            assert "agent_response_time_seconds_count 1.0" in scraped
            assert re.search(r'agent_response_time_seconds_bucket\{le="0.05"\} 1\.0', scraped)
            assert "active_conversations 1.0" in scraped
            await client.send("end")
            await client.closed()
            assert "active_conversations 0.0" in (await http.get("/metrics")).text

    clock.run(main(), virtual=True)


def test_the_page_finds_its_files_and_nothing_else() -> None:
    async def main() -> None:
        transport = httpx.ASGITransport(create_app(scripted))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
            script = await http.get("/static/call.js")
            assert "javascript" in script.headers["content-type"]
            assert (await http.get("/static/%2e%2e/server.py")).status_code == 404

    clock.run(main())


@pytest.mark.parametrize("redacted", [False, True])
def test_the_log_has_the_familiar_lines(caplog: pytest.LogCaptureFixture, redacted: bool) -> None:
    async def main() -> None:
        async with serving(redact_log=redacted) as server:
            client = await server.call()
            await client.talk(SOUND, *[QUIET] * 20)
            await client.send("interrupt")
            await client.wait("interrupted")

    with caplog.at_level(logging.INFO, "bench.conversation"):
        clock.run(main(), virtual=True)
    lines = [record.message.partition(" ")[2] for record in caplog.records]
    said = "[20 characters]" if redacted else "Tell me a long story"
    assert lines[:3] == [
        f"🎤 [TRANSCRIBER] Received: '{said}'",
        "🤖 [AGENT] Generating response…",
        "🔊 [SYNTHESIZER] Synthesizing 53 characters",
    ]
    assert lines[-1] == "⚠️ [INTERRUPT] User interrupted bot"


def test_a_server_that_stops_leaves_no_task_and_no_conversation() -> None:
    async def main() -> None:
        before = asyncio.all_tasks()
        async with serving() as server:
            client = await server.call(plays=True)
            await client.start(framing="utterance")
            await client.talk(SOUND, *[QUIET] * 20)
            session = server.session()
        assert session.over
        assert session.conversation.end_reason in ("server stops", "client hung up")
        await clock.sleep(0.1)
        assert asyncio.all_tasks() == before

    clock.run(main(), virtual=True)
