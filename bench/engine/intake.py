"""Microphone audio in, the same for a sender out: once more, where a stream broke under it."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import deque

from bench.audio import SAMPLE_RATE, samples_in

KEPT_SECONDS = 20.0  # of audio that nothing final was said of: two stalls are noticed sooner


class Intake:
    """The audio of one microphone on its way to a service, and what the service has yet to settle.

    Streams come and go, the microphone runs on: a stream's first sample is any sample of the
    microphone, and what `rewind` finds unsettled is sent again. `position` is the sample of the
    microphone at which the next chunk of the queue begins.
    """

    def __init__(self, queue: asyncio.Queue[bytes]) -> None:
        self.queue = queue
        self.position = 0
        self._again = deque[tuple[int, bytes]]()  # taken before, to be sent again
        self._kept = deque[tuple[int, bytes]]()  # taken, and not settled
        self._kept_samples = 0
        self._streamed = 0  # samples of this stream
        self._begins = [0]  # places in the stream where the microphone has a gap …
        self._shifts = [0]  # … and what is to be added from there on

    @property
    def begins(self) -> int:
        """The sample of the microphone that is the first of this stream."""
        return self._shifts[0]

    async def take(self) -> bytes:
        """The next chunk, as soon as there is one."""
        if self._again:
            at, chunk = self._again.popleft()
        else:
            chunk = await self.queue.get()
            at, self.position = self.position, self.position + samples_in(chunk)
        if at - self._streamed != self._shifts[-1]:
            self._begins.append(self._streamed)
            self._shifts.append(at - self._streamed)
        self._streamed += samples_in(chunk)
        self._keep(at, chunk)
        return chunk

    def dropped(self, samples: int) -> None:
        """So much of the queue was thrown away."""
        self.position += samples

    def padded(self, samples: int) -> None:
        """So much silence of the sender's own went into the stream."""
        self._streamed += samples

    def rewind(self) -> None:
        """A new stream begins: its first sample is the first of those that are not settled."""
        self._again.extendleft(reversed(self._kept))
        self._kept.clear()
        self._kept_samples = self._streamed = 0
        self._begins = [0]
        self._shifts = [self._again[0][0] if self._again else self.position]

    def placed(self, sample: int) -> int:
        """The sample of the microphone that is `sample` of this stream."""
        place = bisect_right(self._begins, sample) - 1
        return sample + self._shifts[max(place, 0)]

    def settled(self, sample: int | None = None) -> None:
        """The words up to here, of the microphone's samples, are final: all that was taken, unless
        said."""
        while self._kept and (sample is None or self._end(self._kept[0]) <= sample):
            self._kept_samples -= samples_in(self._kept.popleft()[1])

    def _keep(self, at: int, chunk: bytes) -> None:
        self._kept.append((at, chunk))
        self._kept_samples += samples_in(chunk)
        while self._kept_samples > KEPT_SECONDS * SAMPLE_RATE:
            self._kept_samples -= samples_in(self._kept.popleft()[1])

    def _end(self, kept: tuple[int, bytes]) -> int:
        return kept[0] + samples_in(kept[1])
