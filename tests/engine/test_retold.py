"""What says nothing new: finals that come twice, and words whose turn is over."""

import pytest

from bench import clock
from bench.engine.retold import Retold
from bench.engine.transcriber import Transcription
from bench.events import CutOff, TranscriptIgnored, TurnCommitted, Word
from tests.engine.scene import Scene, play

pytestmark = pytest.mark.unit


def told(text: str, *, final: bool, id: str = "u1", at: int = 0) -> Transcription:
    words = (Word(text, at, at + 800),) if at else ()
    return Transcription(text, is_final=final, words=words, utterance_id=id)


def test_a_final_comes_once():
    retold = Retold()
    assert retold.why(told("Sunday", final=True)) == ""
    assert retold.why(told("Sunday", final=True)) == "repeated"
    assert retold.why(told("Sunday", final=True, id="u2")) == ""
    assert retold.why(told("please", final=True)) == ""


def test_a_word_said_twice_is_two_words():
    retold = Retold()
    assert retold.why(told("Yes", final=True, at=1600)) == ""
    assert retold.why(told("Yes", final=True, at=9600)) == ""
    assert retold.why(told("Yes", final=True, at=9600, id="u2")) == "repeated"


def test_where_nobody_tells_utterances_apart_nothing_is_a_repetition():
    retold = Retold()
    for _ in range(2):
        assert retold.why(Transcription("Yes")) == ""


def test_the_final_of_words_that_were_committed_is_late_unless_it_has_more():
    retold = Retold()
    assert retold.why(told("What are your", final=False)) == ""
    retold.committed()
    assert retold.why(told("What are your", final=False)) == "late"
    assert retold.why(told("What were your", final=True)) == "late"
    assert retold.why(told("What are your opening hours", final=True)) == ""


def test_after_its_final_an_utterance_is_not_open_any_more():
    retold = Retold()
    retold.why(told("Sunday", final=False))
    retold.why(told("Sunday", final=True))
    retold.committed()
    assert retold.why(told("Monday", final=False)) == ""


def test_a_late_final_leaves_the_answer_alone():
    async def script(scene: Scene) -> None:
        await scene.microphone(0.96, loud=True)
        scene.user.output_queue.put_nowait(told("When are you open", final=False))
        await scene.microphone(3.0)
        scene.user.output_queue.put_nowait(told("When are you open", final=True))
        await clock.sleep(3.0)

    scene = play(script)
    assert [fact.reason for fact in scene.trace.of(TurnCommitted)] == ["no final"]
    assert [fact.reason for fact in scene.trace.of(TranscriptIgnored)] == ["late"]
    assert not scene.trace.of(CutOff)
