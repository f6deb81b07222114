"""A refusal in, one of our errors out: what the adapters share, beside the deadlines they keep."""

from __future__ import annotations

import contextlib
import email.utils
import functools
import math
import ssl
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import certifi

from bench import clock, config
from bench.errors import ConfigError, ConnectFailed, ProviderError, RateLimited, Rejected
from bench.settings import Secret

CONNECT_SECONDS = 2.0
FIRST_RESULT_SECONDS = 8.0
HANG_UP_SECONDS = 0.5  # of the one second that a worker has for closing
KEPT_OPEN_SECONDS = 60.0  # a connection between two turns
LONGEST_REASON = 200  # characters of the vendor's own words

TOO_MANY_REQUESTS = 429
PATHS = ("GOOGLE_APPLICATION_CREDENTIALS",)  # variables that name a file instead


def key_of(agent_config: Mapping[str, Any], variable: str, provider: str) -> Secret:
    """The key in `keys` of an agent config, else in the environment or `.env`.

    Raises:
        ConfigError: there is none; the message names the variable.
    """
    if not (key := key_if_any(agent_config, variable)):
        raise ConfigError(f"{provider} wants a key: set {variable} in the environment or in .env")
    return key


def key_if_any(agent_config: Mapping[str, Any], variable: str) -> Secret:
    """The same, and an empty one where there is none; spaces around it are no part of it.

    Raises:
        ConfigError: it holds what no header can, such as the "…" of an example.
    """
    given: Mapping[str, Secret] | None = agent_config.get("keys")
    keys = config.read_keys() if given is None else given
    text = (keys.get(variable) or Secret("")).reveal().strip()
    if not text.isprintable() or not (text.isascii() or variable in PATHS):
        raise ConfigError(f"{variable} holds signs that no key has: copy it anew")
    return Secret(text)


@functools.cache
def tls() -> ssl.SSLContext:
    """The one TLS context of this process: to make one takes longer than to shake hands."""
    return ssl.create_default_context(cafile=certifi.where())


def refused(
    provider: str,
    status: int,
    headers: Mapping[str, str],
    said: str,
    key: Secret,
    *,
    look_at: Mapping[int, str] = MappingProxyType({}),
    is_exhausted: bool = False,
) -> ProviderError:
    """The error for an HTTP status from 300 on; `said` are the vendor's words.

    `look_at` names the settings that a status may come of; `is_exhausted`: the vendor counts too
    many where nothing is left to wait for, such as a quota that was paid for.
    """
    reason = f"status {status}: {quoted(said, key)}".removesuffix(": ")
    if named := look_at.get(status):
        reason = f"{reason} (look at {named})"
    if is_exhausted:
        return Rejected(provider, reason)
    if status == TOO_MANY_REQUESTS:
        return RateLimited(provider, reason, retry_after_seconds=_retry_after(headers))
    if status >= 500 or status == 408:
        return ConnectFailed(provider, reason)
    return Rejected(provider, reason)


def quoted(said: str, key: Secret) -> str:
    """A vendor's words, short, and without the key should they hold it."""
    said = said.replace(key.reveal(), "***") if key else said
    return " ".join(said.split())[:LONGEST_REASON]


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds from a `Retry-After`, which is a number or a date, or its milliseconds."""
    told = headers.get("retry-after", "")
    for text, share in ((headers.get("retry-after-ms", ""), 1e-3), (told, 1.0)):
        with contextlib.suppress(ValueError):
            if math.isfinite(wait := float(text) * share):
                return max(0.0, wait)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(told).timestamp() - clock.wall())
    except ValueError:
        return None
