"""google-generativeai and our adapter, against the emulated gRPC service, on the wall clock."""

import contextlib
import json
import logging
import warnings
from collections.abc import AsyncGenerator
from typing import Any

import pytest

pytest.importorskip("google.generativeai", reason="tested in the legacy environment")

from grpc import aio

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import google.generativeai as genai
    from google.ai.generativelanguage import GenerativeServiceAsyncClient
    from google.ai.generativelanguage_v1beta.services.generative_service.transports import (
        GenerativeServiceGrpcAsyncIOTransport,
    )

from bench import clock
from bench.emulators.gemini_legacy import KEY, GeminiLegacyEmulator
from bench.engine.agent import GeneratedResponse
from bench.errors import BrokenStream, ConfigError, Rejected
from bench.providers import gemini_legacy
from bench.providers.gemini_legacy import GeminiLegacyAgent
from bench.providers.handler import VoiceHandler
from bench.settings import Secret
from bench.simulation.context import Reply
from tests.contracts.ends import nothing_left

pytestmark = [pytest.mark.contract, pytest.mark.legacy]

KEYS = {"GEMINI_API_KEY": Secret(KEY)}
ANSWER = "We are open from nine to five."
REPLIES = (Reply("open", ANSWER), Reply("*", "Yes."))
BOOK = Reply("table", "{result}", "book", '{"people": 2, "fee": 2.5, "at": [7, 8]}')


@contextlib.asynccontextmanager
async def served(
    replies: tuple[Reply, ...] = REPLIES, config: dict[str, Any] | None = None, **emulator: Any
) -> AsyncGenerator[tuple[GeminiLegacyEmulator, GeminiLegacyAgent]]:
    """An emulator and an agent; afterwards nothing is left of either."""
    emulator = {"first": lambda: 0.02, **emulator}
    async with (
        nothing_left(virtual=False, warm=False),
        GeminiLegacyEmulator(replies, **emulator).serving() as server,
    ):
        agent = GeminiLegacyAgent({"gemini_base_url": server.url, "keys": KEYS, **(config or {})})
        try:
            yield server, agent
        finally:
            await agent.hang_up()


async def asked(agent: GeminiLegacyAgent, text: str) -> list[GeneratedResponse]:
    agent.transcript.add_human_message(text)
    return [response async for response in agent.generate_response(text, False, "")]


def test_each_token_comes_when_it_is_sent_and_not_with_the_next():
    async def main():
        async with served(every=lambda: 0.2) as (_, agent):
            agent.transcript.add_human_message("When are you open?")
            began = clock.now()
            responses = agent.generate_response("", False, "")
            first = await anext(responses)
            waited = clock.now() - began
            await responses.aclose()
            return first.message.text, waited

    text, waited = clock.run(main())
    assert text == "We"
    assert waited < 0.2  # of the second token


def test_what_is_asked_has_the_history_the_model_and_what_it_is_told_of_its_part():
    async def main():
        config = {"llm_model": "gemini-1.5-pro", "system_prompt": "Be kind."}
        async with served(config=config) as (server, agent):
            agent.transcript.add_bot_message("Good evening.")
            await asked(agent, "When are you open?")
            return server.requests[0]

    request = clock.run(main())
    assert request["model"] == "models/gemini-1.5-pro"
    assert request["system_instruction"] == {"parts": [{"text": "Be kind."}]}
    silence, greeting, question = request["contents"]
    assert silence == {"role": "user", "parts": [{"text": "(The caller says nothing.)"}]}
    assert greeting == {"role": "model", "parts": [{"text": "Good evening."}]}
    assert question == {"role": "user", "parts": [{"text": "When are you open?"}]}
    assert "tools" not in request


def test_numbers_of_a_tool_are_whole_where_they_were():
    async def main():
        async with served((BOOK,)) as (server, agent):

            @agent.tools.add
            def book(people: int, fee: float, at: list[int], day: str = "today") -> str:
                """Keep a table."""
                return "done"

            @agent.tools.add
            def leave() -> str:
                """Hang up."""
                return "done"

            (_, last) = await asked(agent, "A table, please.")
            return last.tool_calls, server.requests[0]["tools"]

    (call,), (tool,) = clock.run(main())
    assert (call.id, call.name) == ("call_0", "book")
    assert json.loads(call.arguments) == {"people": 2, "fee": 2.5, "at": [7, 8]}
    assert "2.0" not in call.arguments
    assert "7.0" not in call.arguments
    kept, left = tool["function_declarations"]
    assert kept["parameters"] == {
        "type_": "OBJECT",
        "properties": {
            "people": {"type_": "INTEGER"},
            "fee": {"type_": "NUMBER"},
            "at": {"type_": "ARRAY", "items": {"type_": "INTEGER"}},
            "day": {"type_": "STRING"},
        },
        "required": ["people", "fee", "at"],
    }
    assert left == {"name": "leave", "description": "Hang up."}


@pytest.mark.parametrize(
    ("emulator", "error", "told"),
    [
        ({"blocks": "SAFETY"}, Rejected, "the prompt was blocked: SAFETY"),
        ({"ends_with": "RECITATION"}, BrokenStream, "no answer: RECITATION"),
        ({"ends_with": "FINISH_REASON_UNSPECIFIED"}, BrokenStream, "before the answer was complet"),
    ],
)
def test_an_answer_that_is_none_is_told(
    emulator: dict[str, str], error: type[Exception], told: str
):
    async def main():
        async with served(**emulator) as (_, agent):
            with pytest.raises(error, match=told):
                await asked(agent, "When are you open?")

    clock.run(main())


def test_the_successor_is_named_once(caplog: pytest.LogCaptureFixture):
    gemini_legacy._tell_of_successor.cache_clear()
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            GeminiLegacyAgent({"keys": KEYS})
    (told,) = (record for record in caplog.records if record.name == gemini_legacy.__name__)
    assert "its successor is google-genai: leave gemini_backend out" in told.getMessage()


def test_it_is_chosen_by_its_backend():
    config = {"llm": "gemini", "gemini_backend": "generativeai"}
    assert isinstance(VoiceHandler(KEYS).create_agent(config), GeminiLegacyAgent)
    with pytest.raises(ConfigError, match="LLM provider gemini: set GEMINI_API_KEY"):
        VoiceHandler({}).create_agent(config)


def test_the_emulator_serves_the_plain_sdk():
    async def main():
        async with GeminiLegacyEmulator(REPLIES, first=lambda: 0.0).serving() as server:
            async with aio.insecure_channel(server.url.removeprefix("http://")) as channel:
                model = genai.GenerativeModel("gemini-1.5-flash")
                transport = GenerativeServiceGrpcAsyncIOTransport(channel=channel)
                model._async_client = GenerativeServiceAsyncClient(transport=transport)
                options: Any = {"retry": None, "metadata": (("x-goog-api-key", KEY),)}
                answer = await model.generate_content_async(
                    "When are you open?", stream=True, request_options=options
                )
                texts = [chunk.text async for chunk in answer if chunk.parts]
            return texts, answer.usage_metadata.candidates_token_count

    assert clock.run(main()) == (["We", " are", " open", " from", " nine", " to", " five."], 7)
