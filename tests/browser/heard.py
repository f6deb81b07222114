"""What was sent and what the page played in, the same sample by sample out.

Both run at one rate, so each sample that is not silence can be found again: dropping zeros, what
was recorded is what was played of each utterance, in order, at full level except for the 4 ms on
either side of a pause.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tests.browser.drive import AUDIBLE, Recording, Samples
from tests.browser.live_bench import RATE

FADE = round(0.004 * RATE)


class Sounded(NamedTuple):
    """An utterance as it left the loudspeaker: the recording's frame and the gain of each sample.

    Silent samples are left out. `tail` counts samples behind the last one played that were heard
    fading away.
    """

    frames: NDArray[np.int64]
    gain: NDArray[np.float64]
    tail: int

    def last_audible(self, recording: Recording) -> int:
        """The frame of the last sample above the threshold."""
        loud = np.abs(recording.samples[self.frames]) > AUDIBLE
        return int(self.frames[loud][-1])

    def dips(self) -> list[NDArray[np.int64]]:
        """Runs of quieter samples: where it paused."""
        quiet = np.flatnonzero(np.abs(self.gain - 1) > 1e-3)
        return np.split(quiet, np.flatnonzero(np.diff(quiet) > FADE) + 1) if len(quiet) else []


def sounded(
    recording: Recording, said: Iterable[tuple[bytes, int]], begin: int = 0
) -> list[Sounded]:
    """Find each utterance (its PCM, and how many samples of it were played) from frame `begin` on.

    AssertionError when a sample is missing, was repeated, or is another one.
    """
    frames = np.flatnonzero(recording.samples[begin:]) + begin
    found, at = list[Sounded](), 0
    for pcm, played in said:
        sent = np.frombuffer(pcm, "<i2") / 32768
        wanted = sent[:played][sent[:played] != 0]
        here = frames[at : at + len(wanted)]
        assert len(here) == len(wanted), "samples are missing"
        gain = recording.samples[here] / wanted
        assert np.all((gain > 0) & (gain < 1.001)), f"another sample, {np.argmin(gain)} in"
        at += len(wanted)
        tail = 0
        if played < len(sent) and len(here):
            quiet = played - 1 - np.flatnonzero(sent[:played])[-1]
            tail = int(np.sum(frames[at : at + FADE] <= here[-1] + quiet + FADE))
            _check_fading(recording.samples[frames[at : at + tail]], sent[played : played + FADE])
        at += tail
        found.append(Sounded(here, gain, tail))
    assert at == len(frames), f"{len(frames) - at} samples too many"
    return found


def _check_fading(recorded: Samples, dropped: NDArray[np.float64]) -> None:
    gain = recorded / dropped[dropped != 0][: len(recorded)]
    assert np.all((gain > 0) & (gain < 1) & (np.diff(gain, prepend=1) < 0)), "no fading"


def stretches(recording: Recording, pause_seconds: float = 0.5) -> list[tuple[int, int]]:
    """First and last audible frame of each stretch of sound between pauses."""
    loud = np.flatnonzero(np.abs(recording.samples) > AUDIBLE)
    if not len(loud):
        return []
    ends = np.flatnonzero(np.diff(loud) > pause_seconds * recording.rate)
    firsts, lasts = loud[np.r_[0, ends + 1]], loud[np.r_[ends, len(loud) - 1]]
    return [(int(first), int(last)) for first, last in zip(firsts, lasts, strict=True)]
