"""Booking details in, a table (or what is wrong with it) out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bench.simulation.front_desk_answers import LARGEST_PARTY, last_table_on
from bench.simulation.front_desk_slots import Details, day_words
from bench.simulation.front_desk_times import clock_minutes, number_words, time_words

_FIELDS = {
    "day": "day",
    "date": "day",
    "time": "time",
    "hour": "time",
    "people": "party size",
    "number": "party size",
    "persons": "party size",
    "guests": "party size",
    "name": "name",
}


@dataclass(frozen=True, slots=True)
class Booking:
    """A table as far as it is known; times are minutes after midnight."""

    party: int | None = None
    day: str | None = None
    time: int | None = None
    name: str | None = None
    without_name: bool = False

    def updated(self, details: Details) -> Booking:
        """This booking with what the caller just said."""
        return replace(
            self,
            party=self.party if details.party is None else details.party,
            day=details.day or self.day,
            time=self.time if details.time is None else details.time,
            name=details.name or self.name,
        )

    def without(self, wanted: str) -> Booking:
        """This booking with one detail open again; `wanted` as Reply.expects names it."""
        match wanted:
            case "party size":
                return replace(self, party=None)
            case "day":
                return replace(self, day=None)
            case "time":
                return replace(self, time=None)
            case _:
                return replace(self, name=None, without_name=False)

    def missing(self) -> str | None:
        """The next detail to ask for, None when the table can be confirmed."""
        if self.party is None:
            return "party size"
        if self.day is None:
            return "day"
        if self.time is None:
            return "time"
        return None if self.name or self.without_name else "name"

    def problem(self) -> tuple[str, str] | None:
        """(the detail that cannot be, why), when there is one."""
        if self.party is not None and not 1 <= self.party <= LARGEST_PARTY:
            return "party size", f"Our largest table seats {number_words(LARGEST_PARTY)}."
        if self.day == "weekend":
            return "day", "Saturday or Sunday?"
        if self.day == "monday":
            return "day", "We are closed on Monday."
        if self.time is None:
            return None
        first, last = last_table_on(self.day)
        if first <= self.time <= last:
            return None
        day = f" {day_words(self.day)}" if self.day else ""
        if self.time < first:
            return "time", f"We open at {time_words(first)}{day}."
        return "time", f"The last table{day} is at {time_words(last)}."

    def spoken(self) -> str:
        """ "a table for two on Friday at seven in the evening, under the name of Anna"."""
        return "a table" + _spoken(self.party, self.day, self.time, self.name)


def echo(details: Details, booking: Booking) -> str:
    """The details just understood and kept, as a short sentence; empty when there are none."""
    kept = Details(
        party=details.party if booking.party is not None else None,
        day=details.day if booking.day else None,
        time=details.time if booking.time is not None else None,
    )
    spoken = _spoken(kept.party, kept.day, kept.time, None).strip()
    if not spoken:
        return f"Thank you, {details.name}." if details.name else ""
    return f"{spoken[0].upper()}{spoken[1:]}."


def with_number(
    details: Details, booking: Booking, asking: str | None, corrects: bool, tokens: Sequence[str]
) -> Details:
    """Decides whether a bare number is a party or an hour, by what is asked and what is known."""
    number = details.number
    if number is None or (asking == "day" and not details.day and not corrects):
        return details
    as_time = replace(details, time=clock_minutes(number, 0, tokens))
    as_party = replace(details, party=number)
    if details.party is not None:
        return as_time if details.time is None and number <= 12 else details
    if details.time is not None or number > 12 or asking == "party size":
        return as_party
    if asking == "time" and not corrects:
        return as_time
    known = booking.party is not None
    return as_time if known and booking.time is None and not corrects else as_party


def field_named(tokens: Sequence[str]) -> str | None:
    """The detail a caller names ("change the time"), as Reply.expects names it."""
    return next((_FIELDS[token] for token in tokens if token in _FIELDS), None)


def _spoken(party: int | None, day: str | None, time: int | None, name: str | None) -> str:
    text = f" for {number_words(party)}" if party is not None else ""
    text += f" {day_words(day)}" if day else ""
    text += f" at {time_words(time, day)}" if time is not None else ""
    return text + (f", under the name of {name}" if name else "")
