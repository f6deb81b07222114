"""Whole conversations with the front desk, as tables of what is said and what comes back."""

from __future__ import annotations

import pytest

from bench.simulation.front_desk import FrontDesk
from bench.simulation.front_desk_answers import CAN_DO, HOURS, WEATHER

pytestmark = pytest.mark.unit

CONVERSATIONS: dict[str, list[tuple[str, str]]] = {
    "all at once": [
        (
            "i'd like to book a table for two on friday at seven thirty under smith",
            "A table for two on Friday at seven thirty in the evening, under the name of Smith. "
            "Shall I book it?",
        ),
        ("yes please", "Wonderful, it is booked."),
        ("no thank you", "We will see you on Friday."),
    ],
    "bit by bit": [
        ("can i book a table", "How many people"),
        ("four people", "For four. Which day"),
        ("saturday", "On Saturday. What time"),
        ("half past seven", "At seven thirty in the evening. What name"),
        ("anna", "A table for four on Saturday at seven thirty in the evening"),
        ("yeah", "it is booked"),
    ],
    "in another order": [
        ("my name is anna", "Thank you, Anna. How many people"),
        ("tomorrow night at eight", "How many people"),
        ("me and my wife", "A table for two tomorrow at eight in the evening, under the name of"),
    ],
    "bare answers": [
        ("book a table please", "How many people"),
        ("to", "For two."),
        ("sunday", "What time"),
        ("one", "At one in the afternoon."),
        ("no name", "A table for two on Sunday at one in the afternoon. Shall I book it?"),
    ],
    "changes mid-course": [
        ("a table for two on friday", "For two on Friday. What time"),
        ("actually make it four", "For four. What time"),
        ("not friday saturday", "On Saturday. What time"),
        ("at seven", "What name"),
        ("skip that", "A table for four on Saturday at seven in the evening"),
        ("no five people", "A table for five on Saturday"),
        ("no", "What would you like to change"),
        ("the time", "What time"),
        ("quarter to eight", "A table for five on Saturday at seven forty five in the evening."),
        ("yes", "it is booked"),
        ("what did i book", "You have a table for five on Saturday"),
    ],
    "changing and cancelling what is booked": [
        ("a table for two on friday at seven under anna", "Shall I book it?"),
        ("that's right", "it is booked"),
        ("actually make it four people", "A table for four on Friday at seven"),
        ("yes", "it is booked"),
        ("change the time", "What time"),
        ("eight", "A table for four on Friday at eight in the evening"),
        ("never mind", "it stays as it was"),
        ("what is my booking", "You have a table for four on Friday at seven"),
        ("cancel my booking", "Shall I cancel it?"),
        ("no", "it stays booked"),
        ("cancel my booking", "Shall I cancel it?"),
        ("yes", "It is cancelled."),
        ("do i have a reservation", "Nothing is booked yet."),
        ("yes", "How many people"),
    ],
    "two tables": [
        ("a table for two on friday at seven under anna", "Shall I book it?"),
        ("yes", "it is booked"),
        ("book a table for three on sunday at noon under anna", "A table for three on Sunday at"),
        ("yes", "it is booked"),
        (
            "what did i book",
            "for two on Friday at seven in the evening, under the name of Anna, and",
        ),
    ],
    "what cannot be": [
        ("a table for two on monday at eight", "We are closed on Monday. Which day"),
        ("this weekend", "Saturday or Sunday?"),
        ("sunday", "The last table on Sunday is at three in the afternoon. What time"),
        ("eight in the morning", "We open at ten in the morning on Sunday. What time"),
        ("two", "At two in the afternoon. What name"),
        ("make it thirty people", "Our largest table seats twelve. How many people"),
        ("twelve", "What name"),
    ],
    "questions in between": [
        ("a table for two", "Which day"),
        ("are you open on sunday", "On Sunday we are open from ten in the morning until four in"),
        (
            "is there parking",
            "There is free parking behind the house, and the garden door is open. ",
        ),
        ("is there parking", "Which day would you like?"),
        ("sunday then", "What time"),
        ("what's the weather like", WEATHER + " What time would you like?"),
        ("thank you", "You are welcome. What time"),
        ("uh huh", "What time would you like?"),
        ("stop", "Okay."),
        ("noon", "What name"),
    ],
    "giving up": [
        ("a table for two", "Which day"),
        ("forget it", "All right. Is there anything else"),
        ("no", "Goodbye!"),
    ],
    "leaving without booking": [
        ("a table for two", "Which day"),
        ("goodbye", "I have not booked the table. Goodbye!"),
    ],
    "about the place": [
        ("when are you open", HOURS),
        ("are you open on monday", "We are closed on Monday."),
        ("are you open tonight", "Unless it is a Monday"),
        ("hello", "Hello! What can I do for you?"),
        ("how are you today", "Very well, thank you."),
        ("are you a robot", "not a language model"),
        ("what can you do", CAN_DO),
        ("can you help me", CAN_DO),
        ("where are you", "twelve Mill Street"),
        ("anything vegetarian on the menu", "are vegetarian"),
        ("how late are you open on friday", "until ten in the evening"),
        ("i see", "I am listening."),
        ("thanks goodbye", "Goodbye!"),
    ],
    "typed": [
        ("Table for 2 on Friday, 7:30pm?", "For two on Friday at seven thirty in the evening."),
        ("it\N{RIGHT SINGLE QUOTATION MARK}s Zoë", "under the name of Zoë"),
        ("19:00", "A table for two on Friday at seven in the evening, under the name of Zoë."),
    ],
    "misheard": [
        ("uh i'd like a book a table for to on the friday", "For two on Friday. What time"),
        ("at half past the seven please", "What name"),
        ("no for for people", "For four. What name"),
    ],
}


@pytest.mark.parametrize("title", CONVERSATIONS)
def test_conversation(title: str):
    desk = FrontDesk()
    for said, expected in CONVERSATIONS[title]:
        assert expected in desk.reply(said).text, said
