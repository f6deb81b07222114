"""First messages in, sessions out: who has one, who may have one, and who may come back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator

from bench import clock
from bench.app.door import Door, Ticket
from bench.app.limits import Limits
from bench.app.messages import Start
from bench.app.output import WebsocketOutputDevice
from bench.app.session import Assemble, Changes, Session, SessionRequest
from bench.engine.conversation import StreamingConversation

NOT_ALLOWED = 4401
TOO_MANY = 4429
Settled = Callable[[Start], Awaitable[Start]]


class Refused(Exception):
    """A client may not have a conversation: `code` is for its `error`, `close_code` its socket."""

    def __init__(self, code: str, reason: str, close_code: int) -> None:
        super().__init__(reason)
        self.code = code
        self.close_code = close_code


class SessionRegistry:
    """The sessions of this process, live ones and those that ended a while ago.

    `assemble` makes a conversation, `changes` the keywords for a running one's `change`.
    `on_made` is given every new session before it starts.
    """

    def __init__(
        self,
        assemble: Assemble,
        door: Door,
        limits: Limits,
        *,
        changes: Changes | None = None,
        on_made: Callable[[Session], None] | None = None,
        record: bool = True,
    ) -> None:
        self.door = door
        self.limits = limits
        self._assemble = assemble
        self._changes = changes
        self._on_made = on_made
        self._record = record
        self.settled: Settled | None = None
        """Makes of a first message the one that is meant by now (the page's settings may change
        while it is on its way)."""
        self._timer: asyncio.TimerHandle | None = None
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
        if not self.door.admits(start.session, start.token):
            told = "The token is not valid here." if start.token else "A token is required here."
            raise Refused("not_allowed", told, NOT_ALLOWED)
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
        if self._timer is not None:
            self._timer.cancel()
        for _, session in self._ended.values():
            session.forget()
        self._ended.clear()

    async def _make(self, ticket: Ticket, start: Start) -> Session:
        if ticket.session in self._making:
            raise Refused("not_allowed", "This session is being opened already.", NOT_ALLOWED)
        self._making.add(ticket.session)
        try:
            if self.settled is not None:
                start = await self.settled(start)
            device = WebsocketOutputDevice(sampling_rate=start.sample_rate, framing=start.framing)
            request = SessionRequest(ticket.session, device, start.settings)
            conversation = self._assemble(request)
            if not isinstance(conversation, StreamingConversation):
                async with clock.deadline(self.limits.assemble_seconds):
                    conversation = await conversation
        finally:
            self._making.discard(ticket.session)
        session = Session(
            *ticket,
            device,
            conversation,
            self.limits,
            settings=start.settings,
            changes=self._changes,
            on_over=self._over,
            record=self._record,
        )
        if ticket.session in self._ended:
            self._ended.pop(ticket.session)[1].forget()
        self._live[ticket.session] = session
        if self._on_made is not None:
            self._on_made(session)
        return session

    def _over(self, session: Session) -> None:
        if self._live.get(session.id) is session:
            del self._live[session.id]
        self._ended[session.id] = (clock.now(), session)
        while len(self._ended) > self.limits.conversations:
            self._forget(next(iter(self._ended)))
        self._forget_old()

    def _forget_old(self) -> None:
        """Forget what ended long ago, now and again when the next one's time has come."""
        now, kept = clock.now(), self.limits.kept_seconds
        for id, (ended_at, _) in tuple(self._ended.items()):
            if now - ended_at >= kept - 1e-6:
                self._forget(id)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._ended:
            due = next(iter(self._ended.values()))[0] + kept
            self._timer = asyncio.get_running_loop().call_at(due, self._forget_old)

    def _forget(self, id: str) -> None:
        self._ended.pop(id)[1].forget()
