"""Words in, booking details out (and back into words)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bench.simulation.front_desk_times import NUMBERS, PEOPLE, at, find_time, matches, with_numbers

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

_AGES = frozenset("adults adult children kids child".split())
_NOT_A_COUNT = frozenset(
    "moment second seconds minute minutes more thing question time last of way hour hours".split()
)
_PARTY_LEADS = frozenset(("for", "of", "be", "are", "we're", "we'll"))
_ONE_LEADS = frozenset("that this the which no any every".split())
_REPLACED_LEADS = (("instead", "of"), ("rather", "than"), ("not",), ("from",))
_REPLACED_FILLERS = frozenset(("for", "on", "at", "people", "o'clock"))
_NAME_LEADS = (
    ("name", "is"),
    ("name's",),
    ("name", "of"),
    ("under", "the", "name"),
    ("under",),
    ("call", "me"),
)
_NOT_A_NAME = frozenset(
    "a an the it it's its is of my name under and please for on at uh um er that's that would be "
    "just put yes yeah okay ok well oh call me i'm i to you'll with by thanks thank you mr mrs "
    "ms miss this in".split()
)
_ALONE = (("just", "me"), ("only", "me"), ("by", "myself"), ("just", "myself"), ("on", "my", "own"))
_COMPANION = frozenset("wife husband partner girlfriend boyfriend friend mother father".split())

_HOURS = "twelve one two three four five six seven eight nine".split()
_MORNINGS = "nine ten eleven".split()
_QUARTERS = "six seven eight".split()

SLOTS: dict[str, tuple[str, ...]] = {
    "party": tuple("one two three four five six seven eight nine ten eleven twelve".split()),
    "day": (
        *("monday tuesday wednesday thursday friday saturday sunday".split()),
        *("today", "tonight", "tomorrow", "tomorrow night", "this evening", "this weekend"),
    ),
    "time": (
        "noon",
        *_HOURS,
        *(f"{hour} thirty" for hour in _HOURS),
        *(f"half past {hour}" for hour in _HOURS),
        *(f"{hour} o'clock" for hour in _HOURS),
        *(f"{hour} p m" for hour in _HOURS),
        *(f"{hour} in the evening" for hour in ("five", *_QUARTERS, "nine")),
        *(f"{hour} fifteen" for hour in _QUARTERS),
        *(f"{hour} forty five" for hour in _QUARTERS),
        *(f"quarter past {hour}" for hour in _QUARTERS),
        *(f"quarter to {hour}" for hour in _QUARTERS),
        *(f"{hour} in the morning" for hour in _MORNINGS),
        *(f"{hour} a m" for hour in _MORNINGS),
    ),
    "name": tuple(
        "anna smith john maria peter sarah david emma james laura michael susan thomas kate "
        "johnson miller taylor wilson alex george lucy martin oliver paul robert sophie walter "
        "jane helen daniel".split()
    ),
}
"""What each placeholder of the templates may be; words of an ordinary pronouncing dictionary."""


@dataclass(frozen=True, slots=True)
class Details:
    """What an utterance says about a table; `number` is a count whose meaning it left open."""

    party: int | None = None
    day: str | None = None
    """A weekday in lower case, "today", "tonight", "tomorrow", "weekend" or similar."""
    time: int | None = None
    """Minutes after midnight."""
    name: str | None = None
    number: int | None = None

    def __bool__(self) -> bool:
        return any(value is not None for value in (self.party, self.day, self.time, self.name))


def words_of(text: str) -> tuple[str, ...]:
    """Lower-case words of recognised or typed text; "7:30pm" becomes "7 30 p m"."""
    plain = text.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    plain = re.sub(r"(?<![^\W\d])([ap])\.? ?m\b\.?", r" \1 m", plain)
    plain = plain.replace("all right", "alright")
    tokens = re.findall(r"[^\W_]+(?:'[^\W_]+)*", plain)
    return tuple("o'clock" if token == "oclock" else token for token in tokens)


def find_details(tokens: Sequence[str], known_names: frozenset[str] = frozenset()) -> Details:
    """Party, day, time and name said in `tokens`; what is being replaced ("not two") is ignored."""
    atoms = _without_replaced(with_numbers(tokens))
    time, used = find_time(atoms, tokens)
    party, number = _find_party(atoms, used)
    return Details(
        party=party if party is not None else _party_in_words(tokens),
        day=_find_day(atoms),
        time=time,
        name=_find_name(tokens, known_names),
        number=number,
    )


def bare_name(tokens: Sequence[str]) -> str | None:
    """The name in an answer to "what name?": up to two words that are not filler."""
    rest = [token for token in tokens if token not in _NOT_A_NAME and token not in NUMBERS]
    return " ".join(rest).title() if 0 < len(rest) <= 2 else None


def day_words(day: str) -> str:
    """ "on Friday", "tonight"."""
    return f"on {day.title()}" if day in WEEKDAYS else day


def _without_replaced(atoms: list[str | int]) -> list[str | int]:
    kept: list[str | int] = []
    index = 0
    while index < len(atoms):
        lead = next((lead for lead in _REPLACED_LEADS if matches(atoms, index, lead)), None)
        if lead is None:
            kept.append(atoms[index])
            index += 1
            continue
        index += len(lead)
        while index < len(atoms) and _is_replaceable(atoms[index]):
            index += 1
            replaced = atoms[index - 1] not in _REPLACED_FILLERS
            if replaced and not isinstance(at(atoms, index), int):
                break
    return kept


def _is_replaceable(atom: str | int) -> bool:
    return isinstance(atom, int) or atom in _REPLACED_FILLERS or _day_of(atom) is not None


def _find_party(atoms: Sequence[str | int], used: frozenset[int]) -> tuple[int | None, int | None]:
    """(how many people, a number that might mean anything)."""
    party: int | None = None
    number: int | None = None
    by_age = 0
    for index, atom in enumerate(atoms):
        if not isinstance(atom, int) or index in used or atom == 0:
            continue
        after, of_us = at(atoms, index + 1), matches(atoms, index + 1, ("of", "us"))
        pronoun = atom == 1 and at(atoms, index - 1) in _ONE_LEADS
        if not of_us and (after in _NOT_A_COUNT or (pronoun and after not in PEOPLE)):
            continue
        if after in _AGES:
            by_age += atom
        elif after in PEOPLE or of_us or at(atoms, index - 1) in _PARTY_LEADS:
            party = atom
        else:
            number = atom
    return by_age or party, number


def _party_in_words(tokens: Sequence[str]) -> int | None:
    if any(matches(tokens, index, lead) for index in range(len(tokens)) for lead in _ALONE):
        return 1
    said = set(tokens)
    if "both" in said or {"a", "couple"} <= said:
        return 2
    if said & _COMPANION and said & {"and", "with"} and said & {"me", "i", "my"}:
        return 2
    return None


def _find_day(atoms: Sequence[str | int]) -> str | None:
    day: str | None = None
    for index, atom in enumerate(atoms):
        found = _day_of(atom)
        if found == "tomorrow" and matches(atoms, index - 2, ("day", "after")):
            found = "the day after tomorrow"
        if found is None and atom in ("evening", "night") and at(atoms, index - 1) == "this":
            found = "tonight"
        if found not in ("today", "tonight") or day not in WEEKDAYS:
            day = found or day
    return day


def _day_of(atom: str | int) -> str | None:
    if not isinstance(atom, str):
        return None
    if atom in ("today", "tonight", "tomorrow", "weekend"):
        return atom
    singular = atom.removesuffix("'s").removesuffix("s")
    return singular if singular in WEEKDAYS else None


def _find_name(tokens: Sequence[str], known_names: frozenset[str]) -> str | None:
    for index in range(len(tokens)):
        for lead in _NAME_LEADS:
            if matches(tokens, index, lead):
                said = [t for t in tokens[index + len(lead) :][:3] if t not in _NOT_A_NAME]
                if said:
                    return bare_name(_until_other_details(said)[:2])
    known = [token for token in tokens if token in known_names]
    return " ".join(known[:2]).title() if known else None


def _until_other_details(tokens: Sequence[str]) -> list[str]:
    name: list[str] = []
    for token in tokens:
        if _day_of(token) or token in NUMBERS:
            break
        name.append(token)
    return name
