"""OpenAI's SDK and our adapter, against the emulated service, in virtual time."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator
from typing import Any

import openai
import pytest

from bench import clock
from bench.emulators.openai import KEY, OpenAIEmulator
from bench.engine.agent import GeneratedResponse, TranscriptionAgentInput
from bench.engine.transcriber import Transcription
from bench.errors import BrokenStream, ConnectFailed, ProviderError, RateLimited, Rejected, Stalled
from bench.events import AgentFinished, FirstToken, ProviderFailed
from bench.providers.openai import OpenAIAgent
from bench.settings import Secret
from bench.simulation.context import Reply
from bench.simulation.faults import Fault
from bench.trace import Trace
from tests.contracts.ends import nothing_left, refused_port

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


async def alone(agent: OpenAIAgent) -> list[GeneratedResponse]:
    """The answer of an agent outside any conversation."""
    agent.transcript.add_human_message("When are you open?")
    return [response async for response in agent.generate_response("", False, "")]


def error_of(fault: Fault | None = None, key: str = KEY) -> tuple[ProviderError, float]:
    """What an agent of its own raises, and after how long."""

    async def main() -> tuple[ProviderError, float]:
        async with served(key, (fault,) if fault else ()) as (_, agent):
            with pytest.raises(ProviderError) as failed:
                await alone(agent)
            return failed.value, clock.now()

    return clock.run(main(), virtual=True)


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


@pytest.mark.parametrize("seconds", [0.1, 0.35])
def test_an_interrupt_reaches_the_server_at_once(seconds: float):
    async def main():
        async with served() as (emulator, agent):
            item = TranscriptionAgentInput(Transcription("When are you open?"))
            agent.input_queue.put_nowait(item)
            await clock.sleep(seconds)
            item.interrupt()
            await clock.sleep(1.0)
            return emulator.gone

    assert clock.run(main(), virtual=True) == [seconds]


def test_a_consumer_that_waits_elsewhere_is_no_obstacle():
    async def main():
        async with served() as (emulator, agent):
            agent.transcript.add_human_message("When are you open?")
            responses = agent.generate_response("", False, "")
            await anext(responses)
            await clock.sleep(0.05)  # three more tokens have come, unread
            await responses.aclose()
            await clock.sleep(1.0)
            return emulator.gone

    assert clock.run(main(), virtual=True) == [0.35]


def test_one_connection_serves_several_turns():
    async def main():
        async with served() as (_, agent):
            first = await asked(agent)
            second = await asked(agent, "Really?")
            return first, second

    first, second = clock.run(main(), virtual=True)
    assert second[0][0] == pytest.approx(first[-1][0] + 0.3, abs=1e-5)


@pytest.mark.parametrize(
    ("kind", "error", "within"),
    [
        ("http_429", RateLimited, 0.1),
        ("http_503", ConnectFailed, 0.1),
        ("connect_timeout", Stalled, 8.0),
        ("disconnect", BrokenStream, 0.5),
        ("malformed", BrokenStream, 0.5),
    ],
)
def test_what_goes_wrong_is_one_of_our_errors(kind: str, error: type[ProviderError], within: float):
    after = 3 if kind in ("disconnect", "malformed") else None
    failed, at = error_of(Fault("llm", kind, after_tokens=after, retry_after_seconds=7.0))
    assert type(failed) is error
    assert failed.provider == "openai"
    assert at <= within
    if isinstance(failed, RateLimited):
        assert failed.retry_after_seconds == 7.0


def test_a_wrong_key_is_rejected_and_shown_nowhere(caplog: pytest.LogCaptureFixture):
    key = "wrong-and-secret"

    async def main():
        async with served(key) as (_, agent):
            await asked(agent)
            assert agent.trace is not None
            return agent.trace

    with caplog.at_level(logging.DEBUG):
        trace = clock.run(main(), virtual=True)
    (failed,) = trace.of(ProviderFailed)
    assert (failed.provider, failed.kind) == ("openai", "Rejected")
    assert "status 401: Incorrect" in failed.message
    assert key not in caplog.text + "".join(trace.lines())
    error, _ = error_of(key=key)
    assert isinstance(error, Rejected)
    assert key not in repr(error) + str(error)


def test_silence_in_the_middle_is_a_stall_within_the_deadline():
    fault = Fault("llm", "stall", after_tokens=2, for_seconds=60.0)

    async def main():
        async with served(faults=(fault,)) as (emulator, agent):
            pieces = await asked(agent)
            assert agent.trace is not None
            await clock.sleep(0.01)
            return pieces, agent.trace.of(ProviderFailed), emulator.gone

    pieces, failed, gone = clock.run(main(), virtual=True)
    assert len(pieces) == 2
    assert [fact.kind for fact in failed] == ["Stalled"]
    assert gone == [pytest.approx(pieces[-1][0] + 3.0, abs=1e-3)]


def test_nobody_there():
    async def main():
        async with nothing_left():
            agent = agent_at(f"http://127.0.0.1:{refused_port()}/v1")
            agent.start()
            with pytest.raises(ConnectFailed):
                await alone(agent)
            await agent.terminate()

    clock.run(main(), virtual=True)


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


def test_a_task_that_is_cancelled_before_the_head_of_the_answer():
    async def main():
        async with served() as (emulator, agent):
            task = asyncio.get_running_loop().create_task(alone(agent))
            await clock.sleep(0.1)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            await clock.sleep(0.1)
            return emulator.gone

    assert clock.run(main(), virtual=True) == [0.1]
