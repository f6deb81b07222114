"""What native threads tell in, a queue of the loop's out: the bridge to Azure's native SDK."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import queue
import re
import threading
import weakref
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit

from azure.cognitiveservices.speech import CancellationErrorCode, EventSignal, SpeechConfig

from bench.errors import (
    BrokenStream,
    ConfigError,
    ConnectFailed,
    ProviderError,
    RateLimited,
    Rejected,
    Stalled,
)
from bench.providers.connections import HANG_UP_SECONDS, key_of, quoted
from bench.providers.locales import locale_of
from bench.settings import Secret

PROVIDER = "azure"
TICKS_PER_SECOND = 10_000_000  # of 100 ns, in which the SDK counts time
LAST_CALLBACKS_SECONDS = 0.05
DOMAIN, CHINESE_DOMAIN = "speech.microsoft.com", "speech.azure.cn"
TAKING_TEXT = "/cognitiveservices/websocket/v2"
_REGION = re.compile(r"[A-Za-z0-9-]+")
_QUIRKS = {
    "SPEECH-Error-MaxRetryCount": "0",
    "SPEECH-Error-RetryConnectionFailures": "false",
    "SpeechSynthesis_MaxRetryTimes": "0",
    # To stop is then not to wait for the service's goodbye: a dead peer's takes 10 s.
    "SPEECH-StopRecognitionTimeoutInSeconds": "0",
}
_ERRORS: Mapping[CancellationErrorCode, type[ProviderError]] = {
    CancellationErrorCode.AuthenticationFailure: Rejected,
    CancellationErrorCode.Forbidden: Rejected,
    CancellationErrorCode.BadRequest: Rejected,
    CancellationErrorCode.TooManyRequests: RateLimited,
    CancellationErrorCode.ConnectionFailure: ConnectFailed,
    CancellationErrorCode.ServiceError: ConnectFailed,
    CancellationErrorCode.ServiceUnavailable: ConnectFailed,
    CancellationErrorCode.ServiceTimeout: Stalled,
}
T = TypeVar("T")


class Events(Generic[T]):
    """Plain values on their way from native threads to the loop that makes this.

    What a callback raises would be swallowed below; here it comes out of `next`. `follow` is shown
    each value as it comes to the loop, however long it takes until it is read.
    """

    def __init__(self, size: int, follow: Callable[[T], None] | None = None) -> None:
        self._loop, self._follow = asyncio.get_running_loop(), follow
        self._queue: asyncio.Queue[T | BaseException] = asyncio.Queue(size)
        self._lost = 0

    def reading(self, read: Callable[[Any], T]) -> Callable[[Any], None]:
        """A callback for the SDK: what `read` makes of its event is posted."""

        def callback(event: Any) -> None:
            try:
                value: T | BaseException = read(event)
            except BaseException as error:  # it is raised again, on the loop
                value = error
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(self._post, value)

        return callback

    def fail(self, error: BaseException) -> None:
        """Have `next` tell of what went wrong on the loop itself."""
        self._post(error)

    async def next(self) -> T:
        """The next value.

        Raises:
            BrokenStream: something failed, or there came more than anybody read.
        """
        if self._lost and self._queue.empty():
            raise BrokenStream(PROVIDER, f"{self._lost} events came faster than they were read")
        value = await self._queue.get()
        if isinstance(value, BaseException):
            raise BrokenStream(PROVIDER, f"failed with {type(value).__name__}") from value
        return value

    def _post(self, value: T | BaseException) -> None:
        if self._lost or self._queue.full():
            self._lost += 1
        else:
            self._queue.put_nowait(value)
        if self._follow is not None and not isinstance(value, BaseException):
            self._follow(value)


class Signals:
    """The events of native objects in use. A callback into an interpreter that ends would end the
    process with it, so they are cut off before the objects go, and when the process does."""

    def __init__(self, *signals: EventSignal) -> None:
        self._signals = signals
        _IN_USE.add(self)
        if _ENDING.is_set():
            self.cut()

    def cut(self) -> None:
        """No callback comes from now on."""
        for signal in self._signals:
            signal.disconnect_all()
        self._signals = ()


_IN_USE = weakref.WeakSet[Signals]()
_ENDING = threading.Event()


@atexit.register
def _cut_all() -> None:
    _ENDING.set()
    in_use = tuple(_IN_USE)
    for signals in in_use:
        signals.cut()
    if in_use:  # a callback that has begun is let finish
        threading.Event().wait(LAST_CALLBACKS_SECONDS)


class NativeThread:
    """The one thread that makes, uses and lets go of some native objects, whose calls block.

    It does not keep the process from ending, whatever it waits for.
    """

    def __init__(self, name: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._work = queue.SimpleQueue[Callable[[], None] | None]()
        threading.Thread(target=self._run, name=name, daemon=True).start()

    async def call(self, work: Callable[[], T]) -> T:
        """What `work` returns or raises; to stop waiting for it does not stop it."""
        return await self._post(work)

    def end(self, work: Callable[[], None]) -> asyncio.Future[None]:
        """Do a last thing, and end; the future is there to wait for it, see `ended`."""

        def ending() -> None:
            with contextlib.suppress(RuntimeError):  # it is gone for good, whatever the SDK says
                work()

        done = self._post(ending)
        self._work.put(None)
        return done

    def post(self, work: Callable[[], None]) -> None:
        """Do something, which raises nothing, while nobody waits for it."""
        self._work.put(work)

    def _post(self, work: Callable[[], T]) -> asyncio.Future[T]:
        future: asyncio.Future[T] = self._loop.create_future()

        def worked() -> None:
            try:
                result = work()
            except BaseException as error:  # whoever waits gets it
                self._tell(future, None, error)
            else:
                self._tell(future, result, None)

        self._work.put(worked)
        return future

    def _tell(self, future: asyncio.Future[T], result: Any, error: BaseException | None) -> None:
        def settle() -> None:
            if future.done():  # nobody waits any more
                return
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error.with_traceback(None))  # its frames hold native objects

        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(settle)

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            work()
            del work  # or it would hold what it used until the next


async def ended(threads: Iterable[asyncio.Future[None]]) -> None:
    """Wait, within the bound, for threads that were told to end; the late are left alone."""
    if late := [thread for thread in threads if not thread.done()]:
        await asyncio.wait(late, timeout=HANG_UP_SECONDS)


class Subscription:
    """Where an agent config says the service is, and as whom to ask: `azure_url`, or a region.

    Raises:
        ConfigError: there is no key, or neither an address nor a usable region.
    """

    def __init__(self, agent_config: Mapping[str, Any]) -> None:
        self.key = key_of(agent_config, "AZURE_SPEECH_KEY", PROVIDER)
        self.locale = locale_of(agent_config.get("language") or "en")
        self._url: str | None = agent_config.get("azure_url")
        self._region = Secret("")
        if self._url is None:
            self._region = key_of(agent_config, "AZURE_SPEECH_REGION", PROVIDER)
            if not _REGION.fullmatch(self._region.reveal()):  # the key goes to where it names
                raise ConfigError(f"{PROVIDER}: AZURE_SPEECH_REGION is no region, such as westus")

    def service(self, *, takes_text: bool = False) -> SpeechConfig:
        """The SDK's own configuration, without its retries; `takes_text` is that of the voices
        which are given a text while it is written.

        Raises:
            ConfigError: the SDK takes no such region or address.
        """
        key = self.key.reveal()
        url = self._taking_text() if takes_text else self._url
        try:
            if url is None:
                config = SpeechConfig(subscription=key, region=self._region.reveal())
            elif urlsplit(url).path.strip("/"):
                config = SpeechConfig(subscription=key, endpoint=url)
            else:  # the SDK fills in a path for each role
                config = SpeechConfig(subscription=key, host=url.rstrip("/"))
        except (RuntimeError, ValueError):
            raise ConfigError(f"{PROVIDER}: not a region or an address of the service") from None
        for name, value in _QUIRKS.items():
            config.set_property_by_name(name, value)
        return config

    def _taking_text(self) -> str:
        """The address of version 2 of the voices' protocol, of which the SDK knows none."""
        if self._url is None:
            region = self._region.reveal()
            domain = CHINESE_DOMAIN if region.startswith("china") else DOMAIN
            return f"wss://{region}.tts.{domain}{TAKING_TEXT}"
        path = urlsplit(self._url).path.rstrip("/")
        if not path:
            return self._url.rstrip("/") + TAKING_TEXT
        return re.sub(r"/v1(?=/?$)", "/v2", self._url)


def failure(
    code: CancellationErrorCode, details: str, key: Secret, *, begun: bool
) -> ProviderError:
    """Our error for a cancellation; `begun` says that the service had answered before."""
    kind = _ERRORS.get(code, BrokenStream)
    if begun and kind is ConnectFailed:
        kind = BrokenStream
    said = re.split(r"\n| SessionId:| USP state:", details, maxsplit=1)[0]
    return kind(PROVIDER, f"{code.name}: {quoted(said, key)}")


def native(error: RuntimeError) -> str:
    """What is wrong, of an SDK error that goes on with the stack of its library."""
    return (str(error).strip().splitlines() or [""])[-1]
