"""Audio in, hypotheses and phrases out: Azure's speech-to-text, spoken back."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from websockets.asyncio.server import ServerConnection

from bench.audio import SAMPLE_RATE, SAMPLE_WIDTH, samples_in
from bench.emulators import usp
from bench.emulators.azure_phrases import Phrases
from bench.emulators.hearing import EarsMaker, Heard, ears_of, samples_of
from bench.emulators.telling import slowness_of
from bench.emulators.trouble import Trouble
from bench.simulation.faults import FINALS, REFUSALS, Fault
from bench.simulation.truth import TruthFeed

KEY = usp.KEY
USUAL_PAUSE_SECONDS = 0.5  # that ends a phrase, when a client does not say
SILENCE_SECONDS = 15.0  # after which a phrase says that there were no words
_PATHS = ("/speech/", "/stt/")
_HEADER_BYTES = 44  # of the WAV header with which a turn's audio begins


class AzureSpeechEmulator:
    """A recogniser of continuous speech at every address that Azure's SDK may open.

    It hears the words of `feed`; `interim` and `final` draw how many seconds of audio later it
    knows a script's words. With `turn_seconds` a request is ended after so much audio, as soon as a
    phrase is whole: the client goes on with another one. `says_nothing` is a status that comes in
    the place of every phrase ("NoMatch", "InitialSilenceTimeout", "BabbleTimeout", "Error");
    `closes_with` is a close code that comes in the place of the first.

    `sessions` keeps the query of each connection, `contexts` the bodies of their `speech.context`,
    `samples` what it was sent in all, `gone` the instants at which clients left without a word.
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
        turn_seconds: float | None = None,
        says_nothing: str = "",
        closes_with: int | None = None,
    ) -> None:
        self.feed, self.key = feed, key
        self.sessions: list[dict[str, str]] = []
        self.contexts: list[dict[str, Any]] = []
        self.samples = 0
        self.gone: list[float] = []
        self.url = ""
        self.turn_seconds, self.says_nothing = turn_seconds, says_nothing
        self.closes_with = closes_with
        self.trouble = Trouble(faults, "stt", turn)
        self.ears = ears_of(feed, interim, final, slowness_of(self.trouble))

    @asynccontextmanager
    async def serving(self, port: int = 0) -> AsyncGenerator[AzureSpeechEmulator, None]:
        """Serve until the block ends; `url` is the base address, a free port's unless given."""
        async with usp.serving((self,), port):
            yield self

    def serves(self, path: str) -> bool:
        """Whether the address is one of its own."""
        return path.startswith(_PATHS)

    def refuses(self) -> Fault | None:
        """What a client that knocks is turned away with."""
        self.trouble.requests += 1
        return self.trouble.suffers(REFUSALS)

    async def talk(self, connection: ServerConnection) -> bool:
        """Hear one client until it goes; True when it had not ended its audio."""
        assert connection.request is not None
        self.sessions.append(dict(parse_qsl(urlsplit(connection.request.path).query)))
        return await _Session(self, connection).run()


class _Session:
    """One connection: requests one after the other, each a stretch of the same audio."""

    def __init__(self, server: AzureSpeechEmulator, connection: ServerConnection) -> None:
        self._server, self._connection = server, connection
        self._ears = server.ears(samples_of(USUAL_PAUSE_SECONDS))
        self._ended = True
        self._goes_on_at = 0  # the sample with which the next request begins
        self._phrases = Phrases(0)  # of this one
        self._again = 0  # samples that were heard before, and come again
        self._speaking: int | None = None  # since which sample, as far as it was told
        self._told = False  # a phrase of this request
        self._told_at = 0  # the sample up to which there were phrases
        self._telling = _Telling(server, connection)

    async def run(self) -> bool:
        """Take frames until the client goes; True when it had not ended its audio."""
        async for frame in self._connection:
            message = usp.read(frame)
            if message.path == "speech.context":
                self._agree(json.loads(message.body))
            elif message.path == "audio":
                await self._take(message)
        return not self._ended

    def _agree(self, context: dict[str, Any]) -> None:
        """What a client wants, of its first request; of a further one, where it goes on."""
        self._server.contexts.append(context)
        if not self._ears.samples:
            self._ears = self._server.ears(_pause(context))
        streams = context.get("continuation", {}).get("audio", {}).get("streams", {})
        self._goes_on_at = int(streams.get("1", {}).get("offset", 0)) * SAMPLE_RATE // usp.TICKS

    async def _take(self, message: usp.Message) -> None:
        if message.request_id != self._telling.request:
            await self._begin(message.request_id)
        if self._ended:  # audio that was under way when the request ended: it comes again
            return
        if not message.body:
            await self._end()
            return
        pcm = message.body.removeprefix(b"RIFF")
        pcm = message.body[_HEADER_BYTES:] if len(pcm) < len(message.body) else message.body
        again = min(self._again, samples_in(pcm))
        self._again -= again
        self._server.samples += samples_in(pcm) - again
        for heard in await self._ears.take(pcm[again * SAMPLE_WIDTH :]):
            await self._tell(heard)
        await self._tell_speaking()
        await self._tell_silence()
        limit = self._server.turn_seconds
        if limit is not None and self._told and self._speaking is None:
            if self._ears.samples - self._phrases.begins >= samples_of(limit):
                await self._end(dictation=False)

    async def _begin(self, request_id: str) -> None:
        self._telling.request, self._ended, self._told = request_id, False, False
        self._phrases = Phrases(self._goes_on_at)
        self._again = self._ears.samples - self._goes_on_at
        await self._telling.send("turn.start", {"context": {"serviceTag": f"tag-{request_id}"}})

    async def _end(self, *, dictation: bool = True) -> None:
        if dictation:
            for heard in await self._ears.finish():
                await self._tell(heard)
        phrases, samples, send = self._phrases, self._ears.samples, self._telling.send
        await send("speech.endDetected", {"Offset": phrases.ticks(samples)})
        if dictation:
            await send("speech.phrase", phrases.nothing("EndOfDictation", samples))
        await send("turn.end", {})
        self._ended = True

    async def _tell_speaking(self) -> None:
        since = self._ears.speaking_since
        if since is not None and self._speaking is None:
            at = self._phrases.ticks(since)
            await self._telling.send("speech.startDetected", {"Offset": at})
        self._speaking = since

    async def _tell_silence(self) -> None:
        """Nobody speaks: the client may forget that audio, of which it keeps a minute at most."""
        samples = self._ears.samples
        if self._speaking is None and samples - self._told_at >= samples_of(SILENCE_SECONDS):
            silent = samples - self._told_at
            nothing = self._phrases.nothing("InitialSilenceTimeout", self._told_at, silent)
            self._told_at = samples
            await self._telling.send("speech.phrase", nothing)

    async def _tell(self, heard: Heard) -> None:
        words, silenced = heard.words, self._server.says_nothing
        if not heard.is_final:
            await self._tell_speaking()
            await self._telling.hypothesis(self._phrases.hypothesis(words))
            return
        self._told, self._told_at = True, words[-1].end_sample
        nothing = self._phrases.nothing(silenced, words[0].start_sample)
        await self._telling.phrase(nothing if silenced else self._phrases.phrase(words))


class _Telling:
    """What one connection is told, with the faults of its stage; `request` is the one under way."""

    def __init__(self, server: AzureSpeechEmulator, connection: ServerConnection) -> None:
        self.request = ""
        self._trouble, self._closes_with = server.trouble, server.closes_with
        self._connection = connection
        self._hypotheses = 0
        self._newest: dict[str, Any] = {}

    async def send(self, path: str, content: dict[str, Any]) -> None:
        """A message that nothing is ever wrong with."""
        await self._connection.send(usp.written(path, self.request, content))

    async def hypothesis(self, content: dict[str, Any]) -> None:
        """Words that may change, or what is wrong with them."""
        fault = self._trouble.breaks(self._hypotheses, self._hypotheses + 1)
        self._hypotheses += 1
        if fault is not None:
            await self._break(fault)
        self._newest = content
        await self.send("speech.hypothesis", content)

    async def phrase(self, content: dict[str, Any]) -> None:
        """Words that will not change, or what is wrong with them."""
        fault = self._trouble.breaks(self._hypotheses, float("inf"))
        if fault is not None:
            await self._break(fault)
        if self._closes_with is not None:
            await self._connection.close(self._closes_with, "as it was asked to")
        fault = self._trouble.suffers(FINALS)
        kind = fault.kind if fault is not None else ""
        if kind == "no_final":
            return
        if fault is not None and kind == "late_final":
            await usp.pause(self._connection, fault.for_seconds)
        await self.send("speech.phrase", content)
        if kind == "duplicate_final":
            await self.send("speech.phrase", content)
        if kind == "out_of_order":
            await self.send("speech.hypothesis", self._newest)

    async def _break(self, fault: Fault) -> None:
        match fault.kind:
            case "stall":
                await usp.pause(self._connection, fault.for_seconds)
            case "malformed":
                head = usp.written("speech.hypothesis", self.request, {}).removesuffix("{}")
                await self._connection.send(head + '{"Text": "one", "Offs')
            case _:
                self._connection.transport.abort()


def _pause(context: dict[str, Any]) -> int:
    """The silence that ends a phrase, in samples."""
    detection = context.get("phraseDetection", {})
    wanted = detection.get(detection.get("mode"), {}).get("segmentation", {})
    milliseconds = wanted.get("segmentationSilenceTimeoutMs")
    seconds = USUAL_PAUSE_SECONDS if milliseconds is None else int(milliseconds) / 1000
    return samples_of(seconds)
