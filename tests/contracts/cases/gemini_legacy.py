"""Gemini by google-generativeai, over gRPC; the SDK is in the legacy environment."""

from bench.providers.known import BACKENDS, Provider
from tests.contracts.case import Case


class LegacyCase(Case):
    """A case whose SDK is not the provider's usual one."""

    @property
    def row(self) -> Provider:
        return BACKENDS["llm", "gemini", "generativeai"]


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
