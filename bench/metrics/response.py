"""A trace in, how long the user waited out: every answer, taken apart."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from bench.audio import SAMPLE_RATE
from bench.events import (
    AgentRequested,
    FirstAudible,
    FirstAudio,
    FirstToken,
    SentenceReady,
    SynthesisFinished,
    SynthesisRequested,
    ToolCalled,
    ToolReturned,
)
from bench.metrics.hearing import UserTurn
from bench.metrics.reading import ANSWERED_ROLES, Readable, Reading, read
from bench.metrics.utterances import Utterance

EARLY_SECONDS = 0.2
LATE_SECONDS, LATE_WITH_TOOL_SECONDS = 2.75, 4.0
CONTENT_SECONDS = 0.4  # of sound without a break, to count as an answer's content
TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Response:
    """One turn of the user's and the wait for its answer: seconds, None where nobody knows.

    `v2v` is measured by itself, from two instants of truth; the seven stages `endpoint_delay`,
    `commit_gap`, `ttft`, `flush_gap`, `tts_queue`, `ttfa` and `out_buffer` follow one another, and
    their sum is the same by the pipeline's own facts. All are signed. `truth` says that v2v's two
    instants are those of the script and the loudspeaker and not the pipeline's own.
    """

    turn: int
    steps: tuple[str, ...] = ()
    truth: bool = False
    v2v: float | None = None
    v2v_content: float | None = None
    endpoint_delay: float | None = None
    commit_gap: float | None = None
    ttft: float | None = None
    flush_gap: float | None = None
    tts_queue: float | None = None
    ttfb: float | None = None
    ttfa: float | None = None
    out_buffer: float | None = None
    ttfp: float | None = None
    ttfs: float | None = None
    stt_lag: float | None = None
    tool_time: float | None = None

    @property
    def total(self) -> float | None:
        """The sum of the seven stages; None when one is unknown."""
        parts = [getattr(self, name) for name in STAGES]
        return None if None in parts else sum(parts)

    @property
    def residual(self) -> float | None:
        """What the stages leave unexplained of v2v: nothing, if the instruments agree."""
        return between(self.total, self.v2v)

    @property
    def lead_silence(self) -> float | None:
        """The inaudible beginning of the answer's audio: `ttfa` less `ttfb`."""
        return between(self.ttfb, self.ttfa)

    @property
    def vart(self) -> float | None:
        """The voice assistant's response time: from the request to the agent to the first sound."""
        parts = [getattr(self, name) for name in STAGES[2:]]
        return None if None in parts else sum(parts)


STAGES = (
    "endpoint_delay",
    "commit_gap",
    "ttft",
    "flush_gap",
    "tts_queue",
    "ttfa",
    "out_buffer",
)


def responses(trace: Readable) -> list[Response]:
    """Every committed turn, in order."""
    told = read(trace)
    return [response(told, turn) for turn in told.turns]


def response(told: Reading, turn: UserTurn) -> Response:
    """One turn's figures."""
    answer, u_off = told.answer(turn), told.ended_speaking(turn)
    p_on = answer.began_at if answer is not None else None
    requested, token = turn.first(AgentRequested), turn.first(FirstToken)
    sentence, asked = turn.first(SentenceReady), turn.first(SynthesisRequested)
    if sentence is None or (asked is not None and asked < sentence):
        sentence = asked  # a voice that is given the text word by word waits for no sentence
    audio, audible = turn.first(FirstAudio), _first_audible(turn)
    return Response(
        turn.number,
        turn.steps,
        told.scripted and answer is not None and answer.truth,
        v2v=between(u_off, p_on),
        v2v_content=between(u_off, _content_at(told.answers(turn))),
        endpoint_delay=between(u_off, turn.committed_at),
        commit_gap=between(turn.committed_at, requested),
        ttft=between(requested, token),
        flush_gap=between(token, sentence),
        tts_queue=between(sentence, asked),
        ttfb=between(asked, audio),
        ttfa=between(asked, audible),
        out_buffer=between(audible, p_on),
        ttfp=_first_partial(told, turn),
        ttfs=between(u_off, _final_at(turn)),
        stt_lag=_lag(told, turn),
        tool_time=_tool_seconds(turn),
    )


def first_turn_penalty(waits: Sequence[float | None]) -> float | None:
    """The first turn's v2v over the median of the later ones'; None without both, or where the
    median is not above 0."""
    later = [wait for wait in waits[1:] if wait is not None]
    if not later or not waits or waits[0] is None:
        return None
    middle = statistics.median(later)
    return waits[0] / middle if middle > 0 else None


def promptness(trace: Readable) -> tuple[int, int, int] | None:
    """Answers before 0.2 s, in time, and after 2.75 s (4 s in a turn with a tool); None without
    any."""
    known = [r for r in responses(trace) if r.v2v is not None]
    if not known:
        return None
    early = sum(r.v2v < EARLY_SECONDS for r in known if r.v2v is not None)
    late = sum(r.v2v > _latest(r) for r in known if r.v2v is not None)
    return early, len(known) - early - late, late


def response_rate(trace: Readable, timeout_seconds: float = TIMEOUT_SECONDS) -> tuple[int, int]:
    """How many of the user's turns that want an answer got one within the timeout, of how many.

    With a script: the steps that are turns or interrupts, answered when a turn that holds words of
    theirs is; a step that never became a turn has no answer. Without: the committed turns that were
    not withdrawn.
    """
    told = read(trace)
    if told.scripted:
        waits = [
            [response(told, turn).v2v for turn in told.turns_of(step)]
            for step in told.steps
            if step.role in ANSWERED_ROLES and step.sounds
        ]
    else:
        waits = [[response(told, turn).v2v] for turn in told.turns if not turn.withdrawn]
    answered = [any(w is not None and w <= timeout_seconds for w in wait) for wait in waits]
    return sum(answered), len(answered)


def rtf_tts(trace: Readable, sample_rate: int = SAMPLE_RATE) -> float | None:
    """Seconds of synthesis for a second of audio, over the turns whose synthesis calls all ended:
    from a turn's first request to its last end. Parts that wait because enough is ahead count as
    synthesis, so it is an upper bound. `sample_rate` is the loudspeaker's."""
    took = samples = 0.0
    for turn in read(trace).turns:
        ends = [at for at, fact in turn.facts if isinstance(fact, SynthesisFinished)]
        asked = [at for at, fact in turn.facts if isinstance(fact, SynthesisRequested)]
        if ends and len(ends) == len(asked):
            took += ends[-1] - asked[0]
            done = [fact for _, fact in turn.facts if isinstance(fact, SynthesisFinished)]
            samples += sum(fact.samples for fact in done)
    return took * sample_rate / samples if samples else None


def between(a: float | None, b: float | None) -> float | None:
    """From one instant to another; None when either is unknown."""
    return None if a is None or b is None else b - a


def _latest(response: Response) -> float:
    return LATE_SECONDS if response.tool_time is None else LATE_WITH_TOOL_SECONDS


def _first_audible(turn: UserTurn, sample_rate: int = SAMPLE_RATE) -> float | None:
    """When the answer's first audible sample would have sounded, had its audio been played as it
    arrived: the first audio, and the silence it begins with."""
    audio = turn.first(FirstAudio)
    lead = next((f.lead_samples for _, f in turn.facts if isinstance(f, FirstAudible)), None)
    return None if audio is None or lead is None else audio + lead / sample_rate


def _content_at(answers: Sequence[Utterance]) -> float | None:
    stretches = [stretch for said in answers for stretch in said.sounded]
    return next((s.began_at for s in stretches if s.ended_at - s.began_at >= CONTENT_SECONDS), None)


def _first_partial(told: Reading, turn: UserTurn) -> float | None:
    began = told.began_speaking(turn)
    arrivals = [h.at for h in told.heard if not h.final and h.text and set(h.steps) & {*turn.steps}]
    return between(began, min(arrivals, default=None))


def _final_at(turn: UserTurn) -> float | None:
    finals = [heard.at for heard in turn.made_of if heard.final]
    return finals[-1] if finals else None


def _lag(told: Reading, turn: UserTurn) -> float | None:
    """The median over the transcripts of the turn's steps that carry words."""
    if told.mic_at is None:
        return None
    lags = [
        heard.at - told.mic_at - heard.words[-1].end_sample / SAMPLE_RATE
        for heard in told.heard
        if heard.words and set(heard.steps) & {*turn.steps}
    ]
    return statistics.median(lags) if lags else None


def _tool_seconds(turn: UserTurn) -> float | None:
    """Over the calls that returned; calls return in the order of their names."""
    called = [(at, fact.name) for at, fact in turn.facts if isinstance(fact, ToolCalled)]
    total: float | None = None
    for at, fact in turn.facts:
        if isinstance(fact, ToolReturned):
            call = next((c for c in called if c[1] == fact.name), None)
            if call is not None:
                called.remove(call)
                total = (total or 0.0) + at - call[0]
    return total
