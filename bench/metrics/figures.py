"""A trace in, the figures of a step or of the whole run out: what expectations and tables read.

Which turn belongs to which step is told in `hearing`, which stop in `barge_in`. No data is None or
an empty tuple, never 0: a figure that is not there has passed nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from bench.events import ConversationEnded, InterruptDecided, ProviderFailed, WorkerFailed
from bench.metrics.barge_in import (
    Stop,
    false_stops,
    interrupts,
    missed,
    spurious,
    stop_of,
    stopper,
    stops,
    yielded,
)
from bench.metrics.cost import Cost, PriceList, cost
from bench.metrics.cutoffs import Cut, cuts, within
from bench.metrics.partials import Hypotheses, hypotheses, upwr
from bench.metrics.pauses import Pause, aftermath, pauses_of, resumed
from bench.metrics.reading import ANSWERED_ROLES, Readable, Reading, read
from bench.metrics.response import Response, response, response_rate, responses
from bench.metrics.steps import PlayedStep
from bench.metrics.talk import (
    Overlap,
    Underruns,
    duration,
    overlap,
    silences,
    talk_ratio,
    underruns,
)
from bench.metrics.user_words import heard_errors, truth_wer, understood
from bench.metrics.utterances import Utterance

Share = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Said:
    """An utterance of the bot's: its text as heard, its first audible sample in the trace's time,
    and in seconds from the step's beginning."""

    text: str
    at: float
    after: float


@dataclass(frozen=True, slots=True)
class StepFigures:
    """What a step came to. Times are seconds, instants those of the trace.

    - `played`: False for a step whose anchor never came; then all else is empty.
    - `response`: the stages of the first answer to any of its turns that was heard, or else of its
      first turn; None when it became no turn. `v2v` is that answer's.
    - `replies`: whether any of its turns was answered; `reply` is what was heard of that answer.
    - `stop`: None when the bot was silent; `interrupts`: whether it made the bot give up something.
    - `cut`, `heard`, `context`, `intended`: the answer that it cut off.
    - `pauses`, `resumed`: of the bot, for its sake; `aftermath` as in `pauses`.
    - `says`: what the bot began to say from its beginning to that of the next step.
    - `said_after`: all that the bot said since its beginning; of what it was in the middle of and
      was not stopped in, the words from about there on.
    - `transcript`, `wer`: its words in the history, and their errors.
    """

    step: str
    role: str
    played: bool
    began_at: float | None = None
    ended_at: float | None = None
    response: Response | None = None
    replies: bool | None = None
    reply: str | None = None
    stop: Stop | None = None
    interrupts: bool | None = None
    cut: Cut | None = None
    pauses: tuple[Pause, ...] = ()
    aftermath: str | None = None
    resumed: bool | None = None
    says: tuple[Said, ...] = ()
    said_after: str | None = None
    user_turns: int | None = None
    transcript: str | None = None
    heard_wer: float | None = None
    overlap: Overlap | None = None
    hypotheses: tuple[Hypotheses, ...] = ()

    @property
    def v2v(self) -> float | None:
        """From its end to the bot's first audible sample."""
        return self.response.v2v if self.response is not None else None

    @property
    def heard(self) -> str | None:
        """What was heard of the answer that it cut off."""
        return self.cut.heard if self.cut is not None else None

    @property
    def context(self) -> str | None:
        """What the history holds of the answer that it cut off."""
        return self.cut.context if self.cut is not None else None

    @property
    def intended(self) -> str | None:
        """All of the answer that it cut off."""
        return self.cut.intended if self.cut is not None else None

    @property
    def partials(self) -> int | None:
        """Partial transcripts with words of its; None when nothing at all was understood."""
        if not self.hypotheses:
            return None
        return sum(len(told.partials) for told in self.hypotheses)

    @property
    def upwr(self) -> float | None:
        """The unstable partial word ratio of its transcripts."""
        return upwr(self.hypotheses)


@dataclass(frozen=True, slots=True)
class RunFigures:
    """What a run came to. Shares are (how many, of how many); (0, 0) is no data."""

    truth: bool
    seconds: float
    steps: tuple[StepFigures, ...]
    responses: tuple[Response, ...]
    stops: tuple[Stop, ...]
    cuts: tuple[Cut, ...]
    bot_turns: int
    user_turns: int
    interrupts: int
    false_stops: Share
    spurious: Share
    yielded: Share
    missed: Share
    answered: Share
    overlap: Overlap | None
    underruns: Underruns
    longest_silence: float | None
    talk_ratio: float | None
    truth_wer: float | None
    cutoff_exact: Share | None
    cutoff_within_1: Share | None
    failures: int
    says: tuple[Said, ...]
    ended: str | None
    cost: Cost | None = None

    @property
    def cost_per_min_usd(self) -> float | None:
        """Of metered use; None without prices."""
        return self.cost.per_minute if self.cost is not None else None

    @property
    def waste_share(self) -> float | None:
        """Of that, for what was never heard."""
        return self.cost.waste_share if self.cost is not None else None

    @property
    def v2v(self) -> tuple[float, ...]:
        """Of every answer that was heard."""
        return tuple(r.v2v for r in self.responses if r.v2v is not None)


def step_figures(trace: Readable, step_id: str) -> StepFigures:
    """One step's figures; `played` is False when the trace knows no step of that name."""
    told = read(trace)
    step = told.step(step_id)
    if step is None:
        return StepFigures(step_id, "", played=False)
    turns = told.turns_of(step)
    answered = next((turn for turn in turns if told.answer(turn) is not None), None)
    chosen = answered or next(iter(turns), None)
    answer = told.answer(answered) if answered is not None else None
    errors = heard_errors(told, step)
    wanted = step.role in ANSWERED_ROLES or turns
    return StepFigures(
        step.step,
        step.role,
        played=True,
        began_at=step.began_at,
        ended_at=step.ended_at,
        response=response(told, chosen) if chosen is not None else None,
        replies=answer is not None,
        reply=_text(answer) if answer is not None else None,
        stop=stop_of(told, step),
        interrupts=interrupts(told, step),
        cut=next((cut for cut in cuts(told) if cut.step == step.step), None),
        pauses=tuple(pauses_of(told, step)),
        aftermath=aftermath(told, step),
        resumed=resumed(told, step),
        says=tuple(_said(told, step.began_at, step.until)),
        said_after=_said_after(told, step),
        user_turns=len(turns),
        transcript=understood(told, step),
        heard_wer=errors.rate if errors is not None and wanted else None,
        overlap=overlap(told, step),
        hypotheses=tuple(hypotheses(told, step.step)),
    )


def run_figures(trace: Readable, prices: PriceList | None = None) -> RunFigures:
    """The figures of a whole trace; its cost by a price list, when one is given."""
    told = read(trace)
    silent = silences(told)
    ended = told.trace.of(ConversationEnded)
    decided = told.trace.of(InterruptDecided)
    failures = [*told.trace.of(ProviderFailed), *told.trace.of(WorkerFailed)]
    names = [*(step.step for step in told.steps), *told.missed]
    return RunFigures(
        truth=told.scripted,
        seconds=duration(told),
        steps=tuple(step_figures(told, name) for name in names),
        responses=tuple(responses(told)),
        stops=tuple(stops(told)),
        cuts=tuple(cuts(told)),
        bot_turns=sum(said.began_at is not None for said in told.utterances),
        user_turns=len(told.turns),
        interrupts=len(decided),
        false_stops=false_stops(told),
        spurious=spurious(told),
        yielded=yielded(told),
        missed=missed(told),
        answered=response_rate(told),
        overlap=overlap(told),
        underruns=underruns(told),
        longest_silence=max(silent, default=None) if silent is not None else None,
        talk_ratio=talk_ratio(told),
        truth_wer=truth_wer(told),
        cutoff_exact=within(told, 0),
        cutoff_within_1=within(told, 1),
        failures=len(failures),
        says=tuple(_said(told, told.span[0], float("inf"))),
        ended=ended[-1].reason if ended else None,
        cost=cost(told, prices) if prices is not None else None,
    )


def _said(told: Reading, since: float, until: float) -> list[Said]:
    """What the bot began to say in a stretch of time."""
    return [
        Said(_text(said), said.began_at, said.began_at - since)
        for said in told.utterances
        if said.began_at is not None and since <= said.began_at < until
    ]


def _text(said: Utterance) -> str:
    return said.heard if said.heard is not None else said.context or ""


def _said_after(told: Reading, step: PlayedStep) -> str:
    texts = list[str]()
    for said in told.utterances:
        began, ended = said.began_at, said.ended_at
        if began is None or ended is None or ended <= step.began_at:
            continue
        if began >= step.began_at:
            texts.append(_text(said))
        elif stopper(told, said) != step:
            texts.append(_from_about(_text(said), (step.began_at - began) / (ended - began)))
    return " ".join(text for text in texts if text)


def _from_about(text: str, share: float) -> str:
    """The words of a text from a share of its letters on."""
    rest, letters = list[str](), 0
    for word in text.split():
        letters += len(word) + 1
        if letters > share * (len(text) + 1):
            rest.append(word)
    return " ".join(rest)
