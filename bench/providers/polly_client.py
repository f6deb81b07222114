"""A request in, the body of its answer out: Amazon Polly's own client."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
from collections.abc import Mapping, Sequence
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
from bench.settings import Secret

PROVIDER = "polly"
THROTTLED = (
    "ThrottlingException",
    "Throttling",
    "TooManyRequestsException",
    "RequestLimitExceeded",
)
"""Names of refusals for the pace of requests, which may come with status 400."""
LOOK_AT = {
    "AccessDeniedException": "what AWS_ACCESS_KEY_ID may do",
    "EngineNotSupportedException": "voice and voice_model",
    "ExpiredTokenException": "AWS_SESSION_TOKEN",
    "InvalidSignatureException": "AWS_SECRET_ACCESS_KEY",
    "LanguageNotSupportedException": "language",
    "UnrecognizedClientException": "AWS_ACCESS_KEY_ID and AWS_SESSION_TOKEN",
    "ValidationException": "voice and voice_model",
}
"""Settings, by the vendor's name of an error."""

for _name in ("botocore.auth", "botocore.endpoint", "botocore.hooks"):
    # At DEBUG, whoever turns that on, they write signed requests out, and the key's id with them.
    logging.getLogger(_name).addFilter(lambda record: record.levelno > logging.DEBUG)

Failure = BotoCoreError | ClientError | aiohttp.ClientError | TimeoutError | RuntimeError
FAILURES = (BotoCoreError, ClientError, aiohttp.ClientError, TimeoutError, RuntimeError)
"""The last is aiohttp's, for who reads on when the connection is gone."""


class PollyClient:
    """The client of an account, made when it is first wanted.

    Raises:
        ConfigError: there is no key, or no region.
    """

    def __init__(self, agent_config: Mapping[str, Any]) -> None:
        self._url: str | None = agent_config.get("polly_url")
        self._id = key_of(agent_config, "AWS_ACCESS_KEY_ID", PROVIDER)
        self._secret = key_of(agent_config, "AWS_SECRET_ACCESS_KEY", PROVIDER)
        self._token = key_if_any(agent_config, "AWS_SESSION_TOKEN")  # of temporary credentials
        self._region = key_of(agent_config, "AWS_REGION", PROVIDER)
        self._client: Any = None
        self._open = contextlib.AsyncExitStack()
        self._opening = asyncio.Lock()

    @property
    def is_made(self) -> bool:
        """Whether there is anything to close."""
        return self._client is not None

    async def make(self) -> Any:
        """The SDK's client, which takes longer than a first request should."""
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

    async def ask(self, **asked: str | Sequence[str]) -> Any:
        """The body of the answer to a `SynthesizeSpeech`."""
        client = await self.make()
        answer = await client.synthesize_speech(**asked)
        _fail_with_connection(answer["AudioStream"].raw_stream)
        return answer["AudioStream"]

    async def close(self) -> None:
        """Close the connections."""
        async with self._opening:  # one that is being made is closed as well
            self._client = None
            await self._open.aclose()

    def translated(self, error: Failure, *, begun: bool) -> ProviderError:
        """Our error for one of `FAILURES`; `begun` when something had come before it."""
        return translated(error, (self._id, self._secret, self._token), begun=begun)


@functools.cache
def _session() -> AioSession:
    """What every client is made by: it reads the service's description once, in 0.1 s."""
    return get_session()


def translated(error: Failure, secrets: Sequence[Secret], *, begun: bool) -> ProviderError:
    """Our error for one of the SDK's; `begun` when something had come before it."""
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
    look_at = {status: LOOK_AT.get(code, "")}
    headers = about.get("HTTPHeaders", {})
    return refused(PROVIDER, status, headers, said, Secret(""), look_at=look_at)


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
