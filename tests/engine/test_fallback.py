"""An error in, one more try or somebody else out: the policy as a table, and an agent's backup."""

from collections.abc import AsyncGenerator, Callable

import pytest

from bench import clock
from bench.engine.agent import BaseAgent, GeneratedResponse
from bench.engine.fallback import COOL_DOWN_SECONDS, decide, wait_before_retry
from bench.engine.synthesizer import BaseMessage
from bench.engine.tools import ToolCall
from bench.errors import BrokenStream, ConnectFailed, RateLimited, Rejected, Stalled
from bench.events import (
    AgentFinished,
    AgentRequested,
    FellBack,
    FirstToken,
    ProviderFailed,
    Retried,
    WorkerFailed,
)
from bench.testing import ScriptedAgent
from tests.engine.scene import LINE, SENTENCES, Scene, play
from tests.engine.trouble import Agent, fail, stall

pytestmark = pytest.mark.unit

QUESTION, SECOND = "When are you open?", "And on Sunday?"
APOLOGY = "Sorry, something went wrong."

CONNECT, BROKEN = ConnectFailed("p", "refused"), BrokenStream("p", "closed")
SOON, LATER = (RateLimited("p", "429", retry_after_seconds=wait) for wait in (0.25, 0.26))
REJECTED, STALLED, BUG = Rejected("p"), Stalled("p"), TypeError("ours")


@pytest.mark.parametrize(
    ("error", "known", "wanted"),
    [
        (CONNECT, {}, "retry"),
        (CONNECT, {"attempt": 2}, "give up"),
        (CONNECT, {"attempt": 2, "has_backup": True}, "fall back"),
        (CONNECT, {"begun": True}, "give up"),
        (CONNECT, {"begun": True, "has_backup": True}, "give up"),
        (CONNECT, {"begun": True, "has_backup": True, "can_go_on": True}, "fall back"),
        (BROKEN, {}, "give up"),
        (BROKEN, {"worked": True}, "retry"),
        (BROKEN, {"worked": True, "begun": True}, "give up"),
        (BROKEN, {"worked": True, "attempt": 2, "has_backup": True}, "fall back"),
        (BROKEN, {"has_backup": True}, "fall back"),
        (SOON, {"has_backup": True}, "retry"),
        (SOON, {"has_backup": True, "attempt": 2}, "fall back"),
        (LATER, {"has_backup": True}, "fall back"),
        (LATER, {}, "give up"),
        (RateLimited("p"), {"has_backup": True}, "fall back"),
        (REJECTED, {"worked": True}, "give up"),
        (REJECTED, {"has_backup": True}, "fall back"),
        (STALLED, {"worked": True}, "give up"),
        (STALLED, {"has_backup": True}, "fall back"),
        (BUG, {"worked": True}, "give up"),
        (BUG, {"has_backup": True}, "fall back"),
    ],
)
def test_the_policy(error: Exception, known: dict[str, object], wanted: str):
    assert decide(error, **known) == wanted  # pyright: ignore[reportArgumentType]


def test_only_who_is_busy_is_waited_for():
    assert [wait_before_retry(error) for error in (CONNECT, BROKEN, SOON)] == [0.0, 0.0, 0.25]
    assert wait_before_retry(RateLimited("p")) == 0.0


# An agent and its backup


def backed(trouble: Callable[[], object], words: int = 0, line: str = LINE) -> Agent:
    agent = Agent(trouble, words, line)
    agent.backup = ScriptedAgent(["The backup answers."])
    agent.backup.provider = "second"
    return agent


async def ask_twice(scene: Scene) -> None:
    await scene.ask(QUESTION, 15.0)
    await scene.ask(SECOND, 14.0)


def test_a_connection_that_fails_is_tried_again_at_once():
    agent = Agent(fail(ConnectFailed("troubled", "refused")))
    scene = play(ask_twice, agent=agent, apology=APOLOGY)
    assert [(fact.provider, fact.kind, fact.turn) for fact in scene.trace.of(Retried)] == [
        ("troubled", "ConnectFailed", 1)
    ]
    assert agent.closed_at[0] == 0.0
    assert scene.trace.of(ProviderFailed) == []
    assert scene.trace.at(FirstToken)[0] == 0.0
    assert len(scene.trace.of(AgentRequested)) == 2
    assert scene.history == [("user", QUESTION), ("bot", LINE), ("user", SECOND), ("bot", LINE)]


def test_one_that_fails_twice_is_given_up_where_there_is_no_backup():
    class Dead(Agent):
        async def generate_response(
            self, human_input: str, is_interrupt: bool, conversation_id: str
        ) -> AsyncGenerator[GeneratedResponse, None]:
            self.asked.append((human_input, is_interrupt))
            raise ConnectFailed("troubled", "refused")
            yield

    agent = Dead(lambda: None)
    scene = play(ask_twice, agent=agent, apology=APOLOGY)
    assert len(agent.asked) == 4
    assert len(scene.trace.of(Retried)) == len(scene.trace.of(ProviderFailed)) == 2
    assert scene.history[1] == scene.history[3] == ("bot", APOLOGY)


def test_a_busy_provider_is_waited_for_if_it_is_not_for_long():
    error = RateLimited("troubled", "status 429", retry_after_seconds=0.2)
    scene = play(ask_twice, agent=Agent(fail(error)), apology=APOLOGY)
    assert scene.trace.at(FirstToken)[0] == pytest.approx(0.2, abs=1e-5)
    assert [fact.kind for fact in scene.trace.of(Retried)] == ["RateLimited"]


@pytest.mark.parametrize(
    ("trouble", "kind", "at"),
    [
        (fail(Rejected("troubled", "no such model")), "Rejected", 0.0),
        (fail(RateLimited("troubled", "429", retry_after_seconds=1.0)), "RateLimited", 0.0),
        (fail(BrokenStream("troubled", "closed")), "BrokenStream", 0.0),
        (stall, "Stalled", 8.0),
    ],
)
def test_the_backup_answers_from_the_same_history(
    trouble: Callable[[], object], kind: str, at: float
):
    agent = backed(trouble)
    scene = play(ask_twice, agent=agent, apology=APOLOGY)
    (fell,) = scene.trace.of(FellBack)
    assert (fell.provider, fell.kind, fell.after_seconds, fell.to, fell.turn) == (
        ("troubled", kind, at, "second", 1)
    )
    assert [fact.kind for fact in scene.trace.of(ProviderFailed)] == [kind]
    assert scene.trace.at(FellBack) == [at]
    asked = [(fact.provider, fact.turn) for fact in scene.trace.of(AgentRequested)]
    assert asked == [("troubled", 1), ("second", 1), ("second", 2)]
    assert [fact.provider for fact in scene.trace.of(AgentFinished)] == ["second", "second"]
    assert agent.backup is not None
    assert agent.backup.transcript is scene.conversation.transcript
    assert scene.history == [
        ("user", QUESTION),
        ("bot", "The backup answers."),
        ("user", SECOND),
        ("bot", "The backup answers."),
    ]


def test_the_primary_gets_another_chance_when_it_has_rested():
    async def script(scene: Scene) -> None:
        await scene.ask(QUESTION, COOL_DOWN_SECONDS - 1.0)
        await scene.ask(SECOND, 5.0)
        await scene.ask("And tomorrow?", 9.0)

    scene = play(script, agent=backed(fail(Rejected("troubled", "no"))))
    asked = [fact.provider for fact in scene.trace.of(AgentRequested)]
    assert asked == ["troubled", "second", "second", "troubled"]
    assert scene.history[-1] == ("bot", LINE)


@pytest.mark.parametrize(
    ("wanted", "rests"), [(5.0, COOL_DOWN_SECONDS), (90.0, 90.0), (9e5, 600.0)]
)
def test_a_busy_provider_is_left_alone_for_as_long_as_it_wants(wanted: float, rests: float):
    async def script(scene: Scene) -> None:
        await scene.ask(QUESTION, rests - 1.0)
        await scene.ask(SECOND, 5.0)
        await scene.ask("And tomorrow?", 9.0)

    busy = RateLimited("troubled", "busy", retry_after_seconds=wanted)
    scene = play(script, agent=backed(fail(busy)))
    asked = [fact.provider for fact in scene.trace.of(AgentRequested)]
    assert asked == ["troubled", "second", "second", "troubled"]


def test_an_answer_that_was_begun_is_not_begun_again_and_the_next_is_the_backup_s():
    agent = backed(fail(BrokenStream("troubled", "closed")), 6, SENTENCES)
    scene = play(ask_twice, agent=agent, apology=APOLOGY)
    assert scene.trace.of(FellBack) == []
    assert [fact.kind for fact in scene.trace.of(ProviderFailed)] == ["BrokenStream"]
    assert scene.history == [
        ("user", QUESTION),
        ("bot", "We are open today. On Sundays"),
        ("bot", APOLOGY),
        ("user", SECOND),
        ("bot", "The backup answers."),
    ]


def test_a_backup_that_fails_too_ends_the_turn_and_not_the_conversation():
    agent = Agent(fail(Rejected("troubled", "no")))
    agent.backup = Agent(fail(Rejected("second", "no")))
    scene = play(ask_twice, agent=agent, apology=APOLOGY)
    failed = [(fact.provider, fact.turn) for fact in scene.trace.of(ProviderFailed)]
    assert failed == [("troubled", 1), ("second", 1)]
    assert scene.history[1] == ("bot", APOLOGY)
    assert scene.history[-1] == ("bot", LINE)


def test_a_cut_in_calls_the_backup_off():
    agent = backed(fail(Rejected("troubled", "no")))
    slow = agent.backup = ScriptedAgent([SENTENCES], think_seconds=5.0)

    async def script(scene: Scene) -> None:
        await scene.ask(QUESTION, 1.0)
        assert slow.asked
        scene.conversation.broadcast_interrupt()
        await scene.ask(SECOND, 12.0)

    scene = play(script, agent=agent)
    assert scene.history[-1] == ("bot", SENTENCES)
    assert len(scene.trace.of(AgentFinished)) == 1


def test_after_a_tool_the_backup_goes_on_with_its_result():
    class Helped(BaseAgent):
        provider = "troubled"
        asked = 0

        async def generate_response(
            self, human_input: str, is_interrupt: bool, conversation_id: str
        ) -> AsyncGenerator[GeneratedResponse, None]:
            self.asked += 1
            if self.asked > 1:
                raise Rejected("troubled", "no")
            call = ToolCall("1", "tables", "{}")
            yield GeneratedResponse(BaseMessage(""), tool_calls=(call,))

    class Reader(BaseAgent):
        provider = "second"

        async def generate_response(
            self, human_input: str, is_interrupt: bool, conversation_id: str
        ) -> AsyncGenerator[GeneratedResponse, None]:
            (result,) = self.transcript.event_logs[-1].tools
            assert [tool.name for tool in self.tools] == ["tables"]
            yield GeneratedResponse(BaseMessage(f"There are {result.text}."))

    async def tables() -> str:
        return "three"

    agent = Helped()
    agent.tools.add(tables)
    agent.backup = Reader()

    async def script(scene: Scene) -> None:
        await scene.ask(QUESTION, 5.0)

    scene = play(script, agent=agent)
    assert scene.history[-1] == ("bot", "There are three.")


def test_connections_are_closed_when_the_agent_ends():
    closed: list[str] = []

    class Connected(ScriptedAgent):
        async def hang_up(self) -> None:
            await clock.sleep(0.4)
            closed.append(self.provider)

    agent = Connected([LINE])
    agent.backup = Connected([LINE])
    agent.backup.provider = "second"
    play(ask_twice, agent=agent)
    assert closed == ["scripted", "second"]


def test_a_connection_that_cannot_be_closed_does_not_keep_the_other_open():
    closed: list[str] = []

    class Stuck(ScriptedAgent):
        async def hang_up(self) -> None:
            raise OSError("gone")

    class Connected(ScriptedAgent):
        async def hang_up(self) -> None:
            await clock.sleep(0.1)
            closed.append("second")

    agent = Stuck([LINE])
    agent.backup = Connected([LINE])
    scene = play(ask_twice, agent=agent)
    assert closed == ["second"]
    assert [fact.kind for fact in scene.trace.of(WorkerFailed)] == ["OSError"]
