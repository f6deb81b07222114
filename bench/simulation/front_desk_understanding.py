"""Words in, meaning out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.simulation.front_desk_cues import CUES
from bench.simulation.front_desk_slots import SLOTS, Details, bare_name, find_details, words_of

CONTROL = frozenset(("goodbye", "stop", "repeat", "go on"))
BOOKING = frozenset(("book", "change", "cancel", "summary"))

_Cue = tuple[tuple[frozenset[str], bool], ...]
"""(the words that may stand here, whether they must follow at once), in order."""

_PATTERNS: tuple[tuple[str, _Cue], ...] = tuple(
    (
        intent,
        tuple((frozenset(word.lstrip("+").split("|")), word[0] == "+") for word in cue.split()),
    )
    for intent, cues in CUES
    for cue in cues
)
_BY_FIRST_WORD: dict[str, list[int]] = {}
for _rank, (_, _cue) in enumerate(_PATTERNS):
    for _word in _cue[0][0]:
        _BY_FIRST_WORD.setdefault(_word, []).append(_rank)

_YES = frozenset(
    "yes yeah yep yup sure correct right exactly perfect okay ok fine absolutely definitely "
    "certainly great good lovely wonderful alright".split()
)
_NO = frozenset("no nope nah not wrong incorrect don't isn't without skip neither".split())
_BACKCHANNEL = frozenset(
    "uh huh mm hm hmm mhm um er ah oh okay ok right yeah yes yep sure really wow nice great good "
    "cool i see that's that all interesting lovely alright so well got it no please".split()
)
_CHANGE = frozenset("actually change instead rather make meant wait not no".split())
_TRAILING = frozenset(
    "a an the for at to and or but of with my is i'd i'm we'd would can could around about by "
    "under past quarter half from are am we're it's um uh er because if when actually this next "
    "want need your their some any".split()
)
_TRAILING_PAIRS = frozenset(f"{word} like" for word in ("would", "i'd", "we'd", "i", "we"))
_NAMES = frozenset(SLOTS["name"])


@dataclass(frozen=True, slots=True)
class Meaning:
    """What an utterance says, before the dialogue decides what it means here."""

    tokens: tuple[str, ...]
    intent: str | None
    details: Details
    yes: bool
    no: bool
    changes: bool
    """It corrects something ("actually make it four")."""
    backchannel: bool
    """It only shows that somebody listens ("uh huh", "I see")."""
    trails_off: bool
    """It ends in a word after which people go on ("a table for")."""

    @property
    def is_short_answer(self) -> bool:
        """ "yes please", "no that's wrong": a yes or no and nothing else that is known."""
        return (self.yes or self.no) and self.intent in (None, "thanks") and len(self.tokens) <= 4


def understand(text: str, expects: str | None = None) -> Meaning:
    """Token by token, so a word too many or one misheard does not matter; `expects` as in Reply."""
    tokens = words_of(text)
    said = frozenset(tokens)
    intent = _intent(tokens)
    details = find_details(tokens, _NAMES)
    no = bool(said & _NO) and "no problem" not in " ".join(tokens)
    if expects == "name" and not details and not no and intent in (None, "change", "book"):
        details = Details(name=bare_name(tokens))
    return Meaning(
        tokens=tokens,
        intent=intent,
        details=details,
        yes=bool(said & _YES or tokens == ("please",)) and not no,
        no=no,
        changes=bool(said & _CHANGE),
        backchannel=bool(tokens) and said <= _BACKCHANNEL,
        trails_off=_trails_off(tokens, intent),
    )


def _intent(tokens: tuple[str, ...]) -> str | None:
    """The intent whose cue covers most words; earlier in the table wins a tie."""
    if tokens == ("what",):
        return "repeat"
    ranks = sorted({rank for token in tokens for rank in _BY_FIRST_WORD.get(token, ())})
    best, best_score = None, 0
    for rank in ranks:
        intent, cue = _PATTERNS[rank]
        if len(cue) > best_score and _is_cued(tokens, cue):
            best, best_score = intent, len(cue)
    return best


def _is_cued(tokens: Sequence[str], cue: _Cue) -> bool:
    """Every word of the cue is there, in order and close enough, wherever it begins."""
    first, _ = cue[0]
    return any(
        token in first and _follows(tokens, start + 1, cue[1:])
        for start, token in enumerate(tokens)
    )


def _follows(tokens: Sequence[str], position: int, cue: _Cue) -> bool:
    for choices, at_once in cue:
        end = min(len(tokens), position + (1 if at_once else 3))
        found = next((i for i in range(position, end) if tokens[i] in choices), None)
        if found is None:
            return False
        position = found + 1
    return True


def _trails_off(tokens: Sequence[str], intent: str | None) -> bool:
    if not tokens or intent in ("stop", "go on"):
        return False
    return tokens[-1] in _TRAILING or " ".join(tokens[-2:]) in _TRAILING_PAIRS
