"""What the three models do alike, beyond what every agent is asked: tools, errors, ends."""

import json
from typing import Any

import pytest

from bench import clock
from bench.engine.agent import BaseAgent, GeneratedResponse
from bench.engine.tools import CALLED_OFF, ToolCall, ToolResult
from bench.engine.transcript import Sender
from bench.errors import BrokenStream, ConnectFailed, ProviderError, RateLimited, Rejected
from bench.events import InterruptDecided, ProviderFailed, ToolCalled, ToolReturned
from bench.network import VirtualNetwork
from bench.simulation.context import Reply
from tests.contracts.case import Case, cases
from tests.contracts.ends import nothing_left
from tests.contracts.served import ANSWER, QUESTION, answering, asked
from tests.contracts.trying import answered
from tests.engine.scene import Scene

pytestmark = pytest.mark.contract

CASES = {case.name: case for case in cases("llm") if case.virtual}
MODELS = pytest.mark.parametrize(
    "case",
    [CASES[name] for name in ("openai", "anthropic", "gemini")],
    ids=["openai", "anthropic", "gemini"],
)
ARGUMENTS = '{"day": "Monday", "people": 2, "where": "by the \\"old\\" window"}'
TABLE = (
    Reply("table", "There are {result}.", "free_tables", ARGUMENTS),
    Reply("table", "", "closing_time", "{}"),
    Reply("open", ANSWER),
)
OVERLOADED = {"openai": "server_error", "anthropic": "overloaded_error", "gemini": "UNAVAILABLE"}
LIMITED = {
    "openai": "rate_limit_exceeded",
    "anthropic": "rate_limit_error",
    "gemini": "RESOURCE_EXHAUSTED",
}
REFUSED = {
    "openai": "invalid_api_key",
    "anthropic": "authentication_error",
    "gemini": "PERMISSION_DENIED",
}


def with_tools(agent: BaseAgent, seconds: float = 0.0) -> None:
    """Two tools that it may use, each of which takes its time."""

    @agent.tools.add
    async def free_tables(day: str, people: int, where: str) -> str:
        """How many tables are free."""
        await clock.sleep(seconds)
        return f"three for {people} on {day} {where}"

    @agent.tools.add
    async def closing_time() -> str:
        """When we close."""
        return "five"


async def responses(agent: BaseAgent) -> list[GeneratedResponse]:
    """One round of an answer."""
    return [response async for response in agent.generate_response("", False, "")]


def calls_of(found: list[GeneratedResponse]) -> list[ToolCall]:
    return [call for response in found for call in response.tool_calls]


def text_of(found: list[GeneratedResponse]) -> str:
    return "".join(response.message.text for response in found)


@MODELS
def test_several_calls_come_whole_after_the_words_before_them(case: Case):
    async def main():
        async with answering(case, TABLE, aside="One moment.") as (server, agent):
            with_tools(agent)
            message = agent.transcript.add_human_message("Is there a table?")
            first = await responses(agent)
            message.tools += [ToolResult(call, call.name) for call in calls_of(first)]
            return first, await responses(agent), server.requests

    first, second, requests = case.run(main())
    assert text_of(first) == "One moment."
    tables, closing = calls_of(first)
    assert (tables.name, tables.values()) == ("free_tables", json.loads(ARGUMENTS))
    assert (closing.name, closing.values()) == ("closing_time", {})
    assert len({tables.id, closing.id, ""}) == 3
    assert first[-1].usage
    assert text_of(second) == "There are free_tables, closing_time."
    assert calls_of(second) == []
    assert len(requests) == 2


@MODELS
def test_calls_of_later_answers_have_names_of_their_own(case: Case):
    async def main():
        async with answering(case, TABLE) as (_, agent):
            with_tools(agent)
            await asked(agent, "Is there a table?")
            await asked(agent, "And another table?")
            return [call.call.id for one in agent.transcript.event_logs for call in one.tools]

    ids = case.run(main())
    assert len(set(ids)) == len(ids) == 4


@MODELS
def test_no_tool_is_offered_where_there_is_none(case: Case):
    async def main():
        async with answering(case, TABLE) as (server, agent):
            return await asked(agent, "Is there a table?"), server.requests

    said, (request,) = case.run(main())
    assert "".join(said) == "There are ."
    assert "tools" not in request


@MODELS
def test_an_end_that_is_not_followed_by_the_end_of_the_stream_is_an_end(case: Case):
    """A complete answer waits a tenth of a second for it, so that the connection stays open."""

    async def main():
        async with answering(case, lingers=60.0) as (_, agent):
            agent.transcript.add_human_message(QUESTION)
            found = await responses(agent)
            return found, clock.now()

    found, at = case.run(main())
    assert text_of(found) == ANSWER
    assert found[-1].usage
    assert at == pytest.approx(0.3 + 6 * 0.02 + 0.1, abs=1e-3)


@MODELS
@pytest.mark.parametrize("after", [0, 3])
def test_an_error_in_the_stream_is_one_of_ours(case: Case, after: int):
    async def main():
        named = OVERLOADED[case.name]
        async with answering(case, error_event=named, error_after=after) as (_, agent):
            return await answered(agent), clock.now()

    error, at = case.run(main())
    assert type(error) is (BrokenStream if after else ConnectFailed)
    assert at < 1.0


@MODELS
def test_an_error_in_the_stream_is_told_by_its_type(case: Case):
    async def main(named: str):
        async with answering(case, error_event=named, error_after=0) as (_, agent):
            return await answered(agent)

    assert type(case.run(main(LIMITED[case.name]))) is RateLimited
    assert type(case.run(main(REFUSED[case.name]))) is Rejected


@MODELS
@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, Rejected), (403, Rejected), (404, Rejected), (429, RateLimited),
     (500, ConnectFailed), (503, ConnectFailed), (529, ConnectFailed)],
)  # fmt: skip
def test_a_refusal_is_told_by_its_status(case: Case, status: int, kind: type[ProviderError]):
    async def main():
        async with answering(case, refuses_with=status) as (_, agent):
            return await answered(agent), clock.now()

    error, at = case.run(main())
    assert type(error) is kind
    assert error is not None
    assert f"status {status}: " in error.reason
    assert at == 0.0


@MODELS
def test_a_client_that_was_warmed_up_is_the_one_that_asks(case: Case):
    async def main():
        async with answering(case) as (server, agent):
            await agent.warm_up()
            client: Any = getattr(agent, "_client")  # noqa: B009
            before = len(server.requests)
            await asked(agent)
            return before, client is getattr(agent, "_client"), len(server.requests)  # noqa: B009

    assert case.run(main()) == (0, True, 1)


@MODELS
def test_one_connection_serves_several_turns(case: Case, monkeypatch: pytest.MonkeyPatch):
    dialled, dial = list[object](), VirtualNetwork._dial

    def dials(loop: VirtualNetwork, *address: Any) -> Any:
        dialled.append(address)
        return dial(loop, *address)

    async def main():
        async with answering(case, TABLE) as (server, agent):
            with_tools(agent)
            monkeypatch.setattr(VirtualNetwork, "_dial", dials)
            await asked(agent, "Is there a table?")
            await clock.sleep(30.0)
            await asked(agent)
            return len(server.requests)

    assert (case.run(main()), len(dialled)) == (3, 1)


@MODELS
def test_a_cut_in_while_a_tool_works(case: Case):
    async def main():
        emulator = case.make_emulator(TABLE)
        async with nothing_left(), emulator.serving() as server:
            agent = case.make_adapter(server.url)
            with_tools(agent, seconds=6.0)
            scene = Scene(agent=agent)
            await scene.conversation.start()
            await scene.ask("Is there a table?", then_seconds=3.0)
            await scene.microphone(0.5, loud=True)
            await scene.ask("Never mind. When are you open?", then_seconds=12.0)
            await scene.conversation.terminate()
            return scene, server.requests

    scene, requests = case.run(main())
    trace = scene.trace
    assert scene.history == [
        ("user", "Is there a table?"),
        ("user", "Never mind. When are you open?"),
        ("bot", ANSWER),
    ]
    assert len(trace.of(ToolCalled)) == 2
    assert {(fact.result, fact.failed) for fact in trace.of(ToolReturned)} == {
        (CALLED_OFF, True),
        ("five", False),
    }
    assert trace.of(ProviderFailed) == []
    assert len(trace.of(InterruptDecided)) <= 1
    assert len(requests) == 2
    assert str(requests[1]).count(CALLED_OFF) == 1
    assert scene.conversation.transcript.event_logs[-1].sender is Sender.BOT
    assert scene.heard_is_what_was_sent()
