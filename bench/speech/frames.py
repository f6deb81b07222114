"""Frames in, frames out: how a worker process and its owner speak over one socket pair.

A frame is its payload's length (uint32, little-endian), a kind (uint8) and the payload, which is
JSON or the bytes the kind says. A worker's socket is its standard input, so it ends when its owner
does.
"""

from __future__ import annotations

import enum
import json
import socket
import struct
from typing import Any, NamedTuple

_HEADER = struct.Struct("<IB")
MAX_PAYLOAD = 16 * 1024 * 1024


class Kind(enum.IntEnum):
    """What a frame is. The first group is sent by the worker, the second by its owner."""

    READY = 1  # JSON: what the engine is
    DONE = 2  # JSON: the answer that ends an exchange
    REFUSED = 3  # JSON {"message"}: the request itself is wrong; the worker goes on
    AUDIO = 4  # PCM, either way
    WORDS = 5  # JSON [[text, start_sample, end_sample], …]

    SPEAK = 16  # JSON
    CANCEL = 17  # uint32 request number
    OPEN = 18  # JSON
    FEED = 19  # uint32 stream number, then PCM
    FINISH = 20  # uint32 stream number
    CLOSE = 21  # uint32 stream number
    LEARN = 22  # JSON {"vocabulary", "lm", "dictionary"}


class Frame(NamedTuple):
    """One message of the exchange."""

    kind: int
    payload: bytes

    def json(self) -> Any:
        """The payload, parsed."""
        return json.loads(self.payload)


def send(channel: socket.socket, kind: Kind, payload: bytes | object = b"") -> None:
    """Write one frame; anything but bytes goes as JSON."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    channel.sendall(_HEADER.pack(len(body), kind) + body)


def receive(channel: socket.socket) -> Frame:
    """Read one frame.

    Raises:
        EOFError: the other end is gone, or sent what is no frame.
        TimeoutError: the channel's timeout passed without a byte.
    """
    size, kind = _HEADER.unpack(_exactly(channel, _HEADER.size))
    if size > MAX_PAYLOAD:
        raise EOFError(f"a frame of {size} bytes")
    return Frame(kind, _exactly(channel, size))


def _exactly(channel: socket.socket, size: int) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        part = channel.recv(min(size - len(parts), 1 << 16))
        if not part:
            raise EOFError("the other end is gone")
        parts += part
    return bytes(parts)
