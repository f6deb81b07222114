"""Handlers in, the settings tab out: who takes part and how, keys to type, a voice to try."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import gradio as gr
from gradio.components import Component

from bench.app.keys import TO_TYPE
from bench.app.page import words
from bench.app.page.controls import (
    Control,
    answering_controls,
    listening_controls,
    pace_controls,
    provider_controls,
)
from bench.app.page.settings_tab_handlers import SettingsHandlers
from bench.app.page.visits import defaults
from bench.providers.handler import ProviderState

TRY_THIS = "We are open from nine to five, and the kitchen closes at four."
LONGEST_KEY = 400
# Gradio takes an update without a value for "leave it".
BACK_UNLESS_CHANGED = """(now, {{ refused }}) =>
  refused?.name === '{name}' && refused.value === now ? refused.back : {{ __type__: 'update' }}"""
ON_PROVIDERS = ("transcriber_mode",)  # depend on who was chosen
SAY_IN_THE_CALL = "(text) => [window.talkbench?.say(text) ? '' : text]"

Made = list[tuple[Control, Component]]


def settings_tab(
    page: gr.Blocks, handlers: SettingsHandlers, strip: gr.HTML, kept: str, quietly: dict[str, Any]
) -> None:
    """Put the tab where the page is being built; `kept` is the script that tells which session the
    tab of the browser has kept."""
    with gr.Tab("Settings"):
        told = gr.HTML(words.WHEN, elem_id="settings-told", elem_classes="tb-words")
        made = _controls(handlers, quietly)
        keys = _keys(handlers)
        with gr.Accordion("All providers", open=False):
            table = gr.HTML("", apply_default_css=False, elem_id="providers")
    controls = [control for control, _ in made]
    everything = [table, *(component for _, component in made)]
    _on_change(handlers, made, [strip, told], quietly)
    if keys.boxes:
        again = [keys.told, *everything]
        give = handlers.give(list(keys.boxes), controls)
        boxes = list(keys.boxes.values())
        for trigger in (keys.use.click, *(box.submit for box in boxes)):
            trigger(give, boxes, [*boxes, *again], **quietly)
        keys.forget.click(handlers.forget(controls), None, again, **quietly)
    page.load(handlers.load(controls), strip, everything, js=kept, **quietly)


def _controls(handlers: SettingsHandlers, quietly: dict[str, Any]) -> Made:
    made: Made = []
    values = defaults(handlers.base, {})

    def place(controls: Sequence[Control]) -> None:
        made.extend((control, control.make(control.value(values))) for control in controls)

    ears, head, mouth = provider_controls()
    with gr.Row():
        with gr.Column(min_width=300):
            gr.HTML("<h3>Who listens</h3>", elem_classes="tb-words")
            place(ears)
            place(listening_controls())
        with gr.Column(min_width=300):
            gr.HTML("<h3>Who answers</h3>", elem_classes="tb-words")
            place(head)
            place(answering_controls())
            gr.HTML(f"<p>{words.ECHO_NOTE}</p>", elem_classes="tb-words")
        with gr.Column(min_width=300):
            gr.HTML("<h3>Who speaks</h3>", elem_classes="tb-words")
            place(mouth)
            place(pace_controls())
            _preview(handlers, quietly)
    return made


def _on_change(
    handlers: SettingsHandlers, made: Made, first: list[Component], quietly: dict[str, Any]
) -> None:
    dependent = [pair for pair in made if pair[0].offered or pair[0].name in ON_PROVIDERS]
    for control, component in made:
        beside = [pair for pair in dependent if control.offered and pair[0] is not control]
        done = component.change(  # pyright: ignore[reportAttributeAccessIssue]
            handlers.change(control, [other for other, _ in beside]),
            component,
            [*first, *(other for _, other in beside)],
            trigger_mode="always_last",
            **quietly,
        )
        back = BACK_UNLESS_CHANGED.format(name=control.name)
        done.then(None, [component, first[0]], component, js=back, api_visibility="private")


def _preview(handlers: SettingsHandlers, quietly: dict[str, Any]) -> None:
    text = gr.Textbox(TRY_THIS, label="A sentence to try it with", max_lines=3, lines=2)
    hear = gr.Button("Hear it", elem_id="hear")
    sound = gr.HTML("", elem_id="preview")
    hear.click(handlers.preview, text, sound, js=SAY_IN_THE_CALL, **quietly)


class _Keys(NamedTuple):
    """The fields by their variables, and what is done with them."""

    told: gr.HTML
    boxes: dict[str, gr.Textbox]
    use: gr.Button
    forget: gr.Button


def _keys(handlers: SettingsHandlers) -> _Keys:
    """A field for each key that this server does not have."""
    wanted = wanted_keys(handlers.states, handlers.base.keys)
    with gr.Accordion("Keys", open=False, elem_id="keys"):
        gr.HTML(words.KEYS if wanted else words.NO_KEYS_MISSING, elem_classes="tb-words")
        with gr.Row():
            boxes = {name: _field(name, labels) for name, labels in wanted.items()}
        with gr.Row(visible=bool(wanted)):
            use = gr.Button("Use these keys", elem_id="keys-use", min_width=140)
            forget = gr.Button("Forget this tab’s keys", elem_id="keys-forget", min_width=140)
        told = gr.HTML("", elem_id="keys-told", elem_classes="tb-words")
    return _Keys(told, boxes, use, forget)


def _field(name: str, labels: Sequence[str]) -> gr.Textbox:
    return gr.Textbox(
        "",
        label=name,
        info=", ".join(labels),
        type="password",
        max_lines=1,
        max_length=LONGEST_KEY,
        min_width=260,
        elem_id=f"key-{name}",
        # A browser that offers to keep it would keep it for longer than we do.
        html_attributes=gr.InputHTMLAttributes(autocomplete="new-password", spellcheck=False),
    )


def wanted_keys(states: Sequence[ProviderState], own: Any) -> dict[str, list[str]]:
    """The variables of keys that are not set on this server, and whose they are: of providers that
    work but for that."""
    wanted: dict[str, list[str]] = {}
    for state in states:
        if state.state in ("extra missing", "not built yet"):
            continue
        if state.state == "legacy" and "pip install" in state.remedy:
            continue
        lacking = [name for name in state.provider.variables if not own.get(name)]
        if set(lacking) <= set(state.provider.optional):
            continue
        for name in lacking:
            if name in TO_TYPE:
                labels = wanted.setdefault(name, [])
                if state.provider.label not in labels:
                    labels.append(state.provider.label)
    return wanted
