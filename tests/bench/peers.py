"""What other frameworks need for the same work, to print beside our own figures.

Measured by this project on 2026-11-20 with harnesses of one form for all (20 ms microphone frames,
40 tokens in 2 sentences, 4 s of speech in 20 ms chunks, a real-time sink; no VAD or turn model) on
a dedicated-core clock: Python 3.11.7, 2 shared busy cores; pipecat-ai 1.14.0, livekit-agents 1.8.9,
vocode 0.1.113, and a bare-asyncio baseline ("raw"). Machines differ, so compare ratios to raw.
"""

from __future__ import annotations

RAW, VOCODE, LIVEKIT, PIPECAT, LEAN = (
    "raw",
    "vocode 0.1.113",
    "livekit-agents 1.8.9",
    "pipecat-ai 1.14.0",
    "pipecat-ai, RTVI off",
)
SOURCE = (
    "peers: measured by this project on 2026-11-20 (Python 3.11.7, 2 shared busy cores, dedicated-"
    "core clock, same workload)"
)

PEERS: dict[str, dict[str, str]] = {
    "turn.p50": {RAW: "0.20", VOCODE: "0.9–1.1", LIVEKIT: "5.6", PIPECAT: "16–24", LEAN: "5.5"},
    "turn.p95": {RAW: "0.31", VOCODE: "1.3–1.7", LIVEKIT: "8.8–9.1", PIPECAT: "27–59", LEAN: "9.9"},
    "turn.p99": {
        RAW: "0.37", VOCODE: "1.5–1.8", LIVEKIT: "107–118 (11.7 after gc.freeze)",
        PIPECAT: "36–69", LEAN: "13.5",
    },
    "interrupt.p50": {RAW: "0.04", VOCODE: "256", LIVEKIT: "0.34", PIPECAT: "4.9", LEAN: "1.5"},
    "interrupt.p95": {RAW: "0.08", VOCODE: "417", LIVEKIT: "0.50", PIPECAT: "26", LEAN: "2.6"},
    "interrupt.p99": {RAW: "0.09", VOCODE: "450", LIVEKIT: "0.83", PIPECAT: "45", LEAN: "5.0"},
    "interrupt.leak": {RAW: "0", VOCODE: "0", LIVEKIT: "0", PIPECAT: "20 ms at p95, 40 at p99",
                       LEAN: "20 ms at p95"},
    "cut.with-word-times": {RAW: "0.10", VOCODE: "0.00 (plays all that was sent)", LIVEKIT: "0.69",
                            PIPECAT: "1.18", LEAN: "0.96"},
    "cut.without-word-times": {VOCODE: "5.1", LIVEKIT: "3.0", PIPECAT: "9.3"},
    "live.n": {RAW: "500–700", VOCODE: "200–375", LIVEKIT: "37–60", PIPECAT: "18–25", LEAN: "25"},
    "live.cpu": {RAW: "0.23", VOCODE: "0.21 (100 ms chunks)", LIVEKIT: "0.81", PIPECAT: "3.85",
                 LEAN: "2.6"},
    "live.idle": {RAW: "0.01", VOCODE: "0.04", LIVEKIT: "0.09", PIPECAT: "0.36 + 22 once"},
    "live.late.10.p50": {RAW: "0.015", VOCODE: "early", LIVEKIT: "0.02", PIPECAT: "0.2–0.3",
                         LEAN: "0.14"},
    "live.late.10.p99": {RAW: "0.03", VOCODE: "early", LIVEKIT: "0.2", PIPECAT: "2.6–17.6",
                         LEAN: "0.7"},
    "live.first": {RAW: "350", VOCODE: "371", LIVEKIT: "358", PIPECAT: "361"},
    "live.tasks": {RAW: "3", VOCODE: "6", LIVEKIT: "12", PIPECAT: "39", LEAN: "34–39"},
    "live.used": {RAW: "0.07", VOCODE: "0.10", LIVEKIT: "0.37", PIPECAT: "0.47"},
    "frame": {RAW: "0.55", VOCODE: "0.7", LIVEKIT: "2.7–3.3", PIPECAT: "210–290", LEAN: "184"},
    "import.cpu": {RAW: "0", VOCODE: "1.08", LIVEKIT: "1.25", PIPECAT: "0.65"},
    "import.rss": {RAW: "19", VOCODE: "115", LIVEKIT: "119", PIPECAT: "73.5 + 22 once"},
    "import.modules": {RAW: "0", VOCODE: "1700", LIVEKIT: "1620", PIPECAT: "647"},
    "cycle.start": {RAW: "0.01", VOCODE: "0.10", LIVEKIT: "1.6", PIPECAT: "3.8"},
    "cycle.stop.p50": {RAW: "0.04", VOCODE: "0.09", LIVEKIT: "2003 (2.8 with its wait off)",
                       PIPECAT: "6.1"},
    "cycle.cpu": {RAW: "0.3", VOCODE: "2.5", LIVEKIT: "14", PIPECAT: "31"},
    "cycle.tasks": {RAW: "0", VOCODE: "1040 (issue 741 there)", LIVEKIT: "0", PIPECAT: "0"},
    "cycle.rss": {RAW: "0.4", VOCODE: "28, linear", LIVEKIT: "4.6, then flat",
                  PIPECAT: "4.1, then flat"},
}  # fmt: skip


def beside(key: str) -> dict[str, str]:
    """The peers' figures for one of ours; the sweep of cuts shares two rows."""
    if key.startswith("cut.with"):
        key = ".".join(key.split(".")[:2])
    return PEERS.get(key, {})
