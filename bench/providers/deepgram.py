"""Audio in, words out as they are said: Deepgram's live socket, version 1."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import httpx
from websockets.exceptions import ConnectionClosed

from bench import clock
from bench.audio import SAMPLE_RATE
from bench.engine.patience import Patience
from bench.engine.transcriber import BaseTranscriber, Transcription
from bench.engine.worker import Ending, spawn
from bench.errors import BrokenStream, Stalled
from bench.events import Word
from bench.providers.connections import FIRST_RESULT_SECONDS, key_of, quoted, tls
from bench.providers.deepgram_socket import PROVIDER, DeepgramSocket
from bench.providers.utterances import Utterances
from bench.settings import Secret

with warnings.catch_warnings():  # the SDK imports names that websockets calls deprecated
    warnings.simplefilter("ignore", DeprecationWarning)
    from deepgram import AsyncDeepgramClient
    from deepgram.environment import DeepgramClientEnvironment
    from deepgram.listen.v1.client import AsyncV1Client
    from deepgram.listen.v1.socket_client import AsyncV1SocketClient
    from deepgram.listen.v1.types import ListenV1Results

MODEL = "nova-3"
LANGUAGE = "en"
URL = "wss://api.deepgram.com"
ENDPOINTING_MILLISECONDS = 300  # of silence, after which words are final
KEEP_ALIVE_SECONDS = 4.0  # without audio; the vendor hangs up after 10


class DeepgramTranscriber(BaseTranscriber):
    """Speech-to-text while it is said, over Deepgram's live socket (linear16 at 16 kHz).

    `transcriber_config` may hold `transcriber_model`, `language`, `keyterms` and `deepgram_url`:
    the address (ws:// or wss://) of a server that speaks the same protocol. Who has ended their
    turn is left to the conversation: what the service calls the end of speech is a pause of 0.3 s.
    """

    provider = PROVIDER

    def __init__(self, transcriber_config: Mapping[str, Any] | None = None) -> None:
        super().__init__(transcriber_config)
        config = transcriber_config or {}
        self.model = config.get("transcriber_model") or MODEL
        self.language = config.get("language") or LANGUAGE
        self._url = (config.get("deepgram_url") or URL).rstrip("/")
        self._key = key_of(config, "DEEPGRAM_API_KEY", self.provider)
        self._keyterms = list(config.get("keyterms") or ())
        self._utterances = Utterances()
        self._waiting = False  # for an answer to audio

    async def warm_up(self) -> None:
        """Import what the SDK imports late; nothing is sent."""
        async with self._listening():  # opens when it is first used
            pass

    async def _run_loop(self) -> None:
        self._waiting, began_at = False, clock.now()
        try:
            async with self._listening() as connection, Patience(FIRST_RESULT_SECONDS) as patience:
                await self._open(connection)
                patience.suspend()
                sender = spawn(self._send(connection, patience), name="Deepgram sender")
                try:
                    await self._receive(connection, patience)
                finally:
                    sender.cancel()
                    await Ending([sender])
        except ConnectionClosed as error:
            raise BrokenStream(self.provider, quoted(_reason(error), self._key)) from None
        except TimeoutError:
            waited = round(clock.now() - began_at, 6)
            raise Stalled(self.provider, "sent audio, got no answer", waited) from None

    def _listening(self) -> contextlib.AbstractAsyncContextManager[Any]:
        v1: AsyncV1Client = client_at(self._url, self._key).listen.v1
        return v1.connect(
            model=self.model,
            language=self.language,
            encoding="linear16",
            sample_rate=SAMPLE_RATE,
            interim_results=True,
            punctuate=True,
            endpointing=ENDPOINTING_MILLISECONDS,
            **self._terms(),
        )

    def _terms(self) -> dict[str, Any]:
        """What to listen for, by the name that the model has for it."""
        name = "keyterm" if self.model.startswith("nova-3") else "keywords"
        return {name: self._keyterms} if self._keyterms else {}

    async def _open(self, connection: AsyncV1SocketClient) -> None:
        await connection.send_keep_alive()  # the first thing sent opens the socket

    async def _bridge(self, connection: AsyncV1SocketClient) -> None:
        """Hold the line while the microphone pauses."""
        await connection.send_keep_alive()

    async def _send(self, connection: Any, patience: Patience) -> None:
        with contextlib.suppress(ConnectionClosed):  # the receiver tells of it
            while True:
                try:
                    async with clock.deadline(KEEP_ALIVE_SECONDS):
                        chunk = await self.take()
                except TimeoutError:
                    self._waiting = False  # nobody owes an answer to silence
                    patience.suspend()
                    await self._bridge(connection)
                    continue
                if chunk:  # an empty frame would end the stream
                    self._waits(patience)
                    await connection.send_media(chunk)

    def _waits(self, patience: Patience) -> None:
        """The first audio since the last answer starts the clock: the service is never silent for
        long while it is sent audio, be there words in it or not."""
        if not self._waiting:
            self._waiting = True
            patience.extend(FIRST_RESULT_SECONDS)

    async def _receive(self, connection: Any, patience: Patience) -> None:
        while True:
            message = await self._message(connection)
            if getattr(message, "type", None) is not None:  # else it is newer than the SDK
                self._waiting = False
                patience.suspend()
                await self._take_in(message)

    async def _message(self, connection: Any) -> Any:
        """The next message.

        Raises:
            BrokenStream: it tells of an error, or cannot be read.
        """
        try:
            message = await connection.recv()
        except ValueError:
            raise BrokenStream(self.provider, "not JSON") from None
        if getattr(message, "type", None) == "Error":
            code = getattr(message, "code", None) or getattr(message, "variant", "")
            said = f"{code} {getattr(message, 'description', '')}"
            raise BrokenStream(self.provider, quoted(said, self._key))
        return message

    async def _take_in(self, message: Any) -> None:
        if message.type == "Results":
            await self._say(_read, message)
            self._pass_over(message)

    def _pass_over(self, message: ListenV1Results) -> None:
        """A final without words says that there were none, up to its end."""
        if message.is_final and not message.channel.alternatives[0].words:
            end = getattr(message, "start", 0.0) + getattr(message, "duration", 0.0)
            self.intake.settled(self.placed(round(end * SAMPLE_RATE)))

    async def _say(self, read: Read, message: Any) -> None:
        """Tell what a message says, if it is news."""
        try:
            said = read(message, self._utterances.name, self.placed)
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            reason = f"not a result: {type(error).__name__}"
            raise BrokenStream(self.provider, reason) from None
        if self._utterances.is_news(said):
            await self.tell(said)


Read = Callable[[Any, str, Callable[[int], int]], Transcription]
"""Reads a message, with the utterance's id and where the stream's samples lie in the microphone's.
"""


def client_at(url: str, key: Secret) -> AsyncDeepgramClient:
    """The SDK's client, whose sockets open when they are first used."""
    environment = DeepgramClientEnvironment(base=url, production=url, agent=url, agent_rest=url)
    return AsyncDeepgramClient(
        api_key=key.reveal(),
        environment=environment,
        transport_factory=DeepgramSocket,
        httpx_client=httpx.AsyncClient(verify=tls()),  # unused, and slow to make without
    )


def _reason(closed: ConnectionClosed) -> str:
    frame = closed.rcvd
    return f"closed with {frame.code} {frame.reason}" if frame else "the line broke"


def _read(
    message: ListenV1Results, utterance_id: str, placed: Callable[[int], int]
) -> Transcription:
    """A result, its words placed in the microphone's audio.

    Raises:
        AttributeError, LookupError, TypeError, ValueError: it has another shape.
    """
    best = message.channel.alternatives[0]
    words = tuple(
        Word(
            word.punctuated_word or word.word,
            placed(round(word.start * SAMPLE_RATE)),
            placed(round(word.end * SAMPLE_RATE)),
            float(word.confidence),
        )
        for word in best.words
    )
    text, final = best.transcript.strip(), bool(message.is_final)
    return Transcription(
        text, float(best.confidence), final, words=words, utterance_id=utterance_id
    )
