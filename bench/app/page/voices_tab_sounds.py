"""Sounds in, names that nobody can guess out: kept in memory, the oldest making room."""

from __future__ import annotations

import secrets
from collections import OrderedDict

MOST_BYTES = 96 << 20  # of all visitors' sounds: fifty minutes


class Sounds:
    """WAV files by names that are told to their visitors alone."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most = most_bytes
        self._bytes = 0
        self._kept: OrderedDict[str, bytes] = OrderedDict()

    def keep(self, sound: bytes) -> str:
        """Keep a sound; its name."""
        name = secrets.token_urlsafe(18)
        self._kept[name] = sound
        self._bytes += len(sound)
        while self._bytes > self._most:
            self._bytes -= len(self._kept.popitem(last=False)[1])
        return name

    def find(self, name: str) -> bytes | None:
        """The sound of that name, while it is kept."""
        return self._kept.get(name)

    def drop(self, *names: str) -> None:
        """Let go of some."""
        for name in names:
            self._bytes -= len(self._kept.pop(name, b""))
