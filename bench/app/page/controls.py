"""Settings of a conversation in, controls out: one row a control, each by its setting's name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr
from gradio.components import Component

from bench.app.page.choices import (
    NOBODY,
    Choices,
    Offer,
    models_of,
    providers_of,
    voices_of,
)
from bench.app.page.words import NEXT_CALL, NEXT_TURN
from bench.assembly import LANGUAGE, MODELS, Settings
from bench.engine.settings import ECHO_MODES, RESPONSE_MODES
from bench.providers.handler import ROLES, Role
from bench.settings import MOST_TERMS, RANGES, TRANSCRIBER_MODES

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
    "tokens": "Word by word, where the voice can; else sentence by sentence",
}
ECHO = {"browser-aec": "Leave it to the browser (usual)", "mute": "Mute while the bot speaks"}
MODES = {"vocabulary": "Vocabulary: what its callers say", "open": "Open: any words, less surely"}
LANGUAGES = {
    "en": "English",
    "en-GB": "English, as in Britain",
    "de": "German",
    "es": "Spanish",
    "fr": "French",
    "it": "Italian",
    "ja": "Japanese",
    "nl": "Dutch",
    "pt": "Portuguese",
}
USUAL_LANGUAGE = "English, or as the server has it"
NO_BACKUP = "Nobody"
VOICE_NAME = "Voice’s name, or an id of your own"
ROLE_NAMES: dict[Role, str] = {"transcriber": "Recogniser", "llm": "Agent", "voice": "Voice"}


@dataclass(frozen=True, slots=True)
class Shown:
    """What a tab's controls are made of: its settings by their names, the providers as it has them,
    and the server's own settings."""

    values: Mapping[str, Any]
    every: Sequence[Offer]
    base: Settings


Offered = Callable[[Shown], Choices]


@dataclass(frozen=True, slots=True)
class Control:
    """One control: the setting it changes, when that applies, and how it is made of its value.

    `offered` gives the choices of one that depends on other settings; `usual` is shown for a
    setting that is left to the provider.
    """

    name: str
    applies: str
    make: Callable[[Any], Component]
    usual: Any = None
    offered: Offered | None = None
    free: bool = False  # takes a text of one's own

    def value(self, values: Mapping[str, Any]) -> Any:
        """What it shows when these are the settings."""
        value = values[self.name]
        return self.usual if value is None else value

    def asked(self, value: Any) -> Any:
        """The setting that a value of its stands for."""
        return None if self.offered is not None and not value else value

    def update(self, shown: Shown) -> Any:
        """What the page is told, so that it shows what is so."""
        value = self.value(shown.values)
        return value if self.offered is None else {**self.offer(shown), "value": value}

    def offer(self, shown: Shown) -> Any:
        """What the page is told, so that it offers what there is; what is chosen stays."""
        if self.offered is None:
            return gr.skip()
        value, choices = self.value(shown.values), self.offered(shown)
        if value not in [known for _, known in choices]:
            choices.append((value, value))
        return gr.update(choices=choices, visible=self.free or len(choices) > 1)


class Terms(Control):
    """A list of texts that people type."""

    def value(self, values: Mapping[str, Any]) -> Any:
        """What it shows when these are the settings."""
        return list(values[self.name])

    def asked(self, value: Any) -> Any:
        """The setting that a value of its stands for."""
        return value or []


def provider_controls() -> list[list[Control]]:
    """Who listens, answers and speaks, each with what it is to use and who stands in for it."""
    return [_of_role(role) for role in ROLES]


def _of_role(role: Role) -> list[Control]:
    label, applies = ROLE_NAMES[role], NEXT_TURN if role == "voice" else NEXT_CALL
    model = next(name for name, of in MODELS.items() if of == role)

    def who(shown: Shown) -> Choices:
        return providers_of(role, shown.every)

    def models(shown: Shown) -> Choices:
        return models_of(role, shown.values, shown.base)

    def voices(shown: Shown) -> Choices:
        return voices_of(shown.values)

    def backups(shown: Shown) -> Choices:
        return [(NO_BACKUP, NOBODY), *who(shown)]

    def picker(name: str, label: str, offered: Offered, *, free: bool = False) -> Control:
        return Control(name, applies, _picker(label, free=free), NOBODY, offered, free)

    named = [picker("voice", VOICE_NAME, voices, free=True)] if role == "voice" else []
    return [
        picker(ROLES[role][0], label, who),
        picker(model, f"{label}’s model", models),
        *named,
        picker(f"{role}Fallback", f"{label}, should it fail", backups),
    ]


def pace_controls() -> list[Control]:
    """How the voice sounds."""
    low, high = RANGES["speed"]
    deep, bright = RANGES["pitch"]
    return [
        Control("speed", NEXT_TURN, _slider("Speed", low, high, 0.1), 1.0),
        Control("pitch", NEXT_TURN, _slider("Pitch", deep, bright, 1), 50),
    ]


def listening_controls() -> list[Control]:
    """What is understood, and when a turn is over."""
    modes = [(MODES[mode], mode) for mode in TRANSCRIBER_MODES]
    return [
        Control("transcriber_mode", NEXT_CALL, _radio("Recogniser’s mode", modes)),
        Control(
            LANGUAGE,
            NEXT_CALL,
            _picker("Language of vendors’ services", free=True),
            NOBODY,
            _languages,
            free=True,
        ),
        Terms("keyterms", NEXT_CALL, _terms("Names and rare words to expect")),
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


def _languages(shown: Shown) -> Choices:
    named = [(label, code) for code, label in LANGUAGES.items()]
    return [(USUAL_LANGUAGE, NOBODY), *named]


def answering_controls() -> list[Control]:
    """How answers are spoken and interrupted."""
    return [
        Control("response_mode", NEXT_TURN, _radio("Answers", _named(RESPONSES, RESPONSE_MODES))),
        Control("barge_in", NEXT_TURN, _dropdown("When you talk over it", _named(BARGE_IN))),
        Control("echo", NEXT_TURN, _radio("Its own echo", _named(ECHO, ECHO_MODES))),
    ]


def providers_table(every: Sequence[Offer]) -> str:
    """Every provider there is, whether it can be chosen, and if not, what to do."""
    rows = "".join(
        f"<tr><td>{ROLE_NAMES[offer.state.provider.role]}</td><td>{escape(offer.label)}</td>"
        f"<td class='tb-state' data-ready='{str(offer.usable).lower()}'>{escape(offer.words)}</td>"
        "</tr>"
        for offer in every
    )
    head = "".join(f"<th scope='col'>{name}</th>" for name in ("Role", "Provider", "State"))
    return (
        f"<div class='tb-scroll'><table class='tb-providers'><thead><tr>{head}</tr></thead>"
        f"<tbody>{rows}</tbody></table></div>"
    )


def _named(names: Mapping[str, str], values: Sequence[str] = ()) -> list[tuple[str, str]]:
    return [(names[value], value) for value in values or names]


def _dropdown(label: str, choices: list[tuple[str, str]]) -> Callable[[Any], Component]:
    def make(value: Any) -> Component:
        offered = choices if value in [v for _, v in choices] else [*choices, (value, value)]
        return gr.Dropdown(offered, value=value, label=label, interactive=True, filterable=False)

    return make


def _picker(label: str, *, free: bool = False) -> Callable[[Any], Component]:
    """A list that is told its choices when the page is loaded."""
    return lambda value: gr.Dropdown(
        [(str(value), value)],
        value=value,
        label=label,
        interactive=True,
        filterable=free,
        allow_custom_value=free,
    )


def _radio(label: str, choices: list[tuple[str, str]]) -> Callable[[Any], Component]:
    return lambda value: gr.Radio(choices, value=value, label=label, interactive=True)


def _terms(label: str) -> Callable[[Any], Component]:
    """A list that people make, a text after the other; of a vendor's recogniser alone."""
    return lambda value: gr.Dropdown(
        [],
        value=value,
        label=label,
        info="Type one, press Enter. For vendors’ recognisers.",
        multiselect=True,
        allow_custom_value=True,
        max_choices=MOST_TERMS,
        interactive=True,
    )


def _slider(label: str, low: float, high: float, step: float) -> Callable[[Any], Component]:
    return lambda value: gr.Slider(
        low, high, value=value, step=step, label=label, interactive=True, buttons=[]
    )
