"""MP3 as it streams becomes PCM at once, and all of it."""

import io
from collections.abc import AsyncGenerator
from fractions import Fraction

import av
import numpy as np
import pytest

from bench import clock
from bench.audio import resample, to_samples
from bench.providers.mp3 import decoded
from bench.simulation import tone

pytestmark = pytest.mark.unit

TEXT = "Yes, we are open from nine to five. Would you like to book a table?"
RATE = 24_000
BITS_PER_SECOND = 64_000
FRAME_SECONDS = 576 / RATE  # of MP3 at this rate
PADDING_SECONDS = 0.05  # that an encoder adds at the end


def mp3_of(text: str, *, tag: bytes = b"", xing: bool = False) -> bytes:
    """Our own tones as a vendor would send them."""
    pcm = np.frombuffer(tone.speak(text, RATE)[0], "<i2").reshape(1, -1)
    out = io.BytesIO()
    with av.open(
        out, "w", format="mp3", options={"id3v2_version": "0", "write_xing": str(int(xing))}
    ) as file:
        stream = file.add_stream("libmp3lame", rate=RATE, layout="mono")
        stream.bit_rate = BITS_PER_SECOND
        frame = av.AudioFrame.from_ndarray(pcm, format="s16", layout="mono")
        frame.sample_rate, frame.time_base = RATE, Fraction(1, RATE)
        frame.pts = 0
        planar = av.AudioResampler(format="s16p", layout="mono", rate=RATE)
        for piece in [*planar.resample(frame), *planar.resample(None)]:
            file.mux(stream.encode(piece))
        file.mux(stream.encode(None))
    return tag + out.getvalue()


async def sent(mp3: bytes, size: int) -> AsyncGenerator[bytes, None]:
    """At the pace of the audio, in pieces of so many bytes."""
    for start in range(0, len(mp3), size):
        await clock.sleep(8 * size / BITS_PER_SECOND)
        yield mp3[start : start + size]


def came(mp3: bytes, size: int, rate: int) -> list[tuple[float, bytes]]:
    async def main():
        return [(clock.now(), pcm) async for pcm in decoded(sent(mp3, size), rate)]

    return clock.run(main(), virtual=True)


@pytest.mark.parametrize("size", [29, 64, 417, 4096])
@pytest.mark.parametrize("rate", [8000, 16_000, 24_000])
def test_all_of_it_comes_out_at_the_asked_rate(size: int, rate: int):
    pcm = b"".join(piece for _, piece in came(mp3_of(TEXT), size, rate))
    wanted = len(tone.speak(TEXT, rate)[0])
    assert 0 <= len(pcm) - wanted <= 2 * rate * PADDING_SECONDS


@pytest.mark.parametrize("xing", [False, True])
def test_it_sounds_like_what_went_in_and_where_it_did(xing: bool):
    pcm = b"".join(piece for _, piece in came(mp3_of(TEXT, xing=xing), 200, 16_000))
    original = resample(tone.speak(TEXT, RATE)[0], RATE, 16_000)
    made, wanted = (np.array(to_samples(audio), float) for audio in (pcm, original))
    likeness = {
        delay: np.corrcoef(made[delay : delay + 16_000], wanted[:16_000])[0, 1]
        for delay in range(800)
    }
    assert max(likeness, key=likeness.__getitem__) <= 2
    assert max(likeness.values()) > 0.99


def test_sound_comes_soon_and_stays_close():
    pieces = came(mp3_of(TEXT), 64, 16_000)
    assert pieces[0][0] <= 4 * FRAME_SECONDS
    length = 0.0
    for at, pcm in pieces[:-1]:
        length += len(pcm) / 32_000
        assert at - length <= 4 * FRAME_SECONDS


@pytest.mark.parametrize("size", [5, 100, 5000])
def test_a_tag_at_the_beginning_is_no_sound(size: int):
    tag = b"ID3\x04\x00\x00\x00\x00\x07\x68" + b"\xff\xfb\x90\x64" * 250
    whole, tagged = (came(mp3_of(TEXT, tag=head), size, 16_000) for head in (b"", tag))
    assert b"".join(pcm for _, pcm in tagged) == b"".join(pcm for _, pcm in whole)


def test_garbage_in_the_middle_is_left_out():
    mp3 = mp3_of(TEXT)
    spoilt = mp3[:4000] + bytes(3000) + mp3[4000:]
    pcm = b"".join(piece for _, piece in came(spoilt, 300, 16_000))
    assert abs(len(pcm) - len(tone.speak(TEXT)[0])) <= 32_000 * 0.3


def test_what_is_no_mp3_is_refused():
    with pytest.raises(ValueError, match="not MP3"):
        came(b"RIFF is another format" * 100, 50, 16_000)


@pytest.mark.parametrize("mp3", [b"", b"ID"])
def test_nothing_in_nothing_out(mp3: bytes):
    if mp3:
        with pytest.raises(ValueError, match="not MP3"):
            came(mp3, 50, 16_000)
    else:
        assert came(mp3, 50, 16_000) == []


def test_closing_it_closes_what_it_reads():
    async def main():
        source = sent(mp3_of(TEXT), 100)
        pcm = decoded(source, 16_000)
        await anext(pcm)
        await pcm.aclose()
        with pytest.raises(StopAsyncIteration):
            await anext(source)

    clock.run(main(), virtual=True)
