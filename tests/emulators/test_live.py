"""Spoken sound through an emulator that really listens, to a real SDK; and a mind and a voice."""

import contextlib
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from bench import clock
from bench.emulators.assemblyai import KEY as ASSEMBLYAI_KEY
from bench.emulators.assemblyai import AssemblyAIEmulator
from bench.emulators.deepgram import KEY as DEEPGRAM_KEY
from bench.emulators.deepgram import DeepgramEmulator
from bench.emulators.deepgram_flux import FluxEmulator
from bench.emulators.live import espeak_voice, front_desk_mind, sphinx_ears
from bench.emulators.voices import Spoken
from bench.engine.transcriber import BaseTranscriber, Transcription
from bench.providers.assemblyai import AssemblyAITranscriber
from bench.providers.deepgram_flux import deepgram_transcriber
from bench.settings import Secret

pytestmark = pytest.mark.contract

LINE = "When are you open?"
TEMPLATES = ("when are you open", "i would like a table for {party}", "thank you", "goodbye")
SLOTS = {"party": ("two", "three", "four")}
LEAD_SECONDS, TAIL_SECONDS = 0.5, 1.3
FRAME = 640  # bytes, 20 ms
KEYS = {"DEEPGRAM_API_KEY": Secret(DEEPGRAM_KEY), "ASSEMBLYAI_API_KEY": Secret(ASSEMBLYAI_KEY)}
SERVICES: dict[str, tuple[Any, Any, dict[str, str]]] = {
    "deepgram": (DeepgramEmulator, deepgram_transcriber, {}),
    "flux": (FluxEmulator, deepgram_transcriber, {"transcriber_model": "flux-general-en"}),
    "assemblyai": (AssemblyAIEmulator, AssemblyAITranscriber, {}),
}


def sound_of(spoken: Spoken) -> bytes:
    return bytes(round(32_000 * LEAD_SECONDS)) + spoken.pcm + bytes(round(32_000 * TAIL_SECONDS))


def plain(text: str) -> str:
    return "".join(c for c in text.lower() if c.isalnum() or c == " ")


@contextlib.asynccontextmanager
async def spoken_line() -> AsyncGenerator[Spoken]:
    async with espeak_voice() as voice:
        yield await voice(LINE, 16_000)


async def heard(listener: BaseTranscriber, sound: bytes) -> list[Transcription]:
    """What is told of a sound that is sent as it would be spoken."""
    listener.start()
    began = clock.now()
    for number, start in enumerate(range(0, len(sound), FRAME)):
        await clock.sleep_until(began + number * 0.02)
        listener.send_audio(sound[start : start + FRAME])
    told = list[Transcription]()
    async with clock.deadline(5.0):
        while not (told and told[-1].is_final):
            told.append(await listener.output_queue.get())
    await listener.terminate()
    return told


@pytest.mark.parametrize("service", SERVICES)
def test_what_was_said_is_recognised_in_the_sound_that_was_sent(service: str):
    make_server, make_listener, config = SERVICES[service]

    async def main():
        async with (
            spoken_line() as spoken,
            sphinx_ears(TEMPLATES, SLOTS) as ears,
            make_server(ears).serving() as server,
        ):
            urls = {"deepgram_url": server.url, "assemblyai_url": server.url}
            listener = make_listener({"keys": KEYS, **urls, **config})
            return await heard(listener, sound_of(spoken)), spoken.words

    told, words = clock.run(main())
    *partials, final = told
    assert plain(final.message) == plain(LINE)
    assert final.is_final
    assert partials
    for recognised, said in zip(final.words, words, strict=True):
        begin = said.start_sample + 16_000 * LEAD_SECONDS
        assert abs(recognised.start_sample - begin) <= 1600
        assert abs(recognised.end_sample - recognised.start_sample) <= 9600


def test_any_words_are_open_to_open_ears():
    async def main():
        async with spoken_line() as spoken, sphinx_ears() as make:
            ears = make(4800)
            told = [one for one in await ears.take(sound_of(spoken)) if one.is_final]
            return [[plain(word.text) for word in one.words] for one in told], ears.samples

    ((words,), samples) = clock.run(main())
    assert set(words) & set(plain(LINE).split())
    assert samples == pytest.approx(16_000 * (LEAD_SECONDS + 0.85 + TAIL_SECONDS), abs=3200)


def test_silence_is_nothing_and_an_end_in_the_middle_of_a_word_is_an_end():
    async def main():
        async with spoken_line() as spoken, sphinx_ears(TEMPLATES, SLOTS) as make:
            quiet = make(4800)
            assert await quiet.take(bytes(64_000)) == await quiet.finish() == []
            ears = make(None)
            told = await ears.take(sound_of(spoken)[: 2 * 8000 + len(spoken.pcm)])
            began = ears.speaking_since
            told += await ears.finish()
            return told, began, ears.speaking_since

    told, began, since = clock.run(main())
    assert [one.is_final for one in told].count(True) == 1
    assert told[-1].is_final
    assert began == pytest.approx(8000, abs=2000)
    assert since is None


def test_utterances_that_nobody_ended_make_room_for_others():
    async def main():
        async with spoken_line() as spoken, sphinx_ears(TEMPLATES, SLOTS) as make:
            for _ in range(30):  # many more than the recogniser has room for
                await make(None).take(sound_of(spoken)[:24_000])

    clock.run(main())


def test_the_front_desk_goes_through_the_conversation_and_answers_the_newest():
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "assistant", "content": "Welcome to Talkbench Bistro. How can I help you?"},
        {"role": "user", "content": "I'd like to book a table for two"},
    ]
    first = front_desk_mind(messages)
    assert first == front_desk_mind(messages)
    assert first.fits("whatever was said")
    messages += [
        {"role": "assistant", "content": first.say},
        {"role": "user", "content": "tomorrow at seven"},
    ]
    second = front_desk_mind(messages)
    assert second.say != first.say
    assert "seven" in second.say or "7" in second.say
    cut_off = [*messages, {"role": "assistant", "content": f"{second.say.split('.')[0]} –"}]
    again = front_desk_mind([*cut_off, {"role": "user", "content": "go on"}])
    assert again.say
