"""An address and headers in, an open socket out, or why there is none."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, InvalidStatus

from bench.errors import ConnectFailed
from bench.providers.connections import CONNECT_SECONDS, HANG_UP_SECONDS, refused, tls
from bench.settings import Secret

LONGEST_MESSAGE = 1 << 22  # bytes

_logger = logging.getLogger(__name__)
# At DEBUG the library writes the handshake out, and the key with it.
_logger.addFilter(lambda record: record.levelno > logging.DEBUG)


async def opened(
    provider: str, url: str, headers: Mapping[str, str], key: Secret
) -> ClientConnection:
    """Connect, within the bounds; `key` is what `headers` hold of it.

    Raises:
        ConnectFailed, RateLimited, Rejected: it does not open.
    """
    try:
        return await connect(
            url,
            additional_headers=headers,
            ssl=tls() if url.startswith("wss:") else None,
            open_timeout=CONNECT_SECONDS,
            close_timeout=HANG_UP_SECONDS,
            ping_interval=None,  # what is sent without an answer tells more, and sooner
            max_size=LONGEST_MESSAGE,
            logger=_logger,
        )
    except InvalidStatus as error:
        answer = error.response
        said = (answer.body or b"").decode("utf-8", "replace")
        raise refused(provider, answer.status_code, answer.headers, said, key) from None
    except TimeoutError:
        raise ConnectFailed(provider, "no handshake in time") from None
    except (OSError, EOFError, InvalidHandshake) as error:
        raise ConnectFailed(provider, type(error).__name__) from None
