"""Google's recognition through its SDK and our adapter, against the emulator, by the wall clock.

What is asked of every adapter stands in `tests/contracts/test_every_*.py`.
"""

import contextlib
import itertools
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from bench import clock
from bench.emulators.google_speech import KEY, GoogleSpeechEmulator
from bench.engine import transcriber
from bench.engine.transcriber import Transcription
from bench.events import ProviderFailed, Word
from bench.providers.google_channel import VARIABLE
from bench.providers.google_speech import GoogleTranscriber
from bench.settings import Secret
from bench.simulation.faults import Fault
from bench.simulation.truth import TruthFeed
from bench.trace import Trace
from tests.contracts.ends import nothing_left
from tests.contracts.sound import FRAME, loud

pytestmark = pytest.mark.contract

FRAME_SECONDS = 0.02
HASTE = 5.0  # times real time
AT = "projects/-/locations"
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
            ("v2", "long", "en-US", f"{AT}/global/recognizers/_", True, True),
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
            ("v2", "chirp_2", "en-US", f"{AT}/us-central1/recognizers/_", True, False),
        ),
        (
            {"google_speech_api": "v2", "transcriber_model": "chirp_3"},
            ("v2", "chirp_3", "en-US", f"{AT}/us/recognizers/_", False, False),
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
def test_terms_to_listen_for_are_asked_for(api: str):
    async def main():
        config = {"google_speech_api": api, "keyterms": ("Zoë", "Herr Ober")}
        async with listening(config=config) as (server, listener):
            await microphone(listener, 0.3)
            return server.sessions[0]["terms"]

    assert clock.run(main()) == ("Zoë", "Herr Ober")


def test_a_voice_that_nothing_answers_is_a_stall(monkeypatch: pytest.MonkeyPatch):
    """The service is silent of silence; whoever heard the voice is the conversation's detector."""
    monkeypatch.setattr(transcriber, "ANSWER_SECONDS", 0.5)

    async def main():
        async with listening(feed(words("late", 320_000))) as (_, listener):
            await microphone(listener, 1.0)
            quiet = failures(listener)
            listener.hears_voice(16_000)
            await microphone(listener, 1.5, haste=1.0)
            return quiet, failures(listener)

    assert clock.run(main()) == ([], ["Stalled"])


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
                listener.send_audio(loud(64_000))
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


def test_a_line_that_was_cut_is_noticed_while_audio_is_sent():
    async def main():
        async with listening() as (server, listener):
            listener._access.dead_seconds = 0.5
            await microphone(listener, 1.0)
            server.freeze()
            for _ in range(40):
                listener.send_audio(bytes(64_000))  # more than sockets hold
                await clock.sleep(0.05)
            began = clock.now()
            await listener.terminate()
            return failures(listener), clock.now() - began

    failed, seconds = clock.run(main())
    assert failed[:1] == ["BrokenStream"]
    assert seconds <= 1.0
