"""A command in, its work done, an exit code out: 0 done, 1 not well, 2 asked wrongly."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import importlib.metadata
import logging
import platform
import secrets
import shutil
import subprocess
import sys
import webbrowser
from collections.abc import AsyncGenerator, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import bench
from bench import assembly, clock, config
from bench.audio import SAMPLE_RATE, frames
from bench.engine.synthesizer import BaseMessage
from bench.engine.transcriber import BaseTranscriber
from bench.errors import TalkbenchError
from bench.providers.handler import (
    PROVIDERS,
    ROLES,
    VoiceHandler,
    installed,
    provider_states,
)
from bench.settings import ALIASES, Secret

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
NEEDED = ("espeakng_loader", "fastapi", "gradio", "onnxruntime", "pocketsphinx", "soxr", "uvicorn")
EMBEDDED = {setting: "embedded" for setting, _, _ in ROLES.values()}
TRIAL = "I'd like to book a table for two."
CHUNK_BYTES = 640  # 20 ms
ENGINE_SECONDS = 30.0  # for an engine to start on a machine that is busy


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `talkbench`; returns the exit code. Usage errors leave through SystemExit(2)."""
    parser = _parser()
    asked, rest = parser.parse_known_args(arguments)
    if rest and asked.run is not _bench:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    asked.rest = rest
    try:
        return asked.run(asked)
    except TalkbenchError as error:
        print(f"talkbench: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "talkbench", description="Talk to a streaming voice pipeline, and measure what was heard."
    )
    version = f"talkbench {importlib.metadata.version('talkbench')}"
    parser.add_argument("--version", action="version", version=version)
    commands = parser.add_subparsers(required=True, metavar="command")
    _app_parser(commands)
    states = commands.add_parser(
        "providers", help="who can listen, answer and speak, and what they miss"
    )
    states.set_defaults(run=_providers)
    doctor = commands.add_parser("doctor", help="look whether everything here works")
    doctor.set_defaults(run=_doctor)
    _scenario_parsers(commands)
    figures = commands.add_parser(
        "bench", add_help=False, help="our own figures, beside a bare-asyncio baseline"
    )
    figures.set_defaults(run=_bench)
    return parser


def _scenario_parsers(commands: Any) -> None:
    from bench.replay.commands import add_scenario_parser
    from bench.report.command import add_replay_parser

    add_scenario_parser(commands)
    add_replay_parser(commands)


def _app_parser(commands: Any) -> None:
    app = commands.add_parser("app", help="talk to it in the browser")
    app.add_argument("--host", help="address to listen on (127.0.0.1)")
    app.add_argument("--port", type=int, help="port to listen on (7860); 0 takes a free one")
    app.add_argument("--open", action="store_true", help="open the page in the browser")
    app.add_argument(
        "--token", help="what the page asks for beyond this machine; made anew unless given"
    )
    app.add_argument(
        "--ticket", action="store_true", help="print a session and its token, for a program"
    )
    for short, setting in ALIASES.items():
        app.add_argument(f"--{short}", f"--{setting}", dest=setting, metavar="NAME", help=setting)
    app.set_defaults(run=_app)


# app


def _app(asked: argparse.Namespace) -> int:
    settings = _chosen(asked, assembly.settings())
    assembly.check(settings)
    from bench.app import serve  # the web libraries: a second that other commands do not pay

    token = None
    if not serve.is_loopback(settings.app.host) and settings.app.token is None:
        token = Secret(secrets.token_urlsafe(9))
        settings = _with(settings, token=token)
    listener = serve.bind(settings.app.host, settings.app.port)
    app = serve.build(settings)
    address = _address(settings.app.host, listener.getsockname()[1])

    def ready() -> None:
        print(f"Talkbench listens on {address} (Ctrl+C stops it)", flush=True)
        if not serve.is_loopback(settings.app.host):
            print("Beyond this machine a microphone needs HTTPS in front of it.", flush=True)
        if token is not None:
            print(f"The page asks for a password: {token.reveal()}", flush=True)
        if asked.ticket:
            ticket = app.state.sessions.mint()
            print(f"session {ticket.session}, token {ticket.token}", flush=True)
        if asked.open:
            webbrowser.open(address)

    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    logging.getLogger("bench").setLevel(logging.INFO)
    try:
        serve.serve(app, listener, lambda: assembly.warm_up(settings), ready)
    finally:
        assembly.cool_down()
    return 0


def _chosen(asked: argparse.Namespace, settings: assembly.Settings) -> assembly.Settings:
    """The settings with what the command line says over them."""
    given = {name: value for name, value in vars(asked).items() if value is not None}
    app = {name: given[name] for name in ("host", "port") if name in given}
    if asked.token:
        app["token"] = Secret(asked.token)
    providers = {name: given[name] for name in ALIASES.values() if name in given}
    chosen = dataclasses.replace(settings.providers, **providers)
    return dataclasses.replace(_with(settings, **app), providers=chosen)


def _with(settings: assembly.Settings, **app: Any) -> assembly.Settings:
    return dataclasses.replace(settings, app=dataclasses.replace(settings.app, **app))


def _address(host: str, port: int) -> str:
    shown = {"0.0.0.0": "localhost", "::": "localhost"}.get(host, host)
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"


# providers


def _providers(asked: argparse.Namespace) -> int:
    states = provider_states(config.read_keys())
    rows = [(s.provider.role, s.provider.key, s.provider.label, s.state, s.remedy) for s in states]
    _print_table([("role", "name", "label", "state", "what to do"), *rows])
    return 0


def _print_table(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())


# doctor


class Finding(NamedTuple):
    """One thing looked at: "ok", "missing" (something does not work without it) or "note"."""

    state: str
    what: str
    about: str = ""


def _doctor(asked: argparse.Namespace) -> int:
    findings: list[Finding] = []
    for look in (_interpreter, _settings, _engines, _extras, _browser):
        for finding in look():
            findings.append(finding)
            print(f"{finding.state:<8}{finding.what:<22}{finding.about}".rstrip(), flush=True)
    missing = sum(finding.state == "missing" for finding in findings)
    print(f"\n{missing} missing." if missing else "\nAll is well.")
    return 1 if missing else 0


def _interpreter() -> Iterator[Finding]:
    enough = sys.version_info >= (3, 11)
    yield Finding(
        "ok" if enough else "missing", "Python", f"{platform.python_version()}, 3.11 wanted"
    )
    lost = [name for name in NEEDED if not installed(name)]
    about = f"not installed: {', '.join(lost)}" if lost else "all installed"
    yield Finding("missing" if lost else "ok", "packages", about)


def _settings() -> Iterator[Finding]:
    try:
        app = assembly.settings().app
    except TalkbenchError as error:
        yield Finding("missing", "settings", str(error))
        return
    yield Finding("ok", "settings", "read without complaint")
    from bench.app.serve import bind

    try:
        bind(app.host, app.port).close()
    except TalkbenchError as error:
        yield Finding("missing", "port", str(error))
    else:
        yield Finding("ok", "port", f"{app.port} is free")


def _engines() -> Iterator[Finding]:
    try:
        yield from clock.run(_engines_at_work())
    finally:
        assembly.cool_down()


async def _engines_at_work() -> list[Finding]:
    """Say something, and see whether it is noticed and understood."""
    handler, findings = VoiceHandler({}), list[Finding]()
    pcm = b""
    async with _told("speech", findings):
        synthesizer = handler.create_synthesizer(EMBEDDED)
        speech = await synthesizer.create_speech(BaseMessage(TRIAL), CHUNK_BYTES)
        pcm = b"".join([piece.chunk async for piece in speech.chunk_generator])
        about = f"{len(pcm) / 2 / SAMPLE_RATE:.1f} s of sound for {len(TRIAL.split())} words"
        findings.append(Finding("ok" if pcm else "missing", "speech", about))
    async with _told("voice activity", findings):
        surest = assembly.surest_speech(pcm)
        state = "ok" if surest > 0.5 else "missing"
        findings.append(Finding(state, "voice activity", f"{surest:.2f} sure that this is speech"))
    async with _told("recognition", findings):
        transcriber = handler.create_transcriber(EMBEDDED)
        heard = await _heard(transcriber, pcm)
        findings.append(Finding("ok", "recognition", f"of {TRIAL!r} it heard {heard!r}"))
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


def _extras() -> Iterator[Finding]:
    rows = {row.extra: row for row in PROVIDERS if row.extra}
    there = [extra for extra, row in rows.items() if installed(row.package)]
    about = ", ".join(there) or "none installed"
    yield Finding("note", "extras", f"{about} (this version needs none)")


def _browser() -> Iterator[Finding]:
    names = [name for name in (config.named_browser(), *BROWSERS) if name]
    found = next((path for name in names if (path := shutil.which(name))), None)
    yield Finding("note", "Chromium", found or "not found: the tests in the browser are skipped")


# bench


def _bench(asked: argparse.Namespace) -> int:
    home = Path(bench.__file__).parents[1]
    if not (home / "tests" / "bench" / "__main__.py").is_file():
        told = "the figures need the source tree: run `make bench` in a checkout of Talkbench"
        print(f"talkbench: {told}", file=sys.stderr)
        return 2
    command = [sys.executable, "-m", "tests.bench", *asked.rest]
    return subprocess.run(command, cwd=home, check=False).returncode
