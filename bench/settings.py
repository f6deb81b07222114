"""The tables of settings: the server's, a session's providers, the vendors' services."""

from __future__ import annotations

import re
import secrets
import typing
from dataclasses import dataclass, field, fields
from typing import Any

from bench.errors import ConfigError

KEY_VARIABLES = tuple(
    "ANTHROPIC_API_KEY ASSEMBLYAI_API_KEY AWS_ACCESS_KEY_ID AWS_REGION AWS_SECRET_ACCESS_KEY "
    "AWS_SESSION_TOKEN AZURE_SPEECH_KEY AZURE_SPEECH_REGION DEEPGRAM_API_KEY ELEVENLABS_API_KEY "
    "GEMINI_API_KEY GOOGLE_APPLICATION_CREDENTIALS OPENAI_API_KEY PLAYHT_API_KEY "
    "PLAYHT_USER_ID".split()
)
"""What vendors call their keys, and what goes with a key."""

ALIASES = {"stt": "transcriberProvider", "llm": "llmProvider", "tts": "voiceProvider"}
TRANSCRIBER_MODES = ("vocabulary", "open")
RANGES = {
    "words_per_second": (0.5, 1000.0),
    "words_per_minute": (80, 450),
    "speed": (0.5, 2.7),
    "pitch": (0, 99),
}
MOST_TERMS, LONGEST_TERM = 100, 50  # characters; the least that a vendor takes
LANGUAGE = re.compile("[A-Za-z]{2,5}(-[A-Za-z0-9]{2,8})*")
SOCKET, WEB = ("wss", "ws"), ("https", "http")
ADDRESSES = {
    "deepgram_url": SOCKET,
    "assemblyai_url": SOCKET,
    "azure_url": SOCKET,
    "google_speech_url": WEB,
    "openai_base_url": WEB,
    "anthropic_base_url": WEB,
    "gemini_base_url": WEB,
    "elevenlabs_url": WEB,
    "google_voice_url": WEB,
    "polly_url": WEB,
    "playht_url": WEB,
}
"""Settings that are addresses, and the schemes they may have."""
CHOICES = {
    "gemini_backend": ("genai", "generativeai"),
    "google_speech_api": ("v1", "v2"),
    "elevenlabs_transport": ("http", "socket"),
    "voice_format": ("pcm", "mp3"),
}
"""Settings that are one of a few words; the first is what is meant without them."""
LIMITS = (
    "requests_per_second",
    "concurrent_requests",
    "daily_minutes",
    "daily_tokens",
    "daily_characters",
)
"""Settings of what an account with a provider is good for."""


class Secret:
    """A text that does not show itself; `reveal()` where it is used, and nowhere else."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself."""
        return self._text

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return secrets.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __bool__(self) -> bool:
        return bool(self._text)

    def __repr__(self) -> str:
        return "***"

    def __reduce__(self) -> typing.NoReturn:
        raise TypeError("a secret is neither copied nor written anywhere")


@dataclass(frozen=True, slots=True)
class AppSettings:
    """The server: where it listens and what it allows; durations are seconds.

    `secret` (`TALKBENCH_SECRET`) signs the sessions' tokens; made anew at each start unless given.
    `token` (`TALKBENCH_TOKEN`) is what the page asks for when it is served beyond this machine.
    """

    host: str = "127.0.0.1"
    port: int = 7860
    reconnect_grace_seconds: float = 60.0  # a session outlives its socket for so long
    idle_limit_seconds: float = 300.0  # without a sound from either side
    session_limit_seconds: float = 3600.0
    conversations: int = 50  # at once
    origins: tuple[str, ...] = ()  # of other pages that may use the socket: "https://a.example"
    record: bool = True  # each conversation in stereo, for export, in a temporary file
    redact_log: bool = False  # keep what users say out of the log
    cassettes: str | None = None  # a folder: what each conversation's providers do is kept there
    secret: Secret = field(default_factory=lambda: Secret(secrets.token_hex(32)))
    token: Secret | None = None

    def __post_init__(self) -> None:
        """Refuse values that cannot work."""
        if not 0 <= self.port <= 65535:
            raise ConfigError(f"port is {self.port}: want 0 to 65535")
        if self.conversations < 1:
            raise ConfigError(f"conversations is {self.conversations}: want at least 1")
        for name in ("reconnect_grace_seconds", "idle_limit_seconds", "session_limit_seconds"):
            if not 0 <= getattr(self, name) <= 86_400:
                raise ConfigError(f"{name} is {getattr(self, name)!r}: want 0 to 86400 seconds")


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """Who listens, answers and speaks, and how: an agent config, named as `VoiceHandler` takes it.

    None leaves a choice to the provider.
    """

    transcriberProvider: str = "embedded"
    llmProvider: str = "embedded"
    voiceProvider: str = "embedded"
    transcriberFallback: str | None = None  # who takes over when the first one fails
    llmFallback: str | None = None
    voiceFallback: str | None = None
    transcriber_mode: str = "vocabulary"  # or "open": any words, less surely
    keyterms: tuple[str, ...] = ()  # names and rare words that a vendor's recogniser is to expect
    words_per_second: float | None = None  # at which the scripted agent writes
    voice: str | None = None
    words_per_minute: int | None = None
    speed: float | None = None  # 1.0: the voice's usual pace; instead of words_per_minute
    pitch: int | None = None

    def __post_init__(self) -> None:
        """Refuse values that cannot work."""
        if self.transcriber_mode not in TRANSCRIBER_MODES:
            known = " or ".join(TRANSCRIBER_MODES)
            raise ConfigError(f"transcriber_mode is {self.transcriber_mode!r}: want {known}")
        _check_terms(self.keyterms)
        for name, (low, high) in RANGES.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise ConfigError(f"{name} is {value!r}: want {low:g} to {high:g}")
        if self.speed is not None and self.words_per_minute is not None:
            raise ConfigError("speed and words_per_minute say the same: give one of them")


def _check_terms(terms: tuple[str, ...]) -> None:
    if len(terms) > MOST_TERMS:
        raise ConfigError(f"keyterms holds {len(terms)} terms: want {MOST_TERMS} at most")
    if not all(0 < len(term) <= LONGEST_TERM and term.isprintable() for term in terms):
        raise ConfigError(f"keyterms holds no term: want 1 to {LONGEST_TERM} printable characters")


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """How vendors' services are used; the owner's to set, since keys go where the addresses say.

    None leaves a choice to the provider.
    """

    transcriber_model: str | None = None
    llm_model: str | None = None
    llm_effort: str | None = None  # of thinking before an answer; None: as little as the model may
    voice_model: str | None = None
    language: str | None = None  # a code: "en", or "en-GB"
    system_prompt: str | None = None
    deepgram_url: str | None = None  # ws:// or wss://
    assemblyai_url: str | None = None  # ws:// or wss://
    azure_url: str | None = None  # ws:// or wss://, instead of a region; for speech and for voices
    google_speech_url: str | None = None  # http:// speaks without TLS and credentials
    google_speech_api: str | None = None  # or "v2"
    google_recognizer: str | None = None  # of v2: "projects/…/locations/…/recognizers/_"
    openai_base_url: str | None = None  # of any service with chat completions, with its /v1
    anthropic_base_url: str | None = None
    gemini_base_url: str | None = None
    gemini_backend: str | None = None  # or "generativeai", in an environment of its own
    elevenlabs_url: str | None = None
    elevenlabs_transport: str | None = None  # or "socket"
    voice_format: str | None = None  # or "mp3", where a voice has both
    google_voice_url: str | None = None  # http:// speaks without TLS and credentials
    polly_url: str | None = None
    playht_url: str | None = None
    requests_per_second: float = 10.0  # that start, of each account …
    concurrent_requests: int = 100  # … and that are under way, a stream of audio being one
    daily_minutes: float | None = None  # of audio, for ears
    daily_tokens: int | None = None  # of a language model
    daily_characters: int | None = None  # of a voice

    def __post_init__(self) -> None:
        """Refuse what is no address, words that mean nothing, and limits that allow nothing."""
        for name, schemes in ADDRESSES.items():
            value = getattr(self, name)
            if value is not None and value.partition("://")[0] not in schemes:
                raise ConfigError(f"{name} is no address: want {schemes[0]}:// or {schemes[1]}://…")
        for name, words in CHOICES.items():
            value = getattr(self, name)
            if value is not None and value not in words:
                raise ConfigError(f"{name} is {value!r}: want {' or '.join(words)}")
        if self.language is not None and not LANGUAGE.fullmatch(self.language):
            raise ConfigError(f"language is {self.language!r}: want a code, as en or en-GB")
        for name in LIMITS:
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ConfigError(f"{name} is {value!r}: want more than 0")

    def chosen(self) -> dict[str, Any]:
        """Those that are set, as an agent config has them."""
        values = {entry: getattr(self, entry.name) for entry in fields(self)}
        return {entry.name: value for entry, value in values.items() if value != entry.default}
