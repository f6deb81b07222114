"""Audio in, the truth about what was heard out: the loudspeaker of a replay."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from bench import clock
from bench.audio import SAMPLE_RATE, SAMPLE_WIDTH
from bench.engine.output import Utterance
from bench.events import Fact
from bench.replay.scenario import Playout
from bench.simulation.loudspeaker import Loudspeaker
from bench.truths import ListenerHeard, Sounded

AUDIBLE_RMS = 0.01 * 32768
AUDIBLE_SAMPLES = SAMPLE_RATE // 100  # the frame that is judged, 10 ms
SAME_INSTANT_SECONDS = 1e-6


@dataclass(slots=True)
class Answer:
    """One utterance of the bot's as it sounded: instants are those of the loop's clock."""

    utterance: Utterance
    turn: int
    received: bytearray = field(default_factory=bytearray)
    played: list[tuple[float, int, int]] = field(default_factory=list[tuple[float, int, int]])
    audible_at_sample: int | None = None
    over_at: float | None = None
    scanned: int = 0  # samples of `received` found inaudible from the start

    def instant_of(self, sample: int) -> float | None:
        """When a sample sounded; None while it has not."""
        for at, first, samples in self.played:
            if first <= sample < first + samples:
                return at + (sample - first) / SAMPLE_RATE
        return None

    @property
    def began_at(self) -> float | None:
        """When its first audible sample sounded."""
        return None if self.audible_at_sample is None else self.instant_of(self.audible_at_sample)

    @property
    def position(self) -> int:
        """Samples that have sounded."""
        return self.played[-1][1] + self.played[-1][2] if self.played else 0

    def words(self, samples: int) -> list[str]:
        """The words that end within its first `samples`."""
        up_to = self.utterance.words_up_to
        return up_to(samples / SAMPLE_RATE).split() if up_to is not None else []

    def word_ended_at(self, word: int) -> float | None:
        """When the `word`th word (from 1) had been played; None while it has not."""
        if len(self.words(self.position)) < word:
            return None
        low, high = 0, self.position
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if len(self.words(middle)) >= word else (middle, high)
        at = self.instant_of(high - 1)
        return None if at is None else at + 1 / SAMPLE_RATE


class Listener(Loudspeaker):
    """A loudspeaker that records, beside what the engine is told, what really sounded.

    `look` brings it up to this instant; call it often. Everything is reckoned in samples, so how
    often does not change a result.
    """

    def __init__(
        self, playout: Playout, record: Callable[[Fact], None], turn: Callable[[], int]
    ) -> None:
        super().__init__(
            SAMPLE_RATE,
            reports=playout.reports,
            prebuffer_seconds=playout.buffer_seconds,
            report_seconds=playout.report_every_seconds,
            report_delay_seconds=playout.report_delay_seconds,
        )
        self.answers: list[Answer] = []
        self.origin = 0.0  # instants in facts count from here
        self._record, self._turn = record, turn
        self._stretch_from = 0  # the first of `answers[-1].played` that belongs to this stretch

    def look(self) -> None:
        """Take notice of everything up to now."""
        answer = self._open_answer()
        if answer is None:
            return
        self._advance()
        if self._buffer:
            return
        if self._complete:
            self._over(answer, "finished")
        elif answer.played and self._since is not None:
            self._close_stretch(answer, "dry")

    def begin(self, utterance: Utterance) -> None:
        """A new utterance's chunks follow."""
        self.look()
        if (answer := self._open_answer()) is not None:
            self._over(answer, "finished")
        super().begin(utterance)
        self.answers.append(Answer(utterance, self._turn()))
        self._stretch_from = 0

    def consume_nonblocking(self, chunk: bytes) -> None:
        """Take a chunk into the buffer."""
        super().consume_nonblocking(chunk)
        answer = self.answers[-1]
        answer.received += chunk
        if answer.audible_at_sample is None:
            _find_audible(answer)

    def hold(self) -> None:
        """Pause."""
        super().hold()
        if (answer := self._open_answer()) is not None:
            self._close_stretch(answer, "held")

    def clear(self) -> None:
        """Fall silent now; the truth is told before the report."""
        self._advance()
        if (answer := self._open_answer()) is not None:
            self._over(answer, "cleared")
        super().clear()

    async def terminate(self) -> None:
        """Fall silent; what was heard stands."""
        await super().terminate()
        if (answer := self._open_answer()) is not None:
            self._over(answer, "cleared")

    def sounded_between(self, start: float, samples: int) -> bytes:
        """PCM of what sounded in `samples` from the instant `start` on; silence elsewhere."""
        pcm = bytearray(samples * SAMPLE_WIDTH)
        for at, heard in reversed(self.recording):
            first = round((at - start) * SAMPLE_RATE)
            length = len(heard) // SAMPLE_WIDTH
            if first + length <= 0:
                break
            low, high = max(first, 0), min(first + length, samples)
            if low < high:
                piece = heard[(low - first) * SAMPLE_WIDTH : (high - first) * SAMPLE_WIDTH]
                pcm[low * SAMPLE_WIDTH : high * SAMPLE_WIDTH] = piece
        return bytes(pcm)

    def _sounds(self, at: float, first: int, samples: int) -> None:
        if (answer := self._open_answer()) is not None:
            self._add(answer, at, first, samples)

    def _open_answer(self) -> Answer | None:
        answer = self.answers[-1] if self.answers else None
        return answer if answer is not None and answer.over_at is None else None

    def _add(self, answer: Answer, at: float, first: int, samples: int) -> None:
        if len(answer.played) > self._stretch_from:
            began, begin_sample, length = answer.played[-1]
            ended = began + length / SAMPLE_RATE
            if abs(at - ended) < SAME_INSTANT_SECONDS:
                answer.played[-1] = began, begin_sample, length + samples
                return
            self._close_stretch(answer, "dry")
        answer.played.append((at, first, samples))

    def _over(self, answer: Answer, reason: str) -> None:
        self._close_stretch(answer, reason)
        answer.over_at = clock.now()
        if answer.played:
            at, _, samples = answer.played[-1]
            answer.over_at = at + samples / SAMPLE_RATE
        text = " ".join(answer.words(answer.position))
        self._record(ListenerHeard(answer.utterance.id, text, answer.position, turn=answer.turn))
        answer.received.clear()

    def _close_stretch(self, answer: Answer, reason: str) -> None:
        for at, first, samples in answer.played[self._stretch_from :]:
            pcm = bytes(answer.received[first * SAMPLE_WIDTH : (first + samples) * SAMPLE_WIDTH])
            edges = audible_edges(pcm)
            if edges is not None:
                began, ended = (round(at - self.origin + edge / SAMPLE_RATE, 6) for edge in edges)
                fact = Sounded(
                    answer.utterance.id, began, ended, first, samples, reason, turn=answer.turn
                )
                self._record(fact)
        self._stretch_from = len(answer.played)


def audible_edges(pcm: bytes) -> tuple[int, int] | None:
    """The first audible sample and one past the last, by frames of 10 ms; None without any."""
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float64)
    missing = -samples.size % AUDIBLE_SAMPLES
    padded = np.pad(samples, (0, missing)) if missing else samples
    power = (padded.reshape(-1, AUDIBLE_SAMPLES) ** 2).mean(axis=1)
    loud = np.flatnonzero(power > AUDIBLE_RMS**2)
    if not loud.size:
        return None
    return int(loud[0]) * AUDIBLE_SAMPLES, min(int(loud[-1] + 1) * AUDIBLE_SAMPLES, samples.size)


def _find_audible(answer: Answer) -> None:
    pcm = bytes(answer.received[answer.scanned * SAMPLE_WIDTH :])
    if (edges := audible_edges(pcm)) is not None:
        answer.audible_at_sample = answer.scanned + edges[0]
    else:
        answer.scanned += len(pcm) // SAMPLE_WIDTH // AUDIBLE_SAMPLES * AUDIBLE_SAMPLES
