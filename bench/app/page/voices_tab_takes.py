"""A sentence and some voices in, what each made of it out: side by side, a few at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from bench.app.failures import briefly
from bench.app.page.speaking import Spoken, speak, wav
from bench.app.page.voices_tab_candidates import Candidate, Price
from bench.app.page.voices_tab_sounds import Sounds
from bench.audio import to_samples
from bench.engine.synthesizer import BaseSynthesizer
from bench.engine.worker import Ending, spawn
from bench.errors import TalkbenchError
from bench.metrics import sound

AT_ONCE = 3  # voices that speak, of all visitors
BARS = 96  # of a waveform
ENDING_SECONDS = 1.0

State = Literal["waiting", "speaking", "done", "failed"]


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice that was made to speak, and what it costs."""

    synthesizer: BaseSynthesizer
    price: Price


Maker = Callable[[Candidate], Awaitable[Voice]]


@dataclass(frozen=True, slots=True)
class Figures:
    """What can be told of one sentence in one voice.

    `audible_seconds` counts from the request to the first audible sample as a listener has it;
    `real_time_factor` is the time that the speech took to come over the time it plays;
    `loudness_db` is below full scale. None where there is no sound.
    """

    audible_seconds: float | None
    real_time_factor: float | None
    seconds: float
    loudness_db: float | None
    bars: tuple[float, ...]


@dataclass(slots=True)
class Take:
    """One voice's way of saying the sentence: `sound` is the name it can be fetched under."""

    candidate: Candidate
    state: State = "waiting"
    why: str = ""
    figures: Figures | None = None
    price: Price | None = None
    sound: str = ""


class Comparison:
    """A sentence in several voices. `news` is set, and made anew, when something has changed."""

    def __init__(
        self,
        text: str,
        chosen: Sequence[Candidate],
        make: Maker,
        sounds: Sounds,
        places: asyncio.Semaphore,
    ) -> None:
        self.text = text
        self.takes = [Take(candidate) for candidate in chosen]
        self.news = asyncio.Event()
        self.stopped = False
        self._make, self._sounds, self._places = make, sounds, places
        self._tasks = [spawn(self._speak(take), name="voice compared") for take in self.takes]

    @property
    def over(self) -> bool:
        """Whether every voice has spoken, failed, or was stopped."""
        return all(task.done() for task in self._tasks)

    @property
    def made(self) -> list[Take]:
        """Those that can be heard."""
        return [take for take in self.takes if take.state == "done"]

    def stop(self) -> None:
        """End it; what was made stays."""
        self.stopped = self.stopped or not self.over
        for task in self._tasks:
            task.cancel()

    async def ended(self) -> None:
        """Wait until all has ended, within a bound."""
        await Ending(self._tasks, seconds=ENDING_SECONDS)

    async def _speak(self, take: Take) -> None:
        try:
            async with self._places:
                self._now(take, "speaking")
                await self._take(take)
        except asyncio.CancelledError:
            self._now(take, "failed", "stopped")
            raise
        except TimeoutError:
            self._now(take, "failed", "it took too long")
        except TalkbenchError as error:
            self._now(take, "failed", briefly(error, "voice"))
        except BaseException:
            self._now(take, "failed", "a fault of this program")
            raise
        else:
            self._now(take, "done")

    async def _take(self, take: Take) -> None:
        voice = await self._make(take.candidate)
        take.price = voice.price
        spoken = await speak(voice.synthesizer, self.text)
        take.figures = await asyncio.to_thread(figures, spoken)
        take.sound = self._sounds.keep(wav(spoken.pcm, spoken.rate))

    def _now(self, take: Take, state: State, why: str = "") -> None:
        take.state, take.why = state, why
        asyncio.get_running_loop().call_soon(self._tell)  # a task that ends has ended by then

    def _tell(self) -> None:
        self.news.set()
        self.news = asyncio.Event()


def figures(spoken: Spoken) -> Figures:
    """What can be told of a sound; it takes a few tenths of a second for half a minute."""
    edges = sound.audible(spoken.pcm, spoken.rate)
    return Figures(
        audible_seconds=spoken.heard_at(edges[0]) if edges is not None else None,
        real_time_factor=spoken.real_time_factor,
        seconds=spoken.seconds,
        loudness_db=sound.loudness_db(spoken.pcm, spoken.rate),
        bars=bars(spoken.pcm),
    )


def bars(pcm: bytes) -> tuple[float, ...]:
    """The peaks of a sound's `BARS` stretches, 1 being the highest of them."""
    samples = to_samples(pcm)
    size = max(1, -(-len(samples) // BARS))
    peaks = [max(map(abs, samples[i : i + size])) for i in range(0, len(samples), size)]
    top = max(peaks, default=0) or 1
    return tuple(peak / top for peak in peaks)
