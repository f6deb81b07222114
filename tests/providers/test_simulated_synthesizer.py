"""A simulated voice: when its audio comes, what is in it, and where it breaks."""

from __future__ import annotations

from array import array
from itertools import pairwise
from typing import Any

import pytest

from bench import clock
from bench.engine.synthesizer import BaseMessage, ChunkResult, SynthesisResult
from bench.errors import BrokenStream, ProviderError, RateLimited
from bench.events import Word
from bench.providers.simulated_synthesizer import SimulatedSynthesizer
from bench.simulation.context import Simulation
from bench.simulation.faults import Fault
from bench.simulation.tone import speak, word_timing

pytestmark = pytest.mark.unit

NAME = "sim:cartesia-sonic-3"
EXACT = {NAME: {"ttfa_ms": 200, "lead_silence_ms": 50, "rtf": 0.25, "chunk_ms": 100}}
TEXT = "We are open from nine to five, on weekdays."
CHUNK = 640


class Spoken:
    """All that came of one call, and when."""

    def __init__(self) -> None:
        self.chunks: list[tuple[float, ChunkResult]] = []
        self.error: ProviderError | None = None
        self.result: SynthesisResult | None = None

    @property
    def pcm(self) -> bytes:
        return b"".join(chunk.chunk for _, chunk in self.chunks)

    def heard(self, seconds: float) -> str:
        assert self.result is not None
        return self.result.get_message_up_to(seconds)


def speaks(
    *faults: Fault, text: str = TEXT, rate: int = 16_000, chunk: int = CHUNK, **config: Any
) -> Spoken:
    async def main() -> Spoken:
        made = Spoken()
        simulation = Simulation(overrides=EXACT, faults=faults)
        voice = SimulatedSynthesizer({"tts": NAME, "simulation": simulation, **config})
        voice.sampling_rate = rate
        began_at = clock.now()
        try:
            made.result = await voice.create_speech(BaseMessage(text), chunk)
            async for piece in made.result.chunk_generator:
                made.chunks.append((round(clock.now() - began_at, 6), piece))
        except ProviderError as error:
            made.error = error
        return made

    return clock.run(main(), virtual=True)


def level(pcm: bytes, start: int, end: int) -> int:
    return max(map(abs, array("h", pcm)[start:end]))


def test_it_is_tones_behind_its_leading_silence_with_the_exact_words():
    made = speaks()
    pcm, words = speak(TEXT)
    assert made.pcm == bytes(2 * 800) + pcm
    for word, start, end in words:
        assert level(made.pcm, 800 + start, 800 + end) > 8000
        assert word in made.heard((800 + end) / 16_000)
        assert word not in made.heard((800 + end - 1) / 16_000).split()[-1:]
    assert made.heard(0.05) == ""
    assert made.heard(60.0) == TEXT


def test_the_first_sound_comes_when_it_was_drawn_and_the_rest_at_its_pace():
    made = speaks()
    for number, (at, _) in enumerate(made.chunks):
        assert at == pytest.approx(0.15 + number // 5 * 0.025, abs=2e-6)


def test_chunks_are_of_the_size_that_was_asked_for_and_one_is_the_last():
    for size in (320, 640, 1000, 10_000_000):
        made = speaks(chunk=size)
        assert all(len(chunk.chunk) == size for _, chunk in made.chunks[:-1])
        assert [chunk.is_last_chunk for _, chunk in made.chunks] == [False] * (
            len(made.chunks) - 1
        ) + [True]
    nothing = speaks(text="—")
    assert [chunk.is_last_chunk for _, chunk in nothing.chunks].count(True) == 1
    assert nothing.heard(9.0) in ("", "—")


def test_voices_differ_in_pitch_and_not_in_time():
    def pitch(pcm: bytes) -> float:
        samples = array("h", pcm)
        rises = sum(one < 0 <= other for one, other in pairwise(samples))
        return rises / len(samples)

    usual, names = speaks(), ("calm-f", "deep-m", "ada", "bo", "kim")
    others = {name: speaks(voice=name) for name in names}
    assert len({made.pcm for made in others.values()} | {usual.pcm}) >= 4
    assert others["ada"].pcm == speaks(voice="ada").pcm
    for made in others.values():
        assert len(made.pcm) == len(usual.pcm)
        assert [made.heard(n / 10) for n in range(40)] == [usual.heard(n / 10) for n in range(40)]
        assert abs(pitch(made.pcm) / pitch(usual.pcm) - 1) > 0.05
    assert pitch(speaks(pitch=99).pcm) > pitch(usual.pcm) > pitch(speaks(pitch=0).pcm)


def test_pace_is_set_as_with_other_voices():
    slow, usual, fast = speaks(speed=0.5), speaks(), speaks(words_per_minute=340)
    assert len(slow.pcm) > len(usual.pcm) > len(fast.pcm)


def test_any_rate_of_the_session():
    for rate in (8_000, 24_000, 48_000):
        made = speaks(rate=rate, chunk=rate // 25)
        timing = word_timing(TEXT, rate)
        assert len(made.pcm) == 2 * (timing.samples + round(0.05 * rate))
        assert made.heard((timing.words[0][2] + round(0.05 * rate)) / rate) == "We"


def test_recorded_speech_is_spoken_where_there_is_some():
    recording = b"\x01\x10" * 16_000, [Word("We", 0, 8_000), Word("are.", 8_000, 16_000)]
    made = speaks(text="We are.", speech=lambda text: recording if text == "We are." else None)
    assert made.pcm == bytes(1600) + recording[0]
    assert (made.heard(0.55), made.heard(1.05)) == ("We", "We are.")
    assert speaks(speech=lambda text: None).pcm == speaks().pcm
    at_another_rate = speaks(text="We are.", rate=24_000, chunk=960, speech=lambda text: recording)
    assert len(at_another_rate.pcm) == pytest.approx(2 * 1.05 * 24_000, abs=8)
    assert at_another_rate.heard(0.55) == "We"


def test_faults_of_a_voice():
    assert isinstance(speaks(Fault("tts", "http_429")).error, RateLimited)
    empty = speaks(Fault("tts", "empty_audio"))
    assert empty.pcm == b""
    assert [chunk.is_last_chunk for _, chunk in empty.chunks] == [True]
    assert empty.heard(60.0) == ""
    wrong, right = speaks(Fault("tts", "wrong_rate")), speaks()
    assert len(wrong.pcm) == pytest.approx(1.5 * len(right.pcm), rel=0.02)
    assert wrong.heard(1.0) == right.heard(1.0)
    slow = speaks(Fault("tts", "slow", factor=2.0))
    assert slow.chunks[0][0] == pytest.approx(2 * right.chunks[0][0], abs=2e-6)
    assert slow.chunks[-1][0] == pytest.approx(2 * right.chunks[-1][0], abs=2e-5)


@pytest.mark.parametrize("kind", ["disconnect", "malformed"])
def test_it_breaks_off_to_the_chunk(kind: str):
    made = speaks(Fault("tts", kind, after_audio_seconds=0.5))
    assert isinstance(made.error, BrokenStream)
    assert len(made.pcm) == 2 * 8000
    half = speaks(Fault("tts", kind))
    assert len(half.pcm) == pytest.approx(len(speaks().pcm) / 2, abs=CHUNK)


def test_a_stall_holds_the_rest_back():
    made, clean = speaks(Fault("tts", "stall", after_audio_seconds=0.5, for_seconds=1.5)), speaks()
    assert made.pcm == clean.pcm
    waits = [
        later[0] - earlier[0] for earlier, later in zip(made.chunks, made.chunks[1:], strict=False)
    ]
    assert max(waits) == pytest.approx(1.5, abs=0.03)
    assert waits.index(max(waits)) == 24  # 0.5 s are 25 chunks


def test_the_silence_that_leads_is_at_most_half_of_the_wait():
    simulation = Simulation(overrides={NAME: {"ttfa_ms": 100, "lead_silence_ms": 250}})
    made = speaks(simulation=simulation)
    assert made.chunks[0][0] == pytest.approx(0.05, abs=2e-6)
    assert level(made.pcm, 0, 800) == 0 < level(made.pcm, 800, 1600)
