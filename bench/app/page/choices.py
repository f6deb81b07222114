"""States of providers in, what pickers offer out: each with its state, its models, its voices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.assembly import MODELS, Settings
from bench.providers.handler import PROVIDERS, ROLES, ProviderState, Role, VoiceHandler
from bench.providers.known import models_of as known_models
from bench.settings import Secret
from bench.speech.espeak import VOICES

NOBODY = ""  # of a picker: left to the provider, or none at all
GIVEN_HERE = "ready (key given here)"

Choices = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Offer:
    """One provider as a tab may have it: `missing` are the variables that it lacks, `given` says
    that keys of the tab's own made it ready."""

    state: ProviderState
    missing: tuple[str, ...] = ()
    given: bool = False

    @property
    def usable(self) -> bool:
        """Whether it can be chosen."""
        return not self.state.remedy

    @property
    def label(self) -> str:
        """Its name for people."""
        provider = self.state.provider
        scripted = provider.role == "llm" and provider.key == "embedded"
        return f"{provider.label}: a script, not a language model" if scripted else provider.label

    @property
    def words(self) -> str:
        """Its state, and what is missing."""
        provider, state = self.state.provider, self.state.state
        match state:
            case "ready":
                return GIVEN_HERE if self.given else "ready"
            case "key missing":
                return f"key missing: {', '.join(self.missing)}"
            case "extra missing":
                return f"extra missing: {self.state.remedy}"
            case "legacy":
                wants = f"; {self.state.remedy.partition(' (')[0]}" if self.state.remedy else ""
                return f"legacy: {provider.note}{wants}"
            case _:
                return "not in this version"


def offers(
    states: Sequence[ProviderState],
    own: Mapping[str, Secret],
    keys: Mapping[str, Secret],
    services: Mapping[str, Any],
) -> list[Offer]:
    """The providers of `states`, which the owner's keys decided, as they are with all `keys`; an
    address in `services` may spare one."""
    handler, found = VoiceHandler(keys), list[Offer]()
    for state in states:
        variables = state.provider.wanted(services)
        now = handler.state(state.provider, services) if variables and state.remedy else state
        missing = tuple(name for name in variables if not keys.get(name))
        lacked = any(not own.get(name) for name in variables)
        found.append(Offer(now, missing, given=lacked and not missing))
    return found


def providers_of(role: Role, every: Sequence[Offer]) -> Choices:
    """Who can take a role, each with its state."""
    rows = [offer for offer in every if offer.state.provider.role == role]
    return [(f"{offer.label} · {offer.words}", offer.state.provider.key) for offer in rows]


def models_of(role: Role, values: Mapping[str, Any], base: Settings) -> Choices:
    """The models of whoever has the role, the usual one first; none where there is no choice."""
    named = values[ROLES[role][0]]
    models = known_models(role, named, base.services.chosen())[0]
    setting = next(name for name, of in MODELS.items() if of == role)
    owners = getattr(base.services, setting)
    if owners and named == getattr(base.providers, ROLES[role][0]):
        return [(f"{owners} (this server’s)", NOBODY), *((m, m) for m in models if m != owners)]
    usual = [(f"{models[0]} (usual)", NOBODY)] if models else []
    return [*usual, *((model, model) for model in models[1:])]


def voices_of(values: Mapping[str, Any]) -> Choices:
    """The best known voices of whoever speaks, the usual one first."""
    named = values["voiceProvider"]
    if named == "embedded":
        known = [(voice.label, voice.name) for voice in VOICES]
    else:
        rows = [row for row in PROVIDERS if (row.role, row.key) == ("voice", named)]
        known = [(voice.label, voice.id) for row in rows for voice in row.voices]
    first = f"{known[0][0]} (usual)" if known else "the usual one"
    return [(first, NOBODY), *known[1:]]
