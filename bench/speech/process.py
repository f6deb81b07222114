"""Jobs in, answers out: one owned child process around an engine that is not safe, or not welcome,
in ours.

A job is a plain function over the child's socket. Jobs run one after another on a thread of the
process's own, by `run_in_executor`: the event loop is never blocked, any loop may use the process,
and a virtual clock stands still while a job runs. POSIX only (the child's socket is its standard
input).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from bench.errors import BrokenStream, ConfigError, ConnectFailed, Stalled
from bench.speech.frames import Frame, Kind, receive, send

# Where `python -m bench.speech.…` finds this package.
_SOURCE_ROOT = Path(__file__).resolve().parents[2]
_HANG_UP_SECONDS = 1.0

Answer = TypeVar("Answer")


class Channel:
    """The owner's end of a child's socket, with the errors a provider's caller expects."""

    def __init__(self, name: str, connection: socket.socket) -> None:
        self._name = name
        self._connection = connection
        self._sending = threading.Lock()  # a cancel is sent while a job waits for an answer

    def send(self, kind: Kind, payload: bytes | object = b"") -> None:
        """Write one frame. Raises `BrokenStream` when the child is gone, `Stalled` when it does not
        read.
        """
        try:
            with self._sending:
                send(self._connection, kind, payload)
        except TimeoutError:
            raise Stalled(self._name, "its process does not read") from None
        except OSError:
            raise BrokenStream(self._name, "its process is gone") from None

    def receive(self) -> Frame:
        """Read one frame. Raises `BrokenStream`, `Stalled`, or `ConfigError` when the child refused
        the request.
        """
        try:
            frame = receive(self._connection)
        except TimeoutError:
            raise Stalled(self._name, "its process went quiet") from None
        except (OSError, EOFError):
            raise BrokenStream(self._name, "its process is gone") from None
        if frame.kind == Kind.REFUSED:
            raise ConfigError(str(frame.json()["message"]))
        return frame

    def ask(self, kind: Kind, payload: bytes | object = b"") -> Frame:
        """Write one frame and read its answer."""
        self.send(kind, payload)
        return self.receive()

    def close(self) -> None:
        """Hang up; the child ends itself."""
        self._connection.close()


class WorkerProcess:
    """A child running `python -m module`, started by its first job and again by the first after its
    death.

    Args:
        module: what the child runs; it must answer with a READY frame.
        name: what errors call it.
        start_seconds: the longest wait for READY.
        stall_seconds: the longest silence in an answer; the child is then killed.
    """

    def __init__(
        self, module: str, *, name: str, start_seconds: float = 20.0, stall_seconds: float = 10.0
    ) -> None:
        self.name = name
        self.starts = 0  # which incarnation runs; state kept in the child dies with its number
        self._module = module
        self._start_seconds = start_seconds
        self._stall_seconds = stall_seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: Channel | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._jobs = 0
        self._counting = threading.Lock()

    @property
    def jobs(self) -> int:
        """Jobs that wait or run."""
        return self._jobs

    @property
    def pid(self) -> int | None:
        """The child's process id, when there is one."""
        process = self._process
        return process.pid if process and process.poll() is None else None

    def begin(self, job: Callable[[Channel], Answer]) -> asyncio.Future[Answer]:
        """Queue `job` on the child's thread; the future may be awaited or left alone.

        Its errors: `ConnectFailed` when the child does not start, `BrokenStream` or `Stalled` when
        it died or went quiet in this job (the next one starts it anew), `ConfigError` when it
        refused the request.
        """
        loop = asyncio.get_running_loop()
        self._count(1)
        future = loop.run_in_executor(self._executor(), self._perform, job)
        future.add_done_callback(lambda _: self._count(-1))
        future.add_done_callback(lambda done: done.cancelled() or done.exception())
        return future

    async def run(self, job: Callable[[Channel], Answer]) -> Answer:
        """Queue `job` and wait for its answer; errors as in `begin`."""
        return await self.begin(job)

    def post(self, job: Callable[[Channel], Any]) -> Future[Any]:
        """Queue `job` behind the others and go on; it is skipped when the child is gone by then."""
        return self._executor().submit(self._perform_if_alive, job)

    def interrupt(self, kind: Kind, payload: bytes) -> None:
        """Send a frame while a job runs. A dead child needs no interrupt."""
        channel = self._channel
        if channel:
            with contextlib.suppress(BrokenStream, Stalled):
                channel.send(kind, payload)

    def close(self) -> None:
        """End the child: hang up, wait at most a second, then kill. Waits for the job that runs."""
        thread, self._thread = self._thread, None
        if thread:
            thread.submit(self._end)
            thread.shutdown(wait=True, cancel_futures=False)

    def kill(self) -> None:
        """End the child at once; a job that runs raises `BrokenStream`."""
        process = self._process
        if process:
            process.kill()

    def _executor(self) -> ThreadPoolExecutor:
        if self._thread is None:
            self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=self.name)
        return self._thread

    def _count(self, by: int) -> None:
        with self._counting:
            self._jobs += by

    def _perform(self, job: Callable[[Channel], Answer]) -> Answer:
        channel = self._channel
        if channel is None or self._process is None or self._process.poll() is not None:
            channel = self._start()
        try:
            return job(channel)
        except (BrokenStream, Stalled):
            self._end()
            raise

    def _perform_if_alive(self, job: Callable[[Channel], Any]) -> None:
        if self._channel and self._process and self._process.poll() is None:
            with contextlib.suppress(BrokenStream, Stalled):
                self._perform(job)

    def _start(self) -> Channel:
        self._end()
        ours, theirs = socket.socketpair()
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", self._module],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                cwd=_SOURCE_ROOT,
                start_new_session=True,  # Ctrl-C is for us; the child ends when we hang up
            )
        except OSError as error:
            ours.close()
            raise ConnectFailed(self.name, f"its process does not start: {error}") from error
        finally:
            theirs.close()
        ours.settimeout(self._start_seconds)
        channel = Channel(self.name, ours)
        try:
            channel.receive()
        except (BrokenStream, Stalled) as error:
            channel.close()
            self._end()
            raise ConnectFailed(self.name, f"its process does not start: {error}") from error
        except ConfigError:
            channel.close()
            self._end()
            raise
        ours.settimeout(self._stall_seconds)
        self._channel = channel
        self.starts += 1
        return channel

    def _end(self) -> None:
        channel, self._channel = self._channel, None
        process, self._process = self._process, None
        if channel:
            channel.close()
        if process:
            try:
                process.wait(_HANG_UP_SECONDS if channel else 0)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
