"""A person at a real Chromium in, what they wait for out: the server, an answer, silence.

Speech of espeak-ng is played into the page's microphone, and the page's own sound is recorded on
the same frame clock; the server runs in this process, with its real engines. Durations lie between
audible samples where they can, else between one and a fact of the trace; page and server share
the machine's clock, so those are good to a few milliseconds.
"""

from __future__ import annotations

import bisect
import math
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import sync_playwright

from bench.events import CutOff, Fact, Held, InterruptDecided, PlaybackStarted, TurnCommitted
from tests.bench.figures import Figure, Progress, percentile
from tests.browser.drive import AUDIBLE, Recording, browser
from tests.browser.live_bench import RATE, Caller, LiveBench, caller, until
from tests.conftest import find_chromium

STORY = "tell me a story"
BARGES = (
    "stop",
    "what time do you close",
    "hold on please",
    "is there parking",
    "wait a minute",
    "i'd like to book a table",
    "that's enough",
    "can i pay by card",
    "please stop",
    "do you have dessert",
    "stop talking",
    "what's on the menu",
)
NOTICED_SECONDS = 3.0  # after the end of what was said; later it was not noticed at all

# What is measured: its key, its name, its goal in milliseconds.
DURATIONS = {
    "barge_in": ("first sound of the user to last sound of the bot", "<= 250"),
    "barge_in.to_server": ("… first sound in the page to the server", None),
    "barge_in.notice": ("… from there to the hold: voice activity", None),
    "barge_in.to_silence": ("… from the hold to the last sound", None),
    "barge_in.decide": ("from the hold to the decision, in silence: words", None),
    "barge_in.flush": ("from the decision to the page's account of what it played", None),
    "to_server": ("sound in the page to the server", None),
    "to_speaker": ("first sample sent to its sounding, prebuffer included", None),
    "voice_to_voice": ("last sound of the question to first sound of the answer", None),
}


NOTES = {
    "barge_in": "{n} times, voice activity included; where the bot itself paused, its last sound "
    "was earlier than the hold",
}

Frames = NDArray[np.int64]


class Said(NamedTuple):
    """Something that was said: where everything stood just before."""

    frame: int  # of the page's microphone
    sample: int  # at the server
    entry: int  # of the trace
    barges: bool


def figures(quick: bool, progress: Progress) -> list[Figure]:
    """Everything; nothing where there is no Chromium."""
    path = find_chromium()
    if path is None:
        progress("no Chromium found")
        return []
    with _person(path) as person:
        scene = _Scene(person, progress)
        for number, text in enumerate(BARGES[:4] if quick else BARGES):
            scene.barge_in(text, 1.0 + 0.3 * (number % 7))
        return _table(scene.measured(), scene.missed)


@contextmanager
def _person(path: str) -> Iterator[Caller]:
    bench = LiveBench()
    try:
        with (
            sync_playwright() as playwright,
            browser(playwright, path) as chrome,
            caller(chrome, bench) as person,
        ):
            person.call()
            yield person
    finally:
        bench.close()


class _Scene:
    """One call: a story is asked for and talked over, again and again."""

    def __init__(self, person: Caller, progress: Progress) -> None:
        self.person = person
        self.missed = 0  # barge-ins that nobody noticed
        self._progress = progress
        self._said: list[Said] = []
        self._arrivals: list[tuple[int, float]] = []  # samples before each frame, and its instant
        self._microphone = bytearray()
        receive = person.session.receive_audio

        def arrived(pcm: bytes) -> None:
            self._arrivals.append((len(self._microphone) // 2, time.time()))
            self._microphone.extend(pcm)
            receive(pcm)

        person.session.receive_audio = arrived

    def barge_in(self, text: str, after_seconds: float) -> None:
        """Have a story told, and talk over it."""
        self._progress(f"“{text}”")
        person = self.person
        self._note(barges=False)
        story = person.ask(STORY)
        person.plays(story, after_seconds)
        before = self._note(barges=True)
        person.say(text)
        try:
            until(lambda: self._cut(before.entry, story.id), "notice", NOTICED_SECONDS)
        except AssertionError:
            self.missed += 1
            self._said.pop()
            self._silence()
            return
        reply = person.wait(PlaybackStarted, before.entry)
        person.plays(person.utterance(reply.utterance), 0.2)
        self._silence()

    def measured(self) -> dict[str, list[float]]:
        """Seconds, by the keys of `DURATIONS`."""
        page = self.person.page
        self._zero_at = time.time() - self.person.session.trace.now()
        out, mic = page.recording("out"), page.recording("mic")
        loud_in = np.flatnonzero(np.abs(mic.samples) > AUDIBLE) + mic.start
        loud_out = np.flatnonzero(np.abs(out.samples) > AUDIBLE) + out.start
        seconds: dict[str, list[float]] = {key: [] for key in DURATIONS}
        for said in self._said:
            onset = _first(loud_in, said.frame)
            to_server = self._arrival(said) - _instant(mic, onset)
            seconds["to_server"].append(to_server)
            if said.barges:
                self._measure_barge_in(said, onset, loud_out, out, seconds)
                seconds["barge_in.to_server"].append(to_server)
            else:
                committed = self._at(TurnCommitted, said.entry)
                asked = _last(loud_in, _frame(mic, committed))
                answered = _first(loud_out, _frame(out, committed))
                seconds["voice_to_voice"].append((answered - asked) / RATE)
        for utterance, at in self.person.sent_at.items():
            pcm = np.frombuffer(bytes(self.person.sent[utterance]), "<i2")
            sounding = np.flatnonzero(out.samples) + out.start
            first = _first(sounding, _frame(out, at)) - int(np.flatnonzero(pcm)[0])
            seconds["to_speaker"].append(_instant(out, first) - at)
        return seconds

    def _measure_barge_in(
        self,
        said: Said,
        onset: int,
        loud_out: Frames,
        out: Recording,
        seconds: dict[str, list[float]],
    ) -> None:
        held, decided = (self._at(kind, said.entry) for kind in (Held, InterruptDecided))
        settled = self._at(CutOff, said.entry)
        last = _last(loud_out, _frame(out, settled))
        for part, value in (
            ("", (last - onset) / RATE),
            (".notice", held - self._arrival(said)),
            (".to_silence", _instant(out, last) - held),
            (".decide", decided - held),
            (".flush", settled - decided),
        ):
            seconds[f"barge_in{part}"].append(value)

    def _note(self, *, barges: bool) -> Said:
        frame = self.person.page.evaluate("kit.recorded('mic') * kit.rate")
        said = Said(int(frame), len(self._microphone) // 2, self.person.now, barges)
        self._said.append(said)
        return said

    def _cut(self, entry: int, utterance: int) -> bool:
        return self.person.utterance(utterance).closed.is_set() and any(
            isinstance(fact, CutOff) for _, fact in self.person.session.trace.entries[entry:]
        )

    def _silence(self) -> None:
        """Press Interrupt, and wait until the bot has fallen silent."""
        before = self.person.now
        self.person.page.page.click(".interrupt")
        self.person.wait(CutOff, before)
        self.person.page.page.wait_for_timeout(700)

    def _arrival(self, said: Said) -> float:
        """When the first audible sample of it came to the server."""
        pcm = np.frombuffer(bytes(self._microphone), "<i2")[said.sample :]
        onset = said.sample + int(np.flatnonzero(np.abs(pcm) > AUDIBLE * 32768)[0])
        frame = bisect.bisect_right(self._arrivals, (onset, math.inf)) - 1
        return self._arrivals[frame][1]

    def _at(self, kind: type[Fact], entry: int) -> float:
        """When the next such fact was, in seconds since the epoch."""
        entries = self.person.session.trace.entries[entry:]
        return self._zero_at + next(at for at, fact in entries if isinstance(fact, kind))


def _instant(recording: Recording, frame: int) -> float:
    return recording.zero_at + frame / recording.rate


def _frame(recording: Recording, instant: float) -> int:
    return round((instant - recording.zero_at) * recording.rate)


def _first(frames: Frames, begin: int) -> int:
    return int(frames[np.searchsorted(frames, begin)])


def _last(frames: Frames, end: int) -> int:
    return int(frames[np.searchsorted(frames, end) - 1])


def _table(seconds: dict[str, list[float]], missed: int) -> list[Figure]:
    found = list[Figure]()
    for key, (name, goal) in DURATIONS.items():
        values = [1e3 * value for value in seconds[key]]
        for label, value in (
            ("median", statistics.median(values)),
            ("p95", percentile(values, 0.95)),
        ):
            found.append(
                Figure(
                    f"browser.{key}.{label}",
                    f"{name}, {label}",
                    value,
                    "ms",
                    "wall",
                    goal=goal if label == "median" else None,
                    note=NOTES.get(key, "{n} times").format(n=len(values))
                    if label == "median"
                    else "",
                )
            )
    noticed = len(seconds["barge_in"])
    return [
        *found,
        Figure(
            "browser.barge_in.missed",
            "barge-ins that were not noticed",
            missed,
            f"of {noticed + missed}",
            "wall",
            goal="<= 0",
        ),
    ]
