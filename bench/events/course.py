"""A conversation in, facts of its course out: beginning, settings, failures, end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bench.events.facts import Fact


@dataclass(frozen=True, slots=True)
class Retried(Fact):
    """A provider was asked a second time."""

    provider: str
    kind: str
    after_seconds: float


@dataclass(frozen=True, slots=True)
class FellBack(Fact):
    """A second provider took over from `provider`."""

    provider: str
    kind: str
    after_seconds: float
    to: str = ""


@dataclass(frozen=True, slots=True)
class ProviderFailed(Fact):
    """A provider failed and its turn ended; `kind` is the error's class name."""

    provider: str
    kind: str
    after_seconds: float
    message: str = ""


@dataclass(frozen=True, slots=True)
class WorkerFailed(Fact):
    """A worker's `process` raised; the worker goes on with its next item."""

    provider: str
    kind: str
    after_seconds: float = 0.0
    message: str = ""


@dataclass(frozen=True, slots=True)
class ConversationStarted(Fact):
    """The conversation began with these settings (redacted)."""

    settings: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class SettingsChanged(Fact):
    """New settings, in force from the next turn."""

    settings: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class ConversationEnded(Fact):
    """The conversation is over; `reason` is `terminated`, `goodbye`, `idle` or a limit's name."""

    reason: str
