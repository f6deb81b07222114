"""A far side that says what the test says: the page's files and its socket, without a pipeline."""

import json
import mimetypes
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any

from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import Server, ServerConnection, serve

from tests.browser.drive import PATIENCE_SECONDS

STATIC = Path(__file__).parents[2] / "bench" / "app" / "static"
HERE = Path(__file__).parent
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>strip</title>
<link rel="icon" href="data:,"><style>{css}</style></head>
<body><div id="strip">{html}</div><script type="module">
import {{ mount }} from './static/voice-strip.js';
window.events = [];
window.turns = [];
window.strip = mount(document.getElementById('strip'), {{
  start: () => ({{ type: 'start', transcriberProvider: 'embedded' }}),
  onEvent: (event) => event.kind !== 'level' && window.events.push(event),
  onTurn: (turn) => window.turns.push(turn),
}});
</script></body></html>"""


class Line:
    """One socket of one page: what it sent, and a way to answer."""

    def __init__(self, connection: ServerConnection, start: dict[str, Any]) -> None:
        self.connection = connection
        self.start = start
        self.messages: list[dict[str, Any]] = []
        self.frames: list[bytes] = []
        self.arrivals: list[float] = []
        self.sent: dict[int, int] = {}
        self.changed = threading.Condition()

    def listen(self) -> None:
        try:
            for message in self.connection:
                with self.changed:
                    if isinstance(message, bytes):
                        self.frames.append(message)
                        self.arrivals.append(time.monotonic())
                    else:
                        self.messages.append(json.loads(message))
                    self.changed.notify_all()
        except ConnectionClosed:
            pass

    def send(self, type_: str, **fields: Any) -> None:
        self.connection.send(json.dumps({"type": type_, **fields}))

    def audio(self, utterance: int, pcm: bytes, block_bytes: int = 1280) -> None:
        """Send PCM16 as fast as the socket takes it."""
        self.sent[utterance] = self.sent.get(utterance, 0) + len(pcm) // 2
        for at in range(0, len(pcm), block_bytes):
            block = pcm[at : at + block_bytes]
            self.connection.send(utterance.to_bytes(4, "little") + block)

    def audio_at_once(self, utterance: int, pcm: bytes) -> None:
        """Send PCM16 so that all of it is there before it sounds, however busy the machine is."""
        self.send("hold")
        self.audio(utterance, pcm)
        self.send("resume")

    def end(self, utterance: int) -> None:
        self.send("utterance", id=utterance, state="end", samples=self.sent.get(utterance, 0))

    def of(self, type_: str, **fields: Any) -> list[dict[str, Any]]:
        wanted = {"type": type_, **fields}
        return [m for m in self.messages if wanted.items() <= m.items()]

    def wait(self, type_: str, **fields: Any) -> dict[str, Any]:
        """The last such message, once there is one."""
        self.until(lambda: bool(self.of(type_, **fields)), f"{type_} {fields}")
        return self.of(type_, **fields)[-1]

    def until(self, condition: Callable[[], bool], what: str) -> None:
        with self.changed:
            if not self.changed.wait_for(condition, PATIENCE_SECONDS):
                raise AssertionError(f"no {what} within {PATIENCE_SECONDS} s: {self.messages[-5:]}")


class Stub:
    """Serves the strip's page and takes its sockets; `line()` waits for the next one."""

    def __init__(self) -> None:
        self.sample_rate = 16000
        self.lines: list[Line] = []
        self.taken = 0
        self.refuse_with: int | None = None
        self.refuse_resumed = False
        self.arrived = threading.Condition()
        self.server: Server = serve(
            self._talk, "127.0.0.1", 0, process_request=self._serve_file, compression=None
        )
        self.port: int = self.server.socket.getsockname()[1]
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def close(self) -> None:
        for line in self.lines:
            line.connection.close()
        self.server.shutdown()
        self.thread.join()

    def line(self) -> Line:
        with self.arrived:
            if not self.arrived.wait_for(lambda: len(self.lines) > self.taken, PATIENCE_SECONDS):
                raise AssertionError("the page opened no socket")
            self.taken += 1
            return self.lines[self.taken - 1]

    def _talk(self, connection: ServerConnection) -> None:
        start = json.loads(connection.recv())
        if self.refuse_with or (self.refuse_resumed and "token" in start):
            connection.close(self.refuse_with or 4401)
            return
        line = Line(connection, start)
        session = start.get("session", f"session-{len(self.lines) + 1}")
        line.send("ready", session=session, token=f"of {session}", sample_rate=self.sample_rate)
        with self.arrived:
            self.lines.append(line)
            self.arrived.notify_all()
        line.listen()

    def _serve_file(self, _: ServerConnection, request: Request) -> Response | None:
        path = request.path.partition("?")[0]
        if path == "/conversation":
            return None
        if path == "/":
            css = (STATIC / "voice-strip.css").read_text()
            html = (STATIC / "voice-strip.html").read_text()
            return _response(PAGE.format(css=css, html=html).encode(), "text/html")
        folder = STATIC if path.startswith("/static/") else HERE
        file = folder / path.rpartition("/")[2]
        if not file.is_file():
            return Response(404, "Not Found", Headers({"Content-Length": "0"}))
        return _response(file.read_bytes(), mimetypes.guess_type(file)[0] or "text/plain")


def _response(body: bytes, kind: str) -> Response:
    headers = Headers({"Content-Type": kind, "Content-Length": str(len(body))})
    return Response(HTTPStatus.OK, "OK", headers, body)
