"""Stops and whose they are, what is censored, what was nothing, what became of a pause."""

import pytest

from bench.events import InterruptDecided, TurnWithdrawn, UserStartedSpeaking
from bench.metrics.barge_in import (
    agent_interrupts,
    false_stops,
    missed,
    spurious,
    stops,
    yielded,
)
from bench.metrics.cutoffs import cuts
from bench.metrics.figures import step_figures
from bench.metrics.talk import overlap
from bench.trace import Trace
from bench.truths import ListenerHeard, Sounded
from tests.metrics.scripts import (
    ASKS,
    HOURS,
    commits,
    goes_on,
    heard,
    held,
    is_cut,
    prepares,
    sample,
    says,
    sounds,
    trace,
)

pytestmark = pytest.mark.unit

CUT = is_cut(1, 1, 3.0, 4.5, heard="We are open", intended=HOURS, decided=4.6)
CUTS_IN = (
    ASKS,
    says("cut", "stop it now", 4.3, 5.3, "interrupt"),
    [(4.4, UserStartedSpeaking("vad", sample(4.3)))],
    held(4.5),
    CUT,
    heard(5.5, "stop it now", (4.3, 5.3)),
    commits(2, 5.8, "stop it now"),
    prepares(2, 5.8, "All right"),
    sounds(2, 2, "All right", 6.3, 7.0),
)


def test_a_stop_comes_apart_and_adds_up() -> None:
    (stop,) = stops(trace(*CUTS_IN))
    assert stop.step == "cut"
    assert not stop.censored
    assert stop.latency == pytest.approx(0.2)
    assert stop.detect == pytest.approx(0.1)
    assert stop.decide == pytest.approx(0.2)
    assert stop.flush == pytest.approx(-0.1)  # held before it was decided
    assert yielded(trace(*CUTS_IN)) == (1, 1)
    assert yielded(trace(*CUTS_IN), within_seconds=0.1) == (0, 1)


def test_the_answer_to_the_interrupt_is_waited_for_from_its_end() -> None:
    figures = step_figures(trace(*CUTS_IN), "cut")
    assert figures.v2v == pytest.approx(1.0)
    assert figures.interrupts
    assert figures.replies
    assert figures.resumed is False
    assert (figures.heard, figures.context) == ("We are open", "We are open")
    assert figures.intended == HOURS
    assert figures.said_after == "All right"
    assert missed(trace(*CUTS_IN)) == (0, 1)


def unheeded(ended: float, *, until: float = 20.0) -> Trace:
    cut = says("cut", "stop it now", 4.3, 5.3, "interrupt")
    return trace(ASKS, sounds(1, 1, HOURS, 3.0, ended), cut, ends=until)


def test_a_stop_that_was_not_seen_is_censored_and_never_a_number() -> None:
    (stop,) = stops(unheeded(9.0))
    assert stop.latency is None
    assert stop.bound == pytest.approx(4.7)
    assert (stop.detect, stop.decide, stop.flush) == (None, None, None)
    assert yielded(unheeded(9.0)) == (0, 1)
    assert missed(unheeded(9.0)) == (1, 1)


def test_a_bot_that_ends_by_itself_tells_nothing_about_yielding() -> None:
    assert stops(unheeded(5.0))[0].bound == pytest.approx(0.7)
    assert yielded(unheeded(5.0)) == (0, 0)


def test_the_end_of_the_trace_censors_too() -> None:
    assert stops(unheeded(9.0, until=6.0))[0].bound == pytest.approx(1.7)


def test_a_bot_that_is_silent_cannot_be_stopped() -> None:
    silent = trace(says("cut", "stop", 1.0, 1.5, "interrupt"))
    assert stops(silent) == []
    assert yielded(silent) == (0, 0)
    assert missed(silent) == (1, 1)  # it never became a turn


def test_two_interrupts_stop_one_utterance_each() -> None:
    second = (
        says("again", "no wait", 6.5, 7.2, "interrupt"),
        heard(6.9, "no", (6.5, 6.8), final=False),
        is_cut(2, 2, 6.3, 6.9, heard="All", intended="All right then"),
    )
    found = trace(*CUTS_IN[:-1], *second)
    assert [(stop.step, stop.utterance) for stop in stops(found)] == [("cut", 1), ("again", 2)]
    assert stops(found)[1].latency == pytest.approx(0.4)
    assert step_figures(found, "again").heard == "All"
    assert step_figures(found, "cut").heard == "We are open"


def test_a_pause_that_a_cough_began_and_words_decided_is_the_words() -> None:
    found = trace(
        ASKS,
        says("cough", "", 4.0, 4.2, "noise"),
        held(4.1),
        says("cut", "stop it", 4.4, 4.9, "interrupt"),
        is_cut(1, 1, 3.0, 4.1, heard="We are", intended=HOURS, decided=4.8),
    )
    by_step = {stop.step: stop for stop in stops(found)}
    assert by_step["cough"].censored
    assert by_step["cut"].latency == pytest.approx(-0.3)  # it was silent already
    assert not step_figures(found, "cough").interrupts
    assert step_figures(found, "cut").interrupts
    assert false_stops(found) == (0, 1)


def test_an_interrupt_s_own_pause_stays_its_own_whoever_speaks_next() -> None:
    found = trace(
        ASKS,
        says("cut", "stop it", 4.0, 4.3, "interrupt"),
        held(4.1),
        says("more", "please", 4.5, 4.9),
        is_cut(1, 1, 3.0, 4.1, heard="We are", intended=HOURS, decided=4.6),
    )
    assert [stop.step for stop in stops(found)] == ["cut"]


def test_a_button_is_no_step_s_doing() -> None:
    pressed = is_cut(1, 1, 3.0, 4.5, heard="We are", intended=HOURS, reason="requested")
    found = trace(ASKS, says("mhm", "mhm", 4.0, 4.2, "backchannel"), pressed)
    (stop,) = stops(found)
    assert stop.censored
    assert not step_figures(found, "mhm").interrupts
    assert false_stops(found) == (0, 1)


def test_a_bot_that_its_own_echo_cuts_off_was_stopped_by_nobody() -> None:
    found = trace(ASKS, is_cut(1, 1, 3.0, 4.5, heard="We are", intended=HOURS))
    assert stops(found) == []
    assert not step_figures(found, "ask").interrupts
    assert [cut.step for cut in cuts(found)] == [""]


COUGH = says("cough", "", 4.0, 4.3, "noise")


def test_a_cough_that_stops_the_bot_for_good_is_a_false_stop() -> None:
    cut = is_cut(1, 1, 3.0, 5.0, heard="We are", intended=HOURS)
    assert false_stops(trace(ASKS, COUGH, cut)) == (1, 1)
    late = is_cut(1, 1, 3.0, 5.5, heard="We are", intended=HOURS)
    assert false_stops(trace(ASKS, COUGH, late)) == (0, 1)
    assert step_figures(trace(ASKS, COUGH, cut), "cough").aftermath == "drops"
    assert false_stops(trace(ASKS, COUGH)) == (0, 0)


def paused(next_sample: int) -> Trace:
    stretches = [
        (4.1, Sounded(1, 3.0, 4.1, 0, 17_600, "held", turn=1)),
        (8.0, Sounded(1, 5.2, 8.0, next_sample, 44_800, "finished", turn=1)),
        (8.0, ListenerHeard(1, HOURS, 62_400, turn=1)),
    ]
    return trace(ASKS, COUGH, held(4.1), stretches, goes_on(5.2))


def test_a_cough_that_only_pauses_the_bot_is_none() -> None:
    found = paused(17_600)
    assert false_stops(found) == (0, 1)
    figures = step_figures(found, "cough")
    assert not figures.interrupts
    assert figures.resumed is True
    assert figures.aftermath == "resumes"
    (pause,) = figures.pauses
    assert pause.seconds == pytest.approx(1.1)
    assert pause.after == pytest.approx(0.9)
    assert (pause.repeated_seconds, pause.skipped_seconds) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("next_sample", "what", "repeated", "skipped"),
    [(9_600, "restarts", 0.5, 0.0), (25_600, "skips", 0.0, 0.5)],
)
def test_what_is_said_twice_and_what_never(
    next_sample: int, what: str, repeated: float, skipped: float
) -> None:
    figures = step_figures(paused(next_sample), "cough")
    assert figures.aftermath == what
    assert figures.pauses[0].repeated_seconds == pytest.approx(repeated)
    assert figures.pauses[0].skipped_seconds == pytest.approx(skipped)


def test_after_a_false_stop_the_rest_may_come_after_all() -> None:
    cut = is_cut(1, 1, 3.0, 4.4, heard="We are open", intended=HOURS)
    rest = sounds(2, 1, "Well, from nine to five on weekdays", 6.0, 8.0)
    said = [(5.5, e[1]) for e in prepares(1, 5.0, "Well, from nine to five on weekdays")[2:3]]
    assert step_figures(trace(ASKS, COUGH, cut, said, rest), "cough").aftermath == "resumes"
    again = [(5.5, e[1]) for e in prepares(3, 5.0, HOURS)[2:3]]
    restarted = trace(ASKS, COUGH, cut, again, sounds(2, 3, HOURS, 6.0, 8.0))
    assert step_figures(restarted, "cough").aftermath == "restarts"


def test_noise_in_a_silence_may_be_answered() -> None:
    alone = says("cough", "", 4.0, 4.3, "noise")
    answered = (
        heard(4.6, "huh"),
        commits(1, 5.0, "huh"),
        prepares(1, 5.0, "Pardon?"),
        sounds(1, 1, "Pardon?", 5.6, 6.2),
    )
    assert spurious(trace(alone)) == (0, 1)
    assert spurious(trace(alone, *answered)) == (1, 1)
    assert step_figures(trace(alone, *answered), "cough").replies
    assert spurious(trace(ASKS, sounds(1, 1, HOURS, 4.5, 7.0), alone)) == (0, 1)  # asked before


def test_a_thought_that_is_called_off_is_an_interrupt_without_a_stop() -> None:
    early = says("cut", "no wait", 2.6, 3.2, "interrupt")
    called_off = [
        (2.9, InterruptDecided("words", "hold-then-decide", sample(2.9), turn=1)),
        (2.9, TurnWithdrawn("when do you open", "interrupted", turn=1)),
    ]
    found = trace(ASKS, early, called_off)
    assert stops(found) == []
    assert step_figures(found, "cut").interrupts
    assert not step_figures(found, "ask").interrupts


def test_a_bot_that_speaks_into_the_user_s_turn() -> None:
    into = sounds(1, 1, HOURS, 1.5, 4.0)
    assert agent_interrupts(trace(ASKS, into)) == (1, 1)
    assert agent_interrupts(trace(ASKS, sounds(1, 1, HOURS, 3.0, 4.0))) == (0, 1)
    both = overlap(trace(ASKS, into))
    assert both is not None
    assert (both.by_user, both.by_bot) == (0.0, pytest.approx(0.5))


def test_overlap_is_whose_who_spoke_into_the_other_s_speech() -> None:
    both = overlap(trace(*CUTS_IN))
    assert both is not None
    assert both.by_user == pytest.approx(0.2)
    assert both.seconds == pytest.approx(0.2)
    cough = overlap(trace(ASKS, COUGH, sounds(1, 1, HOURS, 3.0, 7.0)))
    assert cough is not None
    assert cough.seconds == 0.0  # nobody speaks in a cough


def test_what_the_bot_was_in_the_middle_of_counts_as_said_after() -> None:
    mhm = says("mhm", "mhm", 5.0, 5.3, "backchannel")
    after = step_figures(trace(ASKS, mhm, sounds(1, 1, HOURS, 3.0, 7.0)), "mhm").said_after
    assert after == "nine to five on weekdays"
