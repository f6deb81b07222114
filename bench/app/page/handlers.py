"""What people do on the page in, what it shows then out: one handler for each thing to do."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import gradio as gr

from bench import clock
from bench.app.failures import failures
from bench.app.page import words
from bench.app.page.chat import messages
from bench.app.page.export import Exports
from bench.app.page.latency import NOTHING, latency
from bench.app.page.visits import Visit, Visits
from bench.app.page.words import problem
from bench.metrics.turns import turns

ENDING_SECONDS = 1.0  # for the last cut-off of a conversation to settle
Handler = Callable[..., Awaitable[Any]]


class Handlers:
    """The page's handlers; all run on the loop of the sockets."""

    def __init__(self, visits: Visits) -> None:
        self.exports = Exports()
        self._visits = visits

    async def load(self, kept: object, request: gr.Request) -> list[Any]:
        """The page was opened or reloaded: the strip's start, what was said, how long it took."""
        visit = self._visits.enter(request.session_hash, kept)
        return [{"start": visit.start()}, *said(visit)]

    async def left(self, request: gr.Request) -> None:
        """The page was closed, or is being loaded again."""
        self._visits.leave(request.session_hash)

    async def turn(self, event: gr.EventData, request: gr.Request) -> list[Any]:
        """A conversation has begun, or there is more of it; the strip says which."""
        return said(self._visits.begun(request.session_hash, getattr(event, "_data", None)))

    async def over(self, request: gr.Request) -> list[Any]:
        """The conversation is over: what was cut off last may still be settling."""
        visit = self._visits.of(request.session_hash)
        if visit.session is not None:
            with contextlib.suppress(TimeoutError):
                async with clock.deadline(ENDING_SECONDS):
                    await visit.session.conversation.ended.wait()
        self._visits.renew(visit)
        return [{"start": visit.start()}, *said(visit)]

    def export(self, kind: str) -> Handler:
        """The session's file of a kind, or words when there is none."""

        async def export(request: gr.Request) -> list[Any]:
            session = self._visits.of(request.session_hash).session
            if session is None:
                return [None, problem(words.NOTHING_TO_EXPORT)]
            if kind == "audio" and session.recording is None:
                return [None, problem(words.NOT_RECORDED)]
            return [str(await self.exports.write(session, kind)), ""]

        return export


def said(visit: Visit) -> list[Any]:
    """The chat and the latency tab."""
    session = visit.session
    if session is None:
        return [[], NOTHING]
    trace = session.trace
    by_number = {turn.turn: turn for turn in turns(trace)}
    failed: dict[int, list[str]] = {}
    for turn, failure in failures(trace, session.conversation):
        failed.setdefault(turn, []).append(str(failure))
    chat = messages(session.conversation.transcript, by_number, failed)
    return [chat, latency(trace, sample_rate=session.device.sampling_rate)]
