"""A browser tab in, its session and its settings out: kept over reloads of the page."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Hashable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any, TypeVar

from bench import clock
from bench.app.door import Ticket
from bench.app.keys import KeyRing, KeyRings
from bench.app.messages import Start
from bench.app.registry import SessionRegistry
from bench.app.session import Session
from bench.assembly import LANGUAGE, MODELS, Settings, read_request

MOST_KEPT = 1000  # tabs; a few hundred bytes each
SETTLE_SECONDS = 10.0  # for which a conversation waits for changes that are being made
KEYS_KEPT_SECONDS = 60.0  # after the page has gone: a reload takes less

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Visit:
    """One tab: the ticket of its conversations, one after the other, and what it asks of them."""

    def __init__(
        self, ticket: Ticket, sessions: SessionRegistry, base: Settings, rings: KeyRings
    ) -> None:
        self.ticket = ticket  # of the conversation that is on, or was last
        self.next = ticket  # of the one that Start begins
        self.keys = KeyRing()  # that were typed in it
        self._sessions = sessions
        self._base = base
        self._rings = rings
        rings.lend(ticket.session, self.keys)
        chosen = base.providers
        self.asked: dict[str, Any] = {
            "transcriberProvider": chosen.transcriberProvider,
            "llmProvider": chosen.llmProvider,
            "voiceProvider": chosen.voiceProvider,
        }
        if (session := self.session) is not None:
            self.asked |= session.settings
        self._under_way = 0  # changes
        self._still = asyncio.Event()  # there is none
        self._still.set()

    @property
    def session(self) -> Session | None:
        """The tab's conversation, or its last one while that is kept."""
        return self._sessions.find(self.ticket.session)

    def start(self) -> dict[str, Any]:
        """What the strip sends first."""
        return {**self.next._asdict(), **self.asked}

    @property
    def base(self) -> Settings:
        """The settings of the process, with the keys of this tab."""
        return replace(self._base, keys=self.keys.with_own(self._base.keys))

    def renew(self) -> None:
        """The next conversation has a name of its own."""
        self.next = self._sessions.mint()
        self._rings.lend(self.next.session, self.keys)

    @contextmanager
    def changing(self) -> Iterator[None]:
        """For as long as it is being found out whether a change can be."""
        self._under_way += 1
        self._still.clear()
        try:
            yield
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._still.set()

    async def settled(self) -> None:
        """Wait until no change is being made, within a bound."""
        with suppress(TimeoutError):
            async with clock.deadline(SETTLE_SECONDS):
                await self._still.wait()

    def catch_up(self) -> None:
        """Change in the conversation that is on what was asked for while it was being made."""
        session = self.session
        if session is None or session.over:
            return
        missed = {
            name: value for name, value in self.asked.items() if session.settings.get(name) != value
        }
        if missed:
            session.change(**missed)

    def ask(self, **settings: Any) -> None:
        """Change settings: of the conversation that is on, and of those to come.

        Raises:
            ConfigError: an unknown name or an impossible value; nothing is changed then.
        """
        asked = self.asked | settings
        read_request(asked, self._base)
        session = self.session
        if session is not None and not session.over:
            session.change(**settings)
        self.asked = asked


class Visits:
    """The tabs there are, by Gradio's session hash, which a reload changes, and by our session."""

    def __init__(
        self, sessions: SessionRegistry, base: Settings, rings: KeyRings | None = None
    ) -> None:
        self._sessions = sessions
        self._base = base
        self._rings = rings or KeyRings()
        self._by_session: OrderedDict[str, Visit] = OrderedDict()
        self._by_hash: OrderedDict[str, Visit] = OrderedDict()
        self._left: dict[Visit, asyncio.TimerHandle] = {}

    def enter(self, session_hash: str | None, kept: object = None) -> Visit:
        """The visit of a tab that says which ticket it has kept, if any; a forged one is new."""
        return self._found(session_hash, self._proven(kept))

    def begun(self, session_hash: str | None, session: object) -> Visit:
        """The visit of a tab that says which conversation it is in."""
        ticket = self._proven(session)
        visit = self._found(session_hash, ticket)
        if ticket is not None:
            visit.ticket = ticket
            _remember(self._by_session, ticket.session, visit)
            visit.catch_up()
        return visit

    async def settled(self, start: Start) -> Start:
        """The first message of a conversation as its tab means it by now: with what was changed
        there while the message was on its way."""
        visit = self._by_session.get(start.session)
        if visit is None:
            return start
        await visit.settled()
        return replace(start, settings={**start.settings, **visit.asked})

    def _found(self, session_hash: str | None, ticket: Ticket | None) -> Visit:
        if ticket is None:
            return self.of(session_hash)
        visit = self._by_session.get(ticket.session)
        if visit is None:
            visit = self._new(ticket)
        elif ticket != visit.next:
            visit.ticket = ticket
        return self._keep(session_hash, visit)

    def renew(self, visit: Visit) -> None:
        """The visit's conversation is over: another may follow."""
        visit.renew()
        _remember(self._by_session, visit.next.session, visit)

    def of(self, session_hash: str | None) -> Visit:
        """The visit of a tab seen before, else a new one."""
        visit = self._by_hash.get(session_hash or "")
        if visit is None:
            visit = self._new(self._sessions.mint())
        return self._keep(session_hash, visit)

    def leave(self, session_hash: str | None) -> None:
        """A page was closed, or is being loaded again: unless its tab is back in time, or its
        conversation goes on, what secrets it gave are forgotten."""
        visit = self._by_hash.pop(session_hash or "", None)
        if visit is not None and visit not in self._by_hash.values():
            self._forget_later(visit)

    def _forget_later(self, visit: Visit) -> None:
        loop = asyncio.get_running_loop()
        self._left[visit] = loop.call_later(KEYS_KEPT_SECONDS, self._forget, visit)

    def _forget(self, visit: Visit) -> None:
        del self._left[visit]
        if visit.session is not None and not visit.session.over:
            self._forget_later(visit)
        else:
            visit.keys.forget()

    def _new(self, ticket: Ticket) -> Visit:
        return Visit(ticket, self._sessions, self._base, self._rings)

    def _proven(self, kept: object) -> Ticket | None:
        match kept:
            case {"session": str(session), "token": str(token)} if session and token:
                known = self._sessions.door.admits(session, token)
                return Ticket(session, token) if known else None
            case _:
                return None

    def _keep(self, session_hash: str | None, visit: Visit) -> Visit:
        _remember(self._by_session, visit.ticket.session, visit)
        if visit in self._left:
            self._left.pop(visit).cancel()
        if session_hash:
            _remember(self._by_hash, session_hash, visit)
        return visit


def _remember(kept: OrderedDict[K, V], key: K, value: V) -> None:
    kept[key] = value
    kept.move_to_end(key)
    while len(kept) > MOST_KEPT:
        kept.popitem(last=False)


def defaults(base: Settings, asked: Mapping[str, Any]) -> dict[str, Any]:
    """What a setting is when a tab asks for `asked`: by name, those of the base where unasked."""
    found: dict[str, Any] = dict.fromkeys((*MODELS, LANGUAGE))
    for table in (base.providers, base.conversation):
        found |= {name: getattr(table, name) for name in type(table).__dataclass_fields__}
    return found | dict(asked)
