"""A sound file in, 16 kHz mono PCM out: WAV alone, MP3, OGG and FLAC with the `mp3` extra."""

from __future__ import annotations

import importlib
import struct
import warnings
import wave
from pathlib import Path
from typing import Any

import numpy as np

from bench.audio import SAMPLE_RATE, resample
from bench.errors import ConfigError

COMPRESSED = (".mp3", ".ogg", ".oga", ".opus", ".flac")
LARGEST_BYTES = 100 * 1024 * 1024
LONGEST_SECONDS = 600
WITH_EXTRA = "pip install 'talkbench[mp3]'"


def read(path: Path) -> bytes:
    """The sound of a file, of any rate and number of channels, as 16 kHz mono PCM.

    Raises:
        ConfigError: the file is missing, damaged, empty, too long or of a kind that is not taken;
            the message names the file and what to do.
    """
    try:
        size = path.stat().st_size
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    if not 0 < size <= LARGEST_BYTES:
        raise ConfigError(f"{path}: {size:,} bytes of sound; allowed: 1 to {LARGEST_BYTES:,}")
    if path.suffix.lower() == ".wav":
        pcm, rate = _wav(path)
    elif path.suffix.lower() in COMPRESSED:
        pcm, rate = _compressed(path)
    else:
        known = ", ".join((".wav", *COMPRESSED))
        raise ConfigError(f"{path}: sounds of this kind are not taken; allowed: {known}")
    if not pcm:
        raise ConfigError(f"{path}: there is no sound in it")
    if len(pcm) > 2 * rate * LONGEST_SECONDS:
        raise ConfigError(f"{path}: longer than {LONGEST_SECONDS} s")
    return resample(pcm, rate, SAMPLE_RATE)


def _wav(path: Path) -> tuple[bytes, int]:
    """Mono PCM of a WAV file at its own rate."""
    try:
        with wave.open(str(path), "rb") as file:
            width, channels, rate = file.getsampwidth(), file.getnchannels(), file.getframerate()
            declared = file.getnframes()
            data = file.readframes(min(declared, rate * (LONGEST_SECONDS + 1)))
    except (wave.Error, EOFError, OSError, struct.error, RuntimeError) as error:
        raise ConfigError(f"{path}: this is no WAV file that can be read ({error})") from None
    if width not in (1, 2, 3, 4) or not 4000 <= rate <= 384_000 or not 1 <= channels <= 32:
        told = f"{8 * width} bits, {rate} Hz, {channels} channels"
        raise ConfigError(f"{path}: {told}; allowed: 8 to 32 bits, 4000 to 384000 Hz, 1 to 32")
    frame = width * channels
    if len(data) < frame * min(declared, rate * LONGEST_SECONDS):
        raise ConfigError(
            f"{path}: cut short, {len(data) // frame} samples of {declared} that its head tells"
        )
    return _mono(_sixteen_bits(data[: len(data) // frame * frame], width), channels), rate


def _sixteen_bits(data: bytes, width: int) -> np.ndarray[Any, np.dtype[np.int16]]:
    if width == 1:  # the one width that is unsigned
        return ((np.frombuffer(data, dtype=np.uint8).astype(np.int16) - 128) << 8).astype(np.int16)
    columns = np.frombuffer(data, dtype=np.uint8).reshape(-1, width)[:, -2:]
    return np.ascontiguousarray(columns).view("<i2").reshape(-1)


def _mono(samples: np.ndarray[Any, np.dtype[np.int16]], channels: int) -> bytes:
    if channels > 1:
        samples = samples.reshape(-1, channels).mean(axis=1).round().astype(np.int16)
    return samples.astype("<i2").tobytes()


def _compressed(path: Path) -> tuple[bytes, int]:
    """Mono PCM of a compressed file: PyAV decodes, pydub mixes down at the edge."""
    av, segments = _decoder(path)
    try:
        data, rate, channels = _decoded(av, path)
    except (av.FFmpegError, IndexError) as error:
        reason = getattr(error, "strerror", None) or "no sound in it"
        raise ConfigError(f"{path}: this cannot be decoded ({reason})") from None
    if not data:
        return b"", SAMPLE_RATE
    segment: Any = segments(data, sample_width=2, frame_rate=rate, channels=channels)
    return bytes(segment.set_channels(1).raw_data), rate


def _decoder(path: Path) -> tuple[Any, Any]:
    """PyAV, and pydub's segments."""
    try:
        with warnings.catch_warnings():
            # pydub looks for ffmpeg when it is imported, and complains; nothing here runs it.
            warnings.simplefilter("ignore")
            return importlib.import_module("av"), importlib.import_module("pydub").AudioSegment
    except ImportError:
        raise ConfigError(
            f"{path}: {path.suffix} needs a decoder that is not installed; run: {WITH_EXTRA}"
        ) from None


def _decoded(av: Any, path: Path) -> tuple[bytes, int, int]:
    """Interleaved PCM of the first audio stream, its rate and number of channels."""
    pieces: list[bytes] = []
    rate, channels, seconds = 0, 0, 0.0
    resampler = av.AudioResampler(format="s16")
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            rate = rate or frame.sample_rate
            channels = channels or frame.layout.nb_channels
            pieces += [bytes(piece.to_ndarray()) for piece in resampler.resample(frame)]
            seconds += frame.samples / rate
            if seconds > LONGEST_SECONDS:
                raise ConfigError(f"{path}: longer than {LONGEST_SECONDS} s")
        if pieces:
            pieces += [bytes(piece.to_ndarray()) for piece in resampler.resample(None)]
    return b"".join(pieces), rate, channels
