"""A client in, a conversation out: the socket from end to end, in virtual time."""

import pytest

from bench import clock
from bench.events import CutOff, PlaybackFinished
from bench.testing import STORY
from tests.app.far_end import SOUND, serving

pytestmark = pytest.mark.unit


def test_a_plain_client_sends_sound_and_gets_sound() -> None:
    async def main() -> None:
        async with serving() as server:
            client = await server.call()
            await client.talk(SOUND)
            await client.until(lambda: len(client.audio) > 20, "audio")
            assert {len(frame) for frame in client.audio} == {640}
            assert [m["type"] for m in client.messages][:2] == ["ready", "state"]
            assert client.of("transcript", role="user")[0]["text"] == "Tell me a long story"
            assert client.of("transcript", role="agent")[0]["text"] == STORY.split(". ")[0] + "."
            assert not client.of("utterance")

    clock.run(main(), virtual=True)


def test_a_page_plays_and_reports_and_the_ledger_believes_it() -> None:
    async def main() -> None:
        async with serving() as server:
            client = await server.call(plays=True)
            await client.start(framing="utterance")
            await client.talk(SOUND)
            await client.wait("utterance", state="start")
            await client.wait("utterance", state="end")
            await clock.sleep(1)
            assert [m["name"] for m in client.of("state")] == [
                *("listening", "thinking", "speaking", "listening")
            ]
            trace = server.session().trace
            (finished,) = trace.of(PlaybackFinished)
            assert not finished.estimated
            assert finished.samples * 2 == len(client.speaker.heard)
            assert client.of("utterance", state="end")[0]["samples"] == finished.samples

    clock.run(main(), virtual=True)


def test_an_interrupt_clears_and_the_history_keeps_what_was_played() -> None:
    async def main() -> None:
        async with serving() as server:
            client = await server.call(plays=True)
            await client.start(framing="utterance")
            await client.talk(SOUND)
            await client.wait("state", name="speaking")
            await clock.sleep(1.5)
            await client.send("interrupt")
            await client.wait("interrupted")
            (cut,) = server.session().trace.of(CutOff)
            assert cut.played * 2 == len(client.speaker.heard)
            told = client.of("interrupted")[0]
            assert told["heard"] == cut.heard
            assert STORY.startswith(cut.heard)
            assert not told["estimated"]
            before = len(client.audio)
            await clock.sleep(2)
            assert len(client.audio) == before
            assert server.session().conversation.transcript.event_logs[-1].text == cut.heard

    clock.run(main(), virtual=True)
