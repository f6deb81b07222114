"""AssemblyAI's SDK and our adapter, against the emulated service."""

import contextlib
import json
import logging
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from assemblyai.streaming.v3 import (
    AsyncRealTimeTranscriber,
    RealTimeEvents,
    RealTimeParameters,
    RealTimeSessionParameters,
    RealTimeTranscriberOptions,
    async_client,
)
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError

from bench import clock
from bench.emulators.assemblyai import ERRORS, KEY, AssemblyAIEmulator
from bench.engine.transcriber import Transcription
from bench.errors import ConfigError
from bench.events import ProviderFailed, Word
from bench.providers import assemblyai_session
from bench.providers.assemblyai import AssemblyAITranscriber
from bench.providers.connections import tls
from bench.providers.paced_frames import PacedFrames
from bench.settings import Secret
from bench.simulation.faults import Fault
from bench.simulation.truth import TruthFeed
from bench.trace import Trace
from tests.contracts.ends import nothing_left
from tests.contracts.sound import FRAME, loud

pytestmark = pytest.mark.contract

LEAST = loud(1600)  # 50 ms
# A pause in the middle of a sentence, and a second sentence after a longer one.
WORDS = (Word("I", 8000, 9600), Word("would", 9600, 12_800), Word("like", 12_800, 16_000),
         Word("a", 20_800, 22_400), Word("table.", 22_400, 28_800))  # fmt: skip
THANKS = (Word("Thank", 64_000, 68_000), Word("you.", 68_000, 72_000))


def feed() -> TruthFeed:
    truth = TruthFeed()
    truth.say("one", WORDS)
    truth.say("two", THANKS)
    return truth


def listener_at(url: str, **config: Any) -> AssemblyAITranscriber:
    keys = {"ASSEMBLYAI_API_KEY": Secret(KEY)}
    listener = AssemblyAITranscriber({"assemblyai_url": url, "keys": keys, **config})
    listener.trace = Trace()
    return listener


@contextlib.asynccontextmanager
async def served(
    config: dict[str, Any] | None = None, **emulator: Any
) -> AsyncGenerator[tuple[AssemblyAIEmulator, AssemblyAITranscriber]]:
    """An emulator and a transcriber; afterwards nothing is left of either."""
    truth = feed()
    async with nothing_left(), AssemblyAIEmulator(truth, **emulator).serving() as server:
        listener = listener_at(server.url, **(config or {}))
        truth.begins = lambda: listener.intake.begins
        listener.start()
        try:
            yield server, listener
        finally:
            began = clock.now()
            await listener.terminate()
            assert clock.now() - began <= 0.5


async def microphone(listener: AssemblyAITranscriber, seconds: float) -> None:
    for _ in range(round(seconds / 0.02)):
        await clock.sleep(0.02)
        listener.send_audio(FRAME)


def heard(listener: AssemblyAITranscriber) -> list[Transcription]:
    queue = listener.output_queue
    return [queue.get_nowait() for _ in range(queue.qsize())]


def failures(listener: AssemblyAITranscriber) -> list[ProviderFailed]:
    assert listener.trace is not None
    return listener.trace.of(ProviderFailed)


async def plain_talk(server: AssemblyAIEmulator, *frames: bytes | str, query: str = "") -> Any:
    """What a client is told that sends these frames, each when it is due, and the code at last."""
    address = f"{server.url}/v3/ws?sample_rate=16000&{query}"
    told = list[Any]()
    async with connect(address, additional_headers={"Authorization": KEY}) as socket:
        with contextlib.suppress(ConnectionClosedError):
            for frame in frames:
                if isinstance(frame, bytes):
                    await clock.sleep(len(frame) / 32_000)
                await socket.send(frame)
            async for message in socket:
                told.append(json.loads(message))
        return told, socket.close_code


def test_a_line_that_takes_no_more_audio_breaks_the_stream(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(assemblyai_session, "MOST_QUEUED_FRAMES", -1)

    async def main():
        async with served() as (_, listener):
            await microphone(listener, 0.5)
            return failures(listener)

    (failed, *_) = clock.run(main(), virtual=True)
    assert (failed.kind, failed.provider) == ("BrokenStream", "assemblyai")


def test_a_turn_grows_over_its_pauses_and_its_end_is_a_final_that_ends_the_turn():
    async def main():
        async with served() as (server, listener):
            await microphone(listener, 6.0)
            return heard(listener), server.sessions, failures(listener)

    said, (session,), failed = clock.run(main(), virtual=True)
    assert failed == []
    assert [(one.is_final, one.message) for one in said] == [
        (False, "i"),
        (False, "i would"),
        (False, "i would like"),
        (False, "i would like a"),
        (False, "i would like a table"),
        (True, "i would like a table"),
        (False, "thank"),
        (False, "thank you"),
        (True, "thank you"),
    ]
    assert [one.utterance_id for one in said] == ["u1"] * 6 + ["u2"] * 3
    assert [one.ends_turn for one in said if one.is_final] == [True, True]
    assert {one.ends_turn for one in said if not one.is_final} == {None}
    assert session == {
        "sample_rate": "16000",
        "speech_model": "universal-streaming-english",
        "session_heartbeat": "True",
    }


def test_who_allows_long_pauses_keeps_the_turn_open_through_them():
    async def main():
        async with served({"max_turn_silence": 3000}) as (_, listener):
            await microphone(listener, 3.0)
            return heard(listener)

    *partials, final = clock.run(main(), virtual=True)
    assert {one.ends_turn for one in partials} == {False}
    assert final.ends_turn


def test_a_turn_whose_end_never_comes_is_not_the_next_one():
    async def main():
        async with served(faults=[Fault("stt", "no_final")]) as (_, listener):
            await microphone(listener, 6.0)
            return heard(listener)

    said = clock.run(main(), virtual=True)
    assert [one.is_final for one in said] == [False] * 5 + [False, False, True]
    assert [one.utterance_id for one in said] == ["u1"] * 5 + ["u2"] * 3


def test_frames_hold_fifty_milliseconds_whatever_the_microphone_gives():
    async def main():
        async with served() as (server, listener):
            for size in (32, 640, 64_000, 1600, 6400):
                listener.send_audio(bytes(size))
                await clock.sleep(size / 32_000)
            await clock.sleep(2.0)
            return server.lengths, failures(listener)

    lengths, failed = clock.run(main(), virtual=True)
    total = (32 + 640 + 64_000 + 1600 + 6400) // 2
    assert (set(lengths), sum(lengths), failed) == ({800}, total - total % 800, [])


def test_audio_that_is_sent_again_keeps_to_the_pace():
    """All since the beginning is heard once more."""

    async def main():
        finals, begun = list[float](), 0.0
        async with served(faults=(Fault("stt", "disconnect", after_partial=4),)) as (server, ears):
            while clock.now() < 12.0:
                await microphone(ears, 0.02)
                finals += [clock.now() for one in heard(ears) if one.is_final]
                begun = begun or (clock.now() if len(server.sessions) == 2 else 0.0)
            return finals, begun, [fact.kind for fact in failures(ears)], sum(server.lengths)

    (first, second), begun, failed, sent = clock.run(main(), virtual=True)
    assert failed == ["BrokenStream"]
    assert first == pytest.approx(begun + (1.8 + 0.4 - 0.2) / 4.0, abs=0.06)
    assert second == pytest.approx(4.5 + 0.4, abs=0.06)  # it has caught up
    assert sent == pytest.approx((begun + 12.0) * 16_000, abs=1600)


def test_paced_frames_hold_back_what_is_too_early():
    async def main():
        frames = PacedFrames(800, pace=1.25, burst=1600)
        frames.add(bytes(16_000))  # half a second
        at = list[float]()
        for _ in range(1000):
            while frames.next():
                at.append(round(clock.now(), 3))
            if (wait := frames.wait_seconds()) is None:
                break
            await clock.sleep(wait)
        return at

    due = [0.0, 0.0, 0.04, 0.08, 0.12, 0.16, 0.2, 0.24, 0.28, 0.32]
    assert clock.run(main(), virtual=True) == pytest.approx(due, abs=0.005)


def test_the_service_formats_what_has_ended_and_one_final_is_told():
    async def main():
        async with nothing_left(), AssemblyAIEmulator(feed()).serving() as server:
            frames = [LEAST] * 60
            return await plain_talk(server, *frames, '{"type": "Terminate"}',
                                    query="format_turns=True")  # fmt: skip

    told, code = clock.run(main(), virtual=True)
    assert (told[0]["type"], told[-1]["type"], code) == ("Begin", "Termination", 1000)
    ends = [one for one in told if one.get("end_of_turn")]
    assert [(one["turn_order"], one["turn_is_formatted"], one["transcript"]) for one in ends] == [
        (0, False, "i would like a table"),
        (0, True, "I would like a table."),
    ]
    partials = [one for one in told if one["type"] == "Turn" and not one["end_of_turn"]]
    assert partials[1]["transcript"] == "i"
    assert [word["text"] for word in partials[1]["words"]] == ["i", "would"]
    assert [word["word_is_final"] for word in partials[1]["words"]] == [True, False]
    assert told[1] == {"type": "SpeechStarted", "timestamp": 500}


def test_a_model_that_formats_by_itself_ends_with_the_formatted_text():
    async def main():
        async with served({"transcriber_model": "universal-3-5-pro"}) as (_, listener):
            await microphone(listener, 6.0)
            return [one.message for one in heard(listener) if one.is_final]

    finals = clock.run(main(), virtual=True)
    assert finals == ["I would like a table.", "Thank you."]


def test_what_ends_a_turn_is_in_the_config():
    config = {"min_turn_silence": 100, "end_of_turn_confidence_threshold": 0.6, "language": "en",
              "max_turn_silence": 300}  # fmt: skip

    async def main():
        async with served(config) as (server, listener):
            await microphone(listener, 6.0)
            return [one.message for one in heard(listener) if one.is_final], server.sessions[0]

    finals, session = clock.run(main(), virtual=True)
    assert finals == ["i would like", "a table", "thank you"]
    assert (session["min_turn_silence"], session["max_turn_silence"]) == ("100", "300")
    assert "language_codes" not in session


@pytest.mark.parametrize(
    ("config", "asked"),
    [
        ({}, ("universal-streaming-english", None)),
        ({"language": "en-GB"}, ("universal-streaming-english", None)),
        ({"language": "de"}, ("universal-streaming-multilingual", None)),
        ({"language": "nl-BE"}, ("whisper-rt", None)),
        (
            {"language": "nl-BE", "transcriber_model": "universal-3-5-pro"},
            ("universal-3-5-pro", '["nl"]'),
        ),
    ],
)
def test_without_a_model_the_language_chooses_one(
    config: dict[str, Any], asked: tuple[str, str | None]
):
    async def main():
        async with served(config) as (server, listener):
            await microphone(listener, 0.1)
            return server.sessions[0]

    session = clock.run(main(), virtual=True)
    assert (session["speech_model"], session.get("language_codes")) == asked


def test_terms_to_listen_for_are_asked_for():
    async def main():
        async with served({"keyterms": ("Zoë", "Herr Ober")}) as (server, listener):
            await microphone(listener, 0.1)
            return json.loads(server.sessions[0]["keyterms_prompt"])

    assert clock.run(main(), virtual=True) == ["Zoë", "Herr Ober"]


def test_a_language_that_a_model_does_not_hear_is_told_at_once():
    model = "universal-streaming-english"
    with pytest.raises(ConfigError, match="hears English alone, and language is de"):
        listener_at("ws://127.0.0.1:1", transcriber_model=model, language="de")


def test_after_silence_little_is_heard_again():
    """A heartbeat between two turns says how much was heard."""

    async def main():
        async with served(faults=(Fault("stt", "disconnect", after_partial=7),)) as (server, ears):
            server.feed.say("three", [Word("Now.", 320_000, 324_000)])
            await microphone(ears, 24.0)
            return sum(server.lengths), len(server.sessions), heard(ears)[-1].message

    samples, sessions, newest = clock.run(main(), virtual=True)
    assert (sessions, newest) == (2, "now")
    assert samples < (24.0 + 6.0) * 16_000


def test_a_reader_that_lags_holds_the_service_up_and_loses_nothing(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(assemblyai_session, "EVENTS_QUEUE_SIZE", 2)

    async def main():
        async with nothing_left(), AssemblyAIEmulator(feed()).serving() as server:
            session = assemblyai_session.AssemblyAISession(server.url, Secret(KEY))
            await session.connect(RealTimeParameters(sample_rate=16_000))
            for _ in range(120):
                await clock.sleep(0.05)
                await session.stream(LEAST)
            told = list[str]()
            while "thank you" not in told:
                event = await session.next_event()
                told += [event.transcript] if event.type == "Turn" else []
            await session.hang_up()
            return told

    assert clock.run(main(), virtual=True) == [
        "", "i", "i would", "i would like", "i would like a", "i would like a table",
        "", "thank", "thank you",
    ]  # fmt: skip


def test_a_model_that_there_is_not_is_told_at_once():
    with pytest.raises(ConfigError, match="a-model"):
        listener_at("ws://127.0.0.1:1", transcriber_model="a-model")


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (4001, "Rejected"),
        (4002, "Rejected"),
        (4101, "Rejected"),
        (3006, "Rejected"),
        (3009, "RateLimited"),
        (4029, "RateLimited"),
        (4102, "RateLimited"),
        (1013, "ConnectFailed"),
        (3005, "BrokenStream"),
        (3007, "BrokenStream"),
        (3008, "BrokenStream"),
        (4031, "BrokenStream"),
    ],
)
def test_the_codes_of_the_service_are_our_errors(code: int, kind: str):
    async def main():
        async with served(closes_with=code) as (_, listener):
            await microphone(listener, 0.9)
            return failures(listener)

    failed, *_ = clock.run(main(), virtual=True)
    assert (failed.kind, failed.message.count(str(code)) > 0) == (kind, True)


def test_a_silent_microphone_is_no_stall_and_a_pause_of_it_is_bridged():
    async def main():
        async with served() as (server, listener):
            await microphone(listener, 0.3)
            await clock.sleep(25.0)
            await microphone(listener, 30.0)
            return set(server.controls), len(server.sessions), failures(listener)

    assert clock.run(main(), virtual=True) == ({"KeepAlive"}, 1, [])


def test_a_service_without_heartbeats_may_be_silent_between_turns_and_not_in_them():
    async def main(*faults: Fault):
        async with served(beats=False, faults=faults) as (_, listener):
            await microphone(listener, 30.0)
            return [fact.kind for fact in failures(listener)][:1]

    assert clock.run(main(), virtual=True) == []
    stall = Fault("stt", "stall", after_partial=2, for_seconds=100.0)
    assert clock.run(main(stall), virtual=True) == ["Stalled"]


def test_who_beats_no_more_is_given_up():
    """No word was said: it is the heartbeat that does not come."""

    class Deaf:
        samples = 0
        speaking_since = None

        async def take(self, pcm: bytes) -> list[Any]:
            self.samples += len(pcm) // 2
            if self.samples > 80_000:
                await clock.sleep(600.0)
            return []

        async def finish(self) -> list[Any]:
            return []

    async def main():
        async with nothing_left():
            async with AssemblyAIEmulator(lambda _: Deaf()).serving() as server:
                listener = listener_at(server.url)
                listener.start()
                await microphone(listener, 15.0)
                await listener.terminate()
                return failures(listener)

    (failed,) = clock.run(main(), virtual=True)
    assert (failed.kind, 11.0 <= failed.after_seconds <= 11.1) == ("Stalled", True)


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (bytes(1598), 3007),
        (bytes(32_002), 3007),
        ('{"type": "Sing"}', 3006),
        ("not JSON", 3006),
        ('{"type": "UpdateConfiguration", "max_turn_silence": "long"}', 3006),
    ],
)
def test_the_emulator_refuses_what_the_service_refuses(frame: bytes | str, code: int):
    async def main():
        async with nothing_left(), AssemblyAIEmulator(feed()).serving() as server:
            return await plain_talk(server, LEAST, frame)

    told, closed = clock.run(main(), virtual=True)
    assert told[-1] == {"type": "Error", "error_code": code, "error": ERRORS[code]}
    assert closed == code


def test_the_emulator_refuses_who_is_minutes_ahead_and_who_is_idle():
    second = bytes(32_000)

    async def main():
        async with nothing_left(), AssemblyAIEmulator(feed()).serving() as server:
            idle = await plain_talk(server, LEAST, query="inactivity_timeout=5")
            at = clock.now()
            address = f"{server.url}/v3/ws?sample_rate=16000"
            async with connect(address, additional_headers={"Authorization": KEY}) as socket:
                with contextlib.suppress(ConnectionClosedError):
                    for _ in range(310):
                        await socket.send(second)
                    async for _ in socket:
                        pass
                return idle[1], at, socket.close_code, sum(server.lengths[1:])

    idle, at, hasty, taken = clock.run(main(), virtual=True)
    assert (idle, hasty, taken) == (4031, 3007, 301 * 16_000)
    assert at == pytest.approx(5.05, abs=0.01)


def test_the_sdk_ends_a_turn_by_hand_and_changes_what_ends_one():
    async def main():
        told, errors = list[Any](), list[Any]()
        async with nothing_left(), AssemblyAIEmulator(feed()).serving() as server:
            client = AsyncRealTimeTranscriber(
                RealTimeTranscriberOptions(api_host=server.url, api_key=KEY)
            )
            client.on(RealTimeEvents.Error, lambda _, error: errors.append(error))
            client.on(RealTimeEvents.Turn, lambda _, turn: told.append(turn))
            await client.connect(RealTimeParameters(sample_rate=16_000, format_turns=False))
            for _ in range(24):
                await clock.sleep(0.05)
                await client.stream(LEAST)
            await client.force_endpoint()
            await client.set_params(
                RealTimeSessionParameters(max_turn_silence=1, format_turns=True)
            )
            for _ in range(24):
                await clock.sleep(0.05)
                await client.stream(LEAST)
            await client.keep_alive()
            await client.disconnect(terminate=True)
            return told, errors, server.controls

    told, errors, controls = clock.run(main(), virtual=True)
    assert errors == []
    ends = [(one.transcript, one.turn_is_formatted) for one in told if one.end_of_turn]
    assert ends[:2] == [("i would like", False), ("a table", False)]
    assert controls == ["ForceEndpoint", "UpdateConfiguration", "KeepAlive", "Terminate"]


def test_what_the_service_quotes_is_not_logged(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    async def main():
        async with served(closes_with=3005) as (_, listener):
            await microphone(listener, 0.9)
            return failures(listener)[0].message

    monkeypatch.setitem(ERRORS, 3005, f"Server error for {KEY}")
    with caplog.at_level(logging.DEBUG):
        message = clock.run(main(), virtual=True)
    assert message.startswith("code 3005: Server error for ***")
    assert not [one for one in caplog.records if one.levelno >= logging.INFO and KEY in one.message]


def test_a_peer_that_is_dead_is_waited_for_half_a_second_at_most():
    """`served` measures how long the hang-up takes."""

    async def main():
        async with served(faults=(Fault("stt", "stall", for_seconds=100.0),)) as (_, listener):
            await microphone(listener, 1.2)

    clock.run(main(), virtual=True)


def test_hanging_up_says_goodbye():
    async def main():
        async with served() as (server, listener):
            await microphone(listener, 1.0)
            await listener.terminate()
            return server.controls, server.gone, server.goodbyes, clock.now()

    controls, gone, goodbyes, at = clock.run(main(), virtual=True)
    assert (controls, gone) == (["Terminate"], [])
    assert goodbyes == [pytest.approx(1.0, abs=0.02)]
    assert at <= 1.05


def test_sessions_share_the_one_tls_context():
    session, other = (
        async_client.websocket_connect_async("wss://there", {"Authorization": KEY})
        for _ in range(2)
    )
    assert session.create_connection_kwargs["ssl"] is other.create_connection_kwargs["ssl"] is tls()
    plain = async_client.websocket_connect_async("ws://there", {"Authorization": KEY})
    assert plain.create_connection_kwargs["ssl"] is None


def test_warming_up_asks_nobody():
    async def main():
        async with nothing_left(), AssemblyAIEmulator(feed()).serving() as server:
            await listener_at(server.url).warm_up()
            return server.sessions

    assert clock.run(main(), virtual=True) == []
