"""What an error may tell, and to whom it must stay silent."""

import pickle

import pytest

from bench import errors

pytestmark = pytest.mark.unit

HEX_KEY = "9f86d081884c7d659a2feaa0c55ad015"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("Incorrect API key provided: sk-proj-Abc123Def456.", "Incorrect API key provided: ***"),
        ("Authorization: Token abc was refused", "Authorization: Token *** was refused"),
        ("{'xi-api-key': 'short'}", "{'xi-api-key': '***'}"),
        ("wss://user:hunter2@host/v1?api_key=q&model=m", "wss://***@host/v1?api_key=***&model=m"),
        ("sent Bearer eyJhbGciOi.J9zdWIi.abc", "sent Bearer ***"),
        (f"the key {HEX_KEY} is over its quota", "the key *** is over its quota"),
        ("AIzaSyA1234567890abcdefg is not valid", "*** is not valid"),
    ],
)
def test_what_looks_like_a_key_is_never_told(said: str, told: str) -> None:
    assert errors.redacted(said) == told
    assert told in str(errors.Rejected("openai", said))
    assert HEX_KEY not in repr(errors.Rejected("openai", said))


@pytest.mark.parametrize(
    "said",
    [
        "the model claude-haiku-4-5-20251001 does not exist",
        "max_tokens: 512 is too many tokens",
        "The key is missing: set DEEPGRAM_API_KEY or install talkbench[deepgram]",
        "connection to 127.0.0.1:7860 refused after 2.000 s",
    ],
)
def test_what_helps_to_mend_it_is_told_whole(said: str) -> None:
    assert errors.redacted(said) == said


def test_the_error_says_who_how_and_after_how_long() -> None:
    error = errors.Stalled("deepgram", "no message", after_seconds=3.0)
    assert (error.provider, error.kind, error.after_seconds) == ("deepgram", "Stalled", 3.0)
    assert str(error) == "deepgram: Stalled after 3.000 s: no message"
    assert str(errors.ConnectFailed("azure")) == "azure: ConnectFailed"


def test_only_what_may_pass_by_itself_may_be_retried() -> None:
    kinds = errors.ProviderError.__subclasses__()
    assert {kind for kind in kinds if kind.may_retry} == {
        errors.ConnectFailed,
        errors.RateLimited,
    }


def test_an_error_survives_the_way_out_of_a_worker_process() -> None:
    error = errors.RateLimited("polly", "busy", 0.2, retry_after_seconds=5.0)
    back = pickle.loads(pickle.dumps(error))
    assert (type(back), vars(back), str(back)) == (type(error), vars(error), str(error))
