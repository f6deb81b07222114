"""OpenAI's SDK and our adapter, against the emulated service, in virtual time.

What is asked of every adapter stands in `tests/contracts/test_every_*.py`.
"""

import contextlib
import json
from collections.abc import AsyncGenerator
from typing import Any

import openai
import pytest

from bench import clock
from bench.emulators.openai import KEY, OpenAIEmulator
from bench.engine.agent import GeneratedResponse, TranscriptionAgentInput
from bench.engine.tools import ToolCall
from bench.engine.transcriber import Transcription
from bench.errors import BrokenStream, ProviderError
from bench.events import AgentFinished, FirstToken, ProviderFailed
from bench.providers.openai import OpenAIAgent
from bench.settings import Secret
from bench.simulation.context import Reply
from bench.simulation.faults import Fault
from bench.trace import Trace
from tests.contracts.canned import canned
from tests.contracts.ends import nothing_left

pytestmark = pytest.mark.contract

REPLIES = [Reply("open", "We are open from nine to five."), Reply("*", "Yes.")]
ANSWER = REPLIES[0].say


def agent_at(url: str, key: str = KEY, **config: Any) -> OpenAIAgent:
    keys = {"OPENAI_API_KEY": Secret(key)}
    agent = OpenAIAgent({"openai_base_url": url, "keys": keys, **config})
    agent.trace = Trace()
    return agent


@contextlib.asynccontextmanager
async def served(
    key: str = KEY, faults: tuple[Fault, ...] = (), **config: Any
) -> AsyncGenerator[tuple[OpenAIEmulator, OpenAIAgent]]:
    """An emulator and a working agent; afterwards nothing is left of either."""
    async with nothing_left(), OpenAIEmulator(REPLIES, faults=faults).serving() as emulator:
        agent = agent_at(emulator.url, key, **config)
        agent.trace = Trace()
        agent.start()
        try:
            yield emulator, agent
        finally:
            await agent.terminate()


async def asked(agent: OpenAIAgent, text: str = "When are you open?") -> list[tuple[float, str]]:
    """The pieces of an answer, each with its instant."""
    item = TranscriptionAgentInput(Transcription(text))
    agent.input_queue.put_nowait(item)
    pieces = list[tuple[float, str]]()
    while not (piece := await agent.output_queue.get()).is_last:
        pieces.append((round(clock.now(), 6), piece.message.text))
    return pieces


def test_text_comes_as_it_is_written_and_usage_at_the_end():
    async def main():
        async with served() as (emulator, agent):
            pieces = await asked(agent)
            assert agent.trace is not None
            return pieces, agent.trace, emulator.requests

    pieces, trace, requests = clock.run(main(), virtual=True)
    assert "".join(text for _, text in pieces) == ANSWER
    words = pieces[:7]
    assert [at for at, _ in words] == [round(0.3 + 0.02 * n, 6) for n in range(7)]
    assert len(trace.of(FirstToken)) == 1
    (finished,) = trace.of(AgentFinished)
    assert (finished.tokens, finished.usage["completion_tokens"]) == (7, 7)
    (request,) = requests
    assert request["stream"] is True
    assert [message["role"] for message in request["messages"]] == ["system", "user"]


def test_the_model_is_told_what_was_heard_and_what_was_cut_off():
    async def main():
        async with served(llm_model="a-model", system_prompt="Be kind.") as (emulator, agent):
            agent.transcript.add_bot_message("Good evening.")
            agent.transcript.add_human_message("Tell me a story.")
            cut = agent.transcript.add_bot_message("Once upon a time there was a clock.")
            cut.settle("Once upon a", interrupted=True)
            await asked(agent)
            return emulator.requests[0]

    request = clock.run(main(), virtual=True)
    assert request["model"] == "a-model"
    assert [(message["role"], message["content"]) for message in request["messages"]] == [
        ("system", "Be kind."),
        ("assistant", "Good evening."),
        ("user", "Tell me a story."),
        ("assistant", "Once upon a –"),
        ("user", "When are you open?"),
    ]


def test_one_connection_serves_several_turns():
    async def main():
        async with served() as (_, agent):
            first = await asked(agent)
            second = await asked(agent, "Really?")
            return first, second

    first, second = clock.run(main(), virtual=True)
    assert second[0][0] == pytest.approx(first[-1][0] + 0.3, abs=1e-5)


def test_the_emulator_serves_the_plain_sdk():
    async def main():
        async with nothing_left(), OpenAIEmulator(REPLIES).serving() as emulator:
            async with openai.AsyncOpenAI(api_key=KEY, base_url=emulator.url) as client:
                whole = await client.chat.completions.create(
                    model="m", messages=[{"role": "user", "content": "When are you open?"}]
                )
                with pytest.raises(openai.BadRequestError):
                    await client.post("/chat/completions", body={"model": "m"}, cast_to=object)
            return whole

    whole = clock.run(main(), virtual=True)
    assert whole.choices[0].message.content == ANSWER
    assert whole.usage is not None
    assert whole.usage.completion_tokens == 7


def test_a_refusal_is_quoted():
    async def main():
        async with served("wrong") as (_, agent):
            await asked(agent)
            assert agent.trace is not None
            return agent.trace.of(ProviderFailed)

    (failed,) = clock.run(main(), virtual=True)
    assert failed.message == "status 401: Incorrect API key provided. (look at OPENAI_API_KEY)"


def event(*tool_calls: dict[str, Any], finish: str | None = None, **delta: Any) -> str:
    told = {"tool_calls": list(tool_calls)} if tool_calls else {}
    choice = {"index": 0, "delta": {**told, **delta}, "finish_reason": finish}
    return f"data: {json.dumps({'id': 'c', 'choices': [choice]})}\n\n"


def fragment(index: int, arguments: str = "", **named: Any) -> dict[str, Any]:
    function = {"arguments": arguments} | ({"name": named.pop("name")} if "name" in named else {})
    return {"index": index, "function": function, **named}


def told(*pieces: str) -> list[GeneratedResponse]:
    """What an agent makes of a stream."""

    async def main() -> list[GeneratedResponse] | ProviderError:
        async with nothing_left(), canned(pieces) as url:
            agent = agent_at(url)
            agent.transcript.add_human_message("When are you open?")
            try:
                return [response async for response in agent.generate_response("", False, "")]
            except ProviderError as error:
                return error
            finally:
                await agent.hang_up()

    found = clock.run(main(), virtual=True)
    if isinstance(found, ProviderError):
        raise found
    return found


def test_fragments_of_calls_are_put_together_by_their_index():
    found = told(
        event(content="Let me see."),
        event(fragment(0, id="a", name="free_tables"), fragment(1, id="b", name="book")),
        event(fragment(1, '{"n"'), fragment(0, '{"day": "Mon')),
        event(fragment(1, ": 1}")),
        event(fragment(0, 'day"}'), finish="tool_calls"),
        "data: [DONE]\n\n",
    )
    assert "".join(response.message.text for response in found) == "Let me see."
    assert len(found) == 6  # a stream in which something happens is no stalled one
    assert found[-1].tool_calls == (
        ToolCall("a", "free_tables", '{"day": "Monday"}'),
        ToolCall("b", "book", '{"n": 1}'),
    )


def test_a_like_service_may_count_and_name_its_calls_badly():
    """All with the same index, or with no id, or every fragment with its name, and without
    `tool_calls` for a reason."""
    (response,) = told(
        event(fragment(0, "{}", id="a", name="one")),
        event(fragment(0, "{}", id="b", name="two")),
        event(fragment(1, "{}", name="three")),
        event(fragment(1, "{}", name="four")),
        event(fragment(2, '{"n"', id="c", name="five")),
        event(fragment(2, ": 1}", id="c", name="five"), finish="stop"),
    )
    assert [(call.id, call.name, call.arguments) for call in response.tool_calls] == [
        ("a", "one", "{}"),
        ("b", "two", "{}"),
        ("call_1", "three", "{}"),
        ("call_2", "four", "{}"),
        ("c", "five", '{"n": 1}'),
    ]


@pytest.mark.parametrize(
    "pieces",
    [
        (event(content="We are"),),
        (event(content="We are"), "data: [DONE]\n\n"),
        (event({"index": 0, "function": 7}), event(finish="stop")),
        ('data: {"choices": 7}\n\n',),
        ('data: {"error": {"message": "no"}}\n\n',),
    ],
)
def test_what_the_protocol_does_not_hold_is_a_broken_stream(pieces: tuple[str, ...]):
    with pytest.raises(BrokenStream):
        told(*pieces)


def test_what_services_put_around_an_answer():
    """Comments that keep a line open, a filter's chunk without a choice, an end without a delta."""
    end = {"index": 0, "delta": None, "finish_reason": "stop"}
    found = told(
        ": being processed\n\n",
        'data: {"id": "", "choices": [], "prompt_filter_results": [{"prompt_index": 0}]}\n\n',
        event(role="assistant", content=None, reasoning_content="Hm."),
        ": still being processed\r\n\r\n",
        event(content="Yes."),
        f"data: {json.dumps({'id': 'c', 'choices': [end]})}\n\n",
        "data: [DONE]\n\n",
    )
    assert [response.message.text for response in found] == ["Yes."]


@pytest.mark.parametrize(
    ("pieces", "said"),
    [
        (["<think>", "Hm, yes.", "</think>", "\n\n", "Yes", "."], "Yes."),
        (["\n<thi", "nk>Hm.</th", "ink>Yes."], "Yes."),
        (["<", "b>Yes."], "<b>Yes."),
        ([" ", "Yes", " <think>."], " Yes <think>."),
    ],
)
def test_thoughts_that_a_service_leaves_in_the_text_are_not_said(pieces: list[str], said: str):
    found = told(*(event(content=piece) for piece in pieces), event(finish="stop"))
    assert "".join(response.message.text for response in found) == said


def test_nothing_but_thoughts_is_no_answer():
    with pytest.raises(BrokenStream, match="no answer: length"):
        told(event(content="<think>Hm, "), event(content="well"), event(finish="length"))


def test_a_refusal_in_words_is_said():
    found = told(event(refusal="I cannot"), event(refusal=" say."), event(finish="stop"))
    assert "".join(response.message.text for response in found) == "I cannot say."


def test_counts_that_come_with_every_chunk_are_no_first_piece():
    usage = '"usage": {"prompt_tokens": 3, "completion_tokens": 0, "total_tokens": 3}'
    began = event(content="").replace('{"id": "c"', '{"id": "c", ' + usage)
    found = told(began, event(content="Yes."), event(finish="stop"))
    assert [response.message.text for response in found] == ["Yes."]


def test_the_emulator_serves_tools_to_the_plain_sdk():
    table = Reply("table", "There are {result}.", "free_tables", '{"day": "Monday"}')
    function = {"name": "free_tables", "parameters": {"type": "object", "properties": {}}}
    asked: list[Any] = [{"role": "user", "content": "Is there a table?"}]
    tools: Any = [{"type": "function", "function": function}]

    async def main():
        async with (
            nothing_left(),
            OpenAIEmulator([table]).serving() as emulator,
            openai.AsyncOpenAI(api_key=KEY, base_url=emulator.url) as client,
        ):
            models = [model.id async for model in client.models.list()]
            completions = client.chat.completions
            whole = await completions.create(model="m", messages=asked, tools=tools)
            async with completions.stream(model="m", messages=asked, tools=tools) as stream:
                streamed = (await stream.get_final_completion()).choices[0]
            message = whole.choices[0].message
            (call,) = message.tool_calls or ()
            asked.append(message)
            with pytest.raises(openai.BadRequestError, match="tool_call_id"):
                await completions.create(model="m", messages=asked)
            asked.append({"role": "tool", "tool_call_id": call.id, "content": "three"})
            answer = await completions.create(model="m", messages=asked, tools=tools)
            return models, whole.choices[0], streamed, answer.choices[0]

    models, whole, streamed, answer = clock.run(main(), virtual=True)
    assert "gpt-4.1-mini" in models
    for choice in (whole, streamed):
        assert choice.finish_reason == "tool_calls"
        (call,) = choice.message.tool_calls or ()
        assert call.type == "function"
        assert (call.function.name, call.function.arguments) == ("free_tables", '{"day": "Monday"}')
    assert (answer.message.content, answer.finish_reason) == ("There are three.", "stop")
