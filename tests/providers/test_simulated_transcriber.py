"""A simulated recogniser alone on its queues: it counts samples, and breaks as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from bench import clock
from bench.engine.transcriber import BaseTranscriber, Transcription
from bench.errors import ConfigError, Stalled
from bench.events import FellBack, ProviderFailed
from bench.providers.simulated_transcriber import SimulatedTranscriber
from bench.simulation.context import Simulation
from bench.simulation.faults import Fault
from bench.trace import Trace
from tests.providers.simulated_call import FRAME, spoken

pytestmark = pytest.mark.unit

NAME = "sim:deepgram-nova-3"
TEXT = "what are your opening hours please"
EXACT = {
    NAME: {
        "ttfs_ms": 250,
        "first_partial_ms": 200,
        "partial_every_ms": 100,
        "word_error_rate": 0,
        "unstable_words": 0,
    }
}


class Heard:
    """What a transcriber told, and when."""

    def __init__(self, *faults: Fault, overrides: dict[str, Any] | None = None) -> None:
        self.simulation = Simulation(faults=faults, overrides=overrides or EXACT)
        self.told: list[tuple[float, Transcription]] = []
        self.trace = Trace()

    async def listen(self, script: Sequence[tuple[float, str]], seconds: float, frame: int) -> None:
        ears = SimulatedTranscriber({"stt": NAME, "simulation": self.simulation})
        ears.trace = self.trace
        waiting = list(script)
        for number in range(round(seconds * 16_000) // frame):
            while waiting and waiting[0][0] * 16_000 <= number * frame:
                at, text = waiting.pop(0)
                self.simulation.feed.say(f"at {at}", spoken(text, round(at * 16_000)))
            await clock.sleep_until((number + 1) * frame / 16_000)
            ears.send_audio(bytes(2 * frame))
            while not ears.output_queue.empty():
                self.told.append((clock.now(), ears.output_queue.get_nowait()))
        await ears.terminate()
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        assert not left, left

    @property
    def finals(self) -> list[str]:
        return [told.message for _, told in self.told if told.is_final]

    @property
    def partials(self) -> list[str]:
        return [told.message for _, told in self.told if not told.is_final]


def hear(
    *faults: Fault,
    script: Sequence[tuple[float, str]] = ((0.5, TEXT),),
    seconds: float = 5.0,
    frame: int = FRAME,
    **more: Any,
) -> Heard:
    made = Heard(*faults, **more)
    clock.run(made.listen(script, seconds, frame), virtual=True)
    return made


def test_without_a_script_it_says_that_it_needs_one():
    for config in ({"stt": NAME}, {"transcriberProvider": NAME, "simulation": None}):
        with pytest.raises(ConfigError, match=f"transcriber provider {NAME} needs a scenario"):
            SimulatedTranscriber(config)
    with pytest.raises(ConfigError, match="wants transcriberProvider: the name of a profile"):
        SimulatedTranscriber({"simulation": Simulation()})
    with pytest.raises(ConfigError, match="want a Simulation"):
        SimulatedTranscriber({"stt": NAME, "simulation": 3})


def test_it_hears_the_words_of_the_script():
    made = hear()
    assert made.finals == [TEXT]
    assert made.partials == [" ".join(TEXT.split()[:n]) for n in range(1, 7)]
    assert [told.utterance_id for _, told in made.told] == ["u1"] * 7


def test_the_size_of_the_frames_does_not_matter():
    for frame in (160, 512, 1024):
        made = hear(frame=frame)
        (at,) = [at for at, told in made.told if told.is_final]
        assert made.finals == [TEXT]
        assert at == pytest.approx(0.5 + 6 * 0.3 - 0.05 + 0.25, abs=2 * frame / 16_000)


def test_muted_it_hears_nothing():
    async def main() -> list[Transcription]:
        simulation = Simulation(overrides=EXACT)
        ears = SimulatedTranscriber({"stt": NAME, "simulation": simulation})
        simulation.feed.say("a", spoken(TEXT, 0))
        ears.mute()
        for number in range(200):
            if number == 45:  # the end of the third word
                ears.unmute()
            await clock.sleep(0.02)
            ears.send_audio(bytes(2 * FRAME))
        await ears.terminate()
        return [ears.output_queue.get_nowait() for _ in range(ears.output_queue.qsize())]

    told = clock.run(main(), virtual=True)
    assert told[-1].message == "opening hours please"
    assert "what" not in " ".join(each.message for each in told)


def test_a_dropped_connection_loses_the_words_that_had_begun():
    made = hear(Fault("stt", "disconnect", after_partial=2))
    assert made.partials[:2] == ["what", "what are"]
    assert made.finals == ["opening hours please"]
    assert [failed.kind for failed in made.trace.of(ProviderFailed)] == ["BrokenStream"]


def test_finals_that_go_wrong():
    assert hear(Fault("stt", "no_final")).finals == []
    assert hear(Fault("stt", "duplicate_final")).finals == [TEXT, TEXT]
    assert hear(Fault("stt", "out_of_order")).finals == ["opening hours please", "what are your"]
    assert hear(Fault("stt", "out_of_order"), script=[(0.5, "yes")]).finals == ["yes"]
    late = hear(Fault("stt", "late_final", for_seconds=1.5))
    (at,) = [at for at, told in late.told if told.is_final]
    assert at == pytest.approx(0.5 + 1.75 + 0.25 + 1.5, abs=0.02)


def test_a_late_final_lets_what_follows_overtake_it():
    script = [(0.5, "one two"), (2.0, "three")]
    fault = Fault("stt", "late_final", utterance="at 0.5", for_seconds=3.0)
    assert hear(fault, script=script, seconds=6.0).finals == ["three", "one two"]


def test_a_stall_is_made_up_for():
    made = hear(Fault("stt", "stall", after_partial=2, for_seconds=1.0))
    assert made.partials[:2] == ["what", "what are"]
    begin, end = (made.told[n][0] for n in (1, 2))
    assert end - begin == pytest.approx(1.0, abs=0.02)
    assert made.finals == [TEXT]
    assert made.trace.of(ProviderFailed) == []


def test_slow_is_slower_by_its_factor():
    slow = hear(Fault("stt", "slow", factor=4.0))
    (at,) = [at for at, told in slow.told if told.is_final]
    assert at == pytest.approx(0.5 + 1.75 + 4 * 0.25, abs=0.02)
    assert len(slow.partials) < len(hear().partials)


def test_a_fault_of_every_utterance_comes_once_in_each():
    script = [(0.5, "one two"), (3.0, "three four")]
    fault = Fault("stt", "stall", after_partial=1, for_seconds=0.5, every=True)
    made = hear(fault, script=script, seconds=8.0)
    assert made.finals == ["one two", "three four"]


def test_refused_at_the_door_it_tries_again():
    made = hear(Fault("stt", "http_429"))
    assert [failed.kind for failed in made.trace.of(ProviderFailed)] == ["RateLimited"]
    assert made.finals == [TEXT]
    assert hear(Fault("stt", "http_503", every=True)).told == []


def test_words_come_with_their_places_in_the_stream():
    final = next(told for _, told in hear().told if told.is_final)
    assert [(w.text, w.start_sample, w.end_sample) for w in final.words] == [
        (w.text, w.start_sample, w.end_sample) for w in spoken(TEXT, 8000)
    ]


def listened(first: Any, second: Any, simulation: Simulation, seconds: float = 8.0) -> Heard:
    """Two listeners on one microphone, in which `TEXT` is said twice."""
    made = Heard()

    async def main() -> None:
        first.backup, first.trace = second, made.trace
        for at in (0.5, 3.0):
            simulation.feed.say(f"at {at}", spoken(TEXT, round(at * 16_000)))
        for number in range(round(seconds * 50)):
            first.send_audio(bytes(2 * FRAME))
            await clock.sleep_until((number + 1) * FRAME / 16_000)
            while not first.output_queue.empty():
                made.told.append((clock.now(), first.output_queue.get_nowait()))
        await first.terminate()
        assert len(asyncio.all_tasks()) == 1

    clock.run(main(), virtual=True)
    return made


def made_for(simulation: Simulation, **more: Any) -> SimulatedTranscriber:
    return SimulatedTranscriber({"stt": NAME, "simulation": simulation, **more})


def places(made: Heard) -> list[tuple[str, int]]:
    finals = [told for _, told in made.told if told.is_final]
    return [(word.text, word.start_sample) for final in finals for word in final.words]


WANTED = [
    (word.text, word.start_sample) for at in (0.5, 3.0) for word in spoken(TEXT, round(at * 16_000))
]


@pytest.mark.parametrize("after_partial", [None, 1, 3])
@pytest.mark.parametrize(("kind", "fell"), [("disconnect", 0), ("stall", 1)])
def test_what_a_simulated_one_leaves_is_heard_by_another(
    after_partial: int | None, kind: str, fell: int
):
    fault = Fault("stt", kind, utterance="at 0.5", after_partial=after_partial, for_seconds=9.0)
    simulation = Simulation(faults=(fault,), overrides=EXACT)
    made = listened(made_for(simulation), made_for(simulation, stands_in=True), simulation)
    assert places(made) == WANTED
    before_a_word = kind == "disconnect" and after_partial is None
    assert [fact.to for fact in made.trace.of(FellBack)] == [NAME] * max(fell, before_a_word)
    ids = [told.utterance_id for _, told in made.told if told.is_final]
    assert len(set(ids)) == 2
    opened = dict.fromkeys(told.utterance_id for _, told in made.told)
    assert list(opened) == ids


def test_a_simulated_one_stands_in_for_one_that_reads_the_sound():
    class Dead(BaseTranscriber):
        async def _run_loop(self) -> None:
            for _ in range(60):
                await self.take()
            raise Stalled("dead", "quiet")

    simulation = Simulation(overrides=EXACT)
    made = listened(Dead(), made_for(simulation, stands_in=True), simulation)
    assert [word for word, _ in places(made)] == [word for word, _ in WANTED]
    assert places(made) == WANTED


def test_a_backup_that_is_not_needed_changes_nothing():
    told = []
    for backed in (False, True):
        simulation = Simulation(overrides=EXACT)
        second = made_for(simulation, stands_in=True) if backed else None
        told.append(listened(made_for(simulation), second, simulation).told)
    assert told[0] == told[1]
