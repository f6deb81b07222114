"""Audio in, what a listener hears out: a loudspeaker that plays, reports and remembers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from bench import clock
from bench.audio import SAMPLE_RATE, SAMPLE_WIDTH
from bench.engine.output import OutputDevice, Utterance


class Loudspeaker(OutputDevice):
    """Plays in time, like a page with a ring buffer and a listener in front of it.

    Audio begins `prebuffer_seconds` after an utterance's first chunk, and again
    after it ran dry. With `reports` it tells the
    ledger what it played, `report_seconds` apart and `report_delay_seconds` late; without, the
    ledger estimates. `recording` holds (instant, PCM) of everything that sounded; `received` is set
    by the first chunk.
    """

    def __init__(
        self,
        sampling_rate: int = SAMPLE_RATE,
        *,
        reports: bool = True,
        prebuffer_seconds: float = 0.0,
        report_seconds: float = 0.06,
        report_delay_seconds: float = 0.0,
    ) -> None:
        super().__init__(sampling_rate, delay_seconds=prebuffer_seconds)
        self.reports = reports
        self.received = asyncio.Event()
        self.recording: list[tuple[float, bytes]] = []
        self.chunks: list[tuple[float, int]] = []  # instant and bytes of each chunk taken
        self.cleared_at: float | None = None
        self._report_seconds, self._report_delay_seconds = report_seconds, report_delay_seconds
        self._prebuffer_seconds = prebuffer_seconds
        self._utterance: Utterance | None = None
        self._buffer = bytearray()
        self._taken = 0  # samples of the utterance that left the buffer before `_since`
        self._since: float | None = None  # the buffer's head plays from this instant; None: paused
        self._wait_left = 0.0  # of the prebuffer, while paused
        self._fresh = True
        self._complete = False
        self._timer: asyncio.TimerHandle | None = None

    @property
    def position(self) -> int:
        """Samples of the current utterance that have sounded."""
        return self._taken + self._sounded()

    @property
    def heard(self) -> bytes:
        """All PCM that sounded, without the silence between."""
        return b"".join(pcm for _, pcm in self.recording)

    def begin(self, utterance: Utterance) -> None:
        """A new utterance's chunks follow."""
        self._advance()
        self._utterance, self._taken, self._complete = utterance, 0, False
        self._buffer.clear()
        self._since, self._fresh = None, True

    def consume_nonblocking(self, chunk: bytes) -> None:
        """Take a chunk into the buffer."""
        self._advance()
        now = clock.now()
        dry = not self._buffer and self._since is not None and now > self._since + 1e-6
        if dry:
            self._since = now + self._prebuffer_seconds
        self._buffer += chunk
        self.chunks.append((now, len(chunk)))
        self.received.set()
        if self._fresh:
            self._fresh = False
            self._since = now + self._prebuffer_seconds
            self._report_later(self._prebuffer_seconds)

    def end(self, utterance: Utterance) -> None:
        """No chunk of the utterance follows."""
        self._complete = True

    def clear(self) -> None:
        """Fall silent now; reports what was played."""
        self._advance()
        self.cleared_at = clock.now()
        self._buffer.clear()
        self._since = None
        self._disarm()
        if self.reports and self._utterance is not None:
            self._tell(self.ledger.report_cleared, self._utterance.id, self._taken)

    def hold(self) -> None:
        """Pause."""
        self._advance()
        if self._since is not None:
            self._wait_left = max(0.0, self._since - clock.now())
        self._since = None

    def resume(self) -> None:
        """Go on."""
        self._since = clock.now() + self._wait_left

    async def terminate(self) -> None:
        """Fall silent; no timer stays behind."""
        self._advance()
        self._since = None
        self._disarm()

    def _sounded(self) -> int:
        if self._since is None:
            return 0
        elapsed = int((clock.now() - self._since) * self.sampling_rate + 1e-3)
        if elapsed <= 0:
            return 0
        return min(elapsed, len(self._buffer) // SAMPLE_WIDTH)

    def _advance(self) -> None:
        """Move what has sounded from the buffer to the recording."""
        samples = self._sounded()
        if not samples or self._since is None:
            return
        size = samples * SAMPLE_WIDTH
        self._sounds(self._since, self._taken, samples)
        self.recording.append((self._since, bytes(self._buffer[:size])))
        del self._buffer[:size]
        self._taken += samples
        self._since += samples / self.sampling_rate

    def _sounds(self, at: float, first: int, samples: int) -> None:
        """So many samples of the utterance, from `first` on, have sounded since the instant `at`;
        for those who want to know."""

    def _report_later(self, seconds: float) -> None:
        if not self.reports or self._utterance is None:
            return
        self._disarm()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._report)

    def _report(self) -> None:
        self._timer = None
        self._advance()
        assert self._utterance is not None
        self._tell(self.ledger.report_played, self._utterance.id, self._taken)
        if self._buffer or not self._complete:
            self._report_later(self._report_seconds)

    def _tell(self, report: Callable[[int, int], None], utterance: int, samples: int) -> None:
        if not self._report_delay_seconds:
            report(utterance, samples)
            return
        loop = asyncio.get_running_loop()
        loop.call_later(self._report_delay_seconds, report, utterance, samples)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
