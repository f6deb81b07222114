"""An application with sessions in, the same with its page out."""

from __future__ import annotations

import asyncio
import hmac
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

import gradio as gr
from fastapi import FastAPI
from gradio.themes import Base
from starlette.responses import FileResponse, RedirectResponse

from bench import clock
from bench.app.keys import KeyRings
from bench.app.page.handlers import Handlers
from bench.app.page.layout import STATIC, build
from bench.app.page.replay_tab_handlers import ReplayHandlers
from bench.app.page.replay_tab_jobs import Replays
from bench.app.page.replay_tab_library import Library
from bench.app.page.replay_tab_route import add_replays
from bench.app.page.settings_tab_handlers import SettingsHandlers, Voice
from bench.app.page.visits import Visits
from bench.app.page.voices_tab_handlers import Voices, VoicesHandlers
from bench.app.page.voices_tab_route import add_voices
from bench.assembly import Settings, settings
from bench.providers.handler import ProviderState, provider_states

PATH = "/gradio"
STYLES = ("page.css", "replay-tab.css", "voices-tab.css")


def mount_page(
    app: FastAPI,
    base: Settings | None = None,
    *,
    states: Sequence[ProviderState] | None = None,
    voice: Voice | None = None,
    keys: KeyRings | None = None,
    password: str | None = None,
    scenarios: Path | None = None,
) -> FastAPI:
    """Put the page on an application of `server.create_app`, at `/gradio`; `/` leads there.

    `base` are the settings that tabs start from (those of the process), `states` the providers they
    may choose, `voice` makes the synthesizer of previews, `keys` are those that tabs give for their
    conversations. Whoever reaches the page may talk, since
    the tickets that it gives out open the socket's door: `password`, asked for under any name,
    keeps the page itself. `scenarios` is the folder of those that can be replayed (`scenarios`
    in the working directory, else that of the checkout).
    """
    base = settings() if base is None else base
    if states is None:
        states = provider_states(base.keys, asdict(base.providers) | base.services.chosen())
    visits = Visits(app.state.sessions, base, keys)
    app.state.sessions.settled = visits.settled
    handlers = Handlers(visits)
    settling = SettingsHandlers(visits, base, states, voice)
    replays = Replays()
    add_replays(app, replays)
    voices = Voices()
    add_voices(app, voices)
    comparing = VoicesHandlers(voices, settling, handlers.exports)
    replaying = ReplayHandlers(replays, Library(scenarios), settling.visit)

    @app.get("/", include_in_schema=False)
    async def to_the_page() -> RedirectResponse:
        # Relative: the application may be served below a path.
        return RedirectResponse(PATH.removeprefix("/"))

    @app.get("/favicon.ico", include_in_schema=False)
    async def icon() -> FileResponse:  # browsers ask for it at the root, whatever the page says
        return FileResponse(STATIC / "icon.svg", media_type="image/svg+xml")

    theme = Base(
        primary_hue="blue",
        neutral_hue="slate",
        font=["system-ui", "sans-serif"],
        font_mono=["ui-monospace", "monospace"],
    )

    def mounted() -> gr.Blocks:
        page = build(handlers, settling, replaying, comparing)
        gr.mount_gradio_app(
            app,
            page,
            path=PATH,
            theme=theme,
            # As `css` Gradio would put every rule below its own container.
            head=f"<style>{''.join((STATIC / css).read_text('utf-8') for css in STYLES)}</style>",
            footer_links=[],
            run_history=False,
            mcp_server=False,
            show_error=True,
            auth=None if password is None else partial(_knows, password),
            auth_message="Any name will do; the server was given the password, or printed it.",
        )
        return page

    page = _on_a_loop(mounted)
    # Gradio sums up all its events with pandas after each one, and holds the interpreter meanwhile.
    page._queue.ANAYLTICS_CACHE_FREQUENCY = sys.maxsize
    return app


def _knows(password: str, name: str, given: str) -> bool:
    return hmac.compare_digest(password.encode(), given.encode())


def _on_a_loop(make: Callable[[], gr.Blocks]) -> gr.Blocks:
    """Call `make` where a loop runs: where none does, Gradio leaves one of its own behind."""

    async def made() -> gr.Blocks:
        return make()

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return clock.run(made())
    return make()
