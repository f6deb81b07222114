"""Tools: what a model is told of them, how they are called, and what the history keeps."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any, Literal

import pytest

from bench import clock
from bench.engine.agent import (
    MOST_ROUNDS,
    AgentResponse,
    BaseAgent,
    GeneratedResponse,
    TranscriptionAgentInput,
)
from bench.engine.synthesizer import BaseMessage
from bench.engine.tools import CALLED_OFF, Tool, ToolCall, Tools
from bench.engine.transcriber import Transcription
from bench.engine.transcript import Sender
from bench.errors import ConfigError
from bench.events import (
    AgentFinished,
    FirstToken,
    PlaybackStarted,
    ProviderFailed,
    SentenceReady,
    ToolCalled,
    ToolReturned,
)
from bench.trace import Trace
from tests.engine.scene import Scene

pytestmark = pytest.mark.unit


class Waiter(BaseAgent):
    """Looks into the book, once or for ever, and then answers with what stands there."""

    provider = "waiter"

    def __init__(self, *calls: ToolCall, rounds: int = 1) -> None:
        super().__init__()
        self.calls, self.rounds = calls, rounds
        self.trace = Trace()

    async def generate_response(
        self, human_input: str, is_interrupt: bool, conversation_id: str
    ) -> AsyncGenerator[GeneratedResponse, None]:
        results = self.transcript.event_logs[-1].tools
        if len(results) < self.rounds * len(self.calls):
            yield GeneratedResponse(BaseMessage(""), tool_calls=self.calls, usage={"tokens": 2})
            return
        said = ", ".join(result.text for result in results)
        yield GeneratedResponse(BaseMessage(said), usage={"tokens": 3})


def told(agent: BaseAgent) -> list[AgentResponse]:
    return [agent.output_queue.get_nowait() for _ in range(agent.output_queue.qsize())]


def asked(agent: BaseAgent) -> TranscriptionAgentInput:
    item = TranscriptionAgentInput(Transcription("is there a table?"), turn=1)
    agent.input_queue.put_nowait(item)
    return item


def answer(agent: BaseAgent) -> list[AgentResponse]:
    async def main() -> list[AgentResponse]:
        agent.start()
        asked(agent)
        await clock.sleep(30.0)
        await agent.terminate()
        return told(agent)

    return clock.run(main(), virtual=True)


def test_a_tool_is_called_and_the_answer_goes_on_with_its_result():
    agent = Waiter(ToolCall("1", "free_tables", '{"day": "Monday"}'))

    @agent.tools.add
    async def free_tables(day: str) -> str:
        await clock.sleep(0.5)
        return f"three on {day}"

    pieces = answer(agent)
    assert [piece.message.text for piece in pieces if piece.message.text] == ["three on Monday"]
    assert agent.trace is not None
    (called,), (returned,) = agent.trace.of(ToolCalled), agent.trace.of(ToolReturned)
    assert (called.name, called.arguments) == ("free_tables", '{"day": "Monday"}')
    assert (returned.result, returned.failed) == ("three on Monday", False)
    assert [fact.usage for fact in agent.trace.of(AgentFinished)] == [{"tokens": 5}]
    assert len(agent.trace.of(FirstToken)) == 1
    (result,) = agent.transcript.event_logs[0].tools
    assert (result.call.id, result.text) == ("1", "three on Monday")


def test_several_are_called_side_by_side_and_told_in_order():
    agent = Waiter(ToolCall("a", "slow", "{}"), ToolCall("b", "quick", "{}"))
    ended = list[tuple[str, float]]()

    @agent.tools.add
    async def slow() -> str:
        await clock.sleep(2.0)
        ended.append(("slow", clock.now()))
        return "slow"

    @agent.tools.add
    async def quick() -> str:
        await clock.sleep(1.0)
        ended.append(("quick", clock.now()))
        return "quick"

    (piece, _) = answer(agent)
    assert piece.message.text == "slow, quick"
    assert ended == [("quick", 1.0), ("slow", 2.0)]


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (
            ToolCall("1", "book", "{}"),
            "there is no tool book; there are: open_until, ",
        ),
        (ToolCall("1", "open_until", "[1]"), "ValueError: want a JSON object"),
        (ToolCall("1", "open_until", '{"day'), "JSONDecodeError"),
        (ToolCall("1", "open_until", '{"night": 1}'), "TypeError"),
        (ToolCall("1", "broken", "{}"), "RuntimeError: token=***"),
        (ToolCall("1", "never", "{}"), "no result within 8 s"),
    ],
)
def test_what_goes_wrong_is_told_to_the_model(call: ToolCall, says: str):
    agent = Waiter(call)

    @agent.tools.add
    def open_until(day: str) -> int:
        return 22

    @agent.tools.add
    def broken() -> str:
        raise RuntimeError("token=abcdef")

    @agent.tools.add
    async def never() -> None:
        await asyncio.Event().wait()

    pieces = answer(agent)
    assert pieces[0].message.text.startswith(says)
    assert agent.trace is not None
    (returned,) = agent.trace.of(ToolReturned)
    assert returned.failed
    assert agent.trace.of(ProviderFailed) == []


def test_a_cut_in_calls_the_tool_off():
    agent = Waiter(ToolCall("1", "never", "{}"))
    ended = list[float]()

    @agent.tools.add
    async def never() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(clock.now())

    async def main() -> None:
        agent.start()
        item = asked(agent)
        await clock.sleep(0.7)
        assert item.interrupt()
        await clock.sleep(0.1)
        await agent.terminate()

    clock.run(main(), virtual=True)
    assert ended == [0.7]
    (result,) = agent.transcript.event_logs[0].tools
    assert (result.text, result.failed) == (CALLED_OFF, True)
    assert told(agent) == []


def test_a_model_that_only_calls_tools_has_failed():
    agent = Waiter(ToolCall("1", "again", "{}"), rounds=1_000)
    agent.tools.add(Tool("again", "Again.", {}, lambda: "again"))
    pieces = answer(agent)
    assert [(piece.is_last, piece.failed) for piece in pieces] == [(True, True)]
    assert agent.trace is not None
    assert len(agent.trace.of(ToolCalled)) == MOST_ROUNDS
    (failed,) = agent.trace.of(ProviderFailed)
    assert failed.kind == "BrokenStream"


def test_a_function_is_described_by_its_signature():
    tools = Tools()

    @tools.add
    def book(
        name: str, people: int, size: float | None = None, at: Literal["bar", "window"] = "bar"
    ) -> None:
        """Book a table.

        At once.
        """

    (tool,) = tools
    assert (tool.name, tool.description) == ("book", "Book a table.\n\nAt once.")
    assert tool.parameters == {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "people": {"type": "integer"},
            "size": {"type": "number"},
            "at": {"type": "string", "enum": ["bar", "window"]},
        },
        "required": ["name", "people"],
    }


def test_what_json_has_no_name_for_is_refused():
    def odd(anything: Any) -> None:
        pass

    tools = Tools()
    with pytest.raises(ConfigError, match="parameter anything of the tool odd"):
        tools.add(odd)
    tools.add(Tool("one", "", {}, lambda: None))
    with pytest.raises(ConfigError, match="already"):
        tools.add(Tool("one", "", {}, lambda: None))


class Talker(Waiter):
    """Says that it looks into the book, and then does."""

    async def generate_response(
        self, human_input: str, is_interrupt: bool, conversation_id: str
    ) -> AsyncGenerator[GeneratedResponse, None]:
        said = self.transcript.last(Sender.HUMAN)
        assert said is not None
        if not said.tools:
            yield GeneratedResponse(BaseMessage("One moment"))
            yield GeneratedResponse(BaseMessage("."), tool_calls=self.calls)
            return
        yield GeneratedResponse(BaseMessage("3 are free."))


def test_what_was_said_before_a_tool_is_heard_while_it_works():
    agent = Talker(ToolCall("1", "free_tables"))

    @agent.tools.add
    async def free_tables() -> int:
        await clock.sleep(5.0)
        return 3

    async def main() -> Scene:
        scene = Scene(agent=agent)
        await scene.conversation.start()
        await scene.ask("Is there a table?", then_seconds=12.0)
        await scene.conversation.terminate()
        return scene

    scene = clock.run(main(), virtual=True)
    assert scene.history == [("user", "Is there a table?"), ("bot", "One moment. 3 are free.")]
    (asked_at,), (returned_at,) = scene.trace.at(ToolCalled), scene.trace.at(ToolReturned)
    assert returned_at == pytest.approx(asked_at + 5.0, abs=1e-3)
    assert scene.trace.at(PlaybackStarted)[0] < asked_at + 1.0
    assert [fact.text for fact in scene.trace.of(SentenceReady)] == ["One moment.", "3 are free."]


@pytest.mark.parametrize("name", ["<lambda>", "free tables", "1st", "a" * 65, ""])
def test_a_name_that_no_model_could_write_is_refused(name: str):
    with pytest.raises(ConfigError, match="want up to 64 letters, digits and _"):
        Tools().add(Tool(name, "", {}, print))


def test_a_result_that_is_still_to_come_is_waited_for():
    """Of a function that is none of asyncio's own and gives one."""
    agent = Waiter(ToolCall("1", "look_up"))

    @agent.tools.add
    def look_up() -> Any:
        async def later() -> str:
            await clock.sleep(1.0)
            return "three"

        return later()

    assert [piece.message.text for piece in answer(agent)] == ["three", ""]


def test_every_round_is_a_step_of_its_own():
    agent = Waiter(ToolCall("a", "look"), ToolCall("b", "look"), rounds=3)

    @agent.tools.add
    def look() -> str:
        return "there"

    answer(agent)
    assert [result.step for result in agent.transcript.event_logs[0].tools] == [0, 0, 1, 1, 2, 2]
