"""Two voices in, which one is better out: heard blind, in a random order, at the same level."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import secrets
from array import array
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Literal

from bench.app.page.speaking import pcm_of, wav
from bench.app.page.voices_tab_sounds import Sounds
from bench.app.page.voices_tab_takes import Take
from bench.audio import to_samples
from bench.errors import ConfigError

MOST_VOTES = 1000  # of a visitor's, the newest
ANY = ""  # of a picker: whichever the draw gives

Vote = Literal["A", "B", "no difference"]
VOTES: tuple[Vote, ...] = ("A", "B", "no difference")


@dataclass(frozen=True, slots=True)
class Trial:
    """Two takes of a sentence, heard as A and B; `seed` has decided which is which."""

    seed: int
    sentence: str
    a: Take
    b: Take
    sounds: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Voted:
    """What somebody said of two voices that they heard blind; `preferred` is a voice's name, empty
    where there was no difference."""

    sentence: str
    seed: int
    a: str
    b: str
    vote: Vote
    preferred: str


@dataclass(slots=True)
class Ballot:
    """A visitor's votes, and the trial that waits for one."""

    votes: list[Voted] = field(default_factory=list[Voted])
    trial: Trial | None = None

    def vote(self, vote: Vote) -> Voted:
        """Decide the trial.

        Raises:
            ConfigError: there is none to decide.
        """
        trial, self.trial = self.trial, None
        if trial is None or vote not in VOTES:
            raise ConfigError("There is nothing to vote on: listen blind first.")
        a, b = trial.a.candidate.name, trial.b.candidate.name
        preferred = {"A": a, "B": b}.get(vote, "")
        voted = Voted(trial.sentence, trial.seed, a, b, vote, preferred)
        self.votes = [*self.votes, voted][-MOST_VOTES:]
        return voted

    def tally(self) -> dict[tuple[str, str], tuple[int, int, int]]:
        """For each pair of voices, by name: votes for the first, for the second, for neither."""
        counted: dict[tuple[str, str], tuple[int, int, int]] = {}
        for vote in self.votes:
            first, second = pair = (min(vote.a, vote.b), max(vote.a, vote.b))
            one, other, neither = counted.get(pair, (0, 0, 0))
            counted[pair] = (
                one + (vote.preferred == first),
                other + (vote.preferred == second),
                neither + (not vote.preferred),
            )
        return counted

    def as_json(self) -> str:
        """All votes, and the tally of each pair."""
        pairs = [
            {
                "voices": list(pair),
                "votes": dict(zip((*pair, "no difference"), counts, strict=True)),
            }
            for pair, counts in self.tally().items()
        ]
        content = {"votes": [asdict(vote) for vote in self.votes], "pairs": pairs}
        return json.dumps(content, indent=2, ensure_ascii=False) + "\n"

    def as_csv(self) -> str:
        """A row a vote."""
        file = io.StringIO()
        out = csv.DictWriter(file, list(Voted.__dataclass_fields__), lineterminator="\n")
        out.writeheader()
        out.writerows(_harmless(asdict(vote)) for vote in self.votes)
        return file.getvalue()


def new_seed() -> int:
    """What decides a trial: nobody knows it before the vote."""
    return secrets.randbits(32)


def drawn(seed: int, made: Sequence[Take], first: str, second: str) -> tuple[Take, Take]:
    """The two takes of a trial, A before B: those named, or whichever the seed gives.

    Raises:
        ConfigError: there are no two of them.
    """
    left = sorted(made, key=lambda take: _luck(seed, "pair", take.candidate.name))
    pair: list[Take] = []
    for name in sorted((first, second), key=lambda name: name == ANY):
        found = [take for take in left if name in (ANY, take.candidate.name)]
        if not found:
            raise ConfigError("Choose two voices that have spoken this sentence.")
        pair.append(found[0])
        left.remove(found[0])
    a, b = sorted(pair, key=lambda take: _luck(seed, "order", take.candidate.name))
    return a, b


def levelled(one: Take, other: Take, sounds: Sounds) -> tuple[str, str]:
    """Two takes anew under other names, the louder one as soft as the other: what is louder sounds
    better. It takes a few tenths of a second.

    Raises:
        ConfigError: a sound is not kept any more.
    """
    levels = [take.figures.loudness_db if take.figures else None for take in (one, other)]
    known = [level for level in levels if level is not None]
    softest = min(known, default=0.0)
    first, second = (
        _scaled(sounds.find(take.sound), 1.0 if level is None else 10 ** ((softest - level) / 20))
        for take, level in zip((one, other), levels, strict=True)
    )
    return sounds.keep(first), sounds.keep(second)


def _scaled(sound: bytes | None, gain: float) -> bytes:
    if sound is None:
        raise ConfigError("These sounds are not kept any more: compare again.")
    pcm, rate = pcm_of(sound)
    return wav(array("h", (round(sample * gain) for sample in to_samples(pcm))).tobytes(), rate)


def _luck(seed: int, *parts: str) -> bytes:
    text = "\n".join([str(seed), *parts])
    return hashlib.blake2b(text.encode(), digest_size=8).digest()


def _harmless(row: dict[str, object]) -> dict[str, object]:
    """A row whose texts no spreadsheet takes for formulas."""
    return {
        name: f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@") else value
        for name, value in row.items()
    }
