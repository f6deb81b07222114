"""Audio in, turns out when they were heard: Deepgram's live socket version 2, spoken back."""

from __future__ import annotations

import json
import math
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from bench import clock
from bench.audio import SAMPLE_RATE, samples_in
from bench.emulators.deepgram import KEY, REFUSALS, unwelcome
from bench.emulators.hearing import EarsMaker, ears_of, samples_of
from bench.emulators.telling import Message, Telling, serving_sockets, turn_down
from bench.emulators.trouble import Trouble
from bench.emulators.turns import TurnHeard, Turns, confidence_after, silence_for
from bench.events import Word
from bench.simulation.faults import Fault
from bench.simulation.truth import TruthFeed

__all__ = ["KEY", "FluxEmulator"]

PATIENCE_SECONDS = 10.0  # without a frame from the client
UPDATE_SECONDS = 0.25  # of audio between two words on how things stand
WORD_CONFIDENCE = 0.97
INTERNAL_ERROR = 1011
MALFORMED = '{"type": "TurnInfo", "event": "Upd'
EVENTS = {
    "began": "StartOfTurn",
    "grew": "Update",
    "paused": "EagerEndOfTurn",
    "resumed": "TurnResumed",
    "ended": "EndOfTurn",
}
RANGES = {
    "eot_threshold": (0.5, 1.0),
    "eager_eot_threshold": (0.3, 0.9),
    "eot_timeout_ms": (500.0, 60_000.0),
}


@dataclass(frozen=True, slots=True)
class Thresholds:
    """How sure the service has to be that a turn is over, and the silence that is enough."""

    eot_threshold: float = 0.7
    eager_eot_threshold: float | None = None
    eot_timeout_ms: float = 5000.0

    def changed(self, values: Mapping[str, object]) -> Thresholds:
        """With those of `values` that are thresholds.

        Raises:
            ValueError: one is out of range; the message names it.
        """
        asked = {name: float(str(values[name])) for name in RANGES if values.get(name) is not None}
        for name, value in asked.items():
            low, high = RANGES[name]
            if not low <= value <= high:
                raise ValueError(f"{name} must be between {low:g} and {high:g}")
        return replace(self, **cast("dict[str, Any]", asked))

    def ends(self, words: Sequence[Word]) -> int:
        """The silence in samples that ends a turn with these words."""
        most, sure = samples_of(self.eot_timeout_ms / 1000), silence_for(words, self.eot_threshold)
        return most if sure is None else min(sure, most)

    def eager(self, words: Sequence[Word]) -> int | None:
        """The silence that is told of before that; None when nobody asked for it."""
        wanted = self.eager_eot_threshold
        return None if wanted is None else silence_for(words, wanted)


class FluxEmulator:
    """A server of `/v2/listen`, which hears the words of `feed` in the audio it is sent.

    It tells turns: what was said so far four times a second of audio and with every word, and the
    end when its made-up confidence passes `eot_threshold`. `sessions` keeps the query of each
    connection, `controls` the kinds of its text messages, `gone` the instants at which clients left
    without a word. `closes_with` is a code and a description: a session is told of that error at
    its first word and closed; with `warns_with` it is only warned, at its begin.
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
        closes_with: tuple[str, str] | None = None,
        warns_with: tuple[str, str] | None = None,
    ) -> None:
        self.feed, self.key = feed, key
        self.closes_with, self.warns_with = closes_with, warns_with
        self.sessions: list[dict[str, str]] = []
        self.controls: list[str] = []
        self.samples = 0
        self.gone: list[float] = []
        self.url = ""
        self._ears = ears_of(feed, interim, final)
        self._trouble = Trouble(faults, "stt", turn)

    @asynccontextmanager
    async def serving(self, port: int = 0) -> AsyncGenerator[FluxEmulator, None]:
        """Serve until the block ends; `url` is the base address, a free port's unless given."""
        async with serving_sockets(self._talk, self._admit, port) as self.url:
            yield self

    async def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        if refusal := unwelcome(connection, request, self.key, "/v2/listen"):
            return refusal
        if refusal := await turn_down(connection, self._trouble, REFUSALS):
            return refusal
        query = _query(request)
        try:
            if not query.get("model", "").startswith("flux"):
                raise ValueError("this model is not served here")
            Thresholds().changed(query)
        except ValueError as error:
            body = {"error": "BAD_REQUEST", "message": str(error), "request_id": "emulated"}
            return connection.respond(400, json.dumps(body))
        return None

    async def _talk(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        query = _query(connection.request)
        self.sessions.append(query)
        session = _Session(connection, Thresholds().changed(query), self._ears, self._trouble)
        try:
            await session.begin(self.warns_with)
            while await self._next(connection, session):
                pass
        except TimeoutError:
            await session.fails("NET-0001", "No audio was received in time.")
        except ConnectionClosed:
            self.gone.append(clock.now())

    async def _next(self, connection: ServerConnection, session: _Session) -> bool:
        """Take one frame; False when it is over."""
        async with clock.deadline(PATIENCE_SECONDS):
            frame = await connection.recv()
        if isinstance(frame, bytes):
            self.samples += samples_in(frame)
            await session.take(frame)
            if self.closes_with is not None and session.turns.words:
                await session.fails(*self.closes_with)
                return False
            return True
        message: dict[str, Any] = json.loads(frame)
        self.controls.append(str(message.get("type")))
        return await session.obey(message)


class _Session:
    """One connection and its turns."""

    def __init__(
        self,
        connection: ServerConnection,
        thresholds: Thresholds,
        ears: EarsMaker,
        trouble: Trouble,
    ) -> None:
        self.turns = Turns(ears, self._ends, self._eager)
        self._connection, self._thresholds = connection, thresholds
        self._telling = Telling(connection, trouble, MALFORMED, self._stamped)
        self._sequence = 0  # of the next message
        self._index = 0  # of the turn under way
        self._begin = 0  # its first sample
        self._told_at = 0  # how things stood

    async def begin(self, warning: tuple[str, str] | None = None) -> None:
        """The first message of all, and a warning if there is any."""
        await self._telling.tell({"type": "Connected"})
        if warning is not None:
            code, description = warning
            told = {"type": "Warning", "code": code, "description": description}
            await self._telling.tell(told)

    async def take(self, pcm: bytes) -> None:
        """More audio came: tell what there is to tell of it."""
        for heard in await self.turns.take(pcm):
            await self._tell(heard, trigger=self._trigger(heard))
        if self.turns.samples - self._told_at >= samples_of(UPDATE_SECONDS):
            words = self.turns.words
            await self._telling.tell(self._info(TurnHeard("grew", words)))

    async def obey(self, message: Mapping[str, Any]) -> bool:
        """Do what a text message asks for; False when it asks for the end."""
        match message.get("type"):
            case "ForceEndTurn":
                await self._finish("manual")
            case "Configure":
                await self._configure(message)
            case "CloseStream":
                await self._finish("model")
                await self._connection.close()
                return False
            case other:
                await self.fails("UNPARSABLE_CLIENT_MESSAGE", f"There is no {other!r} here.")
                return False
        return True

    async def fails(self, code: str, description: str) -> None:
        """Tell of a fatal error, and hang up."""
        await self._telling.tell({"type": "Error", "code": code, "description": description})
        await self._connection.close(INTERNAL_ERROR, code)

    async def _finish(self, trigger: str) -> None:
        for heard in await self.turns.finish():
            await self._tell(heard, trigger=trigger)

    async def _configure(self, message: Mapping[str, Any]) -> None:
        try:
            self._thresholds = self._thresholds.changed(message.get("thresholds") or {})
        except ValueError as error:
            failed = {"type": "ConfigureFailure", "code": "OUT_OF_RANGE", "description": str(error)}
            await self._telling.tell(failed)
            return
        values = {name: getattr(self._thresholds, name) for name in RANGES}
        keyterms: object = message.get("keyterms", ())
        told: Message = {"type": "ConfigureSuccess", "thresholds": values, "keyterms": keyterms}
        await self._telling.tell(told)

    async def _tell(self, heard: TurnHeard, *, trigger: str) -> None:
        message = self._info(heard)
        if heard.kind == "ended":
            await self._telling.final({**message, "trigger": trigger})
            self._index, self._begin = self._index + 1, self.turns.samples
        else:
            await self._telling.partial(message)

    def _info(self, heard: TurnHeard) -> Message:
        words = heard.words
        self._told_at = self.turns.samples
        silence = max(0, self._told_at - words[-1].end_sample) if words else 0
        return {
            "type": "TurnInfo",
            "event": EVENTS[heard.kind],
            "turn_index": self._index,
            "audio_window_start": _seconds(self._begin),
            "audio_window_end": _seconds(self._told_at),
            "transcript": " ".join(word.text for word in words),
            "words": [_shown(word) for word in words],
            "end_of_turn_confidence": round(confidence_after(words, silence), 4),
        }

    def _trigger(self, heard: TurnHeard) -> str:
        """Whether it was sure of an end or merely waited long enough."""
        sure = silence_for(heard.words, self._thresholds.eot_threshold)
        longest = samples_of(self._thresholds.eot_timeout_ms / 1000)
        return "model" if (math.inf if sure is None else sure) <= longest else "timeout"

    def _ends(self, words: Sequence[Word]) -> int:
        return self._thresholds.ends(words)

    def _eager(self, words: Sequence[Word]) -> int | None:
        return self._thresholds.eager(words)

    def _stamped(self, message: Message) -> Message:
        number, self._sequence = self._sequence, self._sequence + 1
        return {"request_id": "emulated", "sequence_id": number, **message}


def _query(request: Request) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(request.path).query))


def _seconds(samples: int) -> float:
    return round(samples / SAMPLE_RATE, 4)


def _shown(word: Word) -> Message:
    return {
        "word": word.text,
        "confidence": WORD_CONFIDENCE,
        "start": _seconds(word.start_sample),
        "end": _seconds(word.end_sample),
    }
