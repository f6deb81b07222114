"""Figure: what each vendor's SDK and our adapter add to an event, and how soon a cancel arrives.

Adapter and emulator share a process, a loop and the loopback, on the wall clock: what is measured
is theirs together, from the instant before the emulator writes an event to the one at which the
engine has it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from typing import Any

from bench import clock
from bench.emulators.hearing import Heard, scripted
from bench.engine.synthesizer import BaseMessage
from bench.engine.worker import spawn
from bench.events import Word
from bench.simulation.context import Reply
from bench.simulation.truth import TruthFeed
from tests.bench.figures import Figure, Progress, percentile
from tests.contracts.case import Case, cases
from tests.contracts.served import plain
from tests.contracts.sound import FRAME

GOAL = "<= 50"
WARM_UP = 3  # of the first requests, which open connections
PACE_SECONDS = 0.004  # between frames of 20 ms
UTTERANCE_SECONDS = 2.0
NUMBERS = "ten twenty thirty forty fifty sixty seventy eighty ninety".split()
ANSWER = "We are open from nine to five, and on Sundays from ten until noon, except in August."
EVENT_NOTE = "one process, one loop, loopback; the emulator's own writing is in it"


def figures(quick: bool, progress: Progress) -> list[Figure]:
    """Event → queue and cancel → server, of every case that can be tried here."""
    found: list[Figure] = []
    for case in cases():
        if case.missing:
            continue
        progress(f"{case.role} {case.name}")
        measure = {"transcriber": _hears, "llm": _answers, "voice": _speaks}[case.role]
        times = 20 if quick else 60
        case.run(asyncio.sleep(0))  # imports its modules
        added, noticed = clock.run(measure(case, times + WARM_UP))
        key, name = f"adapters.{case.role}.{case.name}", f"{case.name} {case.role}"
        note = "" if found else EVENT_NOTE  # at the first, for all
        found += _rows(f"{key}.event", f"{name}: event → queue", added, "", note)
        found += _rows(f"{key}.cancel", f"{name}: cancel → server", noticed, GOAL, "")
    return found


def _rows(key: str, name: str, seconds: list[float], goal: str, note: str) -> list[Figure]:
    if not seconds:
        return []
    p50, p99 = (1e3 * percentile(seconds, share) for share in (0.5, 0.99))
    said = "; ".join(filter(None, [f"{len(seconds)} times", note]))
    return [
        Figure(f"{key}.p50", f"{name}, p50", p50, "ms", "wall"),
        Figure(f"{key}.p99", f"{name}, p99", p99, "ms", "wall", goal=goal or None, note=said),
    ]


Measured = tuple[list[float], list[float]]  # seconds an event took, and a cancel


class _Stamp:
    """A delay of nothing, which notes when it was asked for: an event is about to be written."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.at, self._seconds = 0.0, seconds

    def __call__(self) -> float:
        self.at = clock.now()
        return self._seconds


async def _answers(case: Case, times: int) -> Measured:
    first = _Stamp()
    options: dict[str, Any] = {"first": first, "every": lambda: 0.05}
    async with case.make_emulator([Reply("*", ANSWER)], **options).serving() as server:
        agent = case.make_adapter(server.url)
        agent.start()
        agent.transcript.add_human_message("When are you open?")

        async def pieces() -> AsyncGenerator[None, None]:
            async with contextlib.aclosing(agent.generate_response("", False, "")) as responses:
                async for response in responses:
                    if response.message.text:
                        yield

        measured = await _cut_off(pieces, first, server.gone, times)
        await agent.terminate()
    return measured


async def _speaks(case: Case, times: int) -> Measured:
    first = _Stamp()
    async with case.make_emulator(first=first, factor=lambda: 0.5).serving() as server:
        voice = case.make_adapter(server.url)

        async def pieces() -> AsyncGenerator[None, None]:
            result = await voice.create_speech(BaseMessage(ANSWER), 640)
            async with contextlib.aclosing(result.chunk_generator) as chunks:
                async for _ in chunks:
                    yield

        measured = await _cut_off(pieces, first, server.gone, times)
        await voice.terminate()
    return measured


async def _cut_off(
    pieces: Callable[[], AsyncGenerator[None, None]],
    first: _Stamp,
    gone: list[float],
    times: int,
) -> Measured:
    """Ask, take the first piece, and go: so many times."""
    added, noticed = list[float](), list[float]()
    for _ in range(times):
        stream = pieces()
        await anext(stream)
        added.append(clock.now() - first.at)
        await clock.sleep(0.02)
        before, at = len(gone), clock.now()
        await stream.aclose()
        with contextlib.suppress(TimeoutError):
            async with clock.deadline(1.0):
                while len(gone) == before:
                    await clock.sleep(0.001)
        if len(gone) > before:
            noticed.append(gone[-1] - at)
    return added[WARM_UP:], noticed[WARM_UP:]


class _Ears:
    """Scripted ears that note when they told what."""

    def __init__(self, ears: Any, told: dict[tuple[str, bool], float]) -> None:
        self._ears, self._told = ears, told

    @property
    def samples(self) -> int:
        return self._ears.samples

    @property
    def speaking_since(self) -> int | None:
        return self._ears.speaking_since

    async def take(self, pcm: bytes) -> list[Heard]:
        return self._noted(await self._ears.take(pcm))

    async def finish(self) -> list[Heard]:
        return self._noted(await self._ears.finish())

    def _noted(self, heard: list[Heard]) -> list[Heard]:
        for one in heard:
            text = plain(" ".join(word.text for word in one.words))
            self._told.setdefault((text, one.is_final), clock.now())
        return heard


async def _hears(case: Case, times: int) -> Measured:
    """Utterances of two words, each its own; then streams that are given up as they are heard."""
    feed, told = TruthFeed(begins=lambda: 0), dict[tuple[str, bool], float]()
    texts = [f"{tens} {ones}" for tens in NUMBERS for ones in NUMBERS]
    for number, text in enumerate(texts[: times // 2]):
        at = round((0.5 + number * UTTERANCE_SECONDS) * 16_000)
        one, two = text.split()
        feed.say(text, [Word(one, at, at + 4800), Word(two, at + 6400, at + 9600)])
    listen = scripted(feed, lambda: 0.1, lambda: 0.1)

    def ears(pause: int | None) -> _Ears:
        return _Ears(listen(pause), told)

    noticed = list[float]()
    async with case.make_emulator(ears).serving() as server:
        listener = case.make_adapter(server.url)
        listener.start()
        added = list[float]()
        reader = spawn(_arrivals(listener, told, added), name="reads")
        await _talk(listener, times // 2 * UTTERANCE_SECONDS + 2.0)
        reader.cancel()
        await listener.terminate()
        for _ in range(max(10, times // 2)):
            listener = case.make_adapter(server.url)
            listener.start()
            await _talk(listener, 1.0)
            before, at = len(_left(server)), clock.now()
            await listener.terminate()
            await clock.sleep(0.1)
            if len(_left(server)) > before:
                noticed.append(_left(server)[-1] - at)
    return added[WARM_UP:], noticed[1:]


def _left(server: Any) -> list[float]:
    """When clients left: without a word, or with the protocol's own."""
    return sorted([*server.gone, *getattr(server, "goodbyes", ())])


async def _talk(listener: Any, seconds: float) -> None:
    began = clock.now()
    for number in range(round(seconds / 0.02)):
        await clock.sleep_until(began + number * PACE_SECONDS)
        listener.send_audio(FRAME)
    await clock.sleep(0.1)


async def _arrivals(listener: Any, told: dict[tuple[str, bool], float], added: list[float]) -> None:
    seen = set[tuple[str, bool]]()
    while True:
        one = await listener.output_queue.get()
        key = (plain(one.message), one.is_final)
        if key in told and key not in seen and not one.ends_turn:  # that takes silence, too
            seen.add(key)
            added.append(clock.now() - told[key])
