"""One address for ElevenLabs' requests and its socket, as the vendor has it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from bench import clock
from bench.emulators.elevenlabs_both import KEY, ElevenLabsBothEmulator
from bench.engine.synthesizer import BaseMessage, BaseSynthesizer
from bench.providers.elevenlabs import create_synthesizer
from bench.settings import Secret
from bench.simulation import tone
from bench.simulation.faults import Fault
from tests.contracts.ends import nothing_left

pytestmark = pytest.mark.contract

TEXT = "We are open from nine to five."


@asynccontextmanager
async def served(
    **options: object,
) -> AsyncGenerator[tuple[ElevenLabsBothEmulator, list[BaseSynthesizer]]]:
    """A server, and a voice for each way to it."""
    async with nothing_left(), ElevenLabsBothEmulator(**options).serving() as server:
        keys = {"ELEVENLABS_API_KEY": Secret(KEY)}
        config = {"elevenlabs_url": server.url, "keys": keys}
        voices = [
            create_synthesizer({**config, "elevenlabs_transport": way})
            for way in ("http", "socket")
        ]
        try:
            yield server, voices
        finally:
            for voice in voices:
                await voice.terminate()


async def spoken(voice: BaseSynthesizer) -> bytes:
    result = await voice.create_speech(BaseMessage(TEXT), 640)
    return b"".join([piece.chunk async for piece in result.chunk_generator])


def test_both_are_served_at_one_address_at_the_same_time():
    async def main():
        async with served() as (server, voices):
            spoke = await asyncio.gather(*map(spoken, voices), *map(spoken, voices))
            return spoke, [
                len(one.requests) for one in (server.requests_served, server.socket_served)
            ]

    spoke, requests = clock.run(main(), virtual=True)
    assert spoke == [tone.speak(TEXT)[0]] * 4
    assert requests == [2, 2]


def test_a_client_that_leaves_is_missed():
    async def main():
        async with served() as (server, voices):
            for voice in voices:
                result = await voice.create_speech(BaseMessage(TEXT), 640)
                await anext(result.chunk_generator)
                await result.chunk_generator.aclose()
            left_at = clock.now()
            await clock.sleep(1.0)
            return left_at, server.gone

    left_at, gone = clock.run(main(), virtual=True)
    assert len(gone) == 2
    assert max(gone) <= left_at + 0.05


def test_a_connection_that_breaks_breaks_for_the_client():
    async def main():
        async with served(
            faults=[Fault("tts", "disconnect", after_audio_seconds=0.3, every=True)]
        ) as (_, voices):
            return [
                type(error).__name__
                for error in await asyncio.gather(*map(spoken, voices), return_exceptions=True)
            ]

    assert clock.run(main(), virtual=True) == ["BrokenStream", "BrokenStream"]


def test_what_is_no_request_is_not_waited_for():
    async def main():
        async with ElevenLabsBothEmulator().serving() as server:
            host, port = server.url.removeprefix("http://").split(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(b"x" * 10_000)
            read = await reader.read()
            writer.close()
            return read

    assert clock.run(main(), virtual=True) == b""
