"""A trace and a price list in, money out: what a minute costs, and what was paid for nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from bench.events import (
    AgentFinished,
    AgentRequested,
    SentenceReady,
    SynthesisContinued,
    SynthesisRequested,
)
from bench.metrics.hearing import UserTurn
from bench.metrics.reading import Readable, Reading, read
from bench.metrics.talk import duration

LETTERS_PER_TOKEN = 4  # where a provider did not count
_IN = ("prompt_tokens", "input_tokens", "prompt_token_count")
_OUT = ("completion_tokens", "output_tokens", "candidates_token_count")
_THOUGHT = "thoughts_token_count"  # Gemini's, which others count among the answer


class PriceList(Protocol):
    """List prices in US dollars; None is unknown, and never nothing."""

    @property
    def stt_per_minute(self) -> float | None: ...
    @property
    def llm_per_million_in(self) -> float | None: ...
    @property
    def llm_per_million_out(self) -> float | None: ...
    @property
    def tts_per_million_characters(self) -> float | None: ...


@dataclass(frozen=True, slots=True)
class Prices:
    """A price list of your own, in US dollars; None is unknown, and never nothing."""

    stt_per_minute: float | None = None
    llm_per_million_in: float | None = None
    llm_per_million_out: float | None = None
    tts_per_million_characters: float | None = None


@dataclass(frozen=True, slots=True)
class Use:
    """What was metered. `minutes` is how long the microphone was open; `characters` are those sent
    to the synthesizer, heard or not; tokens count answers that were called off too.

    `wasted_…` was made and never heard. `estimated`: some tokens are letters over 4, since the
    provider did not count them (an answer that was called off has no account).
    """

    minutes: float
    characters: int
    tokens_in: float
    tokens_out: float
    wasted_characters: float
    wasted_tokens: float
    estimated: bool


@dataclass(frozen=True, slots=True)
class Cost:
    """US dollars, by stage; None where a price is unknown."""

    stt: float | None
    llm: float | None
    tts: float | None
    wasted: float | None
    minutes: float
    estimated: bool

    @property
    def total(self) -> float | None:
        """All of it; None when a part of it is unknown."""
        if self.stt is None or self.llm is None or self.tts is None:
            return None
        return self.stt + self.llm + self.tts

    @property
    def per_minute(self) -> float | None:
        """Of conversation; None when a price is unknown or nothing lasted."""
        total = self.total
        return None if total is None or not self.minutes else total / self.minutes

    @property
    def waste_share(self) -> float | None:
        """The share of the total that paid for speech nobody heard."""
        total = self.total
        return None if not total or self.wasted is None else self.wasted / total


def use(trace: Readable) -> Use:
    """What the conversation used."""
    told = read(trace)
    tokens_in = tokens_out = wasted_tokens = 0.0
    estimated = False
    for turn in told.turns:
        asked, answered, counted = _tokens(told, turn)
        estimated = estimated or not counted
        tokens_in, tokens_out = tokens_in + asked, tokens_out + answered
        wasted_tokens += answered * _unheard_share(told, turn)
    sent = sum(
        fact.characters
        for kind in (SynthesisRequested, SynthesisContinued)
        for fact in told.trace.of(kind)
    )
    heard = sum(len(_heard(said.heard, said.context)) for said in told.utterances)
    return Use(
        minutes=duration(told) / 60,
        characters=sent,
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        wasted_characters=max(0, sent - heard),
        wasted_tokens=wasted_tokens,
        estimated=estimated,
    )


def cost(trace: Readable, prices: PriceList) -> Cost:
    """What the conversation cost by a price list."""
    used = use(trace)
    asked = _priced(used.tokens_in, prices.llm_per_million_in)
    answered = _priced(used.tokens_out, prices.llm_per_million_out)
    spoken = _priced(used.characters, prices.tts_per_million_characters)
    listening = prices.stt_per_minute
    lost_speech = _priced(used.wasted_characters, prices.tts_per_million_characters)
    lost_tokens = _priced(used.wasted_tokens, prices.llm_per_million_out)
    return Cost(
        stt=None if listening is None else used.minutes * listening,
        llm=_sum(asked, answered),
        tts=spoken,
        wasted=_sum(lost_speech, lost_tokens),
        minutes=used.minutes,
        estimated=used.estimated,
    )


def _tokens(told: Reading, turn: UserTurn) -> tuple[float, float, bool]:
    """Tokens in and out of a turn's answer, and whether the provider counted them."""
    if turn.first(AgentRequested) is None:
        return 0.0, 0.0, True
    usage = _usage(turn)
    asked, answered = _counted(usage, _IN), _counted(usage, _OUT)
    answered = None if answered is None else answered + usage.get(_THOUGHT, 0)
    letters = sum(len(text) for text in _sentences(turn))
    before = sum(len(t.text) for t in told.turns if t.number <= turn.number)
    before += sum(len(_heard(s.heard, s.context)) for s in told.utterances if s.turn < turn.number)
    return (
        before / LETTERS_PER_TOKEN if asked is None else asked,
        letters / LETTERS_PER_TOKEN if answered is None else answered,
        asked is not None and answered is not None and not usage.get("estimated"),
    )


def _usage(turn: UserTurn) -> Mapping[str, int]:
    for _, fact in turn.facts:
        if isinstance(fact, AgentFinished):
            return fact.usage
    return {}


def _counted(usage: Mapping[str, int], names: tuple[str, ...]) -> float | None:
    return next((float(usage[name]) for name in names if name in usage), None)


def _sentences(turn: UserTurn) -> list[str]:
    return [fact.text for _, fact in turn.facts if isinstance(fact, SentenceReady)]


def _unheard_share(told: Reading, turn: UserTurn) -> float:
    """Of the letters of a turn's answer; all of it where none was spoken."""
    made = sum(len(text) for text in _sentences(turn))
    heard = sum(len(_heard(said.heard, said.context)) for said in told.answers(turn))
    return max(0.0, 1 - heard / made) if made else 1.0


def _heard(heard: str | None, context: str | None) -> str:
    return heard if heard is not None else context or ""


def _priced(amount: float, per_million: float | None) -> float | None:
    return None if per_million is None else amount * per_million / 1e6


def _sum(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a + b
