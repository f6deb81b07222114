"""Samples survive every door they pass."""

import math
import struct
import wave
from array import array
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import audio

pytestmark = pytest.mark.unit

PCM = st.binary(max_size=400).map(lambda raw: raw[: len(raw) & ~1])

# Codes and values of the table in ITU-T G.711 (µ-law, decoder output scaled to 16 bits).
MULAW_VALUES = {0x80: 32124, 0x00: -32124, 0xFF: 0, 0x7F: 0, 0xFE: 8, 0x7E: -8, 0x8F: 16764}


def test_bytes_seconds_and_samples():
    assert audio.samples_in(bytes(640)) == 320
    assert audio.seconds_in(bytes(640)) == 0.02
    assert audio.seconds_in(bytes(640), 8000) == 0.04
    assert audio.silence(3) == bytes(6)


@given(PCM, st.integers(1, 700))
def test_frames_are_the_whole_in_pieces(pcm: bytes, size: int):
    pieces = list(audio.frames(pcm, size))
    assert b"".join(pieces) == pcm
    assert all(len(piece) == size for piece in pieces[:-1])


@given(PCM)
def test_samples_are_little_endian_and_come_back(pcm: bytes):
    samples = audio.to_samples(pcm)
    assert list(samples) == list(struct.unpack(f"<{len(pcm) // 2}h", pcm))
    assert audio.to_pcm(samples) == pcm


def test_an_odd_last_byte_is_left_out():
    assert list(audio.to_samples(b"\x01\x00\x02")) == [1]


def test_mulaw_is_the_table_of_the_standard():
    for code, value in MULAW_VALUES.items():
        assert list(audio.to_samples(audio.from_mulaw(bytes([code])))) == [value]
    codes = bytes(code for code in range(256) if code != 0x7F)  # minus zero has no sample
    assert audio.to_mulaw(audio.from_mulaw(codes)) == codes


@given(st.lists(st.integers(-32768, 32767), max_size=50))
def test_mulaw_keeps_every_sample_within_its_step(values: list[int]):
    back = audio.to_samples(audio.from_mulaw(audio.to_mulaw(audio.to_pcm(array("h", values)))))
    for value, heard in zip(values, back, strict=True):
        assert abs(value - heard) <= max(4, abs(value) / 16 + 16, abs(value) - 32124)
        assert value * heard >= 0


@given(PCM)
def test_wav_there_and_back(pcm: bytes):
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "some.wav"
        audio.write_wav(path, pcm, rate=24_000)
        assert audio.read_wav(path) == (pcm, 24_000)


@pytest.mark.parametrize(("channels", "width"), [(2, 2), (1, 1), (1, 4)])
def test_a_wav_of_another_kind_is_refused_in_words(tmp_path: Path, channels: int, width: int):
    path = tmp_path / "other.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(16_000)
        file.writeframes(bytes(channels * width * 10))
    with pytest.raises(ValueError, match="want 16-bit mono, got"):
        audio.read_wav(path)


def test_stereo_has_left_and_right_and_pads_the_shorter():
    left, right = b"\x01\x00\x02\x00", b"\x03\x00"
    assert audio.interleave(left, right) == b"\x01\x00\x03\x00\x02\x00\x00\x00"
    assert audio.interleave(b"", right) == b"\x00\x00\x03\x00"
    assert audio.interleave(b"", b"") == b""


@pytest.mark.parametrize("rate_out", [8_000, 22_050, 48_000])
def test_resampling_keeps_duration_and_pitch(rate_out: int):
    tone = array(
        "h", (round(9000 * math.sin(2 * math.pi * 440 * i / 16_000)) for i in range(16_000))
    )
    out = audio.to_samples(audio.resample(audio.to_pcm(tone), 16_000, rate_out))
    assert len(out) == pytest.approx(rate_out, abs=2)
    crossings = sum(a < 0 <= b for a, b in pairwise(out))
    assert crossings == pytest.approx(440, abs=2)


def test_resampling_to_the_same_rate_changes_nothing():
    assert audio.resample(b"\x01\x02", 16_000, 16_000) == b"\x01\x02"
