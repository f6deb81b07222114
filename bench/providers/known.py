"""A role in, the providers there are for it out: the table of names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bench.errors import ConfigError
from bench.simulation import profiles

Role = Literal["transcriber", "llm", "voice"]

ROLES: dict[Role, tuple[str, str, str]] = {
    "transcriber": ("transcriberProvider", "deepgram", "transcriber"),
    "llm": ("llmProvider", "openai", "LLM"),
    "voice": ("voiceProvider", "elevenlabs", "voice"),
}
"""The key in an agent config, the provider when it is not there, and the word in errors."""


@dataclass(frozen=True, slots=True)
class Provider:
    """One row of the table: a provider in one role.

    `adapter` is "module:Class", found when it is chosen; "" when this version has none. `package`
    is what the extra installs, by the name it is imported under; `variables` hold the key.
    """

    key: str
    role: Role
    label: str
    adapter: str = ""
    extra: str = ""
    package: str = ""
    variables: tuple[str, ...] = ()


PROVIDERS = (
    Provider(
        "embedded", "transcriber", "PocketSphinx", "bench.providers.embedded:EmbeddedTranscriber"
    ),
    Provider("embedded", "llm", "Front desk", "bench.providers.front_desk:FrontDeskAgent"),
    Provider("embedded", "voice", "espeak-ng", "bench.providers.embedded:EmbeddedSynthesizer"),
    Provider(
        "deepgram",
        "transcriber",
        "Deepgram",
        "bench.providers.deepgram:DeepgramTranscriber",
        "deepgram",
        "deepgram",
        ("DEEPGRAM_API_KEY",),
    ),
    Provider(
        "assemblyai",
        "transcriber",
        "AssemblyAI",
        "",
        "assemblyai",
        "assemblyai",
        ("ASSEMBLYAI_API_KEY",),
    ),
    Provider(
        "azure",
        "transcriber",
        "Azure Speech",
        "",
        "azure",
        "azure.cognitiveservices.speech",
        ("AZURE_SPEECH_KEY", "AZURE_SPEECH_REGION"),
    ),
    Provider(
        "google",
        "transcriber",
        "Google Cloud Speech-to-Text",
        "",
        "google",
        "google.cloud.speech",
        ("GOOGLE_APPLICATION_CREDENTIALS",),
    ),
    Provider(
        "openai",
        "llm",
        "OpenAI",
        "bench.providers.openai:OpenAIAgent",
        "openai",
        "openai",
        ("OPENAI_API_KEY",),
    ),
    Provider("gemini", "llm", "Google Gemini", "", "gemini", "google.genai", ("GEMINI_API_KEY",)),
    Provider("anthropic", "llm", "Anthropic", "", "anthropic", "anthropic", ("ANTHROPIC_API_KEY",)),
    Provider(
        "elevenlabs",
        "voice",
        "ElevenLabs",
        "bench.providers.elevenlabs:ElevenLabsSynthesizer",
        "elevenlabs",
        "elevenlabs",
        ("ELEVENLABS_API_KEY",),
    ),
    Provider(
        "azure",
        "voice",
        "Azure Speech",
        "",
        "azure",
        "azure.cognitiveservices.speech",
        ("AZURE_SPEECH_KEY", "AZURE_SPEECH_REGION"),
    ),
    Provider(
        "google",
        "voice",
        "Google Cloud Text-to-Speech",
        "",
        "google",
        "google.cloud.texttospeech",
        ("GOOGLE_APPLICATION_CREDENTIALS",),
    ),
    Provider(
        "polly",
        "voice",
        "Amazon Polly",
        "",
        "polly",
        "aiobotocore",
        ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"),
    ),
    Provider(
        "playht", "voice", "PlayHT", "", "playht", "pyht", ("PLAYHT_USER_ID", "PLAYHT_API_KEY")
    ),
)

PREFIXES = ("sim:", "recorded:")
"""Families of providers: simulated from figures, and announced (this version has none)."""

FRONT_DESKS = ("embedded", profiles.PREFIX)
"""Agents that answer as the front desk: what its callers say is what there is to understand."""

SIMULATED: dict[Role, tuple[profiles.Role, str]] = {
    "transcriber": ("stt", "bench.providers.simulated_transcriber:SimulatedTranscriber"),
    "llm": ("llm", "bench.providers.simulated_agent:SimulatedAgent"),
    "voice": ("tts", "bench.providers.simulated_synthesizer:SimulatedSynthesizer"),
}
"""A role among the profiles, and what plays it."""


class UnknownProvider(ConfigError, ValueError):
    """No provider of that name in that role; the message lists those there are."""


def simulated(role: Role, named: str) -> Provider:
    """The row of a simulated provider; there are too many for the table."""
    kind, adapter = SIMULATED[role]
    known = profiles.names(kind)
    if named not in known:
        word = ROLES[role][2]
        raise UnknownProvider(
            f"Unknown {word} provider: {named} (simulated are: {', '.join(known)})"
        )
    return Provider(named, role, f"{profiles.profile(named).label} (simulated)", adapter)
