"""A text that is spoken while it is written: Azure's voices and Google's, by the wall clock."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest

from bench import clock
from bench.emulators import google_voice, usp
from bench.emulators.azure_voice import AzureVoiceEmulator
from bench.emulators.google_voice import GoogleVoiceEmulator
from bench.engine.synthesizer import SynthesisResult
from bench.engine.worker import spawn
from bench.errors import BrokenStream, ConnectFailed, ProviderError, RateLimited, Rejected
from bench.events import CutOff, FellBack
from bench.providers.azure_voice import AzureSynthesizer
from bench.providers.google_channel import VARIABLE
from bench.providers.google_voice import GoogleSynthesizer
from bench.settings import Secret
from bench.simulation import tone
from bench.simulation.faults import Fault
from tests.contracts.dictated import ANSWER, said
from tests.contracts.ends import Held, nothing_left, settled

pytestmark = pytest.mark.contract

BEGINNING = "We are open from nine in the morning, "
REST = "Mr. Smith. On Sundays we are closed."
TEXT = BEGINNING + REST
CHUNK = 640
VENDORS = ("azure", "google")


@contextlib.asynccontextmanager
async def speaking(
    vendor: str, key: str | None = None, **emulator: Any
) -> AsyncGenerator[tuple[Any, Any]]:
    """An emulator and a voice of a vendor, on the wall clock."""
    options = {"first": lambda: 0.02, "factor": lambda: 0.05, **emulator}
    server: Any = (AzureVoiceEmulator if vendor == "azure" else GoogleVoiceEmulator)(**options)
    async with nothing_left(virtual=False, warm=False), server.serving():
        if vendor == "azure":
            keys = {"AZURE_SPEECH_KEY": Secret(key or usp.KEY)}
            voice: Any = AzureSynthesizer({"azure_url": server.url, "keys": keys})
        else:
            keys = {VARIABLE: Secret(key or google_voice.KEY)}
            voice = GoogleSynthesizer({"google_voice_url": server.url, "keys": keys})
        try:
            yield server, voice
        finally:
            await voice.terminate()


class Writer:
    """A text that is written letter by letter; its rest only once something of it was heard."""

    def __init__(self) -> None:
        self.heard, self.is_left = asyncio.Event(), False

    async def texts(self) -> AsyncGenerator[str, None]:
        try:
            for letter in BEGINNING:
                yield letter
            await self.heard.wait()
            for place in range(0, len(REST), 3):
                yield REST[place : place + 3]
        finally:
            self.is_left = True


async def noticed(server: Any) -> None:
    """Wait until the server has seen the client go."""
    async with clock.deadline(5.0):
        while not server.gone:
            await clock.sleep(0.005)


async def fetched(result: SynthesisResult, writer: Writer) -> bytes:
    pcm = b""
    async for piece in result.chunk_generator:
        pcm += piece.chunk
        writer.heard.set()
    return pcm


@pytest.mark.parametrize("vendor", VENDORS)
def test_speech_begins_before_the_text_is_written(vendor: str):
    async def main():
        async with speaking(vendor) as (server, voice):
            writer = Writer()
            async with clock.deadline(10.0):
                result = await voice.create_streamed_speech(writer.texts(), CHUNK)
                return result, await fetched(result, writer), server

    result, pcm, server = clock.run(main())
    whole, words = tone.speak(TEXT)
    assert pcm == whole
    assert result.get_message_up_to(len(pcm) / 32_000) == TEXT
    assert len(server.requests) == 1
    assert result.is_estimated is (vendor == "google")
    if vendor == "azure":
        assert server.requests[0]["text"] == TEXT
        assert server.connections == ["/cognitiveservices/websocket/v2"]
        for number, (_, _, end) in enumerate(words):
            known = " ".join(word for word, _, _ in words[: number + 1])
            assert result.get_message_up_to((end + 2) / 16_000) == known
            assert result.get_message_up_to((end - 2) / 16_000) != known
    else:
        assert [text.strip() for text in server.requests[0]["texts"]] == [
            "We are open from nine in the morning,",
            "Mr. Smith.",
            "On Sundays we are closed.",
        ]


@pytest.mark.parametrize("vendor", VENDORS)
def test_who_stops_listening_is_noticed_and_the_next_text_is_whole(vendor: str):
    async def main():
        async with speaking(vendor) as (server, voice):
            writer, again = Writer(), Writer()
            result = await voice.create_streamed_speech(writer.texts(), CHUNK)
            await anext(result.chunk_generator)
            await result.chunk_generator.aclose()
            await noticed(server)
            result = await voice.create_streamed_speech(again.texts(), CHUNK)
            return writer.is_left, await fetched(result, again), len(server.gone)

    left, pcm, gone = clock.run(main())
    assert left
    assert pcm == tone.speak(TEXT)[0]
    assert gone == 1


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_voice_that_breaks_off_while_it_is_written_to_says_so(vendor: str):
    fault = Fault("tts", "disconnect", after_audio_seconds=0.5)

    async def main() -> ProviderError:
        async with speaking(vendor, faults=[fault]) as (_, voice):
            writer = Writer()
            result = await voice.create_streamed_speech(writer.texts(), CHUNK)
            with pytest.raises(ProviderError) as failed:
                await fetched(result, writer)
            assert writer.is_left
            return failed.value

    assert isinstance(clock.run(main()), BrokenStream)


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize(
    ("kind", "error"),
    [("wrong key", Rejected), ("http_429", RateLimited), ("http_503", ConnectFailed)],
)
def test_a_refusal_is_what_it_would_be_of_a_whole_text(
    vendor: str, kind: str, error: type[ProviderError]
):
    faults = [] if kind == "wrong key" else [Fault("tts", kind)]

    async def main() -> ProviderError:
        key = "another-key-for-emulators" if kind == "wrong key" else None
        async with speaking(vendor, key, faults=faults) as (_, voice):
            writer = Writer()
            result = await voice.create_streamed_speech(writer.texts(), CHUNK)
            with pytest.raises(ProviderError) as failed:
                await fetched(result, writer)
            assert writer.is_left
            if kind != "wrong key":
                again = await voice.create_streamed_speech(Writer().texts(), CHUNK)
                await anext(again.chunk_generator)
                await again.chunk_generator.aclose()
            return failed.value

    assert type(clock.run(main())) is error


@pytest.mark.parametrize("vendor", VENDORS)
def test_what_goes_wrong_with_the_text_is_told_where_it_is_heard(vendor: str):
    async def texts() -> AsyncGenerator[str, None]:
        yield "We are open. "
        raise ValueError("no more to say")

    async def main() -> str:
        async with speaking(vendor) as (_, voice):
            result = await voice.create_streamed_speech(texts(), CHUNK)
            with pytest.raises((ValueError, BrokenStream)) as failed:
                await fetched(result, Writer())
            return f"{failed.value} {failed.value.__cause__}"

    assert "no more to say" in clock.run(main())


def test_google_is_not_kept_waiting_for_text_until_it_gives_up():
    """A call without text is aborted by the service, so a pause ends it and another one goes on."""

    async def texts() -> AsyncGenerator[str, None]:
        yield BEGINNING
        await clock.sleep(0.8)
        yield REST

    async def main():
        async with speaking("google", idle_seconds=0.5) as (server, voice):
            voice.pause_seconds = 0.1
            result = await voice.create_streamed_speech(texts(), CHUNK)
            return await fetched(result, Writer()), result, server.requests

    pcm, result, requests = clock.run(main())
    assert pcm == tone.speak(TEXT)[0]
    assert len(requests) == 2
    assert result.get_message_up_to(len(pcm) / 32_000) == TEXT


def test_google_claims_no_word_that_was_given_after_the_audio_had_come():
    async def main():
        async with speaking("google") as (_, voice):
            writer, pcm = Writer(), b""
            result = await voice.create_streamed_speech(writer.texts(), CHUNK)
            async for piece in result.chunk_generator:
                pcm += piece.chunk
                if len(pcm) >= 48_000:
                    writer.heard.set()
            return [result.get_message_up_to(tenth / 10) for tenth in range(100)]

    heard = clock.run(main())
    assert heard[15] in BEGINNING
    assert heard == sorted(heard, key=len)
    assert heard[-1] == TEXT


def test_azure_waits_for_a_writer_who_pauses():
    """Its SDK gives a text up after 3 s without audio, unless told otherwise."""

    async def texts() -> AsyncGenerator[str, None]:
        yield BEGINNING
        await clock.sleep(3.5)
        yield REST

    async def main():
        async with speaking("azure") as (_, voice):
            result = await voice.create_streamed_speech(texts(), CHUNK)
            return await fetched(result, Writer())

    assert clock.run(main()) == tone.speak(TEXT)[0]


@pytest.mark.parametrize("vendor", VENDORS)
def test_nothing_is_left_of_texts_that_were_called_off(vendor: str):
    """Before the first audio and after it; a native library's own threads are there by then."""

    async def called_off(make: Callable[[], Any], number: int) -> None:
        voice = make()
        result = await voice.create_streamed_speech(Writer().texts(), CHUNK)
        fetching = spawn(result.chunk_generator.__anext__(), name="a listener")
        await clock.sleep(0.01 if number % 2 else 0.2)
        fetching.cancel()
        await asyncio.wait([fetching])
        await result.chunk_generator.aclose()
        await voice.terminate()

    async def main() -> None:
        async with speaking(vendor) as (_, voice):

            def make() -> Any:
                return type(voice)(voice.synthesizer_config)

            for number in range(3):
                await called_off(make, number)
            await clock.sleep(0.5)
            before = Held.now()
            for number in range(8):
                await called_off(make, number)
            await settled(before, virtual=False)

    clock.run(main())


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_conversation_in_which_it_is_cut_off(vendor: str):
    async def main():
        async with speaking(vendor, factor=lambda: 0.5) as (server, voice):
            talk, speaker = await said(voice, "tokens", 1.0, then_seconds=0.5)
            await noticed(server)
            if vendor == "azure":  # both of its connections were opened before the first text
                assert len(server.connections) == 3  # and one after the stop
            return talk, speaker

    talk, speaker = clock.run(main())
    (cut,) = talk.trace.of(CutOff)
    assert talk.transcript.event_logs[-1].text == cut.heard
    assert cut.estimated is (vendor == "google")
    _, words = tone.speak(ANSWER)
    sounded = len(speaker.sounded[1]) // 2
    whole = [word for word, _, end in words if end <= sounded]
    if vendor == "azure":
        assert cut.heard == " ".join(whole)
    else:
        assert abs(len(cut.heard.split()) - len(whole)) <= 2


def test_google_says_the_rest_where_azure_broke_off():
    fault = Fault("tts", "disconnect", after_audio_seconds=1.0)

    async def main():
        async with (
            speaking("azure", faults=[fault]) as (_, voice),
            speaking("google") as (second, backup),
        ):
            voice.backup = backup
            talk, _ = await said(voice, "tokens", then_seconds=9.0, answer=TEXT)
            return talk, second.requests

    talk, requests = clock.run(main())
    assert [message.text for message in talk.transcript.event_logs][1:] == [TEXT]
    assert len(talk.trace.of(FellBack)) == 1
    (asked,) = requests
    rest = "".join(asked["texts"]).strip()
    assert 0 < len(rest) < len(TEXT)
    assert TEXT.endswith(rest)
