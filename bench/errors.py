"""A failure in, what to do about it out.

The tree is sorted by remedy, not by origin::

    TalkbenchError
    ├── ConfigError           fix the file (or name the missing key or extra)
    └── ProviderError         somebody else's service failed us
        ├── ConnectFailed     never reached it: may retry, or fall back
        ├── RateLimited       it is busy: may retry after `retry_after_seconds`, or fall back
        ├── Rejected          a bad key or request: never retry
        ├── BrokenStream      it answered, then stopped making sense
        └── Stalled           it went quiet

An adapter raises these and nothing of its vendor's. What it quotes of the vendor's words passes
through `redacted`, so no message holds a key.
"""

import re
from collections.abc import Iterable
from typing import ClassVar

__all__ = [
    "BrokenStream",
    "ConfigError",
    "ConnectFailed",
    "ProviderError",
    "RateLimited",
    "Rejected",
    "Stalled",
    "TalkbenchError",
    "nearest",
    "redacted",
]

_NAMED_SECRET = re.compile(
    r"""(?ix)
    (?P<name> (?: key | token | secret | password | authorization | signature ) ["']? \s*
        (?: [:=] | provided: ) \s* ["']? (?: (?: bearer | basic | token ) \s+ )? )
    [^\s"',;&)}\]]+"""
)
_CREDENTIALS_IN_ADDRESS = re.compile(r"(?<=://)[^/\s@]+(?=@)")
_SCHEME_AND_SECRET = re.compile(r"(?i)\b(?P<name>bearer|basic)\s+[\w.~+/=-]{6,}")
# Vendors' own shapes, and any long run that mixes letters and digits. Identifiers of requests fall
# to it too: better one of those lost than a key shown. Names of models hold hyphens and stay.
_LOOKS_LIKE_A_KEY = re.compile(
    r"""(?x) \b (?: (?: sk | pk | gsk ) [-_] [\w*-]{6,} | AIza [\w-]{10,} | AKIA [A-Z\d]{12,}
    | eyJ [\w-]+ \. [\w-]+ \. [\w-]* | (?= [a-zA-Z]* \d ) (?= \d* [a-zA-Z] ) [a-zA-Z\d]{24,} )"""
)


def redacted(text: str) -> str:
    """The same text with whatever looks like a key, a token or a password put as `***`.

    The net under a rule, not the rule: whoever writes a message leaves keys out of it.
    """
    text = _NAMED_SECRET.sub(r"\g<name>***", text)
    text = _CREDENTIALS_IN_ADDRESS.sub("***", text)
    text = _SCHEME_AND_SECRET.sub(r"\g<name> ***", text)
    return _LOOKS_LIKE_A_KEY.sub("***", text)


class TalkbenchError(Exception):
    """Whatever Talkbench itself raises."""


class ConfigError(TalkbenchError):
    """A setting, a key or an extra is missing or wrong; the message names it and how to mend it."""


class ProviderError(TalkbenchError):
    """A provider failed; one of the subclasses says how.

    `provider` is its key in the settings ("deepgram"), `kind` the subclass by name (as the trace
    has it), `after_seconds` the time from the request to the failure, None when nobody measured it.
    """

    may_retry: ClassVar[bool] = False

    def __init__(self, provider: str, reason: str = "", after_seconds: float | None = None) -> None:
        super().__init__(provider, redacted(reason), after_seconds)
        self.provider = provider
        self.reason = redacted(reason)
        self.after_seconds = after_seconds

    @property
    def kind(self) -> str:
        return type(self).__name__

    def __str__(self) -> str:
        after = "" if self.after_seconds is None else f" after {self.after_seconds:.3f} s"
        reason = f": {self.reason}" if self.reason else ""
        return f"{self.provider}: {self.kind}{after}{reason}"


class ConnectFailed(ProviderError):
    """The provider was never reached: refused, unknown name, no handshake in time."""

    may_retry = True


class RateLimited(ProviderError):
    """Too many requests, or a quota of ours or theirs is used up."""

    may_retry = True

    def __init__(
        self,
        provider: str,
        reason: str = "",
        after_seconds: float | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(provider, reason, after_seconds)
        self.retry_after_seconds = retry_after_seconds


class Rejected(ProviderError):
    """The provider said no to the key or to the request: the same again gets the same answer."""


class BrokenStream(ProviderError):
    """The provider answered, then closed without an end or sent what its protocol does not hold."""


class Stalled(ProviderError):
    """The provider accepted the work and went quiet for longer than the deadline."""


def nearest(word: str, known: Iterable[str]) -> str:
    """`, did you mean X?` when a known word is near enough, else nothing."""
    from difflib import get_close_matches  # 3 ms that only a mistake pays

    close = get_close_matches(word, list(known), 1, 0.6)
    return f", did you mean {close[0]!r}?" if close else ""
