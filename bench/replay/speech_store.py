"""A step in, its sound and words out: speech kept beside the scenarios, by a hash of what is said.

A sound is a WAV (16 kHz mono) and a JSON of the same name that tells its words and their samples.
Nothing here speaks: a replay needs no speech engine.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from bench.audio import SAMPLE_RATE, samples_in, write_wav
from bench.errors import ConfigError
from bench.events import Word
from bench.replay import sound_files
from bench.replay.document import ScenarioError
from bench.replay.scenario import Scenario, Step, Voice

ENGINE = "espeak-ng"
QUIET = 64  # |sample| up to here is not audible (-54 dBFS)
PAUSE = re.compile(r"<pause\s+(\d+(?:\.\d+)?)\s*(ms|s)>")

Samples = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Rendered:
    """A step's sound: 16 kHz PCM, its words, its first audible sample and one past the last.

    `digest` is the sound's own hash: equal digests are equal stimuli.
    """

    pcm: bytes
    words: tuple[Word, ...]
    first_audible: int
    last_audible: int
    digest: str


class Part(NamedTuple):
    """A stretch of text to speak, and the seconds of silence after it."""

    text: str
    pause_seconds: float


def rendered(scenario: Scenario, step: Step) -> Rendered:
    """The sound of a step that says or plays something.

    Raises:
        ConfigError: its speech has not been rendered, or its file cannot be played.
    """
    if step.play is not None:
        return played(step)
    return spoken(scenario, step.say, step.voice or scenario.setup.voice, step)


def spoken(scenario: Scenario, text: str, voice: Voice, step: Step | None = None) -> Rendered:
    """The rendered speech of a text.

    Raises:
        ConfigError: it has not been rendered, or what is kept of it is damaged.
    """
    path = path_of(scenario, text, voice)
    if not path.is_file() or not path.with_suffix(".json").is_file():
        raise ScenarioError(
            (step and step.file) or scenario.path or scenario.id,
            step.line if step else 0,
            step.id if step else "bot",
            f"{_short(text)} has not been rendered; run: talkbench scenario render {scenario.path}",
        )
    told = _told(path.with_suffix(".json"))
    if told["text"] != text:
        raise ConfigError(f"{path}: this holds other words than its name says; render it anew")
    return _rendered(sound_files.read(path), tuple(Word(*word) for word in told["words"]))


def played(step: Step) -> Rendered:
    """The sound of a file that a step plays.

    Its words come from a JSON of the same name, else they are spread over the sound by their
    length.
    """
    assert step.play is not None
    pcm = sound_files.read(step.play)
    described = step.play.with_suffix(".json")
    if described.is_file():
        return _rendered(pcm, tuple(Word(*word) for word in _told(described)["words"]))
    first, last = audible(np.frombuffer(pcm, dtype="<i2"))
    return _rendered(pcm, _spread(step.text.split(), first, last))


def keep(path: Path, pcm: bytes, words: Sequence[Word], text: str, voice: Voice) -> None:
    """Write a sound and what is known of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    told = {
        "text": text,
        "engine": ENGINE,
        "voice": {"name": voice.name, "speed": voice.speed, "pitch": voice.pitch},
        "words": [[word.text, word.start_sample, word.end_sample] for word in words],
    }
    write_wav(path, pcm)
    path.with_suffix(".json").write_text(
        json.dumps(told, ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
    )


def path_of(scenario: Scenario, text: str, voice: Voice) -> Path:
    """Where the speech of a text is kept: the same text and voice have the same file."""
    if scenario.audio is None:
        raise ConfigError(f"{scenario.id}: has no folder for its speech")
    parts = (ENGINE, voice.name, f"{voice.speed:g}", str(voice.pitch), text)
    digest = blake2b("\x1f".join(parts).encode(), digest_size=10).hexdigest()
    return scenario.audio / f"{digest}.wav"


def parts_of(text: str) -> list[Part]:
    """A text cut at its `<pause …>` marks."""
    pieces = PAUSE.split(text)
    parts: list[Part] = []
    for place in range(0, len(pieces), 3):
        amount, unit = (pieces[place + 1 : place + 3] or ["0", "s"])[:2]
        seconds = float(amount) / (1000 if unit == "ms" else 1)
        parts.append(Part(" ".join(pieces[place].split()), seconds))
    return parts


def words_of(text: str) -> list[str]:
    """The words of a text, its pauses left out."""
    return PAUSE.sub(" ", text).split()


def audible(samples: Samples) -> tuple[int, int]:
    """The first audible sample and one past the last; (0, 0) when there is none."""
    loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > QUIET)
    return (int(loud[0]), int(loud[-1]) + 1) if loud.size else (0, 0)


def seconds_of(sound: Rendered) -> float:
    """How long a sound is."""
    return samples_in(sound.pcm) / SAMPLE_RATE


def _rendered(pcm: bytes, words: tuple[Word, ...]) -> Rendered:
    first, last = audible(np.frombuffer(pcm, dtype="<i2"))
    return Rendered(pcm, words, first, last, blake2b(pcm, digest_size=16).hexdigest())


def _told(path: Path) -> dict[str, Any]:
    """What a JSON beside a sound says.

    Raises:
        ConfigError: it is no such description.
    """
    try:
        told = cast("dict[str, Any]", json.loads(path.read_text("utf-8")))
        words = cast("list[list[Any]]", told["words"])
        sound = all(
            isinstance(word[0], str) and 0 <= int(word[1]) <= int(word[2]) and len(word) == 3
            for word in words
        )
        if not sound:
            raise ValueError("words without their samples")
        return {"text": str(told.get("text", "")), "words": words}
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"{path}: this describes no sound ({error}); render it anew") from None


def _spread(words: Sequence[str], first: int, last: int) -> tuple[Word, ...]:
    """Words over a stretch of sound, each as long as its letters are many."""
    lengths = [max(1, sum(letter.isalnum() for letter in word)) for word in words]
    total, begun = sum(lengths), 0
    spread: list[Word] = []
    for word, length in zip(words, lengths, strict=True):
        start = first + (last - first) * begun // total
        begun += length
        spread.append(Word(word, start, first + (last - first) * begun // total))
    return tuple(spread)


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:37]}...")
