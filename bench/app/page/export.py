"""A session in, files to take home out: its trace, its turns, its sound."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import weakref
from collections.abc import Callable
from pathlib import Path

from bench.app.session import Session

KINDS = {
    "trace": ("Trace (JSONL)", "trace.jsonl"),
    "turns": ("Turns (CSV)", "turns.csv"),
    "audio": ("Sound (stereo WAV)", "audio.wav"),
}
"""What can be exported: the button's label and how the file's name ends."""


class Exports:
    """Writes exports into a folder of its own, which goes with it; a session's files are replaced
    by its next export."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="talkbench-"))
        self.close: Callable[[], object] = weakref.finalize(
            self, shutil.rmtree, self.folder, ignore_errors=True
        )

    async def write(self, session: Session, kind: str) -> Path:
        """The file of that kind. A long recording is written apart from the loop once the
        conversation is over; before that it would disturb what is still being recorded."""
        path = self.folder / f"talkbench-{session.id[:8]}-{KINDS[kind][1]}"
        if kind == "audio" and session.over:
            await asyncio.to_thread(_write, session, kind, path)
        else:
            _write(session, kind, path)
        return path


def _write(session: Session, kind: str, path: Path) -> None:
    match kind:
        case "trace":
            path.write_text(session.trace_jsonl(), encoding="utf-8")
        case "turns":
            path.write_text(session.turns_csv(), encoding="utf-8")
        case "audio":
            if session.recording is None:
                raise FileNotFoundError("this server keeps no recordings")
            with path.open("wb") as file:
                session.recording.write(file)
        case _:
            raise ValueError(f"no export of kind {kind}")
