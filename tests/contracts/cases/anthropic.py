"""Anthropic's messages."""

from tests.contracts.case import Case

CASES = (
    Case(
        name="anthropic",
        role="llm",
        provider="anthropic",
        emulator="bench.emulators.anthropic:AnthropicEmulator",
        adapter="bench.providers.anthropic:AnthropicAgent",
        url="anthropic_base_url",
        key="ANTHROPIC_API_KEY",
    ),
)
