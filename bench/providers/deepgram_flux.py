"""Audio in, turns out as they are said: Deepgram's live socket, version 2 (Flux)."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from bench.audio import SAMPLE_RATE, SAMPLE_WIDTH
from bench.engine.transcriber import BaseTranscriber, Transcription
from bench.errors import ConfigError
from bench.events import Word
from bench.providers.deepgram import DeepgramTranscriber, client_at
from bench.providers.deepgram_socket import PROVIDER

with warnings.catch_warnings():  # the SDK imports names that websockets calls deprecated
    warnings.simplefilter("ignore", DeprecationWarning)
    from deepgram.listen.v2.client import AsyncV2Client
    from deepgram.listen.v2.socket_client import AsyncV2SocketClient
    from deepgram.listen.v2.types import ListenV2TurnInfo

PREFIX = "flux"  # of the models' names
MODEL, MULTILINGUAL = "flux-general-en", "flux-general-multi"
THRESHOLDS = ("eot_threshold", "eager_eot_threshold", "eot_timeout_ms")
BRIDGE_SAMPLES = 320  # of silence: this protocol has no message that holds the line
UNSETTLED_SAMPLES = SAMPLE_RATE  # before the end of what was heard: of words not told yet


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
    what `DeepgramTranscriber` knows; the service's own values hold unless given. The language is a
    hint for the multilingual model, which finds out by itself. A turn is one
    utterance, its partials are the whole turn so far, its final `ends_turn`. What is told early
    (EagerEndOfTurn, and TurnResumed when it was wrong) is a partial like any other: nothing is
    answered before a turn has ended.
    """

    def __init__(self, transcriber_config: Mapping[str, Any] | None = None) -> None:
        config = dict(transcriber_config or {})
        super().__init__({**config, "transcriber_model": config.get("transcriber_model") or MODEL})
        self._thresholds = {name: config[name] for name in THRESHOLDS if config.get(name)}
        self._hint = _hint(self.model, config.get("language"))
        self._ended = -1  # the newest turn of this stream that is over
        self._newest = -1  # of all its turns

    def _listening(self) -> contextlib.AbstractAsyncContextManager[Any]:
        v2: AsyncV2Client = client_at(self._url, self._key).listen.v2
        return v2.connect(
            model=self.model,
            encoding="linear16",
            sample_rate=SAMPLE_RATE,
            keyterm=self._keyterms or None,
            language_hint=self._hint,
            **self._thresholds,
        )

    async def _open(self, connection: AsyncV2SocketClient) -> None:
        self._ended = self._newest = -1
        await self._message(connection)  # it says that it is connected

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
        if ended:
            self._ended = _turn(message)
        elif not text and message.event == "Update":
            self._pass_over(message)
            return
        elif text == self._utterances.told:
            return  # four times a second it says how things stand
        await self._say(_read, message)

    def _pass_over(self, message: ListenV2TurnInfo) -> None:
        """Nothing was said long before the end of what it has heard."""
        heard = round((getattr(message, "audio_window_end", None) or 0.0) * SAMPLE_RATE)
        self.intake.settled(self.placed(heard - UNSETTLED_SAMPLES))


def _hint(model: str, language: str | None) -> str | None:
    """What a model is told of the language, None where it has no choice.

    Raises:
        ConfigError: it hears another one alone.
    """
    code = (language or "en").partition("-")[0].lower()
    if model.endswith("-en") and code != "en":
        reason = f"{model} hears English alone, and language is {language}"
        raise ConfigError(f"{PROVIDER} cannot be used like that: {reason}; {MULTILINGUAL} has more")
    return code if language and code != "multi" and model == MULTILINGUAL else None


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
        ends_turn=final,
        utterance_id=utterance_id,
    )
