"""ElevenLabs' SDK and our adapter, against the emulated service, in virtual time.

What is asked of every adapter stands in `tests/contracts/test_every_*.py`.
"""

import contextlib
import json
import os
from collections.abc import AsyncGenerator
from typing import Any

import numpy as np
import pytest
from elevenlabs.client import AsyncElevenLabs

from bench import clock
from bench.audio import resample
from bench.emulators.elevenlabs import KEY, ElevenLabsEmulator
from bench.engine.synthesizer import BaseMessage, ChunkResult, SynthesisResult
from bench.errors import ConnectFailed, Rejected
from bench.providers.elevenlabs import ElevenLabsSynthesizer
from bench.settings import Secret
from bench.simulation import tone
from tests.contracts.canned import canned
from tests.contracts.ends import nothing_left, refused_port

pytestmark = pytest.mark.contract

TEXT = "Yes, we are open from nine to five."
CHUNK = 640  # 20 ms


def voice_at(url: str, key: str = KEY, **config: Any) -> ElevenLabsSynthesizer:
    keys = {"ELEVENLABS_API_KEY": Secret(key)}
    return ElevenLabsSynthesizer({"elevenlabs_url": url, "keys": keys, **config})


@contextlib.asynccontextmanager
async def served(
    key: str = KEY, config: dict[str, Any] | None = None, **emulator: Any
) -> AsyncGenerator[tuple[ElevenLabsEmulator, ElevenLabsSynthesizer]]:
    """An emulator and a voice; afterwards nothing is left of either."""
    async with nothing_left(), ElevenLabsEmulator(**emulator).serving() as server:
        voice = voice_at(server.url, key, **(config or {}))
        try:
            yield server, voice
        finally:
            await voice.terminate()


async def fetched(result: SynthesisResult) -> list[tuple[float, ChunkResult]]:
    """The chunks, each with its instant."""
    return [(clock.now(), chunk) async for chunk in result.chunk_generator]


async def spoken(
    voice: ElevenLabsSynthesizer, text: str = TEXT
) -> tuple[SynthesisResult, list[tuple[float, ChunkResult]]]:
    result = await voice.create_speech(BaseMessage(text), CHUNK)
    return result, await fetched(result)


def test_speech_without_its_characters_is_whole_and_its_words_an_estimate():
    """Of a model that does not tell of them: else every sentence would be called broken."""

    async def main():
        async with served(aligns=False) as (_, voice):
            return await spoken(voice)

    result, chunks = clock.run(main(), virtual=True)
    pcm, _ = tone.speak(TEXT)
    assert b"".join(chunk.chunk for _, chunk in chunks) == pcm
    assert result.is_estimated
    seconds = len(pcm) / 32_000
    assert result.get_message_up_to(seconds) == TEXT
    assert TEXT.startswith(half := result.get_message_up_to(seconds / 2))
    assert "" != half != TEXT


def test_numbers_are_told_as_they_are_written():
    text = "Room 42 on floor 7."

    async def main():
        async with served() as (_, voice):
            return await spoken(voice, text)

    result, chunks = clock.run(main(), virtual=True)
    seconds = sum(len(chunk.chunk) for _, chunk in chunks) / 32_000
    assert result.get_message_up_to(seconds) == text
    assert not result.is_estimated


@pytest.mark.parametrize(
    ("config", "code"),
    [
        ({"language": "en"}, "en"),
        ({"language": "pt-BR"}, "pt"),
        ({"language": "en", "voice_model": "eleven_multilingual_v2"}, None),
        ({}, None),
    ],
)
def test_a_language_is_asked_for_without_its_country_and_where_a_model_takes_one(
    config: dict[str, str], code: str | None
):
    async def main():
        async with served(config=config) as (server, voice):
            await spoken(voice)
            return server.requests[0]

    assert clock.run(main(), virtual=True).get("language_code") == code


@pytest.mark.parametrize(
    ("status", "name", "told"),
    [
        (404, "voice_not_found", "(look at voice)"),
        (400, "unsupported_model", "(look at voice_model)"),
        (401, "invalid_api_key", "(look at ELEVENLABS_API_KEY)"),
        (401, "quota_exceeded", "quota_exceeded: No."),
    ],
)
def test_a_refusal_is_told_by_its_name(status: int, name: str, told: str):
    body = {"type": "a_type", "code": name, "status": name, "message": "No.", "param": "x"}

    async def main():
        said = json.dumps({"detail": body})
        async with nothing_left(), canned([said], status=status) as url:
            voice = voice_at(url)
            with pytest.raises(Rejected) as refused:
                await spoken(voice)
            await voice.terminate()
            return refused.value

    refused = clock.run(main(), virtual=True)
    assert refused.reason.startswith(f"status {status}: {name}: ")
    assert refused.reason.endswith(told)


@pytest.mark.parametrize("restarts", [False, True])
def test_audio_and_word_times_are_those_that_were_sent(restarts: bool):
    async def main():
        async with served(restarts=restarts) as (server, voice):
            result, chunks = await spoken(voice)
            return result, chunks, server.requests

    result, chunks, requests = clock.run(main(), virtual=True)
    pcm, words = tone.speak(TEXT)
    assert b"".join(chunk.chunk for _, chunk in chunks) == pcm
    assert [chunk.is_last_chunk for _, chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert {len(chunk.chunk) for _, chunk in chunks[:-1]} == {CHUNK}
    for number, (_, _, end) in enumerate(words):
        heard = " ".join(word for word, _, _ in words[: number + 1])
        assert result.get_message_up_to((end + 1) / 16_000) == heard
        assert result.get_message_up_to((end - 1) / 16_000) != heard
    assert requests[0]["text"] == TEXT


def test_audio_comes_while_it_is_made():
    async def main():
        async with served() as (_, voice):
            return (await spoken(voice))[1]

    chunks = clock.run(main(), virtual=True)
    assert chunks[0][0] == pytest.approx(0.15)
    seconds = len(tone.speak(TEXT)[0]) / 32_000
    assert chunks[-1][0] == pytest.approx(0.15 + 0.2 * (seconds - 0.25), abs=0.05)


def test_voice_model_and_language_are_those_of_the_config():
    async def main():
        config = {"voice": "a-voice", "voice_model": "a-model", "language": "en"}
        async with served(config=config) as (server, voice):
            await spoken(voice)
            return voice.voice, server.requests[0]

    named, request = clock.run(main(), virtual=True)
    assert named == "a-voice"
    assert (request["model_id"], request["language_code"]) == ("a-model", "en")


@pytest.mark.parametrize("rate", [8000, 24_000, 48_000])
def test_other_rates_are_asked_for_or_made(rate: int):
    async def main():
        async with served() as (_, voice):
            voice.sampling_rate = rate
            result, chunks = await spoken(voice)
            return result, b"".join(chunk.chunk for _, chunk in chunks)

    result, pcm = clock.run(main(), virtual=True)
    native = tone.speak(TEXT, rate)[0] if rate <= 24_000 else None
    wanted = native or resample(tone.speak(TEXT)[0], 16_000, rate)
    assert abs(len(pcm) - len(wanted)) <= 4
    if native is not None:
        assert pcm == native
    assert result.get_message_up_to(len(pcm) / (2 * rate)) == TEXT


def test_mp3_is_decoded_as_it_streams_and_words_stay_where_they_were():
    async def main():
        async with served(config={"voice_format": "mp3"}) as (_, voice):
            return await spoken(voice)

    result, chunks = clock.run(main(), virtual=True)
    pcm, words = resample(tone.speak(TEXT, 44_100)[0], 44_100, 16_000), tone.speak(TEXT)[1]
    made = b"".join(chunk.chunk for _, chunk in chunks)
    assert 0 <= len(made) - len(pcm) <= 32_000 * 0.05  # the encoder's padding
    audible = [np.frombuffer(audio, "<i2").astype(float)[: len(pcm) // 2] for audio in (made, pcm)]
    assert np.corrcoef(*audible)[0, 1] > 0.98
    assert chunks[0][0] < 0.3
    assert chunks[-1][0] - chunks[0][0] > 0.3
    for number, (_, _, end) in enumerate(words):
        known = " ".join(word for word, _, _ in words[: number + 1])
        assert result.get_message_up_to(end / 16_000 + 0.001) == known
        assert result.get_message_up_to(end / 16_000 - 0.001) != known


def test_an_interrupt_of_mp3_reaches_the_server():
    async def main():
        async with served(config={"voice_format": "mp3"}) as (server, voice):
            result = await voice.create_speech(BaseMessage(TEXT), CHUNK)
            await anext(result.chunk_generator)
            at = clock.now()
            await result.chunk_generator.aclose()
            await clock.sleep(0.2)
            return at, server.gone

    at, gone = clock.run(main(), virtual=True)
    assert gone == [at]


def test_the_emulator_serves_the_plain_sdk():
    async def main():
        async with nothing_left(), ElevenLabsEmulator().serving() as server:
            client = AsyncElevenLabs(api_key=KEY, base_url=server.url)
            audio = client.text_to_speech.stream("v", text=TEXT, output_format="pcm_16000")
            pcm = b"".join([piece async for piece in audio])
            await client._client_wrapper.httpx_client.httpx_client.aclose()
            return pcm

    assert clock.run(main(), virtual=True) == tone.speak(TEXT)[0]


def test_a_refusal_is_quoted():
    async def main():
        async with served("wrong") as (_, voice):
            with pytest.raises(Rejected, match="status 401: invalid_api_key: "):
                await spoken(voice)

    clock.run(main(), virtual=True)


def test_warmed_up_it_has_a_connection_and_has_asked_for_nothing():
    async def main():
        async with served() as (server, voice):
            await voice.warm_up()
            held = len(os.listdir("/proc/self/fd"))
            _, chunks = await spoken(voice)
            return held, len(os.listdir("/proc/self/fd")), len(server.requests), len(chunks)

    before, after, requests, chunks = clock.run(main(), virtual=True)
    assert before == after
    assert requests == 1
    assert chunks > 100


def test_nobody_there_is_known_when_warming_up():
    async def main():
        async with nothing_left():
            voice = voice_at(f"http://127.0.0.1:{refused_port()}")
            with pytest.raises(ConnectFailed):
                await voice.warm_up()
            await voice.terminate()

    clock.run(main(), virtual=True)
