"""A name in an `expect` block in, what may be said of it out: the one table of expectations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Where = Literal["step", "run", "across"]
Kind = Literal["range", "flag", "text", "count", "match", "window", "events", "turns", "spread"]
"""How an operand is written:

- `range`: `{max: 400}`, `{min: 1, max: 3}`;
- `flag`: true or false;
- `text`: a text, compared word by word;
- `count`: a whole number, `[low, high]` or a range;
- `match`: `{contains: …}`, `{equals: …}`, `{regex: …}` or `{lacks: …}`, one or more of them;
- `window`: `[low, high]` in the metric's unit;
- `events`: `{absent: […], present: […]}`, facts of the trace by the names of their classes;
- `turns`: `{bot: count, user: count}`;
- `spread`: ranges by statistic, `{p50: {max: 1200}, p95: {max: 2200}, min_events: 20}`.
"""

Unit = Literal["ms", "s", "words", "characters", "share", "usd", ""]


@dataclass(frozen=True, slots=True)
class Metric:
    """One thing that can be expected: the operand it takes, in which unit, and what it is.

    `modifies` names the expectation of the same step that this one only qualifies; on its own it
    is an error.
    """

    name: str
    kind: Kind
    unit: Unit
    what: str
    modifies: str = ""


STATISTICS = ("p50", "p90", "p95", "p99", "mean", "min", "max")

_TIMES = (
    ("v2v_ms", "from the end of the user's speech to the bot's first audible sample"),
    ("endpoint_delay_ms", "from the end of speech to the turn's commit"),
    ("commit_gap_ms", "from the commit to the request to the agent"),
    ("ttft_ms", "from the request to the agent's first text"),
    ("flush_gap_ms", "from the first text to the first piece for the synthesizer"),
    ("tts_queue_ms", "from that piece to the request to the synthesizer"),
    ("ttfb_ms", "from the request to the synthesizer to its first audio"),
    ("ttfa_ms", "from the request to the synthesizer to its first audible sample"),
    ("out_buffer_ms", "from the first audible sample's arrival to its sound"),
    ("ttfp_ms", "from the start of speech to the first partial transcript"),
    ("ttfs_ms", "from the end of speech to the final transcript"),
    ("stop_ms", "from the start of an interrupting step to the bot's last audible sample"),
    ("detect_ms", "from the start of an interrupting step to the decision to interrupt"),
    ("flush_ms", "from that decision to the bot's last audible sample"),
    ("hold_ms", "that the bot paused because of the step"),
    ("resume_ms", "from the end of the step to the bot's going on"),
    ("cut_ms", "of the bot's speech thrown away by the interrupt"),
    ("overlap_ms", "that both were heard at once"),
)

STEP = (
    *(Metric(name, "range", "ms", what) for name, what in _TIMES),
    Metric("replies", "flag", "", "whether the bot answers the step"),
    Metric("reply", "match", "", "what of the answer to the step was heard"),
    Metric("interrupts", "flag", "", "whether the step ends what the bot was saying"),
    Metric("resume", "flag", "", "whether the bot goes on with what the step made it pause"),
    Metric("heard", "text", "", "what was heard of the answer that the step cut off"),
    Metric("heard_tolerance_words", "count", "words", "that `heard` may miss or have", "heard"),
    Metric("context_equals_heard", "flag", "", "whether the history holds just what was heard"),
    Metric("cutoff_error_words", "range", "words", "in the history, less those heard"),
    Metric("cut_words", "range", "words", "of the answer that were never heard"),
    Metric("phantom_characters", "range", "characters", "in the history that were never heard"),
    Metric("not_said_after", "text", "", "words that the bot never says again after the step"),
    Metric("user_turns", "count", "", "turns of the user's that the step became"),
    Metric("heard_wer", "range", "share", "word errors of the user's words in the history"),
    Metric("transcript", "match", "", "the user's words in the history"),
    Metric("bot_says", "match", "", "what the bot says during the step or in answer to it"),
    Metric("between_s", "window", "s", "when it begins, from the step's start", "bot_says"),
    Metric("tool_called", "text", "", "the tools that the answer to the step called, in order"),
    Metric("partials", "count", "", "partial transcripts of the step"),
    Metric("unstable_words", "range", "share", "of the partials' words that changed later"),
    Metric("missed", "flag", "", "whether the step's anchor never came"),
)

RUN = (
    Metric("turns", "turns", "", "turns of each side"),
    Metric("interrupts", "count", "", "answers that were cut off"),
    Metric("false_interrupts", "count", "", "of them by what was no turn"),
    Metric("overlap_ms", "range", "ms", "that both were heard at once"),
    Metric("underruns", "count", "", "gaps within the bot's speech"),
    Metric("underrun_ms", "range", "ms", "of gaps within the bot's speech"),
    Metric("v2v_ms", "spread", "ms", "of all turns"),
    Metric("stop_ms", "spread", "ms", "of all interrupts"),
    Metric("duration_s", "range", "s", "of the conversation"),
    Metric("longest_silence_ms", "range", "ms", "in which nobody was heard"),
    Metric("heard_wer", "range", "share", "word errors of all the user's words"),
    Metric("cutoff_exact", "range", "share", "of cut answers whose history is just what was heard"),
    Metric("failures", "count", "", "of providers"),
    Metric("events", "events", "", "facts that must be in the trace, or must not"),
    Metric("bot_says", "match", "", "what the bot says in the whole conversation"),
    Metric("ends", "text", "", "why the conversation ended"),
    Metric("cost_per_min_usd", "range", "usd", "of metered use a minute"),
    Metric("waste_share", "range", "share", "of that for what was never heard"),
)

_RATES = (
    ("false_interrupt_rate", "of steps that were no turn, those that ended the bot's speech"),
    ("yield_rate", "of interrupting steps, those that ended it"),
    ("missed_interrupt_rate", "of interrupting steps, those that did not"),
    ("response_rate", "of turns, those that were answered"),
    ("cutoff_exact", "of cut answers, those whose history is just what was heard"),
    ("cutoff_within_1", "the same within one word"),
    ("pass_rate", "of repeats, those in which every expectation held"),
)

ACROSS = (
    *(Metric(name, "spread", "ms", what) for name, what in _TIMES),
    *(Metric(name, "range", "share", what) for name, what in _RATES),
    Metric("heard_wer", "spread", "share", "word errors of the user's words in the history"),
    Metric("cost_per_min_usd", "spread", "usd", "of metered use a minute"),
)

TABLE: dict[Where, dict[str, Metric]] = {
    "step": {metric.name: metric for metric in STEP},
    "run": {metric.name: metric for metric in RUN},
    "across": {metric.name: metric for metric in ACROSS},
}


def metric(where: Where, name: str) -> Metric:
    """The row of a metric; KeyError when there is none."""
    return TABLE[where][name]
