"""One utterance on its way to the loudspeaker: what was sent of it, and which words were heard."""

from __future__ import annotations

from bench.audio import to_samples
from bench.engine.output import Utterance
from bench.engine.synthesizer import BaseMessage, SynthesisResult
from bench.engine.transcript import Message

AUDIBLE_RMS = 0.01 * 32768
AUDIBLE_SECONDS = 0.01


class Playback:
    """One utterance on its way to the loudspeaker, and its message in the history."""

    def __init__(
        self, message: BaseMessage, result: SynthesisResult, utterance: Utterance, turn: int
    ) -> None:
        self.message = message
        self.result = result
        self.utterance = utterance
        self.turn = turn
        self.entry: Message | None = None  # in the transcript, once something was sent
        self.started = False
        self.over = False  # nothing more may be sent
        self.cut_off = False
        self._quiet_samples: int | None = 0  # None once something audible was sent
        utterance.words_up_to = result.get_message_up_to

    @property
    def sounding(self) -> bool:
        """Whether some of it was sent and more of it may sound."""
        return self.utterance.sent > 0 and not self.over

    def heard(self) -> str:
        """The words that left the loudspeaker so far."""
        return self.result.get_message_up_to(self.utterance.played / self.utterance.rate)

    def lead_samples(self, chunk: bytes) -> int | None:
        """Samples before the first audible frame, once `chunk` holds one; told once."""
        if self._quiet_samples is None:
            return None
        samples = to_samples(chunk)
        size = max(1, round(AUDIBLE_SECONDS * self.utterance.rate))
        for start in range(0, len(samples), size):
            frame = samples[start : start + size]
            if sum(s * s for s in frame) > AUDIBLE_RMS**2 * len(frame):
                lead, self._quiet_samples = self._quiet_samples + start, None
                return lead
        self._quiet_samples += len(samples)
        return None
