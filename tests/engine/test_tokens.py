"""Text as it is written in, speech of it at once: one synthesis an answer."""

import logging
from collections.abc import AsyncGenerator, Callable

import pytest

from bench import clock
from bench.engine.agent import GeneratedResponse
from bench.engine.drafts import MOST_UNREAD, Draft
from bench.engine.sentences import Sentences
from bench.engine.synthesizer import BaseMessage
from bench.errors import BrokenStream, ConnectFailed, Rejected
from bench.events import (
    AgentFinished,
    CutOff,
    FellBack,
    FirstAudio,
    FirstToken,
    PlaybackStarted,
    ProviderFailed,
    Retried,
    SentenceReady,
    SynthesisContinued,
    SynthesisFinished,
    SynthesisRequested,
)
from bench.metrics.cost import use
from bench.metrics.response import responses
from bench.simulation import tone
from bench.testing import ScriptedAgent, ToneSynthesizer
from tests.engine.scene import LINE, SENTENCES, Scene, play
from tests.engine.trouble import Agent, fail, stall
from tests.engine.writing_voice import WritingVoice

pytestmark = pytest.mark.unit

QUESTION, APOLOGY = "When are you open?", "Sorry, something went wrong."
WORDS, RATE = LINE.split(), 16_000
BROKEN = BrokenStream("writing", "closed")


async def ask(scene: Scene) -> None:
    await scene.ask(QUESTION, 25.0)


def answer(voice: ToneSynthesizer, *, word_seconds: float = 0.1, **parts: object) -> Scene:
    settings = {"response_mode": "tokens", "apology": APOLOGY, **parts}
    agent = settings.pop("agent", None) or ScriptedAgent([SENTENCES], word_seconds=word_seconds)
    return play(ask, agent=agent, synthesizer=voice, **settings)


def facts(scene: Scene, *kinds: type) -> list[tuple[str, float]]:
    return [(type(fact).__name__, at) for at, fact in scene.trace if isinstance(fact, kinds)]


def test_an_answer_is_one_synthesis_that_grows_with_its_text():
    voice = WritingVoice()
    scene = answer(voice)
    assert voice.asked == [SENTENCES]
    assert len(voice.pieces[0]) == len(SENTENCES.split())  # as the model wrote it
    pcm = b"".join(tone.speak(word, RATE, 0.25)[0] for word in SENTENCES.split())
    assert scene.speaker.heard == pcm
    assert len(scene.speaker.utterances) == 1
    assert scene.history == [("user", QUESTION), ("bot", SENTENCES)]
    (finished,) = scene.trace.of(SynthesisFinished)
    assert (finished.samples, finished.provider) == (len(pcm) // 2, "writing")


def test_it_begins_to_sound_before_the_first_sentence_is_written():
    """A word takes 0.1 s: the first is whole at 0.1 s, the first sentence, of four, at 0.4 s."""
    begins = dict[str, float]()
    for mode in ("streaming", "tokens"):
        scene = answer(WritingVoice(first_seconds=0.2), response_mode=mode)
        (begins[mode],) = scene.trace.at(FirstAudio)
    assert begins == {"streaming": 0.6, "tokens": 0.3}


def test_the_facts_of_it_keep_their_meaning():
    scene = answer(WritingVoice(first_seconds=0.2))
    (response,) = responses(scene.trace)
    assert response.ttft == response.flush_gap == response.tts_queue == 0.0
    assert response.ttfb == pytest.approx(0.3)
    assert response.out_buffer is not None
    assert response.vart == pytest.approx(0.3 + response.out_buffer)
    sentences = Sentences()
    assert [fact.text for fact in scene.trace.of(SentenceReady)] == [
        *sentences.feed(SENTENCES),
        sentences.flush(),
    ]
    (asked,), (more,) = scene.trace.of(SynthesisRequested), scene.trace.of(SynthesisContinued)
    assert asked.characters == len("We")
    assert asked.characters + more.characters == use(scene.trace).characters == len(SENTENCES)
    order = [name for name, _ in facts(scene, FirstToken, SynthesisRequested, FirstAudio)]
    assert order == ["FirstToken", "SynthesisRequested", "FirstAudio"]


@pytest.mark.parametrize("heard_seconds", [0.3, 0.55, 1.0, 1.6, 2.1, 3.0])
@pytest.mark.parametrize("word_seconds", [0.0, 0.1])
def test_a_cut_in_is_exact_to_the_word(heard_seconds: float, word_seconds: float):
    async def script(scene: Scene) -> None:
        await scene.ask(QUESTION)
        while not scene.trace.of(PlaybackStarted):
            await clock.sleep(0.01)
        await clock.sleep(heard_seconds)
        scene.conversation.broadcast_interrupt()
        await clock.sleep(1.0)
        await scene.ask("Again?", 8.0)

    voice = WritingVoice()
    agent = ScriptedAgent([SENTENCES], word_seconds=word_seconds)
    scene = play(script, agent=agent, synthesizer=voice, response_mode="tokens")
    (cut,) = scene.trace.of(CutOff)
    words = int((cut.played / RATE + 1e-9) / 0.25)
    assert cut.heard == cut.context == " ".join(SENTENCES.split()[:words])
    assert SENTENCES.startswith(cut.intended)
    assert not cut.estimated
    assert scene.history[1:] == [
        ("bot", f"{cut.heard} –"),
        ("user", "Again?"),
        ("bot", SENTENCES),
    ]
    assert scene.heard_is_what_was_sent()


def test_a_cut_in_stops_the_model_and_the_voice_at_once():
    async def script(scene: Scene) -> None:
        await scene.ask(QUESTION, 1.0)
        scene.conversation.broadcast_interrupt()
        cut_at.append(clock.now())
        await clock.sleep(3.0)

    cut_at: list[float] = []
    voice, agent = WritingVoice(), Agent(lambda: None, 1000, SENTENCES)
    agent._word_seconds = 0.15  # pyright: ignore[reportPrivateUsage]
    scene = play(script, agent=agent, synthesizer=voice, response_mode="tokens")
    assert voice.closed_at == agent.closed_at == cut_at
    assert scene.trace.of(AgentFinished) == scene.trace.of(SynthesisFinished) == []
    written = "".join(voice.pieces[0])
    assert SENTENCES.startswith(written)
    assert use(scene.trace).characters == len(written) < len(SENTENCES)


def test_a_voice_that_does_not_read_holds_the_model_back():
    async def script(scene: Scene) -> None:
        await scene.ask(QUESTION, 2.0)
        assert scene.trace.of(AgentFinished) == []
        assert scene.agent.output_queue.full()

    voice = WritingVoice(stall, 3)
    play(script, agent=ScriptedAgent(["word " * 400]), synthesizer=voice, response_mode="tokens")


def test_a_draft_is_single_spaced_and_bounded():
    async def main() -> None:
        draft, read = Draft(), list[str]()
        for piece in (" We", "  are\n", "\n ", " op", "en.", "Come", " in. "):
            draft.add(piece)
        assert draft.text == "We are open. Come in. "
        texts = draft.read(3)
        read.append(await anext(texts))
        draft.add("Now")
        draft.end()
        read += [piece async for piece in texts]
        assert read == ["are open. Come in. ", "Now"]
        full = Draft()
        full.add("x" * (MOST_UNREAD + 1))
        with pytest.raises(TimeoutError):
            async with clock.deadline(1.0):
                await full.room()
        full.leave()
        await full.room()

    clock.run(main(), virtual=True)


def test_a_voice_that_cannot_gets_sentences_and_the_log_says_so_once(
    caplog: pytest.LogCaptureFixture,
):
    async def script(scene: Scene) -> None:
        await scene.ask(QUESTION, 6.0)
        await scene.ask(QUESTION, 6.0)

    with caplog.at_level(logging.WARNING):
        scene = play(script, agent=ScriptedAgent([SENTENCES]), response_mode="tokens")
    assert len(scene.trace.of(SynthesisRequested)) == 6
    assert caplog.messages == [
        "tone takes no text that is still being written: it speaks sentence by sentence"
    ]


def test_a_silence_of_the_model_is_not_the_voice_s():
    """A word is written in 5 s, piece by piece; the voice's patience is 3 s."""

    class Slow(ScriptedAgent):
        async def generate_response(
            self, human_input: str, is_interrupt: bool, conversation_id: str
        ) -> AsyncGenerator[GeneratedResponse, None]:
            for piece in ("We", " a", "re", " open."):
                yield GeneratedResponse(BaseMessage(piece))
                await clock.sleep(2.5)

    scene = answer(WritingVoice(), agent=Slow())
    assert scene.trace.of(ProviderFailed) == []
    assert scene.history[-1] == ("bot", "We are open.")


def test_a_voice_that_falls_silent_has_stalled():
    scene = answer(WritingVoice(stall, 6))
    (failed,) = scene.trace.of(ProviderFailed)
    assert (failed.provider, failed.kind) == ("writing", "Stalled")
    heard = " ".join(SENTENCES.split()[:6])
    assert scene.history == [("user", QUESTION), ("bot", f"{heard} –"), ("bot", APOLOGY)]


def test_a_connection_that_fails_is_tried_again_with_all_of_the_text():
    voice = WritingVoice(fail(ConnectFailed("writing", "refused")))
    scene = answer(voice)
    assert voice.asked[-1] == SENTENCES
    assert [fact.kind for fact in scene.trace.of(Retried)] == ["ConnectFailed"]
    assert len(scene.trace.of(SynthesisRequested)) == 1
    assert use(scene.trace).characters == len(SENTENCES)
    assert scene.history[-1] == ("bot", SENTENCES)


@pytest.mark.parametrize("words", [None, 0])
def test_a_refusal_ends_the_answer_with_the_apology(words: int | None):
    scene = answer(WritingVoice(fail(Rejected("writing", "no such voice")), words))
    assert [fact.kind for fact in scene.trace.of(ProviderFailed)] == ["Rejected"]
    assert scene.history == [("user", QUESTION), ("bot", APOLOGY)]


def test_a_break_leaves_what_was_heard_and_the_model_is_stopped():
    agent = ScriptedAgent([SENTENCES], word_seconds=1.0)
    scene = answer(WritingVoice(fail(BROKEN), 6), agent=agent)
    heard = " ".join(SENTENCES.split()[:6])
    assert scene.history == [("user", QUESTION), ("bot", f"{heard} –"), ("bot", APOLOGY)]
    assert scene.trace.of(AgentFinished) == []


@pytest.mark.parametrize("word_seconds", [0.0, 0.1, 0.4])
@pytest.mark.parametrize("words", [0, 1, 4, 6, 12, 13])
@pytest.mark.parametrize("trouble", [fail(BROKEN), stall])
@pytest.mark.parametrize("backup", [WritingVoice, ToneSynthesizer])
def test_the_backup_says_the_rest_token_by_token_or_sentence_by_sentence(
    backup: type[ToneSynthesizer], trouble: Callable[[], object], words: int, word_seconds: float
):
    voice = WritingVoice(trouble, words)
    second = WritingVoice(word_seconds=0.4) if backup is WritingVoice else ToneSynthesizer()
    second.provider = "second"
    voice.backup = second
    scene = answer(voice, word_seconds=word_seconds)
    assert [fact.to for fact in scene.trace.of(FellBack)] == ["second"]
    assert scene.history == [("user", QUESTION), ("bot", SENTENCES)]
    assert scene.trace.of(CutOff) == []
    (finished,) = scene.trace.of(SynthesisFinished)
    assert finished.provider == "second"
    assert len(scene.speaker.sounded[1]) == finished.samples * 2
    rest = " ".join(SENTENCES.split()[words:])
    spoken = sum(
        fact.characters
        for kind in (SynthesisRequested, SynthesisContinued)
        for fact in scene.trace.of(kind)
        if fact.provider == "second"
    )
    if backup is WritingVoice:
        assert second.asked == [rest]  # type: ignore[attr-defined]
        assert spoken == len(rest)
    else:
        assert spoken == len(rest.replace(". ", ".").replace("? ", "?"))


def test_a_cut_in_after_a_change_of_voices_is_exact():
    async def script(scene: Scene) -> None:
        await scene.ask(QUESTION, 2.5)
        scene.conversation.broadcast_interrupt()
        await clock.sleep(1.0)

    voice = WritingVoice(fail(BROKEN), 4)
    voice.backup = ToneSynthesizer(seconds_per_word=0.4)
    scene = play(
        script, agent=ScriptedAgent([SENTENCES]), synthesizer=voice, response_mode="tokens"
    )
    (cut,) = scene.trace.of(CutOff)
    words = 4 + int((cut.played / RATE - 1.0 + 1e-9) / 0.4)
    assert cut.heard == " ".join(SENTENCES.split()[:words])


def test_while_the_first_voice_rests_a_backup_says_whole_answers_sentence_by_sentence():
    async def script(scene: Scene) -> None:
        await scene.ask(QUESTION, 12.0)
        await scene.ask("Again?", 12.0)

    voice = WritingVoice(fail(BROKEN), 4)
    voice.backup = ToneSynthesizer(seconds_per_word=0.25)
    agent = ScriptedAgent([SENTENCES], word_seconds=0.1)
    scene = play(script, agent=agent, synthesizer=voice, response_mode="tokens")
    assert [text for who, text in scene.history if who == "bot"] == [SENTENCES] * 2
    assert len(scene.trace.of(FellBack)) == 1
    asked = [(fact.provider, fact.turn) for fact in scene.trace.of(SynthesisRequested)]
    assert asked == [("writing", 1), ("tone", 1), ("tone", 2)]
    again = [fact.characters for fact in scene.trace.of(SynthesisContinued) if fact.turn == 2]
    assert again == [len("On Sundays we are closed."), len("Shall I book a table?")]


@pytest.mark.parametrize("words", [None, 0])
@pytest.mark.parametrize("word_seconds", [0.0, 0.1])
def test_a_refusal_before_a_sentence_is_whole_does_not_hold_up_the_model(
    words: int | None, word_seconds: float
):
    voice = WritingVoice(fail(Rejected("writing", "no such voice")), words)
    voice.backup = ToneSynthesizer(seconds_per_word=0.25)
    scene = answer(voice, word_seconds=word_seconds)
    assert scene.history == [("user", QUESTION), ("bot", SENTENCES)]
    assert [fact.provider for fact in scene.trace.of(FirstAudio)] == ["tone"]
    assert scene.trace.at(FirstAudio) == [4 * word_seconds]


def test_an_account_is_charged_for_what_the_voice_was_given():
    class Counting:
        def __init__(self) -> None:
            self.entered, self.used, self.left = list[float](), list[float](), 0

        async def enter(self, units: float, wait_seconds: float) -> "Counting":
            self.entered.append(units)
            return self

        def use(self, units: float) -> bool:
            self.used.append(units)
            return True

        def leave(self) -> None:
            self.left += 1

    voice, account = WritingVoice(), Counting()
    voice.account = account
    answer(voice)
    assert account.entered == [len("We")]
    assert sum(account.entered + account.used) == len(SENTENCES)
    assert account.left == 1


def test_a_model_that_breaks_off_is_heard_as_far_as_it_wrote():
    class Breaks(ScriptedAgent):
        async def generate_response(
            self, human_input: str, is_interrupt: bool, conversation_id: str
        ) -> AsyncGenerator[GeneratedResponse, None]:
            for number, word in enumerate(SENTENCES.split()):
                if number == 6:
                    raise BrokenStream("scripted", "closed")
                yield GeneratedResponse(BaseMessage(f"{word} "))

    voice = WritingVoice()
    scene = answer(voice, agent=Breaks())
    heard = " ".join(SENTENCES.split()[:6])
    assert voice.asked == [f"{heard} ", APOLOGY]
    assert scene.history == [("user", QUESTION), ("bot", heard), ("bot", APOLOGY)]


def test_a_voice_that_ends_before_its_text_has_failed():
    class Short(WritingVoice):
        async def _words(self, texts: AsyncGenerator[str, None]) -> AsyncGenerator[str, None]:
            async for word in super()._words(texts):
                yield word
                if word == "today.":
                    return

    scene = answer(Short())
    (failed,) = scene.trace.of(ProviderFailed)
    assert (failed.kind, failed.message) == (
        "BrokenStream",
        "the speech ended before its text did",
    )
    assert scene.history[1] == ("bot", "We are open today. –")


def test_what_nobody_asked_for_and_what_ends_the_call_are_said_too():
    async def script(scene: Scene) -> None:
        await clock.sleep(2.0)
        await scene.ask("Goodbye.", 6.0)

    voice = WritingVoice()
    scene = play(
        script,
        agent=ScriptedAgent(["See you. Bye!"]),
        synthesizer=voice,
        greeting="Hello there.",
        response_mode="tokens",
    )
    assert voice.asked == ["Hello there.", "See you. Bye!"]
    assert scene.conversation.end_reason == "goodbye"


def test_an_answer_without_a_letter_asks_nobody():
    voice = WritingVoice()
    scene = answer(voice, agent=ScriptedAgent(["... - !"]))
    assert voice.asked == []
    assert scene.trace.of(SentenceReady) == []
