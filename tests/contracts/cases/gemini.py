"""Gemini by google-genai."""

from tests.contracts.case import Case

CASES = (
    Case(
        name="gemini",
        role="llm",
        provider="gemini",
        emulator="bench.emulators.gemini:GeminiEmulator",
        adapter="bench.providers.gemini:GeminiAgent",
        url="gemini_base_url",
        key="GEMINI_API_KEY",
    ),
)
