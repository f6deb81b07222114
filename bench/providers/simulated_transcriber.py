"""Audio in, the script's words out: a recogniser that hears as a profile says.

It counts the samples that it is sent and knows from the truth feed what is said in them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bench import clock
from bench.audio import SAMPLE_WIDTH, samples_in
from bench.engine.transcriber import BaseTranscriber, Silence, Transcription
from bench.engine.worker import Ending, spawn
from bench.errors import ConfigError, Stalled
from bench.providers.simulated import broken, faults_of, named, refuse, simulation_of
from bench.simulation.faults import BREAKS, FINALS, REFUSALS, Fault, FaultWatch
from bench.simulation.hearing import NEVER, Hearing, Utterance, transcription
from bench.simulation.profiles import profile

STALL_SECONDS = 3.0  # of nothing, after which an adapter gives a stream up


class SimulatedTranscriber(BaseTranscriber):
    """A simulated recogniser: latencies, unstable partials, word errors and faults of a profile.

    `transcriber_config` holds `transcriberProvider` (`sim:…`) and `simulation`, without whose feed
    there is nothing to hear: that is a `ConfigError`. Audio is only counted: in `send_audio`, where
    nobody else listens, so that nothing waits on `input_queue`; else as it is taken from there.
    """

    def __init__(self, transcriber_config: Mapping[str, Any] | None = None) -> None:
        super().__init__(transcriber_config)
        config = transcriber_config or {}
        name = named(config, "transcriberProvider")
        if config.get("simulation") is None:
            raise ConfigError(
                f"transcriber provider {name} needs a scenario: it hears the words of a script, "
                "not sound; to talk to a simulated stack choose another transcriber"
            )
        self._simulation = simulation_of(config)
        self.profile = profile(name, self._simulation.overrides.get(name), role="stt")
        self.provider = f"sim:{self.profile.id}"
        self._hearing = Hearing(self.profile, self._simulation)
        self._hearing.on_begin, self._hearing.on_close = self._begins, self._closes
        self._watch = FaultWatch(faults_of(config), "stt")
        self._final_fault: dict[str, Fault] = {}  # by utterance
        self._suffered: tuple[str, Fault] | None = None  # the newest break, and where
        self._opened = False
        self._waiting: asyncio.Future[None] | None = None

    def send_audio(self, chunk: bytes) -> None:
        """Count PCM; never blocks."""
        if self.backup is not None:
            super().send_audio(chunk)
            return
        if self._task is None:
            self.start()
        hearing = self._hearing
        wants = hearing.received(len(chunk) // SAMPLE_WIDTH, muted=self.is_muted)
        if wants and hearing.advance(clock.now()):
            self._wake()

    async def _run_loop(self) -> None:
        await self._open()
        if not self._takes:
            await self._tell_all()
        taker = spawn(self._take_all(), name="simulated sender")
        try:
            await self._tell_all()
        finally:
            taker.cancel()
            await Ending([taker])

    async def _take_all(self) -> None:
        """Count the audio as it comes from the queue."""
        hearing, taken = self._hearing, 0
        while True:
            chunk = await self.take()
            taken += samples_in(chunk)
            fresh = self.placed(taken - 1) + 1 - hearing.samples
            wants = hearing.received(fresh, muted=isinstance(chunk, Silence))
            if wants and hearing.advance(clock.now()):
                self._wake()

    async def _tell_all(self) -> None:
        hearing = self._hearing
        while True:
            await self._until(hearing.due)
            while (utterance := hearing.next(clock.now())) is not None:
                await self._suffer(utterance)
                if utterance.due > clock.now():
                    continue  # a stall has put it off
                said = hearing.tell(utterance, clock.now())
                for each in self._as_sent(utterance, said):
                    await self.tell(each)
                await self._suffer(utterance)

    async def _open(self) -> None:
        if self._takes:
            self._hearing.begin_at(self.intake.begins)
        elif self._opened:
            self._hearing.forget()
        self._opened = True
        fault = self._watch.find(REFUSALS, turn=self._turn, step="")
        if fault is not None:
            self._watch.fired(fault)
            await refuse(fault, self.provider)

    async def _until(self, due: float) -> None:
        """Wait for an instant, or for words that may be due earlier."""
        if due <= clock.now():
            return
        loop = asyncio.get_running_loop()
        self._waiting = loop.create_future()
        timer = None if due == NEVER else loop.call_at(due, self._wake)
        try:
            await self._waiting
        finally:
            self._waiting = None
            if timer is not None:
                timer.cancel()

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    @property
    def _takes(self) -> bool:
        """Whether another one may have to hear the same audio."""
        return self.stands_in or self.backup is not None

    @property
    def _turn(self) -> int:
        """The turn that what is said now will be part of."""
        return self._simulation.turn() + 1

    # Troubles

    def _begins(self, utterance: Utterance) -> None:
        fault = self._watch.find(("slow",), turn=self._turn, step=utterance.step)
        if fault is not None:
            self._watch.fired(fault)
            utterance.factor = fault.factor

    def _closes(self, utterance: Utterance) -> None:
        fault = self._watch.find(FINALS, turn=self._turn, step=utterance.step)
        if fault is None:
            return
        self._watch.fired(fault)
        self._final_fault[utterance.id] = fault
        if fault.kind == "late_final":
            utterance.final_at += fault.for_seconds

    async def _suffer(self, utterance: Utterance) -> None:
        """Break where a fault says so: `after_partial` counts what was told of the utterance."""
        if not self._watch:
            return
        kinds = BREAKS if utterance.partials else (*REFUSALS, *BREAKS)
        told = utterance.partials + 0.5
        fault = self._watch.find(kinds, turn=self._turn, step=utterance.step, end=told)
        if fault is None or (utterance.id, fault) == self._suffered:
            return
        self._suffered = (utterance.id, fault)
        self._watch.fired(fault)
        if fault.kind in REFUSALS:
            await refuse(fault, self.provider)
        if fault.kind != "stall":
            raise broken(fault, self.provider, utterance.began_at)
        self._hearing.delay(clock.now() + fault.for_seconds)
        if fault.for_seconds > STALL_SECONDS:
            await clock.sleep(STALL_SECONDS)
            raise Stalled(self.provider, "simulated: nothing came", STALL_SECONDS)

    def _as_sent(self, utterance: Utterance, said: Transcription) -> list[Transcription]:
        """What becomes of a transcript on its way."""
        fault = self._final_fault.pop(utterance.id, None) if said.is_final else None
        match fault.kind if fault else "":
            case "no_final":
                return []
            case "duplicate_final":
                return [said, replace(said)]
            case "out_of_order":
                return _swapped(said)
            case _:
                return [said]


def _swapped(said: Transcription) -> list[Transcription]:
    """A final as two, the second half first; a single word stays as it is."""
    half = len(said.words) // 2
    if not half:
        return [said]
    halves = (said.words[half:], said.words[:half])
    return [
        replace(
            transcription(said.utterance_id, words, final=True),
            ends_turn=said.ends_turn,
        )
        for words in halves
    ]
