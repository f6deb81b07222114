"""A caller's sound in, the next line of a script out: ears that know what will be said, not when.

Any program that speaks may be answered so, also with words that no recogniser would get: its n-th
utterance is taken for the n-th line.
"""

from __future__ import annotations

from collections.abc import Sequence

from bench.audio import samples_in
from bench.emulators.hearing import EarsMaker, Heard, Seconds, samples_of
from bench.emulators.loudness import loudness
from bench.events import Word

FRAME_SAMPLES = 320  # that are loud or not
LOUD = 330  # of 32768, the mean over a frame: -40 dBFS
LEAST_PAUSE = samples_of(0.3)  # of an utterance: shorter ones are between the words of a line
WORD_SAMPLES = samples_of(0.3)  # a word's length, as long as nobody knows better


def following(lines: Sequence[str], interim: Seconds, final: Seconds) -> EarsMaker:
    """Ears that hear `lines`, one for each utterance, over all connections; after the last they
    begin anew.

    A partial comes `interim()` seconds of audio after a word, a final `final()` seconds after the
    pause that ends the utterance; none shorter than 0.3 s does, whatever is asked for.
    """
    script = _Script([line.split() for line in lines if line.split()])

    def ears(pause: int | None) -> _LineEars:
        return _LineEars(script, max(pause or 0, LEAST_PAUSE), (interim, final))

    return ears


class _Script:
    """The lines still to come."""

    def __init__(self, lines: Sequence[list[str]]) -> None:
        self._lines, self._next = lines, 0

    def line(self) -> list[str]:
        line = self._lines[self._next % len(self._lines)] if self._lines else []
        self._next += 1
        return line


class _LineEars:
    """Cuts one connection's audio into utterances by its level."""

    def __init__(self, script: _Script, pause: int, draws: tuple[Seconds, Seconds]) -> None:
        self.samples = 0
        self.speaking_since: int | None = None
        self._script, self._pause = script, pause
        self._draw_interim, self._draw_final = draws
        self._rest = b""  # less than a frame
        self._framed = 0  # samples of whole frames
        self._loud_until = 0
        self._line: list[str] = []
        self._interim = self._final = 0
        self._shown = 0

    async def take(self, pcm: bytes) -> list[Heard]:
        """More audio came: what there is to tell of it."""
        self.samples += samples_in(pcm)
        told = list[Heard]()
        pcm = self._rest + pcm
        whole = len(pcm) // (2 * FRAME_SAMPLES) * 2 * FRAME_SAMPLES
        for start in range(0, whole, 2 * FRAME_SAMPLES):
            told += self._frame(pcm[start : start + 2 * FRAME_SAMPLES])
        self._rest = pcm[whole:]
        return told

    async def finish(self) -> list[Heard]:
        """Make final whatever was said so far; more audio may follow."""
        return self._end() if self.speaking_since is not None else []

    def _frame(self, pcm: bytes) -> list[Heard]:
        self._framed += FRAME_SAMPLES
        if loudness(pcm) > LOUD:
            self._loud_until = self._framed
            if self.speaking_since is None:
                self._begin()
        if self.speaking_since is None:
            return []
        if self._framed >= self._loud_until + self._pause + self._final:
            return self._end()
        return self._partial(self.speaking_since)

    def _begin(self) -> None:
        self.speaking_since = self._framed - FRAME_SAMPLES
        self._line, self._shown = self._script.line(), 0
        self._interim = samples_of(self._draw_interim())
        self._final = samples_of(self._draw_final())

    def _partial(self, since: int) -> list[Heard]:
        """The words that fit into what was said, one every `WORD_SAMPLES`."""
        said = (min(self._framed - self._interim, self._loud_until) - since) // WORD_SAMPLES
        if not self._shown < (count := min(said, len(self._line))):
            return []
        self._shown = count
        return [Heard(_spread(self._line[:count], since, since + count * WORD_SAMPLES), False)]

    def _end(self) -> list[Heard]:
        since, self.speaking_since = self.speaking_since or 0, None
        words = _spread(self._line, since, max(self._loud_until, since + len(self._line)))
        return [Heard(words, is_final=True)] if words else []


def _spread(line: Sequence[str], begin: int, end: int) -> tuple[Word, ...]:
    """Words over a stretch of audio, each as long as its letters have it."""
    letters, before = sum(map(len, line)), 0
    words = list[Word]()
    for word in line:
        start = begin + (end - begin) * before // letters
        before += len(word)
        words.append(Word(word, start, begin + (end - begin) * before // letters))
    return tuple(words)
