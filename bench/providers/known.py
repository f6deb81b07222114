"""A role in, the providers there are for it out: the table of names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from bench.errors import ConfigError
from bench.providers import offers
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
    is what the extra installs, by the name it is imported under; `variables` hold the key, of which
    those that are `optional` may be left out, and with the setting `address` the `spared` ones too.
    The SDK of a `legacy` one holds others back, so its extra wants an environment of its own;
    `note` says why it is old. `models` and `voices` are the best known ones, not all; the first is
    usual.
    """

    key: str
    role: Role
    label: str
    adapter: str = ""
    extra: str = ""
    package: str = ""
    variables: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    address: str = ""
    spared: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    voices: tuple[offers.Voice, ...] = ()
    note: str = ""
    legacy: bool = False

    def wanted(self, agent_config: Mapping[str, Any]) -> tuple[str, ...]:
        """The variables without which it cannot be made."""
        spared = self.spared if agent_config.get(self.address) else ()
        left_out = {*self.optional, *spared}
        return tuple(variable for variable in self.variables if variable not in left_out)


PROVIDERS = (
    Provider(
        "embedded",
        "transcriber",
        "PocketSphinx",
        adapter="bench.providers.embedded:EmbeddedTranscriber",
    ),
    Provider(
        "embedded",
        "llm",
        "Front desk",
        adapter="bench.providers.front_desk:FrontDeskAgent",
    ),
    Provider(
        "embedded",
        "voice",
        "espeak-ng",
        adapter="bench.providers.embedded:EmbeddedSynthesizer",
    ),
    Provider(
        "deepgram",
        "transcriber",
        "Deepgram",
        adapter="bench.providers.deepgram_flux:deepgram_transcriber",
        extra="deepgram",
        package="deepgram",
        variables=("DEEPGRAM_API_KEY",),
        models=offers.DEEPGRAM_MODELS,
    ),
    Provider(
        "assemblyai",
        "transcriber",
        "AssemblyAI",
        adapter="bench.providers.assemblyai:AssemblyAITranscriber",
        extra="assemblyai",
        package="assemblyai",
        variables=("ASSEMBLYAI_API_KEY",),
        models=offers.ASSEMBLYAI_MODELS,
    ),
    Provider(
        "azure",
        "transcriber",
        "Azure Speech",
        adapter="bench.providers.azure_speech:AzureTranscriber",
        extra="azure",
        package="azure.cognitiveservices.speech",
        variables=("AZURE_SPEECH_KEY", "AZURE_SPEECH_REGION"),
        address="azure_url",
        spared=("AZURE_SPEECH_REGION",),
    ),
    Provider(
        "google",
        "transcriber",
        "Google Cloud Speech-to-Text",
        adapter="bench.providers.google_speech:GoogleTranscriber",
        extra="google",
        package="google.cloud.speech",
        variables=("GOOGLE_APPLICATION_CREDENTIALS",),
        address="google_speech_url",
        spared=("GOOGLE_APPLICATION_CREDENTIALS",),
        models=offers.GOOGLE_SPEECH_MODELS,
    ),
    Provider(
        "openai",
        "llm",
        "OpenAI",
        adapter="bench.providers.openai:OpenAIAgent",
        extra="openai",
        package="openai",
        variables=("OPENAI_API_KEY",),
        address="openai_base_url",
        spared=("OPENAI_API_KEY",),
        models=offers.OPENAI_MODELS,
    ),
    Provider(
        "gemini",
        "llm",
        "Google Gemini",
        adapter="bench.providers.gemini:GeminiAgent",
        extra="gemini",
        package="google.genai",
        variables=("GEMINI_API_KEY",),
        models=offers.GEMINI_MODELS,
    ),
    Provider(
        "anthropic",
        "llm",
        "Anthropic",
        adapter="bench.providers.anthropic:AnthropicAgent",
        extra="anthropic",
        package="anthropic",
        variables=("ANTHROPIC_API_KEY",),
        models=offers.ANTHROPIC_MODELS,
    ),
    Provider(
        "elevenlabs",
        "voice",
        "ElevenLabs",
        adapter="bench.providers.elevenlabs:create_synthesizer",
        extra="elevenlabs",
        package="elevenlabs",
        variables=("ELEVENLABS_API_KEY",),
        models=offers.ELEVENLABS_MODELS,
        voices=offers.ELEVENLABS_VOICES,
    ),
    Provider(
        "azure",
        "voice",
        "Azure Speech",
        adapter="bench.providers.azure_voice:AzureSynthesizer",
        extra="azure",
        package="azure.cognitiveservices.speech",
        variables=("AZURE_SPEECH_KEY", "AZURE_SPEECH_REGION"),
        address="azure_url",
        spared=("AZURE_SPEECH_REGION",),
        voices=offers.AZURE_VOICES,
    ),
    Provider(
        "google",
        "voice",
        "Google Cloud Text-to-Speech",
        adapter="bench.providers.google_voice:GoogleSynthesizer",
        extra="google",
        package="google.cloud.texttospeech",
        variables=("GOOGLE_APPLICATION_CREDENTIALS",),
        address="google_voice_url",
        spared=("GOOGLE_APPLICATION_CREDENTIALS",),
        voices=offers.GOOGLE_VOICES,
    ),
    Provider(
        "polly",
        "voice",
        "Amazon Polly",
        adapter="bench.providers.polly:PollySynthesizer",
        extra="polly",
        package="aiobotocore",
        variables=(
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_SESSION_TOKEN",
            "AWS_REGION",
        ),
        optional=("AWS_SESSION_TOKEN",),
        models=offers.POLLY_MODELS,
        voices=offers.POLLY_VOICES,
    ),
    Provider(
        "playht",
        "voice",
        "Play.ht",
        adapter="bench.providers.playht:PlayHTSynthesizer",
        extra="playht",
        package="pyht",
        variables=("PLAYHT_USER_ID", "PLAYHT_API_KEY"),
        models=offers.PLAYHT_MODELS,
        voices=offers.PLAYHT_VOICES,
        note="the service closed at the end of 2025",
        legacy=True,
    ),
)

BACKENDS: dict[tuple[Role, str, str], Provider] = {
    ("llm", "gemini", "generativeai"): Provider(
        "gemini",
        "llm",
        "Google Gemini, older SDK",
        adapter="bench.providers.gemini_legacy:GeminiLegacyAgent",
        extra="gemini-legacy",
        package="google.generativeai",
        variables=("GEMINI_API_KEY",),
        models=offers.GEMINI_LEGACY_MODELS,
        note="its support ended in November 2025; google-genai, the usual backend, succeeds it",
        legacy=True,
    ),
}
"""Another SDK for a row of the table, by role, key and what the setting `…_backend` says."""

RECORDED_PREFIX = "recorded:"
PREFIXES = (profiles.PREFIX, RECORDED_PREFIX)
"""Families of providers: simulated from figures, and played from a cassette."""

FRONT_DESKS = ("embedded", profiles.PREFIX)
"""Agents that answer as the front desk: what its callers say is what there is to understand."""

SIMULATED: dict[Role, tuple[profiles.Role, str]] = {
    "transcriber": ("stt", "bench.providers.simulated_transcriber:SimulatedTranscriber"),
    "llm": ("llm", "bench.providers.simulated_agent:SimulatedAgent"),
    "voice": ("tts", "bench.providers.simulated_synthesizer:SimulatedSynthesizer"),
}
"""A role among the profiles, and what plays it."""


RECORDED: dict[Role, str] = {
    "transcriber": "bench.providers.recorded_ears:RecordedTranscriber",
    "llm": "bench.providers.recorded:RecordedAgent",
    "voice": "bench.providers.recorded_voice:RecordedSynthesizer",
}
"""A role, and what plays it from a cassette."""


class UnknownProvider(ConfigError, ValueError):
    """No provider of that name in that role; the message lists those there are."""


def backend(row: Provider, agent_config: Mapping[str, Any]) -> Provider:
    """The row of the SDK that an agent config names for a provider; the same row mostly."""
    return BACKENDS.get((row.role, row.key, str(agent_config.get(f"{row.key}_backend"))), row)


def models_of(
    role: Role, named: str, agent_config: Mapping[str, Any]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The models that the table has for a provider, and those that only others of the role have."""
    rows = [backend(row, agent_config) for row in PROVIDERS if row.role == role]
    known = tuple(model for row in rows if row.key == named for model in row.models)
    others = (model for row in rows if row.key != named for model in row.models)
    return known, tuple(model for model in others if model not in known)


def of_another(one: str, other: str) -> bool:
    """Whether two names are of providers that do not share the names of voices and models."""
    simulated_both = one.startswith(profiles.PREFIX) and other.startswith(profiles.PREFIX)
    return one != other and not simulated_both


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
