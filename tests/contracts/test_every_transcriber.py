"""Audio in, words out and where they lie: asked of every transcriber."""

import pytest

from bench import clock
from bench.audio import SAMPLE_RATE
from bench.engine.transcriber import BaseTranscriber, Transcription
from bench.events import ProviderFailed
from tests.contracts.case import Case
from tests.contracts.each import each
from tests.contracts.ends import Held, settled
from tests.contracts.served import (
    FIRST,
    SECOND,
    SPOKEN_SECONDS,
    fault,
    heard,
    heard_in_time,
    listening,
    microphone,
    places,
    plain,
)

pytestmark = pytest.mark.contract

TEXTS = ["when are you open", "thank you"]
MIDDLE_SECONDS = 1.3  # of the first utterance


def failures(listener: BaseTranscriber) -> list[str]:
    assert listener.trace is not None
    return [fact.kind for fact in listener.trace.of(ProviderFailed)]


def all_heard(case: Case, **options: object) -> tuple[list[Transcription], list[str]]:
    """What is told of both utterances, and what failed meanwhile."""

    async def main():
        async with listening(case, **options) as (_, listener):  # pyright: ignore[reportArgumentType]
            await microphone(case, listener, SPOKEN_SECONDS)
            return await heard_in_time(case, listener, "thank you"), failures(listener)

    return case.run(main())


def finals(said: list[Transcription]) -> list[Transcription]:
    return [one for one in said if one.is_final and one.message]


def texts(said: list[Transcription]) -> list[str]:
    return [plain(one.message) for one in said]


@each("transcriber")
def test_partials_grow_and_a_final_follows(case: Case):
    said, failed = all_heard(case)
    assert failed == []
    assert texts(finals(said)) == TEXTS
    names = list(dict.fromkeys(one.utterance_id for one in said))
    assert names == ["u1", "u2"]
    for name, text in zip(names, TEXTS, strict=True):
        *partials, final = [one for one in said if one.utterance_id == name]
        assert final.is_final
        assert plain(final.message) == text
        assert partials
        assert not any(one.is_final for one in partials)
        grown = [len(one) for one in texts(partials)]
        assert grown == sorted(grown)
        assert all(text.startswith(one) for one in texts(partials))


@each("transcriber")
def test_words_carry_samples(case: Case):
    said, _ = all_heard(case)
    assert [places(one.words) for one in finals(said)] == [places(FIRST), places(SECOND)]
    confidences = [word.confidence for one in finals(said) for word in one.words]
    assert all(0.0 < each <= 1.0 for each in confidences)


@each("transcriber")
def test_partials_carry_samples(case: Case):
    said, _ = all_heard(case)
    placed = [places(one.words) for one in said if not one.is_final]
    known = [places(FIRST), places(SECOND)]
    assert placed
    assert all(any(one == words[: len(one)] for words in known) and one for one in placed)


@each("transcriber")
def test_over_a_reconnect_no_word_is_lost_and_places_stay_true(case: Case):
    said, failed = all_heard(case, faults=(fault(case, "disconnect", after_partial=2),))
    assert failed == ["BrokenStream"]
    assert texts(finals(said)) == TEXTS
    if "words_carry_samples" not in case.gaps:
        assert [places(one.words) for one in finals(said)] == [places(FIRST), places(SECOND)]


@each("transcriber")
@pytest.mark.parametrize("kind", ["http_429", "http_503", "malformed"])
def test_whatever_goes_wrong_no_word_is_lost(case: Case, kind: str):
    said, failed = all_heard(case, faults=(fault(case, kind),))
    errors = {"http_429": "RateLimited", "http_503": "ConnectFailed", "malformed": "BrokenStream"}
    assert failed == [errors[kind]]
    assert texts(finals(said)) == TEXTS


@each("transcriber")
def test_an_end_in_the_middle_of_an_utterance_is_clean(case: Case):
    async def main():
        async with listening(case) as (_, listener):
            await microphone(case, listener, MIDDLE_SECONDS)
            said = await heard_in_time(case, listener, "when", final=False)
            await listener.terminate()
            said += heard(listener)
            await clock.sleep(0.5 if case.virtual else 0.1)
            return said, heard(listener), failures(listener)

    said, later, failed = case.run(main())
    assert said
    assert (later, failed) == ([], [])


@each("transcriber")
def test_an_end_before_any_audio_is_clean(case: Case):
    async def main():
        async with listening(case) as (_, listener):
            await clock.sleep(0.0 if case.virtual else 0.2)
            await listener.terminate()
            return heard(listener), failures(listener)

    assert case.run(main()) == ([], [])


@each("transcriber")
def test_who_is_muted_is_not_heard_and_still_sends_time(case: Case):
    """Nothing is made of the first utterance, and the second one stays where it lies."""

    async def main():
        async with listening(case) as (_, listener):
            await microphone(case, listener, 0.2)
            listener.mute()
            await microphone(case, listener, MIDDLE_SECONDS)
            listener.unmute()
            await microphone(case, listener, SPOKEN_SECONDS - MIDDLE_SECONDS - 0.2)
            return await heard_in_time(case, listener, "thank you"), failures(listener)

    said, failed = case.run(main())
    assert failed == []
    assert texts(finals(said)) == [TEXTS[1]]
    assert {plain(one.message).split()[0] for one in said if one.message} == {"thank"}
    if "words_carry_samples" not in case.gaps:
        assert places(finals(said)[0].words) == places(SECOND)


@each("transcriber")
def test_hanging_up_reaches_the_server(case: Case):
    """Both ends of the connection are gone, while the server lives on."""

    async def main():
        async with listening(case) as (server, first):
            await microphone(case, first, 0.5)
            await first.terminate()
            await clock.sleep(0.1 if case.virtual else 0.5)
            before = Held.now()
            second = case.make_adapter(server.url)
            second.start()
            await microphone(case, second, MIDDLE_SECONDS)
            during = Held.now()
            await second.terminate()
            await settled(before, virtual=case.virtual)
            return before.exceeded(during)

    assert case.run(main())


@each("transcriber")
@pytest.mark.parametrize("kind", ["stall", "connect_timeout"])
def test_a_dead_peer_is_not_waited_for(case: Case, kind: str):
    """`listening` holds every hang-up to a second."""

    async def main():
        async with listening(case, faults=(fault(case, kind, for_seconds=600.0),)) as (_, listener):
            await microphone(case, listener, MIDDLE_SECONDS)

    case.run(main())


@each("transcriber")
@pytest.mark.parametrize("kind", ["no_final", "duplicate_final", "late_final", "out_of_order"])
def test_finals_that_are_not_as_they_should_be_do_no_harm(case: Case, kind: str):
    """Whatever comes of the utterance that suffers, the next one is heard as it was said."""
    said, failed = all_heard(case, faults=(fault(case, kind, for_seconds=0.5),))
    assert failed == []
    known = texts(finals(said))
    assert known[-1] == TEXTS[1]
    assert set(known) <= set(TEXTS)
    assert list(dict.fromkeys(known)) == [text for text in TEXTS if text in known]
    if kind != "no_final":
        assert TEXTS[0] in known
    if "words_carry_samples" not in case.gaps:
        assert places(finals(said)[-1].words) == places(SECOND)


@each("transcriber")
def test_results_come_while_it_is_said(case: Case):
    """The first word is known before the last has been said."""

    async def main():
        async with listening(case, interim=lambda: 0.1, final=lambda: 0.1) as (_, listener):
            sent = 0.0
            while not heard(listener) and sent < SPOKEN_SECONDS:
                await microphone(case, listener, 0.1)
                sent += 0.1
            return sent

    assert case.run(main()) < FIRST[-1].end_sample / SAMPLE_RATE
