"""Handlers in, the voices tab out: a sentence, voices to say it, two of them heard blind."""

from __future__ import annotations

from typing import Any

import gradio as gr

from bench.app.page.voices_tab_handlers import ANYTHING, KINDS, LONGEST, MOST_VOICES, VoicesHandlers
from bench.app.page.voices_tab_shown import NOT_BLIND_YET, NOTHING
from bench.app.page.voices_tab_votes import VOTES
from bench.speech.espeak import VOICES

TRY_THIS = "We are open from nine to five, and the kitchen closes at four."
ABOUT = (
    "<p>One sentence, several voices side by side, each at its usual pace, and each with what it "
    "costs by the list price. The time to the first audible sound is as a listener has it, silence "
    "at the start included; the real-time factor is the time that the speech took to come over the "
    "time it plays.</p>"
)
AT_FIRST = ("embedded/en-us+klatt", "embedded/en-gb")
FREE = f"{MOST_VOICES} at most; any other of a vendor’s as provider/voice, or provider/voice@model"
VOTE_LABELS = {"A": "A is better", "B": "B is better", "no difference": "No difference"}
PLAY = """
const folder = location.pathname.replace(/gradio\\/?$/, 'static/');
import(new URL(folder + 'voices-tab.js', location.origin)).then(({ attach }) => attach(element));
"""
TAKE_THE_FILE = "() => setTimeout(() => document.querySelector('#votes-file-{kind}').click(), 50)"


def voices_tab(page: gr.Blocks, handlers: VoicesHandlers, quietly: dict[str, Any]) -> None:
    """Put the tab where the page is being built."""
    with gr.Tab("Voices") as tab:
        gr.HTML(ABOUT, elem_classes="tb-words")
        with gr.Row():
            with gr.Column(scale=3, min_width=300):
                chosen = gr.Dropdown(
                    [(voice.label, f"embedded/{voice.name}") for voice in VOICES],
                    value=list(AT_FIRST),
                    multiselect=True,
                    max_choices=MOST_VOICES,
                    allow_custom_value=True,
                    label="Voices",
                    info=FREE,
                    elem_id="voices-chosen",
                )
            with gr.Column(scale=2, min_width=260):
                text = gr.Textbox(
                    TRY_THIS, label="Sentence", lines=2, max_lines=6, max_length=LONGEST
                )
        with gr.Row():
            run = gr.Button("Compare", variant="primary", elem_id="voices-run", min_width=100)
            stop = gr.Button("Stop", interactive=False, elem_id="voices-stop", min_width=100)
        rows = gr.HTML(NOTHING, js_on_load=PLAY, apply_default_css=False, elem_id="voices-results")
        pair, voting = _blind(handlers, quietly)
    tab.select(handlers.opened, None, [chosen, rows, *pair, *voting], **quietly)
    run.click(handlers.compare, [chosen, text], [rows, run, stop, *pair, *voting], **quietly)
    stop.click(handlers.stop, None, None, **quietly)
    page.unload(handlers.stop)


def _blind(handlers: VoicesHandlers, quietly: dict[str, Any]) -> tuple[list[Any], list[Any]]:
    """What chooses a pair; and what shows it, counts the votes and takes them."""
    gr.HTML("<h3>Blind: A or B?</h3>", elem_classes="tb-words")
    with gr.Row():
        first, second = (
            gr.Dropdown([ANYTHING], value=ANYTHING[1], label=label, filterable=False, min_width=180)
            for label in ("One of the two", "The other")
        )
        listen = gr.Button("Listen blind", interactive=False, elem_id="voices-blind", min_width=140)
    heard = gr.HTML(
        NOT_BLIND_YET,
        js_on_load=PLAY,
        apply_default_css=False,
        elem_id="voices-trial",
        elem_classes="tb-words",
    )
    with gr.Row():
        votes = [
            gr.Button(
                VOTE_LABELS[vote],
                interactive=False,
                elem_id=f"vote-{vote.split()[0].lower()}",
                min_width=100,
            )
            for vote in VOTES
        ]
    counted = gr.HTML("", apply_default_css=False, elem_id="voices-tally", elem_classes="tb-words")
    told = gr.HTML("", elem_id="votes-told", elem_classes="tb-words")
    _exports(handlers, told, quietly)
    voting = [heard, counted, *votes, told]
    listen.click(handlers.listen, [first, second], voting, **quietly)
    for vote, button in zip(VOTES, votes, strict=True):
        button.click(handlers.vote(vote), None, voting, **quietly)
    return [first, second, listen], voting


def _exports(handlers: VoicesHandlers, told: gr.HTML, quietly: dict[str, Any]) -> None:
    with gr.Row():
        for kind, label in KINDS.items():
            button = gr.Button(label, size="sm", elem_id=f"votes-{kind}", min_width=100)
            file = gr.DownloadButton(elem_id=f"votes-file-{kind}", visible="hidden")
            done = button.click(handlers.export(kind), None, [file, told], **quietly)
            done.success(
                None, None, None, js=TAKE_THE_FILE.format(kind=kind), api_visibility="private"
            )
