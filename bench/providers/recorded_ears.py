"""A microphone and a cassette in, the words that were heard of that sound out."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench import clock
from bench.audio import SAMPLE_RATE, SAMPLE_WIDTH
from bench.engine.transcriber import BaseTranscriber, Transcription
from bench.engine.worker import Ending, spawn
from bench.errors import ProviderError, Rejected
from bench.events import Word
from bench.providers.cassette import ANEW, Digest, Heard
from bench.providers.recorded import TURNS, cassette_of, wait_until

RESTART_SECONDS = 0.25  # that a stream may begin later than its first event


class RecordedTranscriber(BaseTranscriber):
    """Hears the recorded microphone, and gives what was made of it at the same samples.

    `transcriber_config` holds `transcriberProvider`: `recorded:FOLDER`. The backup of another
    transcriber of the same cassette is the backup that was recorded, on the same reel.
    """

    def __init__(self, transcriber_config: Mapping[str, Any] | None = None) -> None:
        super().__init__(transcriber_config)
        config = transcriber_config or {}
        folder, cassette, part = cassette_of(config, "transcriberProvider", "transcriber")
        self.provider, self.role = part.provider, part.role
        self._folder = folder
        self._own = _Reel(folder, cassette.of(Heard))
        self._reel: _Reel | None = None if config.get("stands_in") else self._own
        self._broken: asyncio.Future[None] | None = None  # while it listens

    def send_audio(self, chunk: bytes) -> None:
        """Hand over PCM, which is compared with what was recorded; never blocks."""
        self._own.hear(bytes(len(chunk)) if self.is_muted else chunk)
        super().send_audio(chunk)

    def lend(self, other: BaseTranscriber) -> None:
        """Let another one listen in place of this one: on the same reel, if it has it too."""
        super().lend(other)
        if isinstance(other, RecordedTranscriber) and other._folder == self._folder:
            other._reel = self._own

    @property
    def listens(self) -> bool:
        """Whether a stream is being heard."""
        return self._broken is not None and not self._broken.done()

    def fail(self, error: ProviderError) -> None:
        """End the stream that is being heard, if any."""
        if self._broken is not None and not self._broken.done():
            self._broken.set_exception(error)

    async def _run_loop(self) -> None:
        reel = self._reel
        if reel is None:
            why = f"only who was recorded with it can be heard before {self._folder.name}"
            raise Rejected(self.provider, f"{why}: name the cassette first, or no cassette")
        self._broken = asyncio.get_running_loop().create_future()
        taking = spawn(self._take_all(), name="cassette takes")
        try:
            reel.play(self)
            await self._broken
        except asyncio.CancelledError:
            await reel.stop()
            raise
        finally:
            taking.cancel()
            await Ending([taking])

    async def _take_all(self) -> None:
        """Keep up with the microphone, for a backup that is none of the cassette."""
        while True:
            await self.take()


class _Reel:
    """What was heard of one microphone, in order, and how far that is."""

    def __init__(self, folder: Path, heard: list[Heard]) -> None:
        self._name, self._heard = folder.name, heard
        self._marks = deque(sorted({event.samples for event in heard} - {0}))
        self._passed = dict[int, tuple[str, float]]()  # samples: the digest until then, and when
        self._moved = asyncio.Event()
        self._sound, self._samples = Digest(), 0
        self._listeners = dict[str, RecordedTranscriber]()
        self._playing: asyncio.Task[None] | None = None
        self._wrong: str | None = None  # why nothing more is heard

    def hear(self, chunk: bytes) -> None:
        """The microphone's next PCM, muted or not, in chunks of any size."""
        begin, self._samples = self._samples, self._samples + len(chunk) // SAMPLE_WIDTH
        added = 0
        while self._marks and self._marks[0] <= self._samples:
            mark = self._marks.popleft()
            self._sound.add(chunk[added : (mark - begin) * SAMPLE_WIDTH])
            added = (mark - begin) * SAMPLE_WIDTH
            self._passed[mark] = str(self._sound), clock.now()
            self._moved.set()
        self._sound.add(chunk[added:])

    def play(self, listener: RecordedTranscriber) -> None:
        """Have somebody hear what was heard by who had the same role; it goes on until stopped."""
        self._listeners[listener.role] = listener
        self._moved.set()
        if self._wrong is not None:
            listener.fail(Rejected(listener.provider, self._wrong))
        elif self._playing is None:
            self._passed[0] = str(Digest()), clock.now()
            self._playing = spawn(self._play(), name="cassette plays")

    async def stop(self) -> None:
        """Play nothing more."""
        if self._playing is not None:
            self._playing.cancel()
            await Ending([self._playing])

    async def _play(self) -> None:
        for event in self._heard:
            while event.samples not in self._passed:
                self._moved.clear()
                await self._moved.wait()
            sound, came_at = self._passed[event.samples]
            if event.sound != sound:
                self._stray(event)
                return
            await wait_until(came_at + event.after_seconds, turns=TURNS)
            if (listener := await self._listener(event.by)) is not None:
                await self._tell(listener, event)

    async def _listener(self, role: str) -> RecordedTranscriber | None:
        """Who listens as who did it then, as soon as they do; None while somebody else stands in
        for them."""
        try:
            async with clock.deadline(RESTART_SECONDS):
                while not ((there := self._listeners.get(role)) and there.listens):
                    self._moved.clear()
                    await self._moved.wait()
                return there
        except TimeoutError:
            return None

    async def _tell(self, listener: RecordedTranscriber, event: Heard) -> None:
        if event.said is not None:
            await listener.tell(_said(event.said))
        elif event.failed is not None:
            listener.fail(event.failed.error(listener.provider))

    def _stray(self, event: Heard) -> None:
        seconds = event.samples / SAMPLE_RATE
        self._wrong = (
            f"the first {seconds:.2f} s of the microphone are not those of {self._name}: {ANEW}"
        )
        for listener in self._listeners.values():
            listener.fail(Rejected(listener.provider, self._wrong))


def _said(fields: Mapping[str, Any]) -> Transcription:
    words = tuple(Word(*word) for word in fields.get("words", ()))
    return Transcription(**{**fields, "words": words})
