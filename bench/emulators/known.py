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
    protocol that native code speaks is not `virtual`: it needs the wall clock. A row with `models`
    is for those whose names begin so. `pause_seconds` of silence end an utterance for it, and are
    part of what the profile has for a final. `extra` is the one of ours whose `package` it needs.
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
    models: str = ""
    pause_seconds: float = 0.3
    package: str = ""
    extra: str = ""

    @property
    def secret(self) -> str:
        """The key that it takes."""
        return str(importlib.import_module(self.place.partition(":")[0]).KEY)

    def make(self, *given: Any, **options: Any) -> Any:
        """The emulator, not serving yet."""
        module, _, name = self.place.partition(":")
        return getattr(importlib.import_module(module), name)(*given, **options)


_AWS = {"AWS_SECRET_ACCESS_KEY": "a-secret-for-emulators", "AWS_REGION": "us-east-1"}
_AZURE = {"AZURE_SPEECH_REGION": "emulated"}
_PLAYHT = {"PLAYHT_USER_ID": "a-playht-user"}
_TURNS_PAUSE_SECONDS = 0.1  # within the turns of services that end turns themselves


def _of(
    provider: str, role: Role, place: str, url: str, key: str, profile: str, **more: Any
) -> Emulated:
    return Emulated(provider, role, f"bench.emulators.{place}", url, key, f"sim:{profile}", **more)


EMULATED = (
    _of(
        "deepgram",
        "transcriber",
        "deepgram_flux:FluxEmulator",
        "deepgram_url",
        "DEEPGRAM_API_KEY",
        "deepgram-nova-3",
    ),
    _of(
        "deepgram",
        "transcriber",
        "deepgram_flux:FluxEmulator",
        "deepgram_url",
        "DEEPGRAM_API_KEY",
        "deepgram-flux-en",
        models="flux",
        pause_seconds=_TURNS_PAUSE_SECONDS,
    ),
    _of(
        "assemblyai",
        "transcriber",
        "assemblyai:AssemblyAIEmulator",
        "assemblyai_url",
        "ASSEMBLYAI_API_KEY",
        "assemblyai-universal-streaming-en",
        pause_seconds=_TURNS_PAUSE_SECONDS,
    ),
    _of(
        "azure",
        "transcriber",
        "azure_speech:AzureSpeechEmulator",
        "azure_url",
        "AZURE_SPEECH_KEY",
        "azure-realtime",
        keys=_AZURE,
        virtual=False,
    ),
    _of(
        "google",
        "transcriber",
        "google_speech:GoogleSpeechEmulator",
        "google_speech_url",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "google-latest-long",
        virtual=False,
        package="google.cloud.speech",
        extra="google",
    ),
    _of(
        "openai",
        "llm",
        "openai:OpenAIEmulator",
        "openai_base_url",
        "OPENAI_API_KEY",
        "gpt-4.1",
        program="OPENAI_BASE_URL",
    ),
    _of(
        "gemini",
        "llm",
        "gemini:GeminiEmulator",
        "gemini_base_url",
        "GEMINI_API_KEY",
        "gemini-2.5-flash-nothink",
        program="GOOGLE_GEMINI_BASE_URL",
    ),
    _of(
        "anthropic",
        "llm",
        "anthropic:AnthropicEmulator",
        "anthropic_base_url",
        "ANTHROPIC_API_KEY",
        "claude-haiku-4-5",
        program="ANTHROPIC_BASE_URL",
    ),
    _of(
        "elevenlabs",
        "voice",
        "elevenlabs_both:ElevenLabsBothEmulator",
        "elevenlabs_url",
        "ELEVENLABS_API_KEY",
        "elevenlabs-flash-v2.5",
    ),
    _of(
        "azure",
        "voice",
        "azure_voice:AzureVoiceEmulator",
        "azure_url",
        "AZURE_SPEECH_KEY",
        "azure-neural",
        keys=_AZURE,
        virtual=False,
    ),
    _of(
        "google",
        "voice",
        "google_voice:GoogleVoiceEmulator",
        "google_voice_url",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "google-chirp3-hd",
        virtual=False,
        package="google.cloud.texttospeech",
        extra="google",
    ),
    _of(
        "polly",
        "voice",
        "polly:PollyEmulator",
        "polly_url",
        "AWS_ACCESS_KEY_ID",
        "polly-neural",
        keys=_AWS,
        program="AWS_ENDPOINT_URL_POLLY",
    ),
    _of(
        "playht",
        "voice",
        "playht:PlayHTEmulator",
        "playht_url",
        "PLAYHT_API_KEY",
        "playht-3.0-mini",
        keys=_PLAYHT,
    ),
)


def emulated(role: Role, provider: str, model: str = "") -> Emulated | None:
    """The emulator of a provider in a role, for one of its models; None where there is none."""
    rows = [row for row in EMULATED if (row.role, row.provider) == (role, provider)]
    fitting = [row for row in rows if model.startswith(row.models)]
    return max(fitting, key=lambda row: len(row.models), default=None)
