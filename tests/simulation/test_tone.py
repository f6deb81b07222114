"""Syllable tones: exact word times, the same bytes on any machine."""

from __future__ import annotations

from array import array
from hashlib import blake2b

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.simulation.tone import speak, stream, syllables, word_timing

pytestmark = pytest.mark.unit

WEATHER = "I think the weather will be nice today and tomorrow."
TEXTS = st.lists(st.sampled_from("we are open, until tomorrow. — what? nine".split()), max_size=12)


def levels(pcm: bytes, start: int, end: int) -> list[int]:
    return [abs(sample) for sample in array("h", pcm)[start:end]]


def test_bytes_are_the_same_everywhere():
    pcm, _ = speak("We are open from nine, until ten. Welcome!")
    assert blake2b(pcm, digest_size=8).hexdigest() == "b26958f446ab9093"


def test_words_sound_and_gaps_are_silent():
    pcm, words = speak(WEATHER)
    assert [word for word, _, _ in words] == WEATHER.split()
    following = [start for _, start, _ in words[1:]] + [len(pcm) // 2]
    for (_, start, end), after in zip(words, following, strict=True):
        assert max(levels(pcm, start, end)) >= 8000
        assert end < after
        assert set(levels(pcm, end, after)) == {0}


def test_words_begin_and_end_without_a_click():
    pcm, words = speak(WEATHER)
    for _, start, end in words:
        assert max(levels(pcm, start, start + 8)) < 1200
        assert max(levels(pcm, end - 8, end)) < 1200


def test_fixed_tempo_is_exact_whatever_the_words():
    pcm, words = speak("Yes, tomorrow. Chocolate!", seconds_per_word=0.1)
    assert len(pcm) == 2 * 3 * 1600
    assert [start for _, start, _ in words] == [0, 1600, 3200]


def test_pace_follows_words_per_minute():
    slow, fast = word_timing(WEATHER, words_per_minute=100), word_timing(WEATHER)
    assert slow.samples > 1.6 * fast.samples
    assert word_timing("people").samples - 2 * word_timing("nine").samples in (0, 1)


@pytest.mark.parametrize(("sign", "seconds"), [(",", 0.18), (".", 0.32), ("!", 0.32), ("?", 0.32)])
def test_punctuation_pauses(sign: str, seconds: float):
    plain, paused = word_timing("nine ten"), word_timing(f"nine{sign} ten")
    assert paused.samples - plain.samples == int(seconds * 16000)
    assert word_timing(f'"nine{sign}" ten').samples == paused.samples


def test_a_lone_sign_takes_no_time():
    _, words = speak("tomorrow and — what", seconds_per_word=0.1)
    assert words[2] == ("—", 3200, 3200)
    assert words[3][1] == 3200


def test_different_words_sound_different_and_case_does_not_matter():
    assert speak("nine")[0] != speak("five")[0]
    assert speak("Nine")[0] == speak("nine")[0]


def test_no_text_is_no_audio():
    assert speak("  ") == (b"", [])
    assert list(stream("", 640)) == []


@pytest.mark.parametrize("rate", [8000, 16000, 24000, 48000])
def test_other_rates_keep_the_tempo(rate: int):
    pcm, words = speak(WEATHER, sample_rate=rate)
    assert len(pcm) / 2 / rate == pytest.approx(word_timing(WEATHER).samples / 16000, abs=0.001)
    assert max(levels(pcm, *words[0][1:])) >= 8000


@given(TEXTS, st.integers(1, 4000))
@settings(max_examples=60, deadline=None)
def test_stream_is_speak_in_pieces(words: list[str], samples: int):
    text, size = " ".join(words), 2 * samples
    chunks = list(stream(text, size))
    assert b"".join(chunks) == speak(text)[0]
    assert all(len(chunk) == size for chunk in chunks[:-1])


@given(TEXTS, TEXTS)
@settings(max_examples=60, deadline=None)
def test_sentences_join_without_a_seam(first: list[str], second: list[str]):
    one, two, both = (speak(" ".join(words)) for words in (first, second, first + second))
    assert one[0] + two[0] == both[0]
    assert word_timing(" ".join(first + second)).samples == len(both[0]) // 2


def test_a_stream_synthesises_as_it_is_read():
    chunks = stream("nine " * 1_000_000, 640)
    assert len(next(chunks)) == 640


@pytest.mark.parametrize("size", [0, 1, 641, -2])
def test_chunks_hold_whole_samples(size: int):
    with pytest.raises(ValueError, match="whole 16-bit samples"):
        next(stream("nine", size))


@pytest.mark.parametrize(
    ("word", "count"),
    [("the", 1), ("table", 2), ("tomorrow", 3), ("nine", 1), ("mm", 1), ("coffee", 2)],
)
def test_syllables(word: str, count: int):
    assert syllables(word) == count
