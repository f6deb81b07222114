"""Play.ht's SDK and our adapter, against the emulated service, in virtual time."""

import contextlib
import gc
from collections.abc import AsyncGenerator
from typing import Any

import pytest

pytest.importorskip("pyht", reason="tested in the legacy environment")

from pyht.async_client import AsyncClient
from pyht.client import Format, TTSOptions
from pyht.inference_coordinates import InferenceCoordinatesOptions

from bench import clock
from bench.audio import resample
from bench.emulators.playht import KEY, PlayHTEmulator
from bench.engine.synthesizer import BaseMessage, SynthesisResult
from bench.errors import BrokenStream, ConfigError, RateLimited, Rejected
from bench.providers.handler import VoiceHandler
from bench.providers.playht import VOICE, PlayHTSynthesizer
from bench.settings import Secret
from bench.simulation import tone
from bench.simulation.faults import Fault
from tests.contracts.ends import nothing_left

pytestmark = [pytest.mark.contract, pytest.mark.legacy]

TEXT = "Yes, we are open from nine to five."
CHUNK = 640  # 20 ms
KEYS = {"PLAYHT_API_KEY": Secret(KEY), "PLAYHT_USER_ID": Secret("a-user")}


@contextlib.asynccontextmanager
async def served(
    config: dict[str, Any] | None = None, **emulator: Any
) -> AsyncGenerator[tuple[PlayHTEmulator, PlayHTSynthesizer]]:
    """An emulator and a voice; afterwards nothing is left of either."""
    async with nothing_left(), PlayHTEmulator(**emulator).serving() as server:
        voice = PlayHTSynthesizer({"playht_url": server.url, "keys": KEYS, **(config or {})})
        try:
            yield server, voice
        finally:
            await voice.terminate()


async def spoken(voice: PlayHTSynthesizer, text: str = TEXT) -> tuple[SynthesisResult, bytes]:
    result = await voice.create_speech(BaseMessage(text), CHUNK)
    return result, b"".join([chunk.chunk async for chunk in result.chunk_generator])


def test_the_audio_is_what_was_sent_and_the_words_are_an_estimate():
    async def main():
        async with served() as (server, voice):
            return *await spoken(voice), server.requests

    result, pcm, (request,) = clock.run(main(), virtual=True)
    assert pcm == tone.speak(TEXT)[0]
    seconds = len(pcm) / 32_000
    assert result.estimated
    assert result.get_message_up_to(seconds) == TEXT
    assert result.get_message_up_to(seconds / 2) == "Yes, we are open"
    assert result.get_message_up_to(0.0) == ""
    assert (request["text"], request["voice"]) == ([TEXT], VOICE)
    assert (request["output_format"], request["sample_rate"]) == ("pcm", 16_000)
    assert (request["voice_engine"], request["language"]) == ("Play3.0-mini", None)


def test_what_was_heard_of_it_does_not_run_ahead_while_little_of_it_has_come():
    async def main():
        async with served() as (_, voice):
            result = await voice.create_speech(BaseMessage(TEXT), CHUNK)
            chunks = result.chunk_generator
            await anext(chunks)  # a quarter of a second has come
            heard = result.get_message_up_to(0.25)
            await chunks.aclose()
            return heard

    assert clock.run(main(), virtual=True) == ""


def test_voice_model_language_and_speed_are_those_of_the_config():
    config = {"voice": "s3://mine", "voice_model": "PlayDialog", "language": "de-DE", "speed": 1.5}

    async def main():
        async with served(config) as (server, voice):
            await spoken(voice)
            return server.requests[0]

    request = clock.run(main(), virtual=True)
    assert (request["voice"], request["voice_engine"]) == ("s3://mine", "PlayDialog")
    assert (request["language"], request["speed"]) == ("german", 1.5)


def test_a_language_it_has_no_name_for_is_told():
    with pytest.raises(ConfigError, match="playht: language is 'tlh': want one of ar, de"):
        PlayHTSynthesizer({"keys": KEYS, "language": "tlh"})


def test_other_rates_are_made():
    async def main():
        async with served() as (_, voice):
            voice.sampling_rate = 24_000
            return (await spoken(voice))[1]

    pcm = clock.run(main(), virtual=True)
    assert abs(len(pcm) - len(resample(tone.speak(TEXT)[0], 16_000, 24_000))) <= 4


def test_where_the_service_is_is_asked_once():
    async def main():
        async with served() as (server, voice):
            await voice.warm_up()
            for _ in range(3):
                await spoken(voice)
            return server.asked, len(server.requests)

    assert clock.run(main(), virtual=True) == (1, 3)


def test_a_service_that_does_not_say_where_it_is(caplog: pytest.LogCaptureFixture):
    async def main():
        async with served(key="another") as (_, voice):
            with pytest.raises(Rejected, match="status 401"):
                await voice.warm_up()

    clock.run(main(), virtual=True)
    assert KEY not in caplog.text


def test_who_stops_listening_is_noticed_at_once():
    async def main():
        async with served() as (server, voice):
            result = await voice.create_speech(BaseMessage(TEXT), CHUNK)
            await anext(result.chunk_generator)
            at = clock.now()
            await result.chunk_generator.aclose()
            await clock.sleep(0.5)
            return [round(gone - at, 3) for gone in server.gone]

    assert clock.run(main(), virtual=True) == [0.0]


@pytest.mark.parametrize(
    ("kind", "error", "told"),
    [
        ("http_429", RateLimited, "status 429: HTTP 429: .*TOO_MANY_REQUESTS"),
        ("empty_audio", BrokenStream, "no audio came"),
        ("malformed", BrokenStream, "ended in the middle of a sample"),
        ("disconnect", BrokenStream, "ClientPayloadError|ClientOSError|ServerDisconnected"),
    ],
)
def test_what_the_sdk_makes_of_trouble_is_told_as_what_it_was(
    kind: str, error: type[Exception], told: str
):
    async def main():
        async with served(faults=[Fault("tts", kind)]) as (_, voice):
            with pytest.raises(error, match=told):
                await spoken(voice)

    clock.run(main(), virtual=True)


def test_nothing_runs_when_a_client_is_collected():
    async def main():
        async with served() as (_, voice):
            await spoken(voice)
            await voice.terminate()
            gc.collect()

    clock.run(main(), virtual=True)


def test_it_is_chosen_by_its_name():
    config = {"tts": "playht", "playht_url": "http://127.0.0.1:1"}
    assert isinstance(VoiceHandler(KEYS).create_synthesizer(config), PlayHTSynthesizer)


def test_the_emulator_serves_the_plain_sdk():
    async def main() -> bytes:
        async with PlayHTEmulator().serving() as server:
            places = InferenceCoordinatesOptions(api_url=f"{server.url}/api/v4")
            options = AsyncClient.AdvancedOptions(
                auto_refresh_lease=False, inference_coordinates_options=places
            )
            client = AsyncClient("user", KEY, auto_connect=False, advanced=options)
            wanted = TTSOptions(voice="v", format=Format.FORMAT_PCM, sample_rate=8000)
            audio = client.tts(TEXT, wanted, voice_engine="PlayDialog", protocol="http")
            pcm = b"".join([piece async for piece in audio])
            await client.close()
            return pcm

    assert clock.run(main(), virtual=True) == tone.speak(TEXT, 8000)[0]
