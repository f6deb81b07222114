"""Two voices in, one stereo recording out: left the user, right what the loudspeaker played.

Both tracks lie on one timeline, that of the conversation's clock, in temporary files that vanish
with the recording; a silence costs nothing.
"""

from __future__ import annotations

import io
import tempfile
import wave
from collections.abc import Iterator
from typing import IO

from bench import clock
from bench.audio import SAMPLE_RATE, SAMPLE_WIDTH, interleave, resample
from bench.engine.output import Utterance

JITTER_SECONDS = 0.15  # of arrival; a piece that is later than that follows a pause
MOST_UNPLAYED_SECONDS = 60.0  # of audio kept for a report that may still come
BLOCK_SECONDS = 30.0


class Track:
    """PCM on a timeline that begins at `zero`, an instant of the clock.

    Pieces come in order, each told with the instant at which it ended. They follow one another
    without a gap unless there was a pause: small differences are jitter of the network.
    """

    def __init__(self, rate: int, zero: float, most_seconds: float) -> None:
        self.rate = rate
        self.samples = 0  # the end of what was written
        self._zero = zero
        self._most_samples = round(most_seconds * rate)
        self._file: IO[bytes] | None = None
        self._at = -1  # the file's position, in samples

    def add(self, pcm: bytes, ended_at: float) -> None:
        """Append a piece that ended at an instant; beyond the track's length nothing is kept."""
        samples = len(pcm) // SAMPLE_WIDTH
        begins = round((ended_at - self._zero) * self.rate) - samples
        if begins - self.samples > JITTER_SECONDS * self.rate:
            self.samples = begins
        samples = min(samples, self._most_samples - self.samples)
        if samples <= 0:
            return
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="talkbench-")
        if self._at != self.samples:
            self._file.seek(self.samples * SAMPLE_WIDTH)
        self._file.write(pcm[: samples * SAMPLE_WIDTH])
        self.samples += samples
        self._at = self.samples

    def read(self, begin: int, samples: int) -> bytes:
        """PCM from a sample on, silence where there is nothing."""
        pcm = b""
        if self._file is not None:
            self._at = -1
            self._file.seek(begin * SAMPLE_WIDTH)
            pcm = self._file.read(samples * SAMPLE_WIDTH)
        return pcm.ljust(samples * SAMPLE_WIDTH, b"\0")

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
            self._file = None


class Recording:
    """The conversation as it sounded at the user's side; the clock's instants place the pieces.

    Give it what the microphone sends (`heard`) and what is sent to the loudspeaker (`sent`), and
    call `played` whenever the ledger may know more.
    """

    def __init__(self, rate: int, most_seconds: float) -> None:
        zero = clock.now()
        self.rate = rate  # of the loudspeaker; the recording has the microphone's
        self._mic = Track(SAMPLE_RATE, zero, most_seconds)
        self._bot = Track(rate, zero, most_seconds)
        self._utterance: Utterance | None = None
        self._unplayed = bytearray()
        self._written = 0  # samples of the utterance
        self._odd = b""
        self._closed = False

    @property
    def seconds(self) -> float:
        """How long it is."""
        return max(self._mic.samples / SAMPLE_RATE, self._bot.samples / self.rate)

    def heard(self, pcm: bytes) -> None:
        """Audio of the microphone that has just come, in pieces of any size."""
        if self._closed:
            return
        if self._odd or len(pcm) % SAMPLE_WIDTH:
            pcm = self._odd + pcm
            whole = len(pcm) & ~1
            pcm, self._odd = pcm[:whole], pcm[whole:]
        self._mic.add(pcm, clock.now())

    def sent(self, utterance: Utterance, pcm: bytes) -> None:
        """Audio on its way to the loudspeaker."""
        if self._closed:
            return
        if utterance is not self._utterance:
            self.played()
            self._utterance, self._written = utterance, 0
            self._unplayed.clear()
        self.played()
        room = round(MOST_UNPLAYED_SECONDS * self.rate) * SAMPLE_WIDTH - len(self._unplayed)
        self._unplayed += pcm[: max(0, room)]

    def played(self) -> None:
        """Write down what the ledger says was played by now."""
        if self._utterance is None or self._closed:
            return
        size = max(0, self._utterance.played - self._written) * SAMPLE_WIDTH
        if size and self._unplayed:
            pcm = bytes(self._unplayed[:size])
            self._bot.add(pcm, clock.now())
            del self._unplayed[:size]
            self._written += len(pcm) // SAMPLE_WIDTH

    def wav(self) -> bytes:
        """The recording as a WAV file: 16 kHz, 16 bit, stereo. An hour takes 230 MB."""
        file = io.BytesIO()
        self.write(file)
        return file.getvalue()

    def write(self, file: IO[bytes]) -> None:
        """Write the recording as a WAV file, piece by piece; not while others read or write it."""
        with wave.open(file, "wb") as out:
            out.setnchannels(2)
            out.setsampwidth(SAMPLE_WIDTH)
            out.setframerate(SAMPLE_RATE)
            for block in self._blocks():
                out.writeframes(block)

    def close(self) -> None:
        """Let go of the files; nothing can be read any more."""
        self._closed = True
        self._mic.close()
        self._bot.close()

    def _blocks(self) -> Iterator[bytes]:
        left = round(self.seconds * SAMPLE_RATE)
        for number in range(-(-left // round(BLOCK_SECONDS * SAMPLE_RATE))):
            size = min(round(BLOCK_SECONDS * SAMPLE_RATE), left)
            begin = round(number * BLOCK_SECONDS * self.rate)
            bot = self._bot.read(begin, -(-size * self.rate // SAMPLE_RATE))
            bot = resample(bot, self.rate, SAMPLE_RATE)[: size * SAMPLE_WIDTH]
            mic = self._mic.read(round(number * BLOCK_SECONDS * SAMPLE_RATE), size)
            yield interleave(mic, bot.ljust(size * SAMPLE_WIDTH, b"\0"))
            left -= size
