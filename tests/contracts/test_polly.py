"""Amazon's client and our adapter, against the emulated Polly, in virtual time.

What is asked of every adapter stands in `tests/contracts/test_every_*.py`.
"""

import contextlib
import json
import logging
import sys
from collections.abc import AsyncGenerator
from typing import Any

import numpy as np
import pytest
from aiobotocore.session import get_session
from botocore.exceptions import ClientError

from bench import clock
from bench.emulators.polly import KEY, SECRET, PollyEmulator
from bench.engine.synthesizer import BaseMessage, ChunkResult, Speech, SynthesisResult
from bench.engine.worker import spawn
from bench.errors import (
    BrokenStream,
    ConfigError,
    ConnectFailed,
    ProviderError,
    RateLimited,
    Rejected,
)
from bench.providers.estimated_words import GrowingSpeech
from bench.providers.handler import VoiceHandler, provider_states
from bench.providers.known import PROVIDERS
from bench.providers.polly import PollySynthesizer
from bench.providers.polly_client import translated
from bench.providers.speech_marks import SpeechMarks
from bench.providers.voice_format import VoiceFormat
from bench.settings import Secret
from bench.simulation import tone
from tests.contracts.ends import nothing_left

pytestmark = pytest.mark.contract

TEXT = "Yes, we – “Zoë” and I – are open from nine to five."
CHUNK = 640  # 20 ms


def keys(key: str = KEY, secret: str = SECRET, token: str = "") -> dict[str, Secret]:
    temporary = {"AWS_SESSION_TOKEN": Secret(token)} if token else {}
    return {
        "AWS_ACCESS_KEY_ID": Secret(key),
        "AWS_SECRET_ACCESS_KEY": Secret(secret),
        "AWS_REGION": Secret("eu-west-1"),
        **temporary,
    }


@contextlib.asynccontextmanager
async def served(
    config: dict[str, Any] | None = None, **emulator: Any
) -> AsyncGenerator[tuple[PollyEmulator, PollySynthesizer]]:
    """An emulator and a voice; afterwards nothing is left of either."""
    async with nothing_left(), PollyEmulator(**emulator).serving() as server:
        voice = PollySynthesizer({"polly_url": server.url, "keys": keys(), **(config or {})})
        await voice.warm_up()
        try:
            yield server, voice
        finally:
            await voice.terminate()


async def spoken(
    voice: PollySynthesizer, text: str = TEXT
) -> tuple[SynthesisResult, list[tuple[float, ChunkResult]]]:
    """What was said, and the chunks, each with its instant."""
    result = await voice.create_speech(BaseMessage(text), CHUNK)
    return result, [(clock.now(), chunk) async for chunk in result.chunk_generator]


def pcm_of(chunks: list[tuple[float, ChunkResult]]) -> bytes:
    return b"".join(chunk.chunk for _, chunk in chunks)


def test_audio_and_words_are_those_that_were_sent():
    async def main():
        async with served() as (server, voice):
            return *await spoken(voice), server.requests

    result, chunks, requests = clock.run(main(), virtual=True)
    pcm, words = tone.speak(TEXT)
    assert pcm_of(chunks) == pcm
    assert [chunk.is_last_chunk for _, chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert not result.estimated
    assert result.get_message_up_to(0.0) == ""
    assert result.get_message_up_to(len(pcm) / 32_000) == TEXT
    sounding = [number for number, (_, start, end) in enumerate(words) if start < end]
    for number in sounding[1:]:  # the end of a word is the beginning of the next
        begins = words[number][1] / 16_000
        before = " ".join(word for word, _, _ in words[:number])
        assert result.get_message_up_to(begins + 0.001) == before  # marks are whole milliseconds
        assert result.get_message_up_to(begins - 0.001) != before
    assert {body["OutputFormat"] for body in requests} == {"pcm", "json"}
    assert all(body["Engine"] == "neural" for body in requests)


def test_no_word_is_claimed_until_the_marks_are_there():
    """They come long after the audio, and are waited for by nobody."""

    async def main():
        async with served(marks=lambda: 3.0) as (_, voice):
            result, chunks = await spoken(voice)
            before = result.get_message_up_to(1.0), clock.now()
            await clock.sleep(3.0)
            return result, before, result.get_message_up_to(1.0), len(pcm_of(chunks))

    result, (nothing, at), heard, _ = clock.run(main(), virtual=True)
    assert (nothing, result.estimated) == ("", False)
    assert at < 1.0
    assert heard.startswith("Yes, we")


@pytest.mark.parametrize("late", [False, True])
def test_speech_without_marks_goes_on_with_an_estimate(late: bool):
    trouble: dict[str, Any] = (
        {"marks": lambda: 60.0} if late else {"marks_refusals": [(400, "ThrottlingException")]}
    )

    async def main():
        async with served(**trouble) as (_, voice):
            result, chunks = await spoken(voice)
            before = result.estimated
            await clock.sleep(8.0)
            return before, result, pcm_of(chunks)

    before, result, pcm = clock.run(main(), virtual=True)
    assert pcm == tone.speak(TEXT)[0]
    assert before is not late
    assert result.estimated
    seconds = len(pcm) / 32_000
    assert result.get_message_up_to(seconds) == TEXT
    assert 0 < len(result.get_message_up_to(seconds / 2)) < len(TEXT)


def test_an_engine_without_marks_is_not_asked_for_them():
    async def main():
        async with served({"voice_model": "generative", "voice": "Ruth"}) as (server, voice):
            return (await spoken(voice))[0], server.requests

    result, requests = clock.run(main(), virtual=True)
    assert result.estimated
    assert [(body["Engine"], body["VoiceId"]) for body in requests] == [("generative", "Ruth")]


def test_an_estimate_of_unfinished_speech_does_not_claim_all_of_it():
    marks = SpeechMarks(GrowingSpeech(TEXT, 16_000))
    marks.estimated, marks.speech.received = True, 16_000
    assert 0 < len(marks.up_to(0.5)) < len(TEXT) / 2


@pytest.mark.parametrize(
    "lines",
    [
        b'{"time": 0, "type": "word"',
        b"[]",
        b'{"time": 0, "type": "word", "start": 99, "end": 100, "value": "a"}',
        b'{"time": 0, "type": "sentence", "start": 0, "end": 3, "value": "One"}',
        b"",
    ],
)
def test_what_is_no_mark_of_the_text_is_refused(lines: bytes):
    with pytest.raises(ValueError, match="mark"):
        SpeechMarks(GrowingSpeech("One two", 16_000)).read(lines)


def test_a_mark_in_a_text_without_words_is_refused():
    mark = b'{"time": 0, "type": "word", "start": 1, "end": 2, "value": "a"}'
    with pytest.raises(ValueError, match="mark"):
        SpeechMarks(GrowingSpeech("   ", 16_000)).read(mark)


@pytest.mark.parametrize("text", ["—", "…", "🙂"])
def test_signs_alone_are_silent(text: str):
    async def main():
        async with served() as (_, voice):
            result, chunks = await spoken(voice, text)
            await clock.sleep(1.0)
            return result, pcm_of(chunks)

    result, pcm = clock.run(main(), virtual=True)
    assert (pcm, result.estimated) == (b"", False)
    assert result.get_message_up_to(0.0) == text


def test_who_hangs_up_while_the_client_is_made_has_none():
    async def main():
        async with nothing_left(), PollyEmulator().serving() as server:
            voice = PollySynthesizer({"polly_url": server.url, "keys": keys()})
            warming = spawn(voice.warm_up(), name="warming")
            await clock.sleep(0.0)
            await voice.terminate()
            await warming
            return voice._client.is_made

    assert not clock.run(main(), virtual=True)


@pytest.mark.parametrize("seconds", [0.05, 0.18, 0.3])
def test_an_interrupt_reaches_the_server_at_once(seconds: float):
    async def main():
        async with served() as (server, voice):
            speech = Speech(16_000, CHUNK, first_seconds=8.0, stall_seconds=3.0)
            await speech.add(TEXT, await voice.create_speech(BaseMessage(TEXT), CHUNK))
            await clock.sleep(seconds)
            await speech.close()
            await clock.sleep(1.0)
            return server.gone

    unfinished = 1 if seconds > 0.2 else 2  # the marks have come by then
    assert clock.run(main(), virtual=True) == [seconds] * unfinished


@pytest.mark.parametrize(
    ("status", "name", "error"),
    [
        (400, "ThrottlingException", RateLimited),
        (400, "TextLengthExceededException", Rejected),
        (400, "EngineNotSupportedException", Rejected),
        (400, "InvalidSampleRateException", Rejected),
        (500, "ServiceFailureException", ConnectFailed),
    ],
)
def test_a_refusal_goes_by_its_name(status: int, name: str, error: type[ProviderError]):
    async def main():
        async with served(refusals=[(status, name)]) as (server, voice):
            with pytest.raises(error, match=name) as failed:
                await spoken(voice)
            asked = [body["OutputFormat"] for body in server.requests].count("pcm")
            await spoken(voice)  # the next one is well again
            return failed.value, asked

    failed, asked = clock.run(main(), virtual=True)
    assert type(failed) is error
    assert asked == 1  # the SDK would ask five times


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (keys(key="WRONGANDSECRET"), "UnrecognizedClientException"),
        (keys(secret="wrong-and-secret"), "InvalidSignatureException"),
    ],
)
def test_a_wrong_key_is_rejected_and_none_is_shown(
    wrong: dict[str, Secret], said: str, caplog: pytest.LogCaptureFixture
):
    async def main():
        async with served({"keys": wrong}) as (_, voice):
            with pytest.raises(Rejected, match=rf"403: {said}.*\(look at AWS_") as failed:
                await spoken(voice)
            return failed.value

    with caplog.at_level(logging.DEBUG):
        error = clock.run(main(), virtual=True)
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        assert wrong[variable].reveal() not in caplog.text + repr(error) + str(error)


TOKEN = "IQoJb3Jp/a-token+of" * 40 + "=="


def test_temporary_credentials_go_with_their_token():
    async def main():
        async with served({"keys": keys(token=TOKEN)}, token=TOKEN) as (server, voice):
            result, chunks = await spoken(voice)
            return result, pcm_of(chunks), len(server.requests)

    result, pcm, requests = clock.run(main(), virtual=True)
    assert (pcm, result.estimated, requests) == (tone.speak(TEXT)[0], False, 2)


@pytest.mark.parametrize(
    ("token", "refusals"), [("", []), ("old", []), (TOKEN, [(403, "ExpiredTokenException")])]
)
def test_a_token_that_is_missing_wrong_or_old_is_rejected_and_not_shown(
    token: str, refusals: list[tuple[int, str]], caplog: pytest.LogCaptureFixture
):
    async def main():
        given = {"keys": keys(token=token)}
        async with served(given, token=TOKEN, refusals=refusals) as (_, voice):
            with pytest.raises(Rejected, match=r"look at AWS_.*SESSION_TOKEN") as failed:
                await spoken(voice)
            return failed.value

    with caplog.at_level(logging.DEBUG):
        error = clock.run(main(), virtual=True)
    assert TOKEN not in caplog.text + repr(error) + str(error)


def test_what_a_vendor_quotes_of_a_signed_request_is_not_shown():
    said = f"The canonical string was host:x x-amz-security-token:{TOKEN} {KEY}/20260101 {SECRET}"
    answer = {
        "Error": {"Code": "SignatureDoesNotMatch", "Message": said},
        "ResponseMetadata": {"HTTPStatusCode": 403, "HTTPHeaders": {}},
    }
    secrets = tuple(Secret(text) for text in (KEY, SECRET, TOKEN))
    error = translated(ClientError(answer, "SynthesizeSpeech"), secrets, begun=False)
    assert isinstance(error, Rejected)
    assert "SignatureDoesNotMatch" in str(error)
    assert not any(text in repr(error) + str(error) for text in (KEY, SECRET, TOKEN, TOKEN[:20]))


def test_a_token_is_no_key_that_could_be_missing():
    (row,) = [row for row in PROVIDERS if row.key == "polly"]
    assert "AWS_SESSION_TOKEN" in row.variables
    assert "AWS_SESSION_TOKEN" not in row.wanted({})
    (state,) = [one for one in provider_states(keys()) if one.provider is row]
    assert state.state == "ready"


def test_a_region_that_is_none_is_rejected():
    async def main():
        config = {"keys": {**keys(), "AWS_REGION": Secret("Europe (Ireland)")}}
        voice = PollySynthesizer(config)
        with pytest.raises(Rejected, match="region"):
            await voice.warm_up()
        with pytest.raises(Rejected, match="region"):
            await spoken(voice)
        await voice.terminate()

    clock.run(main(), virtual=True)


@pytest.mark.parametrize(
    ("config", "asked"),
    [
        ({"language": "en-GB"}, ("Amy", None)),
        ({"language": "de"}, ("Vicki", None)),
        ({"language": "en-GB", "voice": "Matthew"}, ("Matthew", None)),
        ({"language": "hi-IN", "voice": "Kajal"}, ("Kajal", "hi-IN")),
        ({"language": "fi"}, ("Joanna", None)),
    ],
)
def test_a_language_chooses_the_voice_and_only_two_voices_are_told_it(
    config: dict[str, str], asked: tuple[str, str | None]
):
    async def main():
        async with served(config) as (server, voice):
            await spoken(voice)
            return server.requests[0]

    body = clock.run(main(), virtual=True)
    assert (body["VoiceId"], body.get("LanguageCode")) == asked


def test_mp3_brings_the_rate_of_the_newer_engines_and_words_stay_where_they_were():
    async def main():
        async with served({"voice_format": "mp3"}) as (server, voice):
            voice.sampling_rate = 24_000
            return *await spoken(voice), server.requests

    result, chunks, requests = clock.run(main(), virtual=True)
    assert ("mp3", "24000") in [(body["OutputFormat"], body.get("SampleRate")) for body in requests]
    original, words = tone.speak(TEXT, 24_000)
    pcm = pcm_of(chunks)
    assert 0 <= len(pcm) - len(original) <= 2 * 24_000 * 0.05  # the encoder's padding
    made, wanted = (np.frombuffer(audio, "<i2").astype(float) for audio in (pcm, original))
    assert np.corrcoef(made[: wanted.size], wanted)[0, 1] > 0.98
    assert not result.estimated
    sounding = [number for number, (_, begin, end) in enumerate(words) if begin < end]
    for number in sounding[1:]:
        begins = words[number][1] / 24_000
        before = " ".join(word for word, _, _ in words[:number])
        assert result.get_message_up_to(begins + 0.001) == before
        assert result.get_message_up_to(begins - 0.001) != before


def test_mp3_comes_while_it_is_made_and_an_interrupt_reaches_the_server():
    async def main():
        async with served({"voice_format": "mp3"}) as (server, voice):
            result = await voice.create_speech(BaseMessage(TEXT), CHUNK)
            await anext(result.chunk_generator)
            first = clock.now()
            await result.chunk_generator.aclose()
            await clock.sleep(1.0)
            return first, server.gone

    first, gone = clock.run(main(), virtual=True)
    assert first < 0.3
    assert gone
    assert set(gone) == {first}


def test_what_should_be_mp3_and_is_not_is_a_broken_stream():
    async def main():
        async def audio() -> AsyncGenerator[bytes]:
            yield b"RIFF is another format" * 100

        with pytest.raises(BrokenStream, match="not MP3"):
            async for _ in VoiceFormat({"voice_format": "mp3"}, "polly").pcm(audio(), 24_000):
                pass

    clock.run(main(), virtual=True)


def test_the_extra_that_mp3_wants_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "av", None)
    monkeypatch.delitem(sys.modules, "bench.providers.mp3", raising=False)
    with pytest.raises(ConfigError, match=r"talkbench\[mp3\]"):
        PollySynthesizer({"voice_format": "mp3", "keys": keys()})
    PollySynthesizer({"voice_format": "pcm", "keys": keys()})


def test_the_handler_makes_it():
    voice = VoiceHandler(keys()).create_synthesizer({"voiceProvider": "polly"})
    assert isinstance(voice, PollySynthesizer)


def test_the_emulator_serves_the_plain_sdk():
    async def main():
        async with nothing_left(), PollyEmulator().serving() as server:
            make = get_session().create_client(
                "polly",
                region_name="us-east-1",
                endpoint_url=server.url,
                aws_access_key_id=KEY,
                aws_secret_access_key=SECRET,
            )
            async with make as client:
                asked = {"Text": TEXT, "VoiceId": "Joanna"}
                answer = await client.synthesize_speech(
                    **asked, OutputFormat="json", SpeechMarkTypes=["word"]
                )
                marks = [json.loads(line) async for line in answer["AudioStream"].iter_lines()]
                with pytest.raises(client.exceptions.InvalidSampleRateException):
                    await client.synthesize_speech(**asked, OutputFormat="pcm", SampleRate="44100")
            return marks, answer["RequestCharacters"]

    marks, characters = clock.run(main(), virtual=True)
    encoded = TEXT.encode()
    assert [encoded[mark["start"] : mark["end"]].decode() for mark in marks] == [
        mark["value"] for mark in marks
    ]
    assert [mark["value"] for mark in marks][:3] == ["Yes", "we", "Zoë"]
    assert characters == len(TEXT)
