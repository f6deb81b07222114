"""Text in, audio out: the seam every speech provider fits, and the joining of its answers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench import clock
from bench.audio import SAMPLE_RATE, SAMPLE_WIDTH
from bench.engine.admission import Account
from bench.engine.joins import JoinListener, Seam
from bench.engine.patience import Patience
from bench.engine.takes import Part, Sayer, Take, words_of_takes
from bench.engine.worker import Ending, spawn
from bench.errors import Stalled
from bench.events import Word

COURTESY_SECONDS = 0.16  # of a part's audio, fetched piece by piece between other work …
COURTESY_PIECES = 8  # … and from then on so many at a time
PARTS_AHEAD = 2  # sentences synthesised ahead of the one that plays


@dataclass(slots=True)
class BaseMessage:
    """Something to be said."""

    text: str


@dataclass(slots=True)
class ChunkResult:
    """A piece of speech: PCM of the size that was asked for, the last may be shorter or empty."""

    chunk: bytes
    is_last_chunk: bool


@dataclass(slots=True)
class SynthesisResult:
    """Speech as it is made, and the words in it.

    Exactly one chunk of `chunk_generator` has `is_last_chunk`. `get_message_up_to(seconds)` gives
    the words whose audio ended by then; `estimated` says that it goes by proportion, not by word
    times, which may be known late; `error`, known at the last chunk, why there is less of it than
    there should be. `made_of` are the results that were joined to make it.
    """

    chunk_generator: AsyncGenerator[ChunkResult, None]
    get_message_up_to: Callable[[float], str]
    estimated: bool = False
    error: Exception | None = None
    made_of: list[SynthesisResult] = field(default_factory=list["SynthesisResult"])

    @property
    def is_estimated(self) -> bool:
        """Whether it, or anything that it is made of, is estimated by now."""
        return self.estimated or any(result.is_estimated for result in self.made_of)


class BaseSynthesizer:
    """Makes speech of text.

    `sampling_rate` (Hz) is set by the conversation to its output device's rate before the first
    call; `chunk_size` in `create_speech` is bytes of PCM at that rate. `backup` speaks when this
    one fails: the rest of a sentence, where it broke off in the middle. `streams_text` says that
    it has `create_streamed_speech` too, `will_stream`, before it is warmed up, that it is wanted.
    """

    provider = ""
    streams_text = False
    will_stream = False
    voice = ""
    backup: BaseSynthesizer | None = None
    account: Account | None = None  # units: characters
    worked = False
    rests_until = 0.0

    def __init__(self, synthesizer_config: Any = None) -> None:
        self.synthesizer_config = synthesizer_config
        self.sampling_rate = SAMPLE_RATE

    async def create_speech(self, message: BaseMessage, chunk_size: int) -> SynthesisResult:
        """Begin to say `message`; audio and word times follow as they are made."""
        raise NotImplementedError(f"{type(self).__name__} must write create_speech()")

    async def create_streamed_speech(
        self, texts: AsyncGenerator[str, None], chunk_size: int
    ) -> SynthesisResult:
        """Begin to say a text that is still being written; a piece may end within a word.

        It returns without waiting for text, whose writer waits for it. The last chunk comes when
        all of `texts` has been said. To close the result closes `texts`.
        """
        raise NotImplementedError(f"{type(self).__name__} takes no text that is being written")

    async def warm_up(self) -> None:
        """Make ready for the first call, before the conversation begins; nothing by default."""

    async def terminate(self) -> None:
        """Close connections; nothing by default."""


def words_up_to(words: Sequence[Word], rate: int) -> Callable[[float], str]:
    """A `get_message_up_to` over word times; `words` may still grow."""

    def get_message_up_to(seconds: float) -> str:
        played = seconds * rate + 1e-6
        return " ".join(word.text for word in words if word.end_sample <= played)

    return get_message_up_to


def proportion_up_to(text: str, total_seconds: Callable[[], float]) -> Callable[[float], str]:
    """A `get_message_up_to` without word times: letters are taken to last equally long."""

    def get_message_up_to(seconds: float) -> str:
        total = total_seconds()
        if total <= 0.0:
            return ""
        letters = len(text) * min(1.0, seconds / total) + 1e-6
        heard, end = list[str](), 0
        for word in text.split():
            end = text.index(word, end) + len(word)
            if end > letters:
                break
            heard.append(word)
        return " ".join(heard)

    return get_message_up_to


class Speech:
    """Several synthesis calls joined, sample by sample, into one `SynthesisResult`.

    Parts are fetched while an earlier one plays, `PARTS_AHEAD` at most. `rate` is in Hz,
    `chunk_size` in bytes. `add` and `end` are called by the one who makes sentences; `joined` gives
    the result, once, to the one who plays, and keeps no hold of it: no cycle waits for the
    collector when a turn is over.
    """

    def __init__(self, rate: int, chunk_size: int, *, first_seconds: float, stall_seconds: float):
        self.rate = rate
        self.chunk_size = chunk_size
        self.parts: list[Part] = []
        self.on_join: JoinListener | None = None
        self.on_part: Callable[[Part], None] | None = None
        self.on_audio: Callable[[], None] | None = None  # the first audio of the first part
        self._first_seconds, self._stall_seconds = first_seconds, stall_seconds
        self._pumps: list[asyncio.Task[None]] = []
        self._closed = False
        self._arrivals: asyncio.Queue[Part | None] = asyncio.Queue(PARTS_AHEAD)

    @property
    def text(self) -> str:
        """All text given so far."""
        return " ".join(part.text for part in self.parts)

    async def add(
        self,
        text: str,
        result: SynthesisResult,
        provider: str = "",
        sayer: Sayer | None = None,
    ) -> None:
        """Append a part; waits while enough parts are ahead of the one that plays."""
        await self.add_take(text, Take(result, provider), sayer)

    async def add_take(self, text: str, take: Take, sayer: Sayer | None = None) -> Part:
        """The same, of what is said by somebody; `text` of the part may still grow."""
        part = Part(text, take, sayer)
        self.parts.append(part)
        self._pumps.append(spawn(self._pump(part), name="Speech pump"))
        await self._arrivals.put(part)
        return part

    async def end(self) -> None:
        """Say that no part follows, and wait until all parts have arrived."""
        await self._arrivals.put(None)
        if self._pumps:
            await asyncio.wait(self._pumps)

    async def close(self) -> None:
        """Stop fetching; every provider stream is closed, in order."""
        self._closed = True
        for pump in self._pumps:
            pump.cancel()
        await Ending(self._pumps)
        self._pumps.clear()
        for part in self.parts:
            part.leave(done=False)
        self.on_audio = self.on_part = None

    def joined(self) -> SynthesisResult:
        """The whole: all parts in their order, without a seam."""

        def fail(error: Exception) -> None:
            result.error = error

        result = SynthesisResult(self._joined(fail), self.get_message_up_to)
        return result

    def get_message_up_to(self, seconds: float) -> str:
        """The words whose audio ended by `seconds` of the whole."""
        heard: list[str] = []
        for part in self.parts:
            if part.start_sample is None:
                break
            inside = seconds - part.start_sample / self.rate
            if inside < 0.0:
                break
            whole = part.finished and part.error is None
            played_out = whole and inside * self.rate >= part.samples - 1e-3
            heard.append(part.text if played_out else words_of_takes(part.takes, inside, self.rate))
        return " ".join(text for text in heard if text)

    async def _pump(self, part: Part) -> None:
        try:
            while True:
                failure = await self._fetched(part)
                if failure is None:
                    if self._closed or not await part.more():
                        break
                elif self._closed or not await part.go_on(*failure, self.rate):
                    part.error = failure[0]
                    break
        except Exception as error:  # there was a way to go on, and it failed too
            part.error = error
        part.leave(done=part.error is None)
        if self._closed:
            return  # nobody reads the queue any more
        part.finished = True
        if self.on_part is not None:
            self.on_part(part)
        await part.chunks.put(None)

    async def _fetched(self, part: Part) -> tuple[Exception, float] | None:
        """Fetch the newest take; returns what went wrong with it and after which time, if
        anything. It is told where the part is played."""
        began_at, take = clock.now(), part.takes[-1]
        try:
            async with contextlib.aclosing(take.result.chunk_generator) as chunks:
                await self._fetch(part, take, chunks)
        except TimeoutError:
            waited = round(clock.now() - began_at, 6)
            name = take.provider or "synthesizer"
            return Stalled(name, "no audio within the deadline", waited), waited
        except Exception as error:
            return error, round(clock.now() - began_at, 6)
        return None

    async def _fetch(
        self, part: Part, take: Take, chunks: AsyncGenerator[ChunkResult, None]
    ) -> None:
        queue, courtesy, pieces = part.chunks, COURTESY_SECONDS * self.rate, 0
        async with Patience(self._first_seconds, take.excused_until) as patience:
            async for piece in chunks:
                if piece.chunk:
                    if not part.samples and part is self.parts[0] and self.on_audio is not None:
                        self.on_audio()
                    if queue.full():
                        patience.suspend()  # we are the slow ones now
                    await queue.put(piece.chunk)
                    samples = len(piece.chunk) // SAMPLE_WIDTH
                    part.samples += samples
                    take.samples += samples
                    pieces += 1
                    if part.samples < courtesy or pieces % COURTESY_PIECES == 0:
                        await clock.sleep(0)  # who plays goes first, here and elsewhere
                if piece.is_last_chunk:
                    return
                patience.extend(self._stall_seconds)

    async def _joined(self, fail: Callable[[Exception], None]) -> AsyncGenerator[ChunkResult, None]:
        rest, size, sample = b"", self.chunk_size, 0
        seam = Seam(self.rate)
        while (part := await self._arrivals.get()) is not None:
            part.start_sample = sample
            seam.part_begins(sample)
            while (piece := await part.chunks.get()) is not None:
                sample += len(piece) // SAMPLE_WIDTH
                seam.passes(piece, self.on_join)
                if not rest and len(piece) == size:
                    yield ChunkResult(piece, False)
                    continue
                rest += piece
                while len(rest) >= size:
                    yield ChunkResult(rest[:size], False)
                    rest = rest[size:]
            if part.error is not None:
                fail(part.error)
                break
        yield ChunkResult(rest, True)
