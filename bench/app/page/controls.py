"""Settings of a conversation in, controls out: one row a control, each by its setting's name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr
from gradio.components import Component

from bench.app.page.words import NEXT_CALL, NEXT_TURN, STATES
from bench.engine.settings import ECHO_MODES, RESPONSE_MODES
from bench.providers.handler import ROLES, ProviderState
from bench.settings import RANGES, TRANSCRIBER_MODES
from bench.speech.espeak import VOICES

BARGE_IN = {
    "hold-then-decide": "Pause at a sound, then decide (usual)",
    "on-vad": "Stop at any sound",
    "on-words(1)": "Stop at the first word",
    "on-words(2)": "Stop at the second word",
    "on-words(3)": "Stop at the third word",
    "never": "Never stop",
}
RESPONSES = {
    "streaming": "Sentence by sentence, while the agent still writes (usual)",
    "buffered": "The whole answer in one piece",
}
ECHO = {"browser-aec": "Leave it to the browser (usual)", "mute": "Mute while the bot speaks"}
MODES = {"vocabulary": "Vocabulary: what its callers say", "open": "Open: any words, less surely"}
ROLE_NAMES = {"transcriber": "Recogniser", "llm": "Agent", "voice": "Voice"}


@dataclass(frozen=True, slots=True)
class Control:
    """One control: the setting it changes, when that applies, and how it is made of its value."""

    name: str
    applies: str
    make: Callable[[Any], Component]
    usual: Any = None  # shown for a setting that is left to the provider


def provider_controls(states: Sequence[ProviderState]) -> list[Control]:
    """Who listens, answers and speaks; each choice says whether it can be chosen."""
    controls: list[Control] = []
    for role, (setting, _, _) in ROLES.items():
        rows = [state for state in states if state.provider.role == role]
        choices = [(_choice(state), state.provider.key) for state in rows]
        label = ROLE_NAMES[role]
        applies = NEXT_TURN if role == "voice" else NEXT_CALL
        controls.append(Control(setting, applies, _dropdown(label, choices)))
    return controls


def voice_controls() -> list[Control]:
    """How the voice sounds."""
    voices = [(voice.label, voice.name) for voice in VOICES]
    low, high = RANGES["speed"]
    deep, bright = RANGES["pitch"]
    return [
        Control("voice", NEXT_TURN, _dropdown("Voice of espeak-ng", voices), VOICES[0].name),
        Control("speed", NEXT_TURN, _slider("Speed", low, high, 0.1), 1.0),
        Control("pitch", NEXT_TURN, _slider("Pitch", deep, bright, 1), 50),
    ]


def listening_controls() -> list[Control]:
    """What is understood, and when a turn is over."""
    modes = [(MODES[mode], mode) for mode in TRANSCRIBER_MODES]
    return [
        Control("transcriber_mode", NEXT_CALL, _radio("Recogniser’s mode", modes)),
        Control(
            "end_of_turn_seconds",
            NEXT_TURN,
            _slider("Silence that ends your turn (seconds)", 0.1, 3.0, 0.1),
        ),
        Control(
            "complete_turn_seconds",
            NEXT_TURN,
            _slider("… when what you said is complete (seconds)", 0.1, 3.0, 0.1),
        ),
        Control(
            "trailing_turn_seconds",
            NEXT_TURN,
            _slider("… after “and”, “the”, “to” (seconds)", 0.1, 4.0, 0.1),
        ),
    ]


def answering_controls() -> list[Control]:
    """How answers are spoken and interrupted."""
    return [
        Control("response_mode", NEXT_TURN, _radio("Answers", _named(RESPONSES, RESPONSE_MODES))),
        Control("barge_in", NEXT_TURN, _dropdown("When you talk over it", _named(BARGE_IN))),
        Control("echo", NEXT_TURN, _radio("Its own echo", _named(ECHO, ECHO_MODES))),
    ]


def shown(control: Control, values: Mapping[str, Any]) -> Any:
    """What a control shows when these are the settings."""
    value = values[control.name]
    return control.usual if value is None else value


def providers_table(states: Sequence[ProviderState]) -> str:
    """Every provider there is, whether it can be chosen, and if not, what to do."""
    rows = "".join(
        f"<tr><td>{ROLE_NAMES[state.provider.role]}</td><td>{escape(_label(state))}</td>"
        f"<td class='tb-state' data-ready='{str(state.state == 'ready').lower()}'>"
        f"{escape(state_in_words(state))}</td>"
        f"<td>{escape(state.remedy or state.provider.note)}</td></tr>"
        for state in states
    )
    head = "".join(f"<th scope='col'>{name}</th>" for name in ("Role", "Provider", "State", ""))
    return (
        f"<div class='tb-scroll'><table class='tb-providers'><thead><tr>{head}</tr></thead>"
        f"<tbody>{rows}</tbody></table></div>"
    )


def state_in_words(state: ProviderState) -> str:
    """Ready, key missing, extra missing, not in this version."""
    return STATES.get(state.state, state.state)


def _label(state: ProviderState) -> str:
    provider = state.provider
    scripted = provider.role == "llm" and provider.key == "embedded"
    return f"{provider.label}: a script, not a language model" if scripted else provider.label


def _choice(state: ProviderState) -> str:
    label = _label(state)
    return label if state.state == "ready" else f"{label} ({state_in_words(state)})"


def _named(names: Mapping[str, str], values: Sequence[str] = ()) -> list[tuple[str, str]]:
    return [(names[value], value) for value in values or names]


def _dropdown(label: str, choices: list[tuple[str, str]]) -> Callable[[Any], Component]:
    def make(value: Any) -> Component:
        offered = choices if value in [v for _, v in choices] else [*choices, (value, value)]
        return gr.Dropdown(offered, value=value, label=label, interactive=True, filterable=False)

    return make


def _radio(label: str, choices: list[tuple[str, str]]) -> Callable[[Any], Component]:
    return lambda value: gr.Radio(choices, value=value, label=label, interactive=True)


def _slider(label: str, low: float, high: float, step: float) -> Callable[[Any], Component]:
    return lambda value: gr.Slider(
        low, high, value=value, step=step, label=label, interactive=True, buttons=[]
    )
