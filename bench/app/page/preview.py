"""A sentence in, a sound for the page out: how a voice would say it."""

from __future__ import annotations

import base64
import contextlib
import io
import wave
from html import escape

from bench import clock
from bench.audio import SAMPLE_WIDTH
from bench.engine.synthesizer import BaseMessage, BaseSynthesizer

MOST_LETTERS = 300
MOST_SECONDS = 40.0  # of sound
DEADLINE_SECONDS = 15.0
CHUNK_SECONDS = 0.1


async def spoken(synthesizer: BaseSynthesizer, text: str) -> bytes:
    """The text as a WAV file, `MOST_SECONDS` of it at most; closes the synthesizer.

    Raises:
        TimeoutError: the voice took too long.
        ProviderError, ConfigError: the voice cannot be used.
    """
    rate = synthesizer.sampling_rate
    pcm = bytearray()
    try:
        async with clock.deadline(DEADLINE_SECONDS):
            size = round(CHUNK_SECONDS * rate) * SAMPLE_WIDTH
            result = await synthesizer.create_speech(BaseMessage(text), size)
            async with contextlib.aclosing(result.chunk_generator) as chunks:
                async for piece in chunks:
                    pcm += piece.chunk
                    if piece.is_last_chunk or len(pcm) > MOST_SECONDS * rate * SAMPLE_WIDTH:
                        break
    finally:
        await synthesizer.terminate()
    return _wav(bytes(pcm), rate)


def player(wav: bytes, text: str) -> str:
    """HTML that plays a WAV at once, and again when asked."""
    data = base64.b64encode(wav).decode()
    return (
        f'<audio class="tb-preview" controls autoplay aria-label="{escape(text)}" '
        f'src="data:audio/wav;base64,{data}"></audio>'
    )


def _wav(pcm: bytes, rate: int) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(SAMPLE_WIDTH)
        out.setframerate(rate)
        out.writeframes(pcm)
    return file.getvalue()
