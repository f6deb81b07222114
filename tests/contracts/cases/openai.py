"""OpenAI's chat completions."""

from tests.contracts.case import Case

CASES = (
    Case(
        name="openai",
        role="llm",
        provider="openai",
        emulator="bench.emulators.openai:OpenAIEmulator",
        adapter="bench.providers.openai:OpenAIAgent",
        url="openai_base_url",
        key="OPENAI_API_KEY",
    ),
)
