"""Deepgram's turn-taking socket: our adapter and the plain SDK against the emulated service."""

import contextlib
import itertools
import json
import warnings
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError

from bench import clock
from bench.audio import SAMPLE_RATE
from bench.emulators.deepgram_flux import KEY, FluxEmulator
from bench.emulators.hearing import Heard
from bench.engine.transcriber import Transcription
from bench.errors import ConfigError
from bench.events import ProviderFailed, Word
from bench.providers.deepgram import DeepgramTranscriber, client_at
from bench.providers.deepgram_flux import FluxTranscriber, deepgram_transcriber
from bench.settings import Secret
from bench.simulation.faults import Fault
from bench.simulation.truth import TruthFeed
from bench.trace import Trace
from tests.contracts.ends import nothing_left
from tests.contracts.sound import FRAME

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from deepgram.listen.v2.types import ListenV2Configure, ListenV2ConfigureThresholds

pytestmark = pytest.mark.contract

# A pause in the middle of a sentence, and a second sentence after a longer one.
WORDS = (Word("I", 8000, 9600), Word("would", 9600, 12_800), Word("like", 12_800, 16_000),
         Word("a", 22_400, 24_000), Word("table.", 24_000, 30_400))  # fmt: skip
THANKS = (Word("Thank", 64_000, 68_000), Word("you.", 68_000, 72_000))
SURE_AFTER = 0.2606  # seconds after a sentence at 0.7, by the emulator's curve


def feed() -> TruthFeed:
    truth = TruthFeed()
    truth.say("one", WORDS)
    truth.say("two", THANKS)
    return truth


class Deaf:
    """Ears that never come back with anything."""

    samples = 0
    speaking_since = None

    async def take(self, pcm: bytes) -> list[Heard]:
        await clock.sleep(600.0)
        return []

    async def finish(self) -> list[Heard]:
        return []


@contextlib.asynccontextmanager
async def served(
    config: dict[str, Any] | None = None, **emulator: Any
) -> AsyncGenerator[tuple[FluxEmulator, FluxTranscriber]]:
    """An emulator and a transcriber; afterwards nothing is left of either."""
    truth = feed()
    async with nothing_left(), FluxEmulator(truth, **emulator).serving() as server:
        keys = {"DEEPGRAM_API_KEY": Secret(KEY)}
        listener = FluxTranscriber({"deepgram_url": server.url, "keys": keys, **(config or {})})
        listener.trace = Trace()
        truth.begins = lambda: listener.intake.begins
        listener.start()
        try:
            yield server, listener
        finally:
            began = clock.now()
            await listener.terminate()
            assert clock.now() - began <= 0.6


async def microphone(listener: DeepgramTranscriber, seconds: float) -> None:
    for _ in range(round(seconds / 0.02)):
        await clock.sleep(0.02)
        listener.send_audio(FRAME)


def heard(listener: DeepgramTranscriber) -> list[Transcription]:
    queue = listener.output_queue
    return [queue.get_nowait() for _ in range(queue.qsize())]


def failures(listener: DeepgramTranscriber) -> list[ProviderFailed]:
    assert listener.trace is not None
    return listener.trace.of(ProviderFailed)


@contextlib.asynccontextmanager
async def talking(server: FluxEmulator, query: str = "") -> AsyncGenerator[Any]:
    address = f"{server.url}/v2/listen?model=flux-general-en&encoding=linear16&{query}"
    async with connect(address, additional_headers={"Authorization": f"Token {KEY}"}) as socket:
        yield socket


async def messages(socket: Any, frames: int, *, then: str = '{"type": "CloseStream"}') -> list[Any]:
    for _ in range(frames):
        await socket.send(FRAME)
    await socket.send(then)
    told = list[Any]()
    with contextlib.suppress(ConnectionClosedError):
        async for message in socket:
            told.append(json.loads(message))
    return told


def test_a_turn_grows_over_its_pauses_and_its_end_is_a_final_that_ends_the_turn():
    async def main():
        async with served() as (server, listener):
            await microphone(listener, 6.0)
            return heard(listener), server.sessions, failures(listener)

    said, (session,), failed = clock.run(main(), virtual=True)
    assert failed == []
    assert [(one.is_final, one.message) for one in said] == [
        (False, "I"),
        (False, "I would"),
        (False, "I would like"),
        (False, "I would like a"),
        (False, "I would like a table."),
        (True, "I would like a table."),
        (False, "Thank"),
        (False, "Thank you."),
        (True, "Thank you."),
    ]
    assert [one.utterance_id for one in said] == ["u1"] * 6 + ["u2"] * 3
    assert {one.ends_turn for one in said if not one.is_final} == {False}
    finals = [one for one in said if one.is_final]
    assert [one.ends_turn for one in finals] == [True, True]
    placed = [[(w.text, w.start_sample, w.end_sample) for w in one.words] for one in finals]
    assert placed == [[(w.text, w.start_sample, w.end_sample) for w in t] for t in (WORDS, THANKS)]
    assert session == {
        "model": "flux-general-en",
        "encoding": "linear16",
        "sample_rate": "16000",
    }


def test_a_turn_whose_end_never_comes_is_not_the_next_one():
    async def main():
        async with served(faults=[Fault("stt", "no_final")]) as (_, listener):
            await microphone(listener, 6.0)
            return heard(listener)

    said = clock.run(main(), virtual=True)
    assert [one.is_final for one in said] == [False] * 5 + [False, False, True]
    assert [one.utterance_id for one in said] == ["u1"] * 5 + ["u2"] * 3


def test_the_end_comes_when_the_service_is_sure():
    async def main():
        async with served({"eot_threshold": 0.9}, final=lambda: 0.0) as (_, listener):
            while not any(one.is_final for one in heard(listener)):
                await microphone(listener, 0.02)
            return clock.now()

    later = 0.15 * 3.3219  # at 0.9 by the emulator's curve
    assert clock.run(main(), virtual=True) == pytest.approx(1.9 + later, abs=0.041)


def test_what_is_told_early_is_a_partial_until_the_turn_has_ended():
    config = {"eager_eot_threshold": 0.3, "eot_timeout_ms": 2000, "eot_threshold": 0.8}

    async def main():
        async with served(config) as (server, listener):
            await microphone(listener, 6.0)
            return heard(listener), server.sessions[0]

    said, session = clock.run(main(), virtual=True)
    assert session["eager_eot_threshold"] == "0.3"
    assert (session["eot_threshold"], session["eot_timeout_ms"]) == ("0.8", "2000")
    finals = [one.message for one in said if one.is_final]
    assert finals == ["I would like a table.", "Thank you."]
    assert len({one.message for one in said if not one.is_final}) == 7


def test_the_protocol_tells_events_in_the_order_of_its_state_machine():
    truth = TruthFeed()
    truth.say("one", (Word("Hello.", 8000, 16_000), *WORDS[3:]))
    truth.say("two", THANKS)

    async def main():
        async with nothing_left(), FluxEmulator(truth).serving() as server:
            async with talking(server, "eager_eot_threshold=0.4&eot_threshold=0.9") as socket:
                return await messages(socket, 250), socket.close_code

    told, code = clock.run(main(), virtual=True)
    assert code == 1005  # none
    assert [one["sequence_id"] for one in told] == list(range(len(told)))
    assert told[0]["type"] == "Connected"
    turns = [one for one in told if one["type"] == "TurnInfo"]
    changes = [one for one in turns if one["event"] != "Update"]
    assert [(one["turn_index"], one["event"]) for one in changes] == [
        (0, "StartOfTurn"),
        (0, "EagerEndOfTurn"),
        (0, "TurnResumed"),
        (0, "EagerEndOfTurn"),
        (0, "EndOfTurn"),
        (1, "StartOfTurn"),
        (1, "EagerEndOfTurn"),
        (1, "EndOfTurn"),
    ]
    assert changes[3]["transcript"] == changes[4]["transcript"]
    assert changes[4]["trigger"] == "model"
    assert "trigger" not in changes[3]
    ends = [one["audio_window_end"] for one in turns]
    assert max(later - earlier for earlier, later in itertools.pairwise(ends)) < 0.27


def test_closing_a_stream_ends_no_turn():
    async def main():
        async with nothing_left(), FluxEmulator(feed()).serving() as server:
            async with talking(server) as socket:
                return await messages(socket, 60)

    *_, last = clock.run(main(), virtual=True)
    assert (last["event"], last["transcript"]) == ("Update", "I would like")


def test_a_turn_ends_by_waiting_where_the_model_may_not_end_it():
    async def main():
        async with nothing_left(), FluxEmulator(feed()).serving() as server:
            async with talking(server, "eot_threshold=1.0&eot_timeout_ms=1500") as socket:
                told = await messages(socket, 190)
                return [one for one in told if one.get("event") == "EndOfTurn"]

    (ended,) = clock.run(main(), virtual=True)
    assert (ended["trigger"], ended["audio_window_end"]) == ("timeout", pytest.approx(3.4, abs=0.1))


def test_the_sdk_forces_the_end_of_a_turn_and_changes_its_thresholds():
    async def main():
        told = list[Any]()
        async with nothing_left(), FluxEmulator(feed()).serving() as server:
            v2 = client_at(server.url, Secret(KEY)).listen.v2
            async with v2.connect(model="flux-general-en", encoding="linear16") as socket:
                for _ in range(60):
                    await socket.send_media(FRAME)
                await socket.send_force_end_turn()
                sure = ListenV2ConfigureThresholds(eot_threshold=0.9)
                await socket.send_configure(ListenV2Configure(thresholds=sure))
                await socket.send_configure(
                    {"type": "Configure", "thresholds": {"eot_threshold": 2}}
                )
                await socket.send_close_stream()
                async for message in socket:
                    told.append(message)
            return told

    told = clock.run(main(), virtual=True)
    kinds = [one.type for one in told]
    assert kinds[0] == "Connected"
    assert kinds[-2:] == ["ConfigureSuccess", "ConfigureFailure"]
    forced = told[-3]
    assert (forced.event, forced.trigger) == ("EndOfTurn", "manual")
    assert forced.transcript == "I would like"
    assert told[-2].thresholds.eot_threshold == 0.9
    assert "0.5" in told[-1].description


def test_a_message_that_it_does_not_know_ends_the_talk():
    async def main():
        async with nothing_left(), FluxEmulator(feed()).serving() as server:
            async with talking(server) as socket:
                return await messages(socket, 1, then='{"type": "KeepAlive"}'), socket.close_code

    told, code = clock.run(main(), virtual=True)
    assert (told[-1]["type"], told[-1]["code"], code) == (
        "Error",
        "UNPARSABLE_CLIENT_MESSAGE",
        1011,
    )


@pytest.mark.parametrize("query", ["eot_threshold=0.2", "eager_eot_threshold=2"])
def test_values_out_of_range_are_refused(query: str):
    name, value = query.split("=")

    async def main():
        async with served({name: value}) as (_, listener):
            await microphone(listener, 0.2)
            return failures(listener)

    (failed,) = clock.run(main(), virtual=True)
    assert (failed.kind, "400" in failed.message) == ("Rejected", True)


def test_a_pause_of_the_microphone_is_bridged_and_moves_no_word():
    async def main():
        async with served() as (server, listener):
            await microphone(listener, 0.3)
            await clock.sleep(25.0)
            await microphone(listener, 5.0)
            return server.controls, len(server.sessions), heard(listener), failures(listener)

    controls, sessions, said, failed = clock.run(main(), virtual=True)
    assert (controls, sessions, failed) == ([], 1, [])
    shift = 6 * 320  # six times the silence that held the line, which the script does not know of
    (first, _) = [one for one in said if one.is_final]
    assert first.words[0].start_sample == WORDS[0].start_sample - shift


def test_an_error_of_the_service_is_told_with_its_code():
    async def main():
        async with served(closes_with=("INTERNAL_SERVER_ERROR", f"of {KEY}")) as (_, listener):
            await microphone(listener, 1.0)
            return failures(listener)

    failed, *_ = clock.run(main(), virtual=True)
    assert failed.kind == "BrokenStream"
    assert "INTERNAL_SERVER_ERROR" in failed.message
    assert KEY not in failed.message


def test_a_warning_changes_nothing():
    async def main():
        async with served(warns_with=("DEPRECATED_OPTION", "It will go.")) as (_, listener):
            await microphone(listener, 6.0)
            return [one.message for one in heard(listener) if one.is_final], failures(listener)

    finals = ["I would like a table.", "Thank you."]
    assert clock.run(main(), virtual=True) == (finals, [])


@pytest.mark.parametrize("kind", ["duplicate_final", "out_of_order"])
def test_a_turn_that_is_over_stays_as_it_was(kind: str):
    async def main():
        async with served(faults=(Fault("stt", kind),)) as (_, listener):
            await microphone(listener, 6.0)
            return [one.message for one in heard(listener) if one.utterance_id == "u1"][-2:]

    grown = "I would like a table."
    assert clock.run(main(), virtual=True) == [grown, grown]


def test_who_falls_silent_in_the_middle_of_a_turn_is_given_up():
    async def main():
        fault = Fault("stt", "stall", after_partial=2, for_seconds=100.0)
        async with served(faults=(fault,)) as (_, listener):
            await microphone(listener, 12.0)
            return failures(listener)

    failed, *_ = clock.run(main(), virtual=True)
    assert failed.kind == "Stalled"
    assert failed.after_seconds == pytest.approx(0.98 + 8.0 + 0.5, abs=0.05)  # and the hang-up


def test_who_never_says_how_things_stand_is_given_up_before_any_word():
    async def main():
        async with nothing_left(), FluxEmulator(lambda _: Deaf()).serving() as server:
            keys = {"DEEPGRAM_API_KEY": Secret(KEY)}
            listener = FluxTranscriber({"deepgram_url": server.url, "keys": keys})
            listener.trace = Trace()
            listener.start()
            await microphone(listener, 9.0)
            await listener.terminate()
            return failures(listener)

    (failed,) = clock.run(main(), virtual=True)
    assert failed.kind == "Stalled"
    assert failed.after_seconds == pytest.approx(8.5, abs=0.1)  # with the hang-up


def test_after_silence_little_is_heard_again():
    """Between two turns it says how much it has heard."""

    async def main():
        async with served(faults=(Fault("stt", "disconnect", after_partial=7),)) as (server, ears):
            server.feed.say("three", [Word("Now.", 320_000, 324_000)])
            await microphone(ears, 22.0)
            return server.samples, len(server.sessions), heard(ears)[-1].message

    samples, sessions, newest = clock.run(main(), virtual=True)
    assert (sessions, newest) == (2, "Now.")
    assert samples < (22.0 + 2.5) * SAMPLE_RATE


@pytest.mark.parametrize(
    ("config", "asked"),
    [
        ({"language": "en-GB"}, {"model": "flux-general-en"}),
        (
            {"transcriber_model": "flux-general-multi", "language": "de-AT"},
            {"model": "flux-general-multi", "language_hint": "de"},
        ),
        ({"keyterms": ("Tisch", "Herr Ober")}, {"keyterm": "Tisch,Herr Ober"}),
    ],
)
def test_language_and_terms_are_those_of_the_config(config: dict[str, Any], asked: dict[str, str]):
    async def main():
        async with served(config) as (server, listener):
            await microphone(listener, 0.1)
            return server.sessions[0]

    session = clock.run(main(), virtual=True)
    usual = {"model": "flux-general-en", "encoding": "linear16", "sample_rate": "16000"}
    assert session == usual | asked


def test_a_language_that_a_model_does_not_hear_is_told_at_once():
    keys = {"DEEPGRAM_API_KEY": Secret(KEY)}
    with pytest.raises(ConfigError, match="hears English alone, and language is de"):
        FluxTranscriber({"language": "de", "keys": keys})


def test_the_model_chooses_the_protocol():
    keys = {"DEEPGRAM_API_KEY": Secret(KEY)}

    def chosen(model: str | None) -> type:
        return type(deepgram_transcriber({"transcriber_model": model, "keys": keys}))

    assert chosen("flux-general-multi") is FluxTranscriber
    assert chosen("nova-3") is chosen(None) is DeepgramTranscriber


def test_warming_up_asks_nobody():
    async def main():
        async with nothing_left(), FluxEmulator(feed()).serving() as server:
            keys = {"DEEPGRAM_API_KEY": Secret(KEY)}
            for make in (FluxTranscriber, DeepgramTranscriber):
                await make({"deepgram_url": server.url, "keys": keys}).warm_up()
            return server.sessions

    assert clock.run(main(), virtual=True) == []
