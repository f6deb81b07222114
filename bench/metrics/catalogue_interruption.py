"""The metrics of interruptions."""

from __future__ import annotations

from collections.abc import Callable

from bench.metrics import barge_in, cutoffs, talk
from bench.metrics.catalogue_transcript import of_cuts
from bench.metrics.metric import Metric, Row, Values, known, metrics, rate
from bench.metrics.pauses import aftermath, pauses_of
from bench.metrics.reading import FALSE_ROLES, Readable, read
from bench.metrics.response import responses


def of_interruption() -> list[Metric]:
    """Stops, yields, pauses, both at once."""
    return [
        *metrics("interruption", "step", _STOPS),
        *metrics("interruption", "run", _YIELDS),
        *metrics("interruption", "cut", _CUT_AWAY),
    ]


def _of_stops(name: str) -> Callable[[Readable], Values]:
    return lambda trace: known(getattr(stop, name) for stop in barge_in.stops(trace))


def _censored(trace: Readable) -> Values:
    return tuple(stop.bound for stop in barge_in.stops(trace) if stop.censored)


def _resume_lat(trace: Readable) -> Values:
    told = read(trace)
    return tuple(pause.after for step in told.steps for pause in pauses_of(told, step))


def _resume(trace: Readable) -> Values:
    told = read(trace)
    found = [aftermath(told, step) for step in told.steps if step.role in FALSE_ROLES]
    silenced = [what for what in found if what is not None]
    return rate((silenced.count("resumes"), len(silenced)))


def _post_int_lat(trace: Readable) -> Values:
    told = read(trace)
    cutting = {step.step for step in told.steps if step.role == "interrupt"}
    return known(one.v2v for one in responses(told) if cutting & {*one.steps})


def _overlap(trace: Readable) -> Values:
    both = talk.overlap(trace)
    return () if both is None else (both.seconds,)


def _talk_over(trace: Readable) -> Values:
    both = talk.overlap(trace)
    return () if both is None else (both.by_user,)


_STOPS: tuple[Row, ...] = (
    (
        "stop_lat",
        "s",
        "`p_stop` less `u_on` of the step that stopped the bot; below 0 when the bot had just "
        "paused by itself. Steps that did not stop it are in `stop_censored`",
        "tau-voice `L_Y`, EVA `yield_ms`, Full-Duplex-Bench",
        _of_stops("latency"),
        barge_in.stops,
    ),
    (
        "stop_censored",
        "s",
        "for a step that came while the bot spoke and did not stop it: how long the bot was seen "
        "to go on. The stop comes later, if at all: draw these with Kaplan-Meier",
        "voice-evals",
        _censored,
        barge_in.stops,
    ),
    (
        "detect",
        "s",
        "first notice of the sound (voice activity, a hold, the interrupt) less `u_on`",
        "tau-voice, LiveKit",
        _of_stops("detect"),
        barge_in.stops,
    ),
    (
        "decide",
        "s",
        "decision to interrupt less that notice",
        "ours",
        _of_stops("decide"),
        barge_in.stops,
    ),
    (
        "flush",
        "s",
        "`p_stop` less the decision; below 0 when the bot was held before it was decided",
        "ours",
        _of_stops("flush"),
        barge_in.stops,
    ),
    (
        "resume_lat",
        "s",
        "first audible sample after a pause less the end of the step that caused it; below 0 when "
        "the bot went on before",
        "Full-Duplex-Bench v1.5",
        _resume_lat,
        pauses_of,
    ),
    (
        "post_int_lat",
        "s",
        "`v2v` of the answer to an interrupting step",
        "Full-Duplex-Bench, EVA",
        _post_int_lat,
        responses,
    ),
)

_YIELDS: tuple[Row, ...] = (
    (
        "yield_rate",
        "share",
        "interrupting steps that stopped the bot within 2 s, of those that came while it spoke; "
        "one whose bot ended by itself before tells nothing",
        "tau-voice",
        lambda trace: rate(barge_in.yielded(trace)),
        barge_in.yielded,
    ),
    (
        "missed_int",
        "share",
        "interrupting steps that did not stop the bot within 2 s, or that never became a turn",
        "FD-Bench NIR",
        lambda trace: rate(barge_in.missed(trace)),
        barge_in.missed,
    ),
    (
        "false_int",
        "share",
        "backchannels, noises and side talks that stopped the bot for good, at the latest 1 s "
        "after their end, of those that came while it spoke",
        "tau-voice `S_BC S_VT S_ND`",
        lambda trace: rate(barge_in.false_stops(trace)),
        barge_in.false_stops,
    ),
    (
        "spurious_resp",
        "share",
        "backchannels, noises and side talks in a silence of the bot's that it answers, at the "
        "latest 2 s after their end",
        "tau-voice, voicebench",
        lambda trace: rate(barge_in.spurious(trace)),
        barge_in.spurious,
    ),
    (
        "resume",
        "share",
        "of the bot's silences for a backchannel, a noise or a side talk, those after which it "
        "goes on from the same sample (the others: `restarts`, `skips`, `drops`)",
        "Full-Duplex-Bench v1.5, IHBench",
        _resume,
        aftermath,
    ),
    (
        "agent_int_rate",
        "share",
        "turn and interrupt steps that the bot began to speak into before they were over",
        "tau-voice `I_A`, EVA",
        lambda trace: rate(barge_in.agent_interrupts(trace)),
        barge_in.agent_interrupts,
    ),
    (
        "overlap",
        "s",
        "time in which both were heard; pauses of the user's over 0.3 s are none",
        "voicebench, Cekura, EVA",
        _overlap,
        talk.overlap,
    ),
    (
        "talk_over",
        "s",
        "the part of `overlap` in which the user spoke into the bot's speech",
        "voicebench",
        _talk_over,
        talk.overlap,
    ),
)

_CUT_AWAY: tuple[Row, ...] = (
    (
        "cut",
        "s",
        "of the answer's sound that was made and not heard: what its finished synthesis calls "
        "brought, or else what was sent, less what was played",
        "ours",
        of_cuts(lambda cut: cut.cut_seconds),
        cutoffs.cuts,
    ),
    (
        "cut_words",
        "words",
        "of the answer that were to be said and not heard",
        "ours",
        of_cuts(lambda cut: cut.cut_words),
        cutoffs.cuts,
    ),
)
