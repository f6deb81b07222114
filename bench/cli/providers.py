"""`talkbench providers`: who can listen, answer and speak, and what they miss."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from bench import config
from bench.engine.settings import ConversationSettings
from bench.errors import ConfigError, nearest
from bench.providers.handler import PROVIDERS, ROLES, Provider, ProviderState, VoiceHandler
from bench.providers.known import BACKENDS
from bench.providers.offers import Voice

WIDE = 80  # characters


def add_providers_parser(commands: Any) -> None:
    """Add `providers` to the commands of an argument parser."""
    about = "who can listen, answer and speak, and what they miss"
    parser = commands.add_parser("providers", help=about)
    lists = parser.add_mutually_exclusive_group()
    lists.add_argument("--models", metavar="NAME", help="the best known models of one of them")
    lists.add_argument("--voices", metavar="NAME", help="the best known voices of one of them")
    parser.set_defaults(run=providers_command)


def providers_command(asked: argparse.Namespace) -> int:
    """Print the table, or the models or the voices of one provider; returns the exit code.

    Raises:
        ConfigError: there is no provider of that name, or it has none of these.
    """
    if asked.models:
        lines = _offered(asked.models, "models")
    elif asked.voices:
        lines = _offered(asked.voices, "voices")
    else:
        lines = _table(_states())
    for line in lines:
        print(line)
    return 0


def _states() -> list[ProviderState]:
    owner = config.load(ConversationSettings)
    handler, services = VoiceHandler(owner.keys), owner.services.chosen()
    older = (handler.state(row, services) for row in BACKENDS.values())
    states = [*handler.states(services), *older]
    return sorted(states, key=lambda state: list(ROLES).index(state.provider.role))


def _table(states: Sequence[ProviderState]) -> Iterator[str]:
    """A line each, and what stands in the way of it below."""
    rows = [(s.provider.role, s.provider.key, s.provider.label, s.state) for s in states]
    rows.insert(0, ("role", "name", "label", "state"))
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    for number, row in enumerate(rows):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()
        if number:
            yield from _below(_explained(states[number - 1]))
    yield ""
    yield "Beside these there are simulated ones (sim:…) and cassettes (recorded:…)."
    yield "--models NAME and --voices NAME list what is best known of a vendor's."


def _explained(state: ProviderState) -> str:
    row = state.provider
    setting = "; chosen by gemini_backend: generativeai" if row in BACKENDS.values() else ""
    return (state.remedy or row.note) + setting


def _below(text: str) -> list[str]:
    indent = " " * 4
    return textwrap.wrap(
        text, WIDE, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    )


def _offered(name: str, what: str) -> Iterator[str]:
    rows = [row for row in (*PROVIDERS, *BACKENDS.values()) if row.key == name]
    if not rows:
        names = list(dict.fromkeys(row.key for row in PROVIDERS))
        known, guess = ", ".join(names), nearest(name, names)
        raise ConfigError(f"there is no provider {name}{guess}; known are: {known}")
    lists = [(row, lines) for row in rows if (lines := _list(row, what))]
    if not lists:
        raise ConfigError(f"{name} has no {what} to choose from")
    for row, lines in lists:
        yield f"{row.label}, {row.role}"
        yield from (f"  {line}" for line in lines)


def _list(row: Provider, what: str) -> list[str]:
    """A line each, the usual one first."""
    if what == "models":
        lines = list(row.models)
    else:
        voices = _voices(row)
        width = max((len(voice.id) for voice in voices), default=0)
        lines = [f"{voice.id:<{width}}  {voice.label}" for voice in voices]
    return [line if place else f"{line}  (usual)" for place, line in enumerate(lines)]


def _voices(row: Provider) -> tuple[Voice, ...]:
    if (row.key, row.role) != ("embedded", "voice"):
        return row.voices
    from bench.speech.espeak import VOICES  # an engine, which other providers do not need

    return tuple(Voice(voice.name, voice.label) for voice in VOICES)
