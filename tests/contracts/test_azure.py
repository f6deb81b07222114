"""Azure's native SDK and our adapters, against the emulated services, on the wall clock."""

import asyncio
import contextlib
import functools
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import azure.cognitiveservices.speech as sdk
import pytest

from bench import clock
from bench.emulators import usp
from bench.emulators.azure_speech import AzureSpeechEmulator
from bench.emulators.azure_voice import AzureVoiceEmulator
from bench.emulators.hearing import scripted
from bench.engine import transcriber
from bench.engine.synthesizer import BaseMessage
from bench.engine.transcriber import Transcription
from bench.errors import BrokenStream, ConfigError, ConnectFailed, RateLimited, Rejected
from bench.events import ProviderFailed, Word
from bench.providers.azure_bridge import Events, NativeThread, Subscription, ended
from bench.providers.azure_speech import AzureTranscriber
from bench.providers.azure_voice import AzureSynthesizer
from bench.providers.spoken_words import SpokenWords
from bench.settings import Secret
from bench.simulation import tone
from bench.simulation.faults import Fault
from bench.simulation.truth import TruthFeed
from bench.trace import Trace
from tests.contracts.ends import Held, nothing_left, settled
from tests.contracts.served import FIRST, SECOND, TEXT, places, said, said_aloud, spoken
from tests.contracts.sound import FRAME, loud

pytestmark = pytest.mark.contract

ROOT = Path(__file__).parents[2]
KEYS = {"AZURE_SPEECH_KEY": Secret(usp.KEY)}


@contextlib.asynccontextmanager
async def listening(
    config: dict[str, Any] | None = None, **emulator: Any
) -> AsyncGenerator[tuple[AzureSpeechEmulator, AzureTranscriber]]:
    """An emulator and a transcriber that was started."""
    feed = said()
    async with (
        nothing_left(virtual=False, warm=False),
        AzureSpeechEmulator(feed, **emulator).serving() as server,
    ):
        listener = AzureTranscriber({"azure_url": server.url, "keys": KEYS, **(config or {})})
        listener.trace = Trace()
        feed.begins = lambda: listener.intake.begins
        listener.start()
        try:
            yield server, listener
        finally:
            await listener.terminate()


@contextlib.asynccontextmanager
async def speaking(
    config: dict[str, Any] | None = None, **emulator: Any
) -> AsyncGenerator[tuple[AzureVoiceEmulator, AzureSynthesizer]]:
    """An emulator and a voice."""
    async with (
        nothing_left(virtual=False, warm=False),
        AzureVoiceEmulator(**emulator).serving() as server,
    ):
        voice = AzureSynthesizer({"azure_url": server.url, "keys": KEYS, **(config or {})})
        try:
            yield server, voice
        finally:
            await voice.terminate()


def speak_frames(listener: AzureTranscriber, seconds: float) -> None:
    """Silence, all at once: the SDK passes on five seconds of it as fast as it can."""
    for _ in range(round(seconds / 0.02)):
        listener.send_audio(FRAME)


async def until(happened: Callable[[], object], seconds: float = 5.0) -> None:
    """Wait for something that a thread brings about."""
    async with clock.deadline(seconds):
        while not happened():
            await clock.sleep(0.005)


async def heard_until(listener: AzureTranscriber, finals: int) -> list[Transcription]:
    """What is told until there are so many finals."""
    told = list[Transcription]()
    async with clock.deadline(5.0):
        while sum(one.is_final for one in told) < finals:
            told.append(await listener.output_queue.get())
    return told


def failures(listener: AzureTranscriber) -> list[ProviderFailed]:
    assert listener.trace is not None
    return listener.trace.of(ProviderFailed)


def run(main: Any) -> Any:
    return clock.run(main())


def test_what_is_asked_of_the_recogniser():
    async def main():
        async with listening({"language": "de", "transcriber_model": "own"}) as (server, listener):
            speak_frames(listener, 0.2)
            await until(lambda: server.contexts)
            return server.sessions[0], server.contexts[0]

    query, context = run(main)
    assert query["language"] == "de-DE"
    assert query["format"] == "detailed"
    assert query["wordLevelTimestamps"] == "true"
    assert "own" in query.values()
    detection = context["phraseDetection"]
    assert detection[detection["mode"]]["segmentation"]["segmentationSilenceTimeoutMs"] == 300


def test_terms_to_listen_for_and_words_as_they_were_said():
    async def main():
        async with listening({"keyterms": ("Zoë", "Herr Ober")}) as (server, listener):
            speak_frames(listener, 1.0)
            await until(lambda: server.contexts)
            return server.contexts[0]

    context = run(main)
    terms = [item["Text"] for group in context["dgi"]["Groups"] for item in group["Items"]]
    assert terms == ["Zoë", "Herr Ober"]
    assert context["phraseDetection"]["enrichment"]["profanity"] == "raw"


def test_a_voice_that_nothing_answers_is_a_stall(monkeypatch: pytest.MonkeyPatch):
    """The SDK itself would wait for more than a minute."""
    monkeypatch.setattr(transcriber, "ANSWER_SECONDS", 0.5)

    class Deaf:
        samples, speaking_since = 0, None

        async def take(self, pcm: bytes) -> list[Any]:
            self.samples += len(pcm) // 2
            return []

        async def finish(self) -> list[Any]:
            return []

    async def main():
        async with AzureSpeechEmulator(lambda _: Deaf()).serving() as server:
            listener = AzureTranscriber({"azure_url": server.url, "keys": KEYS})
            listener.trace = Trace()
            listener.start()
            speak_frames(listener, 1.0)
            await until(lambda: server.samples)
            listener.hears_voice(16_000)
            await until(lambda: failures(listener))
            await listener.terminate()
            return failures(listener)[0]

    failed = run(main)
    assert (failed.kind, failed.message) == ("Stalled", "sent a voice, got no answer")


def test_confidence_and_displayed_words_come_with_finals():
    async def main():
        async with listening() as (_, listener):
            speak_frames(listener, 3.0)
            return await heard_until(listener, 1)

    *partials, final = run(main)
    assert [one.message for one in partials][-1] == "when are you open"
    assert not any(one.words for one in partials)
    assert (final.message, final.confidence) == ("When are you open?", 0.95)
    assert [word.text for word in final.words] == ["When", "are", "you", "open?"]


def test_the_service_may_end_a_request_and_no_word_is_lost():
    """After `turn.end` the SDK goes on under a new id, with the audio since the last phrase."""

    async def main():
        async with listening(turn_seconds=1.0) as (server, listener):
            speak_frames(listener, 2.5)
            first = await heard_until(listener, 1)
            speak_frames(listener, 3.0)
            told = first + await heard_until(listener, 1)
            return told, len(server.contexts), len(server.sessions), failures(listener)

    told, requests, connections, failed = run(main)
    finals = [one for one in told if one.is_final]
    assert [places(one.words) for one in finals] == [places(FIRST), places(SECOND)]
    assert (requests, connections, failed) == (2, 1, [])


@pytest.mark.parametrize("status", ["NoMatch", "InitialSilenceTimeout", "BabbleTimeout"])
def test_a_phrase_without_words_is_no_failure(status: str):
    async def main():
        async with listening(says_nothing=status) as (_, listener):
            speak_frames(listener, 2.5)
            told = await heard_until(listener, 1)
            await clock.sleep(0.1)
            return told, failures(listener)

    told, failed = run(main)
    assert told[-1].message == ""
    assert failed == []


def test_an_error_in_the_place_of_a_phrase_breaks_the_stream():
    async def main():
        async with listening(says_nothing="Error") as (_, listener):
            speak_frames(listener, 2.5)
            await until(lambda: failures(listener))
            return failures(listener)[0]

    failed = run(main)
    assert failed.kind == "BrokenStream"
    assert failed.message.startswith("ServiceError: ")


@pytest.mark.parametrize(
    ("code", "kind"), [(1011, "BrokenStream"), (4429, "RateLimited"), (1007, "Rejected")]
)
def test_close_codes(code: int, kind: str):
    async def main():
        async with listening(closes_with=code) as (_, listener):
            speak_frames(listener, 2.5)
            await until(lambda: failures(listener))
            return failures(listener)[0]

    failed = run(main)
    assert failed.kind == kind
    assert str(code) in failed.message


def test_a_slow_recogniser_is_late_once():
    fault = Fault("stt", "slow", factor=10.0)

    async def main():
        async with listening(faults=(fault,)) as (server, listener):
            speak_frames(listener, 2.0)  # without the fault the final would come at 1.9 s
            await until(lambda: server.samples >= 32_000)
            await clock.sleep(0.1)
            early = listener.output_queue.qsize()
            speak_frames(listener, 3.5)
            return early, await heard_until(listener, 2)

    early, told = run(main)
    assert early == 0
    assert [one.message for one in told if one.is_final] == ["When are you open?", "Thank you."]


def test_429_is_rate_limited():
    fault = Fault("stt", "http_429")

    async def main():
        async with listening(faults=(fault,)) as (_, listener):
            await until(lambda: failures(listener))
            return failures(listener)[0].kind

    assert run(main) == "RateLimited"


def test_the_services_share_an_address():
    """As they do in a region: `azure_url` is one setting for both."""

    async def main():
        ears, mouth = AzureSpeechEmulator(said()), AzureVoiceEmulator(first=lambda: 0.0)
        async with usp.serving((ears, mouth)) as url:
            assert ears.url == mouth.url == url
            config = {"azure_url": url, "keys": KEYS}
            listener, voice = AzureTranscriber(config), AzureSynthesizer(config)
            speak_frames(listener, 3.0)
            told = await heard_until(listener, 1)
            error = await said_aloud(voice, "Good.")
            await listener.terminate()
            await voice.terminate()
            return told[-1].message, error, mouth.connections

    assert run(main) == ("When are you open?", None, ["/cognitiveservices/websocket/v1"])


def test_what_is_asked_of_the_voice():
    async def main():
        async with speaking({"voice": "a-voice"}, first=lambda: 0.0) as (server, voice):
            voice.sampling_rate = 24_000
            await spoken(voice, "Yes & no.")
            await spoken(voice, "Maybe.")
            return server.requests, server.connections

    requests, connections = run(main)
    assert requests == [
        {"text": "Yes & no.", "voice": "a-voice", "rate": 24_000},
        {"text": "Maybe.", "voice": "a-voice", "rate": 24_000},
    ]
    assert connections == ["/cognitiveservices/websocket/v1"]  # which serves both


def test_after_a_stop_the_next_connection_is_opened_before_it_is_needed():
    async def main():
        async with speaking() as (server, voice):
            await voice.warm_up()
            result = await voice.create_speech(BaseMessage(TEXT), 640)
            await anext(result.chunk_generator)
            await result.chunk_generator.aclose()
            await until(lambda: server.gone)
            assert await said_aloud(voice) is None
            return len(server.connections), len(server.gone), len(server.requests)

    assert run(main) == (2, 1, 2)


def test_an_idle_connection_that_the_service_closes_is_opened_again():
    async def main():
        async with speaking(first=lambda: 0.0) as (server, voice):
            assert await said_aloud(voice, "Good.") is None
            for connection in server.open:
                await connection.close(1000, "idle")
            await clock.sleep(0.05)
            return await said_aloud(voice, "Good."), len(server.connections)

    assert run(main) == (None, 2)


def test_an_interrupt_of_a_text_that_waits_leaves_the_one_before_it_alone():
    async def main():
        async with speaking(factor=lambda: 0.3) as (server, voice):
            first = await voice.create_speech(BaseMessage(TEXT), 640)
            second = await voice.create_speech(BaseMessage("Good."), 640)
            audio = [(await anext(first.chunk_generator)).chunk]
            waiting = asyncio.ensure_future(anext(second.chunk_generator))  # noqa: TID251
            await clock.sleep(0.05)
            waiting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await waiting
            audio += [piece.chunk async for piece in first.chunk_generator]
            return b"".join(audio), server.gone, len(server.requests)

    pcm, gone, requests = run(main)
    assert pcm == tone.speak(TEXT)[0]
    assert (gone, requests) == ([], 1)


def test_a_consumer_that_lags_does_not_hold_up_the_next_text():
    async def main():
        async with speaking(first=lambda: 0.0, factor=lambda: 0.0) as (_, voice):
            first = await voice.create_speech(BaseMessage(TEXT), 640)
            await anext(first.chunk_generator)
            whole = await spoken(voice, "Good.")
            await first.chunk_generator.aclose()  # it was all made: nothing to stop
            return whole, await said_aloud(voice)

    whole, error = run(main)
    assert len(b"".join(chunk.chunk for _, chunk in whole)) == len(tone.speak("Good.")[0])
    assert error is None


@pytest.mark.parametrize(
    ("kind", "error"),
    [("http_429", RateLimited), ("http_503", ConnectFailed), ("connect_timeout", ConnectFailed)],
)
def test_a_voice_that_is_turned_away_at_the_door(kind: str, error: type[Exception]):
    async def main():
        faults = (Fault("tts", kind),)
        async with speaking(at_the_door=True, faults=faults) as (_, voice):
            began = clock.now()
            return await said_aloud(voice), clock.now() - began, await said_aloud(voice)

    failed, after, again = run(main)
    assert type(failed) is error
    assert after < 3.0
    assert again is None


def test_a_voice_that_tells_no_words_is_estimated():
    async def main():
        async with speaking(boundaries=False, first=lambda: 0.0) as (_, voice):
            result = await voice.create_speech(BaseMessage(TEXT), 640)
            audio = b"".join([piece.chunk async for piece in result.chunk_generator])
            assert result.is_estimated
            return [result.get_message_up_to(len(audio) / 32_000 * part) for part in (0, 0.5, 1)]

    nothing, half, whole = run(main)
    assert (nothing, whole) == ("", TEXT)
    assert TEXT.startswith(half)
    assert 2 <= len(half.split()) <= 6


def test_words_that_are_told_otherwise_than_they_are_written():
    spoken = SpokenWords("The 25 cars – twenty-five! – cost $1.", 100)
    told = "The twenty five cars twenty five cost one dollar".split()
    for number, word in enumerate(told):
        spoken.add(word, 10 * number, 10 * number + 9)
    spoken.hear(0.9)
    spoken.finish()
    assert spoken.complete
    assert [(word.text, word.start_sample, word.end_sample) for word in spoken.words] == [
        ("The", 0, 9),
        ("25", 10, 29),
        ("cars", 30, 39),
        ("–", 40, 40),
        ("twenty-five!", 40, 59),
        ("–", 60, 60),
        ("cost", 60, 69),
        ("$1.", 70, 89),
    ]


def test_what_a_callback_raises_is_not_lost():
    async def main():
        events = Events[int](4)
        callback = events.reading(lambda event: 10 // event)
        thread = NativeThread("a test's")
        await thread.call(functools.partial(callback, 5))
        await thread.call(functools.partial(callback, 0))
        await ended([thread.end(lambda: None)])
        assert await events.next() == 2
        with pytest.raises(BrokenStream, match="ZeroDivisionError"):
            await events.next()

    run(main)


def test_events_that_nobody_reads_are_counted_and_not_kept():
    async def main():
        events = Events[int](2)
        callback = events.reading(int)
        for number in range(5):
            callback(number)
        await clock.sleep(0)
        assert [await events.next(), await events.next()] == [0, 1]
        with pytest.raises(BrokenStream, match="3 events"):
            await events.next()

    run(main)


def test_a_thread_that_hangs_is_not_waited_for():
    async def main():
        release = asyncio.Event()
        loop = asyncio.get_running_loop()
        thread = NativeThread("a test's")
        began = clock.now()
        end = thread.end(lambda: asyncio.run_coroutine_threadsafe(release.wait(), loop).result(9))
        await ended([end])
        waited = clock.now() - began
        release.set()
        await until(end.done)
        return waited

    assert run(main) == pytest.approx(0.5, abs=0.2)


HANGS = """
import asyncio
from bench import clock
from bench.emulators import usp
from bench.emulators.azure_speech import AzureSpeechEmulator
from bench.emulators.azure_voice import AzureVoiceEmulator
from bench.providers.azure_speech import AzureTranscriber
from bench.providers.azure_voice import AzureSynthesizer
from bench.engine.synthesizer import BaseMessage
from bench.settings import Secret
from bench.simulation.faults import Fault
from tests.contracts.served import said
from tests.contracts.sound import FRAME

async def main():
    ears = AzureSpeechEmulator(said(), faults=(Fault("stt", "stall", for_seconds=600.0),))
    mouth = AzureVoiceEmulator(faults=(Fault("tts", "stall", for_seconds=600.0),))
    keys = {"AZURE_SPEECH_KEY": Secret(usp.KEY)}
    async with usp.serving((ears, mouth)) as url:
        listener = AzureTranscriber({"azure_url": url, "keys": keys})
        for _ in range(100):
            listener.send_audio(FRAME)
        voice = AzureSynthesizer({"azure_url": url, "keys": keys})
        result = await voice.create_speech(BaseMessage("Good evening."), 640)
        fetching = asyncio.ensure_future(anext(result.chunk_generator))
        async with asyncio.timeout(5):
            while not (ears.samples and mouth.requests):
                await clock.sleep(0.01)
        print("bye", flush=True)
clock.run(main())
"""


def test_a_process_ends_in_the_middle_of_everything():
    ran = subprocess.run(
        [sys.executable, "-c", HANGS],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    assert (ran.returncode, ran.stdout.strip()) == (0, "bye"), ran.stderr


LEAVES = """
import sys
from bench import clock
from bench.emulators import usp
from bench.engine.synthesizer import BaseMessage
from bench.providers.azure_speech import AzureTranscriber
from bench.providers.azure_voice import AzureSynthesizer
from bench.settings import Secret

kept = []

async def main():
    config = {"azure_url": sys.argv[1], "keys": {"AZURE_SPEECH_KEY": Secret(usp.KEY)}}
    listener, voice = AzureTranscriber(config), AzureSynthesizer(config)
    for _ in range(200):
        listener.send_audio(bytes(640))
    result = await voice.create_speech(BaseMessage("Good evening to you all. " * 40), 640)
    await anext(result.chunk_generator)
    await clock.sleep(0.1)
    kept.extend((listener, voice, result))
clock.run(main())
"""


def test_a_process_ends_while_events_come():
    """A callback into an interpreter that ends aborts the process."""

    async def main():
        feed = TruthFeed(begins=lambda: 0)
        feed.say("all", [Word("word", 160 * n, 160 * n + 120) for n in range(1, 3000)])
        ears = AzureSpeechEmulator(feed, interim=lambda: 0.0)
        quick: dict[str, Any] = {"first": lambda: 0.0, "factor": lambda: 0.02}
        mouth = AzureVoiceEmulator(piece_seconds=0.02, **quick)
        async with usp.serving((ears, mouth)) as url:
            command = (sys.executable, "-c", LEAVES, url)
            running = [await asyncio.create_subprocess_exec(*command, cwd=ROOT) for _ in range(3)]
            return [await process.wait() for process in running]

    assert run(main) == [0, 0, 0]


@pytest.mark.parametrize(
    ("config", "keys", "error"),
    [
        ({}, {"AZURE_SPEECH_KEY": "k"}, "AZURE_SPEECH_REGION"),
        ({"azure_url": "ws://127.0.0.1:1"}, {}, "AZURE_SPEECH_KEY"),
    ],
)
def test_what_is_missing_is_named(config: dict[str, str], keys: dict[str, str], error: str):
    secrets = {"OTHER": Secret("x")} | {name: Secret(text) for name, text in keys.items()}
    with pytest.raises(ConfigError, match=error):
        AzureSynthesizer({**config, "keys": secrets})


@pytest.mark.parametrize(
    ("language", "locale"),
    [("en", "en-US"), ("fr", "fr-FR"), ("pt", "pt-BR"), ("el", "el-GR"), ("de-AT", "de-AT")],
)
def test_languages_have_a_country(language: str, locale: str):
    assert (
        Subscription({"keys": KEYS, "azure_url": "ws://x", "language": language}).locale == locale
    )


@pytest.mark.parametrize("region", ["West Europe", "westeurope.example.org/", "x@example.org"])
def test_a_region_becomes_part_of_an_address_and_is_looked_at(region: str):
    keys = {**KEYS, "AZURE_SPEECH_REGION": Secret(region)}
    with pytest.raises(ConfigError, match="AZURE_SPEECH_REGION") as refused:
        AzureSynthesizer({"keys": keys})
    assert "example" not in str(refused.value)


@pytest.mark.parametrize(
    ("config", "region", "address"),
    [
        ({}, "westus", "wss://westus.tts.speech.microsoft.com/cognitiveservices/websocket/v2"),
        ({}, "chinaeast2", "wss://chinaeast2.tts.speech.azure.cn/cognitiveservices/websocket/v2"),
        ({"azure_url": "ws://x:1"}, "", "ws://x:1/cognitiveservices/websocket/v2"),
        ({"azure_url": "wss://x/tts/cognitiveservices/websocket/v1"}, "",
         "wss://x/tts/cognitiveservices/websocket/v2"),
        ({"azure_url": "wss://x/own"}, "", "wss://x/own"),
    ],
)  # fmt: skip
def test_texts_that_are_being_written_have_an_address_of_their_own(
    config: dict[str, str], region: str, address: str
):
    keys = {**KEYS, **({"AZURE_SPEECH_REGION": Secret(region)} if region else {})}
    service = Subscription({"keys": keys, **config}).service(takes_text=True)
    endpoint = sdk.PropertyId.SpeechServiceConnection_Endpoint
    assert service.get_property(endpoint) == address


@pytest.mark.parametrize("how", ["host", "endpoint", "resource"])
def test_the_emulators_serve_the_plain_sdk(how: str):
    """Each style of address that the SDK knows, one phrase and one sentence."""

    def recognised(config: sdk.SpeechConfig) -> str:
        stream = sdk.audio.PushAudioInputStream()
        recogniser = sdk.SpeechRecognizer(config, sdk.audio.AudioConfig(stream=stream))
        stream.write(loud(32_000 * 3))
        stream.close()
        return recogniser.recognize_once_async().get().text

    def spoken(config: sdk.SpeechConfig) -> bytes:
        form = sdk.SpeechSynthesisOutputFormat.Raw16Khz16BitMonoPcm
        config.set_speech_synthesis_output_format(form)
        synthesizer = sdk.SpeechSynthesizer(config, None)
        return synthesizer.speak_text_async("Good evening.").get().audio_data

    def configured(url: str, path: str) -> sdk.SpeechConfig:
        style = {
            "host": {"host": url},
            "endpoint": {"endpoint": url + path},
            "resource": {"endpoint": url.replace("ws:", "http:")},
        }[how]
        return sdk.SpeechConfig(subscription=usp.KEY, **style)

    async def main():
        feed = said()
        ears = AzureSpeechEmulator(scripted(feed, lambda: 0.1, lambda: 0.1))
        async with usp.serving((ears, AzureVoiceEmulator())) as url:
            loop, path = asyncio.get_running_loop(), "/speech/recognition/conversation/own/v1"
            text = await loop.run_in_executor(None, recognised, configured(url, path))
            path = "/tts/cognitiveservices/websocket/v1"
            return text, await loop.run_in_executor(None, spoken, configured(url, path))

    text, pcm = run(main)
    assert text == "When are you open?"
    assert pcm == tone.speak("Good evening.")[0]


def test_text_may_be_streamed_by_the_plain_sdk():
    """A preview of the vendor's."""

    def spoken(url: str) -> bytes:
        path = "/tts/cognitiveservices/websocket/v2"
        config = sdk.SpeechConfig(subscription=usp.KEY, endpoint=url + path)
        form = sdk.SpeechSynthesisOutputFormat.Raw16Khz16BitMonoPcm
        config.set_speech_synthesis_output_format(form)
        synthesizer = sdk.SpeechSynthesizer(config, None)
        kind = sdk.SpeechSynthesisRequestInputType.TextStream
        request = sdk.SpeechSynthesisRequest(input_type=kind)
        task = synthesizer.speak_async(request)
        for piece in ("Good ", "evening."):
            request.input_stream.write(piece)
        request.input_stream.close()
        return task.get().audio_data

    async def main():
        async with AzureVoiceEmulator().serving() as server:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(None, spoken, server.url), server.requests[0]["text"]

    assert run(main) == (tone.speak("Good evening.")[0], "Good evening.")


def test_threads_and_descriptors_stay_flat():
    """Twenty of each, interrupts among them; the SDK's own threads are there after the first."""

    async def session(url: str, number: int) -> None:
        config = {"azure_url": url, "keys": KEYS}
        listener, voice = AzureTranscriber(config), AzureSynthesizer(config)
        speak_frames(listener, 2.5)
        await heard_until(listener, 1)
        result = await voice.create_speech(BaseMessage("Good evening."), 640)
        await anext(result.chunk_generator)
        if number % 2:
            async for _ in result.chunk_generator:
                pass
        await result.chunk_generator.aclose()
        await listener.terminate()
        await voice.terminate()

    async def main():
        feed = said()
        ears, mouth = AzureSpeechEmulator(feed), AzureVoiceEmulator(first=lambda: 0.01)
        feed.begins = lambda: 0
        async with usp.serving((ears, mouth)) as url:
            await session(url, 0)
            await session(url, 1)
            await clock.sleep(0.3)
            before = Held.now()
            for number in range(20):
                await session(url, number)
            await settled(before, virtual=False)

    run(main)


def test_a_wrong_key_is_not_tried_again():
    async def main():
        config = {"keys": {"AZURE_SPEECH_KEY": Secret("wrong")}}
        async with listening(config) as (server, listener):
            await until(lambda: failures(listener))
            await clock.sleep(0.2)
            async with speaking(config) as (_, voice):
                error = await said_aloud(voice)
            return failures(listener), server.sessions, error

    failed, sessions, error = run(main)
    assert [fact.kind for fact in failed] == ["Rejected"]
    assert sessions == []
    assert isinstance(error, Rejected)
