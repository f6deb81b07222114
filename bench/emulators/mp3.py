"""PCM in piece by piece, MP3 out: for emulators of voices that are asked for it."""

from __future__ import annotations

from typing import Any

import av
import numpy as np


class Encoder:
    """Makes MP3 of PCM at `rate` (Hz), as it comes; frames wait until they are full."""

    def __init__(self, rate: int, bits_per_second: int) -> None:
        codec: Any = av.CodecContext.create("libmp3lame", "w")
        codec.sample_rate, codec.bit_rate = rate, bits_per_second
        codec.layout, codec.format = "mono", "s16p"
        self._codec, self._rate, self._samples = codec, rate, 0
        self._cut = av.AudioFifo()

    def feed(self, pcm: bytes) -> bytes:
        """The frames that are whole by now."""
        samples = np.frombuffer(pcm, "<i2").reshape(1, -1)
        if samples.size:
            frame = av.AudioFrame.from_ndarray(samples, format="s16p", layout="mono")
            frame.sample_rate = self._rate
            frame.pts = self._samples
            self._samples += samples.size
            self._cut.write(frame)
        return self._encoded(partial=False)

    def finish(self) -> bytes:
        """The rest."""
        if not self._samples:
            return b""
        return self._encoded(partial=True) + b"".join(map(bytes, self._codec.encode(None)))

    def _encoded(self, *, partial: bool) -> bytes:
        self._codec.open(strict=False)
        mp3, size = b"", self._codec.frame_size
        while frame := self._cut.read(size, partial):
            mp3 += b"".join(map(bytes, self._codec.encode(frame)))
        return mp3
