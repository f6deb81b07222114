"""Conversations in, a cassette of each one's providers in a folder once it is over."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bench.engine.conversation import StreamingConversation
from bench.engine.worker import spawn
from bench.errors import ConfigError
from bench.events import ConversationEnded
from bench.providers.cassette import EVENTS, Cassette
from bench.providers.recording import record
from bench.settings import Secret
from bench.trace import Entry

LONGEST_SECONDS = 3600.0  # of a conversation; what follows is not kept

logger = logging.getLogger(__name__)


class Cassettes:
    """The folder where each conversation's cassette is kept, below the name of its session.

    Nobody's key stands in one: neither the owner's nor one that was typed in.

    Raises:
        ConfigError: it cannot be written there.
    """

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"cassettes: {folder}: {error.strerror}") from None
        self._folder = folder
        self._writing: set[asyncio.Task[Any]] = set()

    def keep(
        self, conversation: StreamingConversation, name: str, secrets: Iterable[Secret]
    ) -> None:
        """Keep what the providers of a conversation do, which has not begun."""
        cassette, hidden = Cassette(most_seconds=LONGEST_SECONDS), tuple(secrets)
        parts = conversation.transcriber, conversation.agent, conversation.synthesizer
        record(cassette, *parts)

        def happened(entry: Entry) -> None:
            if isinstance(entry.fact, ConversationEnded):
                task = spawn(self._write(cassette, name, hidden), name=f"cassette of {name}")
                self._writing.add(task)
                task.add_done_callback(self._writing.discard)

        conversation.trace.listen(happened)

    async def close(self) -> None:
        """Wait until all are written."""
        while self._writing:
            await asyncio.wait(self._writing)

    async def _write(self, cassette: Cassette, name: str, secrets: tuple[Secret, ...]) -> None:
        """On a thread: an hour's is some hundred MB, and others are talking."""
        folder = self._free(name)
        try:
            await asyncio.to_thread(cassette.write, folder, secrets)
        except OSError as error:
            logger.error("%s: no cassette of this conversation: %s", folder, error.strerror)

    def _free(self, name: str) -> Path:
        """A folder that has none yet: a session may have one conversation after the other."""
        folder, number = self._folder / name, 1
        while (folder / EVENTS).exists():
            number += 1
            folder = self._folder / f"{name}-{number}"
        return folder
