"""The conversation in, text out as it is written: asked of every language model."""

import pytest

from bench import clock
from bench.engine.agent import TranscriptionAgentInput
from bench.engine.transcriber import Transcription
from bench.engine.worker import spawn
from bench.events import AgentFinished, FirstToken, ToolCalled, ToolReturned
from bench.simulation.context import Reply
from tests.contracts.case import Case
from tests.contracts.each import each
from tests.contracts.served import ANSWER, QUESTION, answering, asked, noticed
from tests.contracts.trying import answered

pytestmark = pytest.mark.contract

FIRST_SECONDS, EVERY_SECONDS = 0.3, 0.02
TOOL = Reply("open", "We are open until {result}.", "closing_time", '{"day": "Sunday"}')


def in_order(text: str, *parts: str) -> bool:
    """Whether all parts are there, each behind the one before it."""
    place = 0
    for part in parts:
        found = text.find(part, place)
        if found < 0:
            return False
        place = found + len(part)
    return True


@each("llm")
def test_text_comes_to_the_token(case: Case):
    async def main():
        async with answering(case) as (server, agent):
            pieces = await asked(agent)
            assert agent.trace is not None
            return pieces, agent.trace, server.requests

    pieces, trace, requests = case.run(main())
    assert "".join(pieces) == ANSWER
    assert len(pieces) >= len(ANSWER.split()) / 2  # some put two words into one piece
    assert len(trace.of(FirstToken)) == 1
    assert len(requests) == 1


@each("llm")
def test_text_comes_while_it_is_written(case: Case):
    async def main():
        async with answering(case, every=lambda: 0.05) as (_, agent):
            agent.transcript.add_human_message(QUESTION)
            responses = agent.generate_response(QUESTION, False, "")
            return [clock.now() async for response in responses if response.message.text]

    instants = case.run(main())
    assert instants[-1] - instants[0] >= 0.05 * (len(ANSWER.split()) - 2)


@each("llm")
def test_usage_is_counted(case: Case):
    async def main():
        async with answering(case) as (_, agent):
            await asked(agent)
            assert agent.trace is not None
            return agent.trace.of(AgentFinished)

    (finished,) = case.run(main())
    assert finished.provider == case.provider
    assert len(ANSWER.split()) in finished.usage.values()
    assert all(count >= 0 for count in finished.usage.values())


@each("llm")
def test_a_tool_is_called_and_its_result_is_told(case: Case):
    async def main():
        async with answering(case, [TOOL, Reply("*", "Yes.")]) as (server, agent):

            @agent.tools.add
            async def closing_time(day: str) -> str:
                """When we close."""
                return f"five on {day}"

            first = "".join(await asked(agent))
            second = "".join(await asked(agent, "Really?"))
            assert agent.trace is not None
            return first, second, agent.trace, server.requests

    first, second, trace, requests = case.run(main())
    assert first == "We are open until five on Sunday."
    assert second == "Yes."
    (called,), (returned,) = trace.of(ToolCalled), trace.of(ToolReturned)
    assert called.name == "closing_time"
    assert (returned.result, returned.failed) == ("five on Sunday", False)
    assert len(requests) == 3
    offered, told, later = map(str, requests)
    assert "closing_time" in offered
    assert "When we close." in offered
    assert "five on Sunday" not in offered
    for request in (told, later):  # call and result stay in the history
        assert in_order(request, QUESTION, "closing_time", "five on Sunday")
    assert "Really?" in later


@each("llm")
def test_a_tool_that_fails_is_told_of_too(case: Case):
    async def main():
        async with answering(case, [TOOL]) as (server, agent):

            @agent.tools.add
            async def closing_time(day: str) -> str:
                """When we close."""
                raise RuntimeError("the book is lost")

            said = "".join(await asked(agent))
            return said, str(server.requests[-1])

    said, told = case.run(main())
    assert said.startswith("We are open until ")
    assert "the book is lost" in told


@each("llm")
def test_the_history_is_what_was_heard(case: Case):
    async def main():
        config = {"system_prompt": "Be kind."}
        async with answering(case, config=config) as (server, agent):
            agent.transcript.add_bot_message("Good evening.")
            agent.transcript.add_human_message("Tell me a story.")
            cut = agent.transcript.add_bot_message("Once upon a time there was a clock.")
            cut.settle("Once upon a", interrupted=True)
            said = "".join(await asked(agent))
            return said, str(server.requests[0])

    said, request = case.run(main())
    assert said == ANSWER
    assert in_order(request, "Good evening.", "Tell me a story.", "Once upon a –", QUESTION)
    assert "Be kind." in request
    assert "Once upon a time" not in request


@each("llm")
def test_two_things_said_in_a_row_are_both_told(case: Case):
    """Some services want the two sides to take turns."""

    async def main():
        async with answering(case) as (server, agent):
            agent.transcript.add_human_message("Hello?")
            said = "".join(await asked(agent))
            return said, str(server.requests[0])

    said, request = case.run(main())
    assert said == ANSWER
    assert in_order(request, "Hello?", QUESTION)


@each("llm")
@pytest.mark.parametrize("seconds", [0.1, FIRST_SECONDS - 0.01])
def test_an_interrupt_before_the_first_byte_reaches_the_server(case: Case, seconds: float):
    case.run(interrupted(case, seconds))


@each("llm")
def test_an_interrupt_in_mid_stream_reaches_the_server(case: Case):
    case.run(interrupted(case, FIRST_SECONDS + 0.25))


async def interrupted(case: Case, seconds: float) -> None:
    async with answering(case, first=lambda: FIRST_SECONDS, every=lambda: 0.1) as (server, agent):
        item = TranscriptionAgentInput(Transcription(QUESTION))
        agent.input_queue.put_nowait(item)
        await clock.sleep(seconds)
        item.interrupt()
        await noticed(case, server.gone, clock.now())


@each("llm")
def test_a_consumer_that_waits_elsewhere_is_no_obstacle(case: Case):
    async def main():
        async with answering(case, every=lambda: 0.1) as (server, agent):
            agent.transcript.add_human_message(QUESTION)
            responses = agent.generate_response("", False, "")
            await anext(responses)
            await clock.sleep(0.25)  # more has come, unread
            at = clock.now()
            await responses.aclose()
            await noticed(case, server.gone, at)

    case.run(main())


@each("llm")
def test_a_task_that_is_cancelled_before_the_head_of_the_answer(case: Case):
    async def main():
        async with answering(case) as (server, agent):
            task = spawn(answered(agent), name="asks")
            await clock.sleep(0.1)
            task.cancel()
            await noticed(case, server.gone, clock.now())
            assert task.cancelled()

    case.run(main())


@each("llm")
def test_after_an_interrupt_the_next_answer_is_whole(case: Case):
    async def main():
        async with answering(case) as (_, agent):
            item = TranscriptionAgentInput(Transcription(QUESTION))
            agent.input_queue.put_nowait(item)
            await clock.sleep(FIRST_SECONDS + 0.05)
            item.interrupt()
            await clock.sleep(0.05)
            while not agent.output_queue.empty():
                agent.output_queue.get_nowait()
            return "".join(await asked(agent))

    assert case.run(main()) == ANSWER
