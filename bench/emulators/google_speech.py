"""Audio in, the script's words out when they were heard: Google's recognition, spoken back."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from google.rpc.code_pb2 import Code

from bench import clock
from bench.audio import SAMPLE_RATE, samples_in
from bench.emulators.google_recognition import Asked, Version, VersionOne, VersionTwo
from bench.emulators.google_serving import Call, GoogleServer, refuse
from bench.emulators.hearing import Ears, EarsMaker, Heard, ears_of, samples_of
from bench.emulators.serving import LOOPBACK
from bench.emulators.telling import slowness_of
from bench.emulators.trouble import Trouble
from bench.simulation.faults import FINALS, Fault
from bench.simulation.truth import TruthFeed

KEY = "a-google-key-for-emulators"
LIMIT_SECONDS = 305.0  # of a stream
PATIENCE_SECONDS = 10.0  # without audio
LARGEST_REQUEST = 25_600  # bytes of audio
PAUSE_SECONDS = 0.3  # that ends an utterance


class GoogleSpeechEmulator:
    """A server of `Speech/StreamingRecognize`, versions 1 and 2.

    `interim` and `final` draw how many seconds of audio later it knows a script's words; a stream
    ends after `limit_seconds`, by the clock or by its audio. `sessions` keeps what each stream
    asked for, `samples` what it was sent in all, `gone` the instants at which clients hung up
    without waiting for the rest.
    """

    def __init__(
        self,
        feed: TruthFeed | EarsMaker,
        *,
        key: str = KEY,
        interim: Callable[[], float] = lambda: 0.15,
        final: Callable[[], float] = lambda: 0.1,
        faults: Iterable[Fault] = (),
        turn: Callable[[], int] | None = None,
        limit_seconds: float = LIMIT_SECONDS,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self.feed, self.key = feed, key
        self.sessions: list[dict[str, Any]] = []
        self.samples = 0
        self.url = ""
        self._trouble = Trouble(faults, "stt", turn)
        self._ears = ears_of(feed, interim, final, slowness_of(self._trouble))
        self._limit_seconds, self._patience_seconds = limit_seconds, patience_seconds
        self._server = GoogleServer(key, self._trouble)

    @property
    def gone(self) -> list[float]:
        """When clients hung up without waiting for the rest."""
        return self._server.gone

    def freeze(self) -> None:
        """Be a machine whose line was cut."""
        self._server.freeze()

    @asynccontextmanager
    async def serving(self, port: int = 0) -> AsyncGenerator[GoogleSpeechEmulator, None]:
        """Serve until the block ends; `url` is its address, without TLS."""
        services = {
            version.path: (partial(self._recognize, version), version.request)
            for version in (VersionOne(), VersionTwo())
        }
        async with self._server.serving(services, port):
            self.url = f"http://{LOOPBACK}:{self._server.port}"
            yield self

    async def _recognize(
        self, version: Version, requests: Any, call: Call
    ) -> AsyncGenerator[Any, None]:
        began_at = clock.now()
        if (first := await self._next(requests, call, began_at)) is None:
            return
        asked = version.asked(first)
        if asked.wrong:
            await refuse(call, Code.INVALID_ARGUMENT, asked.wrong)
        self.sessions.append(dataclasses.asdict(asked))
        ears = self._ears(samples_of(PAUSE_SECONDS))
        told = _Told(version, asked, self._trouble, self._server, call)
        while (request := await self._next(requests, call, began_at)) is not None:
            pcm = version.audio(request)
            if len(pcm) > LARGEST_REQUEST:
                await refuse(call, Code.INVALID_ARGUMENT, "Audio chunk can be of 25600 bytes.")
            self.samples += samples_in(pcm)
            async for response in told.of(await ears.take(pcm), ears):
                yield response
            if ears.samples > self._limit_seconds * SAMPLE_RATE:
                await self._exceeded(call)
        async for response in told.of(await ears.finish(), ears):
            yield response

    async def _next(self, requests: Any, call: Call, began_at: float) -> Any | None:
        """The next request, None after the last."""
        left = began_at + self._limit_seconds - clock.now()
        try:
            async with clock.deadline(min(left, self._patience_seconds)):
                return await anext(requests, None)
        except TimeoutError:
            if left <= self._patience_seconds:
                await self._exceeded(call)
            message = "Audio Timeout Error: Long duration elapsed without audio."
            await refuse(call, Code.OUT_OF_RANGE, message)

    async def _exceeded(self, call: Call) -> None:
        message = f"Exceeded maximum allowed stream duration of {self._limit_seconds:g} seconds."
        await refuse(call, Code.OUT_OF_RANGE, message)


class _Told:
    """What one stream is told, with the faults of its stage."""

    def __init__(
        self, version: Version, asked: Asked, trouble: Trouble, server: GoogleServer, call: Call
    ) -> None:
        self._version, self._asked, self._call = version, asked, call
        self._trouble, self._server = trouble, server
        self._partials = 0
        self._newest: Any = None  # partial
        self._is_voiced = False

    async def of(self, heard: Sequence[Heard], ears: Ears) -> AsyncGenerator[Any, None]:
        """The responses for what was heard just now."""
        if ears.speaking_since is not None or heard:
            for event in self._voiced(True, ears.samples):
                yield event
        for one in heard:
            if one.is_final:
                async for response in self._final(one, ears.samples):
                    yield response
            elif self._asked.interim:
                await self._suffer(self._partials, self._partials + 1)
                self._partials += 1
                self._newest = self._version.partial(one.words)
                yield self._newest

    async def _final(self, heard: Heard, samples: int) -> AsyncGenerator[Any, None]:
        await self._suffer(self._partials, float("inf"))
        for event in self._voiced(False, samples):
            yield event
        fault = self._trouble.suffers(FINALS)
        kind = fault.kind if fault is not None else ""
        if kind == "no_final":
            return
        if fault is not None and kind == "late_final":
            await clock.sleep(fault.for_seconds)
        response = self._version.final(heard, self._asked)
        yield response
        if kind == "duplicate_final":
            yield response
        if kind == "out_of_order" and self._newest is not None:
            yield self._newest

    async def _suffer(self, begin: float, end: float) -> None:
        if (fault := self._trouble.breaks(begin, end)) is not None:
            await self._server.suffer(self._call, fault)

    def _voiced(self, is_voiced: bool, samples: int) -> list[Any]:
        """The event for a voice that is there from now on, or no longer."""
        if is_voiced == self._is_voiced:
            return []
        self._is_voiced = is_voiced
        name = "SPEECH_ACTIVITY_BEGIN" if is_voiced else "SPEECH_ACTIVITY_END"
        return [self._version.event(name, samples)] if self._asked.voice_activity else []
