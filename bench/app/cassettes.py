"""Conversations in, a cassette of each one's providers in a folder once it is over."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bench.engine.conversation import StreamingConversation
from bench.engine.worker import spawn
from bench.errors import ConfigError
from bench.events import ConversationEnded
from bench.providers.cassette import EVENTS, Cassette
from bench.providers.recording import record
from bench.providers.scrubbing import secrets_of
from bench.settings import Secret
from bench.trace import Entry

LONGEST_SECONDS = 3600.0  # of a conversation; what follows is not kept

Keys = Mapping[str, Secret]

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
        self, conversation: StreamingConversation, name: str, keys: Callable[[], Keys]
    ) -> None:
        """Keep what the providers of a conversation do, which has not begun; `keys` are those that
        it may use by now, by their variables."""
        cassette = Cassette(most_seconds=LONGEST_SECONDS, secrets=secrets_of(keys()))
        record(cassette, conversation)

        def happened(entry: Entry) -> None:
            if isinstance(entry.fact, ConversationEnded):
                cassette.secrets += secrets_of(keys())  # some may have been typed in meanwhile
                task = spawn(self._write(cassette, name), name=f"cassette of {name}")
                self._writing.add(task)
                task.add_done_callback(self._writing.discard)

        conversation.trace.listen(happened)

    async def close(self) -> None:
        """Wait until all are written."""
        while self._writing:
            await asyncio.wait(self._writing)

    async def _write(self, cassette: Cassette, name: str) -> None:
        """On a thread: an hour's is some hundred MB, and others are talking."""
        folder = self._free(name)
        try:
            await asyncio.to_thread(cassette.write, folder)
        except ConfigError as error:
            logger.error("there is no cassette of a conversation: %s", error)

    def _free(self, name: str) -> Path:
        """A folder that has none yet: a session may have one conversation after the other."""
        folder, number = self._folder / name, 1
        while (folder / EVENTS).exists():
            number += 1
            folder = self._folder / f"{name}-{number}"
        return folder
