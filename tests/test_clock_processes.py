"""Interpreters in, one trace out: what must not depend on process, machine or Python."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[1]
PROBE = ROOT / "tests" / "clock_probe.py"
VERSIONS = ("3.11", "3.12", "3.13", "3.14")
PATIENCE_SECONDS = 40


def start(
    *arguments: str | Path, python: str = sys.executable, **environment: str
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        # -P: beside the probe lies tests/bench, which is not the package.
        [python, "-P", "-X", "dev", "-W", "error", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def probed(process: subprocess.Popen[str]) -> dict[str, str | int]:
    out, problems = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, problems) == (0, "")
    return json.loads(out)


def works(python: Path, version: str) -> bool:
    """A version manager's shim for an interpreter that is not selected exists, and fails."""
    says = "import sys; print(*sys.version_info[:2], sep='.')"
    answer = subprocess.run([python, "-c", says], capture_output=True, text=True, check=False)
    return answer.stdout.strip() == version


def candidates(version: str) -> Iterable[Path]:
    if f"{sys.version_info.major}.{sys.version_info.minor}" == version:
        yield Path(sys.executable)
    if on_path := shutil.which(f"python{version}"):
        yield Path(on_path)
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from sorted(pyenv.glob(f"versions/{version}.*/bin/python"), reverse=True)


@pytest.fixture(scope="module")
def here() -> dict[str, str | int]:
    return probed(start(PROBE))


def test_the_probe_ends_where_it_should(here: dict[str, str | int]) -> None:
    assert here["events"] == 102
    assert str(here["last"]).endswith("waiting: Task-1 in main > Queue.get")


@pytest.mark.parametrize("version", VERSIONS)
def test_each_interpreter_present_gives_the_same_trace(
    version: str,
    here: dict[str, str | int],
    record_testsuite_property: Callable[[str, object], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    python = next((found for found in candidates(version) if works(found, version)), None)
    if python is None:
        pytest.skip(f"the virtual loop was not tried on Python {version}: none is here")
    there = probed(start(PROBE, python=str(python)))
    record_testsuite_property(f"virtual loop tried on Python {version}", there["python"])
    with capsys.disabled():
        sys.stdout.write(f"\nvirtual loop tried on Python {there['python']}\n")
    assert there["sha256"] == here["sha256"]


def test_five_processes_with_other_hash_seeds_give_the_same_trace(
    here: dict[str, str | int],
) -> None:
    """At once, so each also runs on a machine under load; with thread jobs of random length."""
    processes = [start(PROBE, PYTHONHASHSEED=str(seed)) for seed in (0, 1, 2, 3, 4_000_000_000)]
    assert {probed(process)["sha256"] for process in processes} == {here["sha256"]}


def test_descriptors_that_others_hold_do_not_show_in_the_trace(
    here: dict[str, str | int],
) -> None:
    """The numbers of the loop's sockets differ then, and their order."""
    opener = """
import os, runpy, sys
held = [os.open(os.devnull, os.O_RDONLY) for _ in range(60)]
for number in held[::3]:
    os.close(number)
runpy.run_path(sys.argv[1], run_name="__main__")
"""
    assert probed(start("-c", opener, PROBE))["sha256"] == here["sha256"]


JUMPS_FOR_EVER = """
    while True:
        await clock.sleep(0.02)
"""
WAITS_FOR_A_THREAD = """
    release = threading.Event()
    try:
        await asyncio.to_thread(release.wait)
    finally:
        release.set()
"""
IS_HELD = """
    with asyncio.get_running_loop().hold():
        await asyncio.Event().wait()
"""
HANDLES_THE_SIGNAL_ITSELF = """
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop.set)
    while not stop.is_set():
        await clock.sleep(0.02)
    raise KeyboardInterrupt
"""


@pytest.mark.parametrize(
    "body", [JUMPS_FOR_EVER, WAITS_FOR_A_THREAD, IS_HELD, HANDLES_THE_SIGNAL_ITSELF]
)
def test_ctrl_c_ends_it(body: str) -> None:
    program = f"""
import asyncio, signal, sys, threading
from bench import clock

async def work():{body}
async def main():
    asyncio.get_running_loop().call_soon(lambda: print("ready", flush=True))
    try:
        await work()
    finally:
        print("cleaned up", flush=True)

try:
    clock.run(main(), virtual=True)
except KeyboardInterrupt:
    sys.exit(130)
"""
    process = start("-c", program)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    out, problems = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, out, problems) == (130, "cleaned up\n", "")
