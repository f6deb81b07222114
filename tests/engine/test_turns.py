"""Whose turn it is, read as a table: no loop, no clock."""

import pytest

from bench.engine.settings import ConversationSettings
from bench.engine.turns import Act, Bot, Decision, TurnTaker
from bench.engine.words import (
    ends_the_call,
    has_stop_word,
    is_backchannel,
    is_echo,
    trails_off,
    words_of,
)

pytestmark = pytest.mark.unit

WAIT = Decision(Act.WAIT)


def taker(**settings: object) -> TurnTaker:
    return TurnTaker(ConversationSettings().changed(**settings), lambda text: text.endswith("!"))


# Endpointing


@pytest.mark.parametrize(
    ("text", "seconds", "reason"),
    [
        ("When are you open", 0.7, "silence"),
        ("When are you open!", 0.4, "complete"),
        ("I would like to", 1.5, "trailing"),
        ("Tomorrow and", 1.5, "trailing"),
        ("to", 0.7, "silence"),
    ],
)
def test_the_end_of_a_turn_after_the_end_of_speech(text: str, seconds: float, reason: str):
    turns = taker()
    turns.speech_started(1.0, Bot.IDLE)
    assert turns.heard(text, 2.0, Bot.IDLE, final=True) == WAIT
    assert turns.due == 2.0 + 3.0  # while there is sound
    turns.speech_stopped(2.5, Bot.IDLE)
    assert turns.due == 2.5 + seconds
    assert turns.elapsed(2.5 + seconds - 0.01, Bot.IDLE) == WAIT
    assert turns.elapsed(2.5 + seconds, Bot.IDLE) == Decision(Act.REPLY, reason, text)
    assert turns.due is None
    assert turns.text == ""


def test_without_voice_activity_silence_counts_from_the_last_words():
    turns = taker()
    turns.heard("When are", 1.0, Bot.IDLE, final=True)
    assert turns.due == 1.0 + 1.5
    turns.heard("you open", 2.0, Bot.IDLE, final=True)
    assert turns.elapsed(2.7, Bot.IDLE).text in ("", "When are you open")


def test_finals_add_up_and_a_partial_is_replaced():
    turns = taker()
    turns.heard("When", 1.0, Bot.IDLE, final=False)
    turns.heard("When are", 1.1, Bot.IDLE, final=False)
    assert turns.text == "When are"
    turns.heard("When are you", 1.2, Bot.IDLE, final=True)
    turns.heard("open", 1.3, Bot.IDLE, final=False)
    assert turns.text == "When are you open"


def test_words_without_a_final_are_waited_for_and_then_taken():
    turns = taker()
    turns.speech_started(0.0, Bot.IDLE)
    turns.heard("When are you open", 1.0, Bot.IDLE, final=False)
    turns.speech_stopped(1.0, Bot.IDLE)
    assert turns.due == pytest.approx(1.0 + 0.7 + 1.0)
    decision = turns.elapsed(2.7, Bot.IDLE)
    assert decision == Decision(Act.REPLY, "no final", "When are you open")


def test_words_that_come_long_after_the_speech_come_one_by_one():
    turns = taker()
    turns.speech_started(0.0, Bot.IDLE)
    turns.speech_stopped(1.0, Bot.IDLE)
    turns.heard("When", 9.0, Bot.IDLE, final=False)
    turns.heard("When are", 9.3, Bot.IDLE, final=False)
    assert turns.due == pytest.approx(9.3 + 1.0)
    turns.heard("When are you open", 9.9, Bot.IDLE, final=True)
    assert turns.elapsed(9.9, Bot.IDLE).text == "When are you open"


def test_the_provider_may_end_a_turn_at_once():
    turns = taker()
    turns.speech_started(0.0, Bot.IDLE)
    turns.heard("open", 1.0, Bot.IDLE, final=True, ends_turn=True)
    assert turns.due == 1.0
    assert turns.elapsed(1.0, Bot.IDLE) == Decision(Act.REPLY, "provider", "open")


def test_a_provider_that_ends_turns_itself_may_wait_through_a_pause():
    turns = taker()
    turns.speech_started(0.0, Bot.IDLE)
    turns.heard("My number is", 1.0, Bot.IDLE, final=False, ends_turn=False)
    turns.speech_stopped(1.0, Bot.IDLE)
    assert turns.elapsed(6.5, Bot.IDLE) == Decision(Act.WAIT)
    turns.heard("My number is five", 6.5, Bot.IDLE, final=True, ends_turn=True)
    assert turns.elapsed(6.5, Bot.IDLE).text == "My number is five"


def test_a_provider_that_never_ends_a_turn_is_waited_for_and_not_for_ever():
    turns = taker()
    turns.speech_started(0.0, Bot.IDLE)
    turns.heard("open", 1.0, Bot.IDLE, final=False, ends_turn=False)
    turns.speech_stopped(1.5, Bot.IDLE)
    assert turns.due == 1.5 + 6.0
    assert turns.elapsed(7.5, Bot.IDLE) == Decision(Act.REPLY, "no final", "open")
    turns.heard("and you", 8.0, Bot.IDLE, final=False)  # somebody else listens now
    assert turns.due == pytest.approx(8.0 + 0.7 + 1.0)


def test_a_turn_ends_although_the_sound_goes_on_and_on():
    turns = taker()
    turns.speech_started(0.0, Bot.IDLE)
    turns.heard("open", 1.0, Bot.IDLE, final=True)
    assert turns.elapsed(4.0, Bot.IDLE) == Decision(Act.REPLY, "no new words", "open")


def test_nothing_is_due_where_nothing_was_said():
    turns = taker()
    assert turns.due is None
    turns.speech_started(0.0, Bot.IDLE)
    turns.speech_stopped(1.0, Bot.IDLE)
    assert turns.due is None
    assert turns.elapsed(100.0, Bot.IDLE) == WAIT


# Barge-in


@pytest.mark.parametrize("bot", [Bot.THINKING, Bot.SPEAKING])
@pytest.mark.parametrize(
    ("policy", "act"),
    [
        ("hold-then-decide", Act.HOLD),
        ("on-vad", Act.INTERRUPT),
        ("on-words(1)", Act.WAIT),
        ("never", Act.WAIT),
    ],
)
def test_what_a_sound_does(policy: str, act: Act, bot: Bot):
    assert taker(barge_in=policy).speech_started(1.0, bot).act is act


@pytest.mark.parametrize("policy", ["hold-then-decide", "on-vad", "on-words(1)", "never"])
def test_a_sound_does_nothing_while_the_bot_is_idle(policy: str):
    assert taker(barge_in=policy).speech_started(1.0, Bot.IDLE) == WAIT


def test_a_held_bot_is_not_held_again_but_interrupted_for_long_sound():
    turns = taker()
    assert turns.speech_started(1.0, Bot.SPEAKING).act is Act.HOLD
    assert turns.voiced(0.59, Bot.HELD) == WAIT
    assert turns.voiced(0.6, Bot.SPEAKING) == WAIT
    assert turns.voiced(0.6, Bot.HELD) == Decision(Act.INTERRUPT, "long sound")


def test_resume_a_while_after_the_sound_and_a_new_sound_starts_the_wait_anew():
    turns = taker()
    turns.speech_started(1.0, Bot.SPEAKING)
    turns.speech_stopped(1.2, Bot.HELD)
    assert turns.due == 2.0
    turns.speech_started(1.9, Bot.HELD)
    assert turns.due == pytest.approx(1.9 + 0.6 + 0.2 + 0.8)  # at the latest
    turns.speech_stopped(2.5, Bot.HELD)
    assert turns.elapsed(3.29, Bot.HELD) == WAIT
    assert turns.elapsed(3.3, Bot.HELD) == Decision(Act.RESUME, "no words")


def test_after_an_interrupt_there_is_nothing_to_resume():
    turns = taker()
    turns.speech_started(1.0, Bot.SPEAKING)
    turns.speech_stopped(1.2, Bot.HELD)
    turns.interrupted()
    assert turns.due is None


@pytest.mark.parametrize(
    ("policy", "text", "act", "reason"),
    [
        ("hold-then-decide", "sunday", Act.INTERRUPT, "words"),
        ("hold-then-decide", "stop", Act.INTERRUPT, "stop word"),
        ("hold-then-decide", "mm-hm", Act.RESUME, "backchannel"),
        ("on-words(2)", "sunday", Act.WAIT, ""),
        ("on-words(2)", "on sunday", Act.INTERRUPT, "words"),
        ("on-words(9)", "wait", Act.INTERRUPT, "stop word"),
        ("never", "stop", Act.WAIT, ""),
    ],
)
def test_what_words_do_while_held(policy: str, text: str, act: Act, reason: str):
    decision = taker(barge_in=policy).heard(text, 1.0, Bot.HELD, final=True)
    assert (decision.act, decision.reason) == (act, reason)


def test_a_backchannel_while_the_sound_goes_on_decides_nothing_yet():
    turns = taker()
    turns.speech_started(1.0, Bot.SPEAKING)
    assert turns.heard("yeah", 1.2, Bot.HELD, final=False) == WAIT
    assert turns.heard("yeah", 1.3, Bot.HELD, final=True).act is Act.IGNORE
    assert turns.text == ""


def test_a_backchannel_understood_before_its_sound_ends_resumes_at_the_end():
    turns = taker()
    turns.speech_started(1.0, Bot.SPEAKING)
    turns.heard("mm-hm", 1.3, Bot.HELD, final=True)
    assert turns.speech_stopped(1.4, Bot.HELD) == Decision(Act.RESUME, "backchannel")
    turns.speech_started(2.0, Bot.SPEAKING)
    assert turns.speech_stopped(2.2, Bot.HELD) == WAIT  # of this one nothing is known


def test_a_backchannel_that_goes_on_is_a_turn():
    turns = taker()
    turns.speech_started(1.0, Bot.SPEAKING)
    assert turns.heard("yeah", 1.2, Bot.HELD, final=False) == WAIT
    assert turns.heard("yeah but what about", 1.4, Bot.HELD, final=False).act is Act.INTERRUPT


def test_a_lone_article_is_no_reason_to_stop_and_what_follows_it_is():
    turns = taker()
    turns.speech_started(1.0, Bot.SPEAKING)
    assert turns.heard("the", 1.2, Bot.HELD, final=False) == WAIT
    assert turns.heard("the", 1.4, Bot.HELD, final=True) == Decision(Act.IGNORE, "fragment")
    assert turns.text == ""
    turns.speech_stopped(1.4, Bot.HELD)
    assert turns.elapsed(2.2, Bot.HELD) == Decision(Act.RESUME, "no words")
    assert turns.heard("the bill", 3.0, Bot.SPEAKING, final=False).act is Act.INTERRUPT


def test_after_real_words_okay_belongs_to_the_turn():
    turns = taker(barge_in="on-words(3)")
    turns.heard("on sunday", 1.0, Bot.SPEAKING, final=True)
    assert turns.heard("okay", 1.2, Bot.SPEAKING, final=True).act is Act.INTERRUPT
    assert turns.text == "on sunday okay"


# Echo


PLAYING = "we are open from nine to five".split()


def test_the_bots_own_words_resume_it_and_teach_the_level():
    turns = taker()
    turns.speech_started(1.0, Bot.SPEAKING, -40.0)
    heard = turns.heard("are open from", 1.3, Bot.HELD, final=True, playing=PLAYING)
    assert heard == Decision(Act.RESUME, "echo")
    turns.speech_stopped(1.4, Bot.SPEAKING)
    assert turns.speech_started(2.0, Bot.SPEAKING, -38.0) == WAIT
    assert turns.speech_started(3.0, Bot.SPEAKING, -30.0).act is Act.HOLD


def test_two_short_sounds_that_end_with_the_hold_are_the_bots_own():
    turns = taker()
    for at in (1.0, 3.0):
        assert turns.speech_started(at, Bot.SPEAKING, -40.0).act is Act.HOLD
        turns.speech_stopped(at + 0.3, Bot.HELD)
        assert turns.elapsed(at + 1.1, Bot.HELD).act is Act.RESUME
    assert turns.speech_started(5.0, Bot.SPEAKING, -40.0) == WAIT


def test_a_louder_voice_in_the_bots_words_is_the_user():
    turns = taker()
    turns.speech_started(1.0, Bot.SPEAKING, -40.0)
    turns.heard("are open from", 1.3, Bot.HELD, final=True, playing=PLAYING)
    turns.speech_stopped(1.4, Bot.SPEAKING)
    turns.speech_started(2.0, Bot.SPEAKING, -20.0)
    decision = turns.heard("open from nine", 2.4, Bot.HELD, final=True, playing=PLAYING)
    assert decision.act is Act.INTERRUPT


def test_one_word_in_common_is_chance():
    decision = taker().heard("five", 1.0, Bot.SPEAKING, final=True, playing=PLAYING)
    assert decision.act is Act.INTERRUPT


# Words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Don't STOP, please!", ["don't", "stop", "please"]),
        ("the users’ 'quoted' words", ["the", "users", "quoted", "words"]),
        ("  -- ", []),
        ("naïve café 24", ["naïve", "café", "24"]),
    ],
)
def test_words(text: str, words: list[str]):
    assert words_of(text) == words


@pytest.mark.parametrize("text", ["Mm-hm.", "yeah", "Okay, right.", "uh huh", "I see", "Oh great!"])
def test_backchannels(text: str):
    assert is_backchannel(text)


@pytest.mark.parametrize("text", ["no", "yeah but", "stop", "yes yes yes yes", "I see you", "nine"])
def test_no_backchannels(text: str):
    assert not is_backchannel(text)


@pytest.mark.parametrize("text", ["Stop!", "no wait", "hang on a second", "Excuse me?", "be quiet"])
def test_stops(text: str):
    assert has_stop_word(text)


@pytest.mark.parametrize("text", ["the bus stops here", "waiter", "hold this on", "unquiet"])
def test_no_stops(text: str):
    assert not has_stop_word(text)


@pytest.mark.parametrize(
    ("text", "echo"),
    [
        ("we are open", True),
        ("open from nice to five", True),  # as a recogniser mishears it
        ("when do you close", False),
        ("five nine open", False),  # not in their order
        ("", False),
    ],
)
def test_echoes(text: str, echo: bool):
    assert is_echo(text, PLAYING) is echo
    assert not is_echo(text, [])


def test_trailing_words():
    assert trails_off("I would like to")
    assert not trails_off("to")
    assert not trails_off("I want that")
    assert not trails_off("thank you")


def test_end_phrases_are_whole_words():
    assert ends_the_call("Well, good bye then!", ("good bye",))
    assert ends_the_call("GOODBYE", ("goodbye",))
    assert not ends_the_call("goodbyes are hard", ("goodbye",))
    assert not ends_the_call("good old bye", ("good bye",))
    assert not ends_the_call("anything", ())


def test_a_long_sound_whose_words_are_unclear_only_pauses_the_bot():
    turns = taker(interrupt_confidence=0.5)
    assert turns.speech_started(1.0, Bot.SPEAKING).act is Act.HOLD
    heard = turns.heard("Yes dear", 1.4, Bot.HELD, final=False, confidence=0.3)
    assert (heard, turns.voiced(0.7, Bot.HELD)) == (WAIT, WAIT)
    clear = turns.heard("Yes dear Sunday", 1.8, Bot.HELD, final=False, confidence=0.9)
    assert clear == Decision(Act.INTERRUPT, "words")
    turns.interrupted()
    turns.speech_started(9.0, Bot.SPEAKING)
    assert turns.voiced(0.7, Bot.HELD) == Decision(Act.INTERRUPT, "long sound")


def test_a_first_guess_as_soft_as_the_echo_waits_for_the_next_word():
    turns, playing = taker(), "we are open from nine".split()
    turns.speech_started(1.0, Bot.SPEAKING, level_db=-40.0)
    turns.heard("we are", 1.3, Bot.HELD, final=True, playing=playing)  # an echo, at -40 dB
    turns.speech_started(2.0, Bot.SPEAKING, level_db=-38.0)
    for guess in ("day", "are day", "are open place"):
        assert turns.heard(guess, 2.2, Bot.SPEAKING, final=False, playing=playing) == WAIT
    stop = turns.heard("stop", 2.3, Bot.SPEAKING, final=False, playing=playing)
    assert stop == Decision(Act.INTERRUPT, "stop word")
    meant = turns.heard("sorry only", 2.4, Bot.SPEAKING, final=False, playing=playing)
    assert meant == Decision(Act.INTERRUPT, "words")
    turns.speech_started(3.0, Bot.SPEAKING, level_db=-20.0)
    loud = turns.heard("day", 3.2, Bot.SPEAKING, final=False, playing=playing)
    assert loud == Decision(Act.INTERRUPT, "words")
