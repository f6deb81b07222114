"""A sentence in, all of its words out once, whoever of two voices says them."""

from collections.abc import AsyncGenerator, Callable

import pytest

from bench import clock
from bench.audio import SAMPLE_WIDTH
from bench.engine.fallback import COOL_DOWN_SECONDS
from bench.engine.synthesizer import BaseMessage, ChunkResult, SynthesisResult
from bench.engine.takes import Take
from bench.errors import BrokenStream, ConnectFailed, RateLimited, Rejected
from bench.events import (
    CutOff,
    FellBack,
    FirstAudio,
    ProviderFailed,
    Retried,
    SynthesisFinished,
    SynthesisRequested,
)
from bench.simulation import tone
from bench.testing import ScriptedAgent, ToneSynthesizer
from tests.engine.scene import LINE, SENTENCES, Scene, play
from tests.engine.trouble import Synthesizer, fail, stall

pytestmark = pytest.mark.unit

QUESTION, APOLOGY = "When are you open?", "Sorry, something went wrong."
WORDS = LINE.split()
BROKEN = BrokenStream("troubled", "closed")


class Second(ToneSynthesizer):
    """A backup that keeps what it was asked to say."""

    provider = "second"

    def __init__(self, seconds_per_word: float = 0.4, **more: object) -> None:
        super().__init__(seconds_per_word=seconds_per_word, **more)  # type: ignore[arg-type]
        self.calls: list[str] = []

    async def create_speech(self, message: BaseMessage, chunk_size: int) -> SynthesisResult:
        self.calls.append(message.text)
        return await super().create_speech(message, chunk_size)


def backed(trouble: Callable[[], object], chunks: int | None = None) -> Synthesizer:
    synthesizer = Synthesizer(trouble, chunks)
    synthesizer.backup = Second()
    return synthesizer


def calls_of(synthesizer: Synthesizer) -> list[str]:
    assert isinstance(synthesizer.backup, Second)
    return synthesizer.backup.calls


async def ask(scene: Scene) -> None:
    await scene.ask(QUESTION, 25.0)


def test_a_connection_that_fails_is_tried_again_at_once():
    synthesizer = Synthesizer(fail(ConnectFailed("troubled", "refused")))
    scene = play(ask, synthesizer=synthesizer, apology=APOLOGY)
    assert synthesizer.calls == [LINE, LINE]
    assert [fact.kind for fact in scene.trace.of(Retried)] == ["ConnectFailed"]
    assert scene.trace.of(ProviderFailed) == []
    assert len(scene.trace.of(SynthesisRequested)) == 1
    assert scene.trace.at(FirstAudio) == [0.0]
    assert scene.history == [("user", QUESTION), ("bot", LINE)]


@pytest.mark.parametrize(
    ("trouble", "chunks", "kind", "at"),
    [
        (fail(Rejected("troubled", "no such voice")), None, "Rejected", 0.0),
        (fail(RateLimited("troubled", "429", retry_after_seconds=2.0)), None, "RateLimited", 0.0),
        (fail(BROKEN), 0, "BrokenStream", 0.0),
        (stall, None, "Stalled", 8.0),
        (stall, 0, "Stalled", 8.0),
    ],
)
@pytest.mark.parametrize("mode", ["streaming", "buffered"])
def test_a_sentence_that_fails_before_its_first_audio_is_the_backup_s(
    trouble: Callable[[], object], chunks: int | None, kind: str, at: float, mode: str
):
    synthesizer = backed(trouble, chunks)
    scene = play(ask, synthesizer=synthesizer, apology=APOLOGY, response_mode=mode)
    assert calls_of(synthesizer) == [LINE]
    (fell,) = scene.trace.of(FellBack)
    assert (fell.provider, fell.kind, fell.to, fell.turn) == ("troubled", kind, "second", 1)
    assert scene.trace.at(FellBack) == [at]
    assert [fact.kind for fact in scene.trace.of(ProviderFailed)] == [kind]
    assert [fact.provider for fact in scene.trace.of(FirstAudio)] == ["second"]
    assert [fact.provider for fact in scene.trace.of(SynthesisFinished)] == ["second"]
    assert scene.history == [("user", QUESTION), ("bot", LINE)]


@pytest.mark.parametrize("chunks", [1, 12, 13, 38, 50, 51, 100, 160])
@pytest.mark.parametrize("trouble", [fail(BROKEN), stall])
def test_the_backup_says_the_rest_from_the_first_word_that_had_not_come(
    trouble: Callable[[], object], chunks: int
):
    synthesizer = backed(trouble, chunks)
    scene = play(ask, synthesizer=synthesizer, apology=APOLOGY)
    _, spoken = tone.speak(LINE, 16_000, 0.25)
    whole = sum(end <= chunks * 320 for _, _, end in spoken)
    left = len(WORDS) - whole
    assert calls_of(synthesizer) == [" ".join(WORDS[whole:])]
    assert scene.history == [("user", QUESTION), ("bot", LINE)]
    assert scene.trace.of(CutOff) == []
    (finished,) = scene.trace.of(SynthesisFinished)
    assert finished.samples == chunks * 320 + left * 6400
    assert len(scene.speaker.sounded[1]) == finished.samples * SAMPLE_WIDTH
    asked = [(fact.provider, fact.characters) for fact in scene.trace.of(SynthesisRequested)]
    assert asked == [("troubled", len(LINE)), ("second", len(" ".join(WORDS[whole:])))]


@pytest.mark.parametrize("heard_seconds", [0.3, 0.9, 1.0, 1.2, 1.41, 1.9, 3.3])
def test_a_cut_in_leaves_what_was_heard_of_both_to_the_word(heard_seconds: float):
    """50 chunks are 1.0 s and 4 words; from there on a word lasts 0.4 s."""

    async def script(scene: Scene) -> None:
        await scene.ask(QUESTION, heard_seconds)
        scene.conversation.broadcast_interrupt()
        await clock.sleep(2.0)

    synthesizer = backed(fail(BROKEN), 50)
    scene = play(script, synthesizer=synthesizer)
    (cut,) = scene.trace.of(CutOff)
    seconds = cut.played / 16_000
    words = int(seconds / 0.25) if seconds < 1.0 else 4 + int((seconds - 1.0 + 1e-9) / 0.4)
    assert cut.heard == " ".join(WORDS[:words])
    assert cut.context == cut.heard
    assert not cut.estimated


def test_the_torn_word_is_said_again_and_counts_once():
    """Torn at 1.1 s, in the middle of the fifth word: it lasts from 1.1 to 1.5 s."""

    async def script(scene: Scene) -> None:
        await scene.ask(QUESTION, 1.6)
        scene.conversation.broadcast_interrupt()
        await clock.sleep(1.0)

    scene = play(script, synthesizer=backed(fail(BROKEN), 55))
    assert scene.history[-1] == ("bot", " ".join(WORDS[:5]) + " –")


def test_sentences_after_it_and_turns_are_the_backup_s_until_the_first_has_rested():
    async def script(scene: Scene) -> None:
        await scene.ask(QUESTION, 12.0)
        await scene.ask("Again?", COOL_DOWN_SECONDS)
        await scene.ask("Again?", 10.0)

    agent = ScriptedAgent([SENTENCES], word_seconds=0.3)
    synthesizer = backed(fail(BROKEN), 20)
    scene = play(script, agent=agent, synthesizer=synthesizer, apology=APOLOGY)
    assert [text for who, text in scene.history if who == "bot"] == [SENTENCES] * 3
    asked = [(fact.provider, fact.turn) for fact in scene.trace.of(SynthesisRequested)]
    assert asked == [
        ("troubled", 1),
        *[("second", 1)] * 3,
        *[("second", 2)] * 3,
        *[("troubled", 3)] * 3,
    ]
    assert calls_of(synthesizer)[0] == "are open today."


def test_a_backup_that_breaks_off_too_ends_the_turn_with_what_was_heard():
    synthesizer = Synthesizer(fail(BROKEN), 50)
    synthesizer.backup = Synthesizer(fail(BrokenStream("second", "closed")), 38)
    scene = play(ask, synthesizer=synthesizer, apology=APOLOGY)
    assert scene.history == [
        ("user", QUESTION),
        ("bot", " ".join(WORDS[:7]) + " –"),
        ("bot", APOLOGY),
    ]
    failed = [(fact.provider, fact.kind) for fact in scene.trace.of(ProviderFailed)]
    assert failed == [("troubled", "BrokenStream"), ("second", "BrokenStream")]


def test_a_backup_that_cannot_even_begin():
    class Gone(Second):
        async def create_speech(self, message: BaseMessage, chunk_size: int) -> SynthesisResult:
            self.calls.append(message.text)
            raise ConnectFailed("second", "refused")

    synthesizer = Synthesizer(fail(BROKEN), 50)
    gone = synthesizer.backup = Gone()
    scene = play(ask, synthesizer=synthesizer, apology=None)
    assert gone.calls == [" ".join(WORDS[4:])] * 2
    assert scene.history[-1] == ("bot", " ".join(WORDS[:4]) + " –")
    failed = [(fact.provider, fact.kind) for fact in scene.trace.of(ProviderFailed)]
    assert failed == [("troubled", "BrokenStream"), ("second", "ConnectFailed")]


def test_nothing_is_left_to_say_where_only_the_end_was_missing():
    synthesizer = backed(fail(BROKEN), 174)  # all 14 words
    scene = play(ask, synthesizer=synthesizer, apology=APOLOGY)
    assert calls_of(synthesizer) == []
    assert scene.history == [("user", QUESTION), ("bot", LINE)]
    assert [fact.kind for fact in scene.trace.of(ProviderFailed)] == ["BrokenStream"]


def test_words_by_proportion_are_estimated_and_none_is_lost():
    class Unsure(Synthesizer):
        async def create_speech(self, message: BaseMessage, chunk_size: int) -> SynthesisResult:
            result = await super().create_speech(message, chunk_size)
            result.estimated = True
            return result

    async def script(scene: Scene) -> None:
        await scene.ask(QUESTION, 2.0)
        scene.conversation.broadcast_interrupt()
        await clock.sleep(1.0)

    synthesizer = Unsure(fail(BROKEN), 50)
    synthesizer.backup = Second()
    scene = play(script, synthesizer=synthesizer)
    (cut,) = scene.trace.of(CutOff)
    assert cut.estimated
    assert cut.heard == " ".join(WORDS[:6])


async def nothing() -> AsyncGenerator[ChunkResult, None]:
    yield ChunkResult(b"", True)


@pytest.mark.parametrize(
    ("text", "said", "left"),
    [
        ("Yes, we are.", "", "Yes, we are."),
        ("Yes, we are.", "Yes we", "are."),
        ("Yes, we are.", "yes , we", "are."),
        ("Yes – we are.", "Yes", "we are."),
        ("We're open.", "We ’ re", "open."),
        ("It is 5 o'clock now.", "It is five", "o'clock now."),
        ("All of it.", "All of it.", ""),
        ("All of it!", "all of it", ""),
    ],
)
def test_what_is_left_of_a_text(text: str, said: str, left: str):
    take = Take(SynthesisResult(nothing(), lambda seconds: said), samples=100)
    assert take.break_off(text, 16_000) == left


def test_an_estimate_that_takes_what_has_come_for_the_whole_is_held_to_the_usual_pace():
    result = SynthesisResult(nothing(), lambda seconds: LINE, estimated=True)
    take = Take(result, samples=16_000)
    assert take.break_off(LINE, 16_000) == " ".join(WORDS[3:])
    assert take.up_to(0.5, 16_000) == take.up_to(9.0, 16_000) == " ".join(WORDS[:3])
