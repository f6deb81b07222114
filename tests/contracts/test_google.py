"""Google Cloud's channels, statuses and credentials, which both of its roles share."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.api_core import exceptions
from google.rpc.error_details_pb2 import RetryInfo
from grpc import StatusCode, aio

from bench import clock
from bench.emulators.google_speech import KEY, GoogleSpeechEmulator
from bench.engine.synthesizer import BaseMessage
from bench.errors import (
    BrokenStream,
    ConfigError,
    ConnectFailed,
    ProviderError,
    RateLimited,
    Rejected,
    Stalled,
)
from bench.events import Word
from bench.providers.google_channel import VARIABLE, GoogleAccess, GoogleCall, regional
from bench.providers.google_results import VersionOne, VersionTwo
from bench.providers.google_speech import GoogleTranscriber
from bench.providers.google_voice import GoogleSynthesizer
from bench.settings import Secret
from bench.simulation.truth import TruthFeed
from tests.contracts.ends import nothing_left
from tests.contracts.sound import FRAME

pytestmark = pytest.mark.contract

WORDS = (("When", 8000, 11_200), ("are", 12_800, 14_400), ("you", 14_400, 16_000),
         ("open?", 16_000, 24_000))  # fmt: skip


def test_a_refusal_keeps_its_status_though_requests_are_under_way():
    """What is written to a call that was just refused hides why, in the SDK's own `write`."""

    async def main():
        errors = list[BaseException]()
        async with (
            nothing_left(virtual=False, warm=False),
            GoogleSpeechEmulator(TruthFeed()).serving() as server,
        ):
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
        async with (
            nothing_left(virtual=False, warm=False),
            GoogleSpeechEmulator(TruthFeed()).serving() as server,
        ):
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


def test_an_account_of_its_own_needs_no_token_from_elsewhere(tmp_path: Path):
    keys = {VARIABLE: Secret(str(credentials(tmp_path / "account.json")))}
    account: Any = GoogleSynthesizer({"keys": keys})._access._credentials

    def nobody(*args: Any, **options: Any) -> Any:
        raise AssertionError(f"asked {args}")

    account.refresh(nobody)
    assert account.valid


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
        async with GoogleSpeechEmulator(TruthFeed()).serving() as server:
            url = server.url.replace("http:", "https:")
            voice = GoogleSynthesizer({"google_voice_url": url, "keys": keys})
            result = await voice.create_speech(BaseMessage("Yes."), 640)
            with pytest.raises(ConnectFailed):
                await anext(result.chunk_generator)
            await voice.terminate()

    clock.run(main())


def test_a_language_has_the_region_that_is_meant():
    languages = ("en", "de", "pt", "ar", "zh", "en-IN")
    wanted = ["en-US", "de-DE", "pt-BR", "ar-EG", "cmn-CN", "en-IN"]
    assert [regional(language) for language in languages] == wanted


async def sent(*requests: Any) -> AsyncIterator[Any]:
    for request in requests:
        yield request


@pytest.mark.parametrize(
    "version", [VersionOne({}), VersionTwo({}, "projects/p/locations/l/recognizers/_")]
)
def test_the_ears_serve_the_plain_sdk(version: VersionOne | VersionTwo):
    """As the vendor's own examples do it: a generator of requests, and every response."""

    truth = TruthFeed()
    truth.say("one", [Word(word, *place) for word, *place in WORDS])

    async def main():
        async with GoogleSpeechEmulator(truth).serving() as server:
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
