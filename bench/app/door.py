"""Who asks in, yes or no out: origins, and tokens that only this server can make."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Collection, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
TOKEN_BYTES = 24  # of the HMAC-SHA256; 192 bits


class Ticket(NamedTuple):
    """A session's name and the proof that this server gave it."""

    session: str
    token: str


class Door:
    """Decides who may open a conversation.

    On `loopback` programs (which send no Origin) need no token; elsewhere everybody does: one that
    was made for a session (`mint`), or `token`, the server's own. A browser is let in from the
    page's own origin and from `origins` only. On loopback the Host must be a loopback name too, so
    that no foreign page gets in by pointing its own name at this machine.
    """

    def __init__(
        self,
        *,
        loopback: bool,
        secret: bytes | None = None,
        token: str | None = None,
        origins: Collection[str] = (),
    ) -> None:
        self.needs_token = not loopback
        self._loopback = loopback
        self._secret = secret or secrets.token_bytes(32)
        self._token = token
        self._origins = frozenset(origins)

    def mint(self) -> Ticket:
        """A name for a new session, and its token."""
        session = secrets.token_urlsafe(12)
        return Ticket(session, self.token_of(session))

    def token_of(self, session: str) -> str:
        """The token that goes with a session's name."""
        digest = hmac.new(self._secret, b"session:" + session.encode(), hashlib.sha256).digest()
        return digest[:TOKEN_BYTES].hex()

    def admits(self, session: str, token: str) -> bool:
        """Whether a client that shows this may have the session it names, or a new one.

        The token is the one made for the session, without a session the server's own.
        """
        if not session and not token:
            return not self.needs_token
        made = self.token_of(session) if session else self._token
        return made is not None and hmac.compare_digest(made.encode(), token.encode())

    def refuses(self, headers: Mapping[str, str]) -> str | None:
        """Why a socket with these headers may not come in; None when it may try."""
        origin, host = headers.get("origin"), headers.get("host", "")
        if origin is None or origin in self._origins:
            return None
        # A Host with no scheme needs the slashes to be read as one.
        there, here = _address(origin), _address(f"//{host}")
        if there is None or here is None or there != here:
            return "This page may not use this server: its origin is another one."
        if self._loopback and here[0] not in LOOPBACK_NAMES:
            return "This server is open to this machine only; use the address localhost."
        return None


def _address(url: str) -> tuple[str, int | None] | None:
    """Host name and port, None for what is none; default ports are left out."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if not parts.hostname:
        return None
    return parts.hostname, None if port in (80, 443) else port
