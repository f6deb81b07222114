"""What a replay leaves behind: a trace, two voices, and what was expected of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal

from bench.replay.scenario import Scenario, Stack
from bench.replay.stacks import is_simulated, vendors_among
from bench.trace import Trace

Status = Literal["pass", "fail", "inconclusive", "void"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one expectation: `wanted` and `got` are for people to read, `why` says more
    where that is not enough."""

    expectation: str
    status: Status
    wanted: str = ""
    got: str = ""
    why: str = ""


@dataclass(slots=True)
class Run:
    """One scenario played once with one stack.

    Both recordings are 16 kHz PCM on the microphone's clock: sample 0 lies at the instant `mic_at`
    of the trace's `ReplayStarted`. `user_pcm` is what came to the bot's input, `bot_pcm` what left
    the loudspeaker. `messages` is the history at the end. `void` says why the run counts for
    nothing, "" when it does count.
    """

    scenario: Scenario
    stack: Stack
    seed: int
    repeat: int
    clock: str
    trace: Trace = field(repr=False)
    user_pcm: bytes = field(default=b"", repr=False)
    bot_pcm: bytes = field(default=b"", repr=False)
    messages: tuple[dict[str, Any], ...] = field(default=(), repr=False)
    assumptions: tuple[str, ...] = ()  # what of the simulated figures is assumed, not measured
    void: str = ""
    wall_seconds: float = 0.0  # that the replay took
    verdicts: list[Verdict] = field(default_factory=list[Verdict])
    folder: Path | None = None

    @property
    def name(self) -> str:
        """`scenario/stack/repeat`, as its folder is called."""
        return f"{self.scenario.id}/{self.stack.name}/{self.repeat}"

    @property
    def simulated(self) -> bool:
        """Whether any latency in it is drawn from a profile: that of a simulated provider, or of
        an emulator that stood in for a vendor."""
        backup = self.scenario.setup.fallback
        vendors = self.stack.has_vendors or bool(vendors_among(backup))
        simulated = self.stack.simulated or any(map(is_simulated, backup.values()))
        return simulated or (self.clock == "virtual" and vendors)

    @property
    def digest(self) -> str:
        """The trace's hash: equal digests are equal to the byte."""
        hashed = blake2b(digest_size=16)
        for line in self.trace.lines():
            hashed.update(line.encode() + b"\n")
        return hashed.hexdigest()

    @property
    def status(self) -> Status:
        """The worst of its verdicts. Void when it counts for nothing: then, or when every verdict
        is void; a skipped step alone changes nothing."""
        statuses = {verdict.status for verdict in self.verdicts}
        if self.void or statuses == {"void"}:
            return "void"
        if "fail" in statuses:
            return "fail"
        return "inconclusive" if "inconclusive" in statuses else "pass"
