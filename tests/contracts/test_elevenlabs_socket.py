"""Our adapter for ElevenLabs' socket of many contexts, against the emulated service.

What is asked of every adapter stands in `tests/contracts/test_every_*.py`.
"""

import asyncio
import base64
import contextlib
import hashlib
import json
import logging
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from bench import clock
from bench.audio import resample
from bench.emulators.elevenlabs_socket import KEY, ElevenLabsSocketEmulator
from bench.engine.synthesizer import BaseMessage, ChunkResult, Speech, SynthesisResult
from bench.engine.worker import spawn
from bench.errors import BrokenStream, ConnectFailed, ProviderError, RateLimited, Rejected, Stalled
from bench.providers.elevenlabs import ElevenLabsSynthesizer, create_synthesizer
from bench.providers.elevenlabs_socket import ElevenLabsSocketSynthesizer
from bench.settings import Secret
from bench.simulation import tone
from bench.simulation.faults import Fault
from tests.contracts.ends import nothing_left

pytestmark = pytest.mark.contract

TEXT = "Yes, we are open from nine to five."
OTHER = "Would you like to book a table for tonight?"
CHUNK = 640  # 20 ms
HANDSHAKE = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # of RFC 6455
Chunks = list[tuple[float, ChunkResult]]


def voice_at(url: str, key: str = KEY, **config: Any) -> ElevenLabsSocketSynthesizer:
    keys = {"ELEVENLABS_API_KEY": Secret(key)}
    return ElevenLabsSocketSynthesizer({"elevenlabs_url": url, "keys": keys, **config})


@contextlib.asynccontextmanager
async def served(
    key: str = KEY, config: dict[str, Any] | None = None, **emulator: Any
) -> AsyncGenerator[tuple[ElevenLabsSocketEmulator, ElevenLabsSocketSynthesizer]]:
    """An emulator and a voice; afterwards nothing is left of either."""
    async with nothing_left(), ElevenLabsSocketEmulator(**emulator).serving() as server:
        voice = voice_at(server.url, key, **(config or {}))
        try:
            yield server, voice
        finally:
            began = clock.now()
            await voice.terminate()
            assert clock.now() - began <= 1.0


async def fetched(result: SynthesisResult) -> Chunks:
    """The chunks, each with its instant."""
    return [(clock.now(), chunk) async for chunk in result.chunk_generator]


async def spoken(
    voice: ElevenLabsSocketSynthesizer, text: str = TEXT
) -> tuple[SynthesisResult, Chunks]:
    result = await voice.create_speech(BaseMessage(text), CHUNK)
    return result, await fetched(result)


def pcm_of(chunks: Chunks) -> bytes:
    return b"".join(chunk.chunk for _, chunk in chunks)


def test_speech_without_its_characters_is_whole_and_its_words_an_estimate():
    async def main():
        async with served(aligns=False) as (_, voice):
            return await spoken(voice)

    result, chunks = clock.run(main(), virtual=True)
    pcm, _ = tone.speak(TEXT)
    assert pcm_of(chunks) == pcm
    assert result.is_estimated
    assert result.get_message_up_to(len(pcm) / 32_000) == TEXT


def test_audio_and_word_times_are_those_that_were_sent():
    async def main():
        async with served() as (server, voice):
            return *await spoken(voice), server

    result, chunks, server = clock.run(main(), virtual=True)
    pcm, words = tone.speak(TEXT)
    assert pcm_of(chunks) == pcm
    assert [chunk.is_last_chunk for _, chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    for number, (_, _, end) in enumerate(words):  # times are whole milliseconds
        heard = " ".join(word for word, _, _ in words[: number + 1])
        assert result.get_message_up_to(end / 16_000 + 0.001) == heard
        assert result.get_message_up_to(end / 16_000 - 0.001) != heard
    assert server.requests[0]["text"].strip() == TEXT
    assert server.gone == []


def test_one_connection_serves_sentence_after_sentence():
    async def main():
        async with served() as (server, voice):
            await voice.warm_up()
            for _ in range(12):  # more than there may be contexts
                _, chunks = await spoken(voice)
                assert pcm_of(chunks) == tone.speak(TEXT)[0]
            return server.sessions, [request["context_id"] for request in server.requests]

    sessions, contexts = clock.run(main(), virtual=True)
    assert len(sessions) == 1
    assert len(set(contexts)) == 12


def test_sentences_are_spoken_at_the_same_time():
    """And none waits for one that nobody reads."""

    async def main():
        async with served() as (server, voice):
            unread = await voice.create_speech(BaseMessage(TEXT), CHUNK)
            await anext(unread.chunk_generator)
            both = [await voice.create_speech(BaseMessage(text), CHUNK) for text in (TEXT, OTHER)]
            chunks = await asyncio.gather(*map(fetched, both))
            at = clock.now()
            rest = await fetched(unread)
            return chunks, at, rest, both, len(server.sessions)

    chunks, at, rest, both, sessions = clock.run(main(), virtual=True)
    assert [pcm_of(each) for each in chunks] == [tone.speak(text)[0] for text in (TEXT, OTHER)]
    assert [result.get_message_up_to(60.0) for result in both] == [TEXT, OTHER]
    seconds = len(tone.speak(OTHER)[0]) / 32_000
    assert at == pytest.approx(0.15 + 0.15 + 0.2 * seconds, abs=0.1)  # of the longer one alone
    assert rest[-1][1].is_last_chunk
    assert sessions == 1


def test_a_text_is_spoken_while_it_is_written():
    text = f"{TEXT} {OTHER} {TEXT} {OTHER}"

    async def written() -> AsyncGenerator[str, None]:
        for number, word in enumerate(text.split(" ")):
            await clock.sleep(0.1)
            yield word if not number else f" {word}"

    async def main():
        async with served() as (server, voice):
            result = await voice.create_streamed_speech(written(), CHUNK)
            return result, await fetched(result), server

    result, chunks, server = clock.run(main(), virtual=True)
    assert pcm_of(chunks) == tone.speak(text)[0]
    assert chunks[0][0] < 2.0 < 0.1 * len(text.split())  # the text is written for longer
    assert server.requests[0]["text"] == text
    seconds = len(pcm_of(chunks)) / 32_000
    assert result.get_message_up_to(seconds) == text
    half = result.get_message_up_to(seconds / 2)
    assert text.startswith(half)
    assert abs(len(half) / len(text) - 0.5) < 0.1
    assert server.gone == []


def test_a_text_that_is_no_longer_wanted_is_not_written_on():
    closed = list[float]()

    async def written() -> AsyncGenerator[str, None]:
        try:
            while True:
                yield "open "
                await clock.sleep(0.05)
        finally:
            closed.append(clock.now())

    async def main():
        async with served() as (server, voice):
            result = await voice.create_streamed_speech(written(), CHUNK)
            await anext(result.chunk_generator)
            at = clock.now()
            await result.chunk_generator.aclose()
            await clock.sleep(3.0)
            texts = len(server.requests[0]["text"])
            _, chunks = await spoken(voice)  # on the same connection
            return at, server.gone, texts, len(server.sessions), pcm_of(chunks)

    at, gone, texts, sessions, pcm = clock.run(main(), virtual=True)
    assert gone == closed == [at]
    assert texts <= (at / 0.05 + 2) * len("open ")
    assert (sessions, pcm) == (1, tone.speak(TEXT)[0])


def test_a_text_is_written_for_nobody_when_no_line_opens():
    closed = list[float]()

    async def written() -> AsyncGenerator[str, None]:
        try:
            yield "open "
            await clock.sleep(60.0)
        finally:
            closed.append(clock.now())

    async def main():
        async with served("wrong") as (_, voice):
            texts = written()
            await anext(texts)
            result = await voice.create_streamed_speech(texts, CHUNK)
            with pytest.raises(Rejected):
                await fetched(result)
            return clock.now()

    assert closed == [clock.run(main(), virtual=True)]


def test_who_hangs_up_while_it_connects_has_no_line():
    async def main():
        async with served() as (server, voice):
            connecting = spawn(voice.warm_up(), name="connecting")
            await clock.sleep(0.0)
            await voice.terminate()
            with pytest.raises(ConnectFailed, match="hung up"):
                await connecting
            await clock.sleep(0.0)
            assert voice._line is None
            await spoken(voice)  # who asks again has another
            return len(server.sessions)

    assert clock.run(main(), virtual=True) == 2


def test_an_error_of_the_writer_is_told_where_it_is_spoken():
    async def written() -> AsyncGenerator[str, None]:
        yield "We are "
        raise Stalled("openai", "no token in time")

    async def main():
        async with served() as (server, voice):
            result = await voice.create_streamed_speech(written(), CHUNK)
            with pytest.raises(Stalled, match="openai"):
                await fetched(result)
            await spoken(voice)
            return len(server.sessions)

    assert clock.run(main(), virtual=True) == 1


@pytest.mark.parametrize("text", ["", " ", "…", "—"])
def test_nothing_to_say_takes_no_time(text: str):
    async def main():
        async with served() as (_, voice):
            _, chunks = await spoken(voice, text)
            return clock.now(), chunks

    at, chunks = clock.run(main(), virtual=True)
    assert at < 0.5
    assert chunks[-1][1].is_last_chunk


@pytest.mark.parametrize("rate", [8000, 24_000, 48_000])
def test_other_rates_are_asked_for_or_made(rate: int):
    async def main():
        async with served() as (server, voice):
            await voice.warm_up()  # at the usual rate
            voice.sampling_rate = rate
            result, chunks = await spoken(voice)
            return result, pcm_of(chunks), server.sessions

    result, pcm, sessions = clock.run(main(), virtual=True)
    native = tone.speak(TEXT, rate)[0] if rate <= 24_000 else None
    assert abs(len(pcm) - len(native or resample(tone.speak(TEXT)[0], 16_000, rate))) <= 4
    assert native in (None, pcm)
    assert result.get_message_up_to(len(pcm) / (2 * rate)) == TEXT
    assert len(sessions) == (2 if native else 1)


def test_voice_model_and_language_are_those_of_the_config():
    async def main():
        config = {"voice": "a-voice", "voice_model": "a-model", "language": "en"}
        async with served(config=config) as (server, voice):
            await spoken(voice)
            return voice.voice, server.sessions[0]

    named, query = clock.run(main(), virtual=True)
    assert named == "a-voice"
    assert (query["model_id"], query["language_code"]) == ("a-model", "en")


@pytest.mark.parametrize("stops", [False, True])
@pytest.mark.parametrize("seconds", [0.05, 0.3])
def test_an_interrupt_reaches_the_server_and_costs_no_connection(seconds: float, stops: bool):
    async def main():
        async with served(stops=stops) as (server, voice):
            speech = Speech(16_000, CHUNK, first_seconds=8.0, stall_seconds=3.0)
            await speech.add(TEXT, await voice.create_speech(BaseMessage(TEXT), CHUNK))
            await clock.sleep(seconds)
            await speech.close()
            gone = list(server.gone)
            result, chunks = await spoken(voice, OTHER)
            return gone, pcm_of(chunks), len(server.sessions), result

    gone, pcm, sessions, result = clock.run(main(), virtual=True)
    assert gone == [seconds]
    assert sessions == 1
    assert result.get_message_up_to(60.0) == OTHER
    whole = tone.speak(OTHER)[0]
    assert whole.startswith(pcm)
    assert not any(whole[len(pcm) :])  # silence, where the service says no more once it is told to
    assert stops or pcm == whole


def test_an_interrupt_while_it_connects_leaves_nothing():
    fault = Fault("tts", "connect_timeout")

    async def main():
        async with served(faults=(fault,)) as (_, voice):
            speech = Speech(16_000, CHUNK, first_seconds=8.0, stall_seconds=3.0)
            await speech.add(TEXT, await voice.create_speech(BaseMessage(TEXT), CHUNK))
            await clock.sleep(0.5)
            await speech.close()
            _, chunks = await spoken(voice)
            return clock.now(), pcm_of(chunks)

    at, pcm = clock.run(main(), virtual=True)
    assert at < 2.0
    assert pcm == tone.speak(TEXT)[0]


def test_an_interrupt_leaves_other_sentences_alone():
    async def main():
        async with served() as (server, voice):
            first, second = [
                await voice.create_speech(BaseMessage(text), CHUNK) for text in (TEXT, OTHER)
            ]
            await anext(first.chunk_generator)
            await anext(second.chunk_generator)
            await first.chunk_generator.aclose()
            return await fetched(second), len(server.gone)

    chunks, gone = clock.run(main(), virtual=True)
    assert len(pcm_of(chunks)) == len(tone.speak(OTHER)[0]) - CHUNK
    assert gone == 1


def test_many_interrupts_at_once_leave_a_line_for_the_next_sentence():
    """The service keeps what was called off for long, and has five contexts in all."""

    async def main():
        async with served(first=lambda: 5.0) as (server, voice):
            for _ in range(9):
                result = await voice.create_speech(BaseMessage(TEXT), CHUNK)
                task = asyncio.get_running_loop().create_task(fetched(result))
                await clock.sleep(0.02)
                task.cancel()
                await asyncio.wait([task])
            _, chunks = await spoken(voice)
            return clock.now(), len(server.sessions), pcm_of(chunks)

    at, sessions, pcm = clock.run(main(), virtual=True)
    assert at < 9 * 0.02 + 6.0
    assert sessions == 3
    assert pcm == tone.speak(TEXT)[0]


def test_a_line_between_turns_is_kept_open():
    async def main():
        async with served() as (server, voice):
            await spoken(voice)
            await clock.sleep(300.0)
            await spoken(voice)
            return len(server.sessions), len(server.requests)

    assert clock.run(main(), virtual=True) == (1, 2)


def test_a_line_that_broke_is_opened_anew():
    async def main():
        async with served(inactivity_seconds=10.0) as (server, voice):  # sooner than we write
            await spoken(voice)
            await clock.sleep(60.0)
            _, chunks = await spoken(voice)
            return len(server.sessions), pcm_of(chunks)

    assert clock.run(main(), virtual=True) == (2, tone.speak(TEXT)[0])


@pytest.mark.parametrize(
    ("kind", "error", "within"),
    [
        ("http_429", RateLimited, 0.1),
        ("http_503", ConnectFailed, 0.1),
        ("connect_timeout", ConnectFailed, 2.0),
        ("disconnect", BrokenStream, 1.0),
        ("malformed", BrokenStream, 1.0),
        ("empty_audio", BrokenStream, 2.5),
    ],
)
@pytest.mark.parametrize("late", [False, True])
def test_what_goes_wrong_is_one_of_our_errors(
    kind: str, error: type[ProviderError], within: float, late: bool
):
    """In the first sentence, whose connection is made for it, and in a later one."""
    after = 0.5 if kind in ("disconnect", "malformed") else None
    turn = 2 if late else None
    fault = Fault("tts", kind, turn=turn, after_audio_seconds=after, retry_after_seconds=7.0)
    turns = [1]

    async def main():
        async with served(faults=(fault,), turn=lambda: turns[0]) as (_, voice):
            if late:
                await spoken(voice)
                turns[0] = 2
            began = clock.now()
            with pytest.raises(ProviderError) as failed:
                await spoken(voice)
            took = clock.now() - began
            _, chunks = await spoken(voice)  # the next one is well again
            return failed.value, took, pcm_of(chunks)

    failed, took, pcm = clock.run(main(), virtual=True)
    silent = late and kind == "connect_timeout"  # the connection is there, and mute
    assert type(failed) is (Stalled if silent else error)
    assert failed.provider == "elevenlabs"
    assert took <= (8.3 if silent else within)
    assert pcm == tone.speak(TEXT)[0]
    if isinstance(failed, RateLimited) and not late:  # a message has no such field
        assert failed.retry_after_seconds == 7.0


@pytest.mark.parametrize(
    ("code", "reason", "error"),
    [
        (1008, "quota_exceeded: This request exceeds your quota.", Rejected),
        (1008, "rate_limit_exceeded", RateLimited),
        (1008, "", ConnectFailed),
        (1011, "internal error", ConnectFailed),
        (1000, "", ConnectFailed),
    ],
)
def test_a_close_before_any_audio_goes_by_its_reason(
    code: int, reason: str, error: type[ProviderError]
):
    async def main():
        async with served(closes_with=(code, reason)) as (_, voice):
            with pytest.raises(error, match=reason[:5] or str(code)) as failed:
                await spoken(voice)
            return failed.value, clock.now()

    failed, at = clock.run(main(), virtual=True)
    assert type(failed) is error
    assert at < 0.1


def test_a_break_is_told_to_every_sentence_under_way():
    fault = Fault("tts", "disconnect", after_audio_seconds=1.0)

    async def main():
        async with served(faults=(fault,)) as (_, voice):
            results = [await voice.create_speech(BaseMessage(TEXT), CHUNK) for _ in range(3)]
            told = await asyncio.gather(*map(fetched, results), return_exceptions=True)
            return told, clock.now()

    told, at = clock.run(main(), virtual=True)
    assert [type(error) for error in told] == [BrokenStream] * 3
    assert at < 1.0


def test_silence_in_the_middle_is_a_stall_of_that_sentence_alone():
    fault = Fault("tts", "stall", after_audio_seconds=0.5, for_seconds=60.0)

    async def main():
        async with served(faults=(fault,)) as (server, voice):
            speech = Speech(16_000, CHUNK, first_seconds=8.0, stall_seconds=3.0)
            await speech.add(
                TEXT, await voice.create_speech(BaseMessage(TEXT), CHUNK), voice.provider
            )
            await clock.sleep(0.5)
            _, chunks = await spoken(voice, OTHER)
            other = clock.now()
            await speech.end()
            return speech.parts[0].error, clock.now(), other, pcm_of(chunks), len(server.sessions)

    error, at, other, pcm, sessions = clock.run(main(), virtual=True)
    assert isinstance(error, Stalled)
    assert error.provider == "elevenlabs"
    assert other < 2.0 < at < 4.0
    assert (pcm, sessions) == (tone.speak(OTHER)[0], 1)


@pytest.mark.parametrize("shakes_hands", [False, True])
def test_a_peer_that_is_dead_holds_nobody_up(shakes_hands: bool):
    """Not while connecting, and not once there is a text under way that is called off."""

    async def main():
        async with nothing_left():
            held = asyncio.Event()

            async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                if shakes_hands:
                    writer.write(accepted(await reader.readuntil(b"\r\n\r\n")))
                await held.wait()
                writer.close()

            async with await asyncio.start_server(mute, "127.0.0.1", 0) as server:
                voice = voice_at(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
                speech = Speech(16_000, CHUNK, first_seconds=8.0, stall_seconds=3.0)
                await speech.add(TEXT, await voice.create_speech(BaseMessage(TEXT), CHUNK))
                await clock.sleep(3.0)
                error = speech.parts[0].error
                await speech.close()
                closed = clock.now()
                await voice.terminate()
                held.set()
                return error, closed, clock.now()

    error, closed, ended = clock.run(main(), virtual=True)
    assert (type(error) is ConnectFailed) is not shakes_hands
    assert closed == 3.0
    assert ended - closed <= 0.5


def accepted(request: bytes) -> bytes:
    """The answer to a handshake."""
    (key,) = [
        line.split(b": ")[1]
        for line in request.split(b"\r\n")
        if line.lower().startswith(b"sec-websocket-key")
    ]
    token = base64.b64encode(hashlib.sha1(key + HANDSHAKE).digest())
    head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    return head + b"Sec-WebSocket-Accept: " + token + b"\r\n\r\n"


def test_a_wrong_key_is_rejected_and_none_is_shown(caplog: pytest.LogCaptureFixture):
    key = "wrong-and-secret"

    async def main():
        async with served(key) as (_, voice):
            with pytest.raises(Rejected, match="401") as failed:
                await voice.warm_up()
            return failed.value

    with caplog.at_level(logging.DEBUG):
        error = clock.run(main(), virtual=True)
    assert key not in caplog.text + repr(error) + str(error)


def test_the_setting_chooses_the_transport():
    keys = {"ELEVENLABS_API_KEY": Secret(KEY)}
    socket = create_synthesizer({"keys": keys, "elevenlabs_transport": "socket"})
    assert isinstance(socket, ElevenLabsSocketSynthesizer)
    for config in ({}, {"elevenlabs_transport": "http"}):
        assert isinstance(create_synthesizer({"keys": keys, **config}), ElevenLabsSynthesizer)


def test_the_emulator_serves_the_plain_protocol():
    """What other clients do: a text flushed and closed at once, and six contexts, one too many."""

    async def main():
        async with nothing_left(), ElevenLabsSocketEmulator().serving() as server:
            address = f"ws{server.url[4:]}/v1/text-to-speech/v/multi-stream-input"
            headers = {"xi-api-key": KEY}
            pcm, kinds = b"", list[str]()
            query = "output_format=pcm_16000&model_id=m"
            async with connect(f"{address}?{query}", additional_headers=headers) as socket:
                for message in (
                    {"text": " ", "context_id": "a"},
                    {"text": "first turn ", "context_id": "a", "flush": True},
                    {"context_id": "a", "close_context": True},
                ):
                    await socket.send(json.dumps(message))
                while not (message := json.loads(await socket.recv())).get("isFinal"):
                    pcm += base64.b64decode(message["audio"])
                for number in range(6):
                    await socket.send(json.dumps({"text": " ", "context_id": str(number)}))
                kinds.append(json.loads(await socket.recv())["error"])
                with pytest.raises(ConnectionClosed) as closed:
                    await socket.recv()
            return pcm, kinds, closed.value.rcvd

    pcm, kinds, closed = clock.run(main(), virtual=True)
    assert pcm == tone.speak("first turn ")[0]
    assert kinds == ["max_active_conversations"]
    assert closed is not None
    assert closed.code == 1008
