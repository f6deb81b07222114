"""An address and a key in, calls to a Google Cloud service out, their failures as our errors."""

from __future__ import annotations

import asyncio
import contextlib
import warnings
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import google.auth
from google.api_core.exceptions import GoogleAPICallError
from google.auth.credentials import Credentials
from google.auth.exceptions import GoogleAuthError
from google.oauth2 import service_account
from google.rpc.error_details_pb2 import RetryInfo
from grpc import StatusCode, aio
from grpc._cython import cygrpc

from bench import clock
from bench.errors import (
    BrokenStream,
    ConfigError,
    ConnectFailed,
    ProviderError,
    RateLimited,
    Rejected,
    Stalled,
)
from bench.providers.connections import CONNECT_SECONDS, key_if_any, key_of, quoted
from bench.providers.locales import locale_of
from bench.settings import Secret

PROVIDER = "google"
VARIABLE = "GOOGLE_APPLICATION_CREDENTIALS"
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
LANGUAGE = "en"
CHINESE = "cmn-CN"  # the voices' name for "zh-CN"
OPTIONS = (
    ("grpc.use_local_subchannel_pool", 1),  # else a new channel waits for what an old one met
    ("grpc.enable_retries", 0),
    ("grpc.min_reconnect_backoff_ms", round(1000 * CONNECT_SECONDS)),  # bounds one attempt
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
)
DEAD_SECONDS = 5.0  # without a sign of life from the other end of a connection that is written to
KEEP_ALIVE_SECONDS = 30.0  # between two looks whether the service is there, as its own clients do
REFUSALS = (
    StatusCode.UNAUTHENTICATED,
    StatusCode.PERMISSION_DENIED,
    StatusCode.INVALID_ARGUMENT,
    StatusCode.NOT_FOUND,
    StatusCode.FAILED_PRECONDITION,
    StatusCode.UNIMPLEMENTED,
)
REVOKED = "invalid_grant"  # what the vendor says of credentials that are no longer any


class GoogleAccess:
    """Where a service is, and who asks.

    `setting` is the name of its address in the agent config, `host` the vendor's. An address with
    http:// is spoken to without TLS and credentials: the key, if any, goes along as it is, for a
    server of your own to look at. Otherwise the key is the path of a credentials file.

    Raises:
        ConfigError: no key though one is wanted, or no credentials where it says.
    """

    def __init__(self, agent_config: Mapping[str, Any], setting: str, host: str) -> None:
        address = urlsplit(agent_config.get(setting) or f"https://{host}")
        self._plain = address.scheme == "http"
        usual_port = 80 if self._plain else 443
        self._target = address.netloc if address.port else f"{address.netloc}:{usual_port}"
        self._credentials: Credentials | None = None
        self.keep_alive_seconds, self.dead_seconds = KEEP_ALIVE_SECONDS, DEAD_SECONDS
        self.project = "-"  # of the credentials, "" when they name none
        self.metadata: tuple[tuple[str, str], ...] = ()
        if self._plain:
            self._key = key_if_any(agent_config, VARIABLE)
            self.metadata = (("x-goog-api-key", self._key.reveal()),) if self._key else ()
        else:
            self._key = key_of(agent_config, VARIABLE, PROVIDER)
            self._credentials, project = _credentials(self._key.reveal())
            self.project = project or ""

    def channel(self, transport: Any) -> aio.Channel:
        """A channel for `transport`, a class of the SDK's; it belongs to the running loop."""
        options = options_of(self._plain, self.keep_alive_seconds, self.dead_seconds)
        if self._plain:
            return aio.insecure_channel(self._target, options=options)
        return transport.create_channel(
            self._target, credentials=self._credentials, options=options
        )

    def translated(self, error: GoogleAPICallError, *, begun: bool) -> ProviderError:
        """Our error for one of the SDK's; `begun` when there was an answer before it."""
        return failure(PROVIDER, error, self._key, begun=begun)


class GoogleCall:
    """One call with requests in and responses out, both streams.

    Whatever goes wrong is raised by `open` and `read`, and only there.
    """

    def __init__(self, access: GoogleAccess) -> None:
        self._access = access
        self._call: Any = None
        self._begun = False  # there was a response

    async def open(self, method: Callable[..., Awaitable[Any]]) -> None:
        """Begin a call of `method`, a streaming one of an SDK's client.

        Raises:
            ProviderError: it is refused, or there is no connection in time.
        """
        metadata = self._access.metadata
        try:
            async with clock.deadline(CONNECT_SECONDS):
                self._call = await method(
                    requests=None, retry=None, timeout=None, metadata=metadata
                )
        except TimeoutError:
            raise ConnectFailed(PROVIDER, "no connection in time") from None
        except GoogleAPICallError as error:
            raise self._access.translated(error, begun=False) from None

    async def write(self, request: Any) -> bool:
        """Send a request; False when the call is over, `read` knows why."""
        # The SDK's own `write`, when it comes too late, puts "Internal error from Core" in the
        # place of the status with which the service refused.
        try:
            await self._call._call._cython_call.send_serialized_message(
                type(request).serialize(request)
            )
        except (cygrpc.InternalError, asyncio.InvalidStateError):
            return False
        return True

    async def finish(self) -> None:
        """No request follows."""
        with contextlib.suppress(cygrpc.InternalError):
            await self._call.done_writing()

    async def read(self) -> Any | None:
        """The next response, None after the last.

        Raises:
            ProviderError: the call failed.
        """
        try:
            response = await self._call.read()
        except GoogleAPICallError as error:
            raise self._access.translated(error, begun=self._begun) from None
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise BrokenStream(PROVIDER, "the call was cancelled under us") from None
        self._begun = True
        return None if response is cygrpc.EOF else response

    def cancel(self) -> None:
        """Hang up, if it is not over; the service learns of it at once. Nothing follows."""
        # Whoever still holds this one, a traceback perhaps, is not to hold the connection.
        call, self._call = self._call, None
        if call is not None:
            call.cancel()


def options_of(
    plain: bool, keep_alive_seconds: float = KEEP_ALIVE_SECONDS, dead_seconds: float = DEAD_SECONDS
) -> tuple[tuple[str, int], ...]:
    """The options of a channel; a `plain` one, without TLS, goes through no proxy."""
    return (
        *OPTIONS,
        ("grpc.keepalive_time_ms", round(1000 * keep_alive_seconds)),
        ("grpc.keepalive_timeout_ms", round(1000 * dead_seconds)),
        ("grpc.enable_http_proxy", int(not plain)),
    )


def failure(provider: str, error: GoogleAPICallError, key: Secret, *, begun: bool) -> ProviderError:
    """Our error for one that a call met with; `begun` when there was an answer before it."""
    status = error.grpc_status_code or StatusCode.UNKNOWN
    reason = quoted(f"{status.name}: {error.message}", key)
    match status:
        case StatusCode.RESOURCE_EXHAUSTED:
            return RateLimited(provider, reason, retry_after_seconds=_retry_after(error))
        case _ if status in REFUSALS or REVOKED in reason:
            return Rejected(provider, reason)
        case StatusCode.DEADLINE_EXCEEDED:
            return Stalled(provider, reason)
        case StatusCode.UNAVAILABLE if not begun:
            return ConnectFailed(provider, reason)
        case _:
            return BrokenStream(provider, reason)


def regional(language: str) -> str:
    """A language with its region, as the services want it: "en-US" for "en"."""
    return CHINESE if language == "zh" else locale_of(language)


def _credentials(path: str) -> tuple[Credentials, str | None]:
    """The credentials in a file of any of the vendor's kinds, and their project."""
    try:
        with warnings.catch_warnings():  # of files that somebody else supplied; it is the owner's
            warnings.simplefilter("ignore", DeprecationWarning)
            found, project = google.auth.load_credentials_from_file(path, scopes=[SCOPE])
    except (GoogleAuthError, OSError, ValueError) as error:
        kind = type(error).__name__
        raise ConfigError(f"{VARIABLE} is not the path of usable credentials: {kind}") from None
    if isinstance(found, service_account.Credentials):  # they sign for themselves, and ask nobody
        found = found.with_always_use_jwt_access(True)
    return found, project


def _retry_after(error: GoogleAPICallError) -> float | None:
    """The seconds to wait that a refusal speaks of."""
    for detail in error.details:
        if isinstance(detail, RetryInfo):
            return detail.retry_delay.ToTimedelta().total_seconds()
    return None
