"""What the front desk makes of being cut off, of nonsense, and of all that can be said to it."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pocketsphinx import get_model_path

from bench.simulation.front_desk import SLOTS, SUGGESTIONS, TEMPLATES, FrontDesk, Reply
from bench.simulation.front_desk_answers import CAN_DO, HOURS, STORY, WEATHER
from bench.simulation.front_desk_recall import sentences_of
from bench.speech.language_model import EVERYDAY, expand, vocabulary, weighted_sentences

pytestmark = pytest.mark.unit

REPAIR = re.compile(r"did not understand|not clear to me|trouble understanding")
SAYABLE = [said for template in TEMPLATES for said in expand(template, SLOTS, limit=4)]
SPOKEN = re.compile(r"[A-Za-z ,.!?']+")


def talk(*said: str) -> tuple[FrontDesk, list[Reply]]:
    desk = FrontDesk()
    return desk, [desk.reply(text) for text in said]


def test_greeting_names_the_house():
    assert FrontDesk("Corner Cafe").greeting == "Welcome to Corner Cafe. How can I help you?"


def test_founding_scene():
    desk, (weather,) = talk("what's the weather like")
    assert weather.text == WEATHER
    heard = "I think the weather will be nice today"
    assert desk.reply("stop", interrupted=True, heard=heard).text == "Okay."
    assert desk.reply("go on").text == WEATHER


def test_goodbye_ends_the_call():
    assert [reply.ends_call for reply in talk("hello", "bye")[1]] == [False, True]


def test_expects_says_what_is_asked():
    _, replies = talk("a table for two", "friday", "at seven", "anna", "no", "the day")
    expected = ["day", "time", "name", "confirmation", "change", "day"]
    assert [reply.expects for reply in replies] == expected


# interrupted


@pytest.mark.parametrize("again", ["sorry", "what did you say", "go on", "mm hm", "keep going"])
def test_a_cut_story_goes_on_where_its_sentence_was_cut(again: str):
    desk, _ = talk("tell me a story")
    sentences = [sentence.strip() for sentence in sentences_of(STORY)]
    heard = " ".join([*sentences[:3], *sentences[3].split()[:2]])
    assert desk.reply(again, interrupted=True, heard=heard).text == " ".join(sentences[3:])


def test_a_story_survives_stop_and_a_repair_but_not_another_answer():
    desk, _ = talk("tell me a story")
    first, second = (sentence.strip() for sentence in sentences_of(STORY)[:2])
    assert desk.reply("stop", interrupted=True, heard=first).text == "Okay."
    assert REPAIR.search(desk.reply("purple elephant").text)
    assert desk.reply("go on").text.startswith(second)
    desk.reply("where are you", interrupted=True, heard=second)
    assert "That was all" in desk.reply("go on").text


def test_a_story_cut_twice_goes_on_from_the_second_cut():
    desk, _ = talk("tell me a story")
    sentences = [sentence.strip() for sentence in sentences_of(STORY)]
    desk.reply("go on", interrupted=True, heard=" ".join(sentences[:4]))
    again = desk.reply("go on", interrupted=True, heard=" ".join(sentences[4:6]))
    assert again.text == " ".join(sentences[6:])


def test_an_interrupted_okay_does_not_lose_the_story():
    desk, _ = talk("tell me a story")
    desk.reply("stop", interrupted=True, heard="This bistro began with")
    assert desk.reply("go on", interrupted=True, heard="").text == STORY


def test_unheard_answer_is_said_whole():
    desk, _ = talk("when are you open")
    assert desk.reply("sorry", interrupted=True).text == HOURS


def test_an_interruption_with_content_is_answered():
    desk, _ = talk("a table for two on friday at seven under anna")
    reply = desk.reply("no eight", interrupted=True, heard="A table for two on Friday")
    assert reply.expects == "confirmation"
    assert desk.reply("yes", interrupted=True, heard="A table").text.startswith("Wonderful")


def test_repeating_shortens_a_long_answer_and_keeps_its_question():
    desk, _ = talk("a table for two", "when are you open")
    assert desk.reply("what did you say").text == (
        "We are open from nine in the morning until ten at night, from Tuesday to Saturday. "
        "Which day would you like?"
    )


# not understood


def test_three_misses_rephrase_then_list_then_offer_goodbye():
    desk, replies = talk("purple elephant", "purple elephant", "purple elephant")
    assert replies[0].text == "Sorry, I did not understand. Could you say it in other words?"
    assert CAN_DO in replies[1].text
    assert replies[2].expects == "goodbye"
    assert desk.reply("yes").ends_call


def test_no_to_goodbye_returns_to_the_booking():
    desk, _ = talk("a table for two", "purple", "purple", "purple")
    assert desk.reply("no").text == "All right, let us try again. Which day would you like?"
    assert desk.reply("friday").expects == "time"


def test_an_answer_that_is_understood_forgives_the_misses():
    _, replies = talk("purple", "purple", "hello", "purple")
    assert "did not understand" in replies[3].text


def test_a_miss_while_booking_says_how_to_answer():
    assert "on Friday" in talk("a table for two", "purple")[1][1].text


def test_silence_is_a_miss():
    assert REPAIR.search(talk("")[1][0].text)


# is it complete?


@pytest.mark.parametrize(
    ("before", "text", "complete"),
    [
        ([], "a table for", False),
        ([], "i would like", False),
        ([], "i'd like to book a table for two at", False),
        ([], "my name is", False),
        ([], "actually", False),
        ([], "", False),
        ([], "purple", False),
        ([], "hold on", True),
        ([], "what's the weather like", True),
        ([], "a table for two", True),
        (["book a table"], "four", True),
        (["a table for two", "friday"], "half past", False),
        (["a table for two", "friday"], "half past seven", True),
        (["a table for two on friday at seven under anna"], "yes", True),
        (["a table for two on friday at seven under anna"], "no", False),
        (["a table for two on friday at seven under anna"], "no at eight", True),
        (["thank you"], "no", True),
    ],
)
def test_is_complete(before: list[str], text: str, complete: bool):
    desk, _ = talk(*before)
    assert desk.is_complete(text) is complete


def test_asking_whether_it_is_complete_changes_nothing():
    desk, _ = talk("a table for two")
    for text in ("friday", "purple", "purple", "goodbye", "forget it"):
        desk.is_complete(text)
    assert desk.reply("friday").expects == "time"


# what a caller can say, and what the desk says


def test_there_is_plenty_to_say():
    assert len(set(TEMPLATES)) == len(TEMPLATES) >= 120
    assert 8 <= len(SUGGESTIONS) <= 10


def test_every_template_gets_a_real_answer():
    to_change = ("the time", "the day", "the name", "the number of people")
    for said in sorted({s for template in TEMPLATES for s in expand(template, SLOTS, limit=60)}):
        before = ["table for two on friday at seven under anna", "no"] if said in to_change else []
        desk, _ = talk(*before)
        assert not REPAIR.search(desk.reply(said).text), said


def test_suggestions_make_a_conversation():
    desk = FrontDesk()
    replies = [desk.reply(text) for text in SUGGESTIONS]
    assert not any(REPAIR.search(reply.text) for reply in replies)
    assert [reply.ends_call for reply in replies] == [False] * (len(replies) - 1) + [True]


def test_templates_keep_to_a_pronouncing_dictionary():
    with open(get_model_path("en-us/cmudict-en-us.dict")) as dictionary:
        known = {line.split()[0] for line in dictionary if line.strip()}
    said = vocabulary(said.split() for said in SAYABLE)
    assert [word for word in said if word not in known] == []


@pytest.mark.parametrize("said", EVERYDAY)
def test_what_anybody_says_in_between_is_understood(said: str):
    assert not REPAIR.search(talk(said)[1][0].text)


def all_replies(said: Iterable[str]) -> list[Reply]:
    desk = FrontDesk()
    return [desk.reply(text) for text in said]


@given(st.lists(st.sampled_from([*SAYABLE, "purple", ""]), max_size=12))
@settings(max_examples=150, deadline=None)
def test_any_conversation_is_spoken_short_and_repeatable(said: list[str]):
    replies = all_replies(said)
    assert replies == all_replies(said)
    for reply in replies:
        assert SPOKEN.fullmatch(reply.text), reply.text
        assert len(sentences_of(reply.text.replace(STORY, ""))) <= 4
        assert re.fullmatch(r"[A-Z]\S*( \S+)*[.!?]", reply.text)


EVERYTHING = weighted_sentences(TEMPLATES, SLOTS)


@given(st.lists(st.sampled_from(vocabulary(EVERYTHING)), max_size=9))
@settings(max_examples=300, deadline=None)
def test_word_salad_never_breaks_the_desk(words: list[str]):
    desk, _ = talk("a table for two on friday")
    text = " ".join(words)
    desk.is_complete(text)
    assert SPOKEN.fullmatch(desk.reply(text, interrupted=True, heard="For two").text)
    desk.reply("yes")
