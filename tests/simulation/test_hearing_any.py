"""Whatever is said and however it comes: every word once, in its order, never before its end."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.engine.transcriber import Transcription
from bench.events import Word
from bench.simulation.context import Simulation
from bench.simulation.draws import Draws
from bench.simulation.hearing import NEVER, Hearing
from bench.simulation.profiles import names, profile

pytestmark = pytest.mark.unit

SAMPLES = st.integers(400, 9_000)
STEPS = st.lists(
    st.tuples(
        st.integers(0, 160_000),  # where it begins
        st.lists(st.tuples(SAMPLES, st.integers(0, 20_000)), min_size=1, max_size=6),
        st.sampled_from(["turn", "interrupt", "backchannel", "side_talk"]),
        st.integers(0, 30_000),  # so long before it begins it is known
    ),
    max_size=5,
)
CLEAR = {"word_error_rate": 0}


def hear(
    steps: list[tuple[int, list[Word], str, int]], name: str, seed: int, frame: int
) -> list[tuple[float, Transcription]]:
    simulation = Simulation(Draws(seed))
    hearing = Hearing(profile(name, CLEAR, role="stt"), simulation)
    waiting = sorted(((begin - ahead, n) for n, (begin, _, _, ahead) in enumerate(steps)))
    told: list[tuple[float, Transcription]] = []
    for number in range(1, 30 * 16_000 // frame):
        now, before = (round(n * frame / 16_000, 6) for n in (number, number - 1))
        while waiting and waiting[0][0] <= number * frame:
            _, n = waiting.pop(0)
            simulation.feed.say(f"step {n}", steps[n][1], steps[n][2])
        while hearing.due <= now:
            at = max(hearing.due, before)
            utterance = hearing.next(at)
            assert utterance is not None
            told.append((at, hearing.tell(utterance, at)))
        if hearing.received(frame):
            hearing.advance(now)
    assert hearing.due == NEVER
    return told


@given(STEPS, st.sampled_from(names("stt")), st.integers(0, 99), st.sampled_from([160, 320, 1024]))
@settings(max_examples=60, deadline=None)
def test_every_word_comes_once_in_its_order_and_after_its_end(
    drawn: list[tuple[int, list[tuple[int, int]], str, int]], name: str, seed: int, frame: int
):
    steps: list[tuple[int, list[Word], str, int]] = []
    for n, (begin, lengths, role, ahead) in enumerate(drawn):
        at, words = begin, list[Word]()
        for k, (length, gap) in enumerate(lengths):
            words.append(Word(f"w{n}.{k}", at, at + length))
            at += length + gap
        steps.append((begin, words, role, ahead))
    told = hear(steps, name, seed, frame)
    for at, said in told:
        assert all(word.end_sample / 16_000 <= at + 1e-6 for word in said.words)
        assert said.message == " ".join(word.text for word in said.words)
        assert 0.0 <= said.confidence <= 1.0
    finals = [said for _, said in told if said.is_final]
    heard = [word for said in finals for word in said.words]
    meant = [word for _, words, _, _ in steps for word in words]
    assert sorted(word.text for word in heard) == sorted(word.text for word in meant)
    ids = [said.utterance_id for said in finals]
    assert len(set(ids)) == len(ids)
    for one, other in pairwise(told):
        assert one[0] <= other[0]
        if one[1].is_final:
            assert other[1].utterance_id != one[1].utterance_id
