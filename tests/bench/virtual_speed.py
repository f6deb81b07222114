"""The virtual clock: how many seconds of conversation pass in one second of the wall.

A hundred conversations share one loop; all listen, most speak. The seconds are the CPU's, since
neighbours stretch those of the wall; both are told.
"""

from __future__ import annotations

from dataclasses import replace

from tests.bench.crowd import Scene, Seen, apart
from tests.bench.figures import Figure, Progress

SCENE = Scene("ours", 100, 3.0, "virtual")


def figures(quick: bool, progress: Progress) -> list[Figure]:
    """Conversation-seconds a second, with voice activity detection and without."""
    scene = replace(SCENE, seconds=1.0 if quick else SCENE.seconds)
    seen: dict[str, Seen] = {}
    for who in ("ours", "vad", "raw"):
        progress(f"{scene.conversations} conversations, {who}")
        seen[who] = apart(replace(scene, who=who))
    found: list[Figure] = []
    for who, name in (("ours", "VAD off"), ("vad", "Silero VAD on")):
        ours, raw = seen[who], seen["raw"]
        key = f"virtual.{who}"
        what = f"conversation-seconds a second, {scene.conversations} in one loop, {name}"
        of_raw = speed(raw, raw.cpu_seconds)
        note = f"worst lateness {ours.worst * 16_000:.0f} samples, {ours.underruns} underruns"
        found += [
            Figure(key, what, speed(ours, ours.cpu_seconds), "s/s", "process", of_raw, note=note),
            Figure(f"{key}.wall", "same, by the wall", speed(ours, ours.wall_seconds), "s/s",
                   "wall", speed(raw, raw.wall_seconds)),
        ]  # fmt: skip
    return found


def speed(seen: Seen, seconds: float) -> float:
    """Conversation-seconds in a second, where the scene took so many."""
    return seen.scene.seconds * seen.scene.conversations / seconds
