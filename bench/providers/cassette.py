"""What providers were given and what they gave, into a folder and out of it again: cassettes.

A cassette is a folder: `events.jsonl` holds who took part and then one line for everything that a
provider did at its seam, with its time; `speech.pcm` the audio of the voices, which the lines refer
to. Instants are seconds since the request, or since the microphone's sample that came last; `at` is
when the request came, or the event, in seconds since the recording began. `by` is who did it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from bench import clock, errors
from bench.errors import ConfigError, ProviderError, RateLimited
from bench.providers.scrubbing import all_texts, hide, holds_any
from bench.settings import Secret

T = TypeVar("T")
M = TypeVar("M")

VERSION = 2
EVENTS, SPEECH = "events.jsonl", "speech.pcm"
ROLES = ("transcriber", "agent", "synthesizer")
FALLBACK = "_fallback"  # how a backup's name ends
ANEW = "record it anew with `talkbench record`"


@dataclass(frozen=True, slots=True)
class Part:
    """Who was recorded; `rate` is that of their audio in Hz, 0 where there is none.

    `role` is one of `ROLES`, for a backup with `_fallback` after it; a voice that the conversation
    was changed to has a number: `synthesizer_2`.
    """

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


@dataclass(slots=True)
class Heard:
    """A transcription, or a failure: `after_seconds` after sample `samples` of the microphone had
    come, or after listening began. `sound` is the digest of all audio until then; `said` the
    fields of the transcription."""

    samples: int
    sound: str
    after_seconds: float
    said: Mapping[str, Any] | None = None
    failed: Failure | None = None
    by: str = "transcriber"
    at: float = 0.0


@dataclass(slots=True)
class Answered:
    """An answer: `asked` is the digest of what it was asked, with the history; `pieces` are
    (seconds, fields of the response). One that is not `whole` was left at `ended_seconds`."""

    asked: str
    human_input: str
    pieces: Sequence[tuple[float, Mapping[str, Any]]] = ()
    ended_seconds: float = 0.0
    whole: bool = False
    failed: Failure | None = None
    by: str = "agent"
    at: float = 0.0


@dataclass(slots=True)
class Spoke:
    """The speech of a text.

    A text that was being written came in `pieces` of (seconds, text). `chunks` are (seconds, bytes,
    words known by then), of which the audio lies in a row from `begins` of the cassette's speech
    on; `words` are (word, end sample). Where words are `estimated`, chunks have instead of their
    number the sample at which the whole was taken to end. `created_seconds` is None where nothing
    began. One that is not `whole` was left at `ended_seconds`.
    """

    text: str
    chunk_bytes: int
    begins: int = 0
    created_seconds: float | None = None
    pieces: Sequence[tuple[float, str]] | None = None
    chunks: Sequence[tuple[float, int, int]] = ()
    words: Sequence[tuple[str, int]] = ()
    estimated: bool = False
    ended_seconds: float = 0.0
    whole: bool = False
    failed: Failure | None = None
    by: str = "synthesizer"
    at: float = 0.0

    @property
    def bytes(self) -> int:
        """How much audio it has."""
        return sum(size for _, size, _ in self.chunks)


Event = Heard | Answered | Spoke
_KINDS: Mapping[str, type[Event]] = {kind.__name__: kind for kind in (Heard, Answered, Spoke)}


@dataclass(slots=True)
class Cassette:
    """A recording: who took part, by their roles, what they did in order, and the voices' audio.

    It `is_full` once the microphone gave more than `most_seconds`; nothing that begins from then on
    is kept. None of `secrets` is written with it.
    """

    parts: dict[str, Part] = field(default_factory=dict[str, Part])
    events: list[Event] = field(default_factory=list[Event])
    speech: bytearray = field(default_factory=bytearray)
    most_seconds: float = math.inf
    is_full: bool = False
    began_at: float = 0.0
    secrets: tuple[Secret, ...] = ()

    def keep(self, event: Event) -> bool:
        """Add an event, whose fields may become known later; False when there is no room."""
        event.at = since(self.began_at)
        if not self.is_full:
            self.events.append(event)
        return not self.is_full

    def of(self, kind: type[T], by: str = "") -> list[T]:
        """The events of one kind, or those by one of its parts."""
        return [e for e in self.events if isinstance(e, kind) and by in ("", e.by)]

    def write(self, folder: Path) -> None:
        """Write it; whatever of its secrets stands in it is put as `***`.

        Raises:
            ConfigError: a secret can be read in it all the same, or nothing can be written there.
        """
        head = {
            "cassette": VERSION,
            EVENTS: len(self.events),
            SPEECH: len(self.speech),
            "parts": list(self.parts.values()),
        }
        lines = [head, *({type(event).__name__: event} for event in self.events)]
        document: Any = json.loads(json.dumps(lines, default=_plain))
        hide(document, self.secrets)
        text = "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in document)
        for name, content in (
            (EVENTS, text.encode()),
            (EVENTS, all_texts(document).encode()),
            (SPEECH, self.speech),
        ):
            if holds_any(content, self.secrets):
                raise ConfigError(
                    f"{folder} is not written: one of your keys could be read in its {name}. "
                    f"A provider told it: give them a key that may be seen, and {ANEW}"
                )
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / SPEECH).write_bytes(self.speech)
            (folder / EVENTS).write_text(text, "utf-8")
        except OSError as error:
            raise ConfigError(f"{folder} cannot be written: {error.strerror}") from None

    @classmethod
    def read(cls, folder: Path) -> Cassette:
        """Read one.

        Raises:
            ConfigError: there is none, or it is of another version or damaged; it says what to do.
        """
        if not (folder / EVENTS).is_file():
            raise ConfigError(f"there is no cassette at {folder}: `talkbench record` makes one")
        first, *lines = _content(folder, EVENTS).decode("utf-8", "replace").rstrip("\n").split("\n")
        head = _told(folder, 1, dict[str, Any], first)
        if (version := head.get("cassette")) != VERSION:
            raise ConfigError(f"{folder}: {_of_another(version)}")
        speech = _content(folder, SPEECH)
        for file, there, unit in ((EVENTS, lines, "events"), (SPEECH, speech, "bytes")):
            if len(there) != head.get(file):
                raise _damaged(folder, f"{file} has {len(there)} {unit} of {head.get(file)}")
        parts = _told(folder, 1, _parts, first)
        events = [_told(folder, number, _event, line) for number, line in enumerate(lines, 2)]
        return cls(parts, events, bytearray(speech))


def since(instant: float) -> float:
    """Seconds from an instant of the clock to now, to the microsecond."""
    return round(clock.now() - instant, 6)


class Digest:
    """A running digest of audio or text, short enough to read."""

    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=8)

    def add(self, piece: bytes | str) -> None:
        """More of it."""
        self._hash.update(piece.encode() if isinstance(piece, str) else piece)

    def __str__(self) -> str:
        return self._hash.hexdigest()


def _plain(value: Any) -> dict[str, Any]:
    """A dataclass without what is as it is by default."""
    fields = ((entry, getattr(value, entry.name)) for entry in dataclasses.fields(value))
    return {entry.name: told for entry, told in fields if told != entry.default}


def _parts(head: Mapping[str, Any]) -> dict[str, Part]:
    return {one["role"]: Part(**one) for one in head["parts"]}


def _event(line: Mapping[str, Any]) -> Event:
    ((name, content),) = line.items()
    fields = dict(content)
    if fields.get("failed") is not None:
        fields["failed"] = Failure(**fields["failed"])
    return _KINDS[name](**fields)


def _content(folder: Path, file: str) -> bytes:
    try:
        return (folder / file).read_bytes()
    except OSError as error:
        raise _damaged(folder, f"{file}: {error.strerror}") from None


def _told(folder: Path, number: int, make: Callable[[Any], M], line: str) -> M:
    """What a line of a cassette says."""
    try:
        return make(json.loads(line))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        why = f"line {number} of {EVENTS} makes no sense ({type(error).__name__})"
        raise _damaged(folder, why) from None


def _damaged(folder: Path, what: str) -> ConfigError:
    return ConfigError(f"{folder} is a damaged cassette: {what}. Copy it again, or {ANEW}")


def _of_another(version: object) -> str:
    if not isinstance(version, int):
        return f"{EVENTS} is not that of a cassette: `talkbench record` makes one"
    if version > VERSION:
        newer = f"a cassette of version {version}, and this Talkbench reads version {VERSION}"
        return f"{newer}: take a newer Talkbench, or {ANEW}"
    return f"a cassette of version {version}, which is not read any more: {ANEW}"
