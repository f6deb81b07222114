"""Whose step an answer belongs to, and which answer a sentence."""

from __future__ import annotations

import pytest

from bench.events import Word
from bench.simulation.context import ANSWERS_KEPT, Reply, Simulation
from bench.simulation.truth import TruthFeed

pytestmark = pytest.mark.unit

WORDS = [Word("hello", 0, 4000)]


def test_the_newest_step_that_wants_an_answer_is_the_one_served():
    feed = TruthFeed()
    assert feed.step == ""
    feed.say("hello", WORDS)
    for role in ("backchannel", "noise", "side_talk"):
        feed.say(f"a {role}", WORDS, role)
    feed.say("", WORDS, own=False)
    feed.say("silence", [], "silence")
    assert feed.step == "hello"
    feed.say("cut", WORDS, "interrupt")
    assert feed.step == "cut"


def test_answers_of_one_step_are_drawn_apart_and_those_without_a_script_by_turn():
    simulation = Simulation()
    assert simulation.answering(1, "One.").key == "turn 1"
    simulation.feed.say("hello", WORDS)
    keys = [simulation.answering(2, "Two.").key for _ in range(3)]
    assert keys == ["hello", "hello#2", "hello#3"]


def test_a_sentence_belongs_to_the_newest_answer_that_holds_it():
    simulation = Simulation(turn=lambda: 4)
    simulation.feed.say("hello", WORDS)
    simulation.answering(1, "All right. We are open.")
    simulation.feed.say("cut", WORDS, "interrupt")
    simulation.answering(2, "All right. On Sundays only.")
    assert simulation.answer_with("We are open.").step == "hello"
    assert simulation.answer_with("All right.").step == "cut"
    nobody_asked = simulation.answer_with("Are you still there?")
    assert (nobody_asked.turn, nobody_asked.text) == (4, "Are you still there?")
    assert nobody_asked.key not in ("hello", "cut")
    for turn in range(ANSWERS_KEPT):
        simulation.answering(turn, "Later.")
    assert simulation.answer_with("We are open.").key != "hello"


def test_a_reply_fits_words_in_any_case_and_a_star_fits_all():
    assert Reply("Opening Hours", "x").fits("what are your opening hours?")
    assert not Reply("opening hours", "x").fits("when do you open?")
    assert Reply("*", "x").fits("")
