"""Gaps, silence and shares of talk, and what it cost."""

import pytest

from bench.events import AgentFinished, AgentRequested, Underrun
from bench.metrics.cost import Prices, cost, use
from bench.metrics.figures import run_figures
from bench.metrics.talk import (
    duration,
    overlap,
    silence_share,
    silences,
    talk_ratio,
    turns_per_minute,
    underruns,
    words_per_turn,
)
from bench.trace import Entry, Trace
from bench.truths import ListenerHeard, Sounded
from tests.metrics.scripts import ASKS, HOURS, MIC_AT, is_cut, says, sounds, trace

pytestmark = pytest.mark.unit

TALK = trace(ASKS, sounds(1, 1, HOURS, 3.0, 7.0), ends=10.25)


def test_silence_is_what_nobody_fills() -> None:
    assert duration(TALK) == pytest.approx(10.0)
    assert silences(TALK) == pytest.approx([0.75, 1.0, 3.25])
    assert silence_share(TALK) == pytest.approx(0.5)
    assert talk_ratio(TALK) == pytest.approx(0.8)
    assert run_figures(TALK).longest_silence == pytest.approx(3.25)
    assert turns_per_minute(TALK) == pytest.approx(6.0)
    assert words_per_turn(TALK) == 9


def test_an_inner_pause_of_the_user_s_is_silence() -> None:
    said = [*says("a", "one", 1.0, 1.5), *says("b", "two", 2.5, 3.0)]
    (_, one), (_, two) = said
    both = type(one)("a", "turn", "one two", one.at_sample, two.end_sample, one.words + two.words)
    found = trace([(3.0, both)], ends=4.0)
    assert silences(found) == pytest.approx([1.0 - MIC_AT, 1.0, 1.0])


def test_gaps_are_inside_an_utterance() -> None:
    found = trace(
        ASKS,
        [
            (4.0, Sounded(1, 3.0, 4.0, 0, 16_000, "dry", turn=1)),
            (5.0, Sounded(1, 4.3, 5.0, 16_000, 11_200, "held", turn=1)),
            (7.0, Sounded(1, 6.0, 7.0, 27_200, 16_000, "dry", turn=1)),
            (7.0, ListenerHeard(1, HOURS, 43_200, turn=1)),
        ],
    )
    gaps = underruns(found)
    assert gaps.n == 1
    assert gaps.seconds == pytest.approx(0.3)


def test_without_truth_gaps_have_a_number_and_no_length() -> None:
    made = Trace()
    made.entries = [Entry(1.0, Underrun(1, 800, True))]
    assert underruns(made).n == 1
    assert underruns(made).seconds is None
    assert (silences(made), overlap(made), talk_ratio(made)) == (None, None, None)


def test_of_nothing_there_is_no_share() -> None:
    empty = trace(ends=None)
    assert silence_share(empty) is None
    assert talk_ratio(empty) is None
    assert turns_per_minute(empty) is None
    assert words_per_turn(empty) is None


PRICES = Prices(0.6, 2.0, 8.0, 50.0)
USAGE = {"prompt_tokens": 1000, "completion_tokens": 500}


def metered(*parts, usage=USAGE, ends=30.25):
    asked = [f for f in ASKS if not isinstance(f[1], AgentFinished)]
    done = [(2.76, AgentFinished("bot", 9, usage, turn=1))] if usage is not None else []
    return trace(asked, done, *parts, ends=ends)


def test_a_minute_costs_what_was_metered() -> None:
    found = cost(metered(sounds(1, 1, HOURS, 3.0, 7.0)), PRICES)
    assert found.stt == pytest.approx(0.3)
    assert found.llm == pytest.approx(0.002 + 0.004)
    assert found.tts == pytest.approx(len(HOURS) * 50e-6)
    assert found.per_minute == pytest.approx(2 * (0.306 + len(HOURS) * 50e-6))
    assert found.waste_share == 0.0
    assert not found.estimated


def test_thoughts_are_paid_for_as_an_answer_is() -> None:
    counts = {"prompt_token_count": 10, "candidates_token_count": 4, "thoughts_token_count": 60}
    used = use(metered(usage={**counts, "total_token_count": 74}))
    assert (used.tokens_in, used.tokens_out) == (10, 64)


def test_an_unknown_price_is_not_nothing() -> None:
    found = cost(metered(), Prices(0.6, 2.0, None, 50.0))
    assert (found.llm, found.total, found.per_minute, found.waste_share) == (None,) * 4
    figures = run_figures(metered())
    assert (figures.cost_per_min_usd, figures.waste_share) == (None, None)
    assert run_figures(metered(), PRICES).cost_per_min_usd is not None


def test_what_nobody_heard_was_paid_all_the_same() -> None:
    cut = is_cut(1, 1, 3.0, 4.0, heard="We are open", intended=HOURS)
    used = use(metered(cut))
    assert used.characters == len(HOURS)
    assert used.wasted_characters == len(HOURS) - 11
    assert used.wasted_tokens == pytest.approx(500 * (1 - 11 / len(HOURS)))
    assert use(metered()).wasted_tokens == 500  # nothing of it sounded


def test_an_answer_without_an_account_is_estimated_and_says_so() -> None:
    used = use(metered(usage=None))
    assert used.estimated
    assert used.tokens_out == pytest.approx(len(HOURS) / 4)
    assert used.tokens_in == pytest.approx(len("when do you open") / 4)
    assert use(metered(usage=USAGE | {"estimated": 1})).estimated
    silent = trace([f for f in ASKS if not isinstance(f[1], AgentRequested | AgentFinished)])
    assert use(silent).tokens_out == 0.0
