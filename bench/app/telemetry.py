"""Traces in, Prometheus figures out, under the familiar names.

Counting is an addition to a number; metrics are made of the numbers when somebody scrapes.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from bench.events import AgentRequested, FirstToken, TranscriptReceived
from bench.trace import Entry, Trace

BOUNDS_SECONDS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0)


class Telemetry(Collector):
    """What all conversations of an application came to.

    - `transcriptions_count_total{final}`: transcripts received, partial and final;
    - `agent_response_time_seconds`: from the question put to the agent to the first text of the
      answer; questions that got none are not in it;
    - `active_conversations`: those that are going on or wait for their client.
    """

    def __init__(self, active: Callable[[], int]) -> None:
        self.registry = CollectorRegistry()
        self._active = active
        self._transcripts = {True: 0, False: 0}
        self._response_counts = [0] * (len(BOUNDS_SECONDS) + 1)
        self._response_seconds = 0.0
        self.registry.register(self)

    def follow(self, trace: Trace) -> None:
        """Count what happens in a conversation, to its end."""
        asked_at: dict[int, float] = {}

        def count(entry: Entry) -> None:
            match entry.fact:
                case TranscriptReceived(final=final):
                    self._transcripts[final] += 1
                case AgentRequested(turn=turn):
                    asked_at.clear()
                    asked_at[turn] = entry.at
                case FirstToken(turn=turn) if turn in asked_at:
                    self._responded(entry.at - asked_at.pop(turn))
                case _:
                    pass

        trace.listen(count)

    def collect(self) -> Iterator[Metric]:
        """The metrics as they stand."""
        transcripts = CounterMetricFamily(
            "transcriptions_count", "Transcripts received.", labels=["final"]
        )
        for final, count in self._transcripts.items():
            transcripts.add_metric([str(final).lower()], count)
        yield transcripts
        buckets, so_far = list[tuple[str, float]](), 0
        for bound, count in zip((*BOUNDS_SECONDS, "+Inf"), self._response_counts, strict=True):
            so_far += count
            buckets.append((str(bound), so_far))
        yield HistogramMetricFamily(
            "agent_response_time_seconds",
            "From the question to the agent to the first text of its answer.",
            buckets=buckets,
            sum_value=self._response_seconds,
        )
        yield GaugeMetricFamily(
            "active_conversations", "Conversations going on.", value=self._active()
        )

    def _responded(self, seconds: float) -> None:
        self._response_counts[bisect_left(BOUNDS_SECONDS, seconds)] += 1
        self._response_seconds += seconds
