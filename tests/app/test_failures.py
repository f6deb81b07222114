"""Failures in, words out: who failed, how, what was done about it, and what a person can do."""

from types import SimpleNamespace
from typing import Any

import pytest

from bench import events
from bench.app import messages
from bench.app.failures import failures, role_of
from bench.app.telling import Teller
from bench.events import Fact
from bench.trace import Trace

pytestmark = pytest.mark.unit


def part(provider: str, backup: str = "") -> Any:
    return SimpleNamespace(provider=provider, backup=part(backup) if backup else None)


PARTS: Any = SimpleNamespace(
    transcriber=part("deepgram", "azure"),
    agent=part("openai", "embedded"),
    synthesizer=part("azure"),
)


def failed(provider: str, kind: str, said: str = "") -> events.ProviderFailed:
    return events.ProviderFailed(provider, kind, 1.0, said, turn=1)


def told(*facts: Fact) -> list[tuple[int, str]]:
    trace = Trace()
    for fact in facts:
        trace.record(fact)
    return [(turn, str(failure)) for turn, failure in failures(trace, PARTS)]


def test_whose_part_a_provider_plays_is_known_unless_it_plays_two() -> None:
    names = ("deepgram", "openai", "embedded", "azure", "polly")
    assert [role_of(name, PARTS) for name in names] == ["transcriber", "llm", "llm", None, None]


def test_it_says_who_failed_how_what_was_done_and_what_to_do() -> None:
    down, fell = (
        failed("openai", "ConnectFailed", "status 503"),
        events.FellBack("openai", "ConnectFailed", 1.0, "embedded", turn=1),
    )
    assert told(down, fell) == [
        (1, "The agent, OpenAI, could not be reached (status 503). Front desk took over.")
    ]
    ((_, alone),) = told(down)
    assert "So there is no answer" in alone
    assert "choose another one in the settings" in alone


@pytest.mark.parametrize(
    ("said", "names_the_key"),
    [
        ("status 401: Incorrect API key provided.", True),
        ("status 403: denied", True),
        ("UNAUTHENTICATED", True),
        ("status 404: The model `gpt-9` does not exist", False),
        ("status 400: max_tokens is 4013", False),
    ],
)
def test_a_refused_key_is_told_from_a_refused_request(said: str, names_the_key: bool) -> None:
    ((_, text),) = told(failed("openai", "Rejected", said))
    assert ("refused the key" in text) is names_the_key
    assert ("Check the key" in text) is names_the_key


def test_a_vendors_words_are_quoted_short() -> None:
    said = 'status 401: {"err_code": "INVALID_AUTH", "err_msg": "Invalid credentials."}'
    ((_, text),) = told(failed("deepgram", "Rejected", said))
    assert "(status 401: Invalid credentials.)" in text
    ((_, text),) = told(failed("deepgram", "Rejected", "no " * 500))
    assert len(text) < 500


def test_ears_that_are_asked_again_are_not_given_up() -> None:
    broken = failed("deepgram", "BrokenStream"), events.Retried("deepgram", "BrokenStream", 1.0)
    ((_, text),) = told(*broken)
    assert "It is tried again" in text
    # Of a model it tells of another failure, of the time after.
    ((_, text),) = told(failed("openai", "Stalled"), events.Retried("openai", "Stalled", 1.0))
    assert "tried again" not in text


def test_a_client_is_told_at_once_and_again_when_more_is_known() -> None:
    teller = Teller(role=lambda provider: role_of(provider, PARTS))
    facts: list[Fact] = [
        failed("deepgram", "Rejected", "status 401"),
        events.FellBack("deepgram", "Rejected", 1.0, "azure", turn=1),
        failed("openai", "Stalled"),
        events.Retried("openai", "Stalled", 1.0, turn=2),
    ]
    heard = [message for fact in facts for message in teller.tell(fact)]
    errors = [each.code for each in heard if isinstance(each, messages.Error)]
    states = [each.name for each in heard if isinstance(each, messages.State)]
    assert errors == ["provider_failed", "took_over", "provider_failed"]
    assert states == ["deaf", "listening"]
