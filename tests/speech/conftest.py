"""Real engines, started once: they belong to no event loop."""

from collections.abc import Callable, Generator
from functools import cache

import pytest

from bench import clock
from bench.speech.espeak import Espeak
from bench.speech.sphinx import Recogniser

Say = Callable[..., bytes]


@pytest.fixture(scope="session")
def espeak() -> Generator[Espeak]:
    engine = Espeak()
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def recogniser() -> Generator[Recogniser]:
    engine = Recogniser(processes=1)
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def say() -> Say:
    """Speech with a moment of silence on both sides, as 16 kHz PCM.

    An engine for each: only what espeak says first is the same every time.
    """

    @cache
    def said(text: str, **options: object) -> bytes:
        engine = Espeak()

        async def speak() -> bytes:
            return b"".join([chunk.pcm async for chunk in engine.speak(text, **options)])

        try:
            return bytes(9_600) + clock.run(speak()) + bytes(9_600)
        finally:
            engine.close()

    return said
