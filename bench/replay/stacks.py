"""Providers' names in, who listens, answers and speaks in a replay out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench.providers.known import RECORDED_PREFIX

ProviderRole = Literal["transcriber", "llm", "voice"]
ROLES: Mapping[str, ProviderRole] = {"stt": "transcriber", "llm": "llm", "tts": "voice"}


def vendors_among(providers: Mapping[str, str]) -> list[tuple[ProviderRole, str]]:
    """Which providers, by `stt`, `llm` and `tts`, are vendors' services, which want keys, or
    emulators; each with its role."""
    ours = ("sim:", "embedded", RECORDED_PREFIX)
    return [
        (role, name)
        for part, role in ROLES.items()
        if (name := providers.get(part)) is not None and not name.startswith(ours)
    ]


def is_simulated(provider: str) -> bool:
    """Whether a provider is a model of one."""
    return provider.startswith("sim:")


@dataclass(frozen=True, slots=True)
class Stack:
    """Who listens, answers and speaks, by the names of the three provider keys; `voice` is the
    synthesizer's voice, "default" for its own."""

    stt: str = "sim:deepgram-nova-3"
    llm: str = "sim:gpt-4.1"
    tts: str = "sim:elevenlabs-flash-v2.5"
    voice: str = "default"

    @property
    def name(self) -> str:
        """One word for tables and folders, the same for the same stack."""
        parts = [self.stt, self.llm, self.tts] + [self.voice] * (self.voice != "default")
        return "+".join(map(_short, parts)).replace("/", "-")

    @property
    def simulated(self) -> bool:
        """Whether any part of it is a model of a provider and not the provider."""
        return any(map(is_simulated, self.parts.values()))

    @property
    def parts(self) -> dict[str, str]:
        """The three providers by `stt`, `llm` and `tts`."""
        return {"stt": self.stt, "llm": self.llm, "tts": self.tts}

    @property
    def vendors(self) -> list[tuple[ProviderRole, str]]:
        """Which parts of it are vendors' services."""
        return vendors_among(self.parts)

    @property
    def has_vendors(self) -> bool:
        """Whether any part of it is a vendor's service."""
        return bool(self.vendors)


def _short(name: str) -> str:
    """A part's name in that of its stack: a cassette is the same wherever its folder lies."""
    prefix, _, folder = name.partition(RECORDED_PREFIX)
    if folder and not prefix:
        return RECORDED_PREFIX + (Path(folder).name or folder)
    return name.removeprefix("sim:")
