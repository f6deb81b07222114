"""MP3 in as it streams, PCM out as soon as it can be heard."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Iterable

import av
import av.error

from bench.audio import SAMPLE_WIDTH

TAG_HEADER = 10  # bytes
ABOUT = (b"Xing", b"Info")  # in a first frame that tells of the others and holds no sound
DELAY = 1105  # samples: 576 of the encoder (LAME's), 529 of every decoder


async def decoded(mp3: AsyncGenerator[bytes, None], rate: int) -> AsyncGenerator[bytes, None]:
    """PCM, mono, at `rate` in Hz, of MP3 in pieces of any length; closing it closes `mp3`.

    It begins where the sound that was encoded did, so that times in the one hold in the other.

    Raises:
        ValueError: there is something, and none of it is MP3.
    """
    decoder, came, made = _Decoder(rate), 0, 0
    async with contextlib.aclosing(mp3):
        async for piece in mp3:
            came += len(piece)
            if pcm := decoder.feed(piece):
                made += len(pcm)
                yield pcm
    if pcm := decoder.finish():
        made += len(pcm)
        yield pcm
    if came and not made:
        raise ValueError("not MP3")


class _Decoder:
    """Frames of MP3, wherever a piece ends; what is garbled among them is left out."""

    def __init__(self, rate: int) -> None:
        self._codec = av.CodecContext.create("mp3", "r")
        self._resampler = av.AudioResampler(format="s16", layout="mono", rate=rate)
        self._rate = rate
        self._begun = False
        self._early = 0  # bytes of PCM before the sound
        self._head: bytes | None = b""  # until it is known whether a tag comes first
        self._to_skip = 0

    def feed(self, data: bytes) -> bytes:
        """The PCM that is whole by now."""
        data = self._without_tag(data)
        return self._decoded(self._codec.parse(data)) if data else b""

    def finish(self) -> bytes:
        """The rest."""
        rest = self._decoded(self._codec.parse(self._head or b"")) if self._head else b""
        rest += self._decoded([*self._codec.parse(b""), None])
        return rest + self._sound(self._resampler.resample(None))

    def _decoded(self, packets: Iterable[av.Packet | None]) -> bytes:
        pcm = b""
        for packet in packets:
            if (
                packet is not None
                and not self._begun
                and any(sign in bytes(packet) for sign in ABOUT)
            ):
                continue
            try:
                frames = self._codec.decode(packet)
            except av.error.InvalidDataError:
                continue
            for frame in frames:
                if not self._begun:
                    self._begun = True
                    self._early = SAMPLE_WIDTH * round(DELAY * self._rate / frame.sample_rate)
                frame.pts = None  # pieces have none, and the resampler would wonder
                pcm += self._sound(self._resampler.resample(frame))
        return pcm

    def _sound(self, frames: Iterable[av.AudioFrame]) -> bytes:
        pcm = b"".join(frame.to_ndarray().astype("<i2").tobytes() for frame in frames)
        skipped = min(self._early, len(pcm))
        self._early -= skipped
        return pcm[skipped:]

    def _without_tag(self, data: bytes) -> bytes:
        """Leave out the ID3 tag that may come first, pictures and all."""
        if self._head is not None:
            data, self._head = self._head + data, None
            if b"ID3".startswith(data[:3]) and len(data) < TAG_HEADER:
                self._head = data
                return b""
            if data.startswith(b"ID3"):
                length = sum(
                    byte << shift for byte, shift in zip(data[6:10], (21, 14, 7, 0), strict=True)
                )
                self._to_skip = TAG_HEADER + length
        skipped = min(self._to_skip, len(data))
        self._to_skip -= skipped
        return data[skipped:]
