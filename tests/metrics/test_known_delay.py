"""The instrument is measured first: a bot whose delay is known is measured to the millisecond."""

import pytest

from bench import clock
from bench.audio import SAMPLE_RATE
from bench.metrics.response import STAGES, responses
from bench.metrics.sound import audible
from bench.metrics.turns import turns
from tests.metrics.known_delay import BEGINS_AT_SAMPLE, DELAYS_MS, call

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("delay_ms", DELAYS_MS)
def test_a_known_delay_is_measured_without_bias(delay_ms: int) -> None:
    made = clock.run(call(delay_ms / 1000), virtual=True)
    (found,) = responses(made.trace)
    assert found.truth
    assert found.v2v is not None
    assert abs(found.v2v * 1000 - delay_ms) < 1.0
    assert found.ttft == pytest.approx(delay_ms / 1000, abs=1e-6)
    assert found.residual == pytest.approx(0.0, abs=1e-6)
    assert all(getattr(found, name) is not None for name in STAGES)


@pytest.mark.parametrize("delay_ms", DELAYS_MS)
def test_the_two_recordings_tell_the_same_as_the_facts(delay_ms: int) -> None:
    made = clock.run(call(delay_ms / 1000), virtual=True)
    (found,) = responses(made.trace)
    user, bot = audible(made.user_pcm[2 * BEGINS_AT_SAMPLE :]), audible(made.bot_pcm)
    assert user is not None
    assert bot is not None
    by_ear = (bot[0] - BEGINS_AT_SAMPLE - user[1]) / SAMPLE_RATE
    assert by_ear == pytest.approx(found.v2v, abs=0.01)  # a frame of the ear's


def test_the_page_s_stages_are_the_same_turn() -> None:
    made = clock.run(call(0.213), virtual=True)
    (turn,), (found,) = turns(made.trace), responses(made.trace)
    assert turn.stages.voice_to_voice == pytest.approx(found.v2v, abs=1e-6)
    assert turn.stages.endpoint == pytest.approx(found.endpoint_delay, abs=1e-6)


def test_a_slower_bot_is_slower_by_as_much() -> None:
    waits = []
    for delay_ms in DELAYS_MS:
        (found,) = responses(clock.run(call(delay_ms / 1000), virtual=True).trace)
        waits.append((found.v2v or 0.0) * 1000 - delay_ms)
    assert max(waits) - min(waits) < 0.07  # a sample
