"""An emulator as it closes: who knocks just then is hung up on."""

import asyncio
import gc
import socket
from typing import Any
from urllib.parse import urlsplit

import pytest

from bench import clock
from bench.emulators.azure_speech import AzureSpeechEmulator
from bench.emulators.deepgram import DeepgramEmulator
from bench.emulators.google_speech import GoogleSpeechEmulator
from bench.emulators.serving import LOOPBACK
from bench.simulation.truth import TruthFeed

pytestmark = pytest.mark.contract


@pytest.mark.parametrize("passes", range(5))
def test_who_knocks_as_an_emulator_closes_is_hung_up_on(passes: int):
    """A socket that stays open is a warning, and so an error, when it is collected."""

    async def main():
        async with clock.deadline(5.0):
            async with GoogleSpeechEmulator(TruthFeed()).serving() as server:
                client = socket.create_connection((LOOPBACK, urlsplit(server.url).port))
                for _ in range(passes):  # of the loop: it has been accepted, or let in
                    await clock.sleep(0)
        with client:
            await asyncio.to_thread(_hung_up, client)

    clock.run(main())
    gc.collect()


@pytest.mark.parametrize("made", [AzureSpeechEmulator, DeepgramEmulator])
@pytest.mark.parametrize("said", [b"", b"GET /v1/listen HTTP/1.1\r\n"])
def test_who_never_says_what_they_want_is_not_waited_for(made: Any, said: bytes):
    async def main():
        async with clock.deadline(5.0):
            async with made(TruthFeed()).serving() as server:
                client = socket.create_connection((LOOPBACK, urlsplit(server.url).port))
                client.sendall(said)
                await clock.sleep(0.05)
        with client:
            await asyncio.to_thread(_hung_up, client)

    clock.run(main())
    gc.collect()


def _hung_up(client: socket.socket) -> None:
    """The other end is gone."""
    client.settimeout(5.0)
    try:
        assert client.recv(1) == b""
    except ConnectionResetError:
        return
