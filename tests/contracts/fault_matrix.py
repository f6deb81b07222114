"""A fault and a moment in, the call in which they meet out, and what is to become of it: the
matrix."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from bench.audio import SAMPLE_RATE
from bench.simulation import tone
from bench.simulation.faults import BREAKS, KINDS_OF, REFUSALS, STAGES, Fault
from tests.contracts.failing_call import (
    BOOKED,
    CUT_IN,
    FIRST,
    HOURS,
    NOD,
    QUESTION,
    SENTENCES,
    THANKS,
    Plan,
)

MOMENTS = ("first turn", "mid-answer", "interrupt")
"""In the first turn, before anything came of it; while the answer is being given (for the ears: as
the caller nods to it); in the turn with which the caller cuts in."""

ERRORS: Mapping[str, str] = {
    "http_429": "RateLimited",
    "http_503": "ConnectFailed",
    "connect_timeout": "ConnectFailed",
    "disconnect": "BrokenStream",
    "malformed": "BrokenStream",
    "stall": "Stalled",
    "empty_audio": "BrokenStream",
}
"""What a fault comes out as, mostly; the others harm nobody."""

LONG_SECONDS = 60.0
PARTIALS = len(QUESTION.split())  # that the usual ears tell before the second line
AT_ITS_FINAL = 99  # partials: others tell more or fewer
SPOILT_RATE = 24_000  # Hz of the voice, where a fault has it wrong
EARS_MIDWAY = ("stt", "mid-answer")  # the line has worked, and nothing is on it
Mark = tuple[str, str]  # what was done about a failure, and its kind


@dataclass(frozen=True)
class Cell:
    """A place of the matrix; `first` is who fails, by case, if not the usual."""

    stage: str
    kind: str
    moment: str
    backed: bool = False
    first: str = ""

    def __str__(self) -> str:
        who = self.first or self.stage
        return "-".join(
            (who, self.kind, self.moment.replace(" ", "-"), "backed" if self.backed else "alone")
        )

    @property
    def provider(self) -> str:
        """Who fails, as the trace has it."""
        return (self.first or FIRST[self.stage]).split()[0]

    @property
    def answer(self) -> str:
        """What the listener is to hear in the turn that fails."""
        return BOOKED if self.moment == "interrupt" else HOURS

    @property
    def rates(self) -> tuple[int, ...]:
        """Hz, as the voice may have been made."""
        return (SAMPLE_RATE, *([SPOILT_RATE] if self.kind == "wrong_rate" else []))

    def plan(self) -> Plan:
        """The call in which it happens."""
        middle = {"interrupt": CUT_IN}
        if self.stage == "stt":
            middle["mid-answer"] = NOD
        lines = [QUESTION, *([middle[self.moment]] if self.moment in middle else []), THANKS]
        tool = (self.stage, self.moment) == ("llm", "mid-answer") and self.kind not in BREAKS
        return Plan(
            self.stage,
            tuple(self._faults()),
            tuple(lines),
            self.backed,
            tool=tool,
            first=self.first,
        )

    def calm(self) -> Plan:
        """The same call without the fault."""
        return replace(self.plan(), faults=())

    @property
    def error(self) -> str:
        """What the fault comes out as; "" when it harms nobody."""
        nothing_came = self.stage == "tts" and self.moment != "mid-answer"
        if self.kind == "disconnect" and nothing_came:
            return "ConnectFailed"  # as far as anybody can tell
        if self.kind == "connect_timeout" and self.stage != "stt":
            return "Stalled"  # over HTTP it is the answer that does not come
        return ERRORS.get(self.kind, "")

    def marks(self) -> list[Mark]:
        """What the trace must say, in its order."""
        if not self.error:
            return []
        failures = [self.error] * (2 if self._is_asked_again else 1)
        if self._is_of_a_new_line:
            failures.insert(0, "BrokenStream")
        if self.stage == "stt":
            return self._marks_of_ears(failures)
        told: list[Mark] = [("Retried", error) for error in failures[:-1]]
        told.append(("ProviderFailed", failures[-1]))
        if self.backed and not (self.stage == "llm" and self._has_begun):
            told.append(("FellBack", failures[-1]))
        return told

    def _marks_of_ears(self, failures: list[str]) -> list[Mark]:
        """Each broken stream is told of, and opened again unless somebody else listens."""
        if self.backed:
            failures = failures[:2]
        told = list[Mark]()
        for number, error in enumerate(failures, 1):
            is_last = self.backed and number == len(failures)
            told += [("ProviderFailed", error), ("FellBack" if is_last else "Retried", error)]
        return told

    def _faults(self) -> Iterator[Fault]:
        fault = Fault(
            self.stage, self.kind, turn=self._turn, for_seconds=self._seconds, **self._point()
        )
        if self._is_of_a_new_line:
            yield Fault("stt", "disconnect", turn=2, after_partial=PARTIALS)
        yield fault
        if self._is_asked_again:
            yield replace(fault, **self._point_again())

    @property
    def _is_of_a_new_line(self) -> bool:
        """Whether ears are refused when they connect anew, since their line broke."""
        return self.stage == "stt" and self.kind in REFUSALS and self.moment != "first turn"

    @property
    def _has_begun(self) -> bool:
        """Whether something of the result was handed on; of ears it never counts."""
        return self.moment == "mid-answer" and self.kind in BREAKS and self.stage != "stt"

    @property
    def _is_asked_again(self) -> bool:
        """Whether the same is asked of the same once more; it then fails again, or nobody would
        notice."""
        has_worked = self.moment == "interrupt" or (self.stage, self.moment) == EARS_MIDWAY
        may_be_old = self.error == "BrokenStream" and has_worked
        return not self._has_begun and (self.error == "ConnectFailed" or may_be_old)

    @property
    def _turn(self) -> int | None:
        """Which line of the caller's, round of the model or sentence of the voice it is in."""
        match self.stage, self.moment:
            case "stt", "first turn":
                return None if self.kind in REFUSALS else 1
            case "stt", _:
                return 2
            case _, "first turn":
                return 1
            case _, "mid-answer":
                return None if self.kind in BREAKS else 2
            case stage, _:
                return 2 if stage == "llm" else 3

    @property
    def _seconds(self) -> float:
        return 4.0 if self.kind == "late_final" else LONG_SECONDS

    def _point(self) -> dict[str, float | int]:
        """How far into the result it comes, where that can be said."""
        if self.kind not in BREAKS or self.moment == "first turn":
            return {}
        if self.stage == "stt":
            return {"after_partial": AT_ITS_FINAL if self.first else PARTIALS}
        if self.moment == "interrupt":
            return {}
        return {"after_tokens": 9} if self.stage == "llm" else {"after_audio_seconds": 0.8}

    def _point_again(self) -> dict[str, float | None]:
        """The same for the second time."""
        if self.kind not in BREAKS:
            return {}
        if self.stage != "tts":
            return {"after_partial": None}  # of a new stream
        sentence = BOOKED if self.moment == "interrupt" else SENTENCES[0]
        return {"after_audio_seconds": tone.word_timing(sentence).samples / SAMPLE_RATE + 0.01}


OTHERS: Mapping[str, tuple[str, ...]] = {
    "stt": ("assemblyai", "deepgram flux"),
    "llm": ("anthropic", "gemini"),
    "tts": ("polly", "elevenlabs socket"),
}
"""Who else lives in virtual time, by stage and case."""


def other_cells() -> Iterator[Cell]:
    """The middle of the matrix, for everybody else."""
    for stage, names in OTHERS.items():
        for name in names:
            for kind in BREAKS:
                for backed in (False, True):
                    yield Cell(stage, kind, "mid-answer", backed, name)


def cells() -> Iterator[Cell]:
    """The matrix."""
    for stage in STAGES:
        for kind in KINDS_OF[stage]:
            for moment in MOMENTS:
                for backed in (False, True):
                    yield Cell(stage, kind, moment, backed)
