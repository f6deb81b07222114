"""An error in, what to do about it out: once more, somebody else, or nothing.

The one policy for every part: a connection that failed before there was anything of a result is
tried once more, at once; whatever else goes wrong is for the backup. A part that failed rests, so
that each turn does not wait for it anew.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Literal, Protocol, TypeVar

from bench import clock
from bench.errors import BrokenStream, ConnectFailed, ProviderError, RateLimited
from bench.events import Fact, FellBack, Retried

Decision = Literal["retry", "fall back", "give up"]

TRIES = 2  # of one part for one result
COOL_DOWN_SECONDS = 30.0  # for which the backup goes first, …
LONGEST_REST_SECONDS = 600.0  # … unless the provider asks for more
SHORT_WAIT_SECONDS = 0.25  # for which a busy provider is waited for


class Part(Protocol):
    """A part of a conversation that may have a backup of its own kind."""

    provider: str
    worked: bool  # has given a result, so its connection may be an old one
    rests_until: float  # on the clock; somebody else goes first until then


class Recorder(Protocol):
    """A worker, on whose trace a failure leaves its marks."""

    turn: int

    def record(self, fact: Fact) -> None:
        """Put a fact on the trace."""
        ...

    def failed(self, error: BaseException, after_seconds: float = 0.0) -> None:
        """Leave the mark of a failure."""
        ...


P = TypeVar("P", bound=Part)


def decide(
    error: BaseException,
    attempt: int = 1,
    *,
    begun: bool = False,
    has_backup: bool = False,
    worked: bool = False,
    can_go_on: bool = False,
) -> Decision:
    """What to do about the failure of a part's `attempt`-th try (from 1) at a result.

    `begun`: something of the result was handed on; `can_go_on`: somebody else can do the rest of
    such a one. `worked`: the part has given results before, so a stream that broke without one may
    have been an old connection that nobody had told of its end.
    """
    if not begun and attempt < TRIES and _is_brief(error, worked):
        return "retry"
    return "fall back" if has_backup and (can_go_on or not begun) else "give up"


def wait_before_retry(error: BaseException) -> float:
    """Seconds to wait before the same is asked of the same again."""
    return (error.retry_after_seconds or 0.0) if isinstance(error, RateLimited) else 0.0


def name_of(part: Part) -> str:
    """What a trace calls a part."""
    return part.provider or type(part).__name__


def rest(part: Part, error: BaseException | None = None) -> None:
    """Let others go first for a while, or for as long as a busy provider wants to be left alone."""
    asked = min(wait_before_retry(error), LONGEST_REST_SECONDS) if error is not None else 0.0
    part.rests_until = clock.now() + max(COOL_DOWN_SECONDS, asked)


def story_of(part: Part, error: Exception, after_seconds: float) -> tuple[str, str, float]:
    """Who failed, how, and after which time: by its own account, else by ours."""
    own = error.after_seconds if isinstance(error, ProviderError) else None
    return name_of(part), type(error).__name__, round(after_seconds if own is None else own, 6)


class Attempts(Generic[P]):
    """The tries at one result: `who` is to be asked now, first a part or, while that rests, its
    backup."""

    def __init__(
        self,
        part: P,
        backup: P | None,
        recorder: Recorder,
        turn: int = 0,
        *,
        can_go_on: bool = False,
    ) -> None:
        self.who = part
        self._next = backup
        self._recorder, self._turn, self._can_go_on = recorder, turn, can_go_on
        self._attempt = 1
        if backup is not None and part.rests_until > max(clock.now(), backup.rests_until):
            self.who, self._next = backup, part

    async def go_on(self, error: Exception, after_seconds: float, *, begun: bool = False) -> bool:
        """Note a failure of `who` and make ready for the next try; False: there is none.

        The last failure is left for the caller to tell of.
        """
        who = self.who
        decision = self._decide(error, begun=begun)
        if decision == "retry":
            self._record(Retried, error, after_seconds)
            self._attempt += 1
            await clock.sleep(wait_before_retry(error))
        elif self._next is not None and decision == "fall back":
            self._recorder.failed(error, after_seconds)
            self._record(FellBack, error, after_seconds, to=name_of(self._next))
            rest(who, error)
            self.who, self._next, self._attempt = self._next, None, 1
        else:
            rest(who, error)
            return False
        return True

    def _decide(self, error: Exception, *, begun: bool) -> Decision:
        return decide(
            error,
            self._attempt,
            begun=begun,
            has_backup=self._next is not None,
            worked=self.who.worked,
            can_go_on=self._can_go_on,
        )

    def _record(
        self, kind: Callable[..., Fact], error: Exception, after_seconds: float, **more: Any
    ) -> None:
        told = story_of(self.who, error, after_seconds)
        self._recorder.record(kind(*told, turn=self._turn, **more))


def _is_brief(error: BaseException, worked: bool) -> bool:
    """Whether the same may go well at once."""
    if isinstance(error, RateLimited):
        wait = error.retry_after_seconds
        return wait is not None and wait <= SHORT_WAIT_SECONDS
    return isinstance(error, ConnectFailed) or (worked and isinstance(error, BrokenStream))
