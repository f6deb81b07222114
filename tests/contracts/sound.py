"""A length in, as much of a sound out: an emulator that knows what is said where wants to hear
some there."""

from __future__ import annotations


def loud(size: int) -> bytes:
    """So many bytes of PCM, as loud as speech."""
    return (b"\0\b" * (size // 2 + 1))[:size]


FRAME = loud(640)  # 20 ms
