"""Audio in, turns out as they are said: Deepgram's live socket, version 2 (Flux)."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from bench.audio import SAMPLE_RATE, SAMPLE_WIDTH
from bench.engine.patience import Patience
from bench.engine.transcriber import BaseTranscriber, Transcription
from bench.events import Word
from bench.providers.deepgram import DeepgramTranscriber, client_at

with warnings.catch_warnings():  # the SDK imports names that websockets calls deprecated
    warnings.simplefilter("ignore", DeprecationWarning)
    from deepgram.listen.v2.client import AsyncV2Client
    from deepgram.listen.v2.socket_client import AsyncV2SocketClient
    from deepgram.listen.v2.types import ListenV2TurnInfo

PREFIX = "flux"  # of the models' names
MODEL = "flux-general-en"
THRESHOLDS = ("eot_threshold", "eager_eot_threshold", "eot_timeout_ms")
BRIDGE_SAMPLES = 320  # of silence: this protocol has no message that holds the line


def deepgram_transcriber(
    transcriber_config: Mapping[str, Any] | None = None,
) -> BaseTranscriber:
    """Deepgram by the model's name: Flux for those that begin with "flux", else version 1."""
    named = str((transcriber_config or {}).get("transcriber_model") or "")
    flux = named.lower().startswith(PREFIX)
    return (FluxTranscriber if flux else DeepgramTranscriber)(transcriber_config)


class FluxTranscriber(DeepgramTranscriber):
    """Speech-to-text that decides itself when a turn is over (linear16 at 16 kHz).

    `transcriber_config` may hold `eot_threshold` (how sure it has to be, 0.5 to 1),
    `eot_timeout_ms` (of silence, after which it is over anyway) and `eager_eot_threshold` beside
    what `DeepgramTranscriber` knows; the service's own values hold unless given. A turn is one
    utterance, its partials are the whole turn so far, its final `ends_turn`. What is told early
    (EagerEndOfTurn, and TurnResumed when it was wrong) is a partial like any other: nothing is
    answered before a turn has ended.
    """

    def __init__(self, transcriber_config: Mapping[str, Any] | None = None) -> None:
        config = dict(transcriber_config or {})
        super().__init__({**config, "transcriber_model": config.get("transcriber_model") or MODEL})
        self._thresholds = {name: config[name] for name in THRESHOLDS if config.get(name)}
        self._hint = config.get("language")
        self._ended = -1  # the newest turn of this stream that is over
        self._newest = -1  # of all its turns
        self._speaking = False  # a turn is under way, of which more has to come
        self._chatty = False  # the service also says how silence stands

    def _listening(self) -> contextlib.AbstractAsyncContextManager[Any]:
        multilingual = self._hint and self.model.endswith("multi")
        v2: AsyncV2Client = client_at(self._url, self._key).listen.v2
        return v2.connect(
            model=self.model,
            encoding="linear16",
            sample_rate=SAMPLE_RATE,
            language_hint=self._hint if multilingual else None,
            **self._thresholds,
        )

    async def _open(self, connection: AsyncV2SocketClient) -> None:
        self._ended = self._newest = -1
        self._speaking = self._chatty = False
        await self._message(connection)  # it says that it is connected

    def _waits(self, patience: Patience) -> None:
        """Whether it owes an answer to silence its documentation leaves open; to speech it does,
        and is known to fall silent in the middle of a turn."""
        if self._speaking or self._chatty:
            super()._waits(patience)

    async def _bridge(self, connection: AsyncV2SocketClient) -> None:
        self.intake.padded(BRIDGE_SAMPLES)
        await connection.send_media(bytes(BRIDGE_SAMPLES * SAMPLE_WIDTH))

    async def _take_in(self, message: Any) -> None:
        if message.type != "TurnInfo" or _turn(message) <= self._ended:
            return  # a turn that is over stays as it was
        if _turn(message) > self._newest >= 0:
            self._utterances.leave()  # its end never came
        self._newest, self._ended = _turn(message), _turn(message) - 1
        ended, text = message.event == "EndOfTurn", getattr(message, "transcript", "")
        self._speaking = not ended and (bool(text) or message.event == "StartOfTurn")
        self._chatty = self._chatty or not (text or self._speaking)
        if ended:
            self._ended = _turn(message)
        elif text == self._utterances.told:
            return  # four times a second it says how things stand
        await self._say(_read, message)


def _turn(message: ListenV2TurnInfo) -> int:
    return int(getattr(message, "turn_index", 0))


def _read(
    message: ListenV2TurnInfo, utterance_id: str, placed: Callable[[int], int]
) -> Transcription:
    """A turn so far; without words where the service gives no times.

    Raises:
        AttributeError, LookupError, TypeError, ValueError: it has another shape.
    """
    timed = [word for word in message.words if word.start is not None and word.end is not None]
    words = tuple(
        Word(
            word.word,
            placed(round((word.start or 0.0) * SAMPLE_RATE)),
            placed(round((word.end or 0.0) * SAMPLE_RATE)),
            float(word.confidence),
        )
        for word in timed
    )
    final = message.event == "EndOfTurn"
    sure = min((word.confidence for word in words), default=1.0)
    return Transcription(
        message.transcript.strip(),
        sure,
        final,
        words=words if len(timed) == len(message.words) else (),
        ends_turn=True if final else None,
        utterance_id=utterance_id,
    )
