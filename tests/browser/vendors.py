"""Vendors of the test's making, behind their protocols, in a thread of this process."""

from __future__ import annotations

import asyncio
import threading
from contextlib import AsyncExitStack

from bench import clock
from bench.emulators.deepgram_flux import FluxEmulator
from bench.emulators.elevenlabs import ElevenLabsEmulator
from bench.emulators.lines import following
from bench.emulators.openai import OpenAIEmulator
from bench.settings import ServiceSettings
from bench.simulation.context import Reply

ASKED = "When are you open?"
ANSWER = "From nine to five."
KEYS = {
    "DEEPGRAM_API_KEY": "typed-for-deepgram-0c1f7be2",
    "OPENAI_API_KEY": "typed-for-openai-94d2a6f3",
    "ELEVENLABS_API_KEY": "typed-for-elevenlabs-5be80d17",
}
"""The only ones that the vendors take."""


class Vendors:
    """Serves until it is closed; `services` are the owner's settings that lead there."""

    def __init__(self) -> None:
        ears = following([ASKED], lambda: 0.1, lambda: 0.1)
        self.deepgram = FluxEmulator(ears, key=KEYS["DEEPGRAM_API_KEY"])
        self.openai = OpenAIEmulator([Reply("*", ANSWER)], key=KEYS["OPENAI_API_KEY"])
        self.elevenlabs = ElevenLabsEmulator(key=KEYS["ELEVENLABS_API_KEY"])
        self._loop: asyncio.AbstractEventLoop | None = None
        self._close = asyncio.Event()
        self._up = threading.Event()
        self._thread = threading.Thread(target=lambda: clock.run(self._serve()))
        self._thread.start()
        if not self._up.wait(10):
            raise AssertionError("the vendors do not serve")
        self.services = ServiceSettings(
            deepgram_url=self.deepgram.url,
            openai_base_url=self.openai.url,
            elevenlabs_url=self.elevenlabs.url,
        )

    def close(self) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._close.set)
        self._thread.join()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        async with AsyncExitStack() as served:
            for vendor in (self.deepgram, self.openai, self.elevenlabs):
                await served.enter_async_context(vendor.serving())
            self._up.set()
            await self._close.wait()
