"""The bench as it is served, engines and all, and people who call it from a browser."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple, TypeVar

import uvicorn
from fastapi import FastAPI
from playwright.sync_api import Browser
from uvicorn.protocols.websockets.auto import AutoWebSocketsProtocol

from bench import assembly, clock
from bench.app import serve
from bench.app.registry import SessionRegistry
from bench.app.session import Session
from bench.config import Config
from bench.engine.output import Utterance
from bench.engine.settings import ConversationSettings
from bench.events import Fact, PlaybackFinished, PlaybackStarted, TurnCommitted, Word
from bench.providers import embedded
from bench.settings import AppSettings, ProviderSettings
from tests.browser.drive import PATIENCE_SECONDS, Tab, tab

RATE = 48_000  # of everything here: then what is sent and what sounds compare sample by sample
BASE = Config(
    AppSettings(),
    ConversationSettings(idle_seconds=None, greeting="Hello."),
    ProviderSettings(),
)

T = TypeVar("T")
F = TypeVar("F", bound=Fact)

LOADED = "window.talkbench?.start().session"  # Gradio has sent the page its ticket

# The session runs at the context's rate, and what crosses the socket is kept.
LISTEN_IN = """(rate) => {
  const { strip } = window.talkbench;
  const { start, onEvent } = strip.options;
  window.told = [];
  strip.options = {
    ...strip.options,
    start: async () => ({ ...await start(), sample_rate: rate }),
    onEvent: (event, from) => {
      if (event.kind !== 'level') window.told.push(event);
      onEvent(event, from);
    },
  };
}"""


class Speech(NamedTuple):
    """What the engine says of a text at `RATE`."""

    pcm: bytes
    words: tuple[Word, ...]


def until(condition: Callable[[], object], what: str, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait for a condition; AssertionError when it does not come about in time."""
    by = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > by:
            raise AssertionError(f"no {what} within {seconds} s")
        time.sleep(0.02)


def server(app: Any) -> uvicorn.Server:
    """As the command serves it."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            ws_max_size=serve.LARGEST_FRAME,
            timeout_graceful_shutdown=serve.SHUTDOWN_SECONDS,
        )
    )


class LiveBench:
    """The whole application with its real engines, on a free port, in a thread of this process;
    `base` are the owner's settings, `around` what the application is put into."""

    def __init__(
        self,
        base: Config[ConversationSettings] = BASE,
        around: Callable[[FastAPI], Any] = lambda app: app,
    ) -> None:
        self.base, self._around = base, around
        self._listener = serve.bind("127.0.0.1", 0)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/"
        self.sessions: SessionRegistry
        self._server: uvicorn.Server | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        until(lambda: not self._thread.is_alive() or self._is_up(), "server")
        self.speech = cache(self._speech)

    def close(self) -> None:
        assert self._server is not None
        self._server.should_exit = True
        self._thread.join()

    def do(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run on the server's loop."""
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(PATIENCE_SECONDS)

    def session(self, id: str) -> Session:
        """The session of that name, once it runs."""

        async def find() -> Session | None:
            return self.sessions.find(id)

        until(lambda: (found := self.do(find())) and found.started, f"session {id}")
        session = self.do(find())
        assert session is not None
        return session

    def lose_sockets(self) -> None:
        """Cut every WebSocket off without a goodbye, as a network does."""

        async def lose() -> None:
            assert self._server is not None
            for connection in tuple(self._server.server_state.connections):
                if isinstance(connection, AutoWebSocketsProtocol):
                    connection.transport.abort()

        self.do(lose())

    def _is_up(self) -> bool:
        return self._server is not None and self._server.started

    def _serve(self) -> None:
        async def run() -> None:
            self._loop = asyncio.get_running_loop()
            await assembly.warm_up(self.base)
            app = serve.build(self.base)
            self.sessions = app.state.sessions
            self._server = server(self._around(app))
            await self._server.serve([self._listener])

        try:
            with self._listener:
                clock.run(run())
        finally:
            assembly.cool_down()

    def _speech(self, text: str) -> Speech:
        async def speak() -> Speech:
            pieces = [piece async for piece in embedded.espeak().speak(text, sample_rate=RATE)]
            return Speech(
                b"".join(piece.pcm for piece in pieces),
                tuple(word for piece in pieces for word in piece.words),
            )

        return self.do(speak())


class Caller:
    """A person at the page, and the session that the server keeps for them."""

    def __init__(self, bench: LiveBench, page: Tab) -> None:
        self.bench = bench
        self.page = page
        self.sent: dict[int, bytearray] = {}  # PCM by utterance, of all after the greeting
        self.sent_at: dict[int, float] = {}  # the first of it, seconds since the epoch
        page.wait(LOADED, PATIENCE_SECONDS)
        page.evaluate(LISTEN_IN, RATE)

    def call(self) -> None:
        """Press Start, and hear the greeting to its end."""
        self.page.talk()
        self.page.wait("talkbench.strip.open", PATIENCE_SECONDS)
        self.session = self.bench.session(self.told("message", type="ready")[0]["session"])
        self.wait(PlaybackFinished)
        self.bench.do(self._listen_in())
        self.greeted = len(self.page.recording().samples)

    def say(self, text: str) -> None:
        """Say it; returns when it has been said."""
        self.page.speak(self.bench.speech(text).pcm, RATE)

    def of(self, kind: type[F]) -> list[F]:
        return self.session.trace.of(kind)

    def wait(self, kind: type[F], after: int = 0, **fields: Any) -> F:
        """The first such fact behind `after` entries of the trace, once there is one."""

        def found() -> F | None:
            for _, fact in self.session.trace.entries[after:]:
                if isinstance(fact, kind) and all(getattr(fact, k) == v for k, v in fields.items()):
                    return fact
            return None

        try:
            until(found, f"{kind.__name__} {fields}")
        except AssertionError as error:
            newest = "\n".join(list(self.session.trace.lines())[-90:])
            raise AssertionError(f"{error}; the trace ends with\n{newest}") from None
        fact = found()
        assert fact is not None
        return fact

    @property
    def now(self) -> int:
        """How long the trace is."""
        return len(self.session.trace)

    def ask(self, text: str) -> Utterance:
        """Say it and wait until the answer sounds; the answer's entry in the ledger."""
        before = self.now
        self.say(text)
        self.wait(TurnCommitted, before, text=text)
        started = self.wait(PlaybackStarted, before)
        return self.utterance(started.utterance)

    def utterance(self, id: int) -> Utterance:
        """An entry of the ledger, one of the last sixteen."""
        found = self.session.device.ledger.find(id)
        assert found is not None
        return found

    def plays(self, utterance: Utterance, seconds: float) -> None:
        """Wait until so much of it was played."""
        until(lambda: utterance.played >= seconds * RATE, f"{seconds} s of an answer")

    def told(self, kind: str, **fields: Any) -> list[dict[str, Any]]:
        """What crossed the socket since the page was opened: `message` down, `report` up."""
        events: list[dict[str, Any]] = self.page.evaluate(
            "(kind) => told.filter((event) => event.kind === kind)", kind
        )
        found = [event.get(kind, event) for event in events]
        return [each for each in found if fields.items() <= each.items()]

    async def _listen_in(self) -> None:
        device = self.session.device
        record = device.on_sent

        def sent(utterance: Utterance, chunk: bytes) -> None:
            self.sent_at.setdefault(utterance.id, time.time())
            self.sent.setdefault(utterance.id, bytearray()).extend(chunk)
            if record is not None:
                record(utterance, chunk)

        device.on_sent = sent


@contextmanager
def caller(
    chrome: Browser, bench: LiveBench, *, complains: tuple[str, ...] = ("uncaught", "error")
) -> Iterator[Caller]:
    """A caller whose page has nothing to complain of when it is closed."""
    with tab(chrome, f"{bench.url}gradio/", kit={"contextRate": RATE}) as page:
        yield Caller(bench, page)
        assert page.complaints(complains) == []
