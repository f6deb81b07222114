"""Google's newer SDK and our adapter, against the emulated service: what is this vendor's own."""

import asyncio
import base64
import gc
import json
from typing import Any

import aiohttp
import pytest
from google import genai
from google.genai import errors, types

from bench import clock
from bench.emulators.gemini import KEY, UNPREFIXED, GeminiEmulator
from bench.engine.agent import GeneratedResponse
from bench.engine.tools import ToolCall, ToolResult
from bench.engine.worker import spawn
from bench.errors import BrokenStream, ConnectFailed, ProviderError, RateLimited, Rejected, Stalled
from bench.providers import gemini
from bench.providers.gemini import GeminiAgent
from bench.providers.gemini_contents import contents
from bench.settings import Secret
from bench.simulation.context import Reply
from bench.simulation.faults import Fault
from tests.contracts.canned import canned
from tests.contracts.ends import nothing_left, refused_port

pytestmark = pytest.mark.contract

REPLIES = [
    Reply("table", "There are {result}.", "free_tables", '{"day": "Monday"}'),
    Reply("table", "", "free_tables", '{"day": "Tuesday"}'),
    Reply("open", "We are open from nine to five."),
]


def agent_at(url: str, **config: Any) -> GeminiAgent:
    agent = GeminiAgent({"gemini_base_url": url, "keys": {"GEMINI_API_KEY": Secret(KEY)}, **config})
    agent.transcript.add_human_message("When are you open?")
    return agent


async def responses(agent: GeminiAgent) -> list[GeneratedResponse]:
    return [response async for response in agent.generate_response("", False, "")]


async def failure(agent: GeminiAgent) -> ProviderError:
    """What an answer fails with; the agent is done."""
    try:
        with pytest.raises(ProviderError) as failed:
            await responses(agent)
        return failed.value
    finally:
        await agent.hang_up()


def chunk(*parts: dict[str, Any], finish: str = "", **content: Any) -> str:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": list(parts)}}
    if finish:
        candidate["finishReason"] = finish
    return f"data: {json.dumps({'candidates': [candidate], **content})}\r\n\r\n"


def told(*pieces: str) -> list[GeneratedResponse]:
    """What an agent makes of a stream."""

    async def main() -> list[GeneratedResponse] | ProviderError:
        async with nothing_left(), canned(pieces) as url:
            agent = agent_at(url)
            try:
                return await responses(agent)
            except ProviderError as error:
                return error
            finally:
                await agent.hang_up()

    found = clock.run(main(), virtual=True)
    if isinstance(found, ProviderError):
        raise found
    return found


def test_thoughts_are_not_said_and_ids_and_signatures_are_kept():
    call = {"functionCall": {"id": "abc", "name": "book", "args": {"people": 2}}}
    signature = base64.b64encode(b"\x00\xffa thought").decode()
    found = told(
        chunk({"text": "Hm.", "thought": True}, usageMetadata={"thoughtsTokenCount": 4}),
        chunk({"text": "Let me"}, {"text": " see."}),
        chunk({**call, "thoughtSignature": signature}, {"functionCall": {"name": "bare"}}),
        chunk(finish="STOP", usageMetadata={"promptTokenCount": 3, "candidatesTokenCount": 9}),
    )
    assert [response.message.text for response in found] == ["Let me see.", "", ""]
    named, bare = found[1].tool_calls
    assert (named.id, named.name, named.values()) == ("abc", "book", {"people": 2})
    assert named.mark == signature
    assert (bare.id, bare.name, bare.values(), bare.mark) == ("gemini-1", "bare", {}, "")
    assert found[2].usage == {"prompt_token_count": 3, "candidates_token_count": 9}


@pytest.mark.parametrize(
    "pieces",
    [
        (chunk({"text": "We"}),),  # the stream ends, and the answer did not
        (chunk(finish="MALFORMED_FUNCTION_CALL"),),
        (chunk(finish="MAX_TOKENS"),),
        ('data: {"candidates": 7}\r\n\r\n',),
        ("data: [1]\r\n\r\n",),
        ('data: {"error": {"message": "no code"}}\r\n\r\n',),
        ("",),
    ],
)
def test_what_the_protocol_does_not_hold_is_a_broken_stream(pieces: tuple[str, ...]):
    with pytest.raises(BrokenStream):
        told(*pieces)


def test_an_answer_that_is_cut_short_is_an_answer():
    (response,) = told(chunk({"text": "We are"}, finish="MAX_TOKENS"))
    assert response.message.text == "We are"


def test_a_prompt_that_is_blocked_is_rejected():
    with pytest.raises(Rejected, match="blocked: SAFETY"):
        told('data: {"promptFeedback": {"blockReason": "SAFETY"}}\r\n\r\n')


def test_more_pieces_than_an_answer_can_have_are_none(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(gemini, "CHUNKS_AHEAD", 8)
    with pytest.raises(BrokenStream, match="more than 8 pieces"):
        told("".join(chunk({"text": "we "}) for _ in range(40)), chunk(finish="STOP"))


def test_an_error_that_the_sdk_loses_is_no_end():
    async def main():
        async with (
            nothing_left(),
            GeminiEmulator(REPLIES, error_event=UNPREFIXED).serving() as emulator,
        ):
            return await failure(agent_at(emulator.url))

    assert type(clock.run(main(), virtual=True)) is BrokenStream


def test_how_long_to_wait_is_read_from_the_body_too():
    async def main():
        async with nothing_left(), GeminiEmulator(refuses_with=429).serving() as emulator:
            return await failure(agent_at(emulator.url))

    failed = clock.run(main(), virtual=True)
    assert isinstance(failed, RateLimited)
    assert failed.retry_after_seconds == 7.0


def test_aiohttp_is_installed_and_not_used():
    """The SDK would keep to one deadline for the whole stream, and try again by itself."""
    assert aiohttp.__version__

    async def main():
        faults = [Fault("llm", "connect_timeout")]
        async with (
            nothing_left(),
            GeminiEmulator(REPLIES, every=lambda: 3.5, faults=faults).serving() as emulator,
        ):
            agent = agent_at(emulator.url)
            with pytest.raises(Stalled):
                await responses(agent)
            stalled_at, asked = clock.now(), len(emulator.requests)
            found = await responses(agent)
            await agent.hang_up()
            refused = await failure(agent_at(f"http://127.0.0.1:{refused_port()}"))
            return stalled_at, asked, found, clock.now() - stalled_at, refused

    stalled_at, asked, found, took, refused = clock.run(main(), virtual=True)
    assert (stalled_at, asked) == (8.0, 1)
    assert "".join(response.message.text for response in found) == REPLIES[2].say
    assert took == pytest.approx(0.3 + 6 * 3.5, abs=1e-3)  # each piece in time, the whole not
    assert type(refused) is ConnectFailed


@pytest.mark.parametrize("parked", ["at the service", "elsewhere"])
def test_who_leaves_is_noticed_without_the_collector(parked: str):
    async def main():
        async with nothing_left(), GeminiEmulator(REPLIES).serving() as emulator:
            agent = agent_at(emulator.url)
            gc.disable()
            try:
                answer = agent.generate_response("", False, "")
                await anext(answer)
                if parked == "elsewhere":
                    await clock.sleep(0.05)
                    await answer.aclose()
                else:
                    task = spawn(reads(answer), name="reads")
                    await clock.sleep(0.05)
                    task.cancel()
                    await asyncio.wait([task])
                await clock.sleep(0.5)
                return emulator.gone
            finally:
                gc.enable()
                await agent.hang_up()

    async def reads(answer: Any) -> None:
        async for _ in answer:
            pass

    assert clock.run(main(), virtual=True) == [0.35]


@pytest.mark.parametrize("names_calls", [False, True])
def test_a_signature_goes_back_with_its_call(names_calls: bool):
    async def main():
        emulator = GeminiEmulator(REPLIES, names_calls=names_calls)
        async with nothing_left(), emulator.serving():
            agent = agent_at(emulator.url)

            @agent.tools.add
            def free_tables(day: str) -> str:
                """How many tables are free."""
                return "three"

            asked = agent.transcript.add_human_message("Is there a table?")
            calls = [call for one in await responses(agent) for call in one.tool_calls]
            asked.tools += [ToolResult(call, "three") for call in calls]
            told = contents(agent.transcript, bare=True)
            await responses(agent)
            agent.transcript.add_bot_message("There are three, three.")
            agent.transcript.add_human_message("When are you open?")
            await responses(agent)
            await agent.hang_up()
            return calls, emulator.requests, told

    calls, (offered, *later), bare = clock.run(main(), virtual=True)
    (function, *_) = offered["tools"][0]["functionDeclarations"]
    assert function["description"] == "How many tables are free."
    assert [bool(call.mark) for call in calls] == [True, False]
    for request in later:
        first, second = request["contents"][1]["parts"]
        assert base64.urlsafe_b64decode(first["thoughtSignature"]) == base64.b64decode(
            calls[0].mark
        )
        assert "thoughtSignature" not in second
        assert [part["functionCall"]["id"] for part in (first, second)] == [
            call.id for call in calls
        ]
    assert "thought_signature" not in str(bare)
    assert calls[0].id not in str(bare)


def test_a_call_that_another_model_made_needs_no_signature():
    """A backup takes over in the middle of an answer."""
    theirs = ToolCall("toolu_1", "free_tables", '{"day": "Monday"}')

    async def main():
        async with nothing_left(), GeminiEmulator(REPLIES).serving() as emulator:
            agent = agent_at(emulator.url)
            asked = agent.transcript.add_human_message("Is there a table?")
            asked.tools.append(ToolResult(theirs, "three"))
            found = await responses(agent)
            await agent.hang_up()
            return "".join(response.message.text for response in found)

    assert clock.run(main(), virtual=True) == "There are three."


@pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")
def test_the_emulator_serves_the_plain_sdk():
    async def main():
        async with nothing_left(), GeminiEmulator(REPLIES, signs=False).serving() as emulator:
            found = list[Any]()
            for version in ("v1", "v1beta"):  # by aiohttp, which is the SDK's own choice
                options = types.HttpOptions(base_url=emulator.url, api_version=version)
                client = genai.Client(api_key=KEY, http_options=options)
                models, said = client.aio.models, "When are you open?"
                whole = await models.generate_content(model="m", contents=said)
                stream = await models.generate_content_stream(model="m", contents=said)
                streamed = "".join([one.text or "" async for one in stream])
                counted = await models.count_tokens(model="m", contents=said)
                with pytest.raises(errors.ClientError):
                    await models.generate_content(model="m", contents=[types.ModelContent("No.")])
                await client.aio.aclose()
                found.append((whole.text, streamed, counted.total_tokens, whole.usage_metadata))
            return found

    for whole, streamed, counted, usage in clock.run(main(), virtual=True):
        assert whole == streamed == REPLIES[2].say
        assert counted == usage.prompt_token_count == 4
        assert usage.candidates_token_count == 7


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        ("", {"x-goog-api-key": KEY}, 200),
        (f"?key={KEY}", {}, 200),
        ("", {}, 403),
        ("", {"x-goog-api-key": "another"}, 400),
    ],
)
def test_without_alt_the_stream_is_an_array(query: str, headers: dict[str, str], status: int):
    async def main():
        body = {"contents": [{"parts": [{"text": "When are you open?"}]}]}
        async with GeminiEmulator(REPLIES).serving() as emulator, aiohttp.ClientSession() as http:
            address = f"{emulator.url}/v1beta/models/m:streamGenerateContent{query}"
            async with http.post(address, json=body, headers=headers) as answer:
                return answer.status, await answer.json()

    code, body = clock.run(main(), virtual=True)
    assert code == status
    if status == 200:
        texts = [part["text"] for one in body for part in one["candidates"][0]["content"]["parts"]]
        assert "".join(texts) == REPLIES[2].say
        assert body[-1]["candidates"][0]["finishReason"] == "STOP"
    else:
        assert body["error"]["code"] == status
