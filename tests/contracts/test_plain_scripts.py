"""Programs that know nothing of the bench, with vendors' SDKs as their documentation has them, are
served by `talkbench emulate` as by the vendors: the addresses and keys that it prints suffice."""

import asyncio
import re
import subprocess
import sys
import wave
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

from bench import clock
from bench.audio import silence
from bench.emulators.openai import OpenAIEmulator
from bench.providers.handler import installed
from bench.simulation import tone
from bench.simulation.context import Reply
from bench.speech.espeak import Espeak
from tests.emulators.emulating import emulating

pytestmark = [pytest.mark.contract, pytest.mark.timeout(120)]

PLAIN = Path(__file__).parent / "plain"
QUESTION = "When are you open?"
ANSWER = (
    "We are open from nine in the morning until ten at night, from Tuesday to Saturday. On Sunday "
    "we are open from ten until four, and on Monday we are closed."
)
AT_ONCE = 3  # scripts: most of them wait
SECONDS = 40  # for one of them
SPOKEN = r"seconds: (1\.[5-9]|2\.[0-5])\n"  # "We are open from nine to five."

TOLD = {
    "listen_deepgram": r"when are you open 0\.[4-7]\n",
    "listen_flux": r"StartOfTurn when.*\nEndOfTurn when are you open\n",
    "listen_assemblyai": r"when are you open\n",
    "listen_azure": r"when are you open\n",
    "listen_google": r" ?when are you open\n",
    "ask_openai": rf"whole: {ANSWER}\nstreamed: True {ANSWER}\nrefused: AuthenticationError\n",
    "ask_anthropic": rf"{ANSWER}\nend_turn\n",
    "ask_gemini": rf"{ANSWER}\n",
    "speak_elevenlabs": SPOKEN + r"timed: \d\.\d We are open from nine to five\.\n",
    "speak_azure": SPOKEN + r"words: We are open from nine to five\.?\n",
    "speak_google": SPOKEN,
    "speak_polly": SPOKEN + r"words: We are open from nine to five\.?\n",
    "speak_playht": SPOKEN,
}
"""What every script writes when it is served from what was said to it."""


class Ran(NamedTuple):
    """A script that has ended."""

    code: int
    told: str
    complaints: str


def run(script: str, *arguments: Path) -> Ran:
    command = [sys.executable, str(PLAIN / f"{script}.py"), *map(str, arguments)]
    ran = subprocess.run(command, capture_output=True, check=False, text=True, timeout=SECONDS)
    return Ran(ran.returncode, ran.stdout, ran.stderr)


def written(path: Path, pcm: bytes) -> Path:
    with wave.open(str(path), "wb") as recording:
        recording.setnchannels(1)
        recording.setsampwidth(2)
        recording.setframerate(16_000)
        recording.writeframes(pcm)
    return path


async def spoken(text: str) -> bytes:
    engine = Espeak()
    try:
        await engine.start()
        return b"".join([piece.pcm async for piece in engine.speak(text)])
    finally:
        engine.close()


@pytest.fixture(scope="module")
def running(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[Ran]]]:
    """The scripts that are asked for, some at a time, against one that emulates everybody."""
    folder = tmp_path_factory.mktemp("plain")
    pcm = silence(8000) + clock.run(spoken(QUESTION)) + silence(20_000)
    recording = written(folder / "question.wav", pcm)
    with (
        emulating() as served,
        pytest.MonkeyPatch.context() as patch,
        ThreadPoolExecutor(AT_ONCE) as pool,
    ):
        for name, value in served.variables.items():
            patch.setenv(name, value)
        calls = (getattr(item, "callspec", None) for item in request.session.items)
        asked = {call.params.get("script") for call in calls if call is not None}
        names = [name for name in TOLD if name in asked and not _missing(name)]
        yield {name: pool.submit(run, name, recording) for name in names}


def _missing(script: str) -> bool:
    return script == "speak_playht" and not installed("pyht")


@pytest.mark.parametrize("script", TOLD)
def test_a_script_is_served(script: str, running: dict[str, Future[Ran]]):
    if _missing(script):
        pytest.skip("its SDK lives in the legacy environment")
    ran = running[script].result()
    assert ran.code == 0, ran.complaints
    assert re.fullmatch(TOLD[script], ran.told), ran


def test_the_scripts_know_nothing_of_the_bench():
    scripts = {path.stem: path.read_text("utf-8") for path in PLAIN.glob("*.py")}
    assert scripts.keys() == {*TOLD, "ask_openai_tool", "ask_openai_twice"}
    assert [name for name, text in scripts.items() if re.search(r"\bbench\b", text)] == []


def test_a_tool_is_called_by_a_plain_script(monkeypatch: pytest.MonkeyPatch):
    wish = Reply("table", "There is one {result}.", tool="find_table", arguments='{"people": 2}')

    async def main() -> Ran:
        async with OpenAIEmulator([wish]).serving() as server:
            monkeypatch.setenv("OPENAI_BASE_URL", server.url)
            monkeypatch.setenv("OPENAI_API_KEY", server.key)
            return await asyncio.to_thread(run, "ask_openai_tool")

    ran = clock.run(main())
    assert ran.told == 'wanted: find_table {"people": 2}\nsaid: There is one by the window.\n', ran


SCENARIO = """\
scenario: 1
id: plain
bot:
  replies:
    - {match: booked, say: "Yes, a table for five."}
script:
  - {id: one, say: "Is the table booked?", at: {time: 0.5}}
  - {id: two, say: "Splendid, see you on the ninth.", at: {time: 5}}
"""


def test_a_script_of_lines_and_faults_is_served_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    scenario = tmp_path / "plain.yaml"
    scenario.write_text(SCENARIO, "utf-8")
    sounds = [tone.speak(text)[0] for text in ("Some sound here.", "And some more.")]
    pcm = b"".join(silence(8000) + sound for sound in sounds) + silence(20_000)
    recording = written(tmp_path / "sounds.wav", pcm)
    asked = ("deepgram", "openai", "--script", str(scenario), "--fault", "llm:http_429:turn=2")
    with emulating(*asked) as served:
        for name, value in served.variables.items():
            monkeypatch.setenv(name, value)
        heard = run("listen_deepgram", recording)
        answered = run("ask_openai_twice")
    assert [line[:-4] for line in heard.told.splitlines()] == [
        "is the table booked",
        "splendid see you on the ninth",
    ], heard
    assert answered.told == "Yes, a table for five.\nRateLimitError 1\n", answered
