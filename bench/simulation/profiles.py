"""A provider's name in, its figures out: latencies, errors and prices, each with its source.

The figures stand in `profiles.json`. An override changes those of one profile, by their names
there: a waiting time is a number (exactly that, always) or `{p50, p95}` (one of them keeps the
other in proportion), in milliseconds. Nothing simulated is a measurement of a provider; what is
assumed about it, a profile's `assumptions` say.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from importlib import resources
from typing import Any, Literal, overload

from bench.errors import ConfigError
from bench.simulation.assumptions import assumptions_of
from bench.simulation.figures import Figures
from bench.simulation.latency import Latency, Spread

Role = Literal["stt", "llm", "tts"]
ROLES: tuple[Role, ...] = ("stt", "llm", "tts")
PREFIX = "sim:"


@dataclass(frozen=True, slots=True)
class Profile:
    """What all roles have: `id` is the name without its prefix, `label` for people, `confidence`
    high, medium, low or assumption, `assumptions` a sentence each. A price of None is unknown and
    never nothing."""

    id: str
    label: str
    confidence: str
    assumptions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SttProfile(Profile):
    """How a recogniser hears.

    `final` counts from the end of speech to the final transcript, `first_partial` from its start.
    A word is in no partial before `partial_lag_seconds` after its end. `unstable_words` is the
    share of words that are wrong in their first partial, `word_error_rate` of those wrong for good.
    One that `detects_turns` says when a turn is over, and takes the share `false_end_rate` of the
    pauses inside for the end.
    """

    final: Latency
    first_partial: Latency
    partial_every: Latency
    partial_lag_seconds: float
    unstable_words: float
    word_error_rate: float
    detects_turns: bool
    false_end_rate: float
    usd_per_minute: float | None


@dataclass(frozen=True, slots=True)
class LlmProfile(Profile):
    """How a language model writes: `first_token` counts from the request to the first token of the
    answer, `tokens_per_second` is drawn once an answer."""

    first_token: Latency
    tokens_per_second: Spread
    rho: float
    usd_per_million_in: float | None
    usd_per_million_out: float | None


@dataclass(frozen=True, slots=True)
class TtsProfile(Profile):
    """How a voice comes: `first_audio` counts from the text to the first audible sample, leading
    silence included (`lead_seconds`, from … to, and at most half of it); audio comes in pieces of
    `chunk_seconds`, `real_time_factor` times as slowly as it plays."""

    first_audio: Latency
    real_time_factor: Spread
    rho: float
    chunk_seconds: float
    lead_seconds: tuple[float, float]
    usd_per_million_characters: float | None


@dataclass(frozen=True, slots=True)
class Prices:
    """List prices in US dollars; None is unknown and never nothing."""

    stt_per_minute: float | None
    llm_per_million_in: float | None
    llm_per_million_out: float | None
    tts_per_million_characters: float | None


@cache
def data() -> Mapping[str, Any]:
    """The whole file, as it stands."""
    return json.loads(_text())


@cache
def digest() -> str:
    """The file's hash, in 12 hexadecimal digits: for plots and records."""
    return blake2b(_text().encode(), digest_size=6).hexdigest()


def names(role: Role) -> tuple[str, ...]:
    """The profiles of a role, as they are called in settings: `sim:…`."""
    return tuple(f"{PREFIX}{id}" for id in data()[role])


def role_of(name: str) -> Role | None:
    """Whose profile that is; None when there is none of that name, with or without `sim:`."""
    id = name.removeprefix(PREFIX)
    return next((role for role in ROLES if id in data()[role]), None)


@overload
def profile(
    name: str, overrides: Mapping[str, Any] | None = None, *, role: Literal["stt"]
) -> SttProfile: ...
@overload
def profile(
    name: str, overrides: Mapping[str, Any] | None = None, *, role: Literal["llm"]
) -> LlmProfile: ...
@overload
def profile(
    name: str, overrides: Mapping[str, Any] | None = None, *, role: Literal["tts"]
) -> TtsProfile: ...
@overload
def profile(name: str, overrides: Mapping[str, Any] | None = None) -> Profile: ...
def profile(
    name: str, overrides: Mapping[str, Any] | None = None, *, role: Role | None = None
) -> Profile:
    """A profile by name (`sim:gpt-4.1` or `gpt-4.1`), with some of its figures changed.

    Raises:
        ConfigError: no such profile (of that role), an unknown figure (the message lists those
            there are), or an impossible value.
    """
    found = role_of(name)
    if found is None or role not in (None, found):
        known = ", ".join(name for each in ROLES if role in (None, each) for name in names(each))
        raise ConfigError(f"no simulated provider {name[:100]}; known are: {known}")
    id = name.removeprefix(PREFIX)
    figures = Figures.of(f"{PREFIX}{id}", data()["defaults"][found], data()[found][id], overrides)
    return _MAKERS[found](id, figures)


def prices(
    stt: str, llm: str, tts: str, overrides: Mapping[str, Mapping[str, Any]] | None = None
) -> Prices:
    """What a stack costs, by the names of its simulated providers, with changes by name as a
    scenario makes them; others are unpriced."""
    changed = overrides or {}
    ears = profile(stt, changed.get(stt), role="stt") if role_of(stt) == "stt" else None
    head = profile(llm, changed.get(llm), role="llm") if role_of(llm) == "llm" else None
    mouth = profile(tts, changed.get(tts), role="tts") if role_of(tts) == "tts" else None
    return Prices(
        ears and ears.usd_per_minute,
        head and head.usd_per_million_in,
        head and head.usd_per_million_out,
        mouth and mouth.usd_per_million_characters,
    )


def _text() -> str:
    return resources.files("bench.simulation").joinpath("profiles.json").read_text("utf-8")


def _stt(id: str, figures: Figures) -> SttProfile:
    return SttProfile(
        id,
        figures.text("label"),
        figures.text("confidence"),
        assumptions_of(figures, data()["sources"]),
        final=figures.latency("ttfs_ms"),
        first_partial=figures.wait("first_partial_ms"),
        partial_every=figures.wait("partial_every_ms"),
        partial_lag_seconds=figures.seconds("partial_lag_ms"),
        unstable_words=figures.share("unstable_words"),
        word_error_rate=figures.share("word_error_rate"),
        detects_turns=figures.flag("detects_turns"),
        false_end_rate=figures.share("false_end_rate"),
        usd_per_minute=figures.price("usd_per_minute"),
    )


def _llm(id: str, figures: Figures) -> LlmProfile:
    return LlmProfile(
        id,
        figures.text("label"),
        figures.text("confidence"),
        assumptions_of(figures, data()["sources"]),
        first_token=figures.latency("ttfat_ms"),
        tokens_per_second=figures.spread("tokens_per_s"),
        rho=figures.share("rho"),
        usd_per_million_in=figures.price("usd_per_million_in"),
        usd_per_million_out=figures.price("usd_per_million_out"),
    )


def _tts(id: str, figures: Figures) -> TtsProfile:
    return TtsProfile(
        id,
        figures.text("label"),
        figures.text("confidence"),
        assumptions_of(figures, data()["sources"]),
        first_audio=figures.latency("ttfa_ms"),
        real_time_factor=figures.spread("rtf"),
        rho=figures.share("rho"),
        chunk_seconds=figures.seconds("chunk_ms"),
        lead_seconds=figures.range_seconds("lead_silence_ms"),
        usd_per_million_characters=figures.price("usd_per_million_characters"),
    )


_MAKERS = {"stt": _stt, "llm": _llm, "tts": _tts}
