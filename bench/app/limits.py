"""What one client may use, in numbers, and the counting of it."""

from __future__ import annotations

from dataclasses import dataclass

from bench import clock
from bench.audio import SAMPLE_RATE, SAMPLE_WIDTH


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of the socket; durations are seconds."""

    conversations: int = 50
    reconnect_seconds: float = 60.0  # how long a conversation waits for its client to come back
    idle_seconds: float = 300.0  # without a word from either side
    session_seconds: float = 3600.0
    first_message_seconds: float = 10.0
    assemble_seconds: float = 20.0  # to make the parts of a conversation
    kept_seconds: float = 600.0  # how long an ended session can still be exported
    ping_seconds: float = 15.0
    pings_missed: int = 2  # in a row, then the socket counts as dead

    frame_bytes: int = 64 * 1024
    audio_speed: float = 4.0  # times real time, sustained …
    audio_burst_seconds: float = 20.0  # … beyond so much at once
    frames_per_second: float = 400.0  # of audio, sustained …
    frames_burst: int = 2000  # … beyond so many at once
    messages_per_second: float = 100.0  # of JSON, sustained …
    messages_burst: int = 200  # … beyond so many at once
    texts_per_second: float = 1.0  # of `say`, sustained …
    texts_burst: int = 10  # … beyond so many at once
    errors_told: int = 50  # malformed messages answered, then the socket is closed


class Bucket:
    """A token bucket: `rate` a second, `burst` at once; starts full."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate, self._burst = rate, burst
        self._left, self._at = burst, clock.now()

    def take(self, amount: float) -> bool:
        """Use up `amount`; False when there is not so much, and then nothing is used."""
        now = clock.now()
        self._left = min(self._burst, self._left + (now - self._at) * self._rate)
        self._at = now
        if amount > self._left:
            return False
        self._left -= amount
        return True


class Meter:
    """Counts what one socket sends against the limits."""

    def __init__(self, limits: Limits) -> None:
        bytes_per_second = SAMPLE_RATE * SAMPLE_WIDTH
        rate, burst = limits.audio_speed, limits.audio_burst_seconds
        self._audio = Bucket(rate * bytes_per_second, burst * bytes_per_second)
        self._frames = Bucket(limits.frames_per_second, limits.frames_burst)
        self._messages = Bucket(limits.messages_per_second, limits.messages_burst)
        self._texts = Bucket(limits.texts_per_second, limits.texts_burst)

    def audio(self, frame: bytes) -> bool:
        """Whether this frame of audio may still come in."""
        return self._frames.take(1) and self._audio.take(len(frame))

    def message(self) -> bool:
        """Whether another JSON message may still come in."""
        return self._messages.take(1)

    def text(self) -> bool:
        """Whether another text may be given to the voice."""
        return self._texts.take(1)
