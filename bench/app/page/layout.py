"""Handlers in, a Gradio page out: what stands where, and what calls what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from bench.app.page import words
from bench.app.page.bars import STAGE_NAMES, legend
from bench.app.page.export import KINDS
from bench.app.page.handlers import Handlers
from bench.app.page.latency import NOTHING
from bench.app.page.replay_tab import replay_tab
from bench.app.page.replay_tab_handlers import ReplayHandlers
from bench.app.page.settings_tab import settings_tab
from bench.app.page.settings_tab_handlers import SettingsHandlers
from bench.app.page.voices_tab import voices_tab
from bench.app.page.voices_tab_handlers import VoicesHandlers

STATIC = Path(__file__).parents[1] / "static"
CACHE_SECONDS = 3600  # an export's copy is looked after so often, and kept so long

# Gradio reads the names of our events, in quotes, from this text.
ON_LOAD = """
const folder = location.pathname.replace(/gradio\\/?$/, 'static/');
import(new URL(folder + 'page.js', location.origin)).then(({ attach }) => attach(element, {
  start: () => props.value.start,
  turn: (data) => trigger('turn', data),
  over: () => trigger('over', {}),
}));
"""
KEPT_TICKET = """async () => {
  const folder = location.pathname.replace(/gradio\\/?$/, 'static/');
  const { keptTicket } = await import(new URL(folder + 'session.js', location.origin));
  return keptTicket();
}"""
TAKE_THE_FILE = "() => setTimeout(() => document.querySelector('#download-{kind}').click(), 50)"

# Handlers are the page's own: no API, no spinner, no waiting for one another.
QUIETLY: dict[str, Any] = {
    "api_visibility": "private",
    "concurrency_limit": None,
    "show_progress": "hidden",
}


def build(
    handlers: Handlers,
    settings: SettingsHandlers,
    replays: ReplayHandlers,
    voices: VoicesHandlers,
) -> gr.Blocks:
    """The page, to be mounted."""
    with gr.Blocks(
        title="Talkbench",
        analytics_enabled=False,
        fill_width=True,
        delete_cache=(CACHE_SECONDS, CACHE_SECONDS),
    ) as page:
        gr.HTML(words.HEADER, elem_id="header")
        strip = _strip()
        with gr.Tabs():
            with gr.Tab("Conversation"):
                chat = _conversation()
            with gr.Tab("Latency"):
                latency = gr.HTML(NOTHING, apply_default_css=False, elem_id="latency")
            replay_tab(page, replays)
            voices_tab(page, voices, QUIETLY)
            settings_tab(page, settings, strip, KEPT_TICKET, QUIETLY)
            with gr.Tab("Export"):
                _exports(handlers)
        said = [chat, latency]
        # Not "always_last": what waits is sent with the data of the event that it waited for.
        strip.turn(handlers.turn, None, said, trigger_mode="multiple", **QUIETLY)
        strip.over(handlers.over, None, [strip, *said], trigger_mode="always_last", **QUIETLY)
        page.load(handlers.load, strip, [strip, *said], js=KEPT_TICKET, **QUIETLY)
        page.unload(handlers.left)  # after those of the tabs: it forgets whose page it was
    return page


def _strip() -> gr.HTML:
    return gr.HTML(
        {"start": {}},
        html_template=(STATIC / "voice-strip.html").read_text("utf-8"),
        css_template=(STATIC / "voice-strip.css").read_text("utf-8"),
        js_on_load=ON_LOAD,
        apply_default_css=False,
        container=True,
        padding=True,
        elem_id="voice",
    )


def _conversation() -> gr.Chatbot:
    with gr.Row():
        with gr.Column(scale=3, min_width=320):
            chat = gr.Chatbot(
                height="60vh",
                show_label=False,
                label="Conversation",
                buttons=[],
                feedback_options=None,
                placeholder=words.EMPTY_CHAT,
                layout="bubble",
                elem_id="chat",
            )
            gr.HTML(legend(STAGE_NAMES), elem_classes="tb-words")
        with gr.Column(scale=1, min_width=260):
            gr.HTML(words.SAY, elem_classes="tb-words")
            gr.HTML(words.UNDERSTANDS, elem_classes="tb-words")
    return chat


def _exports(handlers: Handlers) -> None:
    gr.HTML(
        "<p>Of the conversation that is on, or the last one. In the recording you are on the left, "
        "and what your loudspeaker played is on the right.</p>",
        elem_classes="tb-words",
    )
    told = gr.HTML("", elem_classes="tb-words", elem_id="export-told")
    with gr.Row():
        for kind, (label, _) in KINDS.items():
            button = gr.Button(label, elem_id=f"export-{kind}")
            file = gr.DownloadButton(elem_id=f"download-{kind}", visible="hidden")
            done = button.click(handlers.export(kind), None, [file, told], **QUIETLY)
            done.success(
                None, None, None, js=TAKE_THE_FILE.format(kind=kind), api_visibility="private"
            )
