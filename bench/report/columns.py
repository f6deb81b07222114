"""The tables' columns: what stands in each, and of which kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from pandas.api.extensions import ExtensionArray

Kinds = dict[str, str]
"""A pandas dtype by column."""


def texts(names: str) -> Kinds:
    """Columns of text; what nobody knows is ""."""
    return dict.fromkeys(names.split(), "str")


def numbers(names: str) -> Kinds:
    """Columns of numbers; what nobody knows is NaN."""
    return dict.fromkeys(names.split(), "float64")


def counts(names: str) -> Kinds:
    """Columns of whole numbers that are always known."""
    return dict.fromkeys(names.split(), "int64")


def flags(names: str) -> Kinds:
    """Columns of True or False."""
    return dict.fromkeys(names.split(), "bool")


def maybe(names: str) -> Kinds:
    """Columns of True, False or unknown (NA)."""
    return dict.fromkeys(names.split(), "boolean")


KEYS = ("scenario", "stack", "stt", "llm", "tts", "repeat", "seed", "clock", "simulated")
"""Stand in every row."""

SHARED = (
    texts("scenario stack stt llm tts voice")
    | counts("repeat seed")
    | texts("clock")
    | flags("simulated")
    | texts("profiles policy")
)
"""The keys, and what else is in every row: the digest of the profiles' file ("" where nothing is
simulated) and the policy of interrupts."""

STAGES = ("endpoint_delay", "commit_gap", "ttft", "flush_gap", "tts_queue", "ttfa", "out_buffer")
"""Of an answer, in their order; they add up to `v2v_seconds`."""

WAITS = (*STAGES, "v2v", "v2v_content", "total", "residual", "ttfb", "lead_silence", "vart")
WAITS += ("ttfp", "ttfs", "stt_lag", "tool_time")
STOP = ("latency", "detect", "decide", "flush", "bound")
CUT = ("intended", "context", "heard", "estimated")
CUT += ("error_words", "off_words", "cut_words", "phantom_characters")
CUT += ("unplayed_seconds", "cut_seconds")
SHARES = ("false_stops", "spurious", "yielded", "missed", "answered")
SHARES += ("cutoff_exact", "cutoff_within_1")

TABLES: Mapping[str, Kinds] = {
    "turns": counts("turn")
    | texts("steps said reason")
    | numbers("committed_at ended_speaking_at answered_at")
    | texts("intended heard")
    | flags("cut_off withdrawn truth")
    | numbers(" ".join(f"{name}_seconds" for name in WAITS)),
    "interrupts": texts("step role")
    | counts("utterance turn")
    | numbers("began_at stopped_at")
    | flags("censored cut_off estimated")
    | numbers(" ".join(f"{name}_seconds" for name in STOP))
    | texts("intended context heard")
    | numbers("error_words off_words cut_words phantom_characters unplayed_seconds cut_seconds"),
    "partials": texts("step") | counts("utterance") | numbers("at") | texts("text")
    | flags("final ignored"),
    "words": texts("step role") | counts("word") | texts("text") | numbers("began_at ended_at"),
    "steps": texts("step role text")
    | flags("played")
    | texts("missed")
    | numbers("began_at ended_at v2v_seconds stop_seconds")
    | maybe("interrupts replies resumed")
    | texts("reply transcript aftermath")
    | numbers("user_turns partials heard_wer upwr overlap_seconds paused_seconds"),
    "runs": texts("name status void digest")
    | numbers("seconds wall_seconds")
    | texts("response_mode ended")
    | numbers("user_turns bot_turns interrupts failures underruns underrun_seconds")
    | numbers("overlap_seconds longest_silence_seconds talk_ratio truth_wer")
    | numbers(" ".join(f"{name} {name}_of" for name in SHARES))
    | numbers("stt_usd llm_usd tts_usd wasted_usd usd_per_minute waste_share"),
    "verdicts": texts("expectation status wanted got why"),
    "spans": counts("turn") | texts("stage")
    | numbers("began_at ended_at after_seconds until_seconds"),
    "joins": counts("turn") | numbers("at level_step_db pitch_step_semitones"),
}  # fmt: skip


def table(name: str, rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """The table of that name; an unknown text is "", any other unknown value missing.

    Raises:
        KeyError: a row has a column that the table has not.
    """
    kinds = SHARED | TABLES[name]
    for row in rows:
        if row.keys() - kinds.keys():
            raise KeyError(f"{name} has no column {sorted(row.keys() - kinds.keys())[0]!r}")
    made = {column: _column([row.get(column) for row in rows], kinds[column]) for column in kinds}
    return pd.DataFrame(made, columns=list(kinds))


def _column(values: Sequence[Any], kind: str) -> ExtensionArray:
    if kind == "str":
        values = ["" if value is None else str(value) for value in values]
    elif kind in ("bool", "int64"):
        values = [value or 0 for value in values]
    return pd.array(list(values), dtype=kind)  # of Series the index would be compared, 20 times
