"""Audio in, turns out when they were heard: Deepgram's live socket version 2, spoken back."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from websockets.asyncio.server import ServerConnection

from bench.audio import SAMPLE_RATE
from bench.emulators.deepgram import INTERNAL_ERROR, KEY, DeepgramEmulator, Session
from bench.emulators.hearing import EarsMaker, samples_of, sureness
from bench.emulators.telling import Message, Telling
from bench.emulators.trouble import Trouble
from bench.emulators.turns import TurnHeard, Turns, confidence_after, silence_for
from bench.events import Word
from bench.simulation.truth import TruthFeed

__all__ = ["KEY", "FluxEmulator"]

PATH = "/v2/listen"
UPDATE_SECONDS = 0.25  # of audio between two words on how things stand
WORD_CONFIDENCE = 0.97
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


class FluxEmulator(DeepgramEmulator):
    """A server of `/v2/listen` beside `/v1/listen`.

    It tells turns: what was said so far four times a second of audio and with every word, and the
    end when its made-up confidence passes `eot_threshold`. With `warns_with`, a code and a
    description, sessions are warned at their begin.
    """

    paths = ("/v1/listen", PATH)

    def __init__(
        self,
        feed: TruthFeed | EarsMaker,
        *,
        warns_with: tuple[str, str] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(feed, **options)
        self.warns_with = warns_with

    def refusal(self, path: str, query: Mapping[str, str]) -> str:
        """Why a session that is asked for like that cannot be had; "" when it can."""
        model = query.get("model", "")
        if (path == PATH) != model.startswith("flux"):
            return "This model is served at another path."
        if path == PATH and "language" in query:
            return "There is no language here, but a hint for flux-general-multi."
        if "language_hint" in query and model != "flux-general-multi":
            return "language_hint is for flux-general-multi alone."
        try:
            Thresholds().changed(query)
        except ValueError as error:
            return str(error)
        return super().refusal(path, query)

    def session(self, connection: ServerConnection, path: str, query: Mapping[str, str]) -> Session:
        """A session that was not refused."""
        if path != PATH:
            return super().session(connection, path, query)
        thresholds = Thresholds().changed(query)
        session = _Turns(connection, thresholds, self.ears, self.trouble)
        session.warning = self.warns_with
        return session


class _Turns:
    """Version 2: turns, and how they stand."""

    def __init__(
        self,
        connection: ServerConnection,
        thresholds: Thresholds,
        ears: EarsMaker,
        trouble: Trouble,
    ) -> None:
        self.warning: tuple[str, str] | None = None
        self._turns = Turns(ears, self._ends, self._eager)
        self._connection, self._thresholds = connection, thresholds
        self._telling = Telling(connection, trouble, MALFORMED, self._stamped)
        self._sequence = 0  # of the next message
        self._index = 0  # of the turn under way
        self._begin = 0  # its first sample
        self._told_at = 0  # how things stood

    @property
    def speaking(self) -> bool:
        return bool(self._turns.words)

    async def begin(self) -> None:
        await self._telling.tell({"type": "Connected"})
        if self.warning is not None:
            code, description = self.warning
            told = {"type": "Warning", "code": code, "description": description}
            await self._telling.tell(told)

    async def take(self, pcm: bytes) -> None:
        for heard in await self._turns.take(pcm):
            await self._tell(heard, trigger=self._trigger(heard))
        if self._turns.samples - self._told_at >= samples_of(UPDATE_SECONDS):
            await self._telling.tell(self._info(TurnHeard("grew", self._turns.words)))

    async def obey(self, message: Mapping[str, Any]) -> bool:
        match message.get("type"):
            case "ForceEndTurn":
                await self._finish("manual")
            case "Configure":
                await self._configure(message)
            case "CloseStream":  # ends no turn
                if self._turns.samples > self._told_at:
                    await self._telling.tell(self._info(TurnHeard("grew", self._turns.words)))
                await self._leave()
                return False
            case other:
                await self.fails("UNPARSABLE_CLIENT_MESSAGE", f"There is no {other!r} here.")
                return False
        return True

    async def fails(self, code: str, description: str) -> None:
        await self._telling.tell({"type": "Error", "code": code, "description": description})
        await self._connection.close(INTERNAL_ERROR, code)

    async def _leave(self) -> None:
        """Close without a code, as the service does."""
        async with self._connection.send_context():
            self._connection.protocol.send_close()
        await self._connection.wait_closed()

    async def _finish(self, trigger: str) -> None:
        for heard in await self._turns.finish():
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
            self._index, self._begin = self._index + 1, self._turns.samples
        else:
            await self._telling.partial(message)

    def _info(self, heard: TurnHeard) -> Message:
        words = heard.words
        self._told_at = self._turns.samples
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


def _seconds(samples: int) -> float:
    return round(samples / SAMPLE_RATE, 4)


def _shown(word: Word) -> Message:
    return {
        "word": word.text,
        "confidence": sureness((word,), WORD_CONFIDENCE),
        "start": _seconds(word.start_sample),
        "end": _seconds(word.end_sample),
    }
