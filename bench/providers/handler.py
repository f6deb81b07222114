"""Names in, providers out: who listens, who answers, who speaks.

An agent config is a mapping. It may hold, beside the three names of providers:

- `transcriber_mode`: "vocabulary" (the default: what the agent's callers say, quite surely) or
  "open" (any words, less surely) for the embedded transcriber; `templates` and `slots` make up the
  vocabulary, those of the embedded agent unless given;
- `words_per_second`: the pace at which the embedded agent writes;
- `transcriber_model`, `llm_model`, `llm_effort`, `voice_model`, `language`, `system_prompt`, and
  the addresses of `ServiceSettings` in bench/settings.py: how a vendor is used (docs/providers.md);
- `simulation`: what the simulated providers (`sim:…`) of a run share, see
  `bench.simulation.context`;
- `transcriberFallback`, `llmFallback`, `voiceFallback`: who takes over when the first one fails;
- `requests_per_second` and the other limits of an account, see `bench.settings.ServiceSettings`;
- `recorded:FOLDER` as a provider: what that provider did in a session on a cassette; as a backup,
  what the backup did;
- `voice`, `pitch` (0 to 99), and `words_per_minute` or `speed` (1.0: the usual pace) of the voice.

Whatever else it holds is passed on, for providers of your own.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from bench import config
from bench.engine.agent import BaseAgent
from bench.engine.synthesizer import BaseSynthesizer
from bench.engine.transcriber import BaseTranscriber
from bench.errors import ConfigError
from bench.providers.accounts import ProviderAccount
from bench.providers.known import (
    FRONT_DESKS,
    PREFIXES,
    PROVIDERS,
    RECORDED,
    RECORDED_PREFIX,
    ROLES,
    Provider,
    Role,
    UnknownProvider,
    backend,
    simulated,
)
from bench.settings import ALIASES, Secret
from bench.simulation.profiles import PREFIX

__all__ = [
    "LONGEST_NAME",
    "PROVIDERS",
    "ROLES",
    "Provider",
    "ProviderState",
    "Role",
    "UnknownProvider",
    "VoiceHandler",
    "installed",
    "provider_states",
]

State = Literal["ready", "key missing", "extra missing", "not built yet", "legacy"]

WARES: dict[Role, tuple[str, ...]] = {
    "transcriber": ("transcriber_model",),
    "llm": ("llm_model", "llm_effort"),
    "voice": ("voice", "voice_model"),
}
"""Settings whose values are one provider's own names."""

LONGEST_NAME = 100  # characters; no error quotes more of what somebody sent


@dataclass(frozen=True, slots=True)
class ProviderState:
    """Whether a provider can be chosen: when `remedy`, what to do about it, is empty.

    One that is "legacy" stays so when it can be; its `note` says why.
    """

    provider: Provider
    state: State
    remedy: str = ""


class VoiceHandler:
    """Makes the three parts of a conversation from an agent config.

    `keys` are read from the environment and `.env` unless given; `providers` is the table, to which
    rows of your own may be added. All three makers raise `ValueError` for an unknown provider and
    `ConfigError` for one that cannot be used as things are.
    """

    def __init__(
        self,
        keys: Mapping[str, Secret] | None = None,
        providers: Iterable[Provider] = PROVIDERS,
    ) -> None:
        self._keys = keys
        self._providers = tuple(providers)

    def create_transcriber(self, agent_config: Mapping[str, Any] | None = None) -> BaseTranscriber:
        """Who listens: `transcriberProvider`, "deepgram" unless given."""
        return self._create("transcriber", agent_config)

    def create_agent(self, agent_config: Mapping[str, Any] | None = None) -> BaseAgent:
        """Who answers: `llmProvider`, "openai" unless given."""
        return self._create("llm", agent_config)

    def create_synthesizer(self, agent_config: Mapping[str, Any] | None = None) -> BaseSynthesizer:
        """Who speaks: `voiceProvider`, "elevenlabs" unless given."""
        return self._create("voice", agent_config)

    def states(self, agent_config: Mapping[str, Any] | None = None) -> list[ProviderState]:
        """Every provider of the table, and whether it can be chosen; an agent config may hold
        addresses."""
        return [self.state(provider, agent_config) for provider in self._providers]

    def choose(self, role: Role, agent_config: Mapping[str, Any] | None) -> Provider:
        """The row that an agent config names for a role.

        Raises:
            UnknownProvider: there is none of that name.
            ConfigError: it is known and cannot be used; the message says what is missing.
        """
        setting, usual, word = ROLES[role]
        named = _named(agent_config or {}, setting) or usual
        word = f"{word} fallback" if (agent_config or {}).get("stands_in") else word
        if named.startswith(RECORDED_PREFIX):
            return Provider(named, role, "a cassette", RECORDED[role])
        named = named[:LONGEST_NAME]
        rows = {row.key: row for row in self._providers if row.role == role}
        if named.startswith(PREFIX):
            return simulated(role, named)
        if named not in rows:
            known = ", ".join([*rows, *(f"{prefix}…" for prefix in PREFIXES)])
            raise UnknownProvider(f"Unknown {word} provider: {named} (known are: {known})")
        row = backend(rows[named], agent_config or {})
        if remedy := self.state(row, agent_config).remedy:
            raise ConfigError(f"{word} provider {named}: {remedy}")
        return row

    def choose_all(self, role: Role, agent_config: Mapping[str, Any] | None) -> list[Provider]:
        """The rows that an agent config names for a role: the first provider's and its backup's.

        Raises:
            ConfigError: as `choose`; or the backup is the first provider itself.
        """
        config = agent_config or {}
        second = fallback_config(role, config)
        configs = [config] if second is None else [config, second]
        return [self.choose(role, one) for one in configs]

    def load(self, role: Role, agent_config: Mapping[str, Any] | None = None) -> None:
        """Import what `create_…` would, so that the first conversation does not wait for it."""
        for row in self.choose_all(role, agent_config):
            _found(row.adapter)

    def _create(self, role: Role, agent_config: Mapping[str, Any] | None) -> Any:
        config = dict(agent_config or {})
        part, second = self._made(role, config), fallback_config(role, config)
        if second is not None:
            part.backup = self._made(role, second)
        return part

    def _made(self, role: Role, config: dict[str, Any]) -> Any:
        """One part, with the account that pays for it."""
        row = self.choose(role, config)
        maker = _found(row.adapter)
        if row.variables:
            keys = self._all_keys()
            config["keys"] = {name: keys[name] for name in row.variables if keys.get(name)}
        if role == "transcriber" and _named(config, "llmProvider").startswith(FRONT_DESKS):
            config = {"templates": _found(_TEMPLATES), "slots": _found(_SLOTS)} | config
        part = maker(config)
        if row.variables:
            part.account = ProviderAccount(role, row.key, config["keys"], config)
        return part

    def state(self, row: Provider, agent_config: Mapping[str, Any] | None = None) -> ProviderState:
        """Whether a provider can be chosen."""
        missing = _missing(row, agent_config or {}, self._all_keys())
        if not row.adapter:
            wants = ", ".join(remedy for _, remedy in missing)
            later = f"; it will want: {wants}" if wants else ""
            return ProviderState(row, "not built yet", f"this version has no adapter yet{later}")
        state, remedy = missing[0] if missing else ("ready", "")
        if row.legacy:
            return ProviderState(row, "legacy", f"{remedy} ({row.note})" if remedy else "")
        return ProviderState(row, state, remedy)

    def _all_keys(self) -> Mapping[str, Secret]:
        if self._keys is None:
            self._keys = config.read_keys()
        return self._keys


def provider_states(
    keys: Mapping[str, Secret] | None = None, chosen: Mapping[str, Any] | None = None
) -> list[ProviderState]:
    """Every provider there is, and whether it can be chosen: for the page and the command.

    The simulated ones that an agent config has `chosen` are among them; all would be too many.
    Its addresses count, too.
    """
    states = VoiceHandler(keys).states(chosen)
    for role in ROLES:
        named = _named(chosen or {}, ROLES[role][0])
        if named.startswith(PREFIX):
            states.append(ProviderState(simulated(role, named), "ready"))
    return states


def fallback_config(role: Role, agent_config: Mapping[str, Any]) -> dict[str, Any] | None:
    """The agent config of a role's backup, None where none is named.

    What is named after the first provider's own wares (`voice`, a model) is left out, unless both
    are of one family.

    Raises:
        ConfigError: the backup is the first provider itself.
    """
    fallback, (setting, usual, _) = f"{role}Fallback", ROLES[role]
    named: object = agent_config.get(fallback)
    if not named:
        return None
    first = _named(agent_config, setting) or usual
    if named == first and not first.startswith(RECORDED_PREFIX):
        raise ConfigError(f"{fallback} is {first!r}, and so is {setting}: want another")
    left_out = {fallback, *(alias for alias, name in ALIASES.items() if name == setting)}
    if not first.startswith(PREFIX) or not str(named).startswith(PREFIX):
        left_out.update(WARES[role])
    config = {name: value for name, value in agent_config.items() if name not in left_out}
    return config | {setting: named, "stands_in": True}


def _missing(
    row: Provider, agent_config: Mapping[str, Any], keys: Mapping[str, Secret]
) -> list[tuple[State, str]]:
    """What stands between a provider and its use, and what to do about each."""
    found: list[tuple[State, str]] = []
    if row.package and not installed(row.package):
        alone = " in an environment of its own" if row.legacy else ""
        found.append(("extra missing", f"pip install 'talkbench[{row.extra}]'{alone}"))
    names = [name for name in row.wanted(agent_config) if not keys.get(name)]
    if names:
        remedy = f"set {' and '.join(names)} in the environment or in .env"
        found.append(("key missing", remedy))
    return found


_TEMPLATES = "bench.providers.front_desk:TEMPLATES"
_SLOTS = "bench.providers.front_desk:SLOTS"


def _found(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)


def _named(agent_config: Mapping[str, Any], setting: str) -> str:
    """What a config says for a setting, by its name or its short name."""
    short = next(alias for alias, name in ALIASES.items() if name == setting)
    named: object = agent_config.get(setting, agent_config.get(short))
    return named if isinstance(named, str) else "" if named is None else repr(named)


def installed(package: str) -> bool:
    """Whether a package can be imported, without importing it."""
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:  # nor is the package it would be inside of
        return False
