"""A trace in, how steady the transcriber is out: which words it showed and took back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from bench.audio import SAMPLE_RATE
from bench.metrics.hearing import Heard
from bench.metrics.reading import Readable, read
from bench.metrics.steps import PlayedStep
from bench.metrics.words import alignment, common_prefix, words_of


@dataclass(frozen=True, slots=True)
class Hypotheses:
    """The partials of one utterance of the transcriber's, in order, and the final they led to."""

    partials: tuple[Heard, ...]
    final: Heard

    @property
    def shown(self) -> list[list[str]]:
        """The words as they were shown, the final's last."""
        return [words_of(heard.text) for heard in (*self.partials, self.final)]

    @property
    def taken_back(self) -> int:
        """Words that were shown and were not there, or not the same, in the next transcript."""
        return sum(len(a) - common_prefix(a, b) for a, b in pairwise(self.shown))


def hypotheses(trace: Readable, step: str | None = None) -> list[Hypotheses]:
    """Every final with words and the partials before it; of one step, when it is named."""
    waiting, found = list[Heard](), list[Hypotheses]()
    for heard in read(trace).heard:
        if not heard.final:
            waiting.append(heard)
            continue
        if words_of(heard.text) and (step is None or step in heard.steps):
            found.append(Hypotheses(tuple(h for h in waiting if words_of(h.text)), heard))
        waiting.clear()
    return found


def upwr(found: Sequence[Hypotheses]) -> float | None:
    """Unstable partial word ratio: words taken back over words in the finals (Shangguan 2020);
    None without partials."""
    told = [h for h in found if h.partials]
    words = sum(len(h.shown[-1]) for h in told)
    return sum(h.taken_back for h in told) / words if words else None


def flicker(found: Sequence[Hypotheses]) -> float | None:
    """Words taken back a second, from the first partial to the final."""
    told = [h for h in found if h.partials and h.final.at > h.partials[0].at]
    seconds = sum(h.final.at - h.partials[0].at for h in told)
    return sum(h.taken_back for h in told) / seconds if seconds else None


def prefix_ok(found: Sequence[Hypotheses]) -> float | None:
    """The share of partials that are a beginning of their final, word for word."""
    shown = [(words_of(partial.text), h.shown[-1]) for h in found for partial in h.partials]
    return sum(a == b[: len(a)] for a, b in shown) / len(shown) if shown else None


def settled(trace: Readable, step: str | None = None) -> list[float]:
    """For every word of a final: from its end to the transcript from which on it, and every word
    before it, never changed.

    Its end is that of the script's word it stands for; of a word that the script does not have, or
    where there is no script, the transcriber's own. Words without a place are left out.
    """
    told = read(trace)
    if told.mic_at is None:
        return []
    waits = list[float]()
    for h in hypotheses(told, step):
        ends = _ends(h, told.step)
        shown, arrivals = h.shown, [*(p.at for p in h.partials), h.final.at]
        for k, end in enumerate(ends):
            if end is not None:
                waits.append(arrivals[_stable_from(shown, k)] - told.mic_at - end / SAMPLE_RATE)
    return waits


def perceived(trace: Readable) -> list[float]:
    """For every step: from its end to the last change of what is shown of it, or to its last
    final, whichever is later (user-perceived latency, arXiv 2104.02207)."""
    told = read(trace)
    waits = list[float]()
    for step in told.steps:
        finals = [heard.at for heard in told.heard if step.step in heard.steps and heard.final]
        if finals and step.sounds:
            waits.append(finals[-1] - step.ended_at)
    return waits


def _stable_from(shown: Sequence[Sequence[str]], k: int) -> int:
    """The first transcript from which on the final's words up to its `k`th stand."""
    wanted = shown[-1][: k + 1]
    place = len(shown) - 1
    while place and list(shown[place - 1][: k + 1]) == list(wanted):
        place -= 1
    return place


def _ends(h: Hypotheses, step_of: Callable[[str], PlayedStep | None]) -> list[int | None]:
    """The last sample of each of the final's words."""
    final = h.shown[-1]
    own = h.final.words
    ends: list[int | None] = [w.end_sample for w in own] if len(own) == len(final) else []
    ends = ends or [None] * len(final)
    step = step_of(h.final.steps[0]) if len(h.final.steps) == 1 else None
    if step is not None:
        script = [words_of(word.text) for word in step.words]
        for i, j in alignment([" ".join(word) for word in script], final):
            if i is not None and j is not None and " ".join(script[i]) == final[j]:
                ends[j] = step.words[i].end_sample
    return ends
