"""`talkbench doctor`: what works here, what does not, and the remedy, a line each."""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import platform
import re
import shutil
import sys
import textwrap
from collections.abc import AsyncGenerator, Iterator
from typing import Any, NamedTuple

from bench import assembly, clock, config
from bench.audio import SAMPLE_RATE, frames
from bench.engine.synthesizer import BaseMessage
from bench.engine.transcriber import BaseTranscriber
from bench.errors import TalkbenchError
from bench.providers.handler import PROVIDERS, ROLES, VoiceHandler, installed
from bench.providers.known import BACKENDS

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
NEEDED = ("espeakng_loader", "fastapi", "gradio", "onnxruntime", "pocketsphinx", "soxr", "uvicorn")
EMBEDDED = {setting: "embedded" for setting, _, _ in ROLES.values()}
TRIAL = "I'd like to book a table for two."
CHUNK_BYTES = 640  # 20 ms
ENGINE_SECONDS = 30.0  # for an engine to start on a machine that is busy
WIDE, STATE, WHAT = 80, 8, 16  # characters: a line, and its first two columns
NO_CHOICE = ("dev", "providers")  # extras that are others put together
LEGACY = tuple(row.extra for row in (*PROVIDERS, *BACKENDS.values()) if row.legacy)


class Finding(NamedTuple):
    """One thing looked at: "ok", "missing" (something does not work without it) or "note"."""

    state: str
    what: str
    about: str = ""

    def told(self) -> str:
        """It on a line of 80 characters, or on more that are indented."""
        begin = f"{self.state:<{STATE}}{self.what:<{WHAT}}"
        indent = " " * (STATE + WHAT)
        about = textwrap.wrap(
            self.about, WIDE - len(indent), break_on_hyphens=False, break_long_words=False
        )
        return (begin + f"\n{indent}".join(about)).rstrip()


def add_doctor_parser(commands: Any) -> None:
    """Add `doctor` to the commands of an argument parser."""
    doctor = commands.add_parser("doctor", help="look whether everything here works")
    doctor.set_defaults(run=doctor_command)


def doctor_command(asked: argparse.Namespace) -> int:
    """Look at everything and tell it; returns the exit code: 1 when something needed is broken."""
    missing = 0
    for look in (_interpreter, _settings, _engines, _browser, _extras, _keys):
        for finding in look():
            missing += finding.state == "missing"
            print(finding.told(), flush=True)
    print(f"\n{missing} missing." if missing else "\nAll is well.")
    return 1 if missing else 0


def _interpreter() -> Iterator[Finding]:
    enough = sys.version_info >= (3, 11)
    about = platform.python_version() + ("" if enough else ": install 3.11 or newer")
    yield Finding("ok" if enough else "missing", "Python", about)
    lost = [name for name in NEEDED if not installed(name)]
    if lost:
        yield Finding("missing", "packages", f"no {', '.join(lost)}: make talk")
    else:
        yield Finding("ok", "packages", "all installed")


def _settings() -> Iterator[Finding]:
    try:
        settings = assembly.settings()
    except TalkbenchError as error:
        yield Finding("missing", "settings", str(error))
        return
    try:
        assembly.check(settings)
    except TalkbenchError as error:
        yield Finding("missing", "settings", str(error))
    else:
        chosen = settings.providers
        names = (chosen.transcriberProvider, chosen.llmProvider, chosen.voiceProvider)
        yield Finding("ok", "settings", f"listens, answers, speaks: {', '.join(names)}")
    from bench.app.serve import bind

    try:
        bind(settings.app.host, settings.app.port).close()
    except TalkbenchError as error:
        yield Finding("missing", "port", f"{error}; or name another: --port")
    else:
        yield Finding("ok", "port", f"{settings.app.port} is free")


def _engines() -> Iterator[Finding]:
    try:
        yield from clock.run(_engines_at_work())
    finally:
        assembly.cool_down()


async def _engines_at_work() -> list[Finding]:
    """Say something, and see whether it is noticed and understood."""
    handler, findings = VoiceHandler({}), list[Finding]()
    pcm = b""
    async with _told("espeak-ng", findings):
        synthesizer = handler.create_synthesizer(EMBEDDED)
        speech = await synthesizer.create_speech(BaseMessage(TRIAL), CHUNK_BYTES)
        pcm = b"".join([piece.chunk async for piece in speech.chunk_generator])
        about = f"{len(pcm) / 2 / SAMPLE_RATE:.1f} s of speech for {len(TRIAL.split())} words"
        findings.append(Finding("ok" if pcm else "missing", "espeak-ng", about))
    async with _told("Silero", findings):
        surest = assembly.surest_speech(pcm)
        state = "ok" if surest > 0.5 else "missing"
        findings.append(Finding(state, "Silero", f"{surest:.0%} sure that this is speech"))
    async with _told("PocketSphinx", findings):
        transcriber = handler.create_transcriber(EMBEDDED)
        heard = await _heard(transcriber, pcm)
        findings.append(Finding("ok" if heard else "missing", "PocketSphinx", f"heard {heard!r}"))
    return findings


async def _heard(transcriber: BaseTranscriber, pcm: bytes) -> str:
    for frame in frames(pcm + bytes(2 * SAMPLE_RATE), CHUNK_BYTES):
        transcriber.send_audio(frame)
        await clock.sleep(0)
    try:
        while not (said := await transcriber.output_queue.get()).is_final:
            pass
        return said.message
    finally:
        await transcriber.terminate()


@contextlib.asynccontextmanager
async def _told(what: str, findings: list[Finding]) -> AsyncGenerator[None]:
    """Within the time an engine has, and what fails is a finding."""
    try:
        async with clock.deadline(ENGINE_SECONDS):
            yield
    except Exception as error:  # whatever it is: the doctor tells it and looks further
        findings.append(Finding("missing", what, f"{type(error).__name__}: {error}"))


def _browser() -> Iterator[Finding]:
    names = [name for name in (config.named_browser(), *BROWSERS) if name]
    found = next((path for name in names if (path := shutil.which(name))), None)
    if found:
        yield Finding("ok", "Chromium", found)
    else:
        yield Finding("note", "Chromium", "none, which only tests want: name one with $CHROMIUM")


def _extras() -> Iterator[Finding]:
    """What is installed of every extra, by the versions."""
    for extra, names in _distributions().items():
        versions = {name: _version(name) for name in names}
        if all(versions.values()):
            about = ", ".join(f"{name} {version}" for name, version in versions.items())
            yield Finding("ok", extra, about)
        else:
            alone = ", in an environment of its own" if extra in LEGACY else ""
            yield Finding("note", extra, f"not installed: pip install 'talkbench[{extra}]'{alone}")


def _distributions() -> dict[str, list[str]]:
    """What every extra installs, by the names of the distributions."""
    found = dict[str, list[str]]()
    for requirement in importlib.metadata.requires("talkbench") or ():
        named = re.match(r"""(?P<name>[\w.-]+).*extra == ['"](?P<extra>[\w-]+)""", requirement)
        if named and named["extra"] not in NO_CHOICE:
            found.setdefault(named["extra"], []).append(named["name"])
    return found


def _version(distribution: str) -> str:
    """What is installed of it; "" when it is not."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _keys() -> Iterator[Finding]:
    """Which keys there are, and never what they are."""
    keys = config.read_keys()
    for provider, variables in _variables().items():
        lost = [variable for variable in variables if not keys.get(variable)]
        if lost:
            yield Finding("note", f"{provider} key", f"not set: {', '.join(lost)}")
        else:
            yield Finding("ok", f"{provider} key", f"{', '.join(variables)}")


def _variables() -> dict[str, tuple[str, ...]]:
    """The variables that hold keys, by providers, in the order of the table."""
    return {row.key: row.wanted({}) for row in PROVIDERS if row.variables}
