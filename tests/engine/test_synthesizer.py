"""Several calls, one speech: sample-exact, measured at the joins, words to the sample."""

import asyncio
import math
from array import array
from collections.abc import AsyncGenerator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench import clock
from bench.audio import to_pcm
from bench.engine.joins import measure_join
from bench.engine.synthesizer import (
    BaseMessage,
    BaseSynthesizer,
    ChunkResult,
    Speech,
    SynthesisResult,
    proportion_up_to,
    words_up_to,
)
from bench.events import CutOff, FirstAudio, JoinMeasured, PlaybackStarted, SynthesisRequested, Word
from bench.simulation import tone
from bench.testing import ScriptedAgent, ToneSynthesizer
from tests.engine.scene import SENTENCES, Listener, Scene, play

pytestmark = pytest.mark.unit

RATE = 16_000


def sine(hertz: float, seconds: float = 0.3, peak: float = 9000, rate: int = RATE) -> bytes:
    turn = 2 * math.pi * hertz / rate
    return to_pcm(
        array("h", (round(peak * math.sin(turn * i)) for i in range(int(seconds * rate))))
    )


async def chunks(pcm: bytes, sizes: list[int]) -> AsyncGenerator[ChunkResult, None]:
    at = 0
    for size in [*sizes, len(pcm)]:
        yield ChunkResult(pcm[at : at + size], at + size >= len(pcm))
        at += size
        if at >= len(pcm):
            return


async def join(
    parts: list[tuple[bytes, list[int]]], size: int, speech: Speech
) -> list[ChunkResult]:
    async def make() -> None:
        for i, (pcm, sizes) in enumerate(parts):
            result = SynthesisResult(chunks(pcm, sizes), lambda seconds: "")
            await speech.add(f"Part {i}.", result)
        await speech.end()

    async def take() -> list[ChunkResult]:
        return [piece async for piece in speech.joined().chunk_generator]

    pieces, _ = await asyncio.gather(take(), make())
    await speech.close()
    return pieces


SIZES = st.lists(st.integers(1, 700).map(lambda n: 2 * n), max_size=8)
PARTS = st.lists(
    st.tuples(st.binary(max_size=3000).map(lambda b: b[: len(b) & ~1]), SIZES), max_size=6
)


@given(PARTS, st.sampled_from([2, 64, 640]))
@settings(max_examples=60, deadline=None)
def test_parts_are_joined_to_the_sample_in_chunks_of_the_size_asked_for(
    parts: list[tuple[bytes, list[int]]], size: int
):
    speech = Speech(RATE, size, first_seconds=8, stall_seconds=3)
    pieces = clock.run(join(parts, size, speech), virtual=True)
    assert b"".join(piece.chunk for piece in pieces) == b"".join(pcm for pcm, _ in parts)
    assert [piece.is_last_chunk for piece in pieces] == [False] * (len(pieces) - 1) + [True]
    assert all(len(piece.chunk) == size for piece in pieces[:-1])
    assert len(pieces[-1].chunk) < size
    assert speech.text == " ".join(f"Part {i}." for i in range(len(parts)))
    starts = [part.start_sample for part in speech.parts]
    assert starts == [sum(len(pcm) for pcm, _ in parts[:i]) // 2 for i in range(len(parts))]


def test_words_are_counted_when_their_last_sample_was_played():
    words = [Word("We", 0, 4000), Word("are", 4000, 8000), Word("open.", 8000, 12_000)]
    up_to = words_up_to(words, RATE)
    assert up_to(0.0) == ""
    assert up_to(3999 / RATE) == ""
    assert up_to(4000 / RATE) == "We"
    assert up_to(7999 / RATE) == "We"
    assert up_to(8000 / RATE) == "We are"
    assert up_to(1e9) == "We are open."
    words.append(Word("Today.", 12_000, 16_000))
    assert up_to(1.0) == "We are open. Today."


@given(st.lists(st.text("abcde", min_size=1, max_size=6), max_size=8), st.floats(0, 3))
@settings(max_examples=80, deadline=None)
def test_by_proportion_whole_words_from_the_start_and_all_at_the_end(said: list[str], at: float):
    text = " ".join(said)
    up_to = proportion_up_to(text, lambda: 2.0)
    heard = up_to(at).split()
    assert heard == said[: len(heard)]
    assert up_to(2.0) == text
    assert up_to(0.0) == ""
    assert len(up_to(at + 0.1).split()) >= len(heard)
    assert proportion_up_to(text, lambda: 0.0)(1.0) == ""


def test_a_synthesizer_says_what_to_write():
    async def main() -> None:
        await BaseSynthesizer().create_speech(BaseMessage("hello"), 640)

    with pytest.raises(NotImplementedError, match="BaseSynthesizer must write create_speech"):
        clock.run(main(), virtual=True)


# Both modes, in a conversation


def answer(mode: str, **parts: object) -> Scene:
    async def script(scene: Scene) -> None:
        await scene.ask(then_seconds=8.0)

    return play(script, agent=ScriptedAgent([SENTENCES]), response_mode=mode, **parts)


@pytest.mark.parametrize("rate", [8_000, 16_000, 24_000, 48_000])
def test_streaming_sounds_exactly_like_the_sentences_one_after_the_other(rate: int):
    scene = answer("streaming", speaker=Listener(rate))
    sentences = ["We are open today.", "On Sundays we are closed.", "Shall I book a table?"]
    tones = b"".join(tone.speak(sentence, rate, 0.25)[0] for sentence in sentences)
    assert scene.speaker.heard == tones
    assert [fact.characters for fact in scene.trace.of(SynthesisRequested)] == [
        len(sentence) for sentence in sentences
    ]
    assert len(scene.speaker.utterances) == 1
    assert scene.history[-1] == ("bot", SENTENCES)


def test_buffered_is_exactly_one_call():
    scene = answer("buffered")
    assert [fact.characters for fact in scene.trace.of(SynthesisRequested)] == [len(SENTENCES)]
    assert scene.speaker.heard == tone.speak(SENTENCES, RATE, 0.25)[0]
    assert scene.history[-1] == ("bot", SENTENCES)


def test_the_next_sentence_is_made_while_the_current_one_plays():
    async def script(scene: Scene) -> None:
        await scene.ask(then_seconds=8.0)

    agent = ScriptedAgent([SENTENCES], word_seconds=0.1)
    synthesizer = ToneSynthesizer(seconds_per_word=0.25, first_seconds=0.4)
    speaker = Listener(reports=False)
    scene = play(script, agent=agent, synthesizer=synthesizer, speaker=speaker)
    (started,) = scene.trace.at(PlaybackStarted)
    assert started == pytest.approx(0.4 + 0.4, abs=1e-4)  # its first sentence, then its first audio
    assert scene.trace.at(FirstAudio) == [started]
    asked = scene.trace.at(SynthesisRequested)
    assert asked[1] < started + 1.0
    ends = started + len(SENTENCES.split()) * 0.25
    last = speaker.recording[-1]
    assert last[0] + len(last[1]) / 2 / RATE == pytest.approx(ends, abs=1e-4)


def test_an_interrupt_in_the_second_sentence_is_heard_to_the_word():
    async def script(scene: Scene) -> None:
        await scene.ask(then_seconds=1.0 + 0.6)
        scene.conversation.broadcast_interrupt()

    scene = play(script, agent=ScriptedAgent([SENTENCES]))
    (cut,) = scene.trace.of(CutOff)
    assert cut.heard == "We are open today. On Sundays"
    assert not cut.estimated


def test_without_word_times_the_sentence_that_plays_is_estimated_and_says_so():
    async def script(scene: Scene) -> None:
        await scene.ask(then_seconds=1.0 + 0.6)
        scene.conversation.broadcast_interrupt()

    synthesizer = ToneSynthesizer(seconds_per_word=0.25, word_times=False)
    scene = play(script, agent=ScriptedAgent([SENTENCES]), synthesizer=synthesizer)
    (cut,) = scene.trace.of(CutOff)
    assert cut.heard.startswith("We are open today.")
    assert len(cut.heard.split()) in (5, 6, 7)
    assert cut.estimated
    assert scene.conversation.transcript.event_logs[-1].estimated


def test_word_times_that_fail_late_make_an_estimate_of_the_sentence_that_was_cut():
    """As Polly's marks do, which are asked for beside the audio."""

    class Late(ToneSynthesizer):
        async def create_speech(self, message: BaseMessage, chunk_size: int) -> SynthesisResult:
            result = await super().create_speech(message, chunk_size)
            results.append(result)
            return result

    async def script(scene: Scene) -> None:
        await scene.ask(then_seconds=1.0 + 0.6)
        results[1].estimated = True
        scene.conversation.broadcast_interrupt()

    results: list[SynthesisResult] = []
    synthesizer = Late(seconds_per_word=0.25)
    scene = play(script, agent=ScriptedAgent([SENTENCES]), synthesizer=synthesizer)
    (cut,) = scene.trace.of(CutOff)
    assert cut.estimated


def test_punctuation_alone_is_not_spoken():
    async def script(scene: Scene) -> None:
        await scene.ask(then_seconds=3.0)

    scene = play(script, agent=ScriptedAgent(["Well. ... - !"]))
    assert len(scene.trace.of(SynthesisRequested)) == 1


# Joins


@pytest.mark.parametrize(
    ("before", "after", "level", "pitch"),
    [
        ((200, 9000), (200, 9000), 0.0, 0.0),
        ((200, 4500), (200, 9000), 6.02, 0.0),
        ((200, 9000), (200, 900), -20.0, 0.0),
        ((200, 9000), (250, 9000), 0.0, 3.86),
        ((100, 9000), (200, 9000), 0.0, 12.0),
    ],
)
@pytest.mark.parametrize("rate", [8_000, 16_000, 48_000])
def test_a_join_is_measured_by_its_steps(
    before: tuple[int, int], after: tuple[int, int], level: float, pitch: float, rate: int
):
    one = sine(before[0], 0.1, before[1], rate)
    two = sine(after[0], 0.1, after[1], rate)
    measured_level, measured_pitch = measure_join(one, two, rate)
    assert measured_level == pytest.approx(level, abs=0.5)
    assert measured_pitch == pytest.approx(pitch, abs=1.0)


def test_a_pause_has_neither_step():
    assert measure_join(bytes(3200), sine(200, 0.1), RATE) == (0.0, 0.0)
    assert measure_join(sine(200, 0.1), bytes(3200), RATE) == (0.0, 0.0)
    assert measure_join(b"", b"", RATE) == (0.0, 0.0)


class Voices(BaseSynthesizer):
    """Says each sentence in the next of its voices: (hertz, peak)."""

    def __init__(self, *voices: tuple[int, int]) -> None:
        super().__init__()
        self.voices = list(voices)

    async def create_speech(self, message: BaseMessage, chunk_size: int) -> SynthesisResult:
        hertz, peak = self.voices.pop(0)
        pcm = sine(hertz, 0.5, peak)
        return SynthesisResult(chunks(pcm, [chunk_size] * 100), lambda seconds: "")


def test_the_trace_has_every_join_of_a_streamed_answer():
    voices = Voices((200, 9000), (200, 9000), (300, 2250))
    scene = answer("streaming", synthesizer=voices, measure_joins=True)
    same, other = scene.trace.of(JoinMeasured)
    assert (same.at_sample, other.at_sample) == (8000, 16_000)
    assert same.level_step_db == pytest.approx(0.0, abs=0.2)
    assert same.pitch_step_semitones == pytest.approx(0.0, abs=0.2)
    assert other.level_step_db == pytest.approx(-12.04, abs=0.3)
    assert other.pitch_step_semitones == pytest.approx(7.02, abs=1.0)


def test_joins_are_not_measured_unless_asked_for():
    assert not answer("streaming").trace.of(JoinMeasured)
