"""Names of vendors in, servers that speak their protocols on this machine out.

They answer with this machine's engines, really listening and speaking, or from a scenario's script.
"""

from __future__ import annotations

import itertools
import os
import socket
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from bench.emulators import usp
from bench.emulators.hearing import EarsMaker, Seconds
from bench.emulators.known import EMULATED, Emulated
from bench.emulators.lines import following
from bench.emulators.live import espeak_voice, front_desk_mind, sphinx_ears
from bench.emulators.serving import LOOPBACK
from bench.emulators.voices import Voice, tones
from bench.errors import ConfigError, nearest
from bench.providers.front_desk import SLOTS, TEMPLATES
from bench.providers.handler import installed
from bench.replay.scenario import Scenario
from bench.simulation.context import Reply
from bench.simulation.draws import Draws
from bench.simulation.faults import Fault, check
from bench.simulation.profiles import profile
from bench.simulation.tokens import tokens_in

LAST_PORT = 65_535


@dataclass(slots=True)
class _Answers:
    """Who hears, answers and speaks behind the protocols."""

    replies: Sequence[Reply] = ()
    lines: Sequence[str] = ()
    ears: EarsMaker | None = None
    voice: Voice = tones


@dataclass(frozen=True, slots=True)
class Emulation:
    """A server that runs: its row in the table, and what the setting `row.url` takes."""

    row: Emulated
    url: str


def chosen(names: Sequence[str]) -> list[Emulated]:
    """The emulators of some providers, in the order of the table; `all`, or no name, is everybody
    whose messages are installed.

    Raises:
        ConfigError: a name that is none, and the message lists those there are; or one whose
            messages are not installed.
    """
    rows = [row for row in EMULATED if not row.models]
    known = list(dict.fromkeys(row.provider for row in rows))
    for name in names:
        if name not in (*known, "all"):
            guess = nearest(name, known)
            there = ", ".join((*known, "all"))
            raise ConfigError(f"there is no emulator of {name[:100]}{guess}; there are: {there}")
    everybody = not names or "all" in names
    rows = [row for row in rows if everybody or row.provider in names]
    here = [row for row in rows if not row.package or installed(row.package)]
    for row in rows:
        if row.provider in names and row not in here:
            remedy = f"pip install 'talkbench[{row.extra}]'"
            raise ConfigError(f"the emulator of {row.provider} speaks by its SDK: {remedy}")
    return here


def not_here() -> dict[str, str]:
    """Providers whose messages are not installed, and which of our extras has them."""
    wanting = (row for row in EMULATED if row.package and not installed(row.package))
    return {row.provider: row.extra for row in wanting}


def fault_of(text: str) -> Fault:
    """A fault as an option says it: `stt:stall`, `llm:http_429:every`, `tts:disconnect:turn=2`.

    Raises:
        ConfigError: no stage can suffer it; the message says what is allowed.
    """
    stage, _, rest = text.partition(":")
    kind, *more = rest.split(":")
    fields = dict[str, Any]()
    for part in more:
        name, _, value = part.partition("=")
        try:
            fields[name] = True if name == "every" else float(value) if "." in value else int(value)
        except ValueError:
            raise ConfigError(f"--fault {text}: {part} is not NAME=NUMBER") from None
    try:
        fault = Fault(stage, kind, **fields)
    except TypeError:
        raise ConfigError(f"--fault {text}: want STAGE:KIND and then fields of a fault") from None
    check(fault)
    return fault


@asynccontextmanager
async def emulating(
    rows: Sequence[Emulated],
    scenario: Scenario | None = None,
    faults: Sequence[Fault] = (),
    port: int = 0,
) -> AsyncGenerator[list[Emulation], None]:
    """Serve until the block ends, the first at `port` and each further one at the next (free ones
    if it is 0), at the pace of the vendors' profiles.

    With a scenario every utterance of a client is heard as its next line, of which a noise is none,
    and the bot's replies are its own, or the front desk's where it has none. Without one the front
    desk's sentences are recognised in the sound, it answers, and espeak speaks.

    Raises:
        ConfigError: a port that is taken, or is none.
        ConfigError, ConnectFailed: an engine that is not there or does not start.
    """
    if port:
        _look_at_ports(port, len({row.url for row in rows}))
    failed = None
    async with AsyncExitStack() as running:
        answers = await _live(rows, running) if scenario is None else _scripted(scenario)
        draws = Draws()
        made = [(row, _made(row, answers, draws, faults)) for row in rows]
        ports = itertools.count(port) if port else itertools.repeat(0)
        for url in dict.fromkeys(row.url for row in rows):
            servers = [emulator for row, emulator in made if row.url == url]
            if len(servers) > 1:  # one address for all roles of a vendor
                await running.enter_async_context(usp.serving(servers, next(ports)))
            else:
                await running.enter_async_context(servers[0].serving(next(ports)))
        try:
            yield [Emulation(row, emulator.url) for row, emulator in made]
        except Exception as error:  # which the servers' groups of tasks would wrap
            failed = error
    if failed is not None:
        raise failed


def _look_at_ports(first: int, count: int) -> None:
    """Refuse ports that are taken, before any engine is started."""
    if not 0 < first <= LAST_PORT + 1 - count:
        raise ConfigError(f"port {first}: want 1 to {LAST_PORT + 1 - count} for {count} servers")
    for port in range(first, first + count):
        try:
            socket.create_server((LOOPBACK, port)).close()
        except OSError as error:
            why = os.strerror(error.errno or 0)
            raise ConfigError(f"cannot listen on {LOOPBACK} port {port}: {why}") from None


def _scripted(scenario: Scenario) -> _Answers:
    said = [step for step in scenario.script if step.role != "noise"]
    return _Answers(scenario.replies, [line for step in said if (line := step.text or step.say)])


async def _live(rows: Sequence[Emulated], running: AsyncExitStack) -> _Answers:
    """The engines that these emulators need."""
    roles, answers = {row.role for row in rows}, _Answers()
    if "transcriber" in roles:
        ears = sphinx_ears(TEMPLATES, SLOTS, processes=2)
        answers.ears = await running.enter_async_context(ears)
    if "voice" in roles:
        answers.voice = await running.enter_async_context(espeak_voice())
    return answers


def _made(row: Emulated, answers: _Answers, draws: Draws, faults: Sequence[Fault]) -> Any:
    """An emulator, at the pace of its vendor's profile."""
    options: dict[str, Any] = {"faults": faults}
    step = row.provider
    match row.role:
        case "transcriber":
            stt = profile(row.profile, role="stt")
            interim, final = stt.partial_lag_seconds, stt.final
            delays: tuple[Seconds, Seconds] = (
                lambda: interim,
                lambda: max(0.0, final.draw(draws, step, "stt.final") - row.pause_seconds),
            )
            return row.make(answers.ears or following(answers.lines, *delays), **options)
        case "llm":
            llm = profile(row.profile, role="llm")
            options["first"] = lambda: llm.first_token.draw(draws, step, "llm.first_token")
            pace = llm.tokens_per_second
            options["every"] = lambda: 1.0 / pace.at(draws.normal(step, "llm.pace"))
            options["counts"] = tokens_in
            if not answers.replies:
                return row.make(mind=front_desk_mind, **options)
            return row.make(answers.replies, **options)
        case "voice":
            tts = profile(row.profile, role="tts")
            options["first"] = lambda: tts.first_audio.draw(draws, step, "tts.first_audio")
            factor = tts.real_time_factor
            options["factor"] = lambda: factor.at(draws.normal(step, "tts.pace"))
            return row.make(voice=answers.voice, **options)
