"""Messages in, frames of one socket out: in order, without ever waiting for the far end."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable

from starlette.websockets import WebSocket, WebSocketDisconnect

from bench import clock
from bench.engine.worker import spawn

GONE = (RuntimeError, OSError, WebSocketDisconnect)  # what sending raises when the far end has gone
MOST_WAITING_BYTES = 512 * 1024  # 16 s at 16 kHz, 5 s at 48 kHz; the pacing lead is 0.2 s
FRAME_COST_BYTES = 64  # what a waiting frame costs beside its content
FLUSH_SECONDS = 1.0
TOO_SLOW = 1013  # the registered code for "try again later"


class Outbox:
    """Everything that goes down one socket.

    One task sends, born with the first message and ended by `close`. A far end that takes nothing
    costs `MOST_WAITING_BYTES` at most: then its socket is closed (1013) and `on_lost` is called.
    """

    def __init__(self, ws: WebSocket, *, most_bytes: int = MOST_WAITING_BYTES) -> None:
        self.lost = False  # nothing can be sent any more
        self.on_lost: Callable[[], None] | None = None
        self.sent_frames = 0
        self._ws = ws
        self._most_bytes = most_bytes
        self._waiting: deque[bytes | str] = deque()
        self._waiting_bytes = 0
        self._more = asyncio.Event()
        self._ending = False
        self._task: asyncio.Task[None] | None = None

    def send(self, frame: bytes | str) -> None:
        """Put a frame behind those that wait; on a lost socket it is forgotten."""
        if self.lost or self._ending:
            return
        cost = len(frame) + FRAME_COST_BYTES
        if self._waiting_bytes + cost > self._most_bytes:
            self._overflow()
            return
        self._waiting.append(frame)
        self._waiting_bytes += cost
        self._more.set()
        if self._task is None:
            self._task = spawn(self._send_all(), name="outbox")

    def drop_audio(self) -> None:
        """Forget the audio that waits; what is not audio keeps its place."""
        kept = [frame for frame in self._waiting if isinstance(frame, str)]
        self._waiting = deque(kept)
        self._waiting_bytes = sum(len(frame) + FRAME_COST_BYTES for frame in kept)

    async def close(self, code: int | None = None, reason: str = "") -> None:
        """Send what waits, within a second, then end; with a `code` the socket is closed too."""
        self._ending = True
        self._more.set()
        if self._task is not None and self._task is not asyncio.current_task():
            await asyncio.wait([self._task], timeout=FLUSH_SECONDS)
            self._task.cancel()
            await asyncio.wait([self._task], timeout=FLUSH_SECONDS)
        if code is not None:
            await self._hang_up(code, reason)

    async def _send_all(self) -> None:
        ws = self._ws
        try:
            while True:
                while self._waiting:
                    frame = self._waiting.popleft()
                    self._waiting_bytes -= len(frame) + FRAME_COST_BYTES
                    if isinstance(frame, bytes):
                        await ws.send_bytes(frame)
                    else:
                        await ws.send_text(frame)
                    self.sent_frames += 1
                if self._ending:
                    return
                self._more.clear()
                await self._more.wait()
        except GONE:
            self._lose()

    def _overflow(self) -> None:
        self._lose()
        if self._task is not None:
            self._task.cancel()
        self._task = spawn(self._hang_up(TOO_SLOW, "too slow"), name="outbox hangs up")

    def _lose(self) -> None:
        if self.lost:
            return
        self.lost = True
        self._waiting.clear()
        self._waiting_bytes = 0
        if self.on_lost is not None:
            self.on_lost()

    async def _hang_up(self, code: int, reason: str) -> None:
        with contextlib.suppress(TimeoutError, *GONE):
            async with clock.deadline(FLUSH_SECONDS):
                await self._ws.close(code, reason)
