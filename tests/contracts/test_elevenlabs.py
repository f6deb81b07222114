"""ElevenLabs' SDK and our adapter, against the emulated service, in virtual time."""

import contextlib
import logging
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from elevenlabs.client import AsyncElevenLabs

from bench import clock
from bench.audio import resample
from bench.emulators.elevenlabs import KEY, ElevenLabsEmulator
from bench.engine.synthesizer import BaseMessage, ChunkResult, Speech, SynthesisResult
from bench.errors import BrokenStream, ConnectFailed, ProviderError, RateLimited, Rejected, Stalled
from bench.providers.elevenlabs import ElevenLabsSynthesizer
from bench.settings import Secret
from bench.simulation import tone
from bench.simulation.faults import Fault
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


@pytest.mark.parametrize("seconds", [0.05, 0.3])
def test_an_interrupt_reaches_the_server_at_once(seconds: float):
    async def main():
        async with served() as (server, voice):
            speech = Speech(16_000, CHUNK, first_seconds=8.0, stall_seconds=3.0)
            await speech.add(TEXT, await voice.create_speech(BaseMessage(TEXT), CHUNK))
            await clock.sleep(seconds)
            await speech.close()
            await clock.sleep(1.0)
            return server.gone

    assert clock.run(main(), virtual=True) == [seconds]


def test_a_consumer_that_waits_elsewhere_is_no_obstacle():
    async def main():
        async with served() as (server, voice):
            result = await voice.create_speech(BaseMessage(TEXT), CHUNK)
            await anext(result.chunk_generator)
            await clock.sleep(0.1)  # more has come, unread
            await result.chunk_generator.aclose()
            at = clock.now()
            await clock.sleep(1.0)
            return server.gone, at

    gone, at = clock.run(main(), virtual=True)
    assert gone == [at]


@pytest.mark.parametrize(
    ("kind", "error", "within"),
    [
        ("http_429", RateLimited, 0.1),
        ("http_503", ConnectFailed, 0.1),
        ("connect_timeout", Stalled, 8.0),
        ("disconnect", BrokenStream, 1.0),
        ("malformed", BrokenStream, 1.0),
        ("empty_audio", BrokenStream, 1.0),
    ],
)
def test_what_goes_wrong_is_one_of_our_errors(kind: str, error: type[ProviderError], within: float):
    after = 0.5 if kind in ("disconnect", "malformed") else None
    fault = Fault("tts", kind, after_audio_seconds=after, retry_after_seconds=7.0)

    async def main():
        async with served(faults=(fault,)) as (_, voice):
            with pytest.raises(ProviderError) as failed:
                await spoken(voice)
            at = clock.now()
            await spoken(voice)  # the next one is well again
            return failed.value, at

    failed, at = clock.run(main(), virtual=True)
    assert type(failed) is error
    assert failed.provider == "elevenlabs"
    assert at <= within
    if isinstance(failed, RateLimited):
        assert failed.retry_after_seconds == 7.0


def test_silence_in_the_middle_is_a_stall_within_the_deadline():
    fault = Fault("tts", "stall", after_audio_seconds=0.5, for_seconds=60.0)

    async def main():
        async with served(faults=(fault,)) as (server, voice):
            speech = Speech(16_000, CHUNK, first_seconds=8.0, stall_seconds=3.0)
            await speech.add(
                TEXT, await voice.create_speech(BaseMessage(TEXT), CHUNK), voice.provider
            )
            await speech.end()
            await clock.sleep(0.01)
            return speech.parts[0].error, clock.now(), server.gone

    error, at, gone = clock.run(main(), virtual=True)
    assert isinstance(error, Stalled)
    assert error.provider == "elevenlabs"
    assert at < 4.0
    assert gone == [pytest.approx(at - 0.01, abs=1e-3)]


def test_a_wrong_key_is_rejected_and_shown_nowhere(caplog: pytest.LogCaptureFixture):
    key = "wrong-and-secret"

    async def main():
        async with served(key) as (_, voice):
            with pytest.raises(Rejected, match="401: invalid_api_key") as failed:
                await spoken(voice)
            return failed.value

    with caplog.at_level(logging.DEBUG):
        error = clock.run(main(), virtual=True)
    assert key not in caplog.text + repr(error) + str(error)


def test_nobody_there():
    async def main():
        async with nothing_left():
            voice = voice_at(f"http://127.0.0.1:{refused_port()}")
            with pytest.raises(ConnectFailed):
                await spoken(voice)
            await voice.terminate()

    clock.run(main(), virtual=True)


def test_the_emulator_serves_the_plain_sdk():
    async def main():
        async with nothing_left(), ElevenLabsEmulator().serving() as server:
            client = AsyncElevenLabs(api_key=KEY, base_url=server.url)
            audio = client.text_to_speech.stream("v", text=TEXT, output_format="pcm_16000")
            pcm = b"".join([piece async for piece in audio])
            await client._client_wrapper.httpx_client.httpx_client.aclose()
            return pcm

    assert clock.run(main(), virtual=True) == tone.speak(TEXT)[0]
