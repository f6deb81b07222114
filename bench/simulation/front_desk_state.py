"""What the front desk remembers of a call, and the shape of its answers."""

from __future__ import annotations

from dataclasses import dataclass, field

from bench.simulation.front_desk_booking import Booking


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer; `expects` names what it asks for: a key of QUESTIONS, or None."""

    text: str
    ends_call: bool = False
    expects: str | None = None


@dataclass(slots=True)
class State:
    """One call so far."""

    last: str
    """The last answer, whatever it was."""
    said: str
    """The last answer with content, which "sorry?" asks for again."""
    unheard: str = ""
    """What of `said` was not heard, from the start of the sentence that was cut."""
    asking: str | None = None
    misses: int = 0
    """Inputs in a row that were not understood."""
    draft: Booking | None = None
    changes_booked: bool = False
    """The draft replaces the last booked table."""
    booked: list[Booking] = field(default_factory=list[Booking])
