"""Text in, speech and word times out: espeak-ng, kept in processes of its own (it is GPL-3)."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
import struct
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from typing import Any

from bench.errors import ConfigError
from bench.events import Word
from bench.speech.frames import Frame, Kind
from bench.speech.process import Channel, WorkerProcess

PIECE_CHARACTERS = 300
_FRAMES_OF_A_PIECE = 2 * PIECE_CHARACTERS + 8  # every character a word, each with its audio
_REQUEST = struct.Struct("<I")
_VOICE_NAME = re.compile(r"[A-Za-z0-9-]+(\+[A-Za-z0-9_-]+)?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_SENTENCE = re.compile(r".+?(?:[.!?…]+\s+|$)")

_Spoken = tuple[str, int, int]  # text, start, end


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice worth offering: the engine's name for it, a label for people, and its language."""

    name: str
    label: str
    language: str


VOICES = (
    Voice("en-us+klatt", "American, clear (best understood by the recogniser)", "en-US"),
    Voice("en-us", "American, plain", "en-US"),
    Voice("en-us+f2", "American, high", "en-US"),
    Voice("en-us+f4", "American, high and soft", "en-US"),
    Voice("en-us+m3", "American, deep", "en-US"),
    Voice("en-us+Andrea", "American, warm", "en-US"),
    Voice("en-gb", "British, plain", "en-GB"),
    Voice("en-gb+klatt", "British, clear", "en-GB"),
    Voice("en-gb-x-rp+f2", "British, received pronunciation, high", "en-GB"),
    Voice("en-gb-scotland", "Scottish", "en-GB"),
    Voice("de", "German", "de-DE"),
    Voice("es", "Spanish", "es-ES"),
    Voice("fr-fr", "French", "fr-FR"),
    Voice("it", "Italian", "it-IT"),
)


@dataclass(frozen=True, slots=True)
class SpokenChunk:
    """A word's audio with the pause after it, and the word.

    Positions count samples from the beginning of the utterance. `words` is empty only when nothing
    was spoken.
    """

    pcm: bytes
    words: tuple[Word, ...]


class Espeak:
    """The engine, shared by everyone in the process; its worker starts with the first word to
    speak.

    A worker speaks one piece of text at a time, some hundred times faster than it sounds, and the
    pieces of several speakers take turns. A worker that dies fails what it was saying and is
    started anew by the next request.

    Args:
        processes: workers that may run side by side.
    """

    def __init__(self, processes: int = 1) -> None:
        self._workers = [
            WorkerProcess("bench.speech.espeak_worker", name="espeak-ng") for _ in range(processes)
        ]
        self._requests = itertools.count(1)

    @staticmethod
    def voices() -> tuple[Voice, ...]:
        """The voices worth offering; any other name the engine knows is spoken too."""
        return VOICES

    async def start(self) -> None:
        """Start the workers now, so that the first words do not wait for it. Raises
        `ConnectFailed`.
        """
        for worker in self._workers:
            await worker.run(lambda channel: None)

    def pids(self) -> list[int]:
        """Process ids of the workers that run, for whoever measures them."""
        return [worker.pid for worker in self._workers if worker.pid is not None]

    async def speak(
        self,
        text: str,
        *,
        voice: str = "en-us+klatt",
        words_per_minute: int = 165,
        pitch: int = 50,
        sample_rate: int = 16_000,
        end_pause_seconds: float = 0.2,
    ) -> AsyncGenerator[SpokenChunk, None]:
        """Speak any text, word by word; closing the iterator stops the engine at its next 60 ms.

        Nothing is read as markup. The audio ends exactly `end_pause_seconds` after its last audible
        sample; text without anything to say yields nothing.

        Args:
            words_per_minute: 80 to 450.
            pitch: 0 to 99.
            sample_rate: 8000 to 48000 Hz.

        Raises:
            ConfigError: an argument out of range, or no such voice.
            ConnectFailed: no worker could be started.
            BrokenStream, Stalled: the worker died or hung while speaking.
        """
        _check(voice, words_per_minute, pitch, sample_rate)
        spoken = 0
        pieces = list(_pieces(text))
        for number, piece in enumerate(pieces, 1):
            last = number == len(pieces)
            request = {
                "id": next(self._requests) & 0xFFFFFFFF,
                "text": piece,
                "voice": voice,
                "words_per_minute": words_per_minute,
                "pitch": pitch,
                "sample_rate": sample_rate,
                "end_pause": round(end_pause_seconds * sample_rate) if last else None,
            }
            piece_start = spoken
            async with contextlib.aclosing(self._say(request)) as chunks:
                async for pcm, words in chunks:
                    spoken += len(pcm) // 2
                    yield SpokenChunk(pcm, _moved(words, piece_start))

    def close(self) -> None:
        """End the workers; speech under way is finished first (milliseconds)."""
        for worker in self._workers:
            worker.close()

    async def _say(
        self, request: dict[str, Any]
    ) -> AsyncGenerator[tuple[bytes, list[_Spoken]], None]:
        exchange = _Exchange(min(self._workers, key=lambda worker: worker.jobs), request)
        words: list[_Spoken] = []
        try:
            while frame := await exchange.next():
                if frame.kind == Kind.WORDS:
                    words = frame.json()
                else:
                    yield frame.payload, words
                    words = []
        finally:
            exchange.give_up()


class _Exchange:
    """One piece of text at a worker. Its frames are taken off the worker at once, so nobody waits
    for a slow listener.
    """

    def __init__(self, worker: WorkerProcess, request: dict[str, Any]) -> None:
        self._worker = worker
        self._request = request
        self._loop = asyncio.get_running_loop()
        self._frames: asyncio.Queue[Frame | None] = asyncio.Queue(_FRAMES_OF_A_PIECE)
        self._given_up = False
        self._job = worker.begin(self._speak)
        self._job.add_done_callback(lambda _: self._frames.put_nowait(None))

    async def next(self) -> Frame | None:
        """The next frame with words or audio; None after the last. Raises what the worker failed
        with.
        """
        frame = await self._frames.get()
        if frame is None:
            self._job.result()
        return frame

    def give_up(self) -> None:
        """Stop the engine if it still speaks this piece; the rest of it goes nowhere."""
        self._given_up = True
        if not self._job.done():
            self._worker.interrupt(Kind.CANCEL, _REQUEST.pack(self._request["id"]))

    def _speak(self, channel: Channel) -> None:
        if self._given_up:
            return
        frame = channel.ask(Kind.SPEAK, self._request)
        while frame.kind != Kind.DONE:
            if not self._given_up:
                self._hand_over(frame)
            frame = channel.receive()

    def _hand_over(self, frame: Frame) -> None:
        try:
            self._loop.call_soon_threadsafe(self._frames.put_nowait, frame)
        except RuntimeError:  # the loop is closed: nobody listens any more
            self._given_up = True


def _check(voice: str, words_per_minute: int, pitch: int, sample_rate: int) -> None:
    if not _VOICE_NAME.fullmatch(voice):
        known = ", ".join(voice.name for voice in VOICES)
        raise ConfigError(f"{voice!r} names no voice; known are {known}")
    for name, value, low, high in (
        ("words_per_minute", words_per_minute, 80, 450),
        ("pitch", pitch, 0, 99),
        ("sample_rate", sample_rate, 8000, 48_000),
    ):
        if not low <= value <= high:
            raise ConfigError(f"{name} is {value}, must be {low} to {high}")


def _pieces(text: str) -> Iterator[str]:
    """The text cut behind sentences into pieces of at most 300 characters; a longer sentence at a
    space.
    """
    piece = ""
    # espeak takes control characters as commands.
    for sentence in _SENTENCE.findall(_CONTROL.sub(" ", text)):
        if piece.strip() and len(piece) + len(sentence) > PIECE_CHARACTERS:
            yield piece
            piece = ""
        piece += sentence
        while len(piece) > PIECE_CHARACTERS:
            cut = piece.rfind(" ", 1, PIECE_CHARACTERS)
            cut = cut if cut > 0 else PIECE_CHARACTERS
            yield piece[:cut]
            piece = piece[cut:]
    if piece.strip():
        yield piece


def _moved(words: list[_Spoken], samples: int) -> tuple[Word, ...]:
    return tuple(Word(text, start + samples, end + samples) for text, start, end in words)
