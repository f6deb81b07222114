"""OpenAI's SDK and our adapter, against the emulated service, in virtual time..

What is asked of every adapter stands in `tests/contracts/test_every_*.py`.
"""

import contextlib
from collections.abc import AsyncGenerator
from typing import Any

import openai
import pytest

from bench import clock
from bench.emulators.openai import KEY, OpenAIEmulator
from bench.engine.agent import TranscriptionAgentInput
from bench.engine.transcriber import Transcription
from bench.events import AgentFinished, FirstToken, ProviderFailed
from bench.providers.openai import OpenAIAgent
from bench.settings import Secret
from bench.simulation.context import Reply
from bench.simulation.faults import Fault
from bench.trace import Trace
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
    assert failed.message == "status 401: Incorrect API key provided."
