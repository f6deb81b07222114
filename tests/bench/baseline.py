"""Bare asyncio: plain queues and three tasks a conversation, the same work, nothing else.

The practical lower limit. It has no trace, no deadlines, no turn-taking and no error handling, and
its history counts a word when its last chunk was sent.
"""

from __future__ import annotations

import asyncio

from bench import clock
from tests.bench.workload import (
    FRAME_SECONDS,
    NONE,
    TOKENS,
    ChunkTimes,
    Clip,
    Delays,
    Sink,
    TokenTimes,
    spoken,
)

LEAD_SECONDS = 0.2


class RawTalker:
    """A conversation made of an ear, a mind and a mouth."""

    def __init__(self, delays: Delays = NONE) -> None:
        self.sink = Sink(pace=delays.pace)
        self.frames = 0
        self.underruns = 0
        self._delays = delays
        self._mic: asyncio.Queue[bytes] = asyncio.Queue()
        self._finals: asyncio.Queue[str] = asyncio.Queue()
        self._speech: asyncio.Queue[tuple[int, Clip, bytes]] = asyncio.Queue()
        self._turn = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._heard: list[str] = []
        self.receive_audio = self._mic.put_nowait
        self.hear = self._finals.put_nowait

    async def start(self) -> None:
        """Three tasks."""
        roles = (self._ear(), self._mind(), self._mouth())
        self._tasks = [asyncio.create_task(role) for role in roles]

    async def stop(self) -> None:
        """Cancel them."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def interrupt(self) -> None:
        """Nothing of this turn is spoken any more."""
        self._turn += 1
        while not self._speech.empty():
            self._speech.get_nowait()
        self.sink.clear()

    def history(self) -> str:
        """The words whose last chunk was sent."""
        return " ".join(self._heard)

    async def _ear(self) -> None:
        while True:
            await self._mic.get()
            self.frames += 1

    async def _mind(self) -> None:
        while True:
            await self._finals.get()
            self._turn += 1
            self._heard.clear()
            await self._answer(self._turn)

    async def _answer(self, turn: int) -> None:
        text, times = "", TokenTimes(self._delays)
        for i, token in enumerate(TOKENS):
            if times.any:
                await times.wait_for(i)
            if turn != self._turn:
                return
            text += token
            if text.endswith("."):
                await self._say(turn, text.strip())
                text = ""

    async def _say(self, turn: int, sentence: str) -> None:
        clip = spoken(sentence)
        times = ChunkTimes(self._delays, len(clip.chunks))
        for i, chunk in enumerate(clip.chunks):
            if times.any:
                await times.wait_for(i)
            if turn != self._turn:
                return
            self._speech.put_nowait((turn, clip, chunk))

    async def _mouth(self) -> None:
        turn, anchor, sent = 0, 0.0, 0
        clip: Clip | None = None
        samples = 0
        while True:
            of_turn, of_clip, chunk = await self._speech.get()
            if of_turn != turn:
                turn, anchor, sent = of_turn, clock.now(), 0
                self.sink.begin(turn)
            await clock.sleep_until(anchor + (sent + 1) * FRAME_SECONDS - LEAD_SECONDS)
            if turn != self._turn:
                continue
            if clip is not of_clip:
                clip, samples = of_clip, 0
            self.sink.consume_nonblocking(chunk)
            sent += 1
            before, samples = samples, samples + len(chunk) // 2
            self._heard += [w.text for w in clip.words if before < w.end_sample <= samples]
