"""Google Cloud's SDKs and our adapters, against the emulated services, by the wall clock.

What is asked of every adapter stands in `tests/contracts/test_every_*.py`.
"""

import contextlib
import itertools
import json
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.api_core import exceptions
from google.cloud import texttospeech_v1
from google.cloud.texttospeech_v1.services.text_to_speech.transports import (
    TextToSpeechGrpcAsyncIOTransport as Transport,
)
from google.rpc.error_details_pb2 import RetryInfo
from grpc import StatusCode, aio

from bench import clock
from bench.emulators.google_speech import KEY, GoogleSpeechEmulator
from bench.emulators.google_voice import GoogleVoiceEmulator
from bench.engine.synthesizer import BaseMessage, SynthesisResult
from bench.engine.transcriber import Transcription
from bench.errors import (
    BrokenStream,
    ConfigError,
    ConnectFailed,
    ProviderError,
    RateLimited,
    Rejected,
    Stalled,
)
from bench.events import ProviderFailed, Word
from bench.providers.google_channel import VARIABLE, GoogleAccess, GoogleCall, regional
from bench.providers.google_results import VersionOne, VersionTwo
from bench.providers.google_speech import GoogleTranscriber
from bench.providers.google_voice import GoogleSynthesizer
from bench.settings import Secret
from bench.simulation import tone
from bench.simulation.faults import Fault
from bench.simulation.truth import TruthFeed
from bench.trace import Trace
from tests.contracts.ends import nothing_left

pytestmark = pytest.mark.contract

FRAME = bytes(640)  # 20 ms
FRAME_SECONDS = 0.02
HASTE = 5.0  # times real time
CHUNK = 640
TEXT = "Yes, Dr. Smith, we are open. Do come in!"
TENTH = 1600  # samples


def words(text: str, begin: int, every: int = 4 * TENTH) -> tuple[Word, ...]:
    """Words of 0.3 s, one every 0.4 s; `begin` is a sample."""
    return tuple(
        Word(word, begin + number * every, begin + number * every + 3 * TENTH)
        for number, word in enumerate(text.split())
    )


FIRST = words("when are you open?", 5 * TENTH)
SECOND = words("thank you.", 32 * TENTH)
LONG = words(" ".join(f"w{number}" for number in range(40)), 5 * TENTH)  # 16 s without a pause


def feed(*said: tuple[Word, ...]) -> TruthFeed:
    truth = TruthFeed()
    for number, one in enumerate(said or (FIRST, SECOND)):
        truth.say(f"step {number}", one)
    return truth


def listener_at(url: str, key: str = KEY, **config: Any) -> GoogleTranscriber:
    listener = GoogleTranscriber(
        {"google_speech_url": url, "keys": {VARIABLE: Secret(key)}, **config}
    )
    listener.trace = Trace()
    return listener


@contextlib.asynccontextmanager
async def listening(
    truth: TruthFeed | None = None, config: dict[str, Any] | None = None, **emulator: Any
) -> AsyncGenerator[tuple[GoogleSpeechEmulator, GoogleTranscriber]]:
    """An emulator and a transcriber that has not begun; afterwards nothing is left of either."""
    truth = truth or feed()
    async with (
        nothing_left(virtual=False, warm=False),
        GoogleSpeechEmulator(truth, **emulator).serving() as server,
    ):
        listener = listener_at(server.url, **(config or {}))
        truth.begins = lambda: listener.intake.begins
        try:
            yield server, listener
        finally:
            await listener.terminate()


async def microphone(listener: GoogleTranscriber, seconds: float, haste: float = HASTE) -> None:
    """Silence, frame by frame: the emulator goes by its length alone."""
    began = clock.now()
    for number in range(round(seconds / FRAME_SECONDS)):
        await clock.sleep_until(began + number * FRAME_SECONDS / haste)
        listener.send_audio(FRAME)
    await clock.sleep(0.15)  # for what is under way


def heard(listener: GoogleTranscriber) -> list[Transcription]:
    queue = listener.output_queue
    return [queue.get_nowait() for _ in range(queue.qsize())]


def failures(listener: GoogleTranscriber) -> list[str]:
    assert listener.trace is not None
    return [fact.kind for fact in listener.trace.of(ProviderFailed)]


def spoken_in(said: list[Transcription]) -> list[tuple[str, int, int]]:
    """All final words, and where they lie."""
    finals = [one for one in said if one.is_final]
    for one in finals:
        assert one.message == " ".join(word.text for word in one.words)
    return [placed(word) for one in finals for word in one.words]


def placed(word: Word) -> tuple[str, int, int]:
    return word.text, word.start_sample, word.end_sample


@pytest.mark.parametrize("api", ["v1", "v2"])
def test_portions_of_a_partial_are_one_and_stability_is_how_sure_it_is(api: str):
    async def main():
        async with listening(config={"google_speech_api": api}) as (_, listener):
            await microphone(listener, 3.0)
            return heard(listener)

    said = clock.run(main())
    assert [one.message for one in said] == [
        "when",
        "when are",
        "when are you",
        "when are you open?",
        "when are you open?",
    ]
    assert all(one.confidence == pytest.approx(0.01) for one in said[:-1])
    assert said[-1].confidence == pytest.approx(0.98)
    assert [one.ends_turn for one in said] == [None] * 5
    assert all(word.confidence == pytest.approx(0.98) for word in said[-1].words)


@pytest.mark.parametrize(
    ("config", "asked"),
    [
        ({}, ("v1", "latest_long", "en-US", "", True, True)),
        ({"language": "de", "transcriber_model": "m"}, ("v1", "m", "de-DE", "", True, True)),
        (
            {"google_speech_api": "v2"},
            ("v2", "long", "en-US", "projects/-/locations/global/recognizers/_", True, True),
        ),
        (
            {
                "google_speech_api": "v2",
                "google_recognizer": "projects/p/locations/eu/recognizers/r",
                "transcriber_model": "chirp_3",
                "language": "en-GB",
            },
            ("v2", "chirp_3", "en-GB", "projects/p/locations/eu/recognizers/r", False, False),
        ),
        (
            {"google_speech_api": "v2", "transcriber_model": "chirp_2"},
            ("v2", "chirp_2", "en-US", "projects/-/locations/global/recognizers/_", True, False),
        ),
    ],
)
def test_what_a_stream_asks_for(config: dict[str, Any], asked: tuple[Any, ...]):
    async def main():
        async with listening(config=config) as (server, listener):
            await microphone(listener, 3.0)
            return server.sessions[0], heard(listener), failures(listener)

    session, said, failed = clock.run(main())
    names = ("api", "model", "language", "recognizer", "word_times", "word_confidence")
    assert tuple(session[name] for name in names) == asked
    assert session["interim"]
    assert session["voice_activity"]
    assert failed == []
    assert said[-1].message == "when are you open?"
    assert bool(said[-1].words) == asked[4]


@pytest.mark.parametrize("api", ["v1", "v2"])
def test_streams_are_replaced_between_utterances_and_nothing_is_missed(api: str):
    said = [words("one two three.", (10 + 25 * number) * TENTH) for number in range(6)]

    async def main():
        config = {"google_speech_api": api}
        async with listening(feed(*said), config, limit_seconds=6.0) as (server, listener):
            listener.rotate_seconds = 0.5
            await microphone(listener, 17.0)
            return server, listener, heard(listener)

    server, listener, told = clock.run(main())
    assert failures(listener) == []
    assert len(server.sessions) >= 4
    assert spoken_in(told) == [placed(word) for one in said for word in one]
    assert [one.utterance_id for one in told if one.is_final] == [f"u{n}" for n in range(1, 7)]
    sent_twice = server.samples - 17 * 16_000
    assert 0 < sent_twice <= 2.2 * 16_000 * (len(server.sessions) - 1)


def test_who_does_not_stop_talking_is_heard_on_over_the_limit():
    async def main():
        async with listening(feed(LONG), limit_seconds=10.0) as (server, listener):
            listener.rotate_seconds, listener.longest_seconds = 0.4, 1.0
            await microphone(listener, 18.0)
            return server, listener, heard(listener)

    server, listener, told = clock.run(main())
    assert failures(listener) == []
    assert len(server.sessions) >= 3
    assert spoken_in(told) == [placed(word) for word in LONG]
    assert len([one for one in told if one.is_final]) >= 3  # an utterance told in parts
    ids = [one.utterance_id for one in told]
    assert list(dict.fromkeys(ids)) == [name for name, _ in itertools.groupby(ids)]


def test_a_limit_that_comes_unexpected_breaks_the_stream_and_no_word_is_lost():
    said = [words("one two three.", (10 + 20 * number) * TENTH) for number in range(6)]

    async def main():
        async with listening(feed(*said), limit_seconds=9.3) as (_, listener):
            await microphone(listener, 14.0)
            assert listener.trace is not None
            return heard(listener), listener.trace.of(ProviderFailed)

    told, failed = clock.run(main())
    assert [fact.kind for fact in failed] == ["BrokenStream"]
    assert "Exceeded maximum allowed stream duration" in failed[0].message
    assert spoken_in(told) == [placed(word) for one in said for word in one]


def test_a_pause_of_the_microphone_ends_a_stream_and_audio_begins_one():
    async def main():
        async with listening(patience_seconds=1.0) as (server, listener):
            listener.idle_seconds = 0.3
            await microphone(listener, 1.1)  # into the first utterance
            await clock.sleep(1.5)
            sessions = len(server.sessions)
            await microphone(listener, 4.0)
            return heard(listener), failures(listener), sessions, len(server.sessions)

    told, failed, before, after = clock.run(main())
    assert failed == []
    assert (before, after) == (1, 2)
    assert spoken_in(told) == [placed(word) for word in (*FIRST, *SECOND)]


def test_large_chunks_are_sent_in_requests_that_the_service_takes():
    async def main():
        async with listening() as (server, listener):
            for _ in range(3):
                listener.send_audio(bytes(64_000))
            await clock.sleep(0.5)
            return server.samples, failures(listener), heard(listener)

    samples, failed, told = clock.run(main())
    assert (samples, failed) == (96_000, [])
    assert spoken_in(told) == [placed(word) for word in (*FIRST, *SECOND)]


def test_speech_without_a_result_is_a_stall_and_silence_is_none():
    """The service says nothing of silence, and that it hears a voice before any words."""
    fault = Fault("stt", "stall", for_seconds=60.0)

    async def main():
        async with listening(feed(SECOND), faults=(fault,)) as (_, listener):
            listener.first_result_seconds = 0.4
            await microphone(listener, 3.0, haste=2.0)
            quiet = failures(listener)
            await microphone(listener, 2.0, haste=1.5)
            return quiet, failures(listener), heard(listener)

    quiet, failed, told = clock.run(main())
    assert quiet == []
    assert failed == ["Stalled"]
    assert spoken_in(told) == [placed(word) for word in SECOND]


def test_a_refusal_keeps_its_status_though_requests_are_under_way():
    """What is written to a call that was just refused hides why, in the SDK's own `write`."""

    async def main():
        errors = list[BaseException]()
        async with listening() as (server, _):
            access = GoogleAccess(config_at(server.url, "wrong"), "google_speech_url", "unused")
            version = VersionOne({})
            channel = access.channel(version.transport)
            client = version.client(channel)
            for _ in range(40):
                with pytest.raises(ProviderError) as failed:
                    await hurried(GoogleCall(access), client, version.audio(FRAME))
                errors.append(failed.value)
            await channel.close()
        return errors

    assert {type(error) for error in clock.run(main())} == {Rejected}


async def hurried(call: GoogleCall, client: Any, request: Any) -> None:
    """Write what there is before looking for an answer."""
    try:
        await call.open(client.streaming_recognize)
        for _ in range(4):
            await call.write(request)
        await call.read()
    finally:
        call.cancel()


def test_a_call_that_is_cancelled_under_us_is_broken_and_we_are_not():
    async def main():
        async with listening() as (server, _):
            access = GoogleAccess(config_at(server.url), "google_speech_url", "unused")
            version = VersionTwo({}, "projects/-/locations/global/recognizers/_")
            channel = access.channel(version.transport)
            call = GoogleCall(access)
            await call.open(version.client(channel).streaming_recognize)
            await call.write(version.first())
            await channel.close()
            with pytest.raises(BrokenStream):
                await call.read()
            call.cancel()

    clock.run(main())


def config_at(url: str, key: str = KEY) -> dict[str, Any]:
    return {"google_speech_url": url, "keys": {VARIABLE: Secret(key)}}


@pytest.mark.parametrize(
    ("status", "begun", "error"),
    [
        (StatusCode.UNAUTHENTICATED, False, Rejected),
        (StatusCode.PERMISSION_DENIED, False, Rejected),
        (StatusCode.INVALID_ARGUMENT, True, Rejected),
        (StatusCode.NOT_FOUND, False, Rejected),
        (StatusCode.FAILED_PRECONDITION, False, Rejected),
        (StatusCode.RESOURCE_EXHAUSTED, True, RateLimited),
        (StatusCode.UNAVAILABLE, False, ConnectFailed),
        (StatusCode.UNAVAILABLE, True, BrokenStream),
        (StatusCode.DEADLINE_EXCEEDED, True, Stalled),
        (StatusCode.OUT_OF_RANGE, True, BrokenStream),
        (StatusCode.ABORTED, True, BrokenStream),
        (StatusCode.INTERNAL, False, BrokenStream),
        (StatusCode.CANCELLED, False, BrokenStream),
    ],
)
def test_every_status_is_one_of_our_errors(
    status: StatusCode, begun: bool, error: type[ProviderError]
):
    access = GoogleAccess(config_at("http://127.0.0.1:1"), "google_speech_url", "unused")
    theirs = exceptions.from_grpc_status(status, f"said of {KEY}")
    ours = access.translated(theirs, begun=begun)
    assert type(ours) is error
    assert ours.reason.startswith(status.name)
    assert KEY not in repr(ours)


def test_credentials_that_were_revoked_are_rejected_and_waits_are_told():
    access = GoogleAccess(config_at("http://127.0.0.1:1"), "google_speech_url", "unused")
    revoked = "Getting metadata from plugin failed with error: ('invalid_grant: Bad', {})"
    theirs = exceptions.from_grpc_status(StatusCode.UNAVAILABLE, revoked)
    assert type(access.translated(theirs, begun=False)) is Rejected
    wait = RetryInfo()
    wait.retry_delay.FromMilliseconds(2500)
    busy = exceptions.from_grpc_status(StatusCode.RESOURCE_EXHAUSTED, "Quota", details=[wait])
    limited = access.translated(busy, begun=False)
    assert isinstance(limited, RateLimited)
    assert limited.retry_after_seconds == 2.5


def credentials(path: Path, project: str | None = "a-project") -> Path:
    """A file of an account of our own making."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    account = {
        "type": "service_account",
        "project_id": project,
        "private_key_id": "1",
        "private_key": pem.decode(),
        "client_email": "somebody@a-project.example",
        "token_uri": "https://127.0.0.1:1/token",
    }
    path.write_text(json.dumps({name: value for name, value in account.items() if value}))
    return path


def test_credentials_are_read_from_their_file_and_name_the_recognizer(tmp_path: Path):
    keys = {VARIABLE: Secret(str(credentials(tmp_path / "account.json")))}
    listener = GoogleTranscriber({"google_speech_api": "v2", "keys": keys})
    first: Any = listener._version.first()
    assert first.recognizer == "projects/a-project/locations/global/recognizers/_"
    assert listener._access._target == "speech.googleapis.com:443"
    place = "projects/p/locations/eu/recognizers/r"
    there = GoogleTranscriber({"google_speech_api": "v2", "google_recognizer": place, "keys": keys})
    assert there._access._target == "eu-speech.googleapis.com:443"
    voice = GoogleSynthesizer({"keys": keys})
    assert voice._access._target == "texttospeech.googleapis.com:443"
    assert voice._access.metadata == ()


@pytest.mark.parametrize("content", [None, "not JSON", "{}", '{"type": "service_account"}'])
def test_credentials_that_are_none_are_a_matter_of_settings(tmp_path: Path, content: str | None):
    path = tmp_path / "account.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError, match=VARIABLE) as failed:
        GoogleSynthesizer({"keys": {VARIABLE: Secret(str(path))}})
    assert str(path) not in str(failed.value)


def test_over_tls_a_server_that_is_none_is_a_failed_connection(tmp_path: Path):
    keys = {VARIABLE: Secret(str(credentials(tmp_path / "account.json")))}

    async def main():
        async with GoogleVoiceEmulator().serving() as server:
            url = server.url.replace("http:", "https:")
            voice = GoogleSynthesizer({"google_voice_url": url, "keys": keys})
            with pytest.raises(ConnectFailed):
                await fetched(voice, TEXT)
            await voice.terminate()

    clock.run(main())


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


def test_a_language_has_the_region_that_is_meant():
    assert [regional(one) for one in ("en", "de", "pt", "en-IN")] == [
        "en-US",
        "de-DE",
        "pt-BR",
        "en-IN",
    ]


async def sent(*requests: Any) -> AsyncIterator[Any]:
    for request in requests:
        yield request


@pytest.mark.parametrize(
    "version", [VersionOne({}), VersionTwo({}, "projects/p/locations/l/recognizers/_")]
)
def test_the_ears_serve_the_plain_sdk(version: VersionOne | VersionTwo):
    """As the vendor's own examples do it: a generator of requests, and every response."""

    async def main():
        async with GoogleSpeechEmulator(feed(FIRST)).serving() as server:
            async with aio.insecure_channel(server.url.removeprefix("http://")) as channel:
                stream = await version.client(channel).streaming_recognize(
                    requests=sent(version.first(), *[version.audio(FRAME)] * 150),
                    metadata=(("x-goog-api-key", KEY),),
                )
                told = [(one.speech_event_type.name, len(one.results)) async for one in stream]
            return told, server.gone

    told, gone = clock.run(main())
    begin, end = ("SPEECH_ACTIVITY_BEGIN", 0), ("SPEECH_ACTIVITY_END", 0)
    assert (told[0], told[-2]) == (begin, end)
    assert [number for _, number in told[1:-2]] == [1, 2, 2, 2]
    assert told[-1][1] == 1
    assert gone == []


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
