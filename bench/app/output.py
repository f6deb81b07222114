"""Speech in, frames of a WebSocket out, and the far end's word on what was played."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from starlette.websockets import WebSocket

from bench import clock
from bench.app.messages import Clear, Hold, Resume, UtteranceEdge
from bench.app.outbox import Outbox
from bench.app.wire import encode
from bench.audio import SAMPLE_RATE, SAMPLE_WIDTH, AudioEncoding, frames, to_mulaw
from bench.engine.output import OutputDevice, Utterance

ID_BYTES = 4
KEPT_WIRES = 16
CLEARED_WAIT_SECONDS = 1.0
PLAIN_DELAY_SECONDS = 0.1  # a plain client's own buffer: rather a word too few than one too many
UNHEARD_SECONDS = 5.0  # of audio kept for a socket that comes back
RESENT_SECONDS = 0.02


class Wire(NamedTuple):
    """An utterance as the far end counts it: an id, and the sample at which it begins."""

    id: int
    utterance: Utterance
    begins_at: int


class WebsocketOutputDevice(OutputDevice):
    """Speaks through any Starlette or FastAPI WebSocket.

    A plain client gets PCM (or µ-law) and nothing else, and the ledger estimates what it played.
    With `framing="utterance"` each frame begins with the utterance's id (uint32, little-endian),
    JSON says where utterances begin and end and when to clear, hold and resume, and the client's
    reports, given to `played` and `cleared`, are the ledger's truth: what it does not report it
    has not played.

    `attach` gives it another socket. What the far end had not played by then is sent again, as an
    utterance with a new id, so the ids of the socket and those of the ledger may differ.
    """

    def __init__(
        self,
        ws: WebSocket | None = None,
        sampling_rate: int = SAMPLE_RATE,
        audio_encoding: AudioEncoding = AudioEncoding.LINEAR16,
        *,
        framing: str = "plain",
    ) -> None:
        self.reports = framing == "utterance"
        delay_seconds = 0.0 if self.reports else PLAIN_DELAY_SECONDS
        super().__init__(sampling_rate, audio_encoding, delay_seconds)
        self.output_latency_seconds = 0.0  # between the client's buffer and the listener's ear
        self.on_sent: Callable[[Utterance, bytes], None] | None = None  # of each chunk of PCM
        self._own = Outbox(ws) if ws is not None else None
        self._outbox = self._own
        self._wires: deque[Wire] = deque(maxlen=KEPT_WIRES)
        self._wire_ids = 0
        self._unheard = bytearray()  # PCM of the current utterance from `_heard_to` on
        self._heard_to = 0
        self._silenced = True  # nothing of the current utterance may sound any more
        self._recovering: asyncio.Future[int] | None = None

    @property
    def attached(self) -> bool:
        """Whether there is a socket that takes audio."""
        return self._outbox is not None and not self._outbox.lost

    # What the engine does

    def begin(self, utterance: Utterance) -> None:
        """A new utterance's chunks follow."""
        self._silenced = False
        self._unheard.clear()
        self._heard_to = 0
        if self.reports:
            utterance.reported = 0
            self._open_wire(utterance, 0)

    def consume_nonblocking(self, chunk: bytes) -> None:
        """Send a chunk, or keep it for the socket to come; never waits."""
        if self.on_sent is not None and self.ledger.current is not None:
            self.on_sent(self.ledger.current, chunk)
        if self.reports:
            self._keep(chunk)
        if self._recovering is None:
            self._send(chunk)

    def end(self, utterance: Utterance) -> None:
        """The utterance is complete: no chunk of it follows."""
        wire = self._wire()
        if self.reports and wire is not None and self._recovering is None:
            self._end_wire(wire)

    def clear(self) -> None:
        """Throw away what has not been played: ours at once, the far end's as soon as it hears."""
        self._silenced = True
        if self._outbox is not None:
            self._outbox.drop_audio()
        wire = self._wire()
        if wire is not None:
            self._tell(Clear(wire.id))

    def hold(self) -> None:
        """Pause the far end."""
        self._tell(Hold())

    def resume(self) -> None:
        """Let the far end go on."""
        self._tell(Resume())

    async def terminate(self) -> None:
        """Send what waits; a socket that was given to the constructor stays open."""
        if self._own is not None:
            await self._own.close()

    # What the far end says

    def played(self, wire_id: int, samples: int, output_latency_seconds: float = 0.0) -> None:
        """The client's position in an utterance; an unknown id is ignored."""
        self.output_latency_seconds = output_latency_seconds
        wire = self._find(wire_id)
        if wire is None:
            return
        position = wire.begins_at + samples
        if wire is self._wire():
            self._forget_heard(min(position, wire.utterance.sent))
        self.ledger.report_played(wire.utterance.id, position)

    def cleared(self, wire_id: int, played: int) -> None:
        """The client's answer to `clear`; it cannot take back what it reported as played."""
        wire = self._find(wire_id)
        if wire is None:
            return
        position = max(wire.begins_at + played, wire.utterance.reported or 0)
        if self._recovering is not None and wire is self._wire():
            if not self._recovering.done():
                self._recovering.set_result(min(position, wire.utterance.sent))
            return
        self.ledger.report_cleared(wire.utterance.id, position)

    def locate(self, wire_id: int, samples: int) -> tuple[Utterance, int] | None:
        """Where the ledger has a place that the client names; None for an unknown id."""
        wire = self._find(wire_id)
        return (wire.utterance, wire.begins_at + samples) if wire is not None else None

    # Another socket

    def detach(self) -> None:
        """The socket is gone; what comes meanwhile is kept or forgotten, never sent late."""
        self._outbox = None

    def attach(self, outbox: Outbox) -> None:
        """Go on through another socket; `recover` follows when something was sent before."""
        self._outbox = outbox

    async def recover(self) -> None:
        """Send again what the far end has not played of the utterance; only while held.

        Waits for the client's account of the utterance, a second at most; without one its last
        report stands.
        """
        wire, outbox = self._wire(), self._outbox
        if not self.reports or wire is None:
            return
        if self._silenced or wire.utterance.closed.is_set():
            self._tell(Clear(wire.id))
            return
        self._recovering = asyncio.get_running_loop().create_future()
        self._tell(Clear(wire.id))
        position = wire.utterance.played
        try:
            with contextlib.suppress(TimeoutError):
                async with clock.deadline(CLEARED_WAIT_SECONDS):
                    position = await self._recovering
        finally:
            self._recovering = None
        if self._outbox is outbox and not self._silenced:
            self._send_again(wire.utterance, position)

    def _send_again(self, utterance: Utterance, position: int) -> None:
        self._forget_heard(position)
        if position > utterance.played:
            self.ledger.report_played(utterance.id, position)
        wire = self._open_wire(utterance, self._heard_to)
        size = round(RESENT_SECONDS * self.sampling_rate) * SAMPLE_WIDTH
        for chunk in frames(bytes(self._unheard), size):
            self._send(chunk)
        if utterance.complete:
            self._end_wire(wire)

    # Inside

    def _send(self, chunk: bytes) -> None:
        if self._outbox is None:
            return
        if self.audio_encoding is AudioEncoding.MULAW:
            chunk = to_mulaw(chunk)
        wire = self._wire()
        if wire is not None:
            chunk = wire.id.to_bytes(ID_BYTES, "little") + chunk
        self._outbox.send(chunk)

    def _tell(self, message: Clear | Hold | Resume | UtteranceEdge) -> None:
        if self.reports and self._outbox is not None:
            self._outbox.send(encode(message))

    def _open_wire(self, utterance: Utterance, begins_at: int) -> Wire:
        self._wire_ids += 1
        wire = Wire(self._wire_ids, utterance, begins_at)
        self._wires.append(wire)
        self._tell(UtteranceEdge(wire.id, "start", 0))
        return wire

    def _end_wire(self, wire: Wire) -> None:
        samples = wire.utterance.sent - wire.begins_at
        self._tell(UtteranceEdge(wire.id, "end", samples))

    def _wire(self) -> Wire | None:
        return self._wires[-1] if self._wires else None

    def _find(self, wire_id: int) -> Wire | None:
        return next((wire for wire in self._wires if wire.id == wire_id), None)

    def _keep(self, chunk: bytes) -> None:
        self._unheard += chunk
        most = round(UNHEARD_SECONDS * self.sampling_rate) * SAMPLE_WIDTH
        if len(self._unheard) > most:
            self._forget_heard(self._heard_to + (len(self._unheard) - most) // SAMPLE_WIDTH)

    def _forget_heard(self, position: int) -> None:
        """What lies before `position` of the utterance need not be sent again."""
        ahead = max(0, position - self._heard_to)
        del self._unheard[: ahead * SAMPLE_WIDTH]
        self._heard_to += ahead
