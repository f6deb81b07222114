"""The seam for language models, alone on its two queues."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from bench import clock
from bench.engine.agent import (
    AgentResponse,
    BaseAgent,
    GeneratedResponse,
    TranscriptionAgentInput,
)
from bench.engine.answers import Answer
from bench.engine.synthesizer import BaseMessage
from bench.engine.transcriber import Transcription
from bench.engine.transcript import Sender
from bench.events import AgentFinished, AgentRequested, FirstToken
from bench.trace import Trace

pytestmark = pytest.mark.unit


class Counting(BaseAgent):
    """Counts aloud, a number every `seconds`."""

    provider, model = "counting", "to-three"

    def __init__(self, seconds: float = 0.1) -> None:
        super().__init__()
        self.seconds, self.trace = seconds, Trace()
        self.asked: list[tuple[str, bool, str]] = []
        self.closed = 0

    async def generate_response(
        self, human_input: str, is_interrupt: bool, conversation_id: str
    ) -> AsyncGenerator[GeneratedResponse, None]:
        self.asked.append((human_input, is_interrupt, conversation_id))
        try:
            for number in ("one", " two", " three"):
                await clock.sleep(self.seconds)
                yield GeneratedResponse(BaseMessage(number), usage={"output": len(number)})
        finally:
            self.closed += 1


def ask(text: str, **options: object) -> TranscriptionAgentInput:
    return TranscriptionAgentInput(Transcription(text), "call-1", **options)  # type: ignore[arg-type]


async def pieces_of(agent: BaseAgent, answers: int = 1) -> list[AgentResponse]:
    got: list[AgentResponse] = []
    while answers:
        got.append(await agent.output_queue.get())
        answers -= got[-1].is_last
    return got


def test_a_turn_in_an_answer_out_piece_by_piece():
    async def main() -> None:
        agent = Counting()
        agent.start()
        agent.input_queue.put_nowait(ask("count", turn=3))
        pieces = await pieces_of(agent)
        assert [piece.message.text for piece in pieces] == ["one", " two", " three", ""]
        assert [piece.is_last for piece in pieces] == [False] * 3 + [True]
        assert {piece.turn for piece in pieces} == {3}
        assert all(piece.first is pieces[0] for piece in pieces)
        assert agent.asked == [("count", False, "call-1")]
        (message,) = agent.transcript.event_logs
        assert (message.sender, message.text) == (Sender.HUMAN, "count")
        assert agent.trace.of(AgentRequested) == [AgentRequested("counting", "to-three", turn=3)]
        assert agent.trace.of(FirstToken) == [FirstToken("counting", turn=3)]
        (finished,) = agent.trace.of(AgentFinished)
        assert (finished.tokens, finished.usage) == (3, {"output": 6})
        await agent.terminate()

    clock.run(main(), virtual=True)


def test_a_message_that_is_in_the_transcript_already_is_not_added_again():
    async def main() -> None:
        agent = Counting()
        agent.start()
        message = agent.transcript.add_human_message("count")
        agent.input_queue.put_nowait(ask("count", message=message))
        await pieces_of(agent)
        assert agent.transcript.event_logs == [message]
        await agent.terminate()

    clock.run(main(), virtual=True)


def test_cancelling_what_is_said_now_lets_it_stand_and_takes_the_next():
    async def main() -> None:
        agent = Counting()
        agent.start()
        assert not agent.cancel_current_task()
        agent.input_queue.put_nowait(ask("count"))
        agent.input_queue.put_nowait(ask("again"))
        await clock.sleep(0.15)
        assert agent.cancel_current_task()
        assert not agent.cancel_current_task()
        pieces = await pieces_of(agent, 2)
        assert [p.message.text for p in pieces] == ["one", "", "one", " two", " three", ""]
        assert agent.closed == 2
        await agent.terminate()

    clock.run(main(), virtual=True)


def test_interrupting_the_input_closes_the_stream_where_it_stands():
    async def main() -> None:
        agent = Counting()
        agent.start()
        turn = ask("count")
        agent.input_queue.put_nowait(turn)
        await clock.sleep(0.15)
        assert turn.interrupt()
        await clock.sleep(0)
        await clock.sleep(0)
        assert agent.closed == 1
        await agent.terminate()
        assert len(asyncio.all_tasks()) == 1

    clock.run(main(), virtual=True)


def test_a_slow_reader_slows_the_agent_and_is_not_taken_for_a_stall():
    class Endless(Counting):
        async def generate_response(
            self, human_input: str, is_interrupt: bool, conversation_id: str
        ) -> AsyncGenerator[GeneratedResponse, None]:
            for _ in range(200):
                self.closed += 1
                yield GeneratedResponse(BaseMessage("word "))

    async def main() -> None:
        agent = Endless()
        agent.start()
        agent.input_queue.put_nowait(ask("count"))
        await clock.sleep(60.0)
        assert agent.closed <= agent.output_queue.maxsize + 1
        pieces = await pieces_of(agent)
        assert len(pieces) == 201
        assert not pieces[-1].failed
        await agent.terminate()

    clock.run(main(), virtual=True)


def test_the_last_cut_off_is_of_the_message_that_is_spoken_and_no_other():
    agent = Counting()
    agent.update_last_bot_message_on_cut_off("nothing is spoken yet")
    first = agent.transcript.add_bot_message("One two three.")
    second = agent.transcript.add_bot_message("Four five six.")
    agent.speaking = first
    agent.update_last_bot_message_on_cut_off("One")
    assert (first.text, first.interrupted) == ("One", True)
    assert (second.text, second.interrupted) == ("Four five six.", False)


def test_an_agent_cannot_tell_what_is_complete_unless_it_says_so():
    assert not BaseAgent().is_complete("anything")


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}, 7),
        ({"input_tokens": 3, "output_tokens": 4}, 7),
        ({"prompt_token_count": 3, "candidates_token_count": 4, "total_token_count": 30}, 30),
        ({}, 3),  # letters over 4
    ],
)
def test_what_an_answer_has_used_is_as_its_provider_counts(usage: dict[str, int], tokens: float):
    async def main() -> float:
        item = TranscriptionAgentInput(Transcription("hello"))
        answer = Answer(item, asyncio.Queue(), lambda fact: None, None)
        await answer.add(GeneratedResponse(BaseMessage("Twelve signs"), usage=usage))
        return answer.tokens

    assert clock.run(main(), virtual=True) == tokens
