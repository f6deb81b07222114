"""Deepgram's SDK and our adapter, against the emulated service, in virtual time..

What is asked of every adapter stands in `tests/contracts/test_every_*.py`.
"""

import contextlib
import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from websockets.asyncio.client import connect

from bench import clock
from bench.audio import SAMPLE_RATE
from bench.emulators.deepgram import KEY, DeepgramEmulator
from bench.engine.transcriber import Transcription
from bench.events import ProviderFailed, Word
from bench.providers.deepgram import DeepgramTranscriber
from bench.settings import Secret
from bench.simulation.faults import Fault
from bench.simulation.truth import TruthFeed
from bench.trace import Trace
from tests.contracts.ends import nothing_left
from tests.contracts.sound import FRAME

pytestmark = pytest.mark.contract

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


@pytest.mark.parametrize(
    ("model", "name"),
    [("nova-3", "keyterm"), ("nova-3-medical", "keyterm"), ("nova-2", "keywords")],
)
def test_terms_to_listen_for_are_asked_for_as_the_model_wants_them(model: str, name: str):
    """The emulator refuses the other name, as the service does."""

    async def main():
        config = {"transcriber_model": model, "keyterms": ("Zoë", "Herr Ober")}
        async with served(config=config) as (server, listener):
            await microphone(listener, 0.1)
            return server.sessions[0][name], failures(listener)

    assert clock.run(main(), virtual=True) == ("Zoë,Herr Ober", [])


def test_after_silence_little_is_heard_again():
    """A final without words says that there were none."""

    async def main():
        async with served(faults=(Fault("stt", "disconnect", after_partial=6),)) as (server, ears):
            server.feed.say("three", [Word("Now.", 320_000, 324_000)])
            await microphone(ears, 22.0)
            return server.samples, len(server.sessions), heard(ears)[-1].message

    samples, sessions, newest = clock.run(main(), virtual=True)
    assert (sessions, newest) == (2, "Now.")
    assert samples < (22.0 + 4.0) * SAMPLE_RATE


def test_two_stalls_in_a_row_cost_no_word():
    stall = Fault("stt", "stall", after_partial=2, for_seconds=100.0)

    async def main():
        async with served(faults=(stall, stall)) as (_, listener):
            await microphone(listener, 24.0)
            finals = [one.message for one in heard(listener) if one.is_final]
            return finals, [fact.kind for fact in failures(listener)]

    finals, failed = clock.run(main(), virtual=True)
    assert failed == ["Stalled", "Stalled"]
    assert finals == ["When are you open?", "Thank you."]


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


@pytest.mark.parametrize(
    ("kind", "error", "within"),
    [
        ("http_429", "RateLimited", 0.05),
        ("connect_timeout", "ConnectFailed", 2.05),
        ("stall", "Stalled", 10.0),
    ],
)
def test_what_takes_its_time_to_go_wrong_is_noticed_in_time_and_the_words_go_on(
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


@pytest.mark.parametrize("code", ["NET-0000", "DATA-0000"])
def test_an_error_of_the_service_is_told(code: str):
    async def main():
        async with served(closes_with=(code, f"of {KEY}")) as (_, listener):
            await microphone(listener, 1.0)
            return failures(listener)

    failed, *_ = clock.run(main(), virtual=True)
    assert (failed.kind, failed.message) == ("BrokenStream", f"{code} of ***")


def test_a_slow_utterance_is_told_later_and_the_next_is_not():
    async def main():
        async with served(faults=(Fault("stt", "slow", factor=5.0),)) as (_, listener):
            at = list[float]()
            while len(at) < 2:
                await microphone(listener, 0.02)
                at += [clock.now() for one in heard(listener) if one.is_final]
            return at

    first, second = clock.run(main(), virtual=True)
    assert first == pytest.approx(1.5 + 0.3 + 5 * 0.1, abs=0.041)
    assert second == pytest.approx(3.5 + 0.3 + 0.1, abs=0.041)


def test_an_empty_frame_ends_the_stream():
    async def main():
        async with nothing_left(), DeepgramEmulator(feed()).serving() as server:
            address = f"{server.url}/v1/listen?endpointing=300"
            async with connect(address, additional_headers={"Authorization": f"Token {KEY}"}) as ws:
                for _ in range(50):
                    await ws.send(FRAME)
                await ws.send(b"")
                return [json.loads(message) async for message in ws]

    final, goodbye = clock.run(main(), virtual=True)
    assert final["channel"]["alternatives"][0]["transcript"] == "when are you"
    assert final["from_finalize"] is False
    assert (goodbye["type"], goodbye["duration"]) == ("Metadata", 1.0)


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


def test_a_refusal_is_quoted():
    async def main():
        async with served("wrong") as (_, listener):
            await microphone(listener, 0.1)
            return failures(listener)

    (failed,) = clock.run(main(), virtual=True)
    assert failed.message.startswith('status 401: {"err_code": "INVALID_AUTH"')
