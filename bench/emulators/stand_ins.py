"""A run's truth, replies and faults in, servers in the place of its vendors out."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from bench.emulators.known import EMULATED, Emulated, Role, emulated
from bench.errors import ConfigError, nearest
from bench.settings import Secret
from bench.simulation.context import Simulation
from bench.simulation.latency import correlated
from bench.simulation.mishearing import certainty
from bench.simulation.profiles import profile
from bench.simulation.tokens import tokens_in

_MODELS: dict[Role, str] = {
    "transcriber": "transcriber_model",
    "llm": "llm_model",
    "voice": "voice_model",
}


@dataclass(slots=True)
class Served:
    """Servers that run: `addresses` and `keys` are what an agent config must hold, `emulators`
    the servers by role."""

    emulators: dict[Role, Any] = field(default_factory=dict[Role, Any])
    addresses: dict[str, str] = field(default_factory=dict[str, str])
    keys: dict[str, Secret] = field(default_factory=dict[str, Secret])


@asynccontextmanager
async def serving(
    simulation: Simulation,
    providers: Iterable[tuple[Role, str]],
    agent_config: Mapping[str, Any] | None = None,
    *,
    virtual: bool = True,
) -> AsyncGenerator[Served, None]:
    """Serve the vendors among some providers, for one run, with delays of its own draws; the models
    that the agent config names have their own pace where it is known.

    Raises:
        ConfigError: one of them has no emulator, or none that lives in virtual time.
    """
    models = {role: str((agent_config or {}).get(_MODELS[role]) or "") for role in _MODELS}
    rows = [_row(role, provider, models[role], virtual=virtual) for role, provider in providers]
    served, failed = Served(), None
    async with AsyncExitStack() as servers:
        for row in rows:
            emulator = _MAKERS[row.role](row, simulation)
            await servers.enter_async_context(emulator.serving())
            served.emulators[row.role] = emulator
            served.addresses[row.url] = emulator.url
            served.keys[row.key] = Secret(row.secret)
            served.keys |= {name: Secret(text) for name, text in row.keys.items()}
        try:
            yield served
        except Exception as error:  # which the servers' groups of tasks would wrap
            failed = error
    if failed is not None:
        raise failed


def _row(role: Role, provider: str, model: str, *, virtual: bool) -> Emulated:
    row = emulated(role, provider, model)
    if row is None:
        known = list(dict.fromkeys(row.provider for row in EMULATED if row.role == role))
        guess, others = nearest(provider, known), ", ".join([*known, "embedded, sim:…, recorded:…"])
        raise ConfigError(f"unknown {role} provider {provider}{guess}; known here are: {others}")
    if virtual and not row.virtual:
        raise ConfigError(
            f"{role} provider {provider}: its SDK keeps to the wall clock; replay it with "
            f"--clock wall, or take {row.profile} for it"
        )
    return row


def _ears(row: Emulated, simulation: Simulation) -> Any:
    draws, feed = simulation.draws, simulation.feed
    figures = profile(row.profile, simulation.overrides.get(row.profile), role="stt")
    pause = row.pause_seconds
    feed.sure = lambda said: certainty(said, draws)
    return row.make(
        feed,
        interim=lambda: figures.partial_lag_seconds,
        final=lambda: max(0.0, figures.final.draw(draws, feed.step, "stt.final") - pause),
        **_trouble(simulation),
    )


def _mind(row: Emulated, simulation: Simulation) -> Any:
    draws, feed = simulation.draws, simulation.feed
    figures = profile(row.profile, simulation.overrides.get(row.profile), role="llm")

    def every() -> float:
        luck = correlated(draws, figures.rho, feed.step, "llm.token", 0)
        return 1.0 / figures.tokens_per_second.at(-luck)

    return row.make(
        simulation.replies,
        first=lambda: figures.first_token.draw(draws, feed.step, "llm.first_token"),
        every=every,
        counts=tokens_in,
        **_trouble(simulation),
    )


def _mouth(row: Emulated, simulation: Simulation) -> Any:
    draws, feed = simulation.draws, simulation.feed
    figures = profile(row.profile, simulation.overrides.get(row.profile), role="tts")

    def factor() -> float:
        luck = correlated(draws, figures.rho, feed.step, "tts.chunk")
        return figures.real_time_factor.at(luck)

    return row.make(
        first=lambda: figures.first_audio.draw(draws, feed.step, "tts.first_audio"),
        factor=factor,
        **_trouble(simulation),
    )


class _Now:
    """What a run is at: called, the turn; `step`, the script's newest."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    def __call__(self) -> int:
        return self._simulation.turn()

    @property
    def step(self) -> str:
        return self._simulation.feed.step


def _trouble(simulation: Simulation) -> dict[str, Any]:
    return {"faults": simulation.faults, "turn": _Now(simulation)}


_MAKERS: dict[Role, Callable[[Emulated, Simulation], Any]] = {
    "transcriber": _ears,
    "llm": _mind,
    "voice": _mouth,
}
