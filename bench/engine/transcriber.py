"""Audio in, words out: the seam every speech-to-text provider fits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

from bench import clock
from bench.audio import SAMPLE_WIDTH, samples_in
from bench.engine.admission import Account, Slot
from bench.engine.fallback import Decision, decide, name_of, rest, story_of, wait_before_retry
from bench.engine.intake import Intake
from bench.engine.utterances import Utterances
from bench.engine.worker import QUEUE_SIZE, BaseWorker, Ending
from bench.errors import ProviderError, RateLimited, Rejected, Stalled
from bench.events import AudioDropped, FellBack, Retried, Word

__all__ = ["BaseTranscriber", "Transcription", "Word"]

AUDIO_QUEUE_SIZE = 250  # chunks: 5 s of 20 ms frames, then the oldest are dropped
RESTART_SECONDS = (0.0, 0.5, 1.0, 2.0, 4.0)  # waits before a failed stream is opened again
ADMISSION_SECONDS = 8.0  # that a new stream waits for its account
ANSWER_SECONDS = 8.0  # from a voice to the first sign that it was heard, where one is owed …
VOICE_SAMPLES = 11_200  # … because it has lasted 0.7 s


@dataclass(slots=True)
class Transcription:
    """What was said, as far as it is known.

    `words` carry sample positions in the microphone's audio where the provider has them;
    `ends_turn` is the provider's own opinion, None when it has none: False keeps the turn open,
    pauses or not. `utterance_id` groups the partials of one final.
    """

    message: str
    confidence: float = 1.0
    is_final: bool = True
    is_interrupt: bool = False
    words: tuple[Word, ...] = ()
    ends_turn: bool | None = None
    utterance_id: str = ""


class Silence(bytes):
    """PCM in place of the microphone's, which was muted."""

    __slots__ = ()


class BaseTranscriber(BaseWorker):
    """Turns a stream of PCM chunks (`input_queue`) into `Transcription`s (`output_queue`).

    Write `_run_loop`: a sender that sends what `take` gives to a service and a receiver that hands
    `Transcription`s to `tell`, side by side; `placed` turns a place in the stream into one in the
    microphone's audio. It runs again, after a growing wait, when it raises anything but `Rejected`;
    `take` then begins with the audio whose words were not final. Muting replaces the microphone by
    silence of the same length, so a provider's clock goes on.

    `backup` takes over when this one fails, on the same queues and with the same audio; it is no
    worker of its own, and stays until it fails itself.
    """

    provider = ""
    sampling_rate = 16_000  # Hz of the audio it is sent
    backup: BaseTranscriber | None = None
    account: Account | None = None  # units: seconds of audio
    stands_in = False  # it listens on the queues of another
    worked = False
    owes_answers = False  # to a voice: nothing else tells whether the service listens at all
    rests_until = 0.0

    def __init__(self, transcriber_config: Any = None) -> None:
        super().__init__(asyncio.Queue(AUDIO_QUEUE_SIZE), asyncio.Queue(QUEUE_SIZE))
        self.transcriber_config = transcriber_config
        self.is_muted = False
        self.intake = Intake(self.input_queue)
        self.utterances = Utterances()
        self.on_takeover: Callable[[BaseTranscriber], None] | None = None  # who listens now
        self._dropped = 0  # samples not yet told to the trace
        self._slot: Slot | None = None
        self._stream: asyncio.Timeout | None = None
        self._cut: ProviderError | None = None  # why the stream ends when its time is up
        self._ears = self  # whoever listens now
        self._voiced = False  # a voice has lasted

    def send_audio(self, chunk: bytes) -> None:
        """Hand over PCM; a lone transcriber starts with its first chunk. Never blocks: when the
        queue is full the oldest chunk is dropped."""
        if self._task is None:
            self.start()
        if self.is_muted:
            chunk = Silence(len(chunk))
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

    def hears_voice(self, samples: int) -> None:
        """A voice detector has heard somebody speak for so long, in audio that was sent."""
        lasts, self._voiced = self._voiced, samples >= VOICE_SAMPLES
        if self._ears.owes_answers and self._voiced and not lasts:
            reason = "sent a voice, got no answer"
            stalled = Stalled(name_of(self._ears), reason, ANSWER_SECONDS)
            self._ears.end_stream(stalled, ANSWER_SECONDS)

    def answered(self) -> None:
        """The service has shown that it listens."""
        if isinstance(self._cut, Stalled) and self._stream is not None:
            if not self._stream.expired():
                self._cut = None
                self._stream.reschedule(None)

    def create_silent_chunk(self, n: int) -> bytes:
        """`n` bytes of silence."""
        return bytes(n)

    def terminate(self) -> Ending:
        """Stop; what was dropped and not told yet is told now."""
        if self._dropped:
            self._tell_dropped()
        return super().terminate()

    async def warm_up(self) -> None:
        """Make ready for the first audio, before the conversation begins; nothing by default."""

    async def take(self) -> bytes:
        """The next chunk of audio, for a sender."""
        chunk = await self.intake.take()
        slot = self._slot
        if slot is not None and not slot.use(samples_in(chunk) / self.sampling_rate):
            reason = "the day's quota of audio is used up"
            self.end_stream(RateLimited(name_of(self), reason), 0.0)
        return chunk

    async def audio(self) -> AsyncIterator[bytes]:
        """The chunks as they come, for a sender to drain."""
        while True:
            yield await self.take()

    def placed(self, sample: int) -> int:
        """The sample of the microphone's audio that is `sample` of the stream being sent."""
        return self.intake.placed(sample)

    async def tell(self, said: Transcription) -> None:
        """Put what was said on `output_queue`; final words are not heard again after a restart."""
        self.worked = True
        self.answered()
        said.utterance_id = self.utterances.name(said.utterance_id, is_final=said.is_final)
        if said.is_final:
            self.intake.settled(said.words[-1].end_sample if said.words else None)
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
            if self.backup is not None:
                self.backup.active = False

    async def _run_until_it_ends(self) -> None:
        streams = _Streams(self)
        while True:
            began_at = clock.now()
            try:
                await streams.ears.listen()
            except Exception as error:  # deafness is not the end of the conversation
                if not await streams.next(error, clock.now() - began_at):
                    return
            else:
                return

    async def listen(self) -> None:
        """Hear one stream out; whoever runs a transcriber calls it, over and over.

        Raises:
            RateLimited: the account has no room for it, or had none left in the middle.
        """
        self.intake.rewind()
        if self.account is not None:
            self._slot = await self.account.enter(0.0, ADMISSION_SECONDS)
        stream = self._stream = clock.deadline(None)
        self._cut = None
        try:
            async with stream:
                await self._run_loop()
        except TimeoutError:
            if self._cut is None or not stream.expired():
                raise
            raise self._cut from None
        finally:
            if self._slot is not None:
                self._slot.leave()
            self._slot = self._stream = None

    def end_stream(self, why: ProviderError, after_seconds: float) -> None:
        """Let the stream fail after a while, unless `answered` is called or it ends before."""
        if self._stream is not None and not self._stream.expired():
            self._cut = why
            self._stream.reschedule(clock.now() + after_seconds)

    def lend(self, other: BaseTranscriber) -> None:
        """Let another one listen in place of this one."""
        other.stands_in = other.active = True
        other.trace, other.turn = self.trace, self.turn
        other.intake, other.utterances = self.intake, self.utterances
        other.input_queue, other.output_queue = self.input_queue, self.output_queue

    def listens_now(self, other: BaseTranscriber) -> None:
        """Somebody else, or this one again, hears the audio from now on."""
        self._ears = other

    def _drop(self, chunk: bytes) -> None:
        self._dropped += len(chunk) // SAMPLE_WIDTH
        self.intake.dropped(len(chunk) // SAMPLE_WIDTH)
        if self._dropped >= self.sampling_rate:  # one fact a second, however long it lasts
            self._tell_dropped()

    def _tell_dropped(self) -> None:
        self.record(AudioDropped(self._dropped, "transcriber fell behind", turn=self.turn))
        self._dropped = 0


class _Streams:
    """One stream after the other: whose turn it is to listen, and after which wait."""

    def __init__(self, primary: BaseTranscriber) -> None:
        self.ears = primary
        self._primary = primary
        self._refused = list[BaseTranscriber]()
        self._failures = 0  # since a stream lasted
        self._attempt = 0  # of these ears, since they heard something

    async def next(self, error: Exception, after_seconds: float) -> bool:
        """Note a failure and wait until somebody is to try again; False: nobody can."""
        ears, other = self.ears, self._other()
        ears.failed(error, after_seconds)
        if after_seconds > RESTART_SECONDS[-1]:
            self._failures = self._attempt = 0
        self._attempt += 1
        decision, ears.worked = self._decide(error, has_backup=other is not None), False
        wait = RESTART_SECONDS[min(self._failures, len(RESTART_SECONDS) - 1)]
        self._failures += 1
        if isinstance(error, Rejected):
            self._refused.append(ears)  # asking again would be refused again
        told = story_of(ears, error, after_seconds)
        if other is not None and decision == "fall back":
            ears.record(FellBack(*told, to=name_of(other), turn=ears.turn))
            wait = wait if other.rests_until > clock.now() else 0.0
            self._switch(other)
        elif isinstance(error, Rejected):
            return False
        else:
            ears.record(Retried(*told, turn=ears.turn))
            wait = max(wait, wait_before_retry(error) if decision == "retry" else 0.0)
        await clock.sleep(wait)
        return True

    def _other(self) -> BaseTranscriber | None:
        """Who could listen instead."""
        primary = self._primary
        other = primary.backup if self.ears is primary else primary
        return None if other in self._refused else other

    def _decide(self, error: Exception, *, has_backup: bool) -> Decision:
        """Nothing is ever begun that could not be begun again: the audio is kept."""
        return decide(error, self._attempt, has_backup=has_backup, worked=self.ears.worked)

    def _switch(self, other: BaseTranscriber) -> None:
        rest(self.ears)
        if other is not self._primary:
            self._primary.lend(other)
        self.ears, self._attempt = other, 0
        self._primary.listens_now(other)
        self._primary.utterances.taken_over()
        if self._primary.on_takeover is not None:
            self._primary.on_takeover(other)
