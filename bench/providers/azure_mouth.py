"""Texts in, what the SDK tells of them out: the native objects below Azure's voices."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from azure.cognitiveservices.speech import (
    CancellationErrorCode,
    Connection,
    ResultFuture,
    SpeechConfig,
    SpeechSynthesisRequest,
    SpeechSynthesisRequestInputType,
    SpeechSynthesizer,
)

from bench import clock
from bench.errors import ConfigError
from bench.providers.azure_bridge import TICKS_PER_SECOND, Events, NativeThread, Signals

OPENING_SECONDS = 0.5  # that speech waits for a connection to be opened
STARTING_SECONDS = 0.25  # that a stop waits for what it is to stop: it would miss it, for ever

Kind = Literal["connected", "audio", "word", "done", "failed"]


@dataclass(frozen=True, slots=True)
class Told:
    """What the SDK told: audio, a word and its place in seconds, or how it ended."""

    kind: Kind
    audio: bytes = b""
    text: str = ""
    begin: float = 0.0
    end: float = 0.0
    code: CancellationErrorCode = CancellationErrorCode.NoError


class Mouth:
    """The native objects of one connection, which its `thread` makes, uses and lets go of.

    `connected` says whether the service has answered; it may hang up when nothing is to be said.
    """

    def __init__(self, rate: int, service: Callable[[int], SpeechConfig]) -> None:
        self.rate = rate
        self.thread = NativeThread("Azure voice")
        self.connected = False
        self._service = service
        self._loop, self._opening_until = asyncio.get_running_loop(), 0.0
        self._answered = asyncio.Event()
        self._synthesizer: SpeechSynthesizer | None = None
        self._connection: Connection | None = None
        self._signals, self._started = Signals(), threading.Event()
        self._asked: ResultFuture | None = None
        self._written: SpeechSynthesisRequest | None = None
        self._is_open = False  # what is written: more may follow
        self._events: Events[Told] | None = None

    def open(self) -> None:
        """Begin to connect; who speaks will be told what is wrong, if anything."""
        self._opening_until = clock.now() + OPENING_SECONDS
        self.thread.post(self._connect)

    async def ready(self) -> None:
        """Wait for a connection that is being opened: to speak before it is opens another."""
        left = self._opening_until - clock.now()
        if left > 0.0 and not self.connected:
            with contextlib.suppress(TimeoutError):  # it was refused, of which the SDK tells nobody
                async with clock.deadline(left):
                    await self._answered.wait()

    def say(self, text: str, events: Events[Told]) -> None:
        """Ask for a text; what comes of it goes to `events`."""
        synthesizer = self._made()
        self._end_asking()
        self._events = events
        self._started.clear()
        self._asked = synthesizer.start_speaking_text_async(text)

    def begin(self, events: Events[Told]) -> None:
        """Ask for a text that is still being written: it follows in pieces."""
        synthesizer = self._made()
        self._end_asking()
        self._events = events
        self._written = SpeechSynthesisRequest(SpeechSynthesisRequestInputType.TextStream)
        self._is_open = True
        self._started.clear()
        self._asked = synthesizer.speak_async(self._written)

    def write(self, piece: str) -> None:
        """Go on with the text, unless it is over, of which `events` were told."""
        if self._written is not None and self._is_open:
            with contextlib.suppress(RuntimeError):
                self._written.input_stream.write(piece)

    def finish(self) -> None:
        """No piece follows."""
        if self._written is not None and self._is_open:
            self._is_open = False
            with contextlib.suppress(RuntimeError):
                self._written.input_stream.close()

    def close(self) -> None:
        """Stop what is being made, and hang up."""
        if self._asked is not None:
            self._started.wait(STARTING_SECONDS)
        self._signals.cut()
        if self._synthesizer is not None:
            self._synthesizer.stop_speaking_async().get()
        self._end_asking()
        self._synthesizer = self._connection = self._events = self._written = None

    def _connect(self) -> None:
        with contextlib.suppress(ConfigError, RuntimeError):
            self._made()
            if self._connection is not None:
                self._connection.open(False)

    def _made(self) -> SpeechSynthesizer:
        if self._synthesizer is not None:
            return self._synthesizer
        synthesizer = SpeechSynthesizer(self._service(self.rate), None)
        connection = Connection.from_speech_synthesizer(synthesizer)
        connection.connected.connect(lambda _: self._is_connected(True))
        connection.disconnected.connect(lambda _: self._is_connected(False))
        synthesizer.synthesis_started.connect(lambda _: self._started.set())
        synthesizer.synthesizing.connect(self._telling(_audio))
        synthesizer.synthesis_word_boundary.connect(self._telling(_word))
        synthesizer.synthesis_completed.connect(self._telling(lambda _: Told("done")))
        synthesizer.synthesis_canceled.connect(self._telling(_cancelled))
        self._signals = Signals(
            connection.connected,
            connection.disconnected,
            synthesizer.synthesis_started,
            synthesizer.synthesizing,
            synthesizer.synthesis_word_boundary,
            synthesizer.synthesis_completed,
            synthesizer.synthesis_canceled,
        )
        self._synthesizer, self._connection = synthesizer, connection
        return synthesizer

    def _end_asking(self) -> None:
        """An answer that is not taken is never let go of, nor a text that was not ended."""
        self.finish()
        asked, self._asked = self._asked, None
        if asked is not None:
            asked.get()
        self._written = None

    def _is_connected(self, connected: bool) -> None:
        self.connected = connected
        if connected:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._answered.set)
            if self._events is not None:
                self._events.reading(lambda _: Told("connected"))(None)

    def _telling(self, read: Callable[[Any], Told]) -> Callable[[Any], None]:
        def callback(event: Any) -> None:
            if self._events is not None:
                self._events.reading(read)(event)

        return callback


def _audio(event: Any) -> Told:
    return Told("audio", audio=event.result.audio_data)


def _word(event: Any) -> Told:
    begin = event.audio_offset / TICKS_PER_SECOND
    return Told("word", text=event.text, begin=begin, end=begin + event.duration.total_seconds())


def _cancelled(event: Any) -> Told:
    details = event.result.cancellation_details
    return Told("failed", text=details.error_details, code=details.error_code)
