"""Audio in, words out as they are said: Google Cloud's streaming recognition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench import clock
from bench.audio import SAMPLE_RATE, samples_in
from bench.engine.patience import Patience
from bench.engine.transcriber import BaseTranscriber
from bench.engine.worker import Ending, spawn
from bench.errors import BrokenStream, ConfigError, Stalled
from bench.providers.connections import FIRST_RESULT_SECONDS
from bench.providers.google_channel import PROVIDER, VARIABLE, GoogleAccess, GoogleCall
from bench.providers.google_results import Names, Results, Version, VersionOne, VersionTwo

HOST = "speech.googleapis.com"
PLACES = {"chirp_3": "us", "chirp": "us-central1"}  # of models that the global place does not have
ROTATE_SECONDS = 240.0  # from then on a stream is replaced as soon as nobody speaks …
LONGEST_SECONDS = 290.0  # … and then in any case: the service ends it after 305
IDLE_SECONDS = 5.0  # without audio; the service would soon end the stream
DRAIN_SECONDS = 3.0  # from the end of the audio to the last result
QUIET_SAMPLES = 2 * SAMPLE_RATE  # heard again by the next stream though nobody spoke
LARGEST_REQUEST = 24_000  # bytes of audio; the service takes 25 600


class GoogleTranscriber(BaseTranscriber):
    """Speech-to-text while it is said, over Google Cloud's streams (linear16 at 16 kHz).

    `transcriber_config` may hold `google_speech_api` ("v1" or "v2"), `google_recognizer` (of v2),
    `transcriber_model`, `language` ("en" or "en-US"), `keyterms` and `google_speech_url`: the
    address of a server that speaks the same protocol. Partials have no words of their own.

    The service ends a stream after five minutes, so this one replaces it before: between two
    utterances if it can, else in the middle of one, which then is told in two.
    """

    provider = PROVIDER
    owes_answers = True

    def __init__(self, transcriber_config: Mapping[str, Any] | None = None) -> None:
        super().__init__(transcriber_config)
        config = transcriber_config or {}
        self.rotate_seconds, self.longest_seconds = ROTATE_SECONDS, LONGEST_SECONDS
        self.idle_seconds = IDLE_SECONDS
        self.first_result_seconds = FIRST_RESULT_SECONDS
        recognizer: str | None = config.get("google_recognizer")
        place = _place(recognizer, config.get("transcriber_model") or "")
        self._access = GoogleAccess(config, "google_speech_url", _host(place))
        self._version: Version = VersionOne(config)
        if config.get("google_speech_api") == "v2":
            recognizer = recognizer or _recognizer(self._access.project, place)
            self._version = VersionTwo(config, recognizer)
        self.model, self.language = self._version.model, self._version.language
        self._names = Names()

    async def warm_up(self) -> None:
        """Make what the SDK makes late; nothing is sent."""
        channel = self._access.channel(self._version.transport)
        self._version.client(channel)
        await channel.close()

    async def _run_loop(self) -> None:
        channel = self._access.channel(self._version.transport)
        try:
            client = self._version.client(channel)
            while True:
                results = await self._listen_once(client)
                if not results.is_owed:
                    self.intake.settled(self.intake.position - QUIET_SAMPLES)
                if results.is_idle:
                    await self.intake.take()  # the next stream begins with audio
                self.intake.rewind()
        finally:
            await channel.close()

    async def _listen_once(self, client: Any) -> Results:
        """One stream, from its first request to its last result."""
        call = GoogleCall(self._access)
        try:
            await call.open(client.streaming_recognize)
            results = Results(self._version, self._names, self.placed)
            async with Patience(self.first_result_seconds) as patience:
                patience.suspend()
                sender = spawn(self._send(call, results, patience), name="Google sender")
                try:
                    await self._receive(call, results, patience)
                finally:
                    sender.cancel()
                    await Ending([sender])
        except TimeoutError:
            raise Stalled(self.provider, "speech without a result") from None
        finally:
            call.cancel()
        return results

    async def _send(self, call: GoogleCall, results: Results, patience: Patience) -> None:
        alive = await call.write(self._version.first())
        while alive and not self._is_due(results):
            try:
                async with clock.deadline(self.idle_seconds):
                    chunk = await self.take()
            except TimeoutError:
                results.is_idle = True
                break
            for start in range(0, len(chunk), LARGEST_REQUEST):
                part = chunk[start : start + LARGEST_REQUEST]
                results.samples += samples_in(part)
                alive = alive and await call.write(self._version.audio(part))
        if alive:
            results.is_ending = True
            patience.extend(DRAIN_SECONDS)
            await call.finish()

    def _is_due(self, results: Results) -> bool:
        """Whether the stream is to be replaced now."""
        age = clock.now() - results.began_at
        return age >= (self.longest_seconds if results.is_owed else self.rotate_seconds)

    async def _receive(self, call: GoogleCall, results: Results, patience: Patience) -> None:
        while (response := await call.read()) is not None:
            patience.suspend()  # until all that came is passed on
            self.answered()
            for said in results.read(response):
                await self.tell(said)
            if results.is_ending:
                patience.extend(DRAIN_SECONDS)
            elif results.is_owed:
                patience.extend(self.first_result_seconds)
        if not results.is_ending:
            raise BrokenStream(self.provider, "the stream ended before the audio did")


def _place(recognizer: str | None, model: str) -> str:
    """Where a recognizer lives; of none that is named, where its model does."""
    if recognizer is not None:
        return recognizer.partition("/locations/")[2].partition("/")[0]
    return next((place for name, place in PLACES.items() if model.startswith(name)), "global")


def _recognizer(project: str, place: str) -> str:
    """The one that every project has, which takes its settings from the request."""
    if not project:
        raise ConfigError(f"google_recognizer is wanted: {VARIABLE} names no project")
    return f"projects/{project}/locations/{place}/recognizers/_"


def _host(place: str) -> str:
    """Places other than the global one have hosts of their own."""
    return HOST if place in ("", "global") else f"{place}-{HOST}"
