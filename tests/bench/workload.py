"""The work that every figure is measured on, and scripted providers that do it at no cost.

20 ms microphone frames; answers of 40 tokens in 2 sentences, 100 ms of speech and a word to each
token, with word times; speech in 20 ms chunks, made before the clock starts. What is measured is
the road between the providers, not the providers.
"""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from functools import cache
from typing import Protocol

from bench import clock
from bench.engine.agent import BaseAgent, GeneratedResponse
from bench.engine.output import OutputDevice
from bench.engine.synthesizer import (
    BaseMessage,
    BaseSynthesizer,
    ChunkResult,
    SynthesisResult,
    proportion_up_to,
    words_up_to,
)
from bench.engine.transcriber import BaseTranscriber, Transcription
from bench.events import Word
from bench.simulation import tone

FRAME_SECONDS = 0.02
FRAME = b"\x01\x00" * 320
WORD_SECONDS = 0.1
SENTENCES = (
    "Our little museum by the old harbour opens every morning at nine and stays open until the "
    "last visitor leaves.",
    "There are four floors of clocks and on the roof a telescope through which you can see all "
    "the islands.",
)
TOKENS = tuple(f"{' ' if i else ''}{word}" for i, word in enumerate(" ".join(SENTENCES).split()))
ANSWER_SECONDS = len(TOKENS) * WORD_SECONDS
QUESTION = "What is there to see at the museum?"


@dataclass(frozen=True, slots=True)
class Delays:
    """What the scripted providers take; zero: they are never waited for.

    `yields` lets the loop run once before every token, as a stream that is read in pieces does.
    `stall_seconds` pass once in the middle of each sentence; `pace` is audio made per real time.
    """

    first_token: float = 0.0
    per_token: float = 0.0
    first_audio: float = 0.0
    pace: float = 0.0  # × real time; 0: at once
    stall_seconds: float = 0.0
    yields: bool = False


NONE = Delays()
LIVE = Delays(first_token=0.15, per_token=0.005, first_audio=0.08, pace=5.0)


@dataclass(frozen=True, slots=True)
class Clip:
    """A sentence already spoken: its chunks, its words, its length."""

    chunks: tuple[bytes, ...]
    words: tuple[Word, ...]
    seconds: float


@cache
def spoken(text: str, rate: int = 16_000, size: int = 640) -> Clip:
    """`text` in tones, 100 ms a word."""
    pcm, words = tone.speak(text, rate, WORD_SECONDS)
    chunks = tuple(pcm[start : start + size] for start in range(0, len(pcm), size))
    return Clip(chunks, tuple(Word(*word) for word in words), len(pcm) / 2 / rate)


class TokenTimes:
    """When a language model's tokens come."""

    def __init__(self, delays: Delays) -> None:
        self._first, self._each = delays.first_token, delays.per_token
        self.any = bool(delays.first_token or delays.per_token or delays.yields)

    async def wait_for(self, index: int) -> None:
        """Until the token of that index is there."""
        await clock.sleep(self._each if index else self._first)


class ChunkTimes:
    """When a speech service's chunks come; counts from its making."""

    def __init__(self, delays: Delays, chunks: int) -> None:
        self.any = bool(delays.first_audio or delays.pace or delays.stall_seconds)
        self._stall_at = chunks // 2 if delays.stall_seconds else -1
        self._stall_seconds = delays.stall_seconds
        self._due = clock.now() + delays.first_audio if self.any else 0.0
        self._each = FRAME_SECONDS / delays.pace if delays.pace else 0.0

    async def wait_for(self, index: int) -> None:
        """Until the chunk of that index is there."""
        if index == self._stall_at:
            self._due += self._stall_seconds
        await clock.sleep_until(self._due)
        self._due += self._each


class CountingTranscriber(BaseTranscriber):
    """Counts the frames it gets and hears what it is told."""

    provider = "scripted"

    def __init__(self) -> None:
        super().__init__()
        self.frames = 0

    async def process(self, item: bytes) -> None:
        """One more frame."""
        self.frames += 1

    def hear(self, text: str) -> None:
        """The user's turn, final."""
        self.output_queue.put_nowait(Transcription(text, ends_turn=True))


class ScriptedAgent(BaseAgent):
    """Gives the answer, token by token, to whatever is asked."""

    provider = "scripted"

    def __init__(self, delays: Delays = NONE) -> None:
        super().__init__()
        self.delays = delays

    async def generate_response(
        self, human_input: str, is_interrupt: bool, conversation_id: str
    ) -> AsyncGenerator[GeneratedResponse, None]:
        """The answer of the workload."""
        times = TokenTimes(self.delays)
        for i, token in enumerate(TOKENS):
            if times.any:
                await times.wait_for(i)
            yield GeneratedResponse(BaseMessage(token))


class ScriptedSynthesizer(BaseSynthesizer):
    """Sends speech that was made before, with its word times or without."""

    provider = "scripted"

    def __init__(self, delays: Delays = NONE, *, word_times: bool = True) -> None:
        super().__init__()
        self.delays, self.word_times = delays, word_times

    async def create_speech(self, message: BaseMessage, chunk_size: int) -> SynthesisResult:
        """The clip of that sentence."""
        clip = spoken(message.text, self.sampling_rate, chunk_size)
        chunks = self._chunks(clip)
        if self.word_times:
            return SynthesisResult(chunks, words_up_to(clip.words, self.sampling_rate))
        heard = proportion_up_to(message.text, lambda: clip.seconds)
        return SynthesisResult(chunks, heard, estimated=True)

    async def _chunks(self, clip: Clip) -> AsyncGenerator[ChunkResult, None]:
        chunks, last = clip.chunks, len(clip.chunks) - 1
        times = ChunkTimes(self.delays, len(chunks))
        for i, chunk in enumerate(chunks):
            if times.any:
                await times.wait_for(i)
            yield ChunkResult(chunk, i == last)


class Sink(OutputDevice):
    """Takes chunks and notes when; plays nothing and reports nothing.

    `first` is set by a turn's first chunk; `leaked` counts chunks after `clear`. `lateness`
    (seconds) of a chunk counts from its place in an absolute schedule that begins with the first:
    `lead_seconds` ahead of the loudspeaker, but not before a provider at `pace` can have made it.
    """

    def __init__(self, *, pace: float = 0.0, lead_seconds: float = 0.2) -> None:
        super().__init__()
        self.chunks = 0
        self.first = asyncio.Event()
        self.first_at = self.cleared_at = -1.0
        self.leaked = 0
        self._silent = False
        self.lateness = array("f")
        self._made = FRAME_SECONDS / pace if pace else 0.0
        self._lead = lead_seconds - FRAME_SECONDS

    def expect(self) -> None:
        """A new turn begins: its first chunk is the next."""
        self.chunks = 0
        self.first.clear()

    def consume_nonblocking(self, chunk: bytes) -> None:
        """Note the instant."""
        at = clock.now()
        self.leaked += self._silent
        index = self.chunks
        self.chunks = index + 1
        if not index:
            self.first_at = at
            self.first.set()
            return
        due = max(index * FRAME_SECONDS - self._lead, index * self._made)
        self.lateness.append(at - self.first_at - due)

    def clear(self) -> None:
        """Silence, from this instant until the next utterance begins."""
        self.cleared_at = clock.now()
        self._silent = True

    def begin(self, utterance: object) -> None:
        """Another answer."""
        self._silent = False


class Listener(Protocol):
    """Whoever takes microphone frames."""

    def receive_audio(self, frame: bytes) -> None:
        """A frame."""
        ...


class Microphone:
    """A frame every 20 ms, by absolute deadlines, at the price of a timer."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """The first frame is due in 20 ms."""
        self._due = clock.now()
        self._arm()

    def stop(self) -> None:
        """No frame comes any more."""
        if self._timer is not None:
            self._timer.cancel()

    def _arm(self) -> None:
        self._due += FRAME_SECONDS
        self._timer = asyncio.get_running_loop().call_at(self._due, self._frame)

    def _frame(self) -> None:
        self._listener.receive_audio(FRAME)
        self._arm()
