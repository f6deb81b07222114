"""Anthropic's SDK and our adapter, against the emulated service: what is this vendor's own."""

import json
from typing import Any

import anthropic
import httpx2
import pytest

from bench import clock
from bench.emulators.anthropic import KEY, AnthropicEmulator
from bench.engine.agent import GeneratedResponse
from bench.engine.tools import ToolCall
from bench.errors import BrokenStream, ProviderError
from bench.providers.anthropic import MODEL, AnthropicAgent
from bench.settings import Secret
from bench.simulation.context import Reply
from tests.contracts.canned import canned
from tests.contracts.ends import nothing_left

pytestmark = pytest.mark.contract

REPLIES = [Reply("table", "There are {result}.", "free_tables", '{"day": "Monday"}'),
           Reply("open", "We are open from nine to five.")]  # fmt: skip
TOOL: Any = {
    "name": "free_tables",
    "description": "How many tables are free.",
    "input_schema": {"type": "object", "properties": {"day": {"type": "string"}}},
}
ASKED: Any = {"model": "m", "max_tokens": 100}


def agent_at(url: str, **config: Any) -> AnthropicAgent:
    keys = {"ANTHROPIC_API_KEY": Secret(KEY)}
    return AnthropicAgent({"anthropic_base_url": url, "keys": keys, **config})


def event(kind: str, **content: Any) -> str:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **content})}\n\n"


def delta(index: int, kind: str, **content: Any) -> str:
    return event("content_block_delta", index=index, delta={"type": kind, **content})


START = event("message_start", message={"usage": {"input_tokens": 3, "output_tokens": 1}})
TEXT = event("content_block_start", index=0, content_block={"type": "text", "text": ""})
STOP = event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 9})
END = event("message_stop")


def told(*pieces: str) -> list[GeneratedResponse]:
    """What an agent makes of a stream."""

    async def main() -> list[GeneratedResponse] | ProviderError:
        async with nothing_left(), canned(pieces) as url:
            agent = agent_at(url)
            agent.transcript.add_human_message("Hello?")
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


def test_fragments_of_calls_and_blocks_of_other_kinds():
    call = {"type": "tool_use", "id": "toolu_1", "name": "free_tables", "input": {}}
    thinking = {"type": "thinking", "thinking": "", "signature": ""}
    found = told(
        START,
        event("ping"),
        event("content_block_start", index=0, content_block=thinking),
        delta(0, "thinking_delta", thinking="Hm."),
        delta(0, "signature_delta", signature="abc"),
        event("content_block_start", index=1, content_block={"type": "text", "text": ""}),
        delta(1, "text_delta", text="Let me see."),
        event("content_block_start", index=2, content_block=call),
        delta(2, "input_json_delta", partial_json=""),
        event("content_block_start", index=3, content_block={**call, "id": "toolu_2"}),
        delta(3, "input_json_delta", partial_json='{"n"'),
        delta(2, "input_json_delta", partial_json='{"day": "Mon'),
        delta(3, "input_json_delta", partial_json=": 1}"),
        delta(2, "input_json_delta", partial_json='day"}'),
        event("something_new", value=1),
        STOP,
        END,
    )
    assert "".join(response.message.text for response in found) == "Let me see."
    assert len(found) == 7  # a stream in which something happens is no stalled one
    assert found[-1].tool_calls == (
        ToolCall("toolu_1", "free_tables", '{"day": "Monday"}', found[-1].tool_calls[0].mark),
        ToolCall("toolu_2", "free_tables", '{"n": 1}'),
    )
    assert json.loads(found[-1].tool_calls[0].mark) == [
        {"type": "thinking", "thinking": "Hm.", "signature": "abc"}
    ]
    assert found[-1].usage == {"input_tokens": 3, "output_tokens": 9}


def test_what_was_thought_before_a_tool_goes_back_with_its_result():
    async def main():
        async with (
            nothing_left(),
            AnthropicEmulator(REPLIES, thinks=True, aside="One moment.").serving() as emulator,
        ):
            agent = agent_at(emulator.url)

            @agent.tools.add
            def free_tables(day: str) -> str:
                """How many tables are free."""
                return "three"

            asked = agent.transcript.add_human_message("Is there a table?")
            said, calls = "", list[ToolCall]()
            async for response in agent.generate_response("", False, ""):
                said += response.message.text
                calls += response.tool_calls
            agent.transcript.add_bot_message(said)
            asked.tools += [await agent.tools.run(call, 1.0) for call in calls]
            async for response in agent.generate_response("", False, ""):
                said += response.message.text
            agent.transcript.add_human_message("When are you open?")
            async for response in agent.generate_response("", False, ""):
                said += response.message.text
            await agent.hang_up()
            return said, emulator.requests

    said, (_, second, third) = clock.run(main(), virtual=True)
    assert said == "One moment.There are three.We are open from nine to five."
    kinds = [block["type"] for block in second["messages"][1]["content"]]
    assert kinds == ["thinking", "text", "tool_use"]
    assert "thinking" not in str(third["messages"])  # that answer is over


@pytest.mark.parametrize(
    "pieces",
    [
        (START, TEXT, delta(0, "text_delta", text="We")),  # closes before its end
        (START, TEXT, delta(0, "text_delta", text="We"), STOP),
        (START, TEXT, delta(0, "input_json_delta", partial_json="{}"), STOP, END),
        (START, event("content_block_delta", index=0), STOP, END),
        (event("message_start"), STOP, END),
        ("event: message_start\ndata: [1, 2]\n\n",),
        ("data: nonsense\n\n",),
        ("",),
    ],
)
def test_what_the_protocol_does_not_hold_is_a_broken_stream(pieces: tuple[str, ...]):
    with pytest.raises(BrokenStream):
        told(*pieces)


@pytest.mark.parametrize(
    ("named", "kind"),
    [
        ("authentication_error", "Rejected"),
        ("permission_error", "Rejected"),
        ("invalid_request_error", "Rejected"),
        ("rate_limit_error", "RateLimited"),
        ("overloaded_error", "ConnectFailed"),
        ("api_error", "ConnectFailed"),
        ("an_error_of_tomorrow", "ConnectFailed"),
    ],
)
def test_an_error_before_the_first_word_is_sorted_by_its_type(named: str, kind: str):
    with pytest.raises(ProviderError) as failed:
        told(START, event("error", error={"type": named, "message": f"no, {KEY}"}))
    assert failed.value.kind == kind
    assert named in failed.value.reason
    assert KEY not in str(failed.value)


def test_what_is_asked():
    async def main():
        async with nothing_left(), AnthropicEmulator(REPLIES).serving() as emulator:
            agent = agent_at(emulator.url, system_prompt="Be kind.")
            agent.transcript.add_bot_message("Good evening.")
            agent.transcript.add_human_message("Hello?")
            agent.transcript.add_human_message("When are you open?")
            async for _ in agent.generate_response("", False, ""):
                pass
            await agent.hang_up()
            return emulator.requests[0]

    request = clock.run(main(), virtual=True)
    assert (request["model"], request["system"]) == (MODEL, "Be kind.")
    assert [(one["role"], one["content"]) for one in request["messages"]] == [
        ("user", "(The caller says nothing.)"),
        ("assistant", "Good evening."),
        ("user", "Hello?\nWhen are you open?"),
    ]


def test_the_emulator_serves_the_plain_sdk():
    async def main():
        async with (
            nothing_left(),
            AnthropicEmulator(REPLIES, aside="One moment.").serving() as emulator,
            anthropic.AsyncAnthropic(api_key=KEY, base_url=emulator.url) as client,
        ):
            asked: Any = [{"role": "user", "content": "Is there a table?"}]
            async with client.messages.stream(messages=asked, tools=[TOOL], **ASKED) as stream:
                text = [piece async for piece in stream.text_stream]
                streamed = await stream.get_final_message()
            whole = await client.messages.create(messages=asked, tools=[TOOL], **ASKED)
            (_, call) = whole.content
            assert call.type == "tool_use"
            result = {"type": "tool_result", "tool_use_id": call.id, "content": "three"}
            asked += [
                {"role": "assistant", "content": whole.content},
                {"role": "user", "content": [result]},
            ]
            answer = await client.messages.create(messages=asked, tools=[TOOL], **ASKED)
            counted = await client.messages.count_tokens(messages=asked[:1], model="m")
            return text, streamed, whole, answer, counted

    text, streamed, whole, answer, counted = clock.run(main(), virtual=True)
    assert text == ["One", " moment."]
    assert streamed.content[1].type == whole.content[1].type == "tool_use"
    assert streamed.content[1].input == whole.content[1].input == {"day": "Monday"}
    assert (streamed.stop_reason, streamed.usage.output_tokens) == ("tool_use", 6)
    assert whole.usage == streamed.usage
    assert counted.input_tokens == whole.usage.input_tokens == 4
    assert answer.stop_reason == "end_turn"
    assert answer.content[0].type == "text"
    assert answer.content[0].text == "There are three."


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "assistant", "content": "Hello."}, {"role": "user", "content": "Hello."}],
        [{"role": "user", "content": "Hello."}, {"role": "assistant", "content": "Hel"}],
        [{"role": "user", "content": ""}],
        [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a"}]}],
        [
            {"role": "user", "content": "Hello."},
            {
                "role": "assistant",
                "content": [{"type": "tool_use", "id": "a", "name": "b", "input": {}}],
            },
            {"role": "user", "content": "Well?"},
        ],
    ],
)
def test_the_emulator_refuses_what_the_service_does(messages: Any):
    async def main():
        async with (
            AnthropicEmulator(REPLIES).serving() as emulator,
            anthropic.AsyncAnthropic(api_key=KEY, base_url=emulator.url) as client,
        ):
            with pytest.raises(anthropic.BadRequestError):
                await client.messages.create(messages=messages, **ASKED)

    clock.run(main(), virtual=True)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"x-api-key": KEY, "anthropic-version": "2023-06-01"}, 200),
        ({"authorization": f"Bearer {KEY}", "anthropic-version": "2026-10-21"}, 200),
        ({"x-api-key": KEY}, 400),
        ({"x-api-key": "another", "anthropic-version": "2023-06-01"}, 401),
        ({}, 401),
    ],
)
def test_the_key_comes_in_either_header(headers: dict[str, str], status: int):
    async def main():
        body = {**ASKED, "messages": [{"role": "user", "content": "When are you open?"}]}
        async with (
            AnthropicEmulator(REPLIES).serving() as emulator,
            httpx2.AsyncClient(headers=headers) as client,
        ):
            answer = await client.post(f"{emulator.url}/v1/messages", json=body)
            return answer.status_code, answer.json()

    code, body = clock.run(main(), virtual=True)
    assert code == status
    assert body["type"] == ("message" if status == 200 else "error")
