"""Requests to speak in, words and samples out: the process that holds espeak-ng.

Run as `python -m bench.speech.espeak_worker` with a socket as standard input; see `frames` for what
is said on it.
"""

from __future__ import annotations

import select
import socket
import struct
from typing import Any

import numpy as np
import soxr

from bench.speech.espeak_library import Library, WordEvent
from bench.speech.frames import Kind, receive, send
from bench.speech.spoken_words import Stretch, WordCutter

_REQUEST = struct.Struct("<I")
_LONGEST_SECONDS = 180  # of one request; the owner's pieces of text are far shorter


class _Request:
    """One utterance on its way out."""

    def __init__(self, channel: socket.socket, library: Library, request: dict[str, Any]) -> None:
        self._channel = channel
        self._library = library
        self._request = request
        self._rate: int = request["sample_rate"]
        self._resampler = soxr.ResampleStream(
            library.rate, self._rate, 1, dtype="int16", quality="HQ"
        )
        self._cutter = WordCutter(request["text"], self._rate, self._emit)
        self._cancelled = False

    def answer(self) -> None:
        """Speak, and end with DONE or REFUSED."""
        request = self._request
        try:
            self._library.speak(
                request["text"],
                request["voice"],
                request["words_per_minute"],
                request["pitch"],
                self._block,
            )
        except ValueError as error:
            send(self._channel, Kind.REFUSED, {"message": str(error)})
            return
        if not self._cancelled:
            self._cutter.feed(self._resampler.resample_chunk(np.zeros(0, np.int16), last=True))
            self._cutter.finish(request["end_pause"])
        send(self._channel, Kind.DONE, {"samples": self._cutter.position})

    def _block(self, pcm: bytes, words: list[WordEvent]) -> bool:
        for word in words:
            # soxr's stream is aligned with its input: a position only changes its unit.
            sample = round(word.sample * self._rate / self._library.rate)
            self._cutter.begin(word.position, sample)
        if pcm:
            self._cutter.feed(self._resampler.resample_chunk(np.frombuffer(pcm, np.int16)))
        too_long = self._cutter.position > _LONGEST_SECONDS * self._rate
        self._cancelled = self._cancel_came()
        return self._cancelled or too_long

    def _cancel_came(self) -> bool:
        """Whether the owner gave this request up; a cancel that came too late for another is
        dropped.
        """
        while select.select([self._channel], [], [], 0)[0]:
            frame = receive(self._channel)
            if (
                frame.kind == Kind.CANCEL
                and _REQUEST.unpack(frame.payload)[0] == self._request["id"]
            ):
                return True
        return False

    def _emit(self, stretch: Stretch) -> None:
        if stretch.words:
            send(self._channel, Kind.WORDS, stretch.words)
        if len(stretch.samples):
            send(self._channel, Kind.AUDIO, stretch.samples.astype("<i2").tobytes())


def main() -> None:
    """Serve requests until the owner hangs up."""
    channel = socket.socket(fileno=0)
    try:
        library = Library()
        ready = {"version": library.version(), "languages": library.languages()}
        send(channel, Kind.READY, ready)
        while True:
            frame = receive(channel)
            if frame.kind == Kind.SPEAK:
                _Request(channel, library, frame.json()).answer()
            # A cancel that arrives here came after its request was answered.
    except (EOFError, OSError):
        return


if __name__ == "__main__":
    main()
