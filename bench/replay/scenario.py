"""What a scenario says: a caller's script, what must then be true, and with whom to play it.

Plain values, checked by `reading`. YAML carries units in its keys (`_ms`, `_s`); here all is in
seconds, and the names of metrics and expectations stay those of the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from bench.replay.stacks import Stack
from bench.simulation.context import RESULT, Reply
from bench.simulation.faults import Fault

Role = Literal["turn", "interrupt", "backchannel", "noise", "side_talk", "silence"]
AnchorKind = Literal["time", "bot_starts", "bot_ends", "bot_word", "after", "user_word", "event"]
Policy = Literal["fail", "skip", "say_now"]

LATE_SECONDS = 15.0  # that an anchor is waited for, unless `within` says


@dataclass(frozen=True, slots=True)
class Anchor:
    """When a step begins.

    - `time`: at `seconds` of the microphone's clock;
    - `bot_starts`, `bot_ends`: `seconds` after the bot's next answer began to sound, or fell silent
      (next: after the end of the step before; the first step waits for the greeting);
    - `bot_word`: when word `word` of that answer has been played, plus `seconds`;
    - `after`: `seconds` after the end of step `step`;
    - `user_word`: when word `word` of step `step` has been said, plus `seconds`;
    - `event`: `seconds` after the next fact of class `event` in the trace.
    """

    kind: AnchorKind
    seconds: float = 0.0
    step: str = ""
    word: int = 0
    event: str = ""


@dataclass(frozen=True, slots=True)
class Voice:
    """Who speaks the user's lines when they are rendered: an espeak-ng voice and its pace.

    The default is the one whose sounds the voice activity detector is surest about.
    """

    name: str = "en-us"
    speed: float = 1.0
    pitch: int = 50


@dataclass(frozen=True, slots=True)
class Step:
    """One thing the scripted user does.

    Exactly one of `say` (rendered once, kept beside the scenario), `play` (an audio file) and
    `silence` (seconds of doing nothing) is set. `text` is what is heard to be said: `say` without
    its pauses, or what the file says of a played sound. `gain_db` is added to its level; `voice` is
    that of the setup unless the step has its own. When the anchor does not come within
    `timeout_seconds`, `if_missed` decides.
    """

    id: str
    at: Anchor
    say: str = ""
    play: Path | None = None
    text: str = ""
    silence: float | None = None
    role: Role = "turn"
    gain_db: float = 0.0
    voice: Voice | None = None
    timeout_seconds: float = LATE_SECONDS
    if_missed: Policy = "fail"
    file: Path | None = None  # where it stands, for messages
    line: int = 0


@dataclass(frozen=True, slots=True)
class Noise:
    """Sound behind the user, at `snr_db` below the loudest step: `kind` pink, babble, hum or white,
    or a file."""

    snr_db: float
    kind: str = "pink"
    file: Path | None = None


@dataclass(frozen=True, slots=True)
class Loss:
    """Lost frames: independent (`random`) or in bursts (`gilbert`); concealed by repeating."""

    rate: float
    model: Literal["random", "gilbert"] = "random"
    burst_seconds: float = 0.1
    conceal: bool = True


@dataclass(frozen=True, slots=True)
class Jitter:
    """Frames come late by a one-sided gamma distribution (shape 2), never before their turn."""

    mean_seconds: float


@dataclass(frozen=True, slots=True)
class Channel:
    """What happens to the user's audio on its way in. `codec` is none or pcmu-8k; `echo_db` is the
    level of the bot in the microphone (None: none)."""

    codec: Literal["none", "pcmu-8k"] = "none"
    noise: Noise | None = None
    loss: Loss | None = None
    jitter: Jitter | None = None
    delay_seconds: float = 0.0
    echo_db: float | None = None


@dataclass(frozen=True, slots=True)
class Playout:
    """The listener's end: what it buffers before it plays, how often and how late it reports."""

    buffer_seconds: float = 0.05
    report_every_seconds: float = 0.06
    report_delay_seconds: float = 0.02
    reports: bool = True


@dataclass(frozen=True, slots=True)
class Setup:
    """How a scenario is run. `settings` are those of `ConversationSettings`, by name; `vad` False
    leaves voice activity to the words; `fallback` names by `stt`, `llm` and `tts` who takes over
    where a stack's own provider fails. `language` and `keyterms` are what vendors' services are
    told of what they will hear."""

    clock: Literal["virtual", "wall"] = "virtual"
    seed: int = 0
    repeat: int = 1
    max_seconds: float = 60.0
    frame_seconds: float = 0.02
    voice: Voice = Voice()
    channel: Channel = Channel()
    playout: Playout = Playout()
    vad: bool = True
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    fallback: Mapping[str, str] = field(default_factory=dict[str, str])
    language: str | None = None
    keyterms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BotTool:
    """A tool that the bot's model may call: it gives `result` after `takes_seconds`."""

    name: str
    result: str
    takes_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Expectation:
    """Something that must be true.

    `where` is `step` (then `step` names it), `run` or `across`. `metric` is the file's key, such
    as `stop_ms`, `heard` or `interrupts`; `wanted` what the file says of it, as it stands there
    (`{"max": 400}`, `false`, a text); `line` where.
    """

    where: Literal["step", "run", "across"]
    metric: str
    wanted: Any
    step: str = ""
    line: int = 0

    @property
    def name(self) -> str:
        """Its path in the file: `steps.cut.stop_ms`, `run.underruns`, `across_repeats.v2v_ms`."""
        place = {"step": f"steps.{self.step}", "run": "run", "across": "across_repeats"}[self.where]
        return f"{place}.{self.metric}"


@dataclass(frozen=True, slots=True)
class GateMetric:
    """One comparison with the baseline: `stat` is p50, p95, median_paired or rate; `margin` is in
    the metric's unit, or a share of the baseline when `relative`."""

    metric: str
    stat: str
    margin: float
    relative: bool
    direction: Literal["lower", "higher"] = "lower"


@dataclass(frozen=True, slots=True)
class Gate:
    """How a run is compared with a stored one."""

    metrics: tuple[GateMetric, ...] = ()
    alpha: float = 0.05
    correction: Literal["holm", "none"] = "holm"
    inconclusive: Literal["warn", "fail"] = "warn"
    exact: tuple[str, ...] = ("event_order", "heard", "context")  # in virtual time
    baseline: str = ""  # the stored run, or another stack of this one


@dataclass(frozen=True, slots=True)
class Scenario:
    """One file: setup, script, expectations, gate.

    `tools` are those of the bot, which `replies` may call. `audio` is the folder of its rendered
    speech. With `bot_voice` the fixed `replies` are spoken
    by it, rendered too, instead of by the synthesizer's tones. `pair_by` is what makes two turns
    comparable.
    """

    id: str
    script: tuple[Step, ...]
    title: str = ""
    tags: tuple[str, ...] = ()
    setup: Setup = Setup()
    stacks: tuple[Stack, ...] = (Stack(),)
    profiles: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    faults: tuple[Fault, ...] = ()
    replies: tuple[Reply, ...] = ()
    tools: tuple[BotTool, ...] = ()
    bot_voice: Voice | None = None
    expect: tuple[Expectation, ...] = ()
    gate: Gate = Gate()
    path: Path | None = None
    audio: Path | None = None
    pair_by: tuple[str, ...] = ("scenario", "step", "repeat")

    @property
    def answers(self) -> list[str]:
        """What the replies come to, with what their tools give."""
        given = {tool.name: tool.result for tool in self.tools}
        return [reply.say.replace(RESULT, given.get(reply.tool, "")) for reply in self.replies]

    def step(self, id: str) -> Step:
        """A step by name; KeyError when there is none."""
        for step in self.script:
            if step.id == id:
                return step
        raise KeyError(id)
