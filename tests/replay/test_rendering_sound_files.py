"""Sound files that a step plays: any WAV, compressed ones with the extra, and what is wrong."""

from __future__ import annotations

import builtins
import importlib
import struct
import wave
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.audio import SAMPLE_RATE
from bench.errors import ConfigError
from bench.replay.sound_files import read

pytestmark = pytest.mark.unit


def tone(rate: int, seconds: float = 0.5) -> NDArray[np.float64]:
    return 0.5 * np.sin(2 * np.pi * 440 * np.arange(round(rate * seconds)) / rate)


def write(path: Path, data: bytes, rate: int, width: int = 2, channels: int = 1) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(data)
    return path


def samples(pcm: bytes) -> NDArray[np.int16]:
    return np.frombuffer(pcm, dtype="<i2")


def likeness(pcm: bytes) -> float:
    """How much of a sound is the tone, at whatever phase: 1 is all of it."""
    heard = samples(pcm).astype(float)
    at = np.arange(heard.size) / SAMPLE_RATE
    spectrum = abs(np.sum(heard * np.exp(-2j * np.pi * 440 * at)))
    return float(spectrum / (np.linalg.norm(heard) * np.sqrt(heard.size / 2)))


@pytest.mark.parametrize("rate", [8000, 16_000, 22_050, 44_100, 48_000])
def test_any_rate_comes_out_at_sixteen_kilohertz(tmp_path: Path, rate: int) -> None:
    data = (tone(rate) * 32767).astype("<i2").tobytes()
    pcm = read(write(tmp_path / "x.wav", data, rate))
    assert abs(len(pcm) // 2 - SAMPLE_RATE // 2) <= 1
    assert likeness(pcm) > 0.99
    assert abs(int(samples(pcm).max()) - 16383) < 400


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_any_width_comes_out_as_sixteen_bits(tmp_path: Path, width: int) -> None:
    wide = np.rint(tone(SAMPLE_RATE) * (2 ** (8 * width - 1) - 1)).astype("<i4")
    data = (wide + 128).astype("u1") if width == 1 else wide.view("u1").reshape(-1, 4)[:, :width]
    pcm = read(write(tmp_path / "x.wav", np.ascontiguousarray(data).tobytes(), SAMPLE_RATE, width))
    assert likeness(pcm) > 0.99
    assert abs(int(samples(pcm).max()) - 16383) <= (260 if width == 1 else 2)


def test_channels_are_mixed_down(tmp_path: Path) -> None:
    stereo = np.stack([np.full(800, 1000), np.full(800, 3000)], axis=1).astype("<i2")
    pcm = read(write(tmp_path / "x.wav", stereo.tobytes(), SAMPLE_RATE, channels=2))
    assert samples(pcm).tolist() == [2000] * 800


def test_what_is_already_right_is_left_as_it_is(tmp_path: Path) -> None:
    data = (tone(SAMPLE_RATE) * 32767).astype("<i2").tobytes()
    assert read(write(tmp_path / "x.wav", data, SAMPLE_RATE)) == data


def test_a_wav_that_is_cut_short_is_told(tmp_path: Path) -> None:
    path = write(tmp_path / "x.wav", b"\1\0" * 1000, SAMPLE_RATE)
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(ConfigError, match=r"x.wav: cut short, 500 samples of 1000"):
        read(path)


@pytest.mark.parametrize("content", [b"x", b"RIFF", b"RIFF\0\0\0\0WAVE", b"\xff" * 999])
def test_a_wav_that_is_none_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.wav"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"x.wav: this is no WAV file"):
        read(path)


def test_a_wav_of_floating_point_is_told(tmp_path: Path) -> None:
    head = struct.pack("<4sI4s4sIHHIIHH", b"RIFF", 44, b"WAVE", b"fmt ", 16, 3, 1, 16000, 64000, 4, 32)  # fmt: skip  # noqa: E501
    path = tmp_path / "x.wav"
    path.write_bytes(head + struct.pack("<4sI", b"data", 8) + b"\0" * 8)
    with pytest.raises(ConfigError, match="this is no WAV file that can be read"):
        read(path)


def test_empty_and_odd_files_are_told(tmp_path: Path) -> None:
    empty, odd = tmp_path / "x.wav", tmp_path / "x.txt"
    empty.write_bytes(b"")
    odd.write_bytes(b"hello")
    with pytest.raises(ConfigError, match="0 bytes of sound"):
        read(empty)
    with pytest.raises(ConfigError, match=r"this kind are not taken; allowed: \.wav, \.mp3"):
        read(odd)
    with pytest.raises(ConfigError, match="there is no sound in it"):
        read(write(tmp_path / "y.wav", b"", SAMPLE_RATE))
    with pytest.raises(ConfigError, match=r"gone\.wav: cannot be read"):
        read(tmp_path / "gone.wav")


def encoded(path: Path, codec: str, rate: int, channels: int = 1) -> Path:
    """The tone in a compressed file."""
    av: Any = pytest.importorskip("av")
    kind, layout = ("fltp", "stereo" if channels == 2 else "mono")
    if codec == "flac":
        kind = "s16"
    wave_ = np.repeat(tone(rate, 1.0)[None, :], channels, axis=0)
    data = wave_.astype("f4") if kind == "fltp" else (wave_ * 32767).astype("<i2")
    if kind == "s16":
        data = np.ascontiguousarray(data.T.reshape(1, -1))
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(data), format=kind, layout=layout)
        frame.sample_rate, frame.time_base, frame.pts = rate, Fraction(1, rate), 0
        fifo = av.AudioFifo()
        fifo.write(frame)
        while (piece := fifo.read(stream.frame_size or 1024, partial=True)) is not None:
            for packet in stream.encode(piece):
                container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)
    return path


@pytest.mark.parametrize(
    ("name", "codec", "rate", "channels"),
    [
        ("x.mp3", "libmp3lame", 44_100, 2),
        ("x.flac", "flac", 48_000, 1),
        ("x.ogg", "libopus", 48_000, 2),
        ("x.opus", "libopus", 48_000, 1),
    ],
)
def test_compressed_sound_is_decoded(
    tmp_path: Path, name: str, codec: str, rate: int, channels: int
) -> None:
    pytest.importorskip("pydub")
    pcm = read(encoded(tmp_path / name, codec, rate, channels))
    assert abs(len(pcm) / 2 / SAMPLE_RATE - 1.0) < 0.1
    assert likeness(pcm[3200:-3200]) > 0.98
    assert 12_000 < int(samples(pcm).max()) < 20_000


@pytest.mark.parametrize("name", ["x.mp3", "x.ogg", "x.flac"])
def test_compressed_junk_is_told(tmp_path: Path, name: str) -> None:
    pytest.importorskip("av")
    pytest.importorskip("pydub")
    path = tmp_path / name
    path.write_bytes(bytes(range(256)) * 20)
    with pytest.raises(ConfigError, match=rf"{name}: (this cannot be decoded|there is no sound)"):
        read(path)


def test_without_the_extra_one_message_names_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.mp3"
    path.write_bytes(b"ID3")

    def missing(name: str, *rest: Any) -> Any:
        if name in ("av", "pydub"):
            raise ModuleNotFoundError(name)
        return builtins.__import__(name, *rest)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(ConfigError) as caught:
        read(path)
    assert str(caught.value) == (
        f"{path}: .mp3 needs a decoder that is not installed; run: pip install 'talkbench[mp3]'"
    )
