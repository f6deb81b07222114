"""A profile's name in a config in, its figures and its troubles out: what simulated providers
share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bench import clock
from bench.errors import BrokenStream, ConfigError, ConnectFailed, ProviderError, RateLimited
from bench.settings import ALIASES
from bench.simulation.context import Simulation
from bench.simulation.faults import Fault

REFUSED_SECONDS = 0.1  # until a provider says no
CONNECT_SECONDS = 2.0  # that an adapter waits for a connection


def simulation_of(config: Mapping[str, Any]) -> Simulation:
    """What a config holds as `simulation`; one of its own, without a script, if it holds none."""
    simulation = config.get("simulation")
    if simulation is None:
        return Simulation()
    if not isinstance(simulation, Simulation):
        raise ConfigError(f"simulation is {simulation!r}: want a Simulation")
    return simulation


def faults_of(config: Mapping[str, Any]) -> Sequence[Fault]:
    """What befalls a provider: the faults of a run are its first providers', not their backups'."""
    return () if config.get("stands_in") else simulation_of(config).faults


def named(config: Mapping[str, Any], setting: str) -> str:
    """The profile that a config names for a setting, by its long or its short name."""
    short = next(alias for alias, name in ALIASES.items() if name == setting)
    name = config.get(setting, config.get(short))
    if not isinstance(name, str):
        raise ConfigError(f"a simulated provider wants {setting}: the name of a profile")
    return name


async def refuse(fault: Fault, provider: str) -> None:
    """Fail as an adapter does that gets no answer."""
    if fault.kind == "connect_timeout":
        await clock.sleep(CONNECT_SECONDS)
        raise ConnectFailed(provider, "simulated: no connection in time", CONNECT_SECONDS)
    await clock.sleep(REFUSED_SECONDS)
    if fault.kind == "http_429":
        raise RateLimited(
            provider, "simulated: status 429", REFUSED_SECONDS, fault.retry_after_seconds
        )
    raise ConnectFailed(provider, "simulated: status 503", REFUSED_SECONDS)


def broken(fault: Fault, provider: str, began_at: float) -> ProviderError:
    """What an adapter raises when its stream breaks."""
    reasons = {
        "disconnect": "simulated: the connection closed with 1011",
        "malformed": "simulated: a message that is no JSON",
    }
    return BrokenStream(provider, reasons[fault.kind], round(clock.now() - began_at, 6))
