"""Text in, speech and the boundaries of its words out: Azure's text-to-speech, spoken back."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
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
_CLAUSE = re.compile(r"[.,;:!?–—…]+\s")
_STREAM = "emulated"
_BUSY = {"http_429": 4429, "http_503": 1013}  # close codes, once a connection is open
_UNREADABLE = 1007


class AzureVoiceEmulator:
    """A synthesizer at every address that Azure's SDK may open, with SSML or a stream of text.

    What the service waits for before it says a part of a stream is not known: here it is the end
    of a clause.

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


class _Wanted:
    """What a client asked for: a text, which may follow piece by piece.

    `asked` is what tests see of it; `texts` are what is said at a time, None after the last.
    """

    def __init__(self, voice: str, rate: int) -> None:
        self.rate = rate
        self.asked: dict[str, Any] = {"text": "", "voice": voice, "rate": rate}
        self.texts = asyncio.Queue[str | None](1000)
        self._held = ""  # until it is long enough to be said

    def take(self, text: str) -> None:
        """The text goes on: what ends with a clause is said."""
        self.asked["text"] += text
        self._held += text
        if ends := [clause.end() for clause in _CLAUSE.finditer(self._held)]:
            self.texts.put_nowait(self._held[: ends[-1]])
            self._held = self._held[ends[-1] :]

    def end(self) -> None:
        """The rest of it is said, and nothing follows."""
        if self._held.strip():
            self.texts.put_nowait(self._held)
        self.texts.put_nowait(None)


class _Session:
    """One connection: texts one after the other."""

    def __init__(self, server: AzureVoiceEmulator, connection: ServerConnection) -> None:
        self._server, self._connection = server, connection
        self._context: dict[str, Any] = {}
        self._written: _Wanted | None = None  # a text that is still being written
        self._answers = list[asyncio.Task[None]]()

    async def run(self) -> bool:
        """Take frames until the client goes; True when it did so in the middle of an answer."""
        async with asyncio.TaskGroup() as group:
            try:
                async for frame in self._connection:
                    message = usp.read(frame)
                    if (wanted := self._wanted(message)) is not None:
                        work = _Answer(self._server, self._connection, message.request_id, wanted)
                        self._answers.append(
                            group.create_task(work.run(), name="emulator's answer")
                        )
            except ConnectionClosed:
                pass
            unfinished = [task for task in self._answers if not task.done()]
            for task in unfinished:
                task.cancel()
        return bool(unfinished)

    def _wanted(self, message: usp.Message) -> _Wanted | None:
        """What is to be said from now on, if this message asks for anything new."""
        match message.path:
            case "synthesis.context":
                self._context = json.loads(message.body)["synthesis"]
            case "ssml":
                document = ElementTree.fromstring(message.body)
                named = next((one.get("name", "") for one in document if one.get("name")), "")
                wanted = self._asked(named)
                wanted.asked["text"] = text = "".join(document.itertext())
                wanted.texts.put_nowait(text)
                wanted.texts.put_nowait(None)
                return wanted
            case "text.piece":
                return self._take(message.body.decode())
            case "text.end":
                wanted, self._written = self._written, None
                if wanted is not None:
                    wanted.end()
            case _:
                pass
        return None

    def _take(self, piece: str) -> _Wanted | None:
        """A piece of a text; what it begins, when it is the first."""
        wanted = self._written
        if wanted is None:
            named = str(self._context.get("input", {}).get("voiceName", ""))
            self._written = self._asked(named)
            self._written.take(piece)
            return self._written
        wanted.take(piece)
        return None

    def _asked(self, named: str) -> _Wanted:
        form = _FORMAT.fullmatch(str(self._context.get("audio", {}).get("outputFormat", "")))
        wanted = _Wanted(named, int(form[1]) * (1000 if form[2] else 1) if form else 0)
        self._server.requests.append(wanted.asked)
        return wanted


class _Answer:
    """The speech of one text; `_samples` is how much of it there is so far."""

    def __init__(
        self,
        server: AzureVoiceEmulator,
        connection: ServerConnection,
        request_id: str,
        wanted: _Wanted,
    ) -> None:
        self._server, self._connection = server, connection
        self._request_id, self._wanted = request_id, wanted
        self._samples = 0

    async def run(self) -> None:
        """Say it, or turn the request down."""
        fault = self._server.trouble.begins()
        if fault is not None and fault.kind in _BUSY:
            await self._connection.close(_BUSY[fault.kind], "Try again later.")
        elif fault is not None:  # it is never heard of again
            await asyncio.Event().wait()
        elif not self._wanted.rate:
            await self._connection.close(_UNREADABLE, "Unsupported output format.")
        else:
            try:
                await self._speak()
            except ConnectionClosed:  # the client went, and this was not done
                await asyncio.Event().wait()

    async def _speak(self) -> None:
        server, about = self._server, {"serviceTag": f"tag-{self._request_id}"}
        await self._send("turn.start", {"context": about})
        stream = {"type": "inline", "streamId": _STREAM}
        await self._send("response", {"context": about, "audio": stream})
        spoilt = server.trouble.suffers(SPOILT)
        slow = server.trouble.suffers(("slow",))
        rate = made_at(self._wanted.rate, spoilt)
        while (text := await self._wanted.texts.get()) is not None:
            if spoilt is None or spoilt.kind != "empty_audio":
                spoken = await server.voice(text, rate)
                if not await self._stream(spoken, rate, slow.factor if slow else 1.0):
                    return
        end = {"Type": "SessionEnd", "Data": {"Offset": usp.ticks(self._samples, rate)}}
        await self._send("audio.metadata", {"Metadata": [end]})
        await self._send("turn.end", {})

    async def _stream(self, spoken: Spoken, rate: int, delay: float) -> bool:
        """Send the audio piece by piece, with the words that begin in each; False when it broke."""
        server, begin = self._server, self._samples
        before = server.trouble.spoken(samples_in(spoken.pcm) / rate) - begin / rate
        for pcm, words in _pieces(spoken, round(server.piece_seconds * rate)):
            at, seconds = self._samples / rate, samples_in(pcm) / rate
            fault = server.trouble.breaks(before + at, before + at + seconds)
            if fault is not None and await self._break(fault):
                return False
            await clock.sleep(delay * (server.factor() * seconds if at else server.first()))
            if server.boundaries:
                for word in words:
                    await self._send("audio.metadata", _boundary(word, begin, rate))
            await self._connection.send(usp.sound(self._request_id, _STREAM, pcm))
            self._samples += samples_in(pcm)
        return True

    async def _break(self, fault: Fault) -> bool:
        """Stall, spoil or break off an answer under way; whether it is over."""
        match fault.kind:
            case "stall":
                await clock.sleep(fault.for_seconds)
                return False
            case "malformed":
                whole = usp.written("audio.metadata", self._request_id, {"Metadata": []})
                await self._connection.send(whole[:-3])
                await self._send("turn.end", {})
            case _:
                self._connection.transport.abort()
        return True

    async def _send(self, path: str, content: dict[str, Any]) -> None:
        await self._connection.send(usp.written(path, self._request_id, content))


def _pieces(spoken: Spoken, samples: int) -> Iterator[tuple[bytes, list[Word]]]:
    size = samples * SAMPLE_WIDTH
    for start in range(0, len(spoken.pcm), size):
        first, end = start // SAMPLE_WIDTH, start // SAMPLE_WIDTH + samples
        last = start + size >= len(spoken.pcm)
        begin = [
            w for w in spoken.words if first <= w.start_sample and (last or w.start_sample < end)
        ]
        yield spoken.pcm[start : start + size], begin


def _boundary(word: Word, before: int, rate: int) -> dict[str, Any]:
    text = {"Text": word.text, "Length": len(word.text), "BoundaryType": "WordBoundary"}
    begin = usp.ticks(before + word.start_sample, rate)
    end = usp.ticks(before + word.end_sample, rate)
    data = {"Offset": begin, "Duration": end - begin, "text": text}
    return {"Metadata": [{"Type": "WordBoundary", "Data": data}]}
