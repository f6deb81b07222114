"""What people do on the page in, what it shows then out: one handler for each thing to do."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Sequence
from html import escape
from typing import Any

import gradio as gr

from bench import clock
from bench.app.page import words
from bench.app.page.chat import messages
from bench.app.page.controls import Control, shown, state_in_words
from bench.app.page.export import Exports
from bench.app.page.latency import NOTHING, latency
from bench.app.page.preview import MOST_LETTERS, player, spoken
from bench.app.page.visits import Visit, Visits, defaults
from bench.app.registry import SessionRegistry
from bench.assembly import Settings, assemble_synthesizer
from bench.engine.synthesizer import BaseSynthesizer
from bench.errors import ConfigError, TalkbenchError, redacted
from bench.metrics.turns import turns
from bench.providers.handler import ROLES, ProviderState

ENDING_SECONDS = 1.0  # for the last cut-off of a conversation to settle
Voice = Callable[[dict[str, Any]], BaseSynthesizer]
Handler = Callable[..., Awaitable[Any]]


class Handlers:
    """The page's handlers; all run on the loop of the sockets.

    `voice` makes the synthesizer for previews of what a tab asks for.
    """

    def __init__(
        self,
        sessions: SessionRegistry,
        base: Settings,
        states: Sequence[ProviderState],
        voice: Voice | None = None,
    ) -> None:
        self.base = base
        self.states = states
        self.exports = Exports()
        self._visits = Visits(sessions, base)
        self._voice = voice or (lambda asked: assemble_synthesizer(asked, base=base))

    def visit(self, request: gr.Request) -> Visit:
        """Whose request that is, also after a reload of the page."""
        return self._visits.of(request.session_hash)

    def load(self, controls: Sequence[Control]) -> Handler:
        """The page was opened or reloaded: everything it shows."""

        async def load(kept: object, request: gr.Request) -> list[Any]:
            visit = self._visits.enter(request.session_hash, kept)
            values = defaults(self.base, visit.asked)
            settings = [shown(control, values) for control in controls]
            return [{"start": visit.start()}, *_said(visit), *settings]

        return load

    async def turn(self, event: gr.EventData, request: gr.Request) -> list[Any]:
        """A turn is over; the strip says of which session."""
        return _said(self._visits.enter(request.session_hash, getattr(event, "_data", None)))

    async def over(self, request: gr.Request) -> list[Any]:
        """The conversation is over: what was cut off last may still be settling."""
        visit = self._visits.of(request.session_hash)
        if visit.session is not None:
            with contextlib.suppress(TimeoutError):
                async with clock.deadline(ENDING_SECONDS):
                    await visit.session.conversation.ended.wait()
        self._visits.renew(visit)
        return [{"start": visit.start()}, *_said(visit)]

    def change(self, control: Control) -> Handler:
        """A control was changed: the strip's start, the control itself, what to say about it."""

        async def change(value: Any, request: gr.Request) -> list[Any]:
            visit = self._visits.of(request.session_hash)
            before = shown(control, defaults(self.base, visit.asked))
            if value == before:
                return [gr.skip(), gr.skip(), gr.skip()]
            try:
                self._refuse_what_is_not_ready(control.name, value)
                visit.ask(**{control.name: value})
            except ConfigError as error:
                return [gr.skip(), before, _problem(str(error))]
            return [{"start": visit.start()}, gr.skip(), control.applies]

        return change

    async def preview(self, text: str, request: gr.Request) -> str:
        """How the chosen voice says the text; empty text was spoken by the conversation."""
        text = " ".join((text or "").split())
        if not text:
            return ""
        if len(text) > MOST_LETTERS:
            return _problem(words.TOO_LONG_TO_SAY.format(most=MOST_LETTERS))
        try:
            voice = self._voice(self._visits.of(request.session_hash).asked)
            return player(await spoken(voice, text), text)
        except TimeoutError:
            return _problem(words.PREVIEW_FAILED.format(why="it took too long"))
        except TalkbenchError as error:
            return _problem(words.PREVIEW_FAILED.format(why=redacted(str(error))))

    def export(self, kind: str) -> Handler:
        """The session's file of a kind, or words when there is none."""

        async def export(request: gr.Request) -> list[Any]:
            session = self._visits.of(request.session_hash).session
            if session is None:
                return [None, _problem(words.NOTHING_TO_EXPORT)]
            if kind == "audio" and session.recording is None:
                return [None, _problem(words.NOT_RECORDED)]
            return [str(await self.exports.write(session, kind)), ""]

        return export

    def _refuse_what_is_not_ready(self, name: str, value: object) -> None:
        for role, (setting, _, word) in ROLES.items():
            rows = [s for s in self.states if s.provider.role == role and s.provider.key == value]
            if name == setting and rows and rows[0].remedy:
                state = rows[0]
                label, why = state.provider.label, state_in_words(state)
                raise ConfigError(f"{label} cannot be the {word} now: {why}. {state.remedy}.")


def _said(visit: Visit) -> list[Any]:
    """The chat and the latency tab."""
    session = visit.session
    if session is None:
        return [[], NOTHING]
    trace = session.trace
    by_number = {turn.turn: turn for turn in turns(trace)}
    chat = messages(session.conversation.transcript, by_number)
    return [chat, latency(trace, sample_rate=session.device.sampling_rate)]


def _problem(text: str) -> str:
    return f'<p class="tb-problem" role="alert">{escape(text)}</p>'
