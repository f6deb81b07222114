"""A session in, files to take home out: its trace, its turns, its sound."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import weakref
from collections import deque
from collections.abc import Callable
from pathlib import Path

from bench.app.session import Session

KINDS = {
    "trace": ("Trace (JSONL)", "trace.jsonl"),
    "turns": ("Turns (CSV)", "turns.csv"),
    "audio": ("Sound (stereo WAV)", "audio.wav"),
}
"""What can be exported: the button's label and how the file's name ends."""
MOST_KEPT = 12  # files; Gradio serves a copy of its own


class Exports:
    """Writes exports into a folder of its own, which goes with it; it holds the newest few."""

    def __init__(self) -> None:
        self._written: deque[Path] = deque()
        self.folder = Path(tempfile.mkdtemp(prefix="talkbench-"))
        self.close: Callable[[], object] = weakref.finalize(
            self, shutil.rmtree, self.folder, ignore_errors=True
        )

    async def write(self, session: Session, kind: str) -> Path:
        """The file of that kind.

        A recording is written apart from the loop once the conversation is over; before that both
        would use its files.
        """
        path = self.folder / f"talkbench-{session.id[:8]}-{KINDS[kind][1]}"
        self._make_room(path)
        if kind == "audio" and session.over:
            await asyncio.to_thread(_write, session, kind, path)
        else:
            _write(session, kind, path)
        return path

    def write_text(self, name: str, text: str) -> Path:
        """A text as a file of that name."""
        path = self.folder / name
        self._make_room(path)
        path.write_text(text, encoding="utf-8")
        return path

    def _make_room(self, path: Path) -> None:
        if path not in self._written:
            self._written.append(path)
        while len(self._written) > MOST_KEPT:
            self._written.popleft().unlink(missing_ok=True)


def _write(session: Session, kind: str, path: Path) -> None:
    match kind:
        case "trace":
            path.write_text(session.trace_jsonl(), encoding="utf-8")
        case "turns":
            path.write_text(session.turns_csv(), encoding="utf-8")
        case "audio":
            if session.recording is None:
                raise ValueError("this session has no recording")
            with path.open("wb") as file:
                session.recording.write(file)
        case _:
            raise ValueError(f"no export of kind {kind}")
