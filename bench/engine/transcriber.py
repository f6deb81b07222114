"""Audio in, words out: the seam every speech-to-text provider fits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from bench import clock
from bench.audio import SAMPLE_WIDTH
from bench.engine.intake import Intake
from bench.engine.worker import QUEUE_SIZE, BaseWorker, Ending
from bench.errors import Rejected
from bench.events import AudioDropped, Word

__all__ = ["BaseTranscriber", "Transcription", "Word"]

AUDIO_QUEUE_SIZE = 250  # chunks: 5 s of 20 ms frames, then the oldest are dropped
RESTART_SECONDS = (0.0, 0.5, 1.0, 2.0, 4.0)  # waits before a failed stream is opened again


@dataclass(slots=True)
class Transcription:
    """What was said, as far as it is known.

    `words` carry sample positions in the microphone's audio where the provider has them;
    `ends_turn` is the provider's own opinion, None when it has none; `utterance_id` groups the
    partials of one final.
    """

    message: str
    confidence: float = 1.0
    is_final: bool = True
    is_interrupt: bool = False
    words: tuple[Word, ...] = ()
    ends_turn: bool | None = None
    utterance_id: str = ""


class BaseTranscriber(BaseWorker):
    """Turns a stream of PCM chunks (`input_queue`) into `Transcription`s (`output_queue`).

    Write `_run_loop`: a sender that sends what `take` gives to a service and a receiver that hands
    `Transcription`s to `tell`, side by side; `placed` turns a place in the stream into one in the
    microphone's audio. It runs again, after a growing wait, when it raises anything but `Rejected`;
    `take` then begins with the audio whose words were not final. Muting replaces the microphone by
    silence of the same length, so a provider's clock goes on.
    """

    provider = ""
    sampling_rate = 16_000  # Hz of the audio it is sent

    def __init__(self, transcriber_config: Any = None) -> None:
        super().__init__(asyncio.Queue(AUDIO_QUEUE_SIZE), asyncio.Queue(QUEUE_SIZE))
        self.transcriber_config = transcriber_config
        self.is_muted = False
        self.intake = Intake(self.input_queue)
        self._dropped = 0  # samples not yet told to the trace

    def send_audio(self, chunk: bytes) -> None:
        """Hand over PCM; a lone transcriber starts with its first chunk. Never blocks: when the
        queue is full the oldest chunk is dropped."""
        if self._task is None:
            self.start()
        if self.is_muted:
            chunk = bytes(len(chunk))
        queue = self.input_queue
        if queue.full():
            self._drop(queue.get_nowait())
        elif self._dropped and queue.empty():  # it has caught up
            self._tell_dropped()
        queue.put_nowait(chunk)

    def mute(self) -> None:
        """Hear silence from now on."""
        self.is_muted = True

    def unmute(self) -> None:
        """Hear the microphone again."""
        self.is_muted = False

    def create_silent_chunk(self, n: int) -> bytes:
        """`n` bytes of silence."""
        return bytes(n)

    def terminate(self) -> Ending:
        """Stop; what was dropped and not told yet is told now."""
        if self._dropped:
            self._tell_dropped()
        return super().terminate()

    async def take(self) -> bytes:
        """The next chunk of audio, for a sender."""
        return await self.intake.take()

    async def audio(self) -> AsyncIterator[bytes]:
        """The chunks as they come, for a sender to drain."""
        while True:
            yield await self.take()

    def placed(self, sample: int) -> int:
        """The sample of the microphone's audio that is `sample` of the stream being sent."""
        return self.intake.placed(sample)

    async def tell(self, said: Transcription) -> None:
        """Put what was said on `output_queue`; final words are not heard again after a restart."""
        if said.is_final:
            self.intake.settled(said.words[-1].end_sample if said.words else None)
        elif said.message:
            self.intake.pending()
        await self.output_queue.put(said)

    async def process(self, item: bytes) -> None:
        """Transcribers that work chunk by chunk write this instead of `_run_loop`."""
        raise NotImplementedError(f"{self.name} must write _run_loop() or process()")

    async def _run(self) -> None:
        try:
            await self._run_until_it_ends()
        except asyncio.CancelledError:
            if self.active:  # somebody else cancelled this task: keep the promise to cancel
                raise
        finally:
            self.active = False

    async def _run_until_it_ends(self) -> None:
        failures = 0
        while True:
            began_at = clock.now()
            self.intake.rewind()
            try:
                await self._run_loop()
            except Exception as error:  # deafness is not the end of the conversation
                self.failed(error, clock.now() - began_at)
                if isinstance(error, Rejected):
                    return  # asking again would be refused again
            else:
                return
            if clock.now() - began_at > RESTART_SECONDS[-1]:
                failures = 0
            await clock.sleep(RESTART_SECONDS[min(failures, len(RESTART_SECONDS) - 1)])
            failures += 1

    def _drop(self, chunk: bytes) -> None:
        self._dropped += len(chunk) // SAMPLE_WIDTH
        self.intake.dropped(len(chunk) // SAMPLE_WIDTH)
        if self._dropped >= self.sampling_rate:  # one fact a second, however long it lasts
            self._tell_dropped()

    def _tell_dropped(self) -> None:
        self.record(AudioDropped(self._dropped, "transcriber fell behind", turn=self.turn))
        self._dropped = 0
