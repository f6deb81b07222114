"""A recogniser knows no word before it has been said, and tells it when its profile says."""

from __future__ import annotations

from typing import Any

import pytest

from bench.engine.transcriber import Transcription
from bench.engine.words import BACKCHANNELS, has_stop_word
from bench.events import Word
from bench.simulation.context import Simulation
from bench.simulation.draws import Draws
from bench.simulation.hearing import NEVER, Hearing
from bench.simulation.mishearing import OTHERS
from bench.simulation.profiles import profile

pytestmark = pytest.mark.unit

FRAME = 320
CLEAR = {"word_error_rate": 0, "unstable_words": 0}
EXACT = CLEAR | {"ttfs_ms": 250, "first_partial_ms": 200, "partial_every_ms": 100}
HELLO = "hello there can you hear me"


def said(text: str, at: float, word_seconds: float = 0.3) -> list[Word]:
    """Words one after the other; the gap after each is a fifth of it."""
    words = list[Word]()
    for number, word in enumerate(text.split()):
        start = round((at + number * word_seconds) * 16_000)
        words.append(Word(word, start, start + round(word_seconds * 0.8 * 16_000)))
    return words


class Ear:
    """A hearing with a microphone in front of it, 20 ms a frame."""

    def __init__(
        self,
        name: str = "sim:deepgram-nova-3",
        overrides: dict[str, Any] | None = None,
        seed: int = 0,
    ) -> None:
        self.simulation = Simulation(Draws(seed))
        self.hearing = Hearing(profile(name, overrides or EXACT, role="stt"), self.simulation)
        self.told: list[tuple[float, Transcription]] = []
        self.now = 0.0

    def listen(self, until: float, *, muted: tuple[float, float] = (0.0, 0.0)) -> Ear:
        while self.now < until - 1e-9:
            silenced = muted[0] <= self.now < muted[1]
            self.now = round(self.now + 0.02, 6)
            while self.hearing.due <= self.now:
                at = max(self.hearing.due, round(self.now - 0.02, 6))
                utterance = self.hearing.next(at)
                assert utterance is not None
                self.told.append((at, self.hearing.tell(utterance, at)))
            if self.hearing.received(FRAME, muted=silenced):
                self.hearing.advance(self.now)
        return self

    def hear(self, text: str, at: float = 0.5, step: str = "a", **more: Any) -> Ear:
        words = said(text, at)
        self.simulation.feed.say(step, words, more.pop("role", "turn"), **more)
        return self

    @property
    def finals(self) -> list[tuple[float, str]]:
        return [(at, told.message) for at, told in self.told if told.is_final]

    @property
    def partials(self) -> list[tuple[float, str]]:
        return [(at, told.message) for at, told in self.told if not told.is_final]


@pytest.mark.parametrize("name", ["sim:deepgram-nova-3", "sim:azure-realtime", "sim:soniox-rt-v5"])
@pytest.mark.parametrize("seed", range(5))
def test_no_word_is_told_before_it_has_been_said(name: str, seed: int):
    ear = Ear(name, {}, seed).hear(HELLO).hear("and what now", 4.0, "b").listen(8.0)
    assert len(ear.finals) == 2
    for at, told in ear.told:
        for word in told.words:
            assert at >= word.end_sample / 16_000 + 0.02 - 1e-9
            assert not told.is_final or word.start_sample < word.end_sample


def test_the_final_comes_its_time_after_the_end_of_the_last_word():
    ear = Ear().hear(HELLO).listen(5.0)
    end = said(HELLO, 0.5)[-1].end_sample / 16_000
    assert ear.finals == [(pytest.approx(end + 0.25, abs=1e-6), HELLO)]
    (_, final), *_ = [told for told in ear.told if told[1].is_final]
    assert final.words[0].start_sample == 8000
    assert final.words[-1].end_sample == said(HELLO, 0.5)[-1].end_sample
    assert final.ends_turn is None
    assert 0.9 <= final.confidence <= 1.0


def test_partials_grow_at_their_pace_and_never_lead():
    ear = Ear().hear(HELLO).listen(5.0)
    texts = [text for _, text in ear.partials]
    assert texts == [" ".join(HELLO.split()[:n]) for n in range(1, 7)]
    for (at, _), word in zip(ear.partials, said(HELLO, 0.5), strict=True):
        assert at == pytest.approx(word.end_sample / 16_000 + 0.1, abs=1e-6)
    slow = Ear(overrides=EXACT | {"partial_every_ms": 700}).hear(HELLO).listen(5.0)
    assert [text for _, text in slow.partials] == [
        "hello",
        "hello there can",
        "hello there can you hear",
    ]


def test_an_inner_pause_makes_two_finals_and_a_short_one_does_not():
    for pause, finals in ((0.2, ["one two three"]), (0.35, ["one two", "three"])):
        ear = Ear()
        words = said("one two", 0.5)
        begins = words[-1].end_sample + round(pause * 16_000)
        ear.simulation.feed.say("a", [*words, Word("three", begins, begins + 4000)])
        assert [text for _, text in ear.listen(5.0).finals] == finals
        assert len({told.utterance_id for _, told in ear.told}) == len(finals)


def test_a_late_final_is_never_overtaken_by_what_follows():
    slow = EXACT | {"ttfs_ms": 1500}
    ear = Ear(overrides=slow).hear("one two").hear("three four", 1.6, "b").listen(6.0)
    assert [text for _, text in ear.finals] == ["one two", "three four"]
    order = [told.utterance_id for _, told in ear.told]
    assert order == sorted(order)
    assert order.count("u1") > 1 < order.count("u2")


@pytest.mark.parametrize("seed", range(12))
def test_finals_come_in_their_order_however_long_each_takes(seed: int):
    uneven = CLEAR | {"ttfs_ms": {"p50": 400, "p95": 6000}, "rho": 0}
    ear = Ear(overrides=uneven, seed=seed)
    for step, text in enumerate(("one", "two", "three", "four")):
        ear.hear(text, 0.5 + step, f"step {step}")
    ear.listen(40.0)
    assert [text for _, text in ear.finals] == ["one", "two", "three", "four"]
    ids = [told.utterance_id for _, told in ear.told]
    assert ids == sorted(ids)


def test_a_word_that_has_only_just_ended_is_not_in_the_partial_yet():
    ear = Ear(overrides=EXACT | {"partial_lag_ms": 100, "partial_every_ms": 250})
    words = said("a b c d e f", 0.5, 0.1)
    ear.simulation.feed.say("a", words)
    ear.listen(4.0)
    for at, told in ear.told:
        known = [word for word in words if word.end_sample / 16_000 + 0.1 <= at + 1e-6]
        assert told.is_final or len(told.words) == len(known)
    assert len(ear.partials) >= 2


def test_unstable_words_are_put_right():
    ear = Ear(overrides=EXACT | {"unstable_words": 1}).hear(HELLO).listen(5.0)
    assert ear.finals[0][1] == HELLO
    shown_before = 0
    for _, text in ear.partials:
        words = text.split()
        for number, (word, meant) in enumerate(zip(words, HELLO.split(), strict=False)):
            assert (word == meant) is (number < shown_before)
        shown_before = len(words)
    shown = {word.text for _, told in ear.told if not told.is_final for word in told.words}
    assert {word for _, text in ear.partials for word in text.split()} == shown


def test_a_last_word_that_was_unstable_is_corrected_before_the_final():
    slow = EXACT | {"unstable_words": 1, "ttfs_ms": 900}
    ear = Ear(overrides=slow).hear("hello there").listen(5.0)
    assert ear.partials[-1][1] == "hello there"


def test_word_errors_come_as_often_as_they_are_said():
    texts = [
        Ear(overrides=EXACT | {"word_error_rate": 0.2}, seed=seed).hear(HELLO).listen(3.0).finals
        for seed in range(60)
    ]
    right = [word in HELLO.split() for finals in texts for word in finals[0][1].split()]
    missed = 60 * 6 - len(right)
    assert missed + right.count(False) == pytest.approx(60 * 6 * 0.2, abs=25)
    assert 0 < missed < right.count(False)


def test_more_errors_hold_all_those_of_fewer():
    def wrong(rate: float, seed: int) -> set[int]:
        ear = Ear(overrides=EXACT | {"word_error_rate": rate}, seed=seed).hear(HELLO).listen(3.0)
        (final,) = [told for _, told in ear.told if told.is_final]
        understood = {word.start_sample: word.text for word in final.words}
        return {
            word.start_sample
            for word in said(HELLO, 0.5)
            if understood.get(word.start_sample) != word.text
        }

    for seed in range(20):
        assert wrong(0.1, seed) <= wrong(0.4, seed)


def test_what_words_are_mistaken_for_stops_nobody():
    assert len(set(OTHERS)) == len(OTHERS)
    assert not BACKCHANNELS.intersection(OTHERS)
    assert not any(has_stop_word(word) for word in OTHERS)
    assert not any(has_stop_word(f"{one} {two}") for one in OTHERS for two in OTHERS)


def test_what_is_muted_is_not_heard():
    ear = Ear().hear(HELLO).listen(5.0, muted=(0.0, 1.1))
    assert ear.finals[0][1] == "can you hear me"
    assert Ear().hear(HELLO).listen(5.0, muted=(0.4, 3.0)).told == []
    assert Ear().hear(HELLO).listen(5.0, muted=(0.5, 0.6)).finals[0][1] == HELLO


def test_what_is_said_aside_is_less_sure_and_noise_is_not_words():
    sure = [
        Ear(seed=seed).hear("just a second", role="side_talk").listen(3.0).told[-1][1].confidence
        for seed in range(30)
    ]
    assert max(sure) <= 0.5
    assert 5 < sum(confidence < 0.3 for confidence in sure) < 25
    assert Ear().hear("atchoo", role="noise").listen(3.0).told == []


def test_an_echo_is_heard_word_by_word_and_ends_when_it_has_been_silent():
    ear = Ear()
    for word in said("we are open", 0.5):
        ear.listen(word.end_sample / 16_000)
        ear.simulation.feed.say("", [word], "noise", own=False)
    ear.listen(4.0)
    assert ear.finals == [(pytest.approx(1.34 + 0.8, abs=0.021), "we are open")]
    assert ear.simulation.feed.step == ""


def test_who_speaks_into_the_echo_is_drawn_as_who_speaks():
    alone = Ear(overrides=CLEAR).hear("stop please", 1.0, "b").listen(4.0)
    ear = Ear(overrides=CLEAR)
    ear.simulation.feed.say("", said("we", 0.8), "noise", own=False)
    ear.hear("stop please", 1.0, "b").listen(4.0)
    assert ear.finals[0][1] == "we stop please"
    assert ear.finals[0][0] == alone.finals[0][0]


def test_a_detector_of_turns_ends_them_and_mostly_waits_in_pauses():
    flux = {**CLEAR, "ttfs_ms": 260}
    finals = list[list[tuple[float, str]]]()
    for seed in range(40):
        ear = Ear("sim:deepgram-flux-en", flux, seed)
        words = [*said("one two", 0.5), *said("three four", 1.8)]
        ear.simulation.feed.say("a", words)
        finals.append(ear.listen(5.0).finals)
        assert all(told.ends_turn for _, told in ear.told if told.is_final)
    whole = sum(len(told) == 1 for told in finals)
    assert 28 <= whole < 40
    assert all(" ".join(text for _, text in told) == "one two three four" for told in finals)


def test_another_provider_mishears_the_same_words():
    def wrong(name: str) -> list[str]:
        overrides = {"word_error_rate": 0.3, "unstable_words": 0}
        return [
            Ear(name, overrides, seed).hear(HELLO).listen(5.0).finals[0][1] for seed in range(10)
        ]

    assert wrong("sim:deepgram-nova-3") == wrong("sim:azure-realtime")


def test_a_step_put_in_between_changes_nothing_of_the_others():
    one = Ear(overrides={}).hear(HELLO, 0.5, "a").hear(HELLO, 8.0, "c").listen(12.0)
    two = Ear(overrides={}).hear(HELLO, 0.5, "a")
    two.listen(4.0).hear("and this", 4.0, "b").hear(HELLO, 8.0, "c").listen(12.0)
    assert [each for each in two.told if not 4.0 < each[0] < 8.0] != one.told  # ids differ
    told = [(at, said.message) for at, said in two.told if not 4.0 < at < 8.0]
    assert told == [(at, said.message) for at, said in one.told]


def test_words_that_are_known_late_are_told_at_once():
    ear = Ear().listen(3.0).hear("too late", 1.0).listen(4.0)
    assert [text for _, text in ear.finals] == ["too late"]


def test_nothing_is_due_while_nobody_speaks():
    assert Ear().listen(1.0).hearing.due == NEVER
