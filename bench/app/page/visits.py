"""A browser tab in, its session and its settings out: kept over reloads of the page."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Mapping
from typing import Any, TypeVar

from bench.app.door import Ticket
from bench.app.registry import SessionRegistry
from bench.app.session import Session
from bench.assembly import Settings, read_request

MOST_KEPT = 1000  # tabs; a few hundred bytes each

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Visit:
    """One tab: the ticket of its conversations, one after the other, and what it asks of them."""

    def __init__(self, ticket: Ticket, sessions: SessionRegistry, base: Settings) -> None:
        self.ticket = ticket  # of the conversation that is on, or was last
        self.next = ticket  # of the one that Start begins
        self._sessions = sessions
        self._base = base
        chosen = base.providers
        self.asked: dict[str, Any] = {
            "transcriberProvider": chosen.transcriberProvider,
            "llmProvider": chosen.llmProvider,
            "voiceProvider": chosen.voiceProvider,
        }
        if (session := self.session) is not None:
            self.asked |= session.settings

    @property
    def session(self) -> Session | None:
        """The tab's conversation, or its last one while that is kept."""
        return self._sessions.find(self.ticket.session)

    def start(self) -> dict[str, Any]:
        """What the strip sends first."""
        return {**self.next._asdict(), **self.asked}

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

    def __init__(self, sessions: SessionRegistry, base: Settings) -> None:
        self._sessions = sessions
        self._base = base
        self._by_session: OrderedDict[str, Visit] = OrderedDict()
        self._by_hash: OrderedDict[str, Visit] = OrderedDict()

    def enter(self, session_hash: str | None, kept: object = None) -> Visit:
        """The visit of a tab that says which session it has kept, if any; a forged one is new."""
        ticket = self._proven(kept)
        if ticket is None:
            return self.of(session_hash)
        visit = self._by_session.get(ticket.session)
        if visit is None:
            visit = Visit(ticket, self._sessions, self._base)
        visit.ticket = ticket
        return self._keep(session_hash, visit)

    def renew(self, visit: Visit) -> None:
        """The visit's conversation is over: the next one has a name of its own."""
        visit.next = self._sessions.mint()
        _remember(self._by_session, visit.next.session, visit)

    def of(self, session_hash: str | None) -> Visit:
        """The visit of a tab seen before, else a new one."""
        visit = self._by_hash.get(session_hash or "")
        if visit is None:
            visit = Visit(self._sessions.mint(), self._sessions, self._base)
        return self._keep(session_hash, visit)

    def _proven(self, kept: object) -> Ticket | None:
        match kept:
            case {"session": str(session), "token": str(token)} if session and token:
                known = self._sessions.door.admits(session, token)
                return Ticket(session, token) if known else None
            case _:
                return None

    def _keep(self, session_hash: str | None, visit: Visit) -> Visit:
        _remember(self._by_session, visit.ticket.session, visit)
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
    found: dict[str, Any] = {}
    for table in (base.providers, base.conversation):
        found |= {name: getattr(table, name) for name in type(table).__dataclass_fields__}
    return found | dict(asked)
