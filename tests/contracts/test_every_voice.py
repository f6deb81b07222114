"""Text in, speech and the times of its words out: asked of every synthesizer."""

from typing import Any

import pytest

from bench import clock
from bench.engine.synthesizer import BaseMessage, ChunkResult, SynthesisResult
from bench.errors import BrokenStream
from bench.simulation import tone
from tests.contracts.case import Case
from tests.contracts.each import each
from tests.contracts.served import (
    CHUNK,
    TEXT,
    fault,
    noticed,
    said_aloud,
    speaking,
    speech_of,
    spoken,
)

pytestmark = pytest.mark.contract

RATE = 16_000
MILLISECOND = 16  # samples: the coarsest that a vendor tells of words


def said(
    case: Case, text: str = TEXT, *, rate: int = RATE, **options: Any
) -> tuple[SynthesisResult, list[ChunkResult], Any]:
    """What comes of a text, and what was asked for it."""

    async def main():
        async with speaking(case, **options) as (server, voice):
            voice.sampling_rate = rate
            result = await voice.create_speech(BaseMessage(text), CHUNK)
            chunks = [chunk async for chunk in result.chunk_generator]
            return result, chunks, server.requests

    return case.run(main())


def joined(chunks: list[ChunkResult]) -> bytes:
    return b"".join(chunk.chunk for chunk in chunks)


@each("voice")
def test_audio_is_what_was_sent_to_the_byte(case: Case):
    _, chunks, _ = said(case)
    assert joined(chunks) == tone.speak(TEXT)[0]


@each("voice")
def test_chunks_have_the_size_that_was_asked_and_one_is_the_last(case: Case):
    _, chunks, requests = said(case)
    assert [chunk.is_last_chunk for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert {len(chunk.chunk) for chunk in chunks[:-1]} == {CHUNK}
    assert 0 < len(chunks[-1].chunk) <= CHUNK
    seconds = len(joined(chunks)) / (2 * RATE)
    assert seconds == pytest.approx(len(tone.speak(TEXT)[0]) / (2 * RATE), abs=0.1)
    assert len(requests) >= 1


@each("voice")
def test_words_have_times(case: Case):
    result, _, _ = said(case)
    assert not result.estimated
    pcm, words = tone.speak(TEXT)
    begins = [begin for _, begin, _ in words[1:]] + [len(pcm) // 2]
    for number, (_, _, end) in enumerate(words):
        end = end if case.tells_ends else begins[number]
        before = " ".join(word for word, _, _ in words[:number])
        known = " ".join(word for word, _, _ in words[: number + 1])
        assert result.get_message_up_to((end + MILLISECOND) / RATE) == known
        assert result.get_message_up_to((end - MILLISECOND) / RATE) == before


@each("voice")
def test_what_was_heard_grows_from_nothing_to_all(case: Case):
    result, chunks, _ = said(case)
    seconds = len(joined(chunks)) / (2 * RATE)
    known = [result.get_message_up_to(seconds * share / 10) for share in range(11)]
    assert known[0] == ""
    assert known[-1] == TEXT
    assert all(TEXT.startswith(one) for one in known)
    assert [len(one) for one in known] == sorted(len(one) for one in known)
    assert len(set(known)) > 4


@each("voice")
def test_audio_comes_while_it_is_made(case: Case):
    async def main():
        async with speaking(case, first=lambda: 0.1, factor=lambda: 0.3) as (_, voice):
            return [at for at, _ in await spoken(voice)]

    instants = case.run(main())
    seconds = len(tone.speak(TEXT)[0]) / (2 * RATE)
    assert instants[-1] - instants[0] >= 0.3 * (seconds - 1.0)
    if case.virtual:
        assert instants[0] <= 0.3


@each("voice")
@pytest.mark.parametrize("rate", [8000, 24_000, 48_000])
def test_other_rates_are_asked_for_or_made(case: Case, rate: int):
    result, chunks, _ = said(case, rate=rate)
    seconds = len(joined(chunks)) / (2 * rate)
    assert seconds == pytest.approx(len(tone.speak(TEXT)[0]) / (2 * RATE), abs=0.02)
    assert any(joined(chunks))
    assert result.get_message_up_to(seconds + 0.001) == TEXT


@each("voice")
def test_signs_of_any_kind_are_spoken_and_none_is_markup(case: Case):
    text = 'Fish & chips <b>"today"</b>: 5 < 6, naïve café!'
    result, chunks, requests = said(case, text)
    seconds = len(joined(chunks)) / (2 * RATE)
    assert seconds == pytest.approx(len(tone.speak(text)[0]) / (2 * RATE), abs=0.2)
    assert result.get_message_up_to(seconds + 0.001) == text
    assert requests


@each("voice")
def test_several_are_said_at_once(case: Case):
    """The next sentence is made while the one before it plays."""
    texts = [TEXT, "On Sundays we are closed."]

    async def main():
        async with speaking(case) as (_, voice):
            results = [await voice.create_speech(BaseMessage(text), CHUNK) for text in texts]
            audio = [b"", b""]
            streams = [result.chunk_generator for result in results]
            while streams:
                for number, result in enumerate(results):
                    if result.chunk_generator in streams:
                        piece = await anext(result.chunk_generator, None)
                        if piece is None:
                            streams.remove(result.chunk_generator)
                        else:
                            audio[number] += piece.chunk
            return audio

    for text, pcm in zip(texts, case.run(main()), strict=True):
        assert len(pcm) == pytest.approx(len(tone.speak(text)[0]), abs=3200)


@each("voice")
def test_an_interrupt_before_the_first_byte_reaches_the_server(case: Case):
    case.run(interrupted(case, 0.2))


@each("voice")
def test_an_interrupt_in_mid_stream_reaches_the_server(case: Case):
    case.run(interrupted(case, 0.7))


async def interrupted(case: Case, seconds: float) -> None:
    factor = 0.5 if case.virtual else 4.0  # who is late on a busy machine still cuts in
    async with speaking(case, first=lambda: 0.4, factor=lambda: factor) as (server, voice):
        speech = speech_of(voice)
        await speech.add(TEXT, await voice.create_speech(BaseMessage(TEXT), CHUNK))
        await clock.sleep(seconds)
        at = clock.now()
        await speech.close()
        await noticed(case, server.gone, at)


@each("voice")
def test_a_consumer_that_waits_elsewhere_is_no_obstacle(case: Case):
    async def main():
        async with speaking(case, factor=lambda: 0.5) as (server, voice):
            result = await voice.create_speech(BaseMessage(TEXT), CHUNK)
            await anext(result.chunk_generator)
            await clock.sleep(0.3)  # more has come, unread
            at = clock.now()
            await result.chunk_generator.aclose()
            await noticed(case, server.gone, at)

    case.run(main())


@each("voice")
def test_after_an_interrupt_the_next_is_whole(case: Case):
    async def main():
        async with speaking(case) as (_, voice):
            result = await voice.create_speech(BaseMessage(TEXT), CHUNK)
            await anext(result.chunk_generator)
            await result.chunk_generator.aclose()
            return joined([chunk for _, chunk in await spoken(voice)])

    pcm = case.run(main())
    assert len(pcm) == pytest.approx(len(tone.speak(TEXT)[0]), abs=3200)


@each("voice")
def test_speech_without_audio_is_a_broken_stream(case: Case):
    async def main():
        async with speaking(case, faults=(fault(case, "empty_audio"),)) as (_, voice):
            return await said_aloud(voice), await said_aloud(voice)

    error, again = case.run(main())
    assert isinstance(error, BrokenStream)
    assert again is None
