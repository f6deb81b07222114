"""Providers in, the voices that can be compared out, each with what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bench.app.page.choices import Offer
from bench.errors import ConfigError
from bench.providers.offers import Voice
from bench.simulation import profiles
from bench.speech.espeak import VOICES

LONGEST = 300  # characters of a name
SAME_MODELS = ("elevenlabs", "playht")
"""Providers whose voices speak with each of their models."""

PROFILES = {
    ("elevenlabs", "eleven_flash_v2_5"): "elevenlabs-flash-v2.5",
    ("elevenlabs", "eleven_multilingual_v2"): "elevenlabs-multilingual-v2",
    ("polly", "neural"): "polly-neural",
}
"""Models whose list price the simulated profiles know."""

FAMILIES = {
    "azure": (("DragonHD", "azure-hd-dragon"), ("Neural", "azure-neural")),
    "google": (
        ("Chirp3-HD", "google-chirp3-hd"),
        ("Neural2", "google-neural2"),
        ("Wavenet", "google-wavenet"),
        ("Standard", "google-standard"),
    ),
}
"""And families of voices, by a part of their names."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A voice that can be heard: `name` is "provider", "provider/voice" or "provider/voice@model",
    empty parts being the usual ones; `label` is for people."""

    name: str
    label: str
    provider: str
    voice: str | None = None
    model: str | None = None

    @property
    def simulated(self) -> bool:
        """Whether its sound and its figures are a simulation's."""
        return self.provider.startswith(profiles.PREFIX)

    @property
    def request(self) -> dict[str, Any]:
        """What a session asks for that is to speak with it, at the usual pace, and nobody else."""
        return {
            "voiceProvider": self.provider,
            "voiceFallback": None,
            "voice": self.voice or None,
            "voice_model": self.model,
            "words_per_minute": None,
            "speed": None,
            "pitch": None,
        }


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for 1000 characters, None where nobody has told, and who says so."""

    usd: float | None
    source: str


def candidates(every: Sequence[Offer]) -> list[Candidate]:
    """The voices of the providers that are ready, vendors' first; the simulated ones at the end."""
    rows = [offer for offer in every if offer.usable and offer.state.provider.role == "voice"]
    rows.sort(key=lambda offer: offer.state.provider.key == "embedded")
    found = [one for offer in rows for one in _of(offer)]
    return [*found, *(_simulated(name) for name in profiles.names("tts"))]


def candidate(name: str, known: Sequence[Candidate]) -> Candidate:
    """The voice of that name: one of the known, or any that a provider may have.

    Raises:
        ConfigError: it is no name.
    """
    found = next((one for one in known if one.name == name), None)
    if found is not None:
        return found
    provider, _, rest = name.partition("/")
    voice, _, model = rest.partition("@")
    if not provider or len(name) > LONGEST or not name.isprintable():
        raise ConfigError("want the name of a voice as provider/voice, or provider/voice@model")
    return Candidate(name, name, provider, voice or None, model or None)


def price(of: Candidate, model: str | None) -> Price:
    """What 1000 characters cost with a voice that speaks with this model."""
    if of.provider == "embedded":
        return Price(0.0, "nothing: it speaks on this machine")
    profile = _profile(of, model)
    if profile is None:
        return Price(None, "no list price is known here")
    million = profiles.profile(profile, role="tts").usd_per_million_characters
    if million is None:
        return Price(None, "no list price is known here")
    data = profiles.data()
    cited = data["tts"][profile]["sources"].get("usd_per_million_characters", [])
    titles = (f"{data['sources'][id]['title']} ({data['sources'][id]['date']})" for id in cited)
    return Price(million / 1000, "; ".join(titles))


def _of(offer: Offer) -> list[Candidate]:
    row = offer.state.provider
    if row.key == "embedded":
        voices = tuple(Voice(voice.name, voice.label) for voice in VOICES)
    else:
        voices = row.voices or (Voice("", "usual voice"),)
    found = [
        Candidate(
            f"{row.key}/{voice.id}", f"{row.label} · {voice.label}", row.key, voice.id or None
        )
        for voice in voices
    ]
    models = row.models[1:] if row.key in SAME_MODELS else ()
    return found + [
        Candidate(
            f"{row.key}/{voices[0].id}@{model}",
            f"{row.label} · {voices[0].label} · {model}",
            row.key,
            voices[0].id,
            model,
        )
        for model in models
    ]


def _simulated(name: str) -> Candidate:
    label = profiles.profile(name, role="tts").label
    return Candidate(name, f"simulated · {label}", name)


def _profile(of: Candidate, model: str | None) -> str | None:
    if of.simulated:
        return of.provider.removeprefix(profiles.PREFIX)
    for part, profile in FAMILIES.get(of.provider, ()):
        if part in (of.voice or ""):
            return profile
    return PROFILES.get((of.provider, model or ""))
