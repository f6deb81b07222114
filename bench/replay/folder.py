"""A run in, a folder out, and back: what was played, what happened, and the two voices.

A run lies in `DIR/<scenario>/<stack>/<repeat>/`:

- `run.json`: what was run (scenario, stack, settings, seeds, versions) and what came of it;
- `trace.jsonl`: what happened, one fact a line;
- `audio.wav`: 16 kHz stereo, left what came to the bot, right what left the loudspeaker;
- `turns.csv`: the turns and their figures, for a spreadsheet.

Nothing in it names a folder of the machine, so two machines write the same.
"""

from __future__ import annotations

import csv
import json
import platform
import shutil
import wave
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, cast

from bench import clock
from bench.audio import SAMPLE_RATE, interleave, to_pcm, to_samples, write_wav
from bench.errors import ConfigError, redacted
from bench.metrics.turns import Stages, Turn, flat, turns
from bench.replay.plain import from_plain, to_plain
from bench.replay.runs import Run, Verdict
from bench.replay.scenario import Scenario, Stack
from bench.trace import Trace

FORMAT = "talkbench run 1"
NAMED_VERSIONS = ("talkbench", "numpy", "onnxruntime")  # of what a trace could depend on
LARGEST_JSON_BYTES = 16 * 2**20
FILES = ("run.json", "trace.jsonl", "audio.wav", "turns.csv")


def write(run: Run, directory: Path) -> Path:
    """Keep a run in its folder under `directory`, in place of an older one, and say where.

    The folder appears whole or not at all.

    Raises:
        ConfigError: the folder holds something that is not a run, or cannot be written.
    """
    target = place(run, directory)
    partial = target.with_name(f".{target.name}.partial")
    _refuse_others(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        _fill(partial, run)
        _replace(partial, target)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise ConfigError(f"{target} cannot be written: {error.strerror or error}") from error
    run.folder = target
    return target


def place(run: Run, directory: Path) -> Path:
    """Where a run belongs under `directory`.

    Raises:
        ConfigError: its name would lead out of there.
    """
    return Path(directory).joinpath(*(_component(part) for part in run.name.split("/")))


def read(folder: Path) -> Run:
    """The run that a folder holds.

    Raises:
        ConfigError: it holds none, or one that was changed or that this version cannot read.
    """
    folder = Path(folder)
    told = _told(folder)
    try:
        run = _run(told)
        with (folder / "trace.jsonl").open(encoding="utf-8") as lines:
            run.trace = Trace.read(lines)
        run.user_pcm, run.bot_pcm = _voices(folder / "audio.wav")
    except (AttributeError, EOFError, KeyError, OSError, TypeError, ValueError) as error:
        raise ConfigError(f"{folder} holds no run that can be read: {error}") from error
    except wave.Error as error:
        raise ConfigError(f"{folder / 'audio.wav'} is no recording: {error}") from error
    if run.digest != told.get("digest"):
        raise ConfigError(f"{folder}: trace.jsonl is not the trace that run.json speaks of")
    run.folder = folder
    return run


def read_all(directory: Path) -> list[Run]:
    """Every run under a folder, in the order of their names.

    Raises:
        ConfigError: there is no such folder, or a run in it cannot be read.
    """
    if not Path(directory).is_dir():
        raise ConfigError(f"{directory} is no folder of runs")
    return [read(folder) for folder in _folders(Path(directory))]


def _folders(directory: Path) -> Iterator[Path]:
    for found in sorted(directory.rglob("run.json")):
        inside = found.parent.relative_to(directory).parts
        if not any(part.startswith(".") for part in inside):
            yield found.parent


def _component(name: str) -> str:
    if name in ("", ".", "..") or name.startswith(".") or "\\" in name or "\0" in name:
        raise ConfigError(f"{name!r} cannot be the name of a folder")
    return name


def _refuse_others(target: Path) -> None:
    if not target.exists() and not target.is_symlink():
        return
    if target.is_symlink() or not target.is_dir():
        raise ConfigError(f"{target} is in the way: it is not a folder")
    others = sorted(path.name for path in target.iterdir() if path.name not in FILES)
    if others:
        raise ConfigError(f"{target} is in the way: a run has no {others[0]!r} in it")
    if any(target.iterdir()):
        _told(target)


def _replace(partial: Path, target: Path) -> None:
    old = target.with_name(f".{target.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.rename(old)
    partial.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def _fill(folder: Path, run: Run) -> None:
    text = json.dumps(_telling(run), indent=1, sort_keys=True, ensure_ascii=False)
    (folder / "run.json").write_text(f"{text}\n", encoding="utf-8")
    run.trace.write(folder / "trace.jsonl")
    write_wav(folder / "audio.wav", interleave(run.user_pcm, run.bot_pcm), channels=2)
    with (folder / "turns.csv").open("w", encoding="utf-8", newline="") as file:
        columns = ("turn", *flat(Turn(0, 0.0, "", "", Stages())))
        table = csv.DictWriter(file, columns, lineterminator="\n")
        table.writeheader()
        table.writerows({"turn": turn.turn, **flat(turn)} for turn in turns(run.trace))


def _telling(run: Run) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "scenario": to_plain(run.scenario) | {"path": None, "audio": None},
        "stack": to_plain(run.stack),
        "simulated": run.simulated,
        "assumptions": list(run.assumptions),
        "settings": to_plain(run.scenario.setup.settings),
        "seed": run.seed,
        "repeat": run.repeat,
        "clock": run.clock,
        "versions": dict(_versions()),
        "written_at": clock.wall_iso(),
        "wall_seconds": run.wall_seconds,
        "digest": run.digest,
        "status": run.status,
        "void": redacted(run.void),
        "verdicts": [to_plain(verdict) for verdict in run.verdicts],
        "messages": [to_plain(message) for message in run.messages],
    }


@cache
def _versions() -> tuple[tuple[str, str], ...]:
    return (("python", platform.python_version()), *((n, _version(n)) for n in NAMED_VERSIONS))


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _told(folder: Path) -> Mapping[str, Any]:
    """What `run.json` says, once it is known to be one of ours."""
    path = folder / "run.json"
    try:
        if path.stat().st_size > LARGEST_JSON_BYTES:
            raise ConfigError(f"{path} is no run: more than {LARGEST_JSON_BYTES} bytes")
        told = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(f"{folder} is no run: no run.json in it") from error
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    if not isinstance(told, dict) or cast(dict[str, Any], told).get("format") != FORMAT:
        raise ConfigError(f"{path} is no run: its format is not {FORMAT!r}")
    return cast(dict[str, Any], told)


def _run(told: Mapping[str, Any]) -> Run:
    return Run(
        scenario=from_plain(Scenario, told["scenario"]),
        stack=from_plain(Stack, told["stack"]),
        seed=int(told["seed"]),
        repeat=int(told["repeat"]),
        clock=str(told["clock"]),
        trace=Trace(),
        messages=tuple(dict(message) for message in told["messages"]),
        assumptions=tuple(map(str, told["assumptions"])),
        void=str(told["void"]),
        wall_seconds=float(told["wall_seconds"]),
        verdicts=[from_plain(Verdict, verdict) for verdict in told["verdicts"]],
    )


def _voices(path: Path) -> tuple[bytes, bytes]:
    with wave.open(str(path), "rb") as file:
        shape = file.getnchannels(), file.getsampwidth(), file.getframerate()
        if shape != (2, 2, SAMPLE_RATE):
            raise ValueError(f"{path.name} is not 16-bit stereo at {SAMPLE_RATE} Hz")
        samples = to_samples(file.readframes(file.getnframes()))
    return to_pcm(samples[0::2]), to_pcm(samples[1::2])
