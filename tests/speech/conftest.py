"""Real engines, started once: they belong to no event loop."""

from collections.abc import Callable, Generator

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
def say(espeak: Espeak) -> Say:
    """Speech with a moment of silence on both sides, as 16 kHz PCM."""

    async def speak(text: str, **options: object) -> bytes:
        return b"".join([chunk.pcm async for chunk in espeak.speak(text, **options)])

    def said(text: str, **options: object) -> bytes:
        pause = bytes(9_600)
        return pause + clock.run(speak(text, **options)) + pause

    return said
