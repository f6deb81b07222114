"""Text in, speech out, and beside it where the words begin: Amazon Polly."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

import aiohttp
from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession, get_session
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    InvalidRegionError,
    ParamValidationError,
    ReadTimeoutError,
)

from bench import clock
from bench.engine.synthesizer import BaseMessage, BaseSynthesizer, SynthesisResult
from bench.engine.worker import Ending, spawn
from bench.errors import BrokenStream, ConnectFailed, ProviderError, Rejected, Stalled
from bench.providers.connections import (
    CONNECT_SECONDS,
    FIRST_RESULT_SECONDS,
    KEPT_OPEN_SECONDS,
    TOO_MANY_REQUESTS,
    key_if_any,
    key_of,
    quoted,
    refused,
)
from bench.providers.estimated_words import GrowingSpeech
from bench.providers.locales import locale_of
from bench.providers.pieces import pieces
from bench.providers.speech_marks import SpeechMarks
from bench.settings import Secret

PROVIDER = "polly"
VOICE = "Joanna"
VOICES = {
    "de-DE": "Vicki",
    "en-AU": "Olivia",
    "en-GB": "Amy",
    "es-ES": "Lucia",
    "fr-FR": "Lea",
    "it-IT": "Bianca",
    "ja-JP": "Kazuha",
    "ko-KR": "Seoyeon",
    "nl-NL": "Laura",
    "pl-PL": "Ola",
    "pt-BR": "Camila",
}
"""Who speaks a language unless a voice is named; each of them is neural."""
BILINGUAL = ("Aditi", "Kajal")  # any other voice refuses to be told another language
ENGINE = "neural"
ENGINES_WITHOUT_MARKS = ("generative",)
RATES = (8000, 16_000)  # Hz of the service's PCM
USUAL_RATE = 16_000
THROTTLED = (
    "ThrottlingException",
    "Throttling",
    "TooManyRequestsException",
    "RequestLimitExceeded",
)
"""Names of refusals for the pace of requests, which may come with status 400."""

for _name in ("botocore.auth", "botocore.endpoint", "botocore.hooks"):
    # At DEBUG, whoever turns that on, they write signed requests out, and the key's id with them.
    logging.getLogger(_name).addFilter(lambda record: record.levelno > logging.DEBUG)

Failure = BotoCoreError | ClientError | aiohttp.ClientError | TimeoutError | RuntimeError
FAILURES = (BotoCoreError, ClientError, aiohttp.ClientError, TimeoutError, RuntimeError)
"""The last is aiohttp's, for who reads on when the connection is gone."""


class PollySynthesizer(BaseSynthesizer):
    """Speech as PCM while it is made, word times from speech marks: two requests at a time.

    `synthesizer_config` may hold `voice`, `voice_model` (the engine: "neural", "standard",
    "long-form", or "generative", which has no marks), `language` (whose voice speaks, when none is
    named) and `polly_url`: the address of a server that speaks the same protocol. Marks that do not
    come leave the speech whole, its words estimated.
    """

    provider = PROVIDER

    def __init__(self, synthesizer_config: Mapping[str, Any] | None = None) -> None:
        super().__init__(synthesizer_config)
        config = synthesizer_config or {}
        self._locale = locale_of(config["language"]) if config.get("language") else ""
        self.voice = config.get("voice") or VOICES.get(self._locale, VOICE)
        self.engine = config.get("voice_model") or ENGINE
        self._url: str | None = config.get("polly_url")
        self._id = key_of(config, "AWS_ACCESS_KEY_ID", self.provider)
        self._secret = key_of(config, "AWS_SECRET_ACCESS_KEY", self.provider)
        self._token = key_if_any(config, "AWS_SESSION_TOKEN")  # of temporary credentials
        self._region = key_of(config, "AWS_REGION", self.provider)
        self._client: Any = None
        self._open = contextlib.AsyncExitStack()
        self._opening = asyncio.Lock()
        self._readers = dict[asyncio.Task[None], None]()

    async def warm_up(self) -> None:
        """Load the service's description, which takes longer than a first request should."""
        try:
            await self._connected()
        except FAILURES as error:
            raise self._translated(error, begun=False) from None

    async def create_speech(self, message: BaseMessage, chunk_size: int) -> SynthesisResult:
        """Begin to say `message`; its words are known once the marks are there."""
        rate = self.sampling_rate if self.sampling_rate in RATES else USUAL_RATE
        marks = SpeechMarks(GrowingSpeech(message.text, rate))
        marks.estimated = self.engine in ENGINES_WITHOUT_MARKS
        chunks = pieces(self._audio(marks), rate, self.sampling_rate, chunk_size)
        marks.result = SynthesisResult(chunks, marks.up_to, marks.estimated)
        return marks.result

    async def terminate(self) -> None:
        """Close the connections."""
        readers = list(self._readers)
        for reader in readers:
            reader.cancel()
        await Ending(readers)
        async with self._opening:  # one that is being made is closed as well
            self._client = None
            await self._open.aclose()

    async def _audio(self, marks: SpeechMarks) -> AsyncGenerator[bytes, None]:
        """The PCM as it comes; the marks are read meanwhile, and on when the PCM has ended."""
        reader = None if marks.estimated else self._spawn(self._read(marks))
        speech = marks.speech
        try:
            body = await self._ask(marks.text, OutputFormat="pcm", SampleRate=str(speech.rate))
            async with body:
                async for pcm in body.raw_stream.content.iter_any():
                    speech.received += len(pcm)
                    yield pcm
            speech.is_whole = True
        except FAILURES as error:
            begun = speech.received > 0
            raise self._translated(error, begun=begun) from None
        finally:
            if reader is not None and not speech.is_whole:
                reader.cancel()
                await Ending([reader])
        if not speech.received and speech.has_sound:
            raise BrokenStream(self.provider, "an answer without audio")

    async def _read(self, marks: SpeechMarks) -> None:
        """Read the marks; whatever keeps them away, the speech goes on with an estimate."""
        try:
            async with clock.deadline(FIRST_RESULT_SECONDS):
                asked = {"OutputFormat": "json", "SpeechMarkTypes": ["word"]}
                async with await self._ask(marks.text, **asked) as body:
                    marks.read(await body.read())
            marks.settle()
        except (*FAILURES, ValueError):
            marks.settle(estimated=True)

    def _spawn(self, work: Any) -> asyncio.Task[None]:
        reader = spawn(work, name="Polly marks")
        self._readers[reader] = None
        reader.add_done_callback(lambda task: self._readers.pop(task, None))
        return reader

    async def _ask(self, text: str, **asked: Any) -> Any:
        """The body of an answer."""
        if self._locale and self.voice in BILINGUAL:
            asked["LanguageCode"] = self._locale
        client = await self._connected()
        answer = await client.synthesize_speech(
            Text=text, VoiceId=self.voice, Engine=self.engine, **asked
        )
        _fail_with_connection(answer["AudioStream"].raw_stream)
        return answer["AudioStream"]

    def _translated(self, error: Failure, *, begun: bool) -> ProviderError:
        return _translated(error, (self._id, self._secret, self._token), begun=begun)

    async def _connected(self) -> Any:
        async with self._opening:
            if self._client is None:
                self._client = await self._open.enter_async_context(
                    _session().create_client(
                        PROVIDER,
                        region_name=self._region.reveal(),
                        endpoint_url=self._url,
                        aws_access_key_id=self._id.reveal(),
                        aws_secret_access_key=self._secret.reveal(),
                        aws_session_token=self._token.reveal() or None,
                        config=_CONFIG,
                    )
                )
        return self._client


@functools.cache
def _session() -> AioSession:
    """What every client is made by: it reads the service's description once, in 0.1 s."""
    return get_session()


def _translated(error: Failure, secrets: Sequence[Secret], *, begun: bool) -> ProviderError:
    match error:
        case ClientError():
            return _refused(error.response, secrets)
        case ParamValidationError() | InvalidRegionError():
            return Rejected(PROVIDER, _quoted(str(error), secrets))
        case ConnectTimeoutError():
            return ConnectFailed(PROVIDER, "no connection in time")
        case ReadTimeoutError() | TimeoutError():
            return Stalled(PROVIDER, "no audio in time")
        case _:
            kind = BrokenStream if begun else ConnectFailed
            return kind(PROVIDER, type(error).__name__)


def _refused(answer: Any, secrets: Sequence[Secret]) -> ProviderError:
    """The error for `{"Error": {"Code", "Message"}, "ResponseMetadata": {…}}`."""
    about, error = answer.get("ResponseMetadata", {}), answer.get("Error", {})
    code, status = error.get("Code", ""), about.get("HTTPStatusCode", 500)
    status = TOO_MANY_REQUESTS if code in THROTTLED else status
    said = _quoted(f"{code}: {error.get('Message', '')}", secrets)
    return refused(PROVIDER, status, about.get("HTTPHeaders", {}), said, Secret(""))


def _quoted(said: str, secrets: Sequence[Secret]) -> str:
    """The vendor's words, which hold what was signed when a signature is wrong."""
    for secret in filter(None, secrets):
        said = said.replace(secret.reveal(), "***")
    return quoted(said, Secret(""))


def _fail_with_connection(answer: aiohttp.ClientResponse) -> None:
    """Have a body fail when its connection is lost: after a garbled chunk aiohttp (3.14) closes the
    one and lets whoever reads the other wait forever."""
    content, connection = answer.content, answer.connection
    if connection is None or connection.protocol is None:  # all of it is here
        return

    def lost(closed: asyncio.Future[None]) -> None:
        reason = None if closed.cancelled() else closed.exception()
        if not content.is_eof() and content.exception() is None:
            content.set_exception(aiohttp.ClientPayloadError(str(reason or "garbled")))

    if (closed := connection.protocol.closed) is not None:
        closed.add_done_callback(lost)


_CONFIG = AioConfig(
    connect_timeout=CONNECT_SECONDS,
    read_timeout=FIRST_RESULT_SECONDS,
    retries={"total_max_attempts": 1},
    connector_args={"keepalive_timeout": KEPT_OPEN_SECONDS},
    warm_up_loader_caches=True,  # in a thread: they are large files
    ignore_configured_endpoint_urls=True,  # the key goes where `polly_url` says
)
