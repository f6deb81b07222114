"""What the matrix has no place for: faults at any instant around a cut-in, and those that do not
end."""

from collections.abc import Iterator

import pytest

from bench import clock
from bench.engine.settings import ConversationSettings
from bench.simulation.faults import POINTS, Fault
from tests.contracts.ends import nothing_left
from tests.contracts.failing_call import (
    APOLOGY,
    BOOKED,
    CUT_IN,
    HOURS,
    QUESTION,
    THANKS,
    WELCOME,
    Call,
    Message,
    Plan,
    called,
    warm,
)
from tests.contracts.tone_words import are_words_of, words_heard

pytestmark = pytest.mark.contract

SETTINGS = ConversationSettings()
PROMPTS = (*SETTINGS.idle_prompts, SETTINGS.goodbye)
TEXTS = (HOURS, BOOKED, WELCOME, APOLOGY, *PROMPTS)
IDLE_SECONDS = SETTINGS.idle_seconds


_warm = pytest.fixture(warm, scope="module", autouse=True)


def happened(plan: Plan, **settings: object) -> Call:
    async def main() -> Call:
        async with nothing_left():
            return await called(plan, **settings)

    call = clock.run(main(), virtual=True)
    said = [message.text for message in call.history if message.who == "bot"]
    heard = [words for pcm in call.sounded if (words := words_heard(pcm, TEXTS))]
    assert len(said) == len(heard)
    for text, words in zip(said, heard, strict=True):
        assert are_words_of(text, words), (text, words)
    return call


def instants() -> Iterator[Fault]:
    """Before the caller speaks, while the voice is held, as it is cut, and after."""
    for kind in ("disconnect", "stall"):
        for stage, points in (("llm", (9, 10, 11, 12)), ("tts", (0.75, 1.0, 1.25, 1.5))):
            for point in points:
                yield Fault(stage, kind, for_seconds=60.0, **{POINTS[stage]: point})


@pytest.mark.parametrize("backed", [False, True], ids=["alone", "backed"])
@pytest.mark.parametrize(
    "fault", list(instants()), ids=lambda fault: f"{fault.at}-{fault.kind}-{fault.point:g}"
)
def test_around_a_cut_in(fault: Fault, backed: bool):
    call = happened(Plan(fault.at, (fault,), (QUESTION, CUT_IN, THANKS), backed, hurried=False))
    assert not call.stuck
    assert call.history[-4:] == [
        Message("user", CUT_IN, False),
        Message("bot", BOOKED, False),
        Message("user", THANKS, False),
        Message("bot", WELCOME, False),
    ]
    said = [message.text for message in call.history[1:-4] if message.who == "bot"]
    assert HOURS.startswith(said[0])
    assert APOLOGY.startswith(said[-1]) or said[1:] == []


def test_who_is_never_heard_is_asked_whether_they_are_there():
    deaf = Plan("stt", (Fault("stt", "http_503", every=True),), (QUESTION,), backed=False)
    call = happened(deaf, idle_seconds=IDLE_SECONDS)
    assert call.history == [Message("bot", prompt, False) for prompt in PROMPTS]


def test_a_voice_that_cannot_even_apologise_is_heard_when_it_can():
    answer_and_apology = [Fault("tts", "http_503", turn=turn, every=True) for turn in (1, 2, 3)]
    plan = Plan("tts", tuple(answer_and_apology), (QUESTION, THANKS), backed=False)
    call = happened(plan, idle_seconds=IDLE_SECONDS)
    assert call.history == [
        Message("user", QUESTION, False),
        Message("bot", PROMPTS[0], False),
        Message("user", THANKS, False),
        Message("bot", WELCOME, False),
    ]
