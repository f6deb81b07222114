"""An application in, a server out: bound before it is built, and quiet once it is ready."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI

from bench import assembly, clock
from bench.app.cassettes import Cassettes
from bench.app.keys import KeyRings
from bench.app.limits import Limits
from bench.app.page.mount import mount_page
from bench.app.server import create_app
from bench.app.session import SessionRequest
from bench.engine.conversation import StreamingConversation
from bench.errors import ConfigError

SHUTDOWN_SECONDS = 5  # for what is open to end
LARGEST_FRAME = 1 << 20  # bytes; the socket itself takes less and says so in words


def bind(host: str, port: int) -> socket.socket:
    """A listening socket, so that a port somebody else has is known before anything is started.

    Raises:
        ConfigError: the port is taken, or the host is not this machine's.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=128)
    except socket.gaierror:
        raise ConfigError(f"host {host}: there is no such address") from None
    except OSError as error:
        why = os.strerror(error.errno or 0)
        other = "; name another with --port" if error.errno == errno.EADDRINUSE else ""
        raise ConfigError(f"cannot listen on {host} port {port}: {why}{other}") from None


def is_loopback(host: str) -> bool:
    """Whether only programs of this machine can reach the address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def build(settings: assembly.Settings) -> FastAPI:
    """The application as the settings want it, page and all."""
    own = settings.app
    token = own.token.reveal() if own.token is not None else None
    loopback = is_loopback(own.host)

    keys = KeyRings()
    cassettes = Cassettes(Path(own.cassettes)) if own.cassettes is not None else None

    async def assemble(request: SessionRequest) -> StreamingConversation:
        base = keys.settings(settings, request.id)
        await asyncio.to_thread(assembly.load, request.settings, base=base)
        made = assembly.assemble(
            request.settings, request.device, base=base, conversation_id=request.id
        )
        if cassettes is not None:
            cassettes.keep(made, request.id, lambda: keys.settings(settings, request.id).keys)
        return made

    def changes(request: SessionRequest) -> Mapping[str, Any]:
        base = keys.settings(settings, request.id)
        return assembly.assemble_changes(request.settings, base=base)

    app = create_app(
        assemble,
        limits=Limits(
            conversations=own.conversations,
            reconnect_seconds=own.reconnect_grace_seconds,
            idle_seconds=own.idle_limit_seconds,
            session_seconds=own.session_limit_seconds,
        ),
        secret=own.secret.reveal().encode(),
        token=token,
        loopback=loopback,
        origins=own.origins,
        changes=changes,
        record=own.record,
        redact_log=own.redact_log,
        on_close=cassettes.close if cassettes is not None else None,
    )
    return mount_page(app, settings, keys=keys, password=None if loopback else token)


def serve(
    app: FastAPI,
    listener: socket.socket,
    prepare: Callable[[], Awaitable[None]],
    on_ready: Callable[[], None],
) -> None:
    """Serve until interrupted.

    `prepare` runs first, on the loop that serves; `on_ready` is called when the first client may
    come. What either raises ends the server.
    """
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        ws_max_size=LARGEST_FRAME,
        ws_per_message_deflate=False,  # sound does not deflate
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    with listener, contextlib.suppress(KeyboardInterrupt):
        clock.run(_Server(config, prepare, on_ready).serve([listener]))


class _Server(uvicorn.Server):
    def __init__(
        self,
        config: uvicorn.Config,
        prepare: Callable[[], Awaitable[None]],
        on_ready: Callable[[], None],
    ) -> None:
        super().__init__(config)
        self._prepare, self._on_ready = prepare, on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await self._prepare()
        await super().startup(sockets)
        if self.started:
            # What was made so far stays: looking through it again and again costs tens of ms each.
            gc.collect()
            gc.freeze()
            self._on_ready()
