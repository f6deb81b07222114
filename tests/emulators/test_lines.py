"""Ears that follow a script: the n-th utterance is the n-th line, whatever it sounds like."""

import asyncio

import pytest

from bench.audio import frames, silence
from bench.emulators.hearing import Heard
from bench.emulators.lines import following
from bench.simulation import tone

pytestmark = pytest.mark.unit

LINES = ["When are you open?", "Thank you."]


def heard(
    pcm: bytes, *, chunk: int = 640, lines: list[str] = LINES, pause: int = 4_800
) -> list[tuple[int, Heard]]:
    """What is told of the audio, each with the sample at which it was."""

    async def main() -> list[tuple[int, Heard]]:
        ears = following(lines, lambda: 0.1, lambda: 0.2)(pause)
        told = list[tuple[int, Heard]]()
        for piece in frames(pcm, chunk):
            told += [(ears.samples, one) for one in await ears.take(piece)]
        return told + [(ears.samples, one) for one in await ears.finish()]

    return asyncio.run(main())


def said(*texts: str) -> bytes:
    return b"".join(silence(16_000) + tone.speak(text)[0] for text in texts) + silence(16_000)


def test_each_utterance_is_the_next_line_and_then_they_begin_anew():
    told = heard(said("One two three.", "Four.", "Five."))
    finals = [" ".join(word.text for word in one.words) for _, one in told if one.is_final]
    assert finals == [*LINES, LINES[0]]


def test_partials_grow_within_the_sound_and_the_final_waits_for_the_pause():
    sound = said("Something of about this length.")
    told = heard(sound)
    end = max(i for i in range(0, len(sound), 2) if sound[i : i + 2] != b"\0\0") // 2
    *partials, (at, final) = told
    assert [len(one.words) for _, one in partials] == list(range(1, len(partials) + 1))
    assert all(one.words[-1].end_sample <= end for _, one in partials)
    assert abs(at - (end + 4_800 + 3_200)) <= 640
    assert 16_000 - 320 <= final.words[0].start_sample <= 16_000 + 320
    assert abs(final.words[-1].end_sample - end) <= 640


def test_what_ends_no_line_for_people_ends_none_here():
    assert [one.is_final for _, one in heard(said("One two three."), pause=160)].count(True) == 1


@pytest.mark.parametrize("chunk", [2, 638, 6400])
def test_pieces_of_any_length_are_heard_alike(chunk: int):
    sound = said("One two.")
    assert [one for _, one in heard(sound, chunk=chunk)] == [one for _, one in heard(sound)]


def test_silence_and_an_empty_script_say_nothing():
    assert heard(silence(32_000)) == []
    assert heard(said("One."), lines=[]) == []


def test_the_end_of_the_stream_makes_final_what_was_said():
    sound = said("One two three.")
    told = heard(sound[: len(sound) - 2 * 16_000])
    assert [one.is_final for _, one in told][-1]
