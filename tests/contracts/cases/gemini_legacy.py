"""Gemini by google-generativeai, over gRPC; the SDK is in the legacy environment."""

from tests.contracts.cases._legacy import LegacyCase

CASES = (
    LegacyCase(
        name="gemini legacy",
        role="llm",
        provider="gemini",
        emulator="bench.emulators.gemini_legacy:GeminiLegacyEmulator",
        adapter="bench.providers.gemini_legacy:GeminiLegacyAgent",
        url="gemini_base_url",
        key="GEMINI_API_KEY",
        virtual=False,
    ),
)
