"""The metrics of partial transcripts, of sound and talk, and of money."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from bench.metrics import partials, talk
from bench.metrics.cost import cost
from bench.metrics.metric import Metric, Row, Values, known, metrics
from bench.metrics.partials import hypotheses
from bench.metrics.reading import Readable
from bench.metrics.sound import clip, loudness_db, snr_db


def of_partials() -> list[Metric]:
    """How steady the transcriber is."""
    return [
        *metrics("partials", "run", _STEADINESS),
        *metrics("partials", "word", (_SETTLE,)),
        *metrics("partials", "step", (_PERCEIVED,)),
    ]


def of_audio() -> list[Metric]:
    """Gaps, silence, who speaks; the last three want a recording."""
    recorded = metrics("audio", "recording", _RECORDED)
    return [*metrics("audio", "run", _TALK), *(replace(row, values=None) for row in recorded)]


def of_money() -> list[Metric]:
    """What metered use costs; these want a price list."""
    return [replace(row, values=None) for row in metrics("money", "run", _MONEY)]


def _nothing(_: Readable) -> Values:
    return ()


def _steadiness(
    figure: Callable[[list[partials.Hypotheses]], float | None],
) -> Callable[[Readable], Values]:
    return lambda trace: known([figure(hypotheses(trace))])


def _of_run(figure: Callable[[Readable], float | None]) -> Callable[[Readable], Values]:
    return lambda trace: known([figure(trace)])


def _longest(trace: Readable) -> float | None:
    return max(talk.silences(trace) or (), default=None)


_STEADINESS: tuple[Row, ...] = (
    (
        "upwr",
        "ratio",
        "unstable partial word ratio: words shown and then changed or taken back, over the words "
        "of the finals",
        "Shangguan et al. 2020",
        _steadiness(partials.upwr),
        partials.upwr,
    ),
    (
        "flicker",
        "1/s",
        "words shown and then changed or taken back, a second, from the first partial to the final",
        "Bruguier et al. 2022",
        _steadiness(partials.flicker),
        partials.flicker,
    ),
    (
        "prefix_ok",
        "share",
        "partials that are a beginning of their final, word for word",
        "ours",
        _steadiness(partials.prefix_ok),
        partials.prefix_ok,
    ),
)

_SETTLE: Row = (
    "settle",
    "s",
    "for each word of a final: arrival of the transcript from which on it and all before it never "
    "changed, less the end of the word",
    "ours",
    lambda trace: tuple(partials.settled(trace)),
    partials.settled,
)

_PERCEIVED: Row = (
    "user_perceived_lat",
    "s",
    "last change of what is shown of a step, or its last final, whichever is later, less `u_off`",
    "arXiv 2104.02207",
    lambda trace: tuple(partials.perceived(trace)),
    partials.perceived,
)

_TALK: tuple[Row, ...] = (
    (
        "underrun_n",
        "count",
        "gaps inside an utterance because its audio came too late",
        "NVIDIA voice-agent-examples, Coval",
        lambda trace: (talk.underruns(trace).n,),
        talk.underruns,
    ),
    (
        "underrun",
        "s",
        "the sum of those gaps, from audible sample to audible sample; known from a loudspeaker "
        "that tells the truth",
        "Coval",
        lambda trace: known([talk.underruns(trace).seconds]),
        talk.underruns,
    ),
    (
        "talk_ratio",
        "share",
        "the bot's speech over all speech, in time",
        "Cekura, Coval",
        _of_run(talk.talk_ratio),
        talk.talk_ratio,
    ),
    (
        "silence_share",
        "share",
        "of the conversation in which nobody was heard; people on the phone: about 0.22",
        "ITU-T P.59",
        _of_run(talk.silence_share),
        talk.silence_share,
    ),
    (
        "longest_silence",
        "s",
        "in which nobody was heard, beginning and end included",
        "Hamming",
        _of_run(_longest),
        talk.silences,
    ),
    (
        "turns_per_min",
        "1/min",
        "turns of the user's that were committed and not withdrawn",
        "EVA conciseness",
        _of_run(talk.turns_per_minute),
        talk.turns_per_minute,
    ),
    (
        "words_per_turn",
        "words",
        "of the bot's that were heard, for each turn that was answered",
        "EVA conciseness",
        _of_run(talk.words_per_turn),
        talk.words_per_turn,
    ),
)

_RECORDED: tuple[Row, ...] = (
    (
        "clip",
        "share",
        "samples at full scale, in runs of two or more",
        "Coval",
        _nothing,
        clip,
    ),
    (
        "snr_db",
        "dB",
        "level that one 10 ms frame in ten exceeds, over the level that nine in ten exceed; above "
        "20 is good, 10 to 20 fair",
        "Coval",
        _nothing,
        snr_db,
    ),
    (
        "loudness_db",
        "dBFS",
        "mean power of blocks of 0.4 s, gated as in BS.1770 and without its frequency weighting; "
        "for comparing voices",
        "ITU-R BS.1770, Coval",
        _nothing,
        loudness_db,
    ),
)

_MONEY: tuple[Row, ...] = (
    (
        "cost_min",
        "USD/min",
        "metered use by a price list over the conversation's minutes: the time the microphone was "
        "open, tokens of called-off answers too, characters sent to the synthesizer. Unknown "
        "prices give no cost, never 0",
        "tau2 pricing; OpenBenchmarks uses invoices",
        _nothing,
        cost,
    ),
    (
        "waste_share",
        "share",
        "of that cost: characters and tokens of answers that nobody heard",
        "ours",
        _nothing,
        cost,
    ),
)
