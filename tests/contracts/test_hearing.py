"""A script's words in the length of audio: what emulators hear, utterance by utterance and turn by
turn."""

import asyncio
import itertools

import pytest

from bench.emulators.hearing import Ears, EarsMaker, Heard, ears_of, samples_of, scripted, sureness
from bench.emulators.turns import TurnHeard, Turns, confidence_after, silence_for
from bench.events import Word
from bench.simulation.truth import Said, TruthFeed
from tests.contracts.sound import FRAME, loud

pytestmark = pytest.mark.unit

PAUSE = 4800  # 0.3 s
HELLO = (Word("Good", 8000, 11_200), Word("evening.", 11_200, 16_000))
TABLE = (Word("A", 32_000, 33_600), Word("table,", 33_600, 40_000), Word("please.", 42_000, 48_000))

Told = list[tuple[float, str, bool]]  # seconds, words, whether they are final


def feed() -> TruthFeed:
    truth = TruthFeed()
    truth.say("one", HELLO)
    truth.say("two", TABLE)
    return truth


def maker(truth: TruthFeed | None = None, interim: float = 0.1, final: float = 0.2) -> EarsMaker:
    return scripted(truth or feed(), lambda: interim, lambda: final)


async def listened(ears: Ears, seconds: float, pcm: bytes = FRAME) -> Told:
    """What is told of so much audio, frame by frame."""
    told: Told = []
    for _ in range(round(seconds * 32_000 / len(pcm))):
        told += [_noted(ears, one) for one in await ears.take(pcm)]
    return told


def _noted(ears: Ears, heard: Heard) -> tuple[float, str, bool]:
    return ears.samples / 16_000, " ".join(word.text for word in heard.words), heard.is_final


def test_partials_grow_and_a_pause_ends_an_utterance():
    assert asyncio.run(listened(maker()(PAUSE), 4.0)) == [
        (0.8, "Good", False),
        (1.1, "Good evening.", False),
        (1.5, "Good evening.", True),
        (2.2, "A", False),
        (2.6, "A table,", False),
        (3.1, "A table, please.", False),
        (3.5, "A table, please.", True),
    ]


def test_a_shorter_pause_cuts_more_often():
    told = asyncio.run(listened(maker()(1600), 4.0))
    assert [text for _, text, final in told if final] == ["Good evening.", "A table,", "please."]


def test_a_delay_is_drawn_for_each_utterance_when_it_begins():
    drawn = itertools.count(1)
    ears = scripted(feed(), lambda: 0.0, lambda: next(drawn) / 10)(PAUSE)
    told = asyncio.run(listened(ears, 4.0))
    assert [at for at, _, final in told if final] == [1.4, 3.5]


def test_without_a_pause_only_the_end_makes_words_final():
    async def main():
        ears = maker()(None)
        told = await listened(ears, 2.5)
        finals = await ears.finish()
        return told, finals, await ears.finish(), await listened(ears, 1.5)

    told, finals, again, later = asyncio.run(main())
    assert not any(final for _, _, final in told)
    assert finals == [Heard((*HELLO, *TABLE[:2]), is_final=True)]  # what was said by then
    assert again == []
    assert [text for _, text, _ in later] == ["please."]


def test_the_end_of_the_stream_ends_every_utterance_of_it():
    async def main():
        ears = maker(final=9.0)(PAUSE)
        await listened(ears, 4.0, loud(128_000))
        return await ears.finish()

    assert [one.words for one in asyncio.run(main())] == [HELLO, TABLE]


def test_it_tells_since_when_somebody_speaks():
    async def main():
        ears = maker()(PAUSE)
        seen = list[int | None]()
        for _ in range(100):
            await ears.take(FRAME)
            seen.append(ears.speaking_since)
        return [since for since, _ in itertools.groupby(seen)]

    assert asyncio.run(main()) == [None, 8000, None]


SOFT = b"\x40\0" * 320  # 20 ms at -54 dBFS


async def heard_of(truth: TruthFeed, *sounds: tuple[float, bytes]) -> list[tuple[str, bool]]:
    """What is told of stretches of seconds, each of one frame over and over."""
    ears = maker(truth)(PAUSE)
    told: Told = []
    for seconds, frame in sounds:
        told += await listened(ears, seconds, frame)
    return [(text, final) for _, text, final in told]


@pytest.mark.parametrize("quiet", [bytes(640), SOFT])
def test_no_word_is_heard_where_there_is_no_sound(quiet: bytes):
    assert asyncio.run(heard_of(feed(), (4.0, quiet))) == []
    told = asyncio.run(heard_of(feed(), (1.5, quiet), (2.5, FRAME)))
    assert told[0] == ("A", False)
    assert told[-1] == ("A table, please.", True)


def test_half_a_word_is_enough():
    """ "Good" lies from 0.5 to 0.7 s."""
    told = asyncio.run(heard_of(feed(), (0.6, FRAME), (1.4, bytes(640))))
    assert told == [("Good", False), ("Good", True)]
    assert asyncio.run(heard_of(feed(), (0.58, FRAME), (1.42, bytes(640)))) == []
    assert asyncio.run(heard_of(feed(), (0.6, bytes(640)), (1.4, FRAME)))[-1] == (
        "Good evening.",
        True,
    )


def test_who_was_cut_off_before_a_word_was_heard_has_not_spoken():
    async def main():
        ears = maker()(PAUSE)
        await listened(ears, 0.56)
        begun = ears.speaking_since
        await listened(ears, 1.0, bytes(640))
        return begun, ears.speaking_since, await ears.finish()

    assert asyncio.run(main()) == (8000, None, [])


def test_a_noise_has_no_words_and_an_echo_has():
    truth = TruthFeed()
    truth.say("ahem", HELLO, "noise")
    truth.say("", (Word("closed.", 32_000, 32_320),), "noise", own=False)
    assert asyncio.run(heard_of(truth, (4.0, FRAME))) == [("closed.", False), ("closed.", True)]


def test_an_echo_that_is_soft_where_its_word_ends_is_heard_and_nobody_waits_for_it():
    truth = TruthFeed()
    truth.say("", (Word("closed.", 8000, 8320),), "noise", own=False)
    truth.say("two", TABLE)
    told = asyncio.run(heard_of(truth, (0.5, FRAME), (0.1, bytes(640)), (3.4, FRAME)))
    assert [text for text, final in told if final] == ["closed.", "A table, please."]


def test_a_service_is_as_sure_as_the_feed_says_and_no_surer_than_it_ever_is():
    def sure(said: Said) -> float:
        return 0.3 if said.role == "side_talk" else 1.0

    truth = TruthFeed(sure=sure)
    truth.say("one", HELLO)
    truth.say("aside", TABLE, "side_talk")

    async def main():
        ears = maker(truth)(PAUSE)
        finals = list[Heard]()
        for _ in range(200):
            finals += [one for one in await ears.take(FRAME) if one.is_final]
        return [sureness(one.words, 0.98) for one in finals]

    assert asyncio.run(main()) == [0.98, 0.3]


def test_a_stream_begins_where_the_last_one_ended_or_where_the_feed_says():
    async def main(truth: TruthFeed):
        make = maker(truth)
        await listened(make(PAUSE), 1.6)
        return [one for _, one, final in await listened(make(PAUSE), 2.4) if final]

    truth = feed()
    assert asyncio.run(main(truth)) == ["A table, please."]
    truth.begins = lambda: 0
    assert asyncio.run(main(truth)) == ["Good evening."]


def test_ears_of_the_callers_own_are_taken_as_they_are():
    own = maker()
    assert ears_of(own, lambda: 1.0, lambda: 1.0) is own
    assert callable(ears_of(feed(), lambda: 1.0, lambda: 1.0))


async def taken(turns: Turns, seconds: float) -> list[tuple[float, str, str]]:
    told = list[tuple[float, str, str]]()
    for _ in range(round(seconds / 0.02)):
        told += [_shown(turns, one) for one in await turns.take(FRAME)]
    return told


def _shown(turns: Turns, heard: TurnHeard) -> tuple[float, str, str]:
    return turns.samples / 16_000, heard.kind, " ".join(word.text for word in heard.words)


def test_a_longer_silence_ends_a_turn_that_pauses_do_not():
    turns = Turns(maker(final=0.0), lambda _: samples_of(1.2), lambda _: samples_of(0.12))
    assert asyncio.run(taken(turns, 5.0)) == [
        (0.8, "began", "Good"),
        (1.1, "grew", "Good evening."),
        (1.12, "paused", "Good evening."),
        (2.2, "resumed", "Good evening. A"),
        (2.6, "grew", "Good evening. A table,"),
        (2.62, "paused", "Good evening. A table,"),
        (3.1, "resumed", "Good evening. A table, please."),
        (3.12, "paused", "Good evening. A table, please."),
        (4.2, "ended", "Good evening. A table, please."),
    ]


def test_who_speaks_again_has_not_ended_before_the_word_is_known():
    """The second sentence begins at 2.0 s and is known at 2.6 s; the turn would end at 2.1 s."""
    turns = Turns(maker(interim=0.5, final=0.0), lambda _: samples_of(1.1))
    told = asyncio.run(taken(turns, 5.0))
    assert [text for _, kind, text in told if kind == "ended"] == ["Good evening. A table, please."]


def test_a_turn_is_ended_by_hand():
    async def main():
        turns = Turns(maker(), lambda _: None)
        await taken(turns, 2.5)
        first = await turns.finish()
        return first, await turns.finish(), await taken(turns, 1.0)

    first, again, later = asyncio.run(main())
    assert first == [TurnHeard("ended", (*HELLO, *TABLE[:2]))]
    assert again == []
    assert later[0][1:] == ("began", "please.")


def test_it_is_the_surer_the_longer_the_silence_and_sooner_after_a_sentence():
    for words in (HELLO, TABLE[:1]):
        silence = silence_for(words, 0.7)
        assert silence is not None
        assert confidence_after(words, silence) == pytest.approx(0.7, abs=0.001)
    assert silence_for(HELLO, 0.7) == 4169
    assert silence_for(TABLE[:1], 0.7) == 50_025
    assert silence_for([Word("a", 0, 100), Word("table", 100, 200)], 0.7) == 9727
    assert silence_for(HELLO, 1.0) is None
    assert confidence_after(HELLO, 0) == 0.0
