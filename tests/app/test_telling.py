"""Facts in, the state that the client is told of out."""

import pytest

from bench import events
from bench.app.telling import Teller
from bench.events import Fact

pytestmark = pytest.mark.unit


def states(*facts: Fact) -> list[str]:
    teller = Teller()
    told = list[str]()
    for fact in facts:
        list(teller.tell(fact))
        told.append(teller.state)
    return told


COMMITTED = events.TurnCommitted("hello", "silence", turn=1)
FAILED = events.ProviderFailed("first", "Stalled", 8.0, turn=1)
FELL = events.FellBack("first", "Stalled", 8.0, "second", turn=1)
PLAYS = events.PlaybackStarted(1, False, turn=1)
PLAYED = events.PlaybackFinished(1, 9, False, turn=1)


def test_a_turn_that_failed_is_over_and_one_that_a_backup_answers_is_not():
    assert states(COMMITTED, FAILED) == ["thinking", "listening"]
    assert states(COMMITTED, FAILED, FELL) == ["thinking", "listening", "thinking"]


def test_a_second_voice_in_the_middle_of_an_answer_changes_nothing():
    assert states(COMMITTED, PLAYS, FAILED, FELL, PLAYED)[1:] == ["speaking"] * 3 + ["listening"]


def test_other_ears_change_nothing():
    assert states(events.FellBack("first", "Stalled", 8.0, "second")) == ["listening"]
    teller, told = Teller(role=lambda _: "transcriber"), list[str]()
    for fact in (COMMITTED, FAILED, FELL, PLAYS, PLAYED, FAILED, FELL):
        list(teller.tell(fact))
        told.append(teller.state)
    assert told == ["thinking"] * 3 + ["speaking"] + ["listening"] * 3
