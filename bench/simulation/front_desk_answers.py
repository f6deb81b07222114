"""What the front desk says, written to be spoken: numbers in words, no symbols."""

from __future__ import annotations

from bench.simulation.front_desk_times import time_words

WEATHER = (
    "I think the weather will be nice today and tomorrow and probably for the rest of the week."
)

STORY = (
    "This bistro began with a broken clock. "
    "Rosa, who opened it, found the clock at a market and hung it over an empty kitchen. "
    "It had stopped at seven, so she decided that dinner would be at seven, "
    "whatever the sun said. "
    "On the first evening nobody came. "
    "On the second evening one man came in, only to get out of the rain. "
    "She gave him a bowl of onion soup, and he stayed until midnight. "
    "The next day he brought his sister, and his sister brought a violin. "
    "By the end of the month there was music every Thursday, and a line outside the door. "
    "Then, one winter night, the clock began to tick again, all by itself. "
    "Everybody stopped eating and looked up. "
    "Rosa climbed on a chair, listened for a while, and stopped it with her thumb. "
    "It has said seven ever since, and seven is still the best time to come."
)

CAN_DO = (
    "I can book a table, tell you our opening hours and what is on the menu, or tell you a story."
)

ABOUT_THE_PLACE: dict[str, str] = {
    "vegetarian": "Yes, the mushroom risotto and the onion soup are vegetarian.",
    "drinks": "We have wine by the glass, local beer, and very good coffee.",
    "dessert": "For dessert there is apple tart, or chocolate cake if you are quick.",
    "recommend": "Take the onion soup. It is why people come back.",
    "menu": (
        "There is onion soup, roast chicken with lemon, and a mushroom risotto. "
        "For dessert there is apple tart."
    ),
    "prices": "A main course is about twenty, and the soup is nine.",
    "payment": "You can pay by card or in cash.",
    "parking": "There is free parking behind the house, and the garden door is open.",
    "address": "We are at twelve Mill Street, right next to the old bridge.",
    "weather": WEATHER,
    "story": STORY,
    "clock": "By our clock it is seven. It is always seven here.",
    "music": "There is live music every Thursday.",
    "place": (
        "We are a small bistro, known for our onion soup and for a broken clock. "
        "Ask me for the story."
    ),
    "dogs": "Dogs are welcome, and there is a bowl of water at the door.",
    "children": "Children are very welcome, and we have small portions for them.",
    "about": "I am a scripted voice, not a language model and not a person. " + CAN_DO,
    "help": CAN_DO,
}

SMALL_TALK = {"hello": "Hello!", "how are you": "Very well, thank you."}
"""What comes before the question at hand."""

OPENING: dict[str, tuple[int, int] | None] = {
    "monday": None,
    **dict.fromkeys(("tuesday", "wednesday", "thursday", "friday", "saturday"), (9 * 60, 22 * 60)),
    "sunday": (10 * 60, 16 * 60),
}
"""Minutes after midnight at which the doors open and close; None is closed all day."""

LAST_TABLE_MINUTES = 60
"""The last table is this long before closing."""

LARGEST_PARTY = 12

HOURS = (
    "We are open from nine in the morning until ten at night, from Tuesday to Saturday. "
    "On Sunday we are open from ten until four, and on Monday we are closed."
)

QUESTIONS: dict[str, str] = {
    "party size": "How many people will be coming?",
    "day": "Which day would you like?",
    "time": "What time would you like?",
    "name": "What name shall I put it under?",
    "confirmation": "Shall I book it?",
    "change": "What would you like to change, the day, the time, the name or the number of people?",
    "cancellation": "Shall I cancel it?",
    "table wanted": "Would you like a table?",
    "anything else": "Is there anything else I can do for you?",
    "goodbye": "Shall we say goodbye for now?",
}
"""What is asked, by what the desk then expects."""

HINTS: dict[str, str] = {
    "party size": "You can say, for example, four people.",
    "day": "You can say, for example, on Friday.",
    "time": "You can say, for example, at half past seven.",
    "name": "You can say, for example, my name is Anna, or no name.",
    "confirmation": "Please say yes or no.",
    "change": "You can say, for example, change the time.",
    "cancellation": "Please say yes or no.",
    "table wanted": "Please say yes or no.",
    "anything else": "Please say it in other words.",
    "goodbye": "Please say yes or no.",
}


def hours_on(day: str | None) -> str:
    """The opening hours of a day, or of the week when the day is not a weekday."""
    if day == "weekend":
        return (
            "On Saturday we are open from nine until ten at night, on Sunday from ten until four."
        )
    if day is None:
        return HOURS
    if day not in OPENING:
        return (
            "Unless it is a Monday, we are open from nine until ten at night, "
            "and if it is a Sunday from ten until four."
        )
    times = OPENING[day]
    if times is None:
        return f"We are closed on {day.title()}. We are open from Tuesday to Sunday."
    opens, closes = (time_words(minutes) for minutes in times)
    return f"On {day.title()} we are open from {opens} until {closes}."


def last_table_on(day: str | None) -> tuple[int, int]:
    """The earliest and the latest table of a day, in minutes after midnight."""
    opens, closes = OPENING.get(day or "friday") or (9 * 60, 22 * 60)
    return opens, closes - LAST_TABLE_MINUTES
