"""A language in, the same with the country that is meant out."""

from __future__ import annotations

COUNTRIES = {
    "ar": "EG",
    "bn": "IN",
    "ca": "ES",
    "cs": "CZ",
    "da": "DK",
    "el": "GR",
    "en": "US",
    "et": "EE",
    "fa": "IR",
    "gu": "IN",
    "he": "IL",
    "hi": "IN",
    "ja": "JP",
    "kn": "IN",
    "ko": "KR",
    "ml": "IN",
    "mr": "IN",
    "ms": "MY",
    "nb": "NO",
    "pa": "IN",
    "pt": "BR",
    "sl": "SI",
    "sv": "SE",
    "ta": "IN",
    "te": "IN",
    "uk": "UA",
    "ur": "IN",
    "vi": "VN",
    "zh": "CN",
}
"""Of languages that are not spoken in a country of the same code."""


def locale_of(language: str) -> str:
    """A language and its country ("en-US") of a code that may be of the language alone."""
    if "-" in language:
        return language
    return f"{language}-{COUNTRIES.get(language, language.upper())}"
