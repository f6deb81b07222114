"""Failures of providers in, words that a person can act on out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

from bench.errors import ProviderError, TalkbenchError, redacted
from bench.events import Fact, FellBack, ProviderFailed, Retried
from bench.providers.known import PROVIDERS, Role
from bench.trace import Trace

WHO: dict[Role, str] = {"transcriber": "the recogniser", "llm": "the agent", "voice": "the voice"}
WHAT = {
    "ConnectFailed": "could not be reached",
    "RateLimited": "is busy, or its quota is used up",
    "Rejected": "refused the request",
    "BrokenStream": "broke off in the middle",
    "Stalled": "did not answer in time",
}
REFUSED_KEY = "refused the key"
TO_DO = {
    "ConnectFailed": "If it lasts, choose another one in the settings.",
    "RateLimited": "Wait a little, or choose another one in the settings.",
    "Rejected": "Choose another model or another one in the settings, then press Stop and Start.",
    "BrokenStream": "If it happens again, choose another one in the settings.",
    "Stalled": "If it lasts, choose another one in the settings.",
    REFUSED_KEY: "Check the key in the settings, then press Stop and Start.",
}
ALONE: dict[Role | None, str] = {
    "transcriber": "Nobody listens to you now.",
    "llm": "So there is no answer, or not all of it.",
    "voice": "So the answer was not heard, or not all of it.",
    None: "Nobody takes its place.",
}
AGAIN = "It is tried again; what you say meanwhile is kept for a few seconds."
LONGEST_QUOTE = 160  # characters of a vendor's own words

_KEY = re.compile(r"(?i)\b40[13]\b|api.?key|credential|unauth|subscription key|access denied")
_SAID_IN_JSON = re.compile(r'\{.*?"(?:err_msg|message|detail|error)": ?"([^"]+)".*\}')


class _Part(Protocol):
    @property
    def provider(self) -> str: ...


class Parts(Protocol):
    """Who takes part in a conversation; each may have a `backup` of its kind."""

    @property
    def transcriber(self) -> _Part: ...
    @property
    def agent(self) -> _Part: ...
    @property
    def synthesizer(self) -> _Part: ...


@dataclass(frozen=True, slots=True)
class Failure:
    """What failed, and what was done: `to` took over, or the same is `tried_again`."""

    failed: ProviderFailed
    role: Role | None
    to: str = ""
    tried_again: bool = False

    @property
    def handled(self) -> bool:
        """Whether anything was done about it."""
        return bool(self.to) or self.tried_again

    @property
    def is_deafness(self) -> bool:
        """Whether nobody listens any more."""
        return self.role == "transcriber" and not self.handled and self.failed.kind == "Rejected"

    @property
    def how(self) -> str:
        """How it failed, and what it says of that."""
        what = REFUSED_KEY if self._refused_key else WHAT.get(self.failed.kind, "failed")
        return f"{what}{_quoted(self.failed.message)}"

    def __str__(self) -> str:
        who = name(self.failed.provider, self.role)
        who = f"{WHO[self.role].capitalize()}, {who}," if self.role is not None else who
        told = [f"{who} {self.how}."]
        if self.to:
            told.append(f"{name(self.to, self.role)} took over.")
        elif self.tried_again:
            told.append(AGAIN)
        else:
            told.append(ALONE[self.role])
        if not self.to or self._refused_key:
            told.append(TO_DO.get(REFUSED_KEY if self._refused_key else self.failed.kind, ""))
        return " ".join(told).strip()

    @property
    def _refused_key(self) -> bool:
        return self.failed.kind == "Rejected" and _KEY.search(self.failed.message) is not None


def briefly(error: TalkbenchError, role: Role) -> str:
    """Who in a role failed, and how."""
    if not isinstance(error, ProviderError):
        return redacted(str(error))
    failed = ProviderFailed(error.provider, error.kind, 0.0, error.reason)
    return f"{name(error.provider, role)} {Failure(failed, role).how}"


def role_of(provider: str, parts: Parts) -> Role | None:
    """Whose part a provider plays in a conversation; None when it plays several, or none now."""
    found = list[Role]()
    of: dict[Role, object] = {
        "transcriber": parts.transcriber,
        "llm": parts.agent,
        "voice": parts.synthesizer,
    }
    for role, part in of.items():
        backup = getattr(part, "backup", None)
        if provider in (getattr(part, "provider", ""), getattr(backup, "provider", "")):
            found.append(role)
    return found[0] if len(found) == 1 else None


def name(provider: str, role: Role | None) -> str:
    """A provider's name for people."""
    rows = [row for row in PROVIDERS if row.key == provider and role in (None, row.role)]
    return rows[0].label if rows else provider


def failures(trace: Trace, parts: Parts) -> Iterator[tuple[int, Failure]]:
    """Every failure of a conversation by its turn, with what was done about it at once."""
    facts = [fact for _, fact in trace.entries if isinstance(fact, _ABOUT)]
    for fact, after in pairwise([*facts, None]):
        if isinstance(fact, ProviderFailed):
            yield fact.turn, failure(fact, after, role_of(fact.provider, parts))


def failure(fact: ProviderFailed, after: Fact | None, role: Role | None) -> Failure:
    """One failure, and what was done about it when that is what came `after` it."""
    match after:
        case FellBack(provider=who, to=to) if who == fact.provider:
            return Failure(fact, role, to=to)
        case Retried(provider=who) if who == fact.provider and role == "transcriber":
            return Failure(fact, role, tried_again=True)  # of others it tells of the time before
        case _:
            return Failure(fact, role)


_ABOUT = (ProviderFailed, FellBack, Retried)


def _quoted(said: str) -> str:
    """A vendor's words in brackets; of a JSON object what it is for people."""
    said = " ".join(_SAID_IN_JSON.sub(r"\1", said).split())
    if len(said) > LONGEST_QUOTE:
        said = f"{said[:LONGEST_QUOTE]}…"
    return f" ({said})" if said else ""
