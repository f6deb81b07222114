"""Handlers in, a Gradio page out: what stands where, and what calls what."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component

from bench.app.page import words
from bench.app.page.bars import STAGE_NAMES, legend
from bench.app.page.controls import (
    Control,
    answering_controls,
    listening_controls,
    provider_controls,
    providers_table,
    shown,
    voice_controls,
)
from bench.app.page.export import KINDS
from bench.app.page.handlers import Handlers
from bench.app.page.latency import NOTHING
from bench.app.page.replay_tab import replay_tab
from bench.app.page.replay_tab_handlers import ReplayHandlers
from bench.app.page.visits import defaults

STATIC = Path(__file__).parents[1] / "static"
CACHE_SECONDS = 3600  # an export's copy is looked after so often, and kept so long
TRY_THIS = "We are open from nine to five, and the kitchen closes at four."

# Gradio reads the names of our events, in quotes, from this text.
ON_LOAD = """
const folder = location.pathname.replace(/gradio\\/?$/, 'static/');
import(new URL(folder + 'page.js', location.origin)).then(({ attach }) => attach(element, {
  start: () => props.value.start,
  turn: (data) => trigger('turn', data),
  over: () => trigger('over', {}),
}));
"""
KEPT_SESSION = "() => JSON.parse(sessionStorage.getItem('talkbench.session') || 'null')"
SAY_IN_THE_CALL = "(text) => [window.talkbench?.say(text) ? '' : text]"
TAKE_THE_FILE = "() => setTimeout(() => document.querySelector('#download-{kind}').click(), 50)"

# Handlers are the page's own: no API, no spinner, no waiting for one another.
QUIETLY: dict[str, Any] = {
    "api_visibility": "private",
    "concurrency_limit": None,
    "show_progress": "hidden",
}


def build(handlers: Handlers, replays: ReplayHandlers) -> gr.Blocks:
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
            with gr.Tab("Settings"):
                controls = _settings(handlers, strip)
            with gr.Tab("Export"):
                _exports(handlers)
        said = [chat, latency]
        strip.turn(handlers.turn, None, said, trigger_mode="always_last", **QUIETLY)
        strip.over(handlers.over, None, [strip, *said], trigger_mode="always_last", **QUIETLY)
        page.load(
            handlers.load([control for control, _ in controls]),
            strip,
            [strip, *said, *(component for _, component in controls)],
            js=KEPT_SESSION,
            **QUIETLY,
        )
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


def _settings(handlers: Handlers, strip: gr.HTML) -> list[tuple[Control, Component]]:
    made: list[tuple[Control, Component]] = []
    values = defaults(handlers.base, {})
    told = gr.HTML(words.WHEN, elem_id="settings-told", elem_classes="tb-words")

    def place(controls: Sequence[Control]) -> None:
        made.extend((control, control.make(shown(control, values))) for control in controls)

    with gr.Row():
        with gr.Column(min_width=300):
            gr.HTML("<h3>Who takes part</h3>", elem_classes="tb-words")
            place(provider_controls(handlers.states))
            gr.HTML("<h3>The voice</h3>", elem_classes="tb-words")
            place(voice_controls())
            _preview(handlers)
        with gr.Column(min_width=300):
            gr.HTML("<h3>Listening</h3>", elem_classes="tb-words")
            place(listening_controls())
        with gr.Column(min_width=300):
            gr.HTML("<h3>Answering</h3>", elem_classes="tb-words")
            place(answering_controls())
            gr.HTML(f"<p>{words.ECHO_NOTE}</p>", elem_classes="tb-words")
    with gr.Accordion("All providers", open=False):
        gr.HTML(providers_table(handlers.states), apply_default_css=False)
    for control, component in made:
        component.change(  # pyright: ignore[reportAttributeAccessIssue]
            handlers.change(control),
            component,
            [strip, component, told],
            trigger_mode="always_last",
            **QUIETLY,
        )
    return made


def _preview(handlers: Handlers) -> None:
    text = gr.Textbox(TRY_THIS, label="A sentence to try it with", max_lines=3, lines=2)
    hear = gr.Button("Hear it", elem_id="hear")
    sound = gr.HTML("", elem_id="preview")
    hear.click(handlers.preview, text, sound, js=SAY_IN_THE_CALL, **QUIETLY)


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
