"""A provider's name in, the emulator of its protocol out: the table of emulators."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Role = Literal["transcriber", "llm", "voice"]
Options = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Emulated:
    """One emulator.

    `provider` and `role` are those of the provider that it stands in for, `place` is
    "module:Class", `url` the setting that takes its address, `key` the variable that takes its
    `KEY`; `keys` are other variables that must be set, to anything. `profile` has the pace that it
    keeps to, `program` the variable that points the vendor's own SDK at it where there is one. A
    protocol that native code speaks is not `virtual`: it needs the wall clock.
    """

    provider: str
    role: Role
    place: str
    url: str
    key: str
    profile: str
    keys: Mapping[str, str] = field(default_factory=dict[str, str])
    program: str = ""
    virtual: bool = True

    @property
    def secret(self) -> str:
        """The key that it takes."""
        return str(importlib.import_module(self.place.partition(":")[0]).KEY)

    def make(self, *given: Any, **options: Any) -> Any:
        """The emulator, not serving yet."""
        module, _, name = self.place.partition(":")
        return getattr(importlib.import_module(module), name)(*given, **options)


_HERE = "bench.emulators."
_AWS = {"AWS_SECRET_ACCESS_KEY": "a-secret-for-emulators", "AWS_REGION": "us-east-1"}
_AZURE = {"AZURE_SPEECH_REGION": "emulated"}

EMULATED = (
    Emulated(
        "deepgram",
        "transcriber",
        f"{_HERE}deepgram:DeepgramEmulator",
        "deepgram_url",
        "DEEPGRAM_API_KEY",
        "sim:deepgram-nova-3",
    ),
    Emulated(
        "openai",
        "llm",
        f"{_HERE}openai:OpenAIEmulator",
        "openai_base_url",
        "OPENAI_API_KEY",
        "sim:gpt-4.1",
        program="OPENAI_BASE_URL",
    ),
    Emulated(
        "elevenlabs",
        "voice",
        f"{_HERE}elevenlabs:ElevenLabsEmulator",
        "elevenlabs_url",
        "ELEVENLABS_API_KEY",
        "sim:elevenlabs-flash-v2.5",
    ),
)
