"""A vendor's audio in, chunks of the asked size and rate out."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Callable

import numpy as np
import soxr

from bench.audio import SAMPLE_WIDTH
from bench.engine.synthesizer import ChunkResult


async def pieces(
    audio: AsyncGenerator[bytes, None], rate: int, wanted_rate: int, chunk_size: int
) -> AsyncGenerator[ChunkResult, None]:
    """PCM at `wanted_rate` (Hz), `chunk_size` bytes at a time, of PCM at `rate` in pieces of any
    length: a sample may be torn between two. Closing it closes `audio`."""
    convert, odd, rest = _converter(rate, wanted_rate), b"", bytearray()
    async with contextlib.aclosing(audio):
        async for piece in audio:
            whole = len(odd + piece) // SAMPLE_WIDTH * SAMPLE_WIDTH
            pcm, odd = (odd + piece)[:whole], (odd + piece)[whole:]
            rest += convert(pcm, False)
            while len(rest) > chunk_size:
                yield ChunkResult(bytes(rest[:chunk_size]), False)
                del rest[:chunk_size]
    rest += convert(b"", True)
    while len(rest) > chunk_size:
        yield ChunkResult(bytes(rest[:chunk_size]), False)
        del rest[:chunk_size]
    yield ChunkResult(bytes(rest), True)


def _converter(rate: int, wanted: int) -> Callable[[bytes, bool], bytes]:
    """From one rate to another, piece by piece: (PCM, whether it is the last) to PCM."""
    if rate == wanted:
        return lambda pcm, last: pcm
    stream = soxr.ResampleStream(rate, wanted, 1, dtype="int16")

    def convert(pcm: bytes, last: bool) -> bytes:
        return stream.resample_chunk(np.frombuffer(pcm, "<i2"), last).astype("<i2").tobytes()

    return convert
