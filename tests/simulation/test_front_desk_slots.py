"""Times, parties, days and names as a recogniser writes them."""

from __future__ import annotations

import pytest

from bench.simulation.front_desk_slots import SLOTS, Details, find_details, words_of
from bench.simulation.front_desk_times import time_words

pytestmark = pytest.mark.unit

NAMES = frozenset(SLOTS["name"])


def details(text: str) -> Details:
    return find_details(words_of(text), NAMES)


@pytest.mark.parametrize(
    ("text", "hour", "minute"),
    [
        ("at seven", 19, 0),
        ("seven thirty", 19, 30),
        ("half past seven", 19, 30),
        ("half seven", 19, 30),
        ("seven p m", 19, 0),
        ("7pm", 19, 0),
        ("7:30 p.m.", 19, 30),
        ("19:30", 19, 30),
        ("quarter to eight", 19, 45),
        ("a quarter past six", 18, 15),
        ("ten to eight", 19, 50),
        ("twenty five past seven", 19, 25),
        ("seven forty five", 19, 45),
        ("seven oh five", 19, 5),
        ("eight o'clock", 20, 0),
        ("noon", 12, 0),
        ("twelve thirty", 12, 30),
        ("ten in the morning", 10, 0),
        ("nine a m", 9, 0),
        ("nine o'clock", 21, 0),
        ("quarter to one", 12, 45),
        ("at one", 13, 0),
        ("around eight in the evening", 20, 0),
        ("six in the evening instead of seven", 18, 0),
    ],
)
def test_time(text: str, hour: int, minute: int):
    assert details(text) == Details(time=hour * 60 + minute)


@pytest.mark.parametrize(
    ("text", "party"),
    [
        ("four people", 4),
        ("a table for two", 2),
        ("a party of six", 6),
        ("there are five of us", 5),
        ("just me", 1),
        ("the two of us", 2),
        ("me and my husband", 2),
        ("a dozen people", 12),
        ("two adults and three children", 5),
        ("twenty five people", 25),
        ("to people", 2),
        ("a table for to", 2),
        ("for for people", 4),
        ("four people instead of two", 4),
        ("not two people three people", 3),
    ],
)
def test_party(text: str, party: int):
    assert details(text) == Details(party=party)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("on friday", "friday"),
        ("next tuesday please", "tuesday"),
        ("on sundays", "sunday"),
        ("tomorrow", "tomorrow"),
        ("this evening", "tonight"),
        ("the day after tomorrow", "the day after tomorrow"),
        ("not friday saturday", "saturday"),
        ("saturday instead of friday", "saturday"),
        ("this weekend", "weekend"),
        ("sunday tonight", "sunday"),
    ],
)
def test_day(text: str, day: str):
    assert details(text) == Details(day=day)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("my name is anna", "Anna"),
        ("under the name of anna smith please", "Anna Smith"),
        ("put it under miller", "Miller"),
        ("the name is zebedee", "Zebedee"),
        ("it's for smith", "Smith"),
    ],
)
def test_name(text: str, name: str):
    assert details(text) == Details(name=name)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            "a table for two seven thirty on friday under anna",
            Details(party=2, day="friday", time=1170, name="Anna"),
        ),
        ("for six at six", Details(party=6, time=1080)),
        ("tomorrow at seven for four people", Details(party=4, day="tomorrow", time=1140)),
        ("for two tonight", Details(party=2, day="tonight")),
        ("for four in the evening", Details(party=4)),
        ("for two thirty", Details(time=870)),
        ("under anna for two", Details(party=2, name="Anna")),
        ("make it four", Details(number=4)),
        ("one moment", Details()),
        ("one more time please", Details()),
        ("no not that one", Details()),
        ("no at two thirty not three thirty", Details(time=870)),
    ],
)
def test_together(text: str, found: Details):
    assert details(text) == found


@pytest.mark.parametrize("said", SLOTS["time"])
def test_a_time_said_back_means_the_same(said: str):
    time = details(f"at {said}").time
    assert time is not None
    assert details(f"at {time_words(time)}").time == time
