"""Handlers in, the replay tab out: scenarios and stacks to choose, verdicts, one run looked at."""

from __future__ import annotations

from typing import Any

import gradio as gr

from bench.app.page import replay_tab_shown as shown
from bench.app.page.replay_tab_handlers import ReplayHandlers
from bench.simulation.profiles import Role, names

ABOUT = (
    "<p>A scenario is a caller’s script and what must then be true. It is played to the same "
    "pipeline you talk to, in virtual time: a minute passes in about a second, and the same seed "
    "gives the same run to the byte.</p>"
)
ROLES: dict[Role, str] = {"stt": "Recogniser", "llm": "Language model", "tts": "Voice"}
OWN = "Empty: the scenario’s own"

# Gradio reads the name of our event, in quotes, from this text. The rows come and go, the element
# that holds them stays.
CHOOSE = """
element.addEventListener('click', (event) => {
  const row = event.target.closest('[data-run]');
  if (!row) return;
  for (const other of element.querySelectorAll('[aria-current]')) {
    other.removeAttribute('aria-current');
  }
  row.setAttribute('aria-current', 'true');
  trigger('choose', { run: row.dataset.run });
});
window.addEventListener('pagehide', () => {
  const row = element.querySelector('[data-run]');
  if (row) sessionStorage.setItem('talkbench.replay', row.dataset.run);
});
"""
KEPT = "() => sessionStorage.getItem('talkbench.replay') || ''"

# Private, without a spinner, and nobody waits for another's replay.
QUIETLY: dict[str, Any] = {
    "api_visibility": "private",
    "concurrency_limit": None,
    "show_progress": "hidden",
}


def replay_tab(page: gr.Blocks, handlers: ReplayHandlers) -> None:
    """Put the tab where the page is being built."""
    with gr.Tab("Replay") as tab:
        gr.HTML(ABOUT, elem_classes="tb-words")
        with gr.Row():
            with gr.Column(scale=3, min_width=320):
                told, scenarios = _scenarios(handlers)
            with gr.Column(scale=2, min_width=280):
                asked, run, stop = _asked()
        how_far = gr.HTML("", elem_id="replay-progress", elem_classes="tb-words")
        verdicts = gr.HTML(
            shown.NO_RESULTS,
            js_on_load=CHOOSE,
            apply_default_css=False,
            elem_id="replay-verdicts",
        )
        looked_at = gr.HTML("", apply_default_css=False, elem_id="replay-run")
    shown_first = [scenarios, told, verdicts, looked_at]
    tab.select(handlers.opened, told, shown_first, js=KEPT, **QUIETLY)
    played = [how_far, verdicts, looked_at, run, stop]
    run.click(handlers.run, [scenarios, *asked], played, **QUIETLY)
    stop.click(handlers.stop, None, None, **QUIETLY)
    # Not "always_last": what waits is sent with the data of the event that it waited for.
    verdicts.choose(handlers.choose, None, looked_at, trigger_mode="multiple", **QUIETLY)
    page.unload(handlers.left)


def _scenarios(handlers: ReplayHandlers) -> tuple[gr.HTML, gr.CheckboxGroup]:
    with gr.Row():
        smoke = gr.Button("Smoke set", size="sm", elem_id="replay-smoke", min_width=80)
        every = gr.Button("All", size="sm", elem_id="replay-all", min_width=80)
        none = gr.Button("None", size="sm", elem_id="replay-none", min_width=80)
    told = gr.HTML("", elem_id="replay-found", elem_classes="tb-words")
    scenarios = gr.CheckboxGroup([], label="Scenarios", elem_id="replay-scenarios")
    for button, choose in (
        (smoke, handlers.smoke),
        (every, handlers.every),
        (none, handlers.none),
    ):
        button.click(choose, None, scenarios, **QUIETLY)
    return told, scenarios


def _asked() -> tuple[list[Any], gr.Button, gr.Button]:
    gr.HTML(f"<p class='tb-simulated'>{shown.SIMULATED}</p>", elem_classes="tb-words")
    stacks = [
        gr.Dropdown(
            list(names(role)),
            value=[],
            multiselect=True,
            label=label,
            info=OWN,
            elem_id=f"replay-{role}",
        )
        for role, label in ROLES.items()
    ]
    with gr.Row():
        # Texts: Gradio's numbers cannot be empty.
        repeat = _own("Repeat", elem_id="replay-repeat")
        seed = _own("Seed", elem_id="replay-seed")
    with gr.Row():
        run = gr.Button("Run", variant="primary", elem_id="replay-run-button", min_width=100)
        stop = gr.Button("Stop", interactive=False, elem_id="replay-stop", min_width=100)
    return [*stacks, repeat, seed], run, stop


def _own(label: str, *, elem_id: str) -> gr.Textbox:
    return gr.Textbox("", label=label, info=OWN, max_lines=1, elem_id=elem_id, min_width=100)
