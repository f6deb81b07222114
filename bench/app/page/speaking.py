"""A voice and a text in, what it said and when it came out."""

from __future__ import annotations

import contextlib
import io
import wave
from dataclasses import dataclass

from bench import clock
from bench.audio import SAMPLE_WIDTH
from bench.engine.parts import warm_up
from bench.engine.patience import Patience
from bench.engine.synthesizer import BaseMessage, BaseSynthesizer

CHUNK_SECONDS = 0.02
MOST_SECONDS = 40.0  # of sound
FIRST_SECONDS = 8.0  # until the first of it
STALL_SECONDS = 3.0  # between two pieces
DEADLINE_SECONDS = 30.0  # for all of it


@dataclass(frozen=True, slots=True)
class Spoken:
    """PCM at `rate` Hz; `arrivals` are seconds since it was asked for, each with the samples that
    had come by then."""

    pcm: bytes
    rate: int
    arrivals: tuple[tuple[float, int], ...]

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.pcm) / SAMPLE_WIDTH / self.rate

    @property
    def real_time_factor(self) -> float | None:
        """The time it took to come over the time it plays; None of nothing."""
        return self.arrivals[-1][0] / self.seconds if self.pcm else None

    def heard_at(self, sample: int) -> float:
        """When a sample is heard at the earliest, in seconds since the speech was asked for, by who
        plays from the first piece on and waits for each that is late."""
        start = late = 0.0
        before = 0
        for at, samples in self.arrivals:
            start = at if not before else start
            late = max(late, at - start - before / self.rate)
            before = samples
            if samples > sample:
                break
        return start + late + sample / self.rate


async def speak(
    synthesizer: BaseSynthesizer, text: str, *, deadline_seconds: float = DEADLINE_SECONDS
) -> Spoken:
    """Say a text, `MOST_SECONDS` of it at most, and close the synthesizer; the account that pays is
    asked first, and neither it nor the connection counts as waiting.

    Raises:
        TimeoutError: the voice took too long.
        ProviderError, ConfigError: the voice cannot be used.
    """
    slot = None
    try:
        async with clock.deadline(deadline_seconds):
            await warm_up(synthesizer)
            if synthesizer.account is not None:
                slot = await synthesizer.account.enter(len(text), FIRST_SECONDS)
            return await _spoken(synthesizer, text)
    finally:
        if slot is not None:
            slot.leave()
        await synthesizer.terminate()


async def _spoken(synthesizer: BaseSynthesizer, text: str) -> Spoken:
    rate, pcm = synthesizer.sampling_rate, bytearray()
    asked_at, arrivals = clock.now(), list[tuple[float, int]]()
    async with Patience(FIRST_SECONDS) as patience:
        size = round(CHUNK_SECONDS * rate) * SAMPLE_WIDTH
        result = await synthesizer.create_speech(BaseMessage(text), size)
        async with contextlib.aclosing(result.chunk_generator) as chunks:
            async for piece in chunks:
                pcm += piece.chunk
                if piece.chunk:
                    arrivals.append((clock.now() - asked_at, len(pcm) // SAMPLE_WIDTH))
                if piece.is_last_chunk or len(pcm) > MOST_SECONDS * rate * SAMPLE_WIDTH:
                    break
                patience.extend(STALL_SECONDS)
    if result.error is not None:
        raise result.error
    return Spoken(bytes(pcm), rate, tuple(arrivals))


def wav(pcm: bytes, rate: int) -> bytes:
    """PCM as a WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(SAMPLE_WIDTH)
        out.setframerate(rate)
        out.writeframes(pcm)
    return file.getvalue()


def pcm_of(sound: bytes) -> tuple[bytes, int]:
    """The PCM of a file that `wav` made, and its rate."""
    with wave.open(io.BytesIO(sound)) as file:
        return file.readframes(file.getnframes()), file.getframerate()
