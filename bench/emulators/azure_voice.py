"""Text in, speech and the boundaries of its words out: Azure's text-to-speech, spoken back."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from bench import clock
from bench.audio import SAMPLE_WIDTH, samples_in
from bench.emulators import usp
from bench.emulators.trouble import Trouble
from bench.emulators.voices import SPOILT, Spoken, Voice, made_at, tones
from bench.events import Word
from bench.simulation.faults import REFUSALS, Fault

KEY = usp.KEY
_PATHS = ("/tts/", "/cognitiveservices/websocket/")
_FORMAT = re.compile(r"raw-(\d+)(k?)hz-16bit-mono-pcm")
_STREAM = "emulated"
_BUSY = {"http_429": 4429, "http_503": 1013}  # close codes, once a connection is open
_UNREADABLE = 1007


class AzureVoiceEmulator:
    """A synthesizer at every address that Azure's SDK may open, with SSML or a stream of text.

    Refusals are met by a request on an open connection, which is closed; with `at_the_door` by who
    wants to open one, be it long before there is something to say.

    `first` draws the seconds before the first piece of `piece_seconds`, `factor` those before each
    further one, as a share of its length; words are told before the audio they begin in, unless
    `boundaries` is False. `requests` keeps what was asked ("text", "voice", "rate"), `connections`
    the paths that were opened, `open` those that still are, `gone` the instants at which a client
    hung up in the middle of an answer.
    """

    def __init__(
        self,
        *,
        key: str = KEY,
        first: Callable[[], float] = lambda: 0.15,
        factor: Callable[[], float] = lambda: 0.2,
        piece_seconds: float = 0.25,
        boundaries: bool = True,
        at_the_door: bool = False,
        faults: Iterable[Fault] = (),
        turn: Callable[[], int] | None = None,
        voice: Voice = tones,
    ) -> None:
        self.key = key
        self.requests: list[dict[str, Any]] = []
        self.connections: list[str] = []
        self.open: list[ServerConnection] = []
        self.gone: list[float] = []
        self.url = ""
        self.first, self.factor, self.voice = first, factor, voice
        self.piece_seconds, self.boundaries = piece_seconds, boundaries
        self.at_the_door = at_the_door
        self.trouble = Trouble(faults, "tts", turn)

    @asynccontextmanager
    async def serving(self, port: int = 0) -> AsyncGenerator[AzureVoiceEmulator, None]:
        """Serve until the block ends; `url` is the base address, a free port's unless given."""
        async with usp.serving((self,), port):
            yield self

    def serves(self, path: str) -> bool:
        """Whether the address is one of its own."""
        return path.startswith(_PATHS)

    def refuses(self) -> Fault | None:
        """What a client that knocks is turned away with."""
        return self.trouble.suffers(REFUSALS) if self.at_the_door else None

    async def talk(self, connection: ServerConnection) -> bool:
        """Speak to one client until it goes; True when it did so in the middle of an answer."""
        assert connection.request is not None
        self.connections.append(urlsplit(connection.request.path).path)
        self.open.append(connection)
        try:
            return await _Session(self, connection).run()
        finally:
            self.open.remove(connection)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a client asked for, of one text."""

    text: str
    voice: str
    rate: int


class _Session:
    """One connection: texts one after the other."""

    def __init__(self, server: AzureVoiceEmulator, connection: ServerConnection) -> None:
        self._server, self._connection = server, connection
        self._context: dict[str, Any] = {}
        self._pieces = list[str]()
        self._answers = list[asyncio.Task[None]]()

    async def run(self) -> bool:
        """Take frames until the client goes; True when it did so in the middle of an answer."""
        async with asyncio.TaskGroup() as group:
            try:
                async for frame in self._connection:
                    message = usp.read(frame)
                    if (wanted := self._wanted(message)) is not None:
                        work = self._answer(message.request_id, wanted)
                        self._answers.append(group.create_task(work, name="emulator's answer"))
            except ConnectionClosed:
                pass
            unfinished = [task for task in self._answers if not task.done()]
            for task in unfinished:
                task.cancel()
        return bool(unfinished)

    def _wanted(self, message: usp.Message) -> _Wanted | None:
        """What is to be said now that this message came, if anything."""
        match message.path:
            case "synthesis.context":
                self._context = json.loads(message.body)["synthesis"]
            case "ssml":
                document = ElementTree.fromstring(message.body)
                named = next((one.get("name", "") for one in document if one.get("name")), "")
                return self._asked("".join(document.itertext()), named)
            case "text.piece":
                self._pieces.append(message.body.decode())
            case "text.end":
                text, self._pieces = "".join(self._pieces), []
                return self._asked(text, str(self._context.get("input", {}).get("voiceName", "")))
            case _:
                pass
        return None

    def _asked(self, text: str, named: str) -> _Wanted:
        form = _FORMAT.fullmatch(str(self._context.get("audio", {}).get("outputFormat", "")))
        rate = int(form[1]) * (1000 if form[2] else 1) if form else 0
        self._server.requests.append({"text": text, "voice": named, "rate": rate})
        return _Wanted(text, named, rate)

    async def _answer(self, request_id: str, wanted: _Wanted) -> None:
        trouble = self._server.trouble
        fault = trouble.begins()
        if fault is not None and fault.kind in _BUSY:
            await self._connection.close(_BUSY[fault.kind], "Try again later.")
        elif fault is not None:  # it is never heard of again
            await asyncio.Event().wait()
        elif not wanted.rate:
            await self._connection.close(_UNREADABLE, "Unsupported output format.")
        else:
            await self._speak(request_id, wanted)

    async def _speak(self, request_id: str, wanted: _Wanted) -> None:
        server, about = self._server, {"serviceTag": f"tag-{request_id}"}
        await self._send("turn.start", request_id, {"context": about})
        stream = {"type": "inline", "streamId": _STREAM}
        await self._send("response", request_id, {"context": about, "audio": stream})
        spoilt = server.trouble.suffers(SPOILT)
        slow = server.trouble.suffers(("slow",))
        if spoilt is None or spoilt.kind != "empty_audio":
            rate = made_at(wanted.rate, spoilt)
            spoken = await server.voice(wanted.text, rate)
            if not await self._stream(request_id, spoken, rate, slow.factor if slow else 1.0):
                return
        await self._send("turn.end", request_id, {})

    async def _stream(self, request_id: str, spoken: Spoken, rate: int, delay: float) -> bool:
        """Send the audio piece by piece, with the words that begin in each; False when it broke."""
        server, at = self._server, 0.0
        before = server.trouble.spoken(samples_in(spoken.pcm) / rate)
        for pcm, words in _pieces(spoken, round(server.piece_seconds * rate)):
            seconds = samples_in(pcm) / rate
            fault = server.trouble.breaks(before + at, before + at + seconds)
            if fault is not None and await self._break(request_id, fault):
                return False
            await clock.sleep(delay * (server.factor() * seconds if at else server.first()))
            if server.boundaries:
                for word in words:
                    await self._send("audio.metadata", request_id, _boundary(word, rate))
            await self._connection.send(usp.sound(request_id, _STREAM, pcm))
            at += seconds
        end = {"Type": "SessionEnd", "Data": {"Offset": usp.ticks(samples_in(spoken.pcm), rate)}}
        await self._send("audio.metadata", request_id, {"Metadata": [end]})
        return True

    async def _break(self, request_id: str, fault: Fault) -> bool:
        """Stall, spoil or break off an answer under way; whether it is over."""
        match fault.kind:
            case "stall":
                await clock.sleep(fault.for_seconds)
                return False
            case "malformed":
                whole = usp.written("audio.metadata", request_id, {"Metadata": []})
                await self._connection.send(whole[:-3])
                await self._send("turn.end", request_id, {})
            case _:
                self._connection.transport.abort()
        return True

    async def _send(self, path: str, request_id: str, content: dict[str, Any]) -> None:
        await self._connection.send(usp.written(path, request_id, content))


def _pieces(spoken: Spoken, samples: int) -> Iterator[tuple[bytes, list[Word]]]:
    size = samples * SAMPLE_WIDTH
    for start in range(0, len(spoken.pcm), size):
        first, end = start // SAMPLE_WIDTH, start // SAMPLE_WIDTH + samples
        last = start + size >= len(spoken.pcm)
        begin = [
            w for w in spoken.words if first <= w.start_sample and (last or w.start_sample < end)
        ]
        yield spoken.pcm[start : start + size], begin


def _boundary(word: Word, rate: int) -> dict[str, Any]:
    text = {"Text": word.text, "Length": len(word.text), "BoundaryType": "WordBoundary"}
    begin = usp.ticks(word.start_sample, rate)
    data = {"Offset": begin, "Duration": usp.ticks(word.end_sample, rate) - begin, "text": text}
    return {"Metadata": [{"Type": "WordBoundary", "Data": data}]}
