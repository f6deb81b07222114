"""Words in, phones out: the packaged dictionary, then a few dozen spelling rules for what it lacks.

Phones are ARPAbet without stress, as the acoustic model has them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from bench.errors import ConfigError

# Sounds people make that the dictionary spells otherwise or not at all.
_SOUNDS = {
    "mm-hm": ("AH M HH AH M", "M HH AH M", "M HH M"),
    "mhm": ("AH M HH AH M", "M HH AH M", "M HH M"),
    "uh-huh": ("AH HH AH",),
    "hmm": ("HH M", "HH AH M"),
    "uh": ("AH", "ER"),
    "um": ("AH M", "ER M"),
}

# Spelling to sound, longest first at each place: enough for a name, not a phonology of English.
_RULES = {
    "tion": "SH AH N", "sion": "ZH AH N", "ture": "CH ER", "ough": "AO", "eigh": "EY", "augh": "AO",
    "igh": "AY", "tch": "CH", "dge": "JH", "sch": "SH", "eau": "OW", "ous": "AH S", "qu": "K W",
    "ch": "CH", "sh": "SH", "th": "TH", "ph": "F", "wh": "W", "gh": "G", "ck": "K", "ng": "NG",
    "kn": "N", "wr": "R", "ps": "P S", "ee": "IY", "ea": "IY", "oo": "UW", "ou": "AW", "ow": "OW",
    "oa": "OW", "oi": "OY", "oy": "OY", "ai": "EY", "ay": "EY", "ey": "IY", "ei": "EY", "ie": "IY",
    "au": "AO", "aw": "AO", "ew": "UW", "ue": "UW", "ar": "AA R", "er": "ER", "ir": "ER",
    "or": "AO R", "ur": "ER", "bb": "B", "cc": "K", "dd": "D", "ff": "F", "gg": "G", "ll": "L",
    "mm": "M", "nn": "N", "pp": "P", "rr": "R", "ss": "S", "tt": "T", "zz": "Z", "ce": "S EH",
    "ci": "S IH", "cy": "S IY", "ge": "JH EH", "a": "AE", "b": "B", "c": "K", "d": "D", "e": "EH",
    "f": "F", "g": "G", "h": "HH", "i": "IH", "j": "JH", "k": "K", "l": "L", "m": "M", "n": "N",
    "o": "AA", "p": "P", "q": "K", "r": "R", "s": "S", "t": "T", "u": "AH", "v": "V", "w": "W",
    "x": "K S", "y": "Y", "z": "Z",
}  # fmt: skip
_LONG = {"a": "EY", "e": "IY", "i": "AY", "o": "OW", "u": "UW"}
_SILENT_E = re.compile(r"(?P<head>.*)(?P<vowel>[aeiou])(?P<consonant>[bdfgklmnpstvz]|th)e$")
_LONGEST_RULE = 4

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
).split()
_TENS = "_ _ twenty thirty forty fifty sixty seventy eighty ninety".split()


def spoken_number(digits: str) -> str:
    """Digits as words: up to 9999 as a number, longer or with a leading zero digit by digit."""
    if len(digits) > 4 or (len(digits) > 1 and digits[0] == "0"):
        return " ".join(_ONES[int(digit)] for digit in digits)
    number = int(digits)
    if number < 20:
        return _ONES[number]
    for unit, name in ((1000, "thousand"), (100, "hundred")):
        if number >= unit:
            rest = f" {spoken_number(str(number % unit))}" if number % unit else ""
            return f"{_ONES[number // unit]} {name}{rest}"
    rest = f" {_ONES[number % 10]}" if number % 10 else ""
    return _TENS[number // 10] + rest


def by_rules(word: str) -> str:
    """Phones guessed from spelling: the longest rule fits first, a silent e makes a vowel long."""
    letters = re.sub(r"[^a-z]", "", word.lower())
    if match := _SILENT_E.match(letters):
        ending = _RULES[match["consonant"]]
        return f"{_by_longest(match['head'])} {_LONG[match['vowel']]} {ending}".strip()
    if len(letters) > 1 and letters.endswith("y"):
        return f"{_by_longest(letters[:-1])} IY"
    return _by_longest(letters)


def _by_longest(letters: str) -> str:
    phones: list[str] = []
    place = 0
    while place < len(letters):
        for size in range(_LONGEST_RULE, 0, -1):
            if sound := _RULES.get(letters[place : place + size]):
                phones.append(sound)
                place += size
                break
    return " ".join(phones)


def pronunciations(
    words: Iterable[str], dictionary: Path, *, guess: bool = True
) -> dict[str, list[str]]:
    """Every word with all its pronunciations, from `dictionary` (CMU format) or, where it has none,
    by rules.

    Raises:
        ConfigError: a word is in no dictionary and `guess` is off; the message names all such
        words.
    """
    wanted = set(words)
    found = {word: list(_SOUNDS[word]) for word in wanted & _SOUNDS.keys()}
    with dictionary.open(encoding="utf-8") as lines:
        for line in lines:
            entry, _, phones = line.partition(" ")
            word = entry.partition("(")[0]
            if word in wanted and word not in _SOUNDS:
                found.setdefault(word, []).append(phones.strip())
    missing = sorted(wanted - found.keys())
    if missing and not guess:
        raise ConfigError(f"no pronunciation is known for {', '.join(missing)}")
    found.update((word, [by_rules(word)]) for word in missing)
    return found


def dictionary_text(found: dict[str, list[str]]) -> str:
    """The pronunciations as pocketsphinx reads them: variants are `word(2)`, `word(3)`."""
    return "".join(
        f"{word if number == 1 else f'{word}({number})'} {phones}\n"
        for word in sorted(found)
        for number, phones in enumerate(found[word], 1)
    )
