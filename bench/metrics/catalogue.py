"""A metric's name in, its unit, its definition and the function that measures it out.

The one table that expectations, frames and the documentation read.
"""

from __future__ import annotations

from functools import cache

from bench.metrics.catalogue_interruption import of_interruption
from bench.metrics.catalogue_response import of_response
from bench.metrics.catalogue_talk import of_audio, of_money, of_partials
from bench.metrics.catalogue_transcript import of_transcript
from bench.metrics.metric import Metric, Section

SECTIONS: dict[Section, str] = {
    "response": "The wait for an answer",
    "interruption": "Interruptions",
    "transcript": "Who knows what was heard and said",
    "partials": "Partial transcripts",
    "audio": "Sound and talk",
    "money": "Money",
}


@cache
def catalogue() -> dict[str, Metric]:
    """Every metric by its name."""
    rows = (
        *of_response(),
        *of_interruption(),
        *of_transcript(),
        *of_partials(),
        *of_audio(),
        *of_money(),
    )
    return {row.name: row for row in rows}
