"""The command says what it does, what it cannot do, and leaves with a code that tells which."""

import argparse
import importlib
import itertools
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from bench import assembly, cli
from bench.app import serve
from bench.cli import doctor
from bench.errors import ConfigError
from bench.providers.handler import ROLES

pytestmark = pytest.mark.unit


@pytest.fixture(autouse=True)
def _settings_of_nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """An empty folder and the settings read anew."""
    monkeypatch.chdir(tmp_path)
    assembly.settings.cache_clear()
    yield
    assembly.settings.cache_clear()


def test_its_version(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as left:
        cli.main(["--version"])
    assert left.value.code == 0
    assert capsys.readouterr().out.startswith("talkbench 0.")


@pytest.mark.parametrize(
    "asked", [["sing"], ["app", "--port", "many"], ["providers", "x"], ["doctor", "--quick"]]
)
def test_what_is_asked_wrongly_is_told_on_one_line(
    asked: list[str], capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(SystemExit) as left:
        cli.main(asked)
    assert left.value.code == 2
    assert "talkbench" in capsys.readouterr().err.splitlines()[-1]


def test_who_asks_nothing_is_told_what_there_is(capsys: pytest.CaptureFixture[str]):
    assert cli.main([]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert "talkbench app" in told.err
    assert [line for line in told.err.splitlines() if len(line) > 80] == []


def test_it_lists_what_exists_and_nothing_else(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    listed = {
        line.split()[0] for line in capsys.readouterr().out.splitlines() if line[:4] == " " * 4
    }
    assert listed >= {*cli.COMMANDS, "bench"}


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_a_command_says_of_itself_what_the_list_says(name: str):
    commands = argparse.ArgumentParser().add_subparsers()
    module, about = cli.COMMANDS[name]
    getattr(importlib.import_module(module), f"add_{name}_parser")(commands)
    (action,) = commands._get_subactions()
    assert (action.dest, action.help) == (name, about)


WEIGHED = """
import contextlib, io, sys
before = set(sys.modules)
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    exec(sys.argv[1])
print(*sorted(set(sys.modules) - before))
"""
SDKS = {
    *(
        "anthropic",
        "assemblyai",
        "azure.cognitiveservices.speech",
        "aiobotocore",
        "botocore",
        "deepgram",
    ),
    *("elevenlabs", "google.cloud.speech", "google.cloud.texttospeech", "google.genai"),
    *("google.protobuf", "grpc", "openai", "aiohttp", "httpx"),
}
HEAVY = {
    *SDKS,
    *("fastapi", "gradio", "matplotlib", "numpy", "onnxruntime", "pandas", "pydantic"),
    *("rich", "websockets", "yaml"),
}


@pytest.mark.parametrize(
    ("done", "never", "most"),
    [
        ("import bench", HEAVY, 25),
        ("import bench.engine.conversation", HEAVY, 150),
        ("from bench import cli; cli.main(['--help'])", HEAVY, 130),
        ("from bench import cli; cli.main(['providers'])", HEAVY, 260),
        ("from bench import cli; cli.main(['emulate', '--help'])", SDKS, 700),
    ],
)
def test_what_is_not_used_is_not_imported(done: str, never: set[str], most: int):
    """Modules beside those that Python itself begins with; vendors' SDKs are loaded when chosen."""
    asked = [sys.executable, "-c", WEIGHED, done]
    ran = subprocess.run(asked, capture_output=True, check=True, text=True)
    loaded = ran.stdout.split()
    assert sorted(never.intersection(loaded)) == []
    assert len(loaded) <= most


def told_by(capsys: pytest.CaptureFixture[str], *asked: str, code: int = 0) -> list[str]:
    """The lines that a command prints, none of them wider than a narrow terminal."""
    assert cli.main(asked) == code
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if len(line) > 80] == []
    return lines


def test_the_table_of_providers(capsys: pytest.CaptureFixture[str]):
    header, *rows = told_by(capsys, "providers")
    assert header.split() == ["role", "name", "label", "state"]
    assert rows[0].split() == ["transcriber", "embedded", "PocketSphinx", "ready"]
    roles = [row.split()[0] for row in rows if row[:1].isalpha() and row.split()[0] in ROLES]
    assert roles == sorted(roles, key=list(ROLES).index)
    place = next(number for number, row in enumerate(rows) if "Deepgram" in row)
    assert rows[place].split()[-2:] == ["key", "missing"]
    assert rows[place + 1] == "    set DEEPGRAM_API_KEY in the environment or in .env"


def test_an_old_provider_says_so_and_what_it_wants(capsys: pytest.CaptureFixture[str]):
    rows = told_by(capsys, "providers")
    for label, note in (("Play.ht", "closed at the end of 2025"), ("older SDK", "support ended")):
        place = next(number for number, row in enumerate(rows) if label in row)
        below = list(itertools.takewhile(lambda row: row[:1] == " ", rows[place + 1 :]))
        assert rows[place].endswith("legacy")
        assert note in " ".join(" ".join(below).split())


def test_the_models_and_voices_of_a_provider(capsys: pytest.CaptureFixture[str]):
    assert told_by(capsys, "providers", "--models", "deepgram")[:2] == [
        "Deepgram, transcriber",
        "  nova-3  (usual)",
    ]
    heads = [line for line in told_by(capsys, "providers", "--models", "gemini") if line[0] != " "]
    assert heads == ["Google Gemini, llm", "Google Gemini, older SDK, llm"]
    espeak, first, *_ = told_by(capsys, "providers", "--voices", "embedded")
    assert espeak == "espeak-ng, voice"
    assert first.split()[0] == "en-us+klatt"


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (("--voices", "whisper"), "talkbench: there is no provider whisper; known are: embedded, "),
        (("--voices", "openai"), "talkbench: openai has no voices to choose from"),
    ],
)
def test_what_a_provider_has_not(
    asked: tuple[str, str], told: str, capsys: pytest.CaptureFixture[str]
):
    assert cli.main(["providers", *asked]) == 2
    assert capsys.readouterr().err.startswith(told)


def test_the_doctor_looks_at_everything(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("OPENAI_API_KEY", "not-to-be-shown")
    monkeypatch.delenv("DEEPGRAM_API_KEY", raising=False)
    monkeypatch.setenv("TALKBENCH_PORT", "0")
    lines = told_by(capsys, "doctor")
    assert lines[-1] == "All is well."
    findings = {
        line[8:24].strip(): (line[:8].strip(), line[24:]) for line in lines if line[:8].strip()
    }
    for what in ("Python", "packages", "settings", "port", "espeak-ng", "Silero", "PocketSphinx"):
        assert findings[what][0] == "ok", what
    assert findings["openai key"] == ("ok", "OPENAI_API_KEY")
    assert findings["deepgram key"] == ("note", "not set: DEEPGRAM_API_KEY")
    assert "environment of its own" in " ".join(lines)
    assert "not-to-be-shown" not in "".join(lines)


def test_the_doctor_says_what_is_broken(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(doctor, "_engines", lambda: iter(()))
    monkeypatch.delenv("DEEPGRAM_API_KEY", raising=False)
    Path("talkbench.yaml").write_text("providers: {transcriberProvider: deepgram}")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv("TALKBENCH_PORT", str(taken.getsockname()[1]))
        lines = told_by(capsys, "doctor", code=1)
    assert lines[-1] == "2 missing."
    broken = [line[8:24].strip() for line in lines if line.startswith("missing")]
    assert broken == ["settings", "port"]
    assert "set DEEPGRAM_API_KEY in the environment" in " ".join(" ".join(lines).split())


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (["app", "--stt", "whisper"], "talkbench: Unknown transcriber provider: whisper (known ar"),
        (["app", "--voiceProvider", "playht"], "talkbench: voice provider playht: pip install 't"),
        (["app", "--port", "70000"], "talkbench: port is 70000: want 0 to 65535"),
        (["app", "--host", "not.a.host.invalid"], "talkbench: host not.a.host.invalid: there is"),
    ],
)
def test_what_cannot_be_is_told_without_a_traceback(
    asked: list[str], told: str, capsys: pytest.CaptureFixture[str]
):
    assert cli.main(asked) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(told)


def test_a_mistake_in_the_file_is_told_with_its_place(capsys: pytest.CaptureFixture[str]):
    Path("talkbench.yaml").write_text("app: {prot: 1}")
    assert cli.main(["app"]) == 2
    assert capsys.readouterr().err.startswith("talkbench: talkbench.yaml: app.prot is unknown, did")


def test_a_port_that_is_taken_is_told(capsys: pytest.CaptureFixture[str]):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert cli.main(["app", "--port", str(port)]) == 2
    told = (
        f"talkbench: cannot listen on 127.0.0.1 port {port}: Address already in use; name another"
    )
    assert capsys.readouterr().err == f"{told} with --port\n"


def test_the_figures_need_the_source_tree(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(cli.bench, "__file__", str(tmp_path / "bench" / "__init__.py"))
    assert cli.main(["bench"]) == 2
    assert "need the source tree: run `make bench`" in capsys.readouterr().err


def test_the_figures_need_what_the_tests_need(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(cli, "OF_TESTS", ("a_package_that_is_nowhere",))
    assert cli.main(["bench"]) == 2
    assert "run `make bench`, which installs it" in capsys.readouterr().err


def test_what_follows_bench_is_for_the_figures(capfd: pytest.CaptureFixture[str]):
    assert cli.main(["bench", "--help"]) == 0
    assert "--quick" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("host", "own"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False)],
)
def test_who_can_reach_an_address(host: str, own: bool):
    assert serve.is_loopback(host) is own


def test_an_address_that_is_not_ours_is_told():
    with pytest.raises(ConfigError, match=r"cannot listen on 192\.0\.2\.1 port 0: "):
        serve.bind("192.0.2.1", 0)


def served(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "bench", "app", "--port", "0", *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True)


def told(process: subprocess.Popen[str]) -> str:
    """The next line; where there is none, the test fails with what went wrong instead."""
    assert process.stdout is not None
    assert process.stderr is not None
    return process.stdout.readline() or pytest.fail(process.stderr.read())


def test_it_serves_until_interrupted():
    with served("--ticket") as process:
        first = told(process)
        assert first.endswith("(Ctrl+C stops it)\n")
        address = first.removeprefix("Talkbench listens on ").partition(" ")[0]
        session, token = told(process).removeprefix("session ").split(", token ")
        assert session
        assert len(token.strip()) == 48
        with urllib.request.urlopen(f"{address}/health", timeout=10) as answer:
            assert b'"ok"' in answer.read()
        process.send_signal(signal.SIGINT)
        _, complaints = process.communicate(timeout=20)
        assert (process.returncode, complaints) == (0, "")


def test_beyond_this_machine_the_page_has_a_password():
    with served("--host", "0.0.0.0") as process:
        assert "http://localhost:" in told(process)
        assert "needs HTTPS" in told(process)
        assert len(told(process).removeprefix("The page asks for a password: ").strip()) == 12
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
        assert process.returncode == 0
