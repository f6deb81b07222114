"""Speech that was cut off in, what was heard of it out, once the far end has said how much."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from bench import clock
from bench.engine.playback import Playback
from bench.engine.settings import ConversationSettings
from bench.engine.transcript import Message, Transcript
from bench.engine.worker import Ending, spawn
from bench.events import CutOff, Fact, Silenced


class Settling:
    """The cut-offs whose last word is still to come.

    `on_cut` is told of each: its message and the words heard of it.
    """

    def __init__(self, transcript: Transcript, record: Callable[[Fact], None]) -> None:
        self.tasks: list[asyncio.Task[None]] = []
        self.on_cut: Callable[[Message, str], None] | None = None
        self._transcript, self._record = transcript, record

    def begin(
        self, playback: Playback, settings: ConversationSettings, *, is_awaited: bool
    ) -> None:
        """Write down what was heard: now, or when the far end's report, if one is awaited, has come
        or is too late."""
        if is_awaited:
            task = spawn(self._wait(playback, settings), name="cut-off settles")
            self.tasks = [t for t in self.tasks if not t.done()] + [task]
        else:
            self._settle(playback, settings)

    async def all_settled(self) -> None:
        """Wait until every cut-off is settled; bounded by the wait for the far end's answer."""
        if self.tasks:
            await Ending(self.tasks)

    async def _wait(self, playback: Playback, settings: ConversationSettings) -> None:
        with contextlib.suppress(TimeoutError):
            async with clock.deadline(settings.cleared_wait_seconds):
                await playback.utterance.closed.wait()
        self._settle(playback, settings)

    def _settle(self, playback: Playback, settings: ConversationSettings) -> None:
        utterance, entry, turn = playback.utterance, playback.entry, playback.turn
        utterance.close()
        if entry is None:
            return
        estimated = utterance.estimated or playback.result.is_estimated
        heard = playback.heard()
        entry.settle(heard, interrupted=True, estimated=estimated)
        if not heard:
            self._transcript.remove(entry)
        if self.on_cut is not None:
            self.on_cut(entry, heard)
        played, dropped = utterance.played, utterance.dropped
        self._record(Silenced("cleared", settings.barge_in, played, turn=turn))
        cut = CutOff(heard, entry.intended, entry.text, played, dropped, estimated, turn=turn)
        self._record(cut)
