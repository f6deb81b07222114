"""Audio out, and the ledger of what was played.

All counts are samples at the device's rate. Per utterance `sent = played + buffered + dropped`
holds at any time, and `buffered` is 0 once it is closed.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable

from bench import clock
from bench.audio import SAMPLE_RATE, AudioEncoding

KEPT_UTTERANCES = 16  # closed ones that late reports may still name


class Utterance:
    """One entry of the ledger: a stretch of speech on its way through the loudspeaker.

    Until the far end reports, `played` is worked out from the paced clock: what was sent plays on
    without a break, from `delay_seconds` after its first sample, except while held.
    """

    def __init__(self, id: int, rate: int, delay_seconds: float = 0.0) -> None:
        self.id = id
        self.rate = rate
        self.sent = 0
        self.dropped = 0
        self.closed = asyncio.Event()
        self.complete = False  # nothing more will be sent
        self.clearing = False  # the far end was told to throw the rest away
        self.reported: int | None = None  # samples, as told by the far end
        self.words_up_to: Callable[[float], str] | None = None  # of its audio, by seconds of it
        self._delay_seconds = delay_seconds
        self._anchor_at: float | None = None  # the sample `_anchor` starts to play at this instant
        self._anchor = 0
        self._held_at: float | None = None

    @property
    def ends_at(self) -> float:
        """When all that was sent will have been played, by the paced clock, nothing held."""
        if self._anchor_at is None:
            return clock.now() + self._delay_seconds
        return self._anchor_at + (self.sent - self._anchor) / self.rate

    @property
    def paced_until(self) -> float:
        """Until when what was sent keeps the loudspeaker busy, its own delay left out."""
        return self.ends_at - self._delay_seconds

    @property
    def estimated(self) -> bool:
        """Whether `played` is worked out, not reported."""
        return self.reported is None

    @property
    def played(self) -> int:
        """Samples that left the loudspeaker."""
        if self.reported is not None:
            return self.reported
        if self.closed.is_set():
            return self.sent - self.dropped
        return self._played_by_clock()

    @property
    def buffered(self) -> int:
        """Samples sent that are neither played nor dropped."""
        return self.sent - self.played - self.dropped

    def add(self, samples: int) -> bool:
        """Count `samples` as sent; True when the loudspeaker had run dry before they came."""
        now = clock.now()
        dry = self._anchor_at is not None and self._held_at is None and now > self.ends_at + 1e-6
        if self._anchor_at is None or dry:
            self._anchor_at, self._anchor = now + self._delay_seconds, self.sent
            if self._held_at is not None:
                self._held_at = now
        self.sent += samples
        return dry

    def hold(self) -> None:
        """The loudspeaker pauses."""
        if self._held_at is None:
            self._held_at = clock.now()

    def resume(self) -> None:
        """The loudspeaker goes on from where it paused."""
        if self._held_at is not None:
            if self._anchor_at is not None:
                self._anchor_at += clock.now() - self._held_at
            self._held_at = None

    def report(self, played: int) -> None:
        """The far end has played this many samples; never backwards, never more than sent."""
        if self.closed.is_set():
            return
        self.reported = min(max(played, self.reported or 0), self.sent)
        if self.complete and self.reported == self.sent:
            self.closed.set()

    def close(self, played: int | None = None) -> None:
        """Nothing of it will sound any more; what was not played by now was dropped, for good.

        `played` is the far end's last word; without it the best knowledge stands.
        """
        if self.closed.is_set():
            return
        if played is not None:
            self.reported = min(max(played, self.reported or 0), self.sent)
        self.dropped = self.sent - self.played
        self.closed.set()

    def _played_by_clock(self) -> int:
        if self._anchor_at is None:
            return 0
        now = self._held_at if self._held_at is not None else clock.now()
        since = math.floor((now - self._anchor_at) * self.rate + 1e-3)
        return min(self.sent, self._anchor + max(0, since))


class PlayoutLedger:
    """The utterances of a device, newest last, and where the loudspeaker is in them."""

    def __init__(self, rate: int = SAMPLE_RATE, delay_seconds: float = 0.0) -> None:
        self.rate = rate
        self.delay_seconds = delay_seconds
        self.current: Utterance | None = None
        self.on_report: Callable[[Utterance], None] | None = None
        self._ids = 0
        self._recent: deque[Utterance] = deque(maxlen=KEPT_UTTERANCES)

    def open(self) -> Utterance:
        """Begin a new utterance; ids count up from 1."""
        self._ids += 1
        self.current = Utterance(self._ids, self.rate, self.delay_seconds)
        self._recent.append(self.current)
        return self.current

    def find(self, utterance: int) -> Utterance | None:
        """A recent utterance by id."""
        return next((u for u in self._recent if u.id == utterance), None)

    def report_played(self, utterance: int, samples: int) -> None:
        """The far end's position in an utterance; an unknown id is ignored."""
        if (entry := self.find(utterance)) is not None:
            entry.report(samples)
            if self.on_report is not None:
                self.on_report(entry)

    def report_cleared(self, utterance: int, played: int) -> None:
        """The far end emptied its buffer after `played` samples; an unknown id is ignored.

        One that was not told to has only said what it played.
        """
        if (entry := self.find(utterance)) is not None:
            (entry.close if entry.clearing else entry.report)(played)


class OutputDevice:
    """Where audio leaves.

    Write `consume_nonblocking`; pacing belongs to the worker that calls it. A device whose far end
    reports what it played sets `reports` and passes the reports to `ledger`; for any other the
    ledger works from the paced clock plus `delay_seconds`, and marks what it says as an estimate.
    """

    reports = False

    def __init__(
        self,
        sampling_rate: int = SAMPLE_RATE,
        audio_encoding: AudioEncoding = AudioEncoding.LINEAR16,
        delay_seconds: float = 0.0,
    ) -> None:
        self.sampling_rate = sampling_rate
        self.audio_encoding = audio_encoding
        self.ledger = PlayoutLedger(sampling_rate, delay_seconds)

    def consume_nonblocking(self, chunk: bytes) -> None:
        """Take a chunk of PCM at `sampling_rate`, without waiting."""
        raise NotImplementedError(f"{type(self).__name__} must write consume_nonblocking()")

    def begin(self, utterance: Utterance) -> None:
        """A new utterance's chunks follow."""

    def end(self, utterance: Utterance) -> None:
        """The utterance is complete: no chunk of it follows."""

    def clear(self) -> None:
        """Throw away what has not been played, at once."""

    def hold(self) -> None:
        """Pause, keeping what is buffered."""

    def resume(self) -> None:
        """Go on from the sample at which `hold` paused."""

    async def terminate(self) -> None:
        """Close the way out; nothing by default."""
