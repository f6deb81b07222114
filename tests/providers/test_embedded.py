"""The keyless ears and voice behind the engine's seams, with the real engines and no microphone."""

import asyncio
import contextlib
from collections.abc import Generator

import pytest

from bench import clock
from bench.engine.synthesizer import BaseMessage
from bench.engine.transcriber import BaseTranscriber, Transcription
from bench.errors import ConfigError, Stalled
from bench.providers.embedded import (
    UNCLEAR,
    EmbeddedSynthesizer,
    EmbeddedTranscriber,
    close_engines,
)

pytestmark = pytest.mark.unit

CONFIG = {"templates": ["can I bring my dog", "how much is the lunch menu", "what time is it"]}
FRAME = 640  # 20 ms


@pytest.fixture(scope="module", autouse=True)
def _engines_of_our_own() -> Generator[None]:
    close_engines()  # espeak says a text otherwise after others
    yield
    close_engines()


async def spoken(text: str, **config: object) -> tuple[bytes, str]:
    voice = EmbeddedSynthesizer(config)
    result = await voice.create_speech(BaseMessage(text), 3200)
    pcm = b"".join([chunk.chunk async for chunk in result.chunk_generator])
    return pcm, result.get_message_up_to(len(pcm) / 32_000)


async def written_down(pcm: bytes, config: dict[str, object]) -> list[Transcription]:
    ears = EmbeddedTranscriber(config)
    heard: list[Transcription] = []
    for at in range(0, len(pcm), FRAME):
        ears.send_audio(pcm[at : at + FRAME])
        await clock.sleep(0.02)
        while not ears.output_queue.empty():
            heard.append(ears.output_queue.get_nowait())
    await ears.terminate()
    return heard


def test_a_sentence_is_written_down_with_its_place_in_the_stream() -> None:
    async def listen() -> tuple[list[Transcription], int]:
        pcm, _ = await spoken("Can I bring my dog")
        silence = bytes(64_000)
        return await written_down(silence + pcm + silence, CONFIG), len(pcm) // 2

    heard, samples = clock.run(listen(), virtual=True)
    partials, (final,) = [t for t in heard if not t.is_final], [t for t in heard if t.is_final]
    assert final.message == "can i bring my dog"
    assert final.confidence > 0.5
    assert 32_000 - 800 < final.words[0].start_sample < 32_000 + 3200
    assert final.words[-1].end_sample <= 32_000 + samples
    assert partials
    assert {partial.utterance_id for partial in partials} == {final.utterance_id}


def test_two_utterances_are_two_and_their_places_run_on() -> None:
    async def listen() -> list[Transcription]:
        one, _ = await spoken("Can I bring my dog")
        two, _ = await spoken("How much is the lunch menu")
        pause = bytes(48_000)
        return await written_down(pause + one + pause + two + pause, CONFIG)

    finals = [t for t in clock.run(listen(), virtual=True) if t.is_final]
    assert [t.message for t in finals] == ["can i bring my dog", "how much is the lunch menu"]
    assert finals[0].words[-1].end_sample < finals[1].words[0].start_sample
    assert finals[0].utterance_id != finals[1].utterance_id


def test_speech_that_fits_nothing_is_unclear_and_silence_is_nothing() -> None:
    async def listen() -> list[Transcription]:
        pcm, _ = await spoken("Quantum mechanics describes particles at very small scales")
        return await written_down(bytes(64_000) + pcm + bytes(64_000), CONFIG)

    finals = [t for t in clock.run(listen(), virtual=True) if t.is_final]
    assert [t.message for t in finals] == [UNCLEAR]
    assert finals[0].confidence < 0.2
    assert clock.run(written_down(bytes(96_000), CONFIG), virtual=True) == []


@pytest.mark.parametrize("config", [{}, {"transcriber_mode": "psychic"}], ids=str)
def test_ears_without_a_list_or_with_an_unknown_mode_are_refused(config: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="transcriber_mode"):
        EmbeddedTranscriber(config)


@pytest.mark.parametrize("text", ["We are open from nine.", "", "…"])
def test_exactly_one_chunk_is_the_last(text: str) -> None:
    async def chunks() -> list[tuple[int, bool]]:
        result = await EmbeddedSynthesizer().create_speech(BaseMessage(text), 3200)
        return [(len(c.chunk), c.is_last_chunk) async for c in result.chunk_generator]

    sizes = clock.run(chunks())
    assert [last for _, last in sizes] == [False] * (len(sizes) - 1) + [True]
    assert {size for size, last in sizes if not last} <= {3200}


def test_heard_text_grows_word_by_word() -> None:
    async def words() -> list[str]:
        result = await EmbeddedSynthesizer().create_speech(
            BaseMessage("I think the weather, will be nice!"), 640
        )
        async for _ in result.chunk_generator:
            pass
        return list(dict.fromkeys(result.get_message_up_to(n / 100) for n in range(400)))

    said = "I think the weather, will be nice!".split()
    assert clock.run(words()) == [" ".join(said[:n]) for n in range(len(said) + 1)]


def test_pace_and_rate_are_settings() -> None:
    async def lengths() -> tuple[int, int, int]:
        text = "We are open from nine until ten."
        usual, _ = await spoken(text)
        quick, _ = await spoken(text, speed=1.6)
        voice = EmbeddedSynthesizer()
        voice.sampling_rate = 8000
        result = await voice.create_speech(BaseMessage(text), 3200)
        narrow = b"".join([chunk.chunk async for chunk in result.chunk_generator])
        return len(usual), len(quick), len(narrow)

    usual, quick, narrow = clock.run(lengths())
    assert quick < 0.8 * usual
    assert narrow == pytest.approx(usual / 2, rel=0.05)


def test_speech_given_up_in_the_middle_leaves_the_voice_ready() -> None:
    async def give_up() -> str:
        for _ in range(5):
            story = BaseMessage("It was a dark and stormy night. " * 20)
            result = await EmbeddedSynthesizer().create_speech(story, 640)
            async with contextlib.aclosing(result.chunk_generator) as chunks:
                await anext(chunks)
        await asyncio.wait_for(spoken("warm"), 20)
        return (await spoken("Still here."))[1]

    assert clock.run(give_up()) == "Still here."


def test_as_a_backup_it_hears_what_the_first_had_not_written_down_at_its_place() -> None:
    class Dead(BaseTranscriber):
        provider = "dead"

        async def _run_loop(self) -> None:
            for _ in range(130):  # 2.6 s, into the words
                await self.take()
            raise Stalled("dead", "quiet")

    async def listen() -> tuple[list[Transcription], int]:
        pcm, _ = await spoken("Can I bring my dog")
        ears, heard = Dead(), list[Transcription]()
        ears.backup = EmbeddedTranscriber(CONFIG)
        sound = bytes(64_000) + pcm + bytes(64_000)
        for at in range(0, len(sound), FRAME):
            ears.send_audio(sound[at : at + FRAME])
            await clock.sleep(0.02)
            while not ears.output_queue.empty():
                heard.append(ears.output_queue.get_nowait())
        await ears.terminate()
        return heard, len(pcm) // 2

    heard, samples = clock.run(listen(), virtual=True)
    (final,) = [said for said in heard if said.is_final]
    assert final.message == "can i bring my dog"
    assert 32_000 - 800 < final.words[0].start_sample < 32_000 + 3200
    assert final.words[-1].end_sample <= 32_000 + samples
    assert {said.utterance_id for said in heard} == {"u1.1"}
