"""Figure 4: how many live conversations a core carries, and what one of them takes.

A core carries N when the lateness of their chunks (20 ms each, from an absolute schedule) has its
99th percentile below 20 ms over a window in which every conversation listens all the time and
speaks five sixths of it. Each N runs in a process of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median

from tests.bench.crowd import Memory, Scene, Seen, apart, weigh_apart
from tests.bench.figures import Figure, Progress

LATE_SECONDS = 0.02
FULL = 0.95  # share of a core at which lateness begins to grow
FEW, MANY = 10, 100  # conversations: as the peers were measured, and as a server has them
NAMES = {"ours": "live conversations a core carries", "vad": "same, with Silero VAD"}
GOALS = {"ours": ">= 300", "vad": None}


@dataclass(frozen=True, slots=True)
class Effort:
    """How thoroughly to look."""

    searched: tuple[str, ...]  # for whom the largest N is
    seconds: float  # of a window of the search
    step: float  # from one N to the next
    tries: int
    repeats: int  # of what is measured at a given N, in windows of `cpu_seconds`
    cpu_seconds: float
    weighed: int  # conversations


THOROUGH = Effort(("ours", "raw", "vad"), 10.0, 1.1, 5, 3, 3.0, 200)
QUICK = Effort(("ours", "raw"), 2.0, 1.2, 3, 1, 2.0, 100)


@dataclass(slots=True)
class Search:
    """Runs of growing N; `best` is the largest that passed before the first that did not."""

    passed: dict[int, float] = field(default_factory=dict[int, float])  # N: p99 lateness, seconds
    failed: dict[int, float] = field(default_factory=dict[int, float])

    @property
    def best(self) -> int:
        """0 when none passed."""
        limit = min(self.failed, default=0)
        return max((n for n in self.passed if not limit or n < limit), default=0)

    def next(self, guess: float, step: float) -> int | None:
        """The N to try now, near the guess; None when the best is known to within a step."""
        best, limit = self.best, min(self.failed, default=0)
        if not limit:
            return round(max(guess, best * step))
        if not best:
            return max(1, round(min(guess, limit / step**2)))
        return round((best * limit) ** 0.5) if limit > best * step + 1 else None

    def note(self) -> str:
        """Every N tried with its p99."""
        parts: list[str] = []
        for word, runs in (("passed", self.passed), ("failed", self.failed)):
            if runs:
                told = ", ".join(f"{n} ({1e3 * late:.3g})" for n, late in sorted(runs.items()))
                parts.append(f"{word} {told}")
        if not self.failed:
            parts.append("none failed, so it may be more")
        return f"N and p99 lateness in ms: {'; '.join(parts)}"


def figures(quick: bool, progress: Progress) -> list[Figure]:
    """Conversations per core, lateness, CPU and memory a conversation."""
    effort = QUICK if quick else THOROUGH
    few = _interleaved(("ours", "raw", "vad"), FEW, effort, progress)
    many = _interleaved(("ours", "raw"), MANY, effort, progress)
    costs = {who: _cpu(runs) for who, runs in (few | many).items()}
    searches = {who: _search(who, 0.9 / costs[who], effort, progress) for who in effort.searched}
    progress(f"{MANY} conversations on the wall clock")
    wall = apart(Scene("ours", MANY, effort.seconds, "wall"))
    return [
        *_largest(searches, effort),
        *_cpu_figures(few, many),
        *_lateness(few, many, wall),
        *_memory(effort, progress),
    ]


def _interleaved(
    names: tuple[str, ...], conversations: int, effort: Effort, progress: Progress
) -> dict[str, list[Seen]]:
    seen: dict[str, list[Seen]] = {who: [] for who in names}
    for repeat in range(effort.repeats):
        for who, runs in seen.items():
            progress(f"{conversations} conversations, {who}, {repeat + 1} of {effort.repeats}")
            runs.append(apart(Scene(who, conversations, effort.cpu_seconds)))
    return seen


def _cpu(runs: list[Seen]) -> float:
    """Share of a core for one conversation, the median of runs."""
    return median(seen.cpu_each for seen in runs) / 100


def _search(who: str, guess: float, effort: Effort, progress: Progress) -> Search:
    """From the guess up or down, by the CPU that was left, until the steps are small."""
    search, n = Search(), max(1, round(guess))
    for _ in range(effort.tries):
        progress(f"{n} conversations, {who}")
        seen = apart(Scene(who, n, effort.seconds))
        good = seen.p99 < LATE_SECONDS and not seen.dropped
        (search.passed if good else search.failed)[n] = seen.p99
        proposed = search.next(n * FULL / seen.cpu, effort.step)
        if proposed is None:
            break
        n = proposed
    return search


def _largest(searches: dict[str, Search], effort: Effort) -> list[Figure]:
    raw = searches["raw"]
    found: list[Figure] = []
    for who, name in NAMES.items():
        if who not in searches:
            continue
        key = "live.n" if who == "ours" else f"live.{who}.n"
        note = f"{searches[who].note()}; windows of {effort.seconds:g} s, steps of "
        note += f"{effort.step - 1:.0%}; raw: {raw.note()}"
        best, of_raw = searches[who].best, raw.best or None
        found.append(Figure(key, name, best, "conversations", "core", of_raw, GOALS[who], note))
    return found


def _cpu_figures(few: dict[str, list[Seen]], many: dict[str, list[Seen]]) -> list[Figure]:
    found: list[Figure] = []
    for runs, n in ((few, FEW), (many, MANY)):
        raw = 100 * _cpu(runs["raw"])
        note = f"median of {len(runs['ours'])} interleaved runs"
        key = "live.cpu" if n == FEW else "live.cpu.many"
        name = f"CPU a conversation, {n} of them"
        ours = 100 * _cpu(runs["ours"])
        found.append(Figure(key, name, ours, "% of a core", "core", raw, "<= 0.4", note))
        if "vad" in runs:
            name, vad = f"{name}, with Silero VAD", 100 * _cpu(runs["vad"])
            found.append(Figure(f"{key}.vad", name, vad, "% of a core", "core", raw))
    return found


def _lateness(few: dict[str, list[Seen]], many: dict[str, list[Seen]], wall: Seen) -> list[Figure]:
    found: list[Figure] = []
    for runs, n in ((few, FEW), (many, MANY)):
        for label in ("p50", "p99"):
            ours, raw = (1e3 * median(getattr(s, label) for s in runs[w]) for w in ("ours", "raw"))
            name = f"lateness of a chunk, {n} of them, {label}"
            found.append(Figure(f"live.late.{n}.{label}", name, ours, "ms", "core", raw))
    note = f"{1e2 * wall.cpu:.0f} % of a core in use; the machine's neighbours are in it"
    name = f"lateness of a chunk, {wall.scene.conversations} of them, p99"
    found.append(Figure("live.late.wall", name, 1e3 * wall.p99, "ms", "wall", note=note))
    ours, raw = (1e3 * median(s.first for s in few[who]) for who in ("ours", "raw"))
    note = "the providers alone take 325; a sentence ends when the word after it has come, 5 ms"
    name = f"final → first audio, {FEW} of them, p50"
    return [*found, Figure("live.first", name, ours, "ms", "core", raw, note=note)]


def _memory(effort: Effort, progress: Progress) -> list[Figure]:
    weighed: dict[str, Memory] = {}
    for who in ("ours", "vad", "raw"):
        progress(f"memory of {effort.weighed} conversations, {who}")
        weighed[who] = weigh_apart(who, effort.weighed)
    ours, vad, raw = weighed["ours"], weighed["vad"], weighed["raw"]
    note = f"slope over {effort.weighed} conversations; their objects {{:.3f}} MiB (tracemalloc)"
    return [
        Figure("live.idle", "memory a conversation, idle", ours.idle, "MiB RSS", "process",
               raw.idle, "<= 0.1", note.format(ours.idle_objects)),
        Figure("live.idle.vad", "its objects, with Silero VAD", vad.idle_objects, "MiB", "process",
               raw.idle_objects, note="the model itself is loaded once, and not counted"),
        Figure("live.used", "memory a conversation, in use", ours.used, "MiB RSS", "process",
               raw.used, note=note.format(ours.used_objects)),
        Figure("live.tasks", "asyncio tasks a conversation, idle", ours.tasks, "tasks", "core",
               raw.tasks),
    ]  # fmt: skip
