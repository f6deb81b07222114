"""A virtual run in, the same one later out, or what changed first: order, heard words, context.

A golden file is JSON lines, fit for version control. It holds every fact; what must be equal is the
order of events, the words heard and the history. Times and positions that moved, and settings that
changed, are told beside it.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, cast

from bench.errors import ConfigError
from bench.replay.folder import place
from bench.replay.runs import Run, Status
from bench.trace import entry_to_dict
from bench.truths import ListenerHeard

FORMAT = "talkbench golden 1"
FILE = "golden.jsonl"
PARTS = ("event_order", "heard", "context")
MOST_DIFF_LINES = 60

# Where and how long: what may move while the order stays.
_MEASURED = frozenset({"at", "samples", "played", "dropped", "confidence", "words", "settings"})
_UNSTABLE = frozenset({"id"})  # of a message: counted in the process, not in the conversation
_MEASURED_ENDINGS = ("_sample", "_samples", "_at", "_seconds", "_db", "_semitones")


@dataclass(frozen=True, slots=True)
class Golden:
    """What of a run is compared: its facts and its history, as plain dictionaries.

    Lists of words in facts stand as their number and a hash. `digest` is the whole trace's.
    """

    name: str
    digest: str
    facts: tuple[dict[str, Any], ...]
    messages: tuple[dict[str, Any], ...]

    def part(self, name: str) -> tuple[str, ...]:
        """The lines of one of `PARTS`, or of `moments`: every fact with all its figures."""
        match name:
            case "event_order":
                return tuple(_line(_settled(fact)) for fact in self.facts)
            case "heard":
                return tuple(_heard(self.facts))
            case "context":
                return tuple(_json(message) for message in self.messages)
            case _:
                return tuple(f"{fact['at']:.6f} {_line(fact)}" for fact in self.facts)


@dataclass(frozen=True, slots=True)
class Difference:
    """How one part differs: its first change in words, and a unified diff."""

    part: str
    first: str
    diff: str


@dataclass(frozen=True, slots=True)
class Likeness:
    """A run beside its golden file.

    `differences` are in parts that must be equal; `notes` tell of everything else that is not the
    same; `missing` says why there was nothing to compare.
    """

    name: str
    differences: tuple[Difference, ...] = ()
    notes: tuple[str, ...] = ()
    missing: str = ""

    @property
    def status(self) -> Status:
        """Void where nothing could be compared."""
        if self.missing:
            return "void"
        return "fail" if self.differences else "pass"

    def text(self) -> str:
        """For people: what changed first, then the diffs, then the notes."""
        lines = [f"{self.name}: {self._said()}"]
        for difference in self.differences:
            lines += [f"  {difference.part}: {difference.first}"]
            lines += [f"    {line}" for line in difference.diff.splitlines()]
        lines += [f"  note: {note}" for note in self.notes]
        return "\n".join(lines)

    def _said(self) -> str:
        if self.missing:
            return self.missing
        if not self.differences:
            return "as before"
        return f"not as before in {', '.join(d.part for d in self.differences)}"


def golden(run: Run) -> Golden:
    """What of a run is compared."""
    messages = ({k: v for k, v in m.items() if k not in _UNSTABLE} for m in run.messages)
    facts = (_condensed(entry_to_dict(entry)) for entry in run.trace)
    return Golden(run.name, run.digest, tuple(facts), tuple(messages))


def store(run: Run, folder: Path) -> Path:
    """Keep a run's golden file under `folder`, at `<scenario>/<stack>/<repeat>/golden.jsonl`.

    Raises:
        ConfigError: the run was not in virtual time, counts for nothing, or cannot be written.
    """
    if run.clock != "virtual":
        raise ConfigError(f"{run.name}: only a run in virtual time is the same every time")
    if run.void:
        raise ConfigError(f"{run.name} counts for nothing: {run.void}")
    path = place(run, folder) / FILE
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{line}\n" for line in _written(golden(run))), encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror or error}") from error
    return path


def compare(run: Run, folder: Path) -> Likeness:
    """Hold a run against its golden file under `folder`.

    Raises:
        ConfigError: the file is there and is no golden file of this version.
    """
    path = place(run, folder) / FILE
    if run.clock != "virtual":
        return Likeness(run.name, missing="not compared to the word: it ran on the wall clock")
    if not path.is_file():
        return Likeness(run.name, missing="nothing stored to compare with")
    return compare_goldens(_read(path), golden(run), run.scenario.gate.exact)


def compare_goldens(before: Golden, after: Golden, exact: Sequence[str] = PARTS) -> Likeness:
    """Hold one against the other; parts that need not be `exact` are told of in notes."""
    differences = [d for part in PARTS if (d := _difference(part, before, after)) is not None]
    notes = [f"{d.part}: {d.first}" for d in differences if d.part not in exact]
    if before.part("event_order") == after.part("event_order"):
        notes += _moved(before.part("moments"), after.part("moments"))
    if not differences and not notes and before.digest != after.digest:
        notes.append("the traces differ in something that a golden file does not hold")
    return Likeness(after.name, tuple(d for d in differences if d.part in exact), tuple(notes))


def _difference(part: str, before: Golden, after: Golden) -> Difference | None:
    a, b = before.part(part), after.part(part)
    if a == b:
        return None
    shown = (a, b)
    if part == "event_order":
        shown = before.part("moments"), after.part("moments")
    return Difference(part, _first(a, b, *shown), "\n".join(_diff(a, b, *shown)))


def _first(
    a: Sequence[str], b: Sequence[str], shown_a: Sequence[str], shown_b: Sequence[str]
) -> str:
    """The first place where two parts differ, in words."""
    place = next(
        (i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b))
    )
    was = shown_a[place].strip() if place < len(a) else "nothing more"
    now = shown_b[place].strip() if place < len(b) else "nothing more"
    return f"first at line {place + 1}: was {was} – now {now}"


def _diff(
    a: Sequence[str], b: Sequence[str], shown_a: Sequence[str], shown_b: Sequence[str]
) -> Iterator[str]:
    """A unified diff of `a` and `b` in which the lines are shown as `shown_a` and `shown_b`."""
    told = 0
    for group in difflib.SequenceMatcher(None, a, b, autojunk=False).get_grouped_opcodes(2):
        lines = [f"@@ -{group[0][1] + 1} +{group[0][3] + 1} @@"]
        for kind, i, j, k, m in group:
            if kind == "equal":
                lines += [f"  {line}" for line in shown_b[k:m]]
                continue
            lines += [f"- {line}" for line in shown_a[i:j]]
            lines += [f"+ {line}" for line in shown_b[k:m]]
        yield from lines[: max(0, MOST_DIFF_LINES - told)]
        told += len(lines)
    if told > MOST_DIFF_LINES:
        yield f"… and {told - MOST_DIFF_LINES} lines more"


def _moved(before: Sequence[str], after: Sequence[str]) -> Iterator[str]:
    """What changed in facts that are the same ones: instants, positions, settings."""
    moved = [(x.strip(), y.strip()) for x, y in zip(before, after, strict=True) if x != y]
    if moved:
        was, now = moved[0]
        many = "1 fact" if len(moved) == 1 else f"{len(moved)} facts"
        yield f"{many} moved or changed in figures, first: was {was} – now {now}"


# The lines


def _condensed(fact: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _number_and_hash(cast(Sequence[object], value)) if name == "words" else value
        for name, value in fact.items()
    }


def _number_and_hash(words: Sequence[object]) -> str:
    return f"{len(words)}#{blake2b(_json(words).encode(), digest_size=4).hexdigest()}"


def _settled(fact: Mapping[str, Any]) -> dict[str, Any]:
    """A fact without what is measured."""
    return {
        name: value
        for name, value in fact.items()
        if name not in _MEASURED and not name.endswith(_MEASURED_ENDINGS)
    }


def _line(fact: Mapping[str, Any]) -> str:
    fields = (f"{name}={_json(fact[name])}" for name in sorted(fact) if name not in ("at", "kind"))
    return " ".join((str(fact["kind"]), *fields))


def _heard(facts: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for fact in facts:
        if fact["kind"] == ListenerHeard.__name__:
            yield f"turn {fact['turn']}, utterance {fact['utterance']}: {_json(fact['text'])}"


def _json(value: object) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


# The file


def _written(kept: Golden) -> Iterator[str]:
    yield _json({"format": FORMAT, "run": kept.name, "digest": kept.digest})
    yield from (_json(fact) for fact in kept.facts)
    yield from (_json({"said": message}) for message in kept.messages)


def _read(path: Path) -> Golden:
    try:
        with path.open(encoding="utf-8") as file:
            head, *lines = (json.loads(line) for line in file)
        if head["format"] != FORMAT:
            raise ValueError(f"its format is not {FORMAT!r}")
        facts = tuple(line for line in lines if "kind" in line)
        said = tuple(line["said"] for line in lines if "said" in line)
        kept = Golden(str(head["run"]), str(head["digest"]), facts, said)
        kept.part("moments")
    except (KeyError, OSError, TypeError, ValueError) as error:
        raise ConfigError(f"{path} is no golden file: {error}") from error
    return kept
