"""Google's voices through their SDK and our adapter, against the emulator, by the wall clock.

What is asked of every adapter stands in `tests/contracts/test_every_*.py`.
"""

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import pytest
from google.cloud import texttospeech_v1
from google.cloud.texttospeech_v1.services.text_to_speech.transports import (
    TextToSpeechGrpcAsyncIOTransport as Transport,
)
from grpc import aio

from bench import clock
from bench.emulators.google_voice import KEY, GoogleVoiceEmulator
from bench.engine.synthesizer import BaseMessage, SynthesisResult
from bench.errors import BrokenStream, Rejected
from bench.providers.google_channel import VARIABLE
from bench.providers.google_voice import GoogleSynthesizer
from bench.settings import Secret
from bench.simulation import tone
from bench.simulation.faults import Fault
from tests.contracts.ends import nothing_left

pytestmark = pytest.mark.contract

CHUNK = 640
TEXT = "Yes, Dr. Smith, we are open. Do come in!"


async def fetched(voice: GoogleSynthesizer, text: str) -> tuple[SynthesisResult, bytes]:
    result = await voice.create_speech(BaseMessage(text), CHUNK)
    return result, b"".join([chunk.chunk async for chunk in result.chunk_generator])


@contextlib.asynccontextmanager
async def speaking(
    config: dict[str, Any] | None = None, **emulator: Any
) -> AsyncGenerator[tuple[GoogleVoiceEmulator, GoogleSynthesizer]]:
    async with (
        nothing_left(virtual=False, warm=False),
        GoogleVoiceEmulator(
            first=lambda: 0.01, factor=lambda: 0.05, **emulator
        ).serving() as server,
    ):
        keys = {VARIABLE: Secret(KEY)}
        voice = GoogleSynthesizer({"google_voice_url": server.url, "keys": keys, **(config or {})})
        await voice.warm_up()
        try:
            yield server, voice
        finally:
            await voice.terminate()


def test_a_message_is_one_call_and_each_sentence_a_request():
    async def main():
        async with speaking() as (server, voice):
            result, pcm = await fetched(voice, TEXT)
            return result, pcm, server.requests

    result, pcm, requests = clock.run(main())
    sentences = ["Yes, Dr. Smith, we are open.", "Do come in!"]
    assert pcm == b"".join(tone.speak(sentence)[0] for sentence in sentences)
    assert result.estimated
    assert result.get_message_up_to(len(pcm) / 32_000) == TEXT
    (asked,) = requests
    assert [text.strip() for text in asked["texts"]] == sentences
    assert asked["voice"] == "en-US-Chirp3-HD-Charon"
    assert (asked["language_code"], asked["sample_rate_hertz"]) == ("en-US", 16_000)


def test_what_was_heard_is_not_overestimated_while_speech_is_still_made():
    async def main():
        async with speaking() as (_, voice):
            result = await voice.create_speech(BaseMessage(TEXT), CHUNK)
            await anext(result.chunk_generator)
            early = result.get_message_up_to(0.2)
            await result.chunk_generator.aclose()
            return early

    assert clock.run(main()) == ""


@pytest.mark.parametrize(
    ("config", "voice", "language"),
    [
        ({"voice": "Kore"}, "en-US-Chirp3-HD-Kore", "en-US"),
        ({"language": "de"}, "de-DE-Chirp3-HD-Charon", "de-DE"),
        ({"voice": "fr-FR-Chirp-HD-F", "language": "en"}, "fr-FR-Chirp-HD-F", "fr-FR"),
        ({"voice": "Puck", "language": "en-GB"}, "en-GB-Chirp3-HD-Puck", "en-GB"),
    ],
)
def test_a_voice_is_named_in_full_or_by_its_speaker(
    config: dict[str, Any], voice: str, language: str
):
    async def main():
        async with speaking(config) as (server, speaker):
            await fetched(speaker, "Yes.")
            return server.requests[0]

    asked = clock.run(main())
    assert (asked["voice"], asked["language_code"]) == (voice, language)


def test_a_voice_that_does_not_stream_is_rejected():
    async def main():
        async with speaking({"voice": "en-US-Wavenet-A"}) as (_, voice):
            with pytest.raises(Rejected, match="INVALID_ARGUMENT"):
                await fetched(voice, TEXT)

    clock.run(main())


def test_after_a_broken_connection_the_next_speech_is_well_at_once():
    fault = Fault("tts", "disconnect", after_audio_seconds=0.3)

    async def main():
        async with speaking(faults=(fault,)) as (_, voice):
            with pytest.raises(BrokenStream):
                await fetched(voice, TEXT)
            return (await fetched(voice, "Yes."))[1]

    assert clock.run(main()) == tone.speak("Yes.")[0]


def test_nothing_to_say_is_said():
    async def main():
        async with speaking() as (_, voice):
            return (await fetched(voice, " "))[1]

    assert clock.run(main()) == b""


async def sent(*requests: Any) -> AsyncIterator[Any]:
    for request in requests:
        yield request


def test_the_voice_serves_the_plain_sdk():
    async def main():
        async with (
            GoogleVoiceEmulator(factor=lambda: 0.0).serving() as server,
            aio.insecure_channel(server.url.removeprefix("http://")) as channel,
        ):
            client = texttospeech_v1.TextToSpeechAsyncClient(transport=Transport(channel=channel))
            config = texttospeech_v1.StreamingSynthesizeConfig(
                voice=texttospeech_v1.VoiceSelectionParams(
                    name="en-US-Chirp3-HD-Kore", language_code="en-US"
                ),
                streaming_audio_config=texttospeech_v1.StreamingAudioConfig(
                    audio_encoding=texttospeech_v1.AudioEncoding.PCM
                ),
            )
            said = texttospeech_v1.StreamingSynthesisInput(text=TEXT)
            stream = await client.streaming_synthesize(
                requests=sent(
                    texttospeech_v1.StreamingSynthesizeRequest(streaming_config=config),
                    texttospeech_v1.StreamingSynthesizeRequest(input=said),
                ),
                metadata=(("x-goog-api-key", KEY),),
            )
            return b"".join([one.audio_content async for one in stream])

    assert clock.run(main()) == tone.speak(TEXT, 24_000)[0]
