"""Chunks in, frames out: the device alone, on a real WebSocket whose far side is a list."""

import asyncio
import json
from array import array
from typing import Any

import pytest
from starlette.websockets import WebSocket

from bench import clock
from bench.app.outbox import Outbox
from bench.app.output import WebsocketOutputDevice
from bench.audio import AudioEncoding, to_mulaw, to_pcm

pytestmark = pytest.mark.unit


class Wire:
    """The ASGI server's side of a socket; while `stuck` it takes nothing."""

    def __init__(self) -> None:
        self.audio: list[bytes] = []
        self.texts: list[dict[str, Any]] = []
        self.close_code: int | None = None
        self.free = asyncio.Event()
        self.free.set()
        self.gone = False
        scope = {"type": "websocket", "path": "/", "headers": [], "query_string": b""}
        self.ws = WebSocket(scope, self._receive, self._send)

    async def accept(self) -> WebSocket:
        await self.ws.accept()
        return self.ws

    async def _receive(self) -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def _send(self, message: Any) -> None:
        if message["type"] == "websocket.accept":
            return
        if message["type"] == "websocket.close":
            self.close_code = message["code"]
            return
        await self.free.wait()
        if self.gone:
            raise OSError("the far end has gone")
        if message.get("bytes") is not None:
            self.audio.append(message["bytes"])
        else:
            self.texts.append(json.loads(message["text"]))


def ramp(begin: int, samples: int = 320) -> bytes:
    return to_pcm(array("h", range(begin, begin + samples)))


def send(device: WebsocketOutputDevice, pcm: bytes) -> None:
    """What the engine does for each chunk."""
    assert device.ledger.current is not None
    device.ledger.current.add(len(pcm) // 2)
    device.consume_nonblocking(pcm)


def test_a_plain_client_gets_pcm_and_nothing_else() -> None:
    async def main() -> None:
        wire = Wire()
        device = WebsocketOutputDevice(await wire.accept())
        device.begin(device.ledger.open())
        send(device, ramp(0))
        send(device, ramp(320))
        device.hold()
        device.resume()
        device.end(device.ledger.current)
        await device.terminate()
        assert wire.audio == [ramp(0), ramp(320)]
        assert wire.texts == []
        assert wire.close_code is None

    clock.run(main(), virtual=True)


def test_mulaw_is_one_byte_a_sample() -> None:
    async def main() -> None:
        wire = Wire()
        device = WebsocketOutputDevice(await wire.accept(), 8000, AudioEncoding.MULAW)
        device.begin(device.ledger.open())
        send(device, ramp(0, 160))
        await device.terminate()
        assert wire.audio == [to_mulaw(ramp(0, 160))]
        assert len(wire.audio[0]) == 160

    clock.run(main(), virtual=True)


def test_utterances_are_numbered_and_their_ends_told() -> None:
    async def main() -> None:
        wire = Wire()
        device = WebsocketOutputDevice(await wire.accept(), framing="utterance")
        first = device.ledger.open()
        device.begin(first)
        send(device, ramp(0))
        device.hold()
        device.resume()
        device.end(first)
        device.clear()
        second = device.ledger.open()
        device.begin(second)
        await clock.sleep(0)
        send(device, ramp(7))
        await device.terminate()
        assert wire.audio[-1] == (2).to_bytes(4, "little") + ramp(7)
        assert [(t["type"], t.get("id", t.get("utterance"))) for t in wire.texts] == [
            ("utterance", 1),
            ("hold", None),
            ("resume", None),
            ("utterance", 1),
            ("clear", 1),
            ("utterance", 2),
        ]

    clock.run(main(), virtual=True)


def test_a_clear_empties_what_still_waits() -> None:
    async def main() -> None:
        wire = Wire()
        device = WebsocketOutputDevice(await wire.accept())
        wire.free.clear()
        device.begin(device.ledger.open())
        for i in range(10):
            send(device, ramp(i))
        await clock.sleep(0)
        device.clear()
        wire.free.set()
        await device.terminate()
        assert wire.audio == [ramp(0)]  # it was on its way already

    clock.run(main(), virtual=True)


def test_a_client_that_takes_nothing_costs_a_bounded_amount_and_its_socket() -> None:
    async def main() -> None:
        wire = Wire()
        outbox = Outbox(await wire.accept(), most_bytes=10_000)
        lost: list[bool] = []
        outbox.on_lost = lambda: lost.append(True)
        device = WebsocketOutputDevice(framing="utterance")
        device.attach(outbox)
        wire.free.clear()
        device.begin(device.ledger.open())
        for i in range(10_000):
            send(device, ramp(i % 1000))
        assert lost == [True]
        assert not device.attached
        await clock.sleep(0.1)
        assert wire.close_code == 1013
        device.clear()
        assert len(device._unheard) <= 5 * 32_000
        await outbox.close()

    clock.run(main(), virtual=True)


def test_a_far_end_that_has_gone_is_no_error() -> None:
    async def main() -> None:
        wire = Wire()
        device = WebsocketOutputDevice(await wire.accept())
        device.begin(device.ledger.open())
        wire.gone = True
        send(device, ramp(0))
        await clock.sleep(0.1)
        send(device, ramp(0))
        assert not device.attached
        await device.terminate()

    clock.run(main(), virtual=True)


async def cut_line(played: int) -> tuple[WebsocketOutputDevice, Wire]:
    """A device whose socket was lost after ten chunks, `played` samples of them reported."""
    wire = Wire()
    outbox = Outbox(await wire.accept())
    device = WebsocketOutputDevice(framing="utterance")
    device.attach(outbox)
    device.begin(device.ledger.open())
    for i in range(10):
        send(device, ramp(320 * i))
    if played:
        device.played(1, played)
    device.detach()
    await outbox.close()
    return device, Wire()


@pytest.mark.parametrize(
    ("reported", "cleared", "position"),
    [
        (960, 1000, 1000),  # the client's account, to the sample
        (960, 0, 960),  # a reloaded page knows nothing: its last report stands
        (960, None, 960),  # no account at all
        (0, None, 0),
    ],
)
def test_what_was_not_played_is_sent_again_from_the_same_sample(
    reported: int, cleared: int | None, position: int
) -> None:
    async def main() -> None:
        device, wire = await cut_line(reported)
        send(device, ramp(3200))  # while nobody was there
        outbox = Outbox(await wire.accept())
        device.attach(outbox)
        recovery = asyncio.get_running_loop().create_task(device.recover())
        await clock.sleep(0.1)
        assert wire.texts[0] == {"type": "clear", "utterance": 1}
        if cleared is not None:
            device.cleared(1, cleared)
        await recovery
        utterance = device.ledger.current
        assert not utterance.closed.is_set()
        utterance.complete = True
        device.end(utterance)
        await outbox.close()
        assert {frame[:4] for frame in wire.audio} == {(2).to_bytes(4, "little")}
        again = b"".join(frame[4:] for frame in wire.audio)
        assert again == ramp(position, 3520 - position)
        assert wire.texts[1:] == [
            {"type": "utterance", "id": 2, "state": "start", "samples": 0},
            {"type": "utterance", "id": 2, "state": "end", "samples": 3520 - position},
        ]
        device.played(2, 3520 - position)
        assert utterance.played == 3520
        assert utterance.closed.is_set()

    clock.run(main(), virtual=True)


def test_what_was_cut_meanwhile_stays_cut() -> None:
    async def main() -> None:
        device, wire = await cut_line(960)
        device.clear()
        device.ledger.current.close()
        outbox = Outbox(await wire.accept())
        device.attach(outbox)
        await device.recover()
        await outbox.close()
        assert wire.texts == [{"type": "clear", "utterance": 1}]
        assert wire.audio == []
        assert device.ledger.current.played == 960
        assert device.ledger.current.dropped == 3200 - 960

    clock.run(main(), virtual=True)


def test_an_account_cannot_take_back_what_was_reported_nor_exceed_what_was_sent() -> None:
    async def main() -> None:
        wire = Wire()
        outbox = Outbox(await wire.accept())
        device = WebsocketOutputDevice(framing="utterance")
        device.attach(outbox)
        device.begin(device.ledger.open())
        utterance = device.ledger.current
        send(device, ramp(0))
        assert utterance.played == 0
        assert not utterance.estimated
        device.played(9, 100)
        device.played(1, 10**9)
        assert utterance.played == 320
        device.cleared(1, 5)
        assert utterance.played == 320
        assert utterance.dropped == 0
        await outbox.close()

    clock.run(main(), virtual=True)
