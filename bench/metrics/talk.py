"""A trace in, who spoke and when nobody did out: overlap, silence, gaps, turns a minute."""

from __future__ import annotations

from dataclasses import dataclass

from bench.events import Underrun
from bench.metrics.reading import VOICED_ROLES, Readable, Reading, read
from bench.metrics.steps import PlayedStep, Span, shared
from bench.metrics.words import words_of


@dataclass(frozen=True, slots=True)
class Overlap:
    """Seconds in which both were heard, by who spoke into the other's speech."""

    by_user: float = 0.0
    by_bot: float = 0.0

    @property
    def seconds(self) -> float:
        """All of it."""
        return self.by_user + self.by_bot


@dataclass(frozen=True, slots=True)
class Underruns:
    """Gaps within the bot's utterances where its audio came too late; `seconds` is None where only
    the pipeline tells of them."""

    n: int
    seconds: float | None


def overlap(trace: Readable, step: PlayedStep | None = None) -> Overlap | None:
    """Both at once, for one step or for all in which somebody speaks; None without a script.

    The user's speech is the words of the script, pauses up to 0.3 s between them included; the
    bot's its audible stretches. A stretch that had begun when the user's did was spoken into.
    """
    told = read(trace)
    if not told.scripted:
        return None
    chosen = told.steps if step is None else (step,)
    users = [span for s in chosen if s.role in VOICED_ROLES for span in s.spans]
    user = bot = 0.0
    for stretch in bot_spans(told):
        for span in users:
            both = shared([stretch], [span])
            user, bot = (user + both, bot) if stretch[0] <= span[0] else (user, bot + both)
    return Overlap(user, bot)


def bot_spans(told: Reading) -> list[Span]:
    """The audible stretches of the bot, in order."""
    return sorted((s.began_at, s.ended_at) for said in told.utterances for s in said.sounded)


def underruns(trace: Readable) -> Underruns:
    """Gaps inside an utterance that the loudspeaker ran dry in, until it sounded again."""
    told = read(trace)
    if not told.scripted:
        return Underruns(len(told.trace.of(Underrun)), None)
    gaps = [
        again.began_at - dry.ended_at
        for said in told.utterances
        for dry, again in zip(said.sounded, said.sounded[1:], strict=False)
        if dry.reason == "dry"
    ]
    return Underruns(len(gaps), sum(gaps))


def talk_ratio(trace: Readable) -> float | None:
    """The bot's share of all speech, in seconds; None without a script or without speech."""
    told = read(trace)
    bot, user = _seconds(bot_spans(told)), _seconds(_user_spans(told))
    return bot / (bot + user) if told.scripted and bot + user > 0 else None


def silences(trace: Readable) -> list[float] | None:
    """Seconds of every stretch in which nobody was heard, the beginning and the end of the
    conversation included; None without a script."""
    told = read(trace)
    if not told.scripted:
        return None
    began, ended = told.span
    silent, since = list[float](), began
    for span in sorted([*bot_spans(told), *_user_spans(told)]):
        if span[0] > since:
            silent.append(min(span[0], ended) - since)
        since = max(since, span[1])
    return [*silent, ended - since] if ended > since else silent


def silence_share(trace: Readable) -> float | None:
    """The share of the conversation in which nobody was heard."""
    silent, seconds = silences(trace), duration(trace)
    return sum(silent) / seconds if silent is not None and seconds else None


def duration(trace: Readable) -> float:
    """From the microphone's first sample to the end of the conversation."""
    began, ended = read(trace).span
    return max(0.0, ended - began)


def turns_per_minute(trace: Readable) -> float | None:
    """Turns of the user's that were committed and not withdrawn, in a minute of conversation."""
    told = read(trace)
    seconds = duration(told)
    turns = sum(not turn.withdrawn for turn in told.turns)
    return 60 * turns / seconds if seconds and turns else None


def words_per_turn(trace: Readable) -> float | None:
    """Words of the bot's that were heard, for each turn that was answered; where nobody knows what
    was heard, those of the history."""
    told = read(trace)
    answered = [answers for turn in told.turns if (answers := told.answers(turn))]
    said = [a.heard if a.heard is not None else a.context or "" for b in answered for a in b]
    return sum(len(words_of(text)) for text in said) / len(answered) if answered else None


def _user_spans(told: Reading) -> list[Span]:
    return sorted(span for s in told.steps if s.role in VOICED_ROLES for span in s.spans)


def _seconds(spans: list[Span]) -> float:
    """That the spans cover."""
    total, since = 0.0, float("-inf")
    for began, ended in sorted(spans):
        total += max(0.0, ended - max(began, since))
        since = max(since, ended)
    return total
