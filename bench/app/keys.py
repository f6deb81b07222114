"""Keys that people type in, what their own conversations may use out: kept in memory alone.

A ring belongs to one tab of a browser. The sessions of that tab find it by their name, so a key
crosses the network once, on its way here: it is in no message of the socket and nothing of it is
sent back. What the server's owner has set goes before what was typed.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from weakref import WeakValueDictionary

from bench.assembly import Settings
from bench.errors import ConfigError
from bench.settings import KEY_VARIABLES, Secret

NOT_TO_TYPE = frozenset({"GOOGLE_APPLICATION_CREDENTIALS"})
"""Names a file of this machine, and its files are not for visitors to choose from."""

TO_TYPE = tuple(name for name in KEY_VARIABLES if name not in NOT_TO_TYPE)
LONGEST = 400  # characters of a key …
LONGEST_TOKEN = 4000  # … and of a token that says what its owner may do
_KEY = re.compile(r"[\x21-\x7e]+")  # what can stand in a header
_REGION = re.compile(r"[a-z0-9-]{1,40}")  # it becomes part of an address


class KeyRing:
    """The keys that one tab gave; it shows what they are called, and never themselves."""

    __slots__ = ("__weakref__", "_keys")

    def __init__(self) -> None:
        self._keys: dict[str, Secret] = {}

    def __repr__(self) -> str:
        return f"KeyRing({', '.join(sorted(self._keys))})"

    def __bool__(self) -> bool:
        return bool(self._keys)

    def give(self, variable: str, text: str) -> None:
        """Keep a key.

        Raises:
            ConfigError: it cannot be one, or is not to be typed; the message never shows it.
        """
        text = text.strip()
        region = variable.endswith("_REGION")
        most = LONGEST_TOKEN if variable.endswith("_TOKEN") else LONGEST
        if variable not in TO_TYPE:
            raise ConfigError(f"{variable[:40]} is for the owner of this server to set")
        if len(text) > most or not (_REGION if region else _KEY).fullmatch(text):
            want = "small letters, digits and hyphens" if region else f"{most} visible characters"
            raise ConfigError(f"that cannot be {variable}: want {want} at most")
        self._keys[variable] = Secret(text)

    def forget(self) -> None:
        """Let go of all of them; conversations that are on keep what they were made with."""
        self._keys.clear()

    def with_own(self, own: Mapping[str, Secret]) -> dict[str, Secret]:
        """All that can be used: these, and the owner's before them."""
        return {**self._keys, **own}


class KeyRings:
    """The rings there are, by the sessions that may use them; who lends one keeps it alive."""

    def __init__(self) -> None:
        self._rings: WeakValueDictionary[str, KeyRing] = WeakValueDictionary()

    def lend(self, session: str, ring: KeyRing) -> None:
        """Let a session use a ring."""
        self._rings[session] = ring

    def settings(self, base: Settings, session: str) -> Settings:
        """The settings of the process with the keys that a session may use."""
        ring = self._rings.get(session)
        return base if not ring else dataclasses.replace(base, keys=ring.with_own(base.keys))
