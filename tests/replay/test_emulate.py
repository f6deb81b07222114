"""`talkbench emulate`: what it is asked, what it prints, and that it leaves nothing behind."""

import contextlib
import errno
import os
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from bench import cli
from bench.emulators.known import EMULATED, emulated
from bench.errors import ConfigError
from bench.providers.known import PROVIDERS
from bench.replay.emulate_command import introduction, variables
from bench.replay.emulation import Emulation, _scripted, chosen, fault_of
from bench.replay.reading import read
from bench.settings import ADDRESSES, KEY_VARIABLES
from bench.simulation.faults import Fault
from tests.emulators.emulating import emulating

pytestmark = pytest.mark.unit

SCENARIO = Path(__file__).parents[2] / "scenarios" / "turns" / "plain-turn.yaml"


def test_every_vendor_has_one_and_its_settings_are_settings():
    vendors = {(row.role, row.key) for row in PROVIDERS if row.variables}
    assert {(row.role, row.provider) for row in EMULATED} == vendors
    assert {row.url for row in EMULATED} == set(ADDRESSES)
    assert {row.key for row in EMULATED} <= set(KEY_VARIABLES)
    for row in EMULATED:
        (provider,) = [p for p in PROVIDERS if (p.role, p.key) == (row.role, row.provider)]
        assert {row.key, *row.keys} == set(provider.variables) - set(provider.optional)


def test_a_model_may_have_its_own_pace():
    rows = [
        emulated("transcriber", "deepgram", model) for model in ("", "nova-3", "flux-general-en")
    ]
    assert [row and row.profile for row in rows] == [
        "sim:deepgram-nova-3",
        "sim:deepgram-nova-3",
        "sim:deepgram-flux-en",
    ]
    assert emulated("llm", "deepgram") is None


def test_names_are_those_of_providers_and_none_is_all():
    assert [row.provider for row in chosen(["openai", "deepgram"])] == ["deepgram", "openai"]
    assert [(row.provider, row.role) for row in chosen(["azure"])] == [
        ("azure", "transcriber"),
        ("azure", "voice"),
    ]
    assert chosen([]) == chosen(["all"]) == chosen(["openai", "all"])
    assert len(chosen([])) == len({(row.provider, row.role) for row in EMULATED})


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("stt:stall", Fault("stt", "stall")),
        ("llm:http_429:every", Fault("llm", "http_429", every=True)),
        ("tts:disconnect:turn=2", Fault("tts", "disconnect", turn=2)),
        (
            "llm:stall:after_tokens=3:for_seconds=1.5",
            Fault("llm", "stall", after_tokens=3, for_seconds=1.5),
        ),
    ],
)
def test_a_fault_in_an_option(text: str, fault: Fault):
    assert fault_of(text) == fault


@pytest.mark.parametrize("text", ["", "stt", "stt:melt", "llm:stall:turn", "tts:stall:loud=1"])
def test_a_fault_that_is_none(text: str):
    with pytest.raises(ConfigError):
        fault_of(text)


def test_what_is_printed_points_a_shell_at_it():
    served = [
        Emulation(row, f"http://127.0.0.1:{9000 + n}")
        for n, row in enumerate(chosen(["polly", "openai"]))
    ]
    assert variables(served) == [
        "export TALKBENCH_OPENAI_BASE_URL=http://127.0.0.1:9000",
        "export OPENAI_API_KEY=an-openai-key-for-emulators",
        "export OPENAI_BASE_URL=http://127.0.0.1:9000",
        "export TALKBENCH_POLLY_URL=http://127.0.0.1:9001",
        "export AWS_ACCESS_KEY_ID=AKIDOFPOLLYEMULATED",
        "export AWS_SECRET_ACCESS_KEY=a-secret-for-emulators",
        "export AWS_REGION=us-east-1",
        "export AWS_ENDPOINT_URL_POLLY=http://127.0.0.1:9001",
    ]
    told = "\n".join(introduction(served, {"google": "google"}))
    assert "pip install 'talkbench[google]'" in told
    assert told.endswith("talkbench app --llm openai --tts polly")


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (["nobody"], "there is no emulator of nobody; there are: deepgram, assemblyai, "),
        (["openai", "elvenlabs"], "no emulator of elvenlabs, did you mean 'elevenlabs'?"),
        (["openai", "--fault", "llm:melt"], "llm"),
        (["openai", "--port", "70000"], "port 70000: want 1 to 65535 for 1 servers"),
        (["openai", "--script", "none.yaml"], "none.yaml"),
    ],
)
def test_what_cannot_be_is_told_in_a_line(
    asked: list[str], told: str, capsys: pytest.CaptureFixture[str]
):
    assert cli.main(["emulate", *asked]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line


def test_a_noise_is_no_line():
    library = SCENARIO.parents[1]
    lines = _scripted(read(library / "noise" / "throat-clearing.yaml")).lines
    assert lines == ["What are your opening hours?"]


def test_a_port_that_is_taken(capsys: pytest.CaptureFixture[str]):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert cli.main(["emulate", "openai", "--port", str(port)]) == 2
    said = capsys.readouterr().err
    assert said == (
        f"talkbench: cannot listen on 127.0.0.1 port {port}: {os.strerror(errno.EADDRINUSE)}\n"
    )


def children_of(process: subprocess.Popen[str]) -> list[int]:
    """The processes that it has started and that live."""
    listed = list(Path(f"/proc/{process.pid}/task").glob("*/children"))
    if not listed:
        pytest.skip("this system does not say whose child a process is")
    return [int(child) for path in listed for child in path.read_text().split()]


def lives(process: int) -> bool:
    with contextlib.suppress(OSError):
        return "\nState:\tZ" not in Path(f"/proc/{process}/status").read_text()
    return False


@pytest.mark.parametrize("ended_by", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_told_to_end_and_leaves_nothing(
    ended_by: signal.Signals, tmp_path: Path
):
    file = tmp_path / "emulated.env"
    with emulating("deepgram", "openai", "--env", str(file)) as served:
        process = served.process
        children = children_of(process)
        assert children  # the recogniser has its own
        exports = [f"export {name}={value}" for name, value in served.variables.items()]
        assert file.read_text("utf-8").splitlines() == exports
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{served.variables['OPENAI_BASE_URL']}/models", timeout=5)
        assert refused.value.code == 401
        refused.value.close()
        process.send_signal(ended_by)
        told, complaints = process.communicate(timeout=20)
        assert (process.returncode, told, complaints) == (0, "", "")
        assert not file.exists()
        assert [child for child in children if lives(child)] == []


def test_ports_are_in_a_row_from_the_first():
    with socket.create_server(("127.0.0.1", 0)) as free:
        first = free.getsockname()[1]
    asked = ("openai", "anthropic", "--script", str(SCENARIO), "--port", str(first))
    with emulating(*asked) as served:
        addresses = [line.split()[-1] for line in served.lines if "llm  " in line]
    assert addresses == [f"http://127.0.0.1:{first}/v1", f"http://127.0.0.1:{first + 1}"]


def test_a_file_that_cannot_be_written_is_told_in_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    file = tmp_path / "nowhere" / "emulated.env"
    asked = ["emulate", "openai", "--script", str(SCENARIO), "--env", str(file)]
    assert cli.main(asked) == 2
    told = f"talkbench: --env: {file}: No such file or directory\n"
    assert capsys.readouterr().err == told
