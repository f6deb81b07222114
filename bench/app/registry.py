"""First messages in, sessions out: who has one, who may have one, and who may come back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from bench import clock
from bench.app.door import Door, Ticket
from bench.app.limits import Limits
from bench.app.messages import Start
from bench.app.output import WebsocketOutputDevice
from bench.app.session import Assemble, Change, Session, SessionRequest
from bench.engine.conversation import StreamingConversation

NOT_ALLOWED = 4401
TOO_MANY = 4429


class Refused(Exception):
    """A client may not have a conversation: `code` is for its `error`, `close_code` its socket."""

    def __init__(self, code: str, reason: str, close_code: int) -> None:
        super().__init__(reason)
        self.code = code
        self.close_code = close_code


class SessionRegistry:
    """The sessions of this process, live ones and those that ended a while ago.

    `assemble` makes the parts of a conversation; `change` applies settings that are not the
    engine's own (voices) to a running one.
    """

    def __init__(
        self, assemble: Assemble, door: Door, limits: Limits, *, change: Change | None = None
    ) -> None:
        self.door = door
        self.limits = limits
        self._assemble = assemble
        self._change = change
        self._live: dict[str, Session] = {}
        self._ended: dict[str, tuple[float, Session]] = {}
        self._making: set[str] = set()

    def mint(self) -> Ticket:
        """A name for a session to come, and the token that opens it (for the page)."""
        return self.door.mint()

    def find(self, session: str) -> Session | None:
        """A session by its id: the live one, or the one that ended less than a while ago."""
        self._forget_old()
        kept = self._ended.get(session)
        return self._live.get(session) or (kept[1] if kept else None)

    def __len__(self) -> int:
        return len(self._live) + len(self._making)

    def __iter__(self) -> Iterator[Session]:
        return iter(tuple(self._live.values()))

    async def open(self, start: Start) -> Session:
        """The session that `start` asks for: the one it names, or a new one, not yet started.

        Raises:
            Refused: the token is missing or forged, the session is over, or there are too many.
            ConfigError: the settings make no conversation.
        """
        if start.token and not self.door.knows(start.session, start.token):
            raise Refused("not_allowed", "The session's token is not valid here.", NOT_ALLOWED)
        if not start.token and self.door.needs_token:
            raise Refused("not_allowed", "A session token is required here.", NOT_ALLOWED)
        if start.session in self._live:
            return self._live[start.session]
        if start.session and not start.settings:
            raise Refused("session_over", "This session is over; start a new one.", NOT_ALLOWED)
        if len(self) >= self.limits.conversations:
            most = self.limits.conversations
            told = f"This server holds {most} conversations, and all are taken. Try again later."
            raise Refused("too_many", told, TOO_MANY)
        ticket = Ticket(start.session, start.token) if start.session else self.mint()
        return await self._make(ticket, start)

    async def close(self) -> None:
        """End all conversations, and wait until they have."""
        for session in self:
            session.end("server stops")
        for session in self:
            await session.ended()

    async def _make(self, ticket: Ticket, start: Start) -> Session:
        if ticket.session in self._making:
            raise Refused("not_allowed", "This session is being opened already.", NOT_ALLOWED)
        self._making.add(ticket.session)
        try:
            device = WebsocketOutputDevice(sampling_rate=start.sample_rate, framing=start.framing)
            request = SessionRequest(ticket.session, device, start.settings)
            conversation = self._assemble(request)
            if not isinstance(conversation, StreamingConversation):
                async with clock.deadline(self.limits.assemble_seconds):
                    conversation = await conversation
        finally:
            self._making.discard(ticket.session)
        session = Session(
            *ticket, device, conversation, self.limits, change=self._change, on_over=self._over
        )
        self._ended.pop(ticket.session, None)
        self._live[ticket.session] = session
        return session

    def _over(self, session: Session) -> None:
        if self._live.get(session.id) is session:
            del self._live[session.id]
        self._ended[session.id] = (clock.now(), session)
        self._forget_old()
        asyncio.get_running_loop().call_later(self.limits.kept_seconds, self._forget_old)

    def _forget_old(self) -> None:
        now = clock.now()
        for id, (ended_at, _) in tuple(self._ended.items()):
            if now - ended_at >= self.limits.kept_seconds:
                del self._ended[id]
