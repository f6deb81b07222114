"""A simulated language model: whose words it speaks, and at what pace."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bench import clock
from bench.engine.agent import GeneratedResponse, TranscriptionAgentInput
from bench.engine.tools import Tool, ToolCall
from bench.engine.transcriber import Transcription
from bench.errors import ConfigError
from bench.events import AgentFinished, ToolReturned
from bench.providers.simulated_agent import SimulatedAgent
from bench.simulation.context import Reply, Simulation
from bench.simulation.draws import Draws
from bench.simulation.tokens import tokens_in
from bench.trace import Trace

pytestmark = pytest.mark.unit

NAME = "sim:gpt-4.1"
EXACT = {NAME: {"ttfat_ms": 300, "tokens_per_s": 100}}
LONG = "We are open from nine to five on weekdays, and on Saturdays from ten to two."
REPLIES = (Reply("Opening hours", LONG), Reply("*", "All  right.\n"))

LOOKED_UP = (Reply("table", "There are {result}.", "find", '{"day": "friday"}'),)


def ask(agent: SimulatedAgent, *texts: str) -> list[tuple[float, GeneratedResponse]]:
    """What is answered to the last text, and how long after the question each piece came."""

    async def main() -> list[tuple[float, GeneratedResponse]]:
        pieces: list[tuple[float, GeneratedResponse]] = []
        for turn, text in enumerate(texts, 1):
            agent.turn = turn
            agent.transcript.add_human_message(text)
            began_at, pieces = clock.now(), []
            async for piece in agent.generate_response(text, False, ""):
                pieces.append((round(clock.now() - began_at, 6), piece))
            answer = "".join(piece.message.text for _, piece in pieces)
            message = agent.transcript.add_bot_message(answer)
            message.settle(answer)
        return pieces

    return clock.run(main(), virtual=True)


def text_of(pieces: list[tuple[float, GeneratedResponse]]) -> str:
    return "".join(piece.message.text for _, piece in pieces)


def agent(**parts: Any) -> SimulatedAgent:
    return SimulatedAgent({"llm": NAME, "simulation": Simulation(**parts)})


def test_replies_are_tried_in_order_in_any_case():
    assert text_of(ask(agent(replies=REPLIES), "What are your OPENING HOURS?")) == LONG
    assert text_of(ask(agent(replies=REPLIES), "Never mind.")) == "All right."


def test_where_no_reply_fits_the_front_desk_answers():
    only_hours = agent(replies=REPLIES[:1])
    assert "table" in text_of(ask(only_hours, "Can I book a table?")) + "table?"
    assert only_hours.greeting is None
    assert "Welcome" in (agent().greeting or "")
    by_desk = agent()
    assert "nine in the morning" in text_of(ask(by_desk, "What are your opening hours?"))


def test_words_come_as_their_tokens_do():
    pieces = ask(agent(replies=REPLIES, overrides=EXACT), "opening hours")
    assert pieces[0][0] == 0.3
    told = 0
    for at, piece in pieces[1:]:
        told += tokens_in(piece.message.text)
        assert at == pytest.approx(0.3 + told / 100, abs=2e-6)
    assert [piece.message.text for _, piece in pieces] == [
        word if not number else f" {word}" for number, word in enumerate(LONG.split())
    ]


def test_usage_is_counted_and_says_that_it_is_estimated():
    pieces = ask(agent(replies=REPLIES), "opening hours", "opening hours again")
    usage = pieces[-1][1].usage
    assert usage is not None
    assert usage["estimated"] == 1
    words = [word if not number else f" {word}" for number, word in enumerate(LONG.split())]
    assert usage["completion_tokens"] == sum(map(tokens_in, words))
    prompt = ["opening hours", LONG, "opening hours again"]
    assert usage["prompt_tokens"] == sum(tokens_in(text) + 4 for text in prompt)
    assert all(piece.usage is None for _, piece in pieces[:-1])
    assert [tokens_in(text) for text in ("", "a", "four", "fives")] == [0, 1, 1, 2]


def test_the_desk_says_what_is_complete_and_fixed_replies_do_not():
    assert agent().is_complete("What are your opening hours?")
    assert not agent().is_complete("What are your")
    assert not agent(replies=REPLIES).is_complete("What are your opening hours?")


def test_the_draws_are_those_of_the_turn_where_there_is_no_script():
    first = [ask(SimulatedAgent({"llm": NAME}), *["hello"] * n)[0][0] for n in (1, 2, 3)]
    assert len(set(first)) == 3
    wait = SimulatedAgent({"llm": NAME}).profile.first_token
    assert first == [wait.draw(Draws(), f"turn {turn}", "llm.first_token", 0) for turn in (1, 2, 3)]


def test_goodbye_hangs_up():
    pieces = ask(agent(), "Goodbye.")
    assert [piece.ends_call for _, piece in pieces][-1]
    assert not any(piece.ends_call for _, piece in pieces[:-1])


def test_called_off_it_leaves_nothing_behind():
    async def main() -> None:
        made = agent(replies=REPLIES)
        made.transcript.add_human_message("opening hours")
        answer = made.generate_response("opening hours", False, "")
        await anext(answer)
        await answer.aclose()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    clock.run(main(), virtual=True)


def test_it_is_known_by_its_profile():
    made = agent()
    assert (made.provider, made.model) == ("sim:gpt-4.1", "gpt-4.1")
    with pytest.raises(ConfigError, match="no simulated provider sim:deepgram-nova-3"):
        SimulatedAgent({"llm": "sim:deepgram-nova-3"})


def with_tool(**parts: Any) -> SimulatedAgent:
    made = agent(replies=LOOKED_UP, overrides=EXACT, **parts)
    made.tools.add(Tool("find", "find a table", {"type": "object"}, lambda day: f"two on {day}"))
    return made


def test_a_tool_is_called_first_and_its_result_is_said():
    made = with_tool()
    ((at, wish),) = ask(made, "A table, please")
    assert wish.tool_calls == (ToolCall("call-1", "find", '{"day": "friday"}'),)
    assert (wish.message.text, wish.ends_call) == ("", False)
    assert at == pytest.approx(0.3 + (tokens_in(' {"day":') + tokens_in(' "friday"}')) / 100)
    usage = wish.usage
    assert usage is not None
    assert usage["completion_tokens"] == sum(map(tokens_in, ("find", ' {"day":', ' "friday"}')))


def test_the_second_round_answers_with_what_the_tool_gave():
    async def main() -> tuple[str, list[str], dict[str, int]]:
        made = with_tool()
        made.trace = trace = Trace()
        said = Transcription("A table, please")
        await made.process(TranscriptionAgentInput(said, turn=1))
        pieces = [made.output_queue.get_nowait() for _ in range(made.output_queue.qsize())]
        (done,) = trace.of(AgentFinished)
        told = [fact.result for fact in trace.of(ToolReturned)]
        return "".join(piece.message.text for piece in pieces), told, dict(done.usage)

    text, told, usage = clock.run(main(), virtual=True)
    assert text == "There are two on friday."
    assert told == ["two on friday"]
    question, result = (tokens_in(text) + 4 for text in ("A table, please", told[0]))
    assert usage["prompt_tokens"] == 2 * question + result


def test_a_tool_that_is_not_there_is_not_called():
    assert text_of(ask(agent(replies=LOOKED_UP), "A table, please")) == "There are ."
