"""Samples in, samples out: formats, PCM, µ-law, framing, WAV.

PCM is 16-bit little-endian mono throughout; its rate is 16 kHz unless an argument says otherwise.
Only `resample` needs more than the standard library, and imports it when called.
"""

from __future__ import annotations

import enum
import sys
import wave
from array import array
from collections.abc import Iterator
from pathlib import Path

SAMPLE_RATE = 16_000
SAMPLE_WIDTH = 2  # bytes


class AudioEncoding(enum.StrEnum):
    """How a sample is written on the wire."""

    LINEAR16 = "linear16"
    MULAW = "mulaw"


def samples_in(pcm: bytes) -> int:
    """Whole samples in `pcm`."""
    return len(pcm) // SAMPLE_WIDTH


def seconds_in(pcm: bytes, rate: int = SAMPLE_RATE) -> float:
    """Duration of `pcm` at `rate` Hz."""
    return len(pcm) / (SAMPLE_WIDTH * rate)


def silence(samples: int) -> bytes:
    """`samples` of digital silence."""
    return bytes(samples * SAMPLE_WIDTH)


def frames(pcm: bytes, size: int) -> Iterator[bytes]:
    """Cut `pcm` into pieces of `size` bytes; the last may be shorter."""
    for start in range(0, len(pcm), size):
        yield pcm[start : start + size]


def to_samples(pcm: bytes) -> array[int]:
    """The samples as signed integers; an odd last byte is left out."""
    samples = array("h")
    samples.frombytes(pcm[: len(pcm) & ~1])
    if sys.byteorder == "big":
        samples.byteswap()
    return samples


def to_pcm(samples: array[int]) -> bytes:
    """The inverse of `to_samples`."""
    if sys.byteorder == "big":
        samples = array("h", samples)
        samples.byteswap()
    return samples.tobytes()


def _mulaw_code(sample: int) -> int:
    """One G.711 µ-law byte for a 16-bit sample (ITU-T G.711, bias 33 on 14 bits)."""
    sign = 0x80 if sample < 0 else 0
    magnitude = min(abs(sample) + 132, 32767)
    exponent = magnitude.bit_length() - 8
    mantissa = (magnitude >> (exponent + 3)) & 0x0F
    return ~(sign | exponent << 4 | mantissa) & 0xFF


def _mulaw_value(code: int) -> int:
    """The 16-bit sample a µ-law byte stands for."""
    code = ~code & 0xFF
    magnitude = (((code & 0x0F) << 3) + 132 << ((code >> 4) & 0x07)) - 132
    return -magnitude if code & 0x80 else magnitude


_DECODED = [_mulaw_value(code) for code in range(256)]
_ENCODED: list[int] = []  # by sample, those below zero from the end


def to_mulaw(pcm: bytes) -> bytes:
    """PCM to G.711 µ-law, one byte a sample."""
    if not _ENCODED:
        _ENCODED.extend(map(_mulaw_code, (*range(32768), *range(-32768, 0))))
    return bytes(map(_ENCODED.__getitem__, to_samples(pcm)))


def from_mulaw(encoded: bytes) -> bytes:
    """G.711 µ-law to PCM."""
    return to_pcm(array("h", map(_DECODED.__getitem__, encoded)))


def write_wav(path: Path | str, pcm: bytes, *, rate: int = SAMPLE_RATE, channels: int = 1) -> None:
    """Write PCM (interleaved when `channels` > 1) as a WAV file."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(SAMPLE_WIDTH)
        file.setframerate(rate)
        file.writeframes(pcm)


def read_wav(path: Path | str) -> tuple[bytes, int]:
    """The PCM and rate of a 16-bit mono WAV file.

    Raises:
        ValueError: the file has another sample width or more than one channel.
    """
    with wave.open(str(path), "rb") as file:
        if file.getsampwidth() != SAMPLE_WIDTH or file.getnchannels() != 1:
            raise ValueError(
                f"{path}: want 16-bit mono, got {8 * file.getsampwidth()}-bit with "
                f"{file.getnchannels()} channels; convert the file first"
            )
        return file.readframes(file.getnframes()), file.getframerate()


def interleave(left: bytes, right: bytes) -> bytes:
    """Two mono PCM tracks as one stereo track, the shorter padded with silence."""
    size = max(len(left), len(right)) & ~1
    stereo = array("h", bytes(size * 2))
    stereo[0::2] = to_samples(left.ljust(size, b"\0"))
    stereo[1::2] = to_samples(right.ljust(size, b"\0"))
    return to_pcm(stereo)


def resample(pcm: bytes, rate_in: int, rate_out: int) -> bytes:
    """Whole-clip resampling (soxr, high quality); streams keep a soxr stream of their own."""
    if rate_in == rate_out:
        return pcm
    import numpy as np
    import soxr  # pyright: ignore[reportMissingTypeStubs]

    clip = np.frombuffer(pcm, dtype="<i2")
    return soxr.resample(clip, rate_in, rate_out).astype("<i2").tobytes()
