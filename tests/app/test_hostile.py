"""Nonsense and floods in, an error and a hang-up out; and nobody else notices."""

import json

import pytest
from websockets.exceptions import ConnectionClosed

from bench import clock
from bench.app.limits import Limits
from bench.events import PlaybackFinished
from bench.testing import ScriptedTranscriber
from tests.app.far_end import QUIET, SOUND, Client, scripted, serving

pytestmark = pytest.mark.unit


def test_nonsense_is_answered_and_the_conversation_goes_on() -> None:
    async def main() -> None:
        async with serving() as server:
            client = await server.call()
            client.says_what_it_should = False
            await client.start()
            for text in ("", "{", "[]", '{"type":"dance"}', '{"type":"mute"}', "[" * 9999):
                await client.connection.send(text)
            await client.send("start")
            await client.until(lambda: len(client.of("error")) == 7, "errors")
            assert [error["code"] for error in client.of("error")] == [
                *("malformed", "malformed", "malformed"),
                *("unknown_type", "bad_field", "malformed", "late_start"),
            ]
            assert not any(error["fatal"] for error in client.of("error"))
            await client.talk(SOUND)
            await client.until(lambda: len(client.audio) > 10, "audio")

    clock.run(main(), virtual=True)


def test_nonsense_first_is_answered_too_and_waited_for_in_vain() -> None:
    async def main() -> None:
        async with serving() as server:
            client = await server.call()
            client.says_what_it_should = False
            await client.connection.send("hello?")
            await client.send("interrupt")
            assert await client.closed() == 1008
            assert [e["code"] for e in client.of("error")] == [
                "malformed",
                "not_started",
                "not_started",
            ]
            silent = await server.call()
            assert await silent.closed() == 1008
            assert len(server.app.state.sessions) == 0

    clock.run(main(), virtual=True)


def test_bytes_may_be_odd_and_frames_tiny_or_large() -> None:
    async def main() -> None:
        transcriber = ScriptedTranscriber()
        async with serving(lambda request: scripted(request, transcriber=transcriber)) as server:
            client = await server.call()
            sound = bytes(range(256)) * 256
            for piece in (sound[:1], sound[1:4], b"", sound[4:333], sound[333:-1], sound[-1:]):
                await client.connection.send(piece)
                await clock.sleep(0.02)
            await clock.sleep(0.1)
            assert bytes(transcriber.received) == sound
            await client.connection.send(sound)  # 64 KiB, the most there may be
            await clock.sleep(0.1)
            assert client.close_code is None
            await client.connection.send(sound + b"x")
            assert await client.closed() == 1009
            assert client.of("error")[-1]["code"] == "too_big"

    clock.run(main(), virtual=True)


async def flood(client: Client, frame: bytes | str, times: int) -> None:
    try:
        for _ in range(times):
            await client.connection.send(frame)
    except ConnectionClosed:
        pass


@pytest.mark.parametrize(
    ("frame", "times"),
    [
        (bytes(32_000), 400),  # seconds of audio at once
        (b"\0", 50_000),
        (b"", 50_000),
        ('{"type":"pong"}', 5000),
        ('{"type":"interrupt"}', 5000),
        ("nonsense", 5000),
        (json.dumps({"type": "say", "text": "a" * 5000}), 5000),
    ],
)
def test_a_flood_is_cut_off_and_a_neighbour_talks_on(frame: bytes | str, times: int) -> None:
    async def main() -> None:
        async with serving() as server:
            neighbour = await server.call(plays=True)
            await neighbour.start(framing="utterance")
            await neighbour.talk(SOUND)
            await neighbour.wait("state", name="speaking")
            session = server.session()
            hostile = await server.call()
            await hostile.start()
            await flood(hostile, frame, times)
            assert await hostile.closed() in (4429, 1008)
            assert hostile.of("error")[-1]["fatal"]
            await neighbour.wait("utterance", state="end")
            await clock.sleep(1)
            (finished,) = session.trace.of(PlaybackFinished)
            assert finished.samples * 2 == len(neighbour.speaker.heard)
            assert len(server.app.state.sessions) == 1  # a flooder's conversation ends with it

    clock.run(main(), virtual=True)


def test_lies_about_what_was_played_hurt_the_liar_only() -> None:
    async def main() -> None:
        async with serving() as server:
            client = await server.call()
            await client.start(framing="utterance")
            await client.talk(SOUND)
            await client.wait("utterance", state="start")
            for utterance in (0, 1, 7, 2**39):
                for samples in (0, 2**39, 5):
                    await client.send("played", utterance=utterance, samples=samples)
                    await client.send("underrun", utterance=utterance, at_sample=samples)
            await client.send("cleared", utterance=1, played=2**39, dropped=2**39)
            await clock.sleep(5)
            session = server.session()
            for utterance in session.device.ledger._recent:
                assert 0 <= utterance.played <= utterance.sent
                assert utterance.sent == utterance.played + utterance.buffered + utterance.dropped
            assert client.close_code is None

    clock.run(main(), virtual=True)


def test_a_reader_that_takes_nothing_is_hung_up_on_and_may_come_back() -> None:
    async def main() -> None:
        async with serving(limits=Limits(ping_seconds=1000)) as server:
            client = await server.call()
            ready = await client.start(sample_rate=48_000)
            client.connection.transport.pause_reading()
            sessions = server.app.state.sessions
            session = sessions.find(ready["session"])
            while session.connected:
                session.conversation.say("And then there was another thing, and another one.")
                await clock.sleep(2.0)
                assert clock.now() < 600
            assert not session.over
            again = await server.call()
            await again.start(session=ready["session"], token=ready["token"])
            await again.until(lambda: len(again.audio) > 10, "audio")

    clock.run(main(), virtual=True)


def test_fifty_plain_clients_at_once_each_get_their_audio() -> None:
    async def main() -> None:
        async with serving() as server:
            clients = [await server.call() for _ in range(50)]
            for client in clients:
                await client.connection.send(SOUND)
            for _ in range(100):
                for client in clients:
                    await client.connection.send(QUIET)
                await clock.sleep(0.02)
            voices = [b"".join(client.audio) for client in clients]
            assert min(map(len, voices)) > 80 * 640
            assert all(max(voices, key=len).startswith(voice) for voice in voices)
            assert len(server.app.state.sessions) == 50
            late = await server.call()
            await late.connection.send(SOUND)
            assert await late.closed() == 4429

    clock.run(main(), virtual=True)
