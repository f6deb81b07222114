"""Words in, numbers and a time of day out (and back into words)."""

from __future__ import annotations

from collections.abc import Sequence

PEOPLE = frozenset(
    "people persons person guests guest adults adult children kids child friends seats chairs "
    "others ladies".split()
)

_UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
).split()
_TENS = {"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50}
NUMBERS = {word: value for value, word in enumerate(_UNITS)} | _TENS | {"dozen": 12, "ate": 8}
_TIME_LEADS = frozenset("at around about by after before".split())


def clock_minutes(hour: int, minute: int, tokens: Sequence[str]) -> int:
    """Minutes after midnight; without "a m" or "in the morning" one to nine mean p.m."""
    if hour > 12:
        return hour * 60 + minute
    if _is_morning(tokens):
        return hour % 12 * 60 + minute
    if _is_evening(tokens) or hour <= 9:
        return (hour % 12 + 12) * 60 + minute
    return hour * 60 + minute


def number_words(number: int) -> str:
    """A number from 0 to 59 as it is spoken."""
    if number < 20:
        return _UNITS[number]
    tens = next(word for word, value in _TENS.items() if value == number // 10 * 10)
    return tens if number % 10 == 0 else f"{tens} {_UNITS[number % 10]}"


def time_words(minutes: int, day: str | None = None) -> str:
    """ "seven thirty in the evening"; the part of the day is left out where it goes unsaid."""
    hour, minute = divmod(minutes, 60)
    if (hour, minute) == (12, 0):
        return "noon"
    spoken = number_words((hour - 1) % 12 + 1)
    if minute:
        spoken += f" oh {number_words(minute)}" if minute < 10 else f" {number_words(minute)}"
    if day == "tonight" or 12 <= hour < 13:
        return spoken
    part = "morning" if hour < 12 else "afternoon" if hour < 17 else "evening"
    return f"{spoken} in the {part}"


def find_time(
    atoms: Sequence[str | int], tokens: Sequence[str]
) -> tuple[int | None, frozenset[int]]:
    """The last time of day said, and the positions it is made of."""
    found: int | None = None
    used: set[int] = set()
    index = 0
    while index < len(atoms):
        clock = _clock_at(atoms, index)
        if clock is None:
            index += 1
            continue
        hour, minute, end = clock
        found = clock_minutes(hour, minute, tokens)
        used.update(range(index, end))
        index = end
    return found, frozenset(used)


def _clock_at(atoms: Sequence[str | int], index: int) -> tuple[int, int, int] | None:
    """(hour, minute, end) of a time that says so itself: "half past seven", "at seven"."""
    atom = atoms[index]
    if atom in ("noon", "midday"):
        return 12, 0, index + 1
    if atom == "midnight":
        return 24, 0, index + 1
    return _relative_clock(atoms, index) or _plain_clock(atoms, index)


def _relative_clock(atoms: Sequence[str | int], index: int) -> tuple[int, int, int] | None:
    offset = {"half": 30, "quarter": 15}.get(str(atoms[index]), atoms[index])
    if not isinstance(offset, int) or offset not in (5, 10, 15, 20, 25, 30):
        return None
    place = index + 1 + (at(atoms, index + 1) == "minutes")
    word, hour = at(atoms, place), at(atoms, place + 1)
    if atoms[index] == "half" and isinstance(word, int) and 1 <= word <= 12:
        return word, 30, place + 1
    if not isinstance(hour, int) or not 1 <= hour <= 12 or at(atoms, place + 2) in PEOPLE:
        return None
    if word in ("past", "after"):
        return hour, offset, place + 2
    if word in ("to", "before", "till"):
        return (hour - 2) % 12 + 1, 60 - offset, place + 2
    return None


def _plain_clock(atoms: Sequence[str | int], index: int) -> tuple[int, int, int] | None:
    hour, after = atoms[index], at(atoms, index + 1)
    if not isinstance(hour, int) or not 1 <= hour <= 23:
        return None
    if after in ("oh", "o") and isinstance(at(atoms, index + 2), int):
        return hour, int(atoms[index + 2]), index + 3
    if isinstance(after, int) and _is_minute(after) and not _is_minute(at(atoms, index + 2)):
        return hour, after, index + 2
    lead = at(atoms, index - 1)
    if after == "o'clock" or (after in ("p", "a") and at(atoms, index + 2) == "m"):
        return hour, 0, index + 2
    if lead != "for" and after in ("in", "at") and _says_part_of_day(atoms[index + 2 :]):
        return hour, 0, index + 1
    if lead in _TIME_LEADS and after not in PEOPLE and after != "of":
        return hour, 0, index + 1
    return None


def _is_minute(atom: str | int) -> bool:
    return isinstance(atom, int) and (atom == 0 or (10 <= atom < 60 and atom % 5 == 0))


def _says_part_of_day(atoms: Sequence[str | int]) -> bool:
    return any(atom in ("morning", "afternoon", "evening", "night") for atom in atoms[:2])


def at(atoms: Sequence[str | int], index: int) -> str | int:
    return atoms[index] if 0 <= index < len(atoms) else ""


def matches(atoms: Sequence[str | int], index: int, phrase: Sequence[str]) -> bool:
    return tuple(atoms[index : index + len(phrase)]) == tuple(phrase)


def _is_morning(tokens: Sequence[str]) -> bool:
    return bool({"morning", "breakfast", "brunch"} & set(tokens)) or _pair(tokens, "a", "m")


def _is_evening(tokens: Sequence[str]) -> bool:
    evening = {"evening", "night", "tonight", "afternoon", "dinner"}
    return bool(evening & set(tokens)) or _pair(tokens, "p", "m")


def _pair(tokens: Sequence[str], first: str, second: str) -> bool:
    return any(matches(tokens, index, (first, second)) for index in range(len(tokens)))


def with_numbers(tokens: Sequence[str]) -> list[str | int]:
    atoms: list[str | int] = []
    for index, token in enumerate(tokens):
        value = int(token) if token.isdecimal() and len(token) <= 2 else NUMBERS.get(token)
        before = tokens[index - 1] if index else ""
        if value is None:
            atoms.append(_homophone(tokens, index))
        elif 0 < value < 10 and before in _TENS:
            atoms[-1] = _TENS[before] + value
        else:
            atoms.append(value)
    return atoms


def _homophone(tokens: Sequence[str], index: int) -> str | int:
    """ "for to", "to people" and "for for" are how a recogniser writes two and four."""
    token = tokens[index]
    before = tokens[index - 1] if index else ""
    after = tokens[index + 1] if index + 1 < len(tokens) else ""
    if token in ("to", "too") and (after in PEOPLE or before == "for" or len(tokens) == 1):
        return 2
    if token == "for" and before == "for":
        return 4
    return token
