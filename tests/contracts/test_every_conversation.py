"""A whole conversation, cut in on once, checked to the word: asked of every adapter."""

import pytest

from bench.events import CutOff, InterruptDecided, ProviderFailed, TurnCommitted, WorkerFailed
from bench.simulation import tone
from tests.contracts.case import Case
from tests.contracts.conversing import BOOKED, HOURS, LINES, Call, called
from tests.contracts.each import each
from tests.contracts.served import plain

pytestmark = pytest.mark.contract

ESTIMATED_WORDS = 2  # by which a guess at what was heard may be wrong


@each()
def test_a_conversation_with_an_interrupt_is_true_to_the_word(case: Case):
    call = case.run(called(case))
    assert call.trace.of(ProviderFailed) == []
    assert call.trace.of(WorkerFailed) == []
    assert len(call.trace.of(InterruptDecided)) == 1
    history_is_true(case, call)
    assert [plain(fact.text) for fact in call.trace.of(TurnCommitted)] == [
        plain(line) for line in LINES
    ]
    if case.role == "llm":
        *_, last = map(str, call.requests)
        assert f"{call.heard[0]} –" in last
        assert call.heard[0] + " " + HOURS.removeprefix(call.heard[0]).split()[0] not in last
    if case.role == "voice" and "audio_is_what_was_sent_to_the_byte" not in case.gaps:
        for text, pcm in zip((HOURS, BOOKED), call.said, strict=True):
            assert tone.speak(text)[0].startswith(pcm)
    if case.virtual:
        assert list(case.run(called(case)).trace.lines()) == list(call.trace.lines())


def history_is_true(case: Case, call: Call) -> None:
    """It holds what the loudspeaker gave, of each message."""
    assert [(who, cut) for who, _, cut in call.history] == [
        ("human", False), ("bot", True), ("human", False), ("bot", False)
    ]  # fmt: skip
    asked, answer, cut_in, last = (text for _, text, _ in call.history)
    assert [plain(asked), plain(cut_in)] == [plain(line) for line in LINES]
    assert last == call.heard[1] == BOOKED
    (cut,) = call.trace.of(CutOff)
    assert cut.heard == cut.context == answer
    assert cut.intended.startswith(answer)
    assert 2 <= len(answer.split()) < len(HOURS.split())
    if case.role == "voice" and "words_have_times" in case.gaps:
        assert cut.estimated
        assert abs(len(answer.split()) - len(call.heard[0].split())) <= ESTIMATED_WORDS
    elif case.tells_ends:
        assert not cut.estimated
        assert answer == call.heard[0]
    else:  # the last word lasts until the next begins, which may not have been heard
        assert call.heard[0].startswith(answer)
        assert len(call.heard[0].split()) - len(answer.split()) <= 1
