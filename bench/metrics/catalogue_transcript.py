"""The metrics of who knows what was heard and said."""

from __future__ import annotations

from collections.abc import Callable

from bench.metrics import cutoffs, user_words
from bench.metrics.cutoffs import Cut
from bench.metrics.metric import Metric, Row, Values, known, metrics, rate
from bench.metrics.reading import Readable


def of_transcript() -> list[Metric]:
    """The history beside what was heard and what was said."""
    return [
        *metrics("transcript", "cut", _CUTOFFS),
        *metrics("transcript", "run", _UNDERSTOOD),
        *metrics("transcript", "partial", _PARTIALS),
    ]


def of_cuts(figure: Callable[[Cut], float | None]) -> Callable[[Readable], Values]:
    """A figure of every cut-off."""
    return lambda trace: known(figure(cut) for cut in cutoffs.cuts(trace))


_CUTOFFS: tuple[Row, ...] = (
    (
        "cutoff_err_words",
        "words",
        "words in the history less words heard, of an answer that was cut off; above 0 the bot "
        "believes it said more than was heard. A word is heard when its last sample was played",
        "ours",
        of_cuts(lambda cut: cut.error_words),
        cutoffs.cuts,
    ),
    (
        "phantom_ctx_chars",
        "characters",
        "of words in the history that nobody heard",
        "ours",
        of_cuts(lambda cut: cut.phantom_characters),
        cutoffs.cuts,
    ),
    (
        "playout_vs_sent",
        "s",
        "sound sent to the loudspeaker and never played",
        "ours",
        of_cuts(lambda cut: cut.unplayed_seconds),
        cutoffs.cuts,
    ),
)

_UNDERSTOOD: tuple[Row, ...] = (
    (
        "cutoff_exact",
        "share",
        "cut answers whose words in the history are just those heard",
        "ours",
        lambda trace: rate(cutoffs.within(trace, 0)),
        cutoffs.within,
    ),
    (
        "cutoff_pm1",
        "share",
        "cut answers with at most one word wrong, missing or too many",
        "ours",
        lambda trace: rate(cutoffs.within(trace, 1)),
        cutoffs.within,
    ),
    (
        "truth_wer",
        "share",
        "words of turns and interrupts that are wrong, missing or too many in the history, over "
        "the words of the script; lower case, no punctuation. A step that became no turn is "
        "missing whole",
        "word error rate; EVA",
        lambda trace: known([user_words.truth_wer(trace)]),
        user_words.truth_wer,
    ),
    (
        "entity_acc",
        "share",
        "numbers of the script that stand in the history",
        "EVA key-entity accuracy",
        lambda trace: rate(user_words.number_accuracy(trace)),
        user_words.number_accuracy,
    ),
    (
        "orphan_final",
        "count",
        "finals that came after the commit of a turn that already held their sound",
        "ours",
        lambda trace: known([user_words.orphan_finals(trace)]),
        user_words.orphan_finals,
    ),
)

_PARTIALS: tuple[Row, ...] = (
    (
        "truth_wer_partial",
        "share",
        "word distance of a partial to the nearest beginning of what its step says, over its words",
        "ours",
        lambda trace: tuple(user_words.partial_wers(trace)),
        user_words.partial_wers,
    ),
)
