"""One scenario and one stack in, one run out: a whole conversation with the scripted user."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import AsyncGenerator
from typing import Any

import numpy as np

from bench import assembly, clock
from bench.audio import SAMPLE_RATE
from bench.config import Config
from bench.emulators.stand_ins import Served, serving
from bench.engine.conversation import StreamingConversation
from bench.engine.settings import ConversationSettings
from bench.errors import ConfigError
from bench.providers.cassette import Cassette
from bench.providers.recorded import backup_on
from bench.providers.recording import record
from bench.replay.bot_tools import offer
from bench.replay.channel import Line
from bench.replay.listener import Listener
from bench.replay.rendering import bot_speech
from bench.replay.runs import Run
from bench.replay.scenario import Scenario, Stack, Step
from bench.replay.speech_store import rendered
from bench.replay.stacks import ROLES, vendors_among
from bench.replay.user import Clip, ScriptedUser
from bench.settings import AppSettings, ProviderSettings, Secret, ServiceSettings
from bench.simulation.context import Simulation
from bench.simulation.draws import Draws
from bench.simulation.profiles import profile
from bench.trace import Trace
from bench.truths import ReplayStarted

LATE_SECONDS = 0.02  # that a frame may leave after its time; later, the run counts for nothing
SETTLE_SECONDS = 1.0  # for a conversation to end


async def play(
    scenario: Scenario,
    stack: Stack,
    *,
    seed: int | None = None,
    repeat: int = 0,
    clock_kind: str | None = None,
    cassette: Cassette | None = None,
) -> Run:
    """Play a scenario once, on the running loop's clock; `seed` is the scenario's unless given.

    Several may be played side by side in one loop; each has its own draws, truth and trace.
    In virtual time emulators stand in for the stack's vendors, at the pace of simulated ones, and
    no key is wanted; models are those of this process's settings. What the stack's providers do is
    kept on `cassette`.

    Raises:
        ConfigError: a provider that cannot be used, or speech that was not rendered.
    """
    scenario = _with_recorded_backups(scenario, stack)
    seed = scenario.setup.seed if seed is None else seed
    kind = clock_kind or scenario.setup.clock
    trace, draws = Trace(), Draws(seed, repeat)
    line = Line(scenario.setup.channel, round(scenario.setup.frame_seconds * SAMPLE_RATE), draws)
    clips = {step.id: _clip(scenario, step, line) for step in scenario.script}
    simulation = _simulation(scenario, draws)
    async with contextlib.AsyncExitStack() as servers:
        served = await servers.enter_async_context(_served(scenario, stack, simulation, kind))
        listener = Listener(scenario.setup.playout, trace.record, lambda: conversation.turn)
        conversation = _conversation(scenario, stack, simulation, listener, trace, kind, served)
        offer(conversation.agent.tools, scenario)
        if cassette is not None:
            cassette.secrets += tuple(served.keys.values())
            record(cassette, conversation)
        simulation.turn = lambda: conversation.turn
        simulation.feed.begins = lambda: conversation.transcriber.intake.begins
        user = ScriptedUser(scenario, clips, conversation, listener, simulation.feed, line)
        started = clock.wall()
        trace.start()
        listener.origin = clock.now()
        delay = scenario.setup.channel.delay_seconds
        trace.record(ReplayStarted(scenario.id, stack.name, seed, repeat, kind, delay))
        try:
            conversation.begin()
            await user.play()
        finally:
            with contextlib.suppress(TimeoutError):
                async with clock.deadline(SETTLE_SECONDS + 1.0):
                    await conversation.terminate(0.0, reason="script over")
    late = user.latest_seconds if kind == "wall" else 0.0
    return Run(
        scenario=scenario,
        stack=stack,
        seed=seed,
        repeat=repeat,
        clock=kind,
        trace=trace,
        user_pcm=bytes(user.received),
        bot_pcm=_heard(listener, len(user.received) // 2, delay),
        messages=_messages(conversation),
        assumptions=_assumptions(scenario, stack),
        void=f"a frame left {late * 1000:.0f} ms late" if late > LATE_SECONDS else "",
        wall_seconds=round(clock.wall() - started, 6),
    )


def _with_recorded_backups(scenario: Scenario, stack: Stack) -> Scenario:
    """A scenario whose fallbacks are those of the stack's cassettes, where these have them."""
    named = scenario.setup.fallback
    backups = {part: backup_on(stack.parts[part], ROLES[part], named[part]) for part in named}
    setup = dataclasses.replace(scenario.setup, fallback=backups)
    return dataclasses.replace(scenario, setup=setup)


@contextlib.asynccontextmanager
async def _served(
    scenario: Scenario, stack: Stack, simulation: Simulation, kind: str
) -> AsyncGenerator[Served, None]:
    """Emulators in the place of vendors, in virtual time. Faults befall the stack's own alone."""
    first, second = stack.vendors, vendors_among(scenario.setup.fallback)
    if kind != "virtual" or not (first or second):
        yield Served()
        return
    models = assembly.settings().services.chosen()
    async with (
        serving(simulation, first, models) as served,
        serving(dataclasses.replace(simulation, faults=()), second, models) as backups,
    ):
        yield Served(
            served.emulators,
            backups.addresses | served.addresses,
            backups.keys | served.keys,
        )


def _conversation(
    scenario: Scenario,
    stack: Stack,
    simulation: Simulation,
    listener: Listener,
    trace: Trace,
    kind: str,
    served: Served,
) -> StreamingConversation:
    backup = scenario.setup.fallback
    if kind == "virtual" and "embedded" in (stack.tts, backup.get("tts")):
        raise ConfigError(
            f"{scenario.id}: the embedded voice does not speak the same twice, so it cannot be "
            "replayed in virtual time; use --clock wall, or a sim: voice"
        )
    wanted: dict[str, Any] = {"greeting": "", **scenario.setup.settings}
    keys, services = dict[str, Secret](), ServiceSettings()
    if stack.has_vendors or vendors_among(backup):
        owners = assembly.settings()
        keys, services = dict(owners.keys), owners.services
    if served.keys:
        keys, services = served.keys, dataclasses.replace(services, **served.addresses)
    base = Config(
        AppSettings(),
        ConversationSettings().changed(**wanted),
        ProviderSettings(
            transcriberProvider=stack.stt,
            llmProvider=stack.llm,
            voiceProvider=stack.tts,
            transcriberFallback=backup.get("stt"),
            llmFallback=backup.get("llm"),
            voiceFallback=backup.get("tts"),
        ),
        keys,
        services,
    )
    parts: dict[str, Any] = {"simulation": simulation}
    if stack.voice != "default":
        parts["voice"] = stack.voice
    if (speech := bot_speech(scenario)) is not None:
        parts["speech"] = speech
    setup = scenario.setup
    asked = {"language": setup.language, "keyterms": setup.keyterms}
    return assembly.assemble(
        {name: value for name, value in asked.items() if value},
        listener,
        trace=trace,
        base=base,
        conversation_id=scenario.id,
        parts=parts,
        vad=setup.vad,
    )


def _simulation(scenario: Scenario, draws: Draws) -> Simulation:
    return Simulation(
        draws=draws,
        replies=scenario.replies,
        overrides=scenario.profiles,
        faults=scenario.faults,
    )


def _assumptions(scenario: Scenario, stack: Stack) -> tuple[str, ...]:
    played = [*stack.parts.values(), *scenario.setup.fallback.values()]
    names = [name for name in played if name.startswith("sim:")]
    return tuple(
        sentence
        for name in names
        for sentence in profile(name, scenario.profiles.get(name)).assumptions
    )


def _clip(scenario: Scenario, step: Step, line: Line) -> Clip:
    """A step's sound as the line's bandwidth leaves it."""
    if step.silence is not None:
        return Clip(np.zeros(0))
    spoken = rendered(scenario, step)
    samples = np.frombuffer(spoken.pcm, dtype="<i2").astype(np.float64)
    samples = line.through_codec(samples * 10 ** (step.gain_db / 20))
    return Clip(samples, tuple(spoken.words), spoken.first_audible, spoken.last_audible)


def _heard(listener: Listener, samples: int, delay: float) -> bytes:
    """What the loudspeaker played, on the microphone's clock."""
    return listener.sounded_between(listener.origin + delay, samples)


def _messages(conversation: StreamingConversation) -> tuple[dict[str, Any], ...]:
    return tuple(
        {
            "sender": str(message.sender),
            "text": message.text,
            "intended": message.intended,
            "interrupted": message.interrupted,
        }
        for message in conversation.transcript.event_logs
    )
