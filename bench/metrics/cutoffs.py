"""A trace in, who knows what was heard out: the history beside what left the loudspeaker."""

from __future__ import annotations

from dataclasses import dataclass

from bench.audio import SAMPLE_RATE
from bench.events import SynthesisFinished
from bench.metrics.barge_in import Share, stopper
from bench.metrics.reading import Readable, Reading, read
from bench.metrics.utterances import Utterance
from bench.metrics.words import alignment, distance, words_of


@dataclass(frozen=True, slots=True)
class Cut:
    """An answer that was cut off: what was to be said, what was heard of it, what the history says.

    `heard` is the loudspeaker's truth and None without it; so then are the errors. `error_words`
    is how many words more the history holds than were heard (below 0: fewer), `off_words` how many
    words differ, `phantom_characters` the letters of words in the history that never were heard.
    `cut_words` were to be said and not heard, `cut_seconds` of sound were made and not heard, of
    which `unplayed_seconds` had been sent to the loudspeaker.
    """

    utterance: int
    turn: int
    step: str
    intended: str
    context: str
    heard: str | None
    estimated: bool
    unplayed_seconds: float
    cut_seconds: float

    @property
    def error_words(self) -> int | None:
        """`len(context) - len(heard)`, in words."""
        if self.heard is None:
            return None
        return len(words_of(self.context)) - len(words_of(self.heard))

    @property
    def off_words(self) -> int | None:
        """The word distance between the history and what was heard."""
        return (
            None if self.heard is None else distance(words_of(self.heard), words_of(self.context))
        )

    @property
    def phantom_characters(self) -> int | None:
        """Letters of words in the history that nobody heard; a word is joined by a space."""
        if self.heard is None:
            return None
        heard, context = words_of(self.heard), words_of(self.context)
        phantoms = [
            context[j]
            for i, j in alignment(heard, context)
            if j is not None and (i is None or heard[i] != context[j])
        ]
        return len(" ".join(phantoms))

    @property
    def cut_words(self) -> int | None:
        """Words that were to be said and were not heard."""
        if self.heard is None:
            return None
        return max(0, len(words_of(self.intended)) - len(words_of(self.heard)))


def cuts(trace: Readable) -> list[Cut]:
    """Every answer that an interrupt took something away from, in order; also one of which nothing
    was heard, if some of it had been sent."""
    told = read(trace)
    return [_cut(told, said) for said in told.utterances if said.interrupted]


def within(trace: Readable, words: int) -> Share | None:
    """How many cut answers stand in the history with at most so many words wrong, of how many;
    None when nothing was cut off, or nobody knows what was heard."""
    known = [cut.off_words for cut in cuts(trace) if cut.off_words is not None]
    return (sum(off <= words for off in known), len(known)) if known else None


def _cut(told: Reading, said: Utterance, sample_rate: int = SAMPLE_RATE) -> Cut:
    assert said.cut is not None
    step = stopper(told, said)
    made = max(_made(told, said), said.cut.played + said.cut.dropped)
    heard = said.heard
    if heard is None and said.truth:
        heard = ""
    return Cut(
        said.id,
        said.turn,
        step.step if step is not None else "",
        said.intended,
        said.cut.context,
        heard,
        said.cut.estimated,
        said.cut.dropped / sample_rate,
        (made - (said.samples if said.samples is not None else said.cut.played)) / sample_rate,
    )


def _made(told: Reading, said: Utterance) -> int:
    """Samples that synthesis calls of the utterance's turn have brought to their end by the cut; of
    one that was under way nobody knows."""
    turn = next((turn for turn in told.turns if turn.number == said.turn), None)
    if turn is None or said.cut_at is None or told.answer(turn) not in (said, None):
        return 0
    return sum(
        fact.samples
        for at, fact in turn.facts
        if isinstance(fact, SynthesisFinished) and at <= said.cut_at
    )
