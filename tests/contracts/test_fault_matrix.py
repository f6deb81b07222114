"""Whatever fails, whenever: the call goes on, somebody says something, and what was heard is
remembered to the word."""

from dataclasses import replace
from functools import lru_cache

import pytest

from bench import clock
from bench.events import (
    FellBack,
    PlaybackStarted,
    ProviderFailed,
    Resumed,
    Retried,
    UserStoppedSpeaking,
    WorkerFailed,
)
from tests.contracts.ends import nothing_left
from tests.contracts.failing_call import (
    APOLOGY,
    BOOKED,
    HOURS,
    WELCOME,
    Call,
    Message,
    Plan,
    called,
    second,
    secrets,
    warm,
)
from tests.contracts.fault_matrix import Cell, cells, other_cells
from tests.contracts.fault_outcomes import outcome, written
from tests.contracts.tone_words import are_words_of, words_heard

pytestmark = pytest.mark.contract

TEXTS = (HOURS, BOOKED, WELCOME, APOLOGY, "Pardon?")
MATRIX = list(cells())
LONGEST_SILENCE_SECONDS = 10.0


_warm = pytest.fixture(warm, scope="module", autouse=True)


def happened(plan: Plan) -> Call:
    async def main() -> Call:
        async with nothing_left():
            return await called(plan)

    return clock.run(main(), virtual=True)


@lru_cache
def without_a_fault(plan: Plan) -> list[str]:
    return list(happened(plan).trace.lines())


@pytest.mark.parametrize("cell", MATRIX, ids=str)
def test_the_call_goes_on(cell: Cell):
    call = happened(cell.plan())
    goes_on(call)
    is_not_silent(call)
    is_remembered_as_heard(cell, call)
    is_told(cell, call)
    assert list(call.trace.lines()) != without_a_fault(cell.calm())
    assert outcome(cell, call) == written()[cell]


@pytest.mark.parametrize("cell", list(other_cells()), ids=str)
def test_and_so_it_does_with_everybody_else(cell: Cell):
    call = happened(cell.plan())
    goes_on(call)
    is_not_silent(call)
    is_remembered_as_heard(cell, call)
    is_told(cell, call)
    assert outcome(cell, call) == written()[replace(cell, first="")]


def goes_on(call: Call) -> None:
    """The last line was heard, and answered to its end."""
    assert not call.stuck
    assert call.history[-1] == Message("bot", WELCOME, False)
    who, text, _ = call.history[-2]
    assert (who, text.lower().rstrip(".")[-9:]) == ("user", "thank you")
    assert call.trace.of(WorkerFailed) == []


def is_not_silent(call: Call) -> None:
    """Whoever has spoken waits for a sound no longer than a stall takes to be noticed."""
    sounds = [*call.trace.at(PlaybackStarted), *call.trace.at(Resumed)]
    for stopped in call.trace.at(UserStoppedSpeaking):
        assert min(at for at in sounds if at > stopped) - stopped < LONGEST_SILENCE_SECONDS


def is_remembered_as_heard(cell: Cell, call: Call) -> None:
    """The history is what the loudspeaker played, by the sound alone."""
    said = [message.text for message in call.history if message.who == "bot"]
    heard = [words for pcm in call.sounded if (words := words_heard(pcm, TEXTS, cell.rates))]
    assert len(said) == len(heard)
    for text, words in zip(said, heard, strict=True):
        assert are_words_of(text, words), (text, words)


def is_told(cell: Cell, call: Call) -> None:
    """The trace names who failed and how, what was done, and who took over; and no key."""
    kinds = (Retried, FellBack, ProviderFailed)
    failures = [fact for _, fact in call.trace if isinstance(fact, kinds)]
    marks = [(type(fact).__name__, fact.kind) for fact in failures]
    if cell.first == "elevenlabs socket":  # on whose one line both sentences may be
        marks = list(dict.fromkeys(marks))
    assert marks == cell.marks()
    assert {fact.provider for fact in failures} <= {cell.provider}
    assert {fact.to for fact in call.trace.of(FellBack)} <= {second(cell.stage, cell.first)}
    told = "\n".join([*call.trace.lines(), call.log])
    assert not any(secret in told for secret in secrets())
