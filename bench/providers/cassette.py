"""What providers were given and what they gave, into a folder and out of it again: cassettes.

A cassette is a folder: `events.jsonl` holds who took part and then one line for everything that a
provider did at its seam, with its time; `speech.pcm` the audio of the voice, which the lines refer
to. Instants are seconds since the request, or since the microphone's sample that came last.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from bench import errors
from bench.errors import ConfigError, ProviderError, RateLimited
from bench.settings import Secret

T = TypeVar("T")

VERSION = 1
EVENTS, SPEECH = "events.jsonl", "speech.pcm"
ROLES = ("transcriber", "agent", "synthesizer")


@dataclass(frozen=True, slots=True)
class Part:
    """Who was recorded in a role; `rate` is that of its audio in Hz, 0 where there is none."""

    role: str
    provider: str
    model: str = ""
    voice: str = ""
    rate: int = 0


@dataclass(frozen=True, slots=True)
class Failure:
    """An error of a provider's, by its class."""

    kind: str
    reason: str = ""
    after_seconds: float | None = None
    retry_after_seconds: float | None = None

    @classmethod
    def of(cls, error: ProviderError) -> Failure:
        """An error as a cassette has it."""
        wait = error.retry_after_seconds if isinstance(error, RateLimited) else None
        return cls(error.kind, error.reason, error.after_seconds, wait)

    def error(self, provider: str) -> ProviderError:
        """The error again."""
        if self.kind == "RateLimited":
            return RateLimited(provider, self.reason, self.after_seconds, self.retry_after_seconds)
        return getattr(errors, self.kind)(provider, self.reason, self.after_seconds)


@dataclass(frozen=True, slots=True)
class Heard:
    """A transcription, or a failure: `after_seconds` after sample `samples` of the microphone had
    come. `sound` is the digest of all audio until then; `said` the fields of the transcription."""

    samples: int
    sound: str
    after_seconds: float
    said: Mapping[str, Any] | None = None
    failed: Failure | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer: `asked` is the digest of what it was asked, with the history; `pieces` are
    (seconds, fields of the response). `ended_seconds` is None when nobody waited for the end."""

    asked: str
    human_input: str
    pieces: Sequence[tuple[float, Mapping[str, Any]]] = ()
    ended_seconds: float | None = None
    failed: Failure | None = None


@dataclass(frozen=True, slots=True)
class Spoke:
    """The speech of a text: `chunks` are (seconds, bytes, words known by then), of which the audio
    lies in a row from `begins` of the cassette's speech on; `words` are (word, end sample)."""

    text: str
    chunk_bytes: int
    begins: int = 0
    created_seconds: float = 0.0
    chunks: Sequence[tuple[float, int, int]] = ()
    words: Sequence[tuple[str, int]] = ()
    estimated: bool = False
    ended_seconds: float | None = None
    failed: Failure | None = None


Event = Heard | Answered | Spoke


@dataclass(slots=True)
class Cassette:
    """A recording: who took part, what they did in order, and the voice's audio.

    It `is_full` once the microphone gave more than `most_seconds`; nothing is kept from then on.
    """

    parts: dict[str, Part] = field(default_factory=dict[str, Part])
    events: list[Event] = field(default_factory=list[Event])
    speech: bytearray = field(default_factory=bytearray)
    most_seconds: float = math.inf
    is_full: bool = False

    def keep(self, event: Event, pcm: bytes = b"") -> None:
        """Add an event, and the audio that it refers to, while there is room."""
        if not self.is_full:
            self.events.append(event)
            self.speech += pcm

    def of(self, kind: type[T]) -> list[T]:
        """The events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]

    def write(self, folder: Path, secrets: Sequence[Secret] = ()) -> None:
        """Write it; whatever of `secrets` stands in it is put as `***`."""
        folder.mkdir(parents=True, exist_ok=True)
        head = {"cassette": VERSION, "parts": [self.parts[role] for role in self.parts]}
        lines = [_line(head), *(_line({type(one).__name__: one}) for one in self.events)]
        text = "\n".join(lines) + "\n"
        for secret in secrets:
            text = text.replace(json.dumps(secret.reveal())[1:-1], "***")
        (folder / EVENTS).write_text(text, "utf-8")
        (folder / SPEECH).write_bytes(self.speech)

    @classmethod
    def read(cls, folder: Path) -> Cassette:
        """Read one.

        Raises:
            ConfigError: there is none, or it is of another version or damaged.
        """
        path = folder / EVENTS
        if not path.is_file():
            raise ConfigError(f"there is no cassette at {folder}: `talkbench record` makes one")
        try:
            head, *lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
            if head.get("cassette") != VERSION:
                version = head.get("cassette")
                raise ConfigError(f"{folder}: a cassette of version {version}: record it anew")
            parts = {one["role"]: Part(**one) for one in head["parts"]}
            events = [_event(line) for line in lines]
            speech = bytearray((folder / SPEECH).read_bytes())
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            kind = type(error).__name__
            raise ConfigError(f"{folder}: a damaged cassette ({kind}): record it anew") from None
        return cls(parts, events, speech)


class Digest:
    """A running digest of audio or text, short enough to read."""

    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=8)

    def add(self, piece: bytes | str) -> None:
        """More of it."""
        self._hash.update(piece.encode() if isinstance(piece, str) else piece)

    def __str__(self) -> str:
        return self._hash.hexdigest()


def _line(content: object) -> str:
    return json.dumps(content, default=_plain, sort_keys=True, ensure_ascii=False)


def _plain(value: Any) -> dict[str, Any]:
    """A dataclass without what is as it is by default."""
    fields = ((entry, getattr(value, entry.name)) for entry in dataclasses.fields(value))
    return {entry.name: told for entry, told in fields if told != _default(entry)}


def _default(entry: dataclasses.Field[Any]) -> Any:
    return entry.default if entry.default_factory is dataclasses.MISSING else entry.default_factory


def _event(line: Mapping[str, Any]) -> Event:
    ((name, content),) = line.items()
    kind = {"Heard": Heard, "Answered": Answered, "Spoke": Spoke}[name]
    fields = dict(content)
    if fields.get("failed") is not None:
        fields["failed"] = Failure(**fields["failed"])
    return kind(**fields)
