"""What language models are asked for and what becomes of a refusal: models that think, services
without keys, quotas that are used up, answers without a word."""

from typing import Any

import pytest

from bench.engine.agent import BaseAgent
from bench.engine.settings import ConversationSettings
from bench.engine.tools import ToolCall, ToolResult
from bench.errors import BrokenStream, ConfigError, ProviderError, RateLimited, Rejected
from bench.events import ProviderFailed
from bench.providers import anthropic, gemini, openai
from bench.providers.handler import VoiceHandler
from bench.providers.offers import ANTHROPIC_MODELS, GEMINI_MODELS, OPENAI_MODELS
from bench.providers.openai import OpenAIAgent
from bench.settings import Secret
from bench.simulation.context import Reply
from tests.contracts.canned import canned
from tests.contracts.case import Case, cases
from tests.contracts.ends import nothing_left
from tests.contracts.served import ANSWER, QUESTION, REPLIES, answering, asked
from tests.contracts.trying import answered

pytestmark = pytest.mark.contract

CASES = {case.name: case for case in cases("llm") if case.virtual}
MODULES = {"openai": openai, "anthropic": anthropic, "gemini": gemini}
MODELS = pytest.mark.parametrize("case", [CASES[name] for name in MODULES], ids=list(MODULES))
NEVER_SAID: dict[str, tuple[str, ...]] = {
    "openai": ("o4-mini", "gpt-5-nano", "gpt-5.1", "gpt-5.4", "gpt-5.5", "gpt-5-mini", "gpt-4o"),
    "anthropic": ("claude-opus-4-8", "claude-sonnet-5", "claude-opus-5", "claude-fable-5-1",
                  "claude-mythos-5", "claude-sonnet-4-5-20250929"),
    "gemini": ("gemini-3-flash-preview", "gemini-3.1-pro-preview", "gemini-3.7-flash",
               "gemini-2.5-flash-lite", "gemini-flash-latest", "gemma-4"),
}  # fmt: skip
KNOWN = {"openai": OPENAI_MODELS, "anthropic": ANTHROPIC_MODELS, "gemini": GEMINI_MODELS}
EVERY_MODEL = [
    pytest.param(CASES[name], model, id=model)
    for name in MODULES
    for model in (*KNOWN[name], *NEVER_SAID[name])
]


def one_tool(agent: BaseAgent) -> None:
    @agent.tools.add
    def free_tables(day: str) -> str:
        """How many tables are free."""
        return day


async def asked_once(agent: BaseAgent, text: str = QUESTION) -> ProviderError | str:
    """The answer, or what went wrong."""
    agent.transcript.add_human_message(text)
    try:
        found = [one async for one in agent.generate_response(text, False, "")]
    except ProviderError as error:
        return error
    return "".join(one.message.text for one in found)


@pytest.mark.parametrize(("case", "model"), EVERY_MODEL)
@pytest.mark.filterwarnings("ignore:The model:DeprecationWarning")
def test_a_model_is_asked_to_think_as_little_as_it_can(
    case: Case, model: str, monkeypatch: pytest.MonkeyPatch
):
    """The emulators refuse what the services do, of tools beside thoughts too."""

    async def main():
        async with nothing_left(), case.make_emulator(REPLIES).serving() as server:
            monkeypatch.setattr(MODULES[case.name], "URL", server.url)  # the vendor's own
            agent = case.make_adapter("", llm_model=model)
            one_tool(agent)
            said = await asked_once(agent)
            await agent.hang_up()
            return said, server.requests[0]

    said, request = case.run(main())
    assert said == ANSWER
    assert "high" not in str(request)


@MODELS
def test_how_much_to_think_can_be_said(case: Case):
    model = {"openai": "gpt-5.1", "anthropic": "claude-sonnet-5-5", "gemini": "gemini-3.5-flash"}

    async def main(effort: str):
        options = {"llm_model": model[case.name], "llm_effort": effort}
        async with answering(case, config=options) as (server, agent):
            return await asked_once(agent), server.requests

    said, (request,) = case.run(main("high"))
    assert said == ANSWER
    assert "high" in str(request).lower()
    refusal, _ = case.run(main("xhigh" if case.name == "gemini" else "utmost"))
    assert type(refusal) is Rejected


def test_another_service_is_told_nothing_that_only_openai_knows():
    async def main():
        case = CASES["openai"]
        async with answering(case, config={"llm_model": "gpt-5.6-luna"}) as (server, agent):
            await asked_once(agent)
            return server.requests[0]

    assert "reasoning_effort" not in CASES["openai"].run(main())


@MODELS
@pytest.mark.parametrize("reason", ["declined", "cut short", "nothing to say"])
def test_an_answer_without_a_word_is_none(case: Case, reason: str):
    """Else the listener would hear nothing, and nobody would know why."""
    names = {
        "openai": ("content_filter", "length", "stop"),
        "anthropic": ("refusal", "max_tokens", "end_turn"),
        "gemini": ("SAFETY", "MAX_TOKENS", "STOP"),
    }
    told = dict(zip(("declined", "cut short", "nothing to say"), names[case.name], strict=True))

    async def main():
        async with answering(case, ends_with=told[reason]) as (_, agent):
            return await answered(agent)

    error = case.run(main())
    assert type(error) is (Rejected if reason == "declined" else BrokenStream)
    assert error is not None
    assert error.reason == f"no answer: {told[reason]}"


@MODELS
def test_after_a_tool_there_may_be_no_more_to_say(case: Case):
    ends = {"openai": "stop", "anthropic": "end_turn", "gemini": "STOP"}

    async def main():
        async with answering(case, ends_with=ends[case.name]) as (_, agent):
            message = agent.transcript.add_human_message("Book it, please.")
            message.tools.append(ToolResult(ToolCall("a", "book"), "booked"))
            return [one.message.text async for one in agent.generate_response("", False, "")]

    assert "".join(case.run(main())) == ""


@MODELS
@pytest.mark.parametrize("text", ["…", "sk-\x07abc", "schlüssel"])
def test_a_key_that_no_header_can_hold_is_told_of_at_once(case: Case, text: str):
    with pytest.raises(ConfigError, match=rf"{case.key} holds signs that no key has") as told:
        case.make_adapter("http://127.0.0.1:9", key=text)
    assert text not in str(told.value)


@MODELS
def test_a_key_was_copied_with_the_end_of_its_line(case: Case):
    async def main():
        async with answering(case, key=f" {case.right_key}\n") as (_, agent):
            return await asked_once(agent)

    assert case.run(main()) == ANSWER


@MODELS
def test_a_refusal_names_the_setting(case: Case):
    async def main(status: int):
        async with answering(case, refuses_with=status) as (_, agent):
            return await asked_once(agent)

    assert "(look at llm_model)" in str(case.run(main(404)))
    assert case.key is not None
    denied = {"openai": 401, "anthropic": 401, "gemini": 403}
    assert case.key in str(case.run(main(denied[case.name])))


def refused(status: int, body: str, path: str = "/v1") -> ProviderError:
    """What comes of a like service's answer."""

    async def main():
        async with nothing_left(), canned([body], status=status) as url:
            agent = OpenAIAgent({"openai_base_url": url + path, "keys": {}})
            found = await asked_once(agent)
            await agent.hang_up()
            return found

    found = CASES["openai"].run(main())
    assert isinstance(found, ProviderError)
    return found


@pytest.mark.parametrize(
    ("status", "body", "kind", "told"),
    [
        (429, '{"error": {"message": "You have no credit.", "code": "insufficient_quota"}}',
         Rejected, "You have no credit."),
        (429, '{"error": {"message": "Too many.", "code": "rate_limit_exceeded"}}',
         RateLimited, "Too many."),
        (401, '{"error": "no such key"}', Rejected, "no such key"),
        (404, '{"detail": "Not Found"}', Rejected, "Not Found"),
        (400, '{"object": "error", "message": "No such model."}', Rejected, "No such model."),
        (502, "<html>Bad Gateway</html>", ProviderError, "Bad Gateway"),
        (200, 'data: {"error": {"message": "too long", "type": "BadRequestError", "code": 400}}'
              "\n\n", Rejected, "too long"),
        (200, 'data: {"error": {"message": "no credit", "code": "insufficient_quota"}}\n\n',
         Rejected, "no credit"),
    ],
)  # fmt: skip
def test_bodies_of_refusals(status: int, body: str, kind: type[ProviderError], told: str):
    found = refused(status, body)
    assert isinstance(found, kind)
    assert told in found.reason


def test_an_address_without_its_path_is_told_of():
    assert "openai_base_url" in refused(404, '{"detail": "Not Found"}', path="").reason
    assert "llm_model" in refused(404, '{"detail": "Not Found"}').reason


def test_a_service_at_an_address_of_ones_own_may_want_no_key():
    config = {"llm": "openai", "openai_base_url": "http://127.0.0.1:11434/v1"}
    assert VoiceHandler(keys={}).create_agent(config).provider == "openai"
    with pytest.raises(ConfigError, match="OPENAI_API_KEY"):
        VoiceHandler(keys={}).create_agent({"llm": "openai"})
    with pytest.raises(ConfigError, match="OPENAI_API_KEY"):
        OpenAIAgent({"keys": {}})


def test_a_service_that_knows_no_counts_is_asked_without():
    """As some do that take no setting they have not heard of."""
    seen = list[dict[str, Any]]()

    class Strict(openai_emulator()):
        async def _complete(self, request: Any, answer: Any) -> None:
            seen.append(request.json())
            if "stream_options" in seen[-1]:
                said = "Extra inputs are not permitted: stream_options"
                answer.whole(422, {"object": "error", "message": said})
                return
            await super()._complete(request, answer)

    async def main():
        async with nothing_left(), Strict(REPLIES).serving() as server:
            keys = {"OPENAI_API_KEY": Secret(server.key)}
            agent = OpenAIAgent({"openai_base_url": server.url, "keys": keys})
            found = [await asked_once(agent), await asked_once(agent)]
            await agent.hang_up()
            return found

    assert CASES["openai"].run(main()) == [ANSWER, ANSWER]
    assert ["stream_options" in request for request in seen] == [True, False, False]


def openai_emulator() -> Any:
    from bench.emulators.openai import OpenAIEmulator  # a base that the types do not follow

    return OpenAIEmulator


@pytest.mark.parametrize("name", ["anthropic", "gemini"])
@pytest.mark.parametrize("path", ["", "/", "/v1", "/v1/"])
def test_an_address_may_end_with_its_version(name: str, path: str):
    case = CASES[name]

    async def main():
        async with nothing_left(), case.make_emulator(REPLIES).serving() as server:
            agent = case.make_adapter(server.url + path)
            said = await asked_once(agent)
            await agent.hang_up()
            return said

    assert case.run(main()) == ANSWER


@MODELS
def test_arguments_that_make_no_sense_do_not_spoil_what_follows(case: Case):
    """A history that holds them would be refused by some services, turn after turn."""

    async def main():
        replies = (Reply("open", ANSWER), Reply("*", "Yes."))
        async with answering(case, replies) as (server, agent):
            message = agent.transcript.add_human_message("A table?")
            call = ToolCall("call_1", "free_tables", '{"day": "Mon')
            message.tools.append(ToolResult(call, "not JSON", failed=True))
            agent.transcript.add_bot_message("Sorry?")
            return await asked_once(agent), str(server.requests[0])

    said, request = case.run(main())
    assert said == ANSWER
    assert "Mon" not in request
    assert "not JSON" in request


@pytest.mark.parametrize("name", ["openai", "anthropic"])
def test_a_tool_s_long_arguments_are_no_silence(name: str):
    """After words, a stream may be quiet for three seconds; these take twelve to write."""
    arguments = '{"day": "' + "Monday or Tuesday, or else " * 3 + '"}'
    replies = (Reply("table", "There are {result}.", "free_tables", arguments),)

    async def main():
        options = {"aside": "One moment.", "every": lambda: 1.0}
        async with answering(CASES[name], replies, **options) as (_, agent):
            one_tool(agent)
            said = "".join(await asked(agent, "Is there a table?"))
            assert agent.trace is not None
            return said, agent.trace.of(ProviderFailed)

    said, failed = CASES[name].run(main())
    assert failed == []
    assert said.startswith("One moment. There are Monday or Tuesday")


@MODELS
def test_a_model_may_take_as_long_as_the_settings_say(case: Case):
    """One on a machine of one's own has to be loaded first; one that thinks takes its time."""

    async def main():
        async with answering(case, first=lambda: 25.0) as (_, agent):
            agent.settings = ConversationSettings(first_result_seconds=30.0)
            return "".join(await asked(agent))

    assert case.run(main()) == ANSWER
