"""`talkbench app`: the page and the conversation behind it, served."""

from __future__ import annotations

import argparse
import dataclasses
import logging
import secrets
import webbrowser
from typing import Any

from bench import assembly
from bench.settings import ALIASES, Secret

_ABOUT = {
    "stt": "who listens; `talkbench providers` lists the names",
    "llm": "who answers",
    "tts": "who speaks",
}


def add_app_parser(commands: Any) -> None:
    """Add `app` to the commands of an argument parser."""
    app = commands.add_parser(
        "app",
        help="talk to it in the browser",
        description="Serve the page and the socket. Without options everything runs on this "
        "machine and needs no key.",
    )
    app.add_argument("--host", help="address to listen on (127.0.0.1)")
    app.add_argument("--port", type=int, help="port to listen on (7860); 0 takes a free one")
    app.add_argument("--open", action="store_true", help="open the page in the browser")
    app.add_argument(
        "--token", help="the page's password beyond this machine; made anew unless given"
    )
    app.add_argument(
        "--ticket", action="store_true", help="print a session and its token for a program"
    )
    about = "keep what the providers of each conversation do, as a cassette in this folder"
    app.add_argument("--record", dest="cassettes", metavar="DIR", help=about)
    for short, setting in ALIASES.items():
        app.add_argument(
            f"--{short}", f"--{setting}", dest=setting, metavar="NAME", help=_ABOUT[short]
        )
    app.set_defaults(run=app_command)


def app_command(asked: argparse.Namespace) -> int:
    """Serve until interrupted; returns the exit code."""
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
        if settings.app.cassettes is not None:
            told = f"Each conversation's cassette is kept in {settings.app.cassettes}"
            print(told, flush=True)
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
    app = {name: given[name] for name in ("host", "port", "cassettes") if name in given}
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
