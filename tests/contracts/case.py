"""A provider's name in, its adapter and its emulator out: what the contract suite is asked of.

Every file of `tests/contracts/cases/` holds `CASES`, a tuple of `Case`. Those files name adapters
and emulators and import neither, so they can be read where an SDK is not installed: its cases are
then skipped.
"""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from bench import clock
from bench.providers.known import PROVIDERS, Provider, Role
from bench.settings import Secret

CASES = Path(__file__).parent / "cases"
T = TypeVar("T")


@dataclass(frozen=True)
class Case:
    """An adapter and the emulator that it is tried against.

    `emulator` and `adapter` are "module:name" of a callable: the emulator's takes what every
    emulator of its role takes (and its module holds `KEY`, the right key), the adapter's an agent
    config. `url` is the setting that takes the emulator's address, `key` the variable that holds
    the key (None when the emulated service looks at none), `keys` further variables and their
    texts, `config` further settings. `virtual` False keeps to the wall clock: an SDK with threads
    of its own.

    `gaps` says of a check why it cannot be asked; checks are named as the suite's functions are:
    "words_carry_samples" for `test_words_carry_samples`.
    """

    name: str  # as the table shows it: "elevenlabs socket"
    role: Role
    provider: str  # the key in the table of providers: "elevenlabs"
    emulator: str
    adapter: str
    url: str
    key: str | None
    keys: Mapping[str, str] = field(default_factory=dict[str, str])
    config: Mapping[str, Any] = field(default_factory=dict[str, Any])
    virtual: bool = True
    tells_ends: bool = True  # of words; else a word lasts until the next one begins
    gaps: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def row(self) -> Provider:
        """Its row in the table of providers."""
        return next(row for row in PROVIDERS if (row.role, row.key) == (self.role, self.provider))

    @property
    def missing(self) -> str:
        """Why it cannot be tried here; "" when it can."""
        package = self.row.package
        try:
            found = not package or importlib.util.find_spec(package) is not None
        except ModuleNotFoundError:  # nor is the package it would be inside of
            found = False
        return "" if found else f"{package} is not installed (the extra {self.row.extra})"

    @property
    def right_key(self) -> str:
        """The key that the emulator takes."""
        module = importlib.import_module(self.emulator.partition(":")[0])
        return str(module.KEY)

    def make_emulator(self, *args: Any, **options: Any) -> Any:
        """The emulator, not serving yet."""
        return named(self.emulator)(*args, **options)

    def make_adapter(self, url: str, *, key: str | None = None, **config: Any) -> Any:
        """The adapter, which will ask at `url`, with the right key unless given another."""
        return named(self.adapter)(self.agent_config(url, key=key, **config))

    def agent_config(self, url: str, *, key: str | None = None, **config: Any) -> dict[str, Any]:
        """What `make_adapter` makes it from."""
        texts = dict(self.keys)
        if self.key is not None:
            texts[self.key] = self.right_key if key is None else key
        keys = {variable: Secret(text) for variable, text in texts.items()}
        return {**self.config, self.url: url, "keys": keys, **config}

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Let it happen on the clock that the SDK can live on, everything imported."""
        named(self.emulator), named(self.adapter)
        return clock.run(main, virtual=self.virtual)

    def but(self, **changes: Any) -> Case:
        """The same, with some fields changed: a variant."""
        return dataclasses.replace(self, **changes)


def cases(role: Role | None = None) -> list[Case]:
    """Every case there is, or those of one role, in the order of the files' names."""
    return [case for case in _all() if role in (None, case.role)]


def _all() -> Iterator[Case]:
    for path in sorted(CASES.glob("[!_]*.py")):
        yield from importlib.import_module(f"tests.contracts.cases.{path.stem}").CASES


def named(place: str) -> Callable[..., Any]:
    """What "module:name" stands for."""
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)
