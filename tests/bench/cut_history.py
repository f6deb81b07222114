"""Figure 3: words wrong in the history of an answer that was cut off, over a sweep of cut points.

Truth is a loudspeaker that plays what it is sent, in time, and counts samples: a word was heard
when its last sample was. In virtual time, so a figure is the same on any machine.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from itertools import zip_longest

from bench import clock
from bench.simulation.loudspeaker import Loudspeaker
from tests.bench import clocks
from tests.bench.baseline import RawTalker
from tests.bench.figures import Figure, Progress
from tests.bench.talkers import EngineTalker
from tests.bench.workload import (
    ANSWER_SECONDS,
    NONE,
    QUESTION,
    SENTENCES,
    Delays,
    Sink,
    spoken,
)

BATCH = 100  # conversations in one virtual loop
REPORT_DELAY_SECONDS = 0.03

DELIVERIES = {
    "at once": NONE,
    "1 s stalls": Delays(first_audio=0.08, pace=5.0, stall_seconds=1.0),
    "2 s stalls": Delays(first_audio=0.08, pace=5.0, stall_seconds=2.0),
    "slow (0.8 ×)": Delays(first_audio=0.08, pace=0.8),
}


@dataclass(frozen=True, slots=True)
class Cut:
    """One cut: what the history kept, and what had sounded."""

    history: tuple[str, ...]
    truth: tuple[str, ...]

    @property
    def wrong(self) -> int:
        """Words too many, too few or other than those heard."""
        return sum(a != b for a, b in zip_longest(self.history, self.truth))


def figures(quick: bool, progress: Progress) -> list[Figure]:
    """Mean words wrong: word times or none, a client that reports or none, four deliveries."""
    cuts = 50 if quick else 200
    found: list[Figure] = []
    for word_times in (True, False):
        for reports in (True, False):
            for name, delays in DELIVERIES.items():
                what = f"{'with' if word_times else 'without'} word times, "
                what += f"{'client reports' if reports else 'no reports'}, {name}"
                progress(f"{cuts} cuts {what}")
                seen = sweep(cuts, delays, word_times=word_times, reports=reports)
                found.append(_figure(what, seen, word_times=word_times))
    progress(f"{cuts} cuts of the baseline")
    return [*found, _baseline(cuts)]


def _figure(what: str, seen: list[Cut], *, word_times: bool) -> Figure:
    key = f"cut.{what.replace(', ', '.').replace(' ', '-')}"
    exact = sum(not cut.wrong for cut in seen) / len(seen)
    goal = "<= 0" if word_times else "<= 0.5"
    note = f"{exact:.1%} exact, worst {max(cut.wrong for cut in seen)}, {len(seen)} cuts"
    return Figure(key, what, _mean(seen), "words", "virtual", goal=goal, note=note)


def _baseline(cuts: int) -> Figure:
    seen = clocks.run(_raw_sweep(cuts), "virtual")
    note = "counts a word when its last chunk was sent"
    return Figure("cut.raw", "the baseline, at once", _mean(seen), "words", "virtual", note=note)


def _mean(seen: list[Cut]) -> float:
    return sum(cut.wrong for cut in seen) / len(seen)


def sweep(cuts: int, delays: Delays, *, word_times: bool, reports: bool) -> list[Cut]:
    """Cut `cuts` answers, at points spread evenly from before the first sample past the last."""
    longest = (ANSWER_SECONDS + 2 * delays.stall_seconds) / min(delays.pace or 1.0, 1.0) + 0.2
    points = [longest * i / cuts for i in range(cuts)]
    found: list[Cut] = []
    for start in range(0, cuts, BATCH):
        batch = _batch(points[start : start + BATCH], delays, word_times, reports)
        found += clocks.run(batch, "virtual")
    return found


async def _batch(points: list[float], delays: Delays, timed: bool, reports: bool) -> list[Cut]:
    return await asyncio.gather(*(one_cut(at, delays, timed, reports) for at in points))


async def one_cut(at: float, delays: Delays, word_times: bool, reports: bool) -> Cut:
    """Ask, wait `at` seconds, interrupt, wait for the client's last word, compare."""
    delay = REPORT_DELAY_SECONDS if reports else 0.0
    speaker = Loudspeaker(reports=reports, report_delay_seconds=delay)
    talker = EngineTalker(delays, word_times=word_times, device=speaker)
    await talker.start()
    talker.hear(QUESTION)
    await clock.sleep(at)
    talker.interrupt()
    await clock.sleep(0.3)
    cut = Cut(tuple(talker.history().split()), words_heard(speaker.position))
    await talker.stop()
    return cut


def words_heard(samples: int) -> tuple[str, ...]:
    """The words of the answer whose last sample is among the first `samples`."""
    found: list[str] = []
    start = 0
    for sentence in SENTENCES:
        clip = spoken(sentence)
        found += [w.text for w in clip.words if start + w.end_sample <= samples]
        start += sum(map(len, clip.chunks)) // 2
    return tuple(found)


async def _raw_sweep(cuts: int) -> list[Cut]:
    async def one(at: float) -> Cut:
        talker = RawTalker()
        await talker.start()
        talker.hear(QUESTION)
        await clock.sleep(at)
        talker.interrupt()
        played = _played(talker.sink, at)
        await talker.stop()
        return Cut(tuple(talker.history().split()), words_heard(played))

    points = [(ANSWER_SECONDS + 0.2) * i / cuts for i in range(cuts)]
    return await asyncio.gather(*(one(at) for at in points))


def _played(sink: Sink, at: float) -> int:
    """Samples a loudspeaker has played that got its first chunk at second 0."""
    return min(round(at * 16_000), sink.chunks * 320)
