"""Samples and the script's words in, transcripts and their instants out: how a recogniser hears.

Pure: it is told what time it is. A word exists from the instant at which its last sample has
arrived; what was muted never existed.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from bench.audio import SAMPLE_RATE
from bench.engine.transcriber import Transcription
from bench.events import Word
from bench.simulation.audibility import Inaudible
from bench.simulation.context import Simulation
from bench.simulation.mishearing import Heard, Mishearing
from bench.simulation.profiles import SttProfile
from bench.simulation.truth import Said

CLOSING_SAMPLES = 4_800  # 0.3 s of silence after a word close an utterance
ECHO_CLOSING_SAMPLES = 12_800  # 0.8 s: of an echo's words only the ends are known, as they come
PARTIALS_AT_MOST = 1_000  # of one utterance; the places of draws for the next begin beyond
NEVER = float("inf")
NO_SAMPLE = 1 << 62  # beyond any stream


class _Coming(NamedTuple):
    """A word of the script that has not been heard yet, in the order in which words end."""

    end_sample: int
    start_sample: int
    number: int  # in the order of the script, so that no two are equal
    said: Said
    place: int  # in its step
    word: Word


@dataclass(slots=True)
class Utterance:
    """What is being said: its words so far, and when it will be told.

    `step` and `part` (it is the `part`-th of its step, from 0) are the place of its draws.
    `factor` slows all of it down.
    """

    id: str
    step: str
    part: int
    began_at: float
    words: list[Heard] = field(default_factory=list[Heard])
    closed: bool = False
    final_at: float = NEVER
    partial_at: float = NEVER
    next_partial_at: float = 0.0
    partials: int = 0
    shown: int = 0  # words in the newest partial
    factor: float = 1.0

    @property
    def due(self) -> float:
        """The instant of its next transcript."""
        return min(self.partial_at, self.final_at)


class Hearing:
    """What a profile makes of the words of a truth feed.

    Let it have `received` samples, `advance` when it wants to, ask what is `due` and `tell` it.
    `on_begin` gets each utterance before it is planned, `on_close` when its final is.
    """

    def __init__(self, profile: SttProfile, simulation: Simulation) -> None:
        self.profile = profile
        self.samples = 0
        self.utterances: list[Utterance] = []
        self.on_begin: Callable[[Utterance], None] | None = None
        self.on_close: Callable[[Utterance], None] | None = None
        self._simulation = simulation
        self._mishearing = Mishearing(profile, simulation.draws)
        self._read = 0  # of the feed
        self._coming: list[_Coming] = []
        self._numbers = 0
        self._indices: dict[str, int] = {}  # words so far, by step
        self._parts: dict[str, int] = {}  # utterances so far, by step
        self._begun = 0  # utterances
        self._muted = Inaudible()
        self._free_at = 0.0  # the final before is told by then
        self._silent_at = NO_SAMPLE  # where an echo will have been over for long enough
        self._wake = NO_SAMPLE  # the sample at which something happens

    @property
    def due(self) -> float:
        """When there is something to tell; infinity when nothing is known of that."""
        return min((utterance.due for utterance in self.utterances), default=NEVER)

    def received(self, samples: int, *, muted: bool = False) -> bool:
        """Take so many samples; True when it wants to `advance`."""
        self.samples += samples
        if muted:
            self._muted.add(self.samples - samples, self.samples)
        return self.samples >= self._wake or len(self._simulation.feed.said) != self._read

    def advance(self, at: float) -> bool:
        """Hear what has come by now, the instant at which the newest samples came; True when
        something new is due."""
        self._take_in(self._simulation.feed.said)
        came = False
        while self._coming and self._coming[0].end_sample <= self.samples:
            coming = self._coming.pop(0)
            ended_at = round(at - (self.samples - coming.end_sample) / SAMPLE_RATE, 6)
            came |= self._hear(coming, ended_at)
            came |= self._close_after(coming)
        if self.samples >= self._silent_at:
            self._silent_at = NO_SAMPLE
            came |= self._close()
        self._look_ahead()
        return came

    def next(self, at: float) -> Utterance | None:
        """The utterance of which something is due by now, if any."""
        utterance = min(self.utterances, key=lambda each: each.due, default=None)
        return None if utterance is None or utterance.due > at else utterance

    def tell(self, utterance: Utterance, at: float) -> Transcription:
        """What is due of an utterance; with its final it is over."""
        if utterance.final_at > utterance.partial_at:
            return self._partial(utterance, at)
        self.utterances.remove(utterance)
        return self._final(utterance)

    def delay(self, until: float) -> None:
        """Nothing is told before an instant."""
        self._free_at = max(self._free_at, until)
        for utterance in self.utterances:
            utterance.next_partial_at = max(utterance.next_partial_at, until)
            utterance.partial_at = max(utterance.partial_at, until)
            utterance.final_at = max(utterance.final_at, until)

    def begin_at(self, sample: int) -> None:
        """The connection is a new one, from this sample on: what was not final is heard anew."""
        self.samples, self._begun = sample, self._begun - len(self.utterances)
        self._read, self._coming, self._indices = 0, [], {}
        self._take_in(self._simulation.feed.said)
        self.forget()

    def forget(self) -> None:
        """The connection is a new one: each word that has begun is lost."""
        self.utterances.clear()
        self._coming = [word for word in self._coming if word.start_sample >= self.samples]
        self._free_at, self._silent_at = 0.0, NO_SAMPLE
        self._look_ahead()

    def _take_in(self, feed: list[Said]) -> None:
        for said in feed[self._read :]:
            index = self._indices.get(said.step, 0)
            self._indices[said.step] = index + len(said.words)
            if not said.has_words:
                continue
            for place, word in enumerate(said.words, index):
                self._numbers += 1
                coming = _Coming(
                    word.end_sample, word.start_sample, self._numbers, said, place, word
                )
                insort(self._coming, coming)
        self._read = len(feed)

    def _look_ahead(self) -> None:
        coming = self._coming[0].end_sample if self._coming else NO_SAMPLE
        self._wake = min(coming, self._silent_at)

    def _hear(self, coming: _Coming, ended_at: float) -> bool:
        """A word has come to its end."""
        if self._muted.hides(coming.start_sample, coming.end_sample):
            return False
        heard = self._mishearing.hear(coming.said, coming.place, coming.word, ended_at)
        utterance = self._open(coming, ended_at)
        utterance.words.append(heard)
        self._plan_partial(utterance, ended_at)
        return True

    def _open(self, coming: _Coming, ended_at: float) -> Utterance:
        step = coming.said.step
        if (utterance := self._current()) is not None:
            if not utterance.step and step:  # the user speaks into the bot's echo
                utterance.step, utterance.part = step, self._next_part(step)
            return utterance
        part = self._next_part(step)
        self._begun += 1
        began_at = ended_at - (coming.end_sample - coming.start_sample) / SAMPLE_RATE
        utterance = Utterance(f"u{self._begun}", step, part, began_at)
        draws = self._simulation.draws
        if self.on_begin is not None:
            self.on_begin(utterance)
        wait = self.profile.first_partial.draw(draws, step, "stt.first_partial", part)
        utterance.next_partial_at = max(began_at + wait * utterance.factor, self._free_at)
        self.utterances.append(utterance)
        return utterance

    def _next_part(self, step: str) -> int:
        part = self._parts.get(step, 0)
        self._parts[step] = part + 1
        return part

    def _current(self) -> Utterance | None:
        """The utterance that is still open."""
        newest = self.utterances[-1] if self.utterances else None
        return None if newest is None or newest.closed else newest

    def _close_after(self, coming: _Coming) -> bool:
        """Close the utterance when silence follows, as far as anybody has planned to speak; an echo
        is not planned, so it is over when it has been silent."""
        utterance, self._silent_at = self._current(), NO_SAMPLE
        if utterance is None:
            return False
        following = self._coming[0] if self._coming else None
        ended = utterance.words[-1].word.end_sample
        if following is not None:
            if following.start_sample - ended < CLOSING_SAMPLES:
                return False
            if following.said is coming.said and self._waits(coming):
                return False
        if not coming.said.own:
            self._silent_at = ended + ECHO_CLOSING_SAMPLES
            return False
        return self._close()

    def _close(self) -> bool:
        utterance, draws = self._current(), self._simulation.draws
        if utterance is None:
            return False
        wait = self.profile.final.draw(draws, utterance.step, "stt.final", utterance.part)
        ended_at = utterance.words[-1].ended_at
        utterance.closed = True
        utterance.final_at = round(max(ended_at + wait * utterance.factor, self._free_at), 6)
        self._free_at = utterance.final_at
        if self.on_close is not None:
            self.on_close(utterance)
        return True

    def _waits(self, coming: _Coming) -> bool:
        """Whether a detector of turns sees that the pause after a word is not the end."""
        profile, draws = self.profile, self._simulation.draws
        if not profile.detects_turns:
            return False
        return draws.uniform(coming.said.step, "stt.end", coming.place) >= profile.false_end_rate

    def _plan_partial(self, utterance: Utterance, ended_at: float) -> None:
        if utterance.partial_at == NEVER and utterance.partials < PARTIALS_AT_MOST:
            shown_at = ended_at + self.profile.partial_lag_seconds * utterance.factor
            utterance.partial_at = round(max(utterance.next_partial_at, shown_at), 6)

    def _partial(self, utterance: Utterance, at: float) -> Transcription:
        lag = self.profile.partial_lag_seconds * utterance.factor
        heard = [each for each in utterance.words if each.ended_at + lag <= at + 1e-6]
        fresh = heard[utterance.shown :]
        words = [each.word_in(each.text) for each in heard[: utterance.shown]]
        words += [each.word_in(each.first) for each in fresh]
        utterance.shown = len(heard)
        place = utterance.part * PARTIALS_AT_MOST + utterance.partials
        draws = self._simulation.draws
        wait = self.profile.partial_every.draw(draws, utterance.step, "stt.partial", place)
        utterance.partials += 1
        utterance.next_partial_at = round(at + wait * utterance.factor, 6)
        utterance.partial_at = NEVER
        if len(heard) < len(utterance.words):
            self._plan_partial(utterance, utterance.words[len(heard)].ended_at)
        elif any(each.first != each.text for each in fresh):  # to be corrected
            utterance.partial_at = utterance.next_partial_at
        return transcription(utterance.id, words, final=False)

    def _final(self, utterance: Utterance) -> Transcription:
        words = [heard.word_in(heard.text) for heard in utterance.words]
        said = transcription(utterance.id, words, final=True)
        said.ends_turn = True if self.profile.detects_turns else None
        return said


def transcription(id: str, heard: Sequence[Word], *, final: bool) -> Transcription:
    """Words as a transcriber tells them; those that were missed are left out."""
    words = tuple(word for word in heard if word.text)
    text = " ".join(word.text for word in words)
    confidence = round(sum(word.confidence for word in words) / max(1, len(words)), 3)
    return Transcription(text, confidence, is_final=final, words=words, utterance_id=id)
