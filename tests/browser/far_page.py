"""The whole application on a real port, its engines replaced by parts that say what a test says."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import uvicorn
from fastapi import FastAPI

from bench import clock
from bench.app.page.mount import mount_page
from bench.app.serve import bind
from bench.app.server import create_app
from bench.app.session import SessionRequest
from bench.assembly import read_request
from bench.config import Config
from bench.engine.conversation import StreamingConversation
from bench.engine.settings import ConversationSettings
from bench.engine.synthesizer import BaseSynthesizer
from bench.providers.handler import provider_states
from bench.settings import AppSettings, ProviderSettings, Secret
from bench.testing import ScriptedAgent, ScriptedTranscriber, ToneSynthesizer
from tests.browser.drive import PATIENCE_SECONDS

BASE = Config(AppSettings(), ConversationSettings(idle_seconds=None), ProviderSettings())
ANSWER = "We are open from nine."
LONG_ANSWER = (
    "We are open from nine to five. The kitchen closes at four. In summer the garden is open too, "
    "and whoever comes early finds a table there."
)


class Voice(ToneSynthesizer):
    """Tones at the pace of the speed that was asked for."""

    def __init__(self, asked: Mapping[str, Any]) -> None:
        self.asked = dict(asked)
        super().__init__(seconds_per_word=0.25 / (asked.get("speed") or 1.0))


class FarPage:
    """Serves the page; `conversation()` waits for the next one that it begins. `keys` are the
    owner's, by their variables: their providers can be chosen, and are never spoken to."""

    def __init__(self, **keys: str) -> None:
        self.conversations: list[StreamingConversation] = []
        self.previews: list[Voice] = []
        self.parts: dict[str, Any] = {}  # of the conversations to come, in place of the usual ones
        self.taken = 0
        self._arrived = threading.Condition()
        self._listener = bind("127.0.0.1", 0)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/"
        app = create_app(self._assemble, changes=self._changes)
        self.sessions = app.state.sessions
        base = replace(BASE, keys={name: Secret(key) for name, key in keys.items()})
        self._app = mount_page(app, base, states=provider_states(base.keys), voice=self._voice)
        self._server = _server(self._app)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        self._server.should_exit = True
        self._thread.join()

    def conversation(self) -> StreamingConversation:
        """The next conversation, once a page has begun it."""
        with self._arrived:
            if not self._arrived.wait_for(
                lambda: len(self.conversations) > self.taken, PATIENCE_SECONDS
            ):
                raise AssertionError("the page began no conversation")
            self.taken += 1
            return self.conversations[self.taken - 1]

    def hear(self, conversation: StreamingConversation, text: str, answer: str = ANSWER) -> None:
        """Let the recogniser hear a whole turn, to which the agent answers this."""
        transcriber, agent = conversation.transcriber, conversation.agent
        assert isinstance(transcriber, ScriptedTranscriber)
        assert isinstance(agent, ScriptedAgent)

        def heard() -> None:
            agent.lines[:] = [answer]
            transcriber.hear(text)

        self.do(heard)

    def do(self, what: Callable[[], object]) -> None:
        """Do something on the server's loop."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(what)

    def _serve(self) -> None:
        async def run() -> None:
            self._loop = asyncio.get_running_loop()
            await self._server.serve([self._listener])

        with self._listener:
            clock.run(run())

    def _assemble(self, request: SessionRequest) -> StreamingConversation:
        asked = read_request(request.settings, BASE)
        settings = {name: getattr(BASE.conversation, name) for name in ConversationSettings.names()}
        parts: dict[str, Any] = {
            "transcriber": ScriptedTranscriber(),
            "agent": ScriptedAgent([ANSWER], think_seconds=0.05, word_seconds=0.01),
            "synthesizer": Voice(request.settings),
        }
        conversation = StreamingConversation(
            output_device=request.device,
            conversation_id=request.id,
            **parts | self.parts | settings | dict(asked.changes),
        )
        with self._arrived:
            self.conversations.append(conversation)
            self._arrived.notify_all()
        return conversation

    def _changes(self, request: SessionRequest) -> Mapping[str, Any]:
        asked = read_request(request.settings, BASE)
        return {**asked.changes, "synthesizer": Voice(request.settings)}

    def _voice(self, asked: Mapping[str, Any]) -> BaseSynthesizer:
        voice = Voice(asked)
        self.previews.append(voice)
        return voice


def _server(app: FastAPI) -> uvicorn.Server:
    return uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
