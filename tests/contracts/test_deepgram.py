"""Deepgram's SDK and our adapter, against the emulated service, in virtual time."""

import contextlib
import json
import logging
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from websockets.asyncio.client import connect

from bench import clock
from bench.emulators.deepgram import KEY, DeepgramEmulator
from bench.engine.transcriber import Transcription
from bench.events import ProviderFailed, Word
from bench.providers.deepgram import DeepgramTranscriber
from bench.settings import Secret
from bench.simulation.faults import Fault
from bench.simulation.truth import TruthFeed
from bench.trace import Trace
from tests.contracts.ends import nothing_left, refused_port

pytestmark = pytest.mark.contract

FRAME = bytes(640)  # 20 ms
FIRST = (Word("When", 8000, 11_200), Word("are", 12_000, 14_400), Word("you", 14_400, 16_000),
         Word("open?", 16_000, 24_000))  # fmt: skip
SECOND = (Word("Thank", 48_000, 52_000), Word("you.", 52_000, 56_000))


def feed() -> TruthFeed:
    truth = TruthFeed()
    truth.say("one", FIRST)
    truth.say("two", SECOND)
    return truth


def listener_at(url: str, key: str = KEY, **config: Any) -> DeepgramTranscriber:
    keys = {"DEEPGRAM_API_KEY": Secret(key)}
    listener = DeepgramTranscriber({"deepgram_url": url, "keys": keys, **config})
    listener.trace = Trace()
    return listener


@contextlib.asynccontextmanager
async def served(
    key: str = KEY, config: dict[str, Any] | None = None, **emulator: Any
) -> AsyncGenerator[tuple[DeepgramEmulator, DeepgramTranscriber]]:
    """An emulator and a transcriber; afterwards nothing is left of either."""
    async with nothing_left(), DeepgramEmulator(feed(), **emulator).serving() as server:
        listener = listener_at(server.url, key, **(config or {}))
        server.feed.begins = lambda: listener.intake.begins
        listener.start()
        try:
            yield server, listener
        finally:
            began = clock.now()
            await listener.terminate()
            assert clock.now() - began <= 1.0


async def microphone(listener: DeepgramTranscriber, seconds: float) -> None:
    """Silence, frame by frame as it would be spoken: the emulator goes by its length alone."""
    for _ in range(round(seconds / 0.02)):
        await clock.sleep(0.02)
        listener.send_audio(FRAME)


def heard(listener: DeepgramTranscriber) -> list[Transcription]:
    queue = listener.output_queue
    return [queue.get_nowait() for _ in range(queue.qsize())]


def failures(listener: DeepgramTranscriber) -> list[ProviderFailed]:
    assert listener.trace is not None
    return listener.trace.of(ProviderFailed)


def test_partials_grow_and_a_final_follows_with_the_samples_of_its_words():
    async def main():
        async with served() as (server, listener):
            await microphone(listener, 5.0)
            return heard(listener), server.sessions, failures(listener)

    said, sessions, failed = clock.run(main(), virtual=True)
    assert [(one.is_final, one.message) for one in said] == [
        (False, "When"),
        (False, "When are"),
        (False, "When are you"),
        (False, "When are you open?"),
        (True, "When are you open?"),
        (False, "Thank"),
        (False, "Thank you."),
        (True, "Thank you."),
    ]
    finals = [one for one in said if one.is_final]
    spoken = [[(w.text, w.start_sample, w.end_sample) for w in one.words] for one in finals]
    assert spoken == [[(w.text, w.start_sample, w.end_sample) for w in t] for t in (FIRST, SECOND)]
    assert [one.utterance_id for one in said] == ["u1"] * 5 + ["u2"] * 3
    assert [one.ends_turn for one in finals] == [None, None]
    assert failed == []
    (session,) = sessions
    asked = {"encoding": "linear16", "sample_rate": "16000", "interim_results": "true"}
    assert asked.items() <= session.items()


def test_results_come_in_the_time_of_the_audio():
    async def main():
        async with served(interim=lambda: 0.3, final=lambda: 0.2) as (_, listener):
            instants = list[tuple[float, bool]]()
            for _ in range(125):
                await microphone(listener, 0.02)
                instants += [(round(clock.now(), 6), one.is_final) for one in heard(listener)]
            return instants

    instants = clock.run(main(), virtual=True)
    first, last = 0.7 + 0.3, 1.5 + 0.3 + 0.2
    assert instants[0] == (pytest.approx(first, abs=0.041), False)
    assert instants[-1] == (pytest.approx(last, abs=0.041), True)
    assert len(instants) == 5


def test_the_model_and_the_language_are_those_of_the_config():
    async def main():
        config = {"transcriber_model": "a-model", "language": "de"}
        async with served(config=config) as (server, listener):
            await microphone(listener, 0.1)
            return server.sessions[0]

    session = clock.run(main(), virtual=True)
    assert (session["model"], session["language"]) == ("a-model", "de")


def test_who_is_muted_still_sends_time():
    async def main():
        async with served() as (server, listener):
            listener.mute()
            for _ in range(50):
                await clock.sleep(0.02)
                listener.send_audio(b"\x01\x20" * 320)
            await clock.sleep(0.01)
            return server.samples

    assert clock.run(main(), virtual=True) == 16_000


def test_a_pause_of_the_microphone_is_bridged():
    async def main():
        async with served() as (server, listener):
            await microphone(listener, 1.0)
            await clock.sleep(25.0)
            await microphone(listener, 1.0)
            return server.controls, len(server.sessions), failures(listener)

    controls, sessions, failed = clock.run(main(), virtual=True)
    assert set(controls) == {"KeepAlive"}
    assert (sessions, failed) == (1, [])


def test_hanging_up_reaches_the_server():
    async def main():
        async with served() as (server, listener):
            await microphone(listener, 1.0)
            await listener.terminate()
            await clock.sleep(0.1)
            return server.gone

    assert clock.run(main(), virtual=True) == [1.0]


@pytest.mark.parametrize("seconds", [0.0, 0.5])
def test_a_dead_peer_is_not_waited_for(seconds: float):
    fault = Fault("stt", "stall" if seconds else "connect_timeout", for_seconds=600.0)

    async def main():
        async with served(faults=(fault,)) as (_, listener):
            await microphone(listener, 1.0 + seconds)
            began = clock.now()
            await listener.terminate()
            return clock.now() - began

    assert clock.run(main(), virtual=True) <= 1.0


@pytest.mark.parametrize(
    ("kind", "error", "within"),
    [
        ("http_429", "RateLimited", 0.05),
        ("http_503", "ConnectFailed", 0.05),
        ("connect_timeout", "ConnectFailed", 2.05),
        ("disconnect", "BrokenStream", 1.0),
        ("malformed", "BrokenStream", 1.0),
        ("stall", "Stalled", 10.0),
    ],
)
def test_what_goes_wrong_is_one_of_our_errors_and_the_words_go_on(
    kind: str, error: str, within: float
):
    fault = Fault("stt", kind, for_seconds=60.0)

    async def main():
        async with served(faults=(fault,)) as (_, listener):
            at = list[float]()
            assert listener.trace is not None
            listener.trace.start()
            listener.trace.listen(lambda entry: at.append(clock.now()))
            await microphone(listener, within + 0.1)
            failed = failures(listener)
            for _ in range(4):
                await microphone(listener, 1.0)
            return failed, at, heard(listener)

    failed, at, said = clock.run(main(), virtual=True)
    assert [fact.kind for fact in failed] == [error]
    assert failed[0].provider == "deepgram"
    assert at[0] <= within
    if kind != "stall":  # it is all over by then
        (*_, newest) = [one for one in said if one.is_final]
        assert newest.message == "Thank you."
        assert [(w.start_sample, w.end_sample) for w in newest.words] == [
            (w.start_sample, w.end_sample) for w in SECOND
        ]


@pytest.mark.parametrize(
    ("kind", "finals"),
    [
        ("no_final", ["Thank you."]),
        ("duplicate_final", ["When are you open?", "When are you open?", "Thank you."]),
        ("late_final", ["When are you open?", "Thank you."]),
        ("out_of_order", ["When are you open?", "Thank you."]),
    ],
)
def test_finals_that_are_not_as_they_should_be_are_passed_on(kind: str, finals: list[str]):
    async def main():
        async with served(faults=(Fault("stt", kind, for_seconds=1.0),)) as (_, listener):
            await microphone(listener, 5.0)
            return [one.message for one in heard(listener) if one.is_final], failures(listener)

    assert clock.run(main(), virtual=True) == (finals, [])


def test_the_wait_that_a_busy_service_asks_for_is_told():
    fault = Fault("stt", "http_429", retry_after_seconds=7.0, every=True)

    async def main():
        async with nothing_left(), DeepgramEmulator(feed(), faults=(fault,)).serving() as server:
            listener = listener_at(server.url)
            with pytest.raises(Exception, match="429") as failed:
                await listener._run_loop()
            return failed.value

    error: Any = clock.run(main(), virtual=True)
    assert (error.kind, error.retry_after_seconds) == ("RateLimited", 7.0)


def test_a_wrong_key_is_rejected_and_shown_nowhere(caplog: pytest.LogCaptureFixture):
    key = "wrong-and-secret"

    async def main():
        async with served(key) as (_, listener):
            await microphone(listener, 0.1)
            assert listener.trace is not None
            return failures(listener)[0], "".join(listener.trace.lines())

    with caplog.at_level(logging.DEBUG):
        failed, trace = clock.run(main(), virtual=True)
    assert (failed.provider, failed.kind) == ("deepgram", "Rejected")
    assert "401" in failed.message
    assert key not in caplog.text + trace


def test_nobody_there():
    async def main():
        async with nothing_left():
            listener = listener_at(f"ws://127.0.0.1:{refused_port()}")
            listener.start()
            await clock.sleep(0.3)
            await listener.terminate()
            return failures(listener)

    assert {fact.kind for fact in clock.run(main(), virtual=True)} == {"ConnectFailed"}


def test_the_emulator_serves_the_plain_protocol():
    """Finalize, UtteranceEnd, SpeechStarted and the goodbye, which our adapter does not ask for."""

    async def main():
        kinds = list[str]()
        async with nothing_left(), DeepgramEmulator(feed()).serving() as server:
            address = (
                f"{server.url}/v1/listen?endpointing=300&utterance_end_ms=1000&vad_events=true"
            )
            async with connect(address, additional_headers={"Authorization": f"Token {KEY}"}) as ws:
                for _ in range(150):
                    await ws.send(FRAME)
                await ws.send('{"type": "Finalize"}')
                await ws.send('{"type": "CloseStream"}')
                async for message in ws:
                    kinds.append(json.loads(message)["type"])
                return kinds, ws.close_code

    kinds, code = clock.run(main(), virtual=True)
    assert kinds == ["SpeechStarted", "Results", "UtteranceEnd", "Results", "Metadata"]
    assert code == 1000
