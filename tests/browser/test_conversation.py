"""Real engines, real Chromium: a person asks, is answered, interrupts, coughs and comes back."""

from __future__ import annotations

from itertools import accumulate, pairwise

import pytest
from playwright.sync_api import Browser

from bench.engine.transcript import Sender
from bench.events import (
    CutOff,
    Fact,
    Held,
    InterruptDecided,
    PlaybackFinished,
    PlaybackStarted,
    Resumed,
    SentenceReady,
    Silenced,
    SynthesisFinished,
    TurnCommitted,
    UserStartedSpeaking,
)
from tests.browser.heard import FADE, Sounded, sounded, stretches
from tests.browser.live_bench import RATE, Caller, LiveBench, caller, until
from tests.browser.sounds import cough, vowel

pytestmark = [pytest.mark.browser, pytest.mark.timeout(150)]

STORY = "tell me a story"
QUESTION = "can i pay by card"
ANSWER = "You can pay by card or in cash."


def account(person: Caller) -> list[Sounded]:
    """What the page's output holds of each utterance; every sample of them is in the ledger."""
    said = list[tuple[bytes, int]]()
    for id, pcm in sorted(person.sent.items()):
        entry = person.utterance(id)
        assert entry.sent == len(pcm) // 2 == entry.played + entry.dropped, f"utterance {id}"
        said.append((bytes(pcm), entry.played))
    return sounded(person.page.recording(), said, person.greeted)


def words_played(person: Caller, cut: CutOff) -> set[str]:
    """The words of the answer that end by the last sample played, as the engine times them now.

    It speaks a sentence a few samples longer or shorter each time, so one word may be in doubt.
    """
    turn = person.of(SentenceReady), person.of(SynthesisFinished)
    sentences, spoken = ([fact for fact in facts if fact.turn == cut.turn] for facts in turn)
    begins = accumulate((fact.samples for fact in spoken), initial=0)
    ends = [
        (word.end_sample + begin, word.text)
        for begin, sentence in zip(begins, sentences, strict=False)
        for word in person.bench.speech(sentence.text).words
    ]
    in_doubt = RATE // 200
    return {
        " ".join(word for end, word in ends if end <= cut.played + doubt)
        for doubt in (-in_doubt, in_doubt)
    }


def entries(person: Caller, *kinds: type[Fact]) -> list[Fact]:
    return [fact for _, fact in person.session.trace if isinstance(fact, kinds)]


def test_a_question_is_written_down_and_answered_aloud(chrome: Browser, bench: LiveBench) -> None:
    with caller(chrome, bench) as person:
        person.call()
        answer = person.ask(QUESTION)
        person.wait(PlaybackFinished, utterance=answer.id)
        person.page.wait(f"document.querySelector('#chat')?.innerText.includes('{ANSWER}')")
        assert QUESTION in person.page.text("#chat")
        assert person.page.text(".caption.user span") == QUESTION
        assert person.page.text(".caption.bot span") == ANSWER
        (heard,) = account(person)
        asked, *_ = stretches(person.page.recording("mic"))
        out = person.page.recording()
    assert answer.played == answer.sent > RATE
    assert heard.frames[0] > asked[1]
    assert abs(out.samples[heard.frames]).max() > 0.1


def test_barging_in_stops_the_voice_and_what_was_not_heard_was_never_said(
    chrome: Browser, bench: LiveBench
) -> None:
    with caller(chrome, bench) as person:
        person.call()
        stories = list[int]()
        for seconds, then in (1.2, "what time do you close"), (1.6, "hold on"), (2.0, "hold on"):
            story = person.ask(STORY)
            stories.append(person.wait(PlaybackStarted, utterance=story.id).turn)
            person.plays(story, seconds)
            before = person.now
            person.say(then)
            person.wait(CutOff, before, turn=stories[-1])
            reply = person.wait(PlaybackStarted, before)
            if then != "hold on":
                person.plays(person.utterance(reply.utterance), 1.2)
                person.page.page.click(".interrupt")
                person.wait(CutOff, before, turn=reply.turn)
            else:
                person.wait(PlaybackFinished, before, turn=reply.turn)
        heard = account(person)
        out, users = person.page.recording(), stretches(person.page.recording("mic"))
        told = person.told("report", type="cleared")
        history = [m for m in person.session.conversation.transcript.event_logs if m.interrupted]
        cuts = person.of(CutOff)
        # The history holds the words whose samples were played, and those alone.
        for cut in cuts:
            assert not cut.estimated
            assert cut.heard in words_played(person, cut)
            assert cut.intended.startswith(cut.heard)
            assert len(cut.heard.split()) > 1

    # The voice that the user talks over falls silent, and nothing of it sounds again.
    for voice, (onset, _) in zip(heard[::2], users[1::2], strict=True):
        assert voice.last_audible(out) - onset < 3 * RATE
        assert voice.tail == 0
    for before_that, voice in pairwise(heard):
        assert before_that.frames[-1] + before_that.tail < voice.frames[0]
    # Noticed, decided, silent, settled: in that order, each time.
    kinds = (Held, InterruptDecided, Silenced, CutOff)
    for turn in stories:
        facts = [fact for fact in entries(person, *kinds) if fact.turn == turn]
        assert tuple(type(fact) for fact in facts[-4:]) == kinds
    # What the page says it played, what the server settled on, what is remembered.
    assert [cut.played for cut in cuts] == [report["played"] for report in told]
    assert [message.text for message in history] == [cut.heard for cut in cuts]


def test_a_sound_without_words_pauses_the_voice_and_loses_nothing(
    chrome: Browser, bench: LiveBench
) -> None:
    with caller(chrome, bench) as person:
        person.call()
        greeting_ran_dry = len(person.told("report", type="underrun"))
        answer = person.ask(STORY)
        person.plays(answer, 0.5)
        before = person.now
        person.page.speak(cough(), RATE)
        conversation = person.session.conversation
        said = conversation.mic_samples
        until(lambda: conversation.mic_samples > said + 16_000, "a second of the microphone")
        assert not entries(person, Held)
        assert not [
            fact
            for _, fact in person.session.trace.entries[before:]
            if isinstance(fact, UserStartedSpeaking)
        ]
        person.page.speak(vowel(), RATE)
        held = person.wait(Held, before)
        resumed = person.wait(Resumed, before)
        person.plays(answer, resumed.at_sample / RATE + 1.0)
        person.page.page.click(".interrupt")
        person.wait(CutOff)
        (heard,) = account(person)
        assert resumed.reason == "no words"
        assert not [fact for fact in person.of(TurnCommitted) if fact.turn > 1]
        dry = person.told("report", type="underrun")[greeting_ran_dry:]
    # Every sample sounded once: at full level, but for the fades around the pause.
    pauses = heard.dips()
    assert len(pauses) == 1 + len(dry)
    assert all(len(pause) <= 2 * FADE for pause in pauses)
    lengths = [heard.frames[pause].max() - heard.frames[pause].min() for pause in pauses]
    assert max(lengths) > 0.8 * RATE
    assert held.at_sample <= resumed.at_sample <= held.at_sample + RATE
    assert Sender.BOT is person.session.conversation.transcript.event_logs[-1].sender
