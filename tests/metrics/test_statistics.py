"""Intervals, curves and tests against numbers that were published."""

import math
import statistics
from itertools import pairwise

import pytest

from bench.metrics.comparison import (
    absolute_shift,
    cluster_bootstrap,
    expanded_tail,
    hodges_lehmann,
    holm,
    mcnemar,
    quantile_shift,
    relative_shift,
    sign_flip,
    student,
    student_quantile,
    swap_labels,
)
from bench.metrics.gates import gate
from bench.metrics.statistics import (
    Interval,
    ecdf,
    greenwood_error,
    kaplan_meier,
    minimum_n,
    newcombe,
    newcombe_paired,
    quantile_interval,
    restricted_mean,
    rule_of_three,
    stopped_by,
    wilson,
)

pytestmark = pytest.mark.unit

# Weeks in remission under 6-mercaptopurine (Freireich 1963); False: still in remission.
REMISSION = [
    *[(6, True)] * 3, (6, False), (7, True), (9, False), (10, True), (10, False), (11, False),
    (13, True), (16, True), (17, False), (19, False), (20, False), (22, True), (23, True),
    (25, False), (32, False), (32, False), (34, False), (35, False),
]  # fmt: skip


@pytest.mark.parametrize(("share", "n"), [(0.5, 6), (0.9, 29), (0.95, 59), (0.99, 299)])
def test_a_quantile_needs_so_many_values(share: float, n: int) -> None:
    assert minimum_n(share) == n
    assert quantile_interval(range(n - 1), share) is None
    assert quantile_interval(range(n), share) is not None


@pytest.mark.parametrize(
    ("n", "low", "high", "reached"),
    [(6, 1, 6, 0.9688), (10, 2, 9, 0.9785), (15, 4, 12, 0.9648), (20, 6, 15, 0.9586)],
)
def test_the_median_s_ranks_are_those_of_the_tables(
    n: int, low: int, high: int, reached: float
) -> None:
    found = quantile_interval(range(1, n + 1), 0.5)
    assert found is not None
    assert (found.low, found.high) == (low, high)
    assert found.confidence == pytest.approx(reached, abs=5e-5)


def test_a_share_s_interval() -> None:  # Newcombe 1998
    found = wilson(81, 263)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    none = wilson(0, 20)
    assert none is not None
    assert (none.low, none.high) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson(0, 0) is None
    assert rule_of_three(300) == pytest.approx(0.01)
    assert rule_of_three(0) is None


def test_a_difference_of_shares() -> None:  # Newcombe 1998, method 10
    found = newcombe((56, 70), (48, 80))
    assert found is not None
    assert (found.low, found.high) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    assert newcombe((1, 2), (0, 0)) is None


def test_a_difference_of_shares_of_the_same_things() -> None:
    found = newcombe_paired(36, 12, 2, 0)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((0.0569, 0.3404), abs=5e-5)
    turned = newcombe_paired(36, 2, 12, 0)
    assert turned is not None
    assert (turned.low, turned.high) == pytest.approx((-found.high, -found.low))
    same = newcombe_paired(10, 0, 0, 10)
    assert same is not None
    assert same.low <= 0.0 <= same.high
    assert newcombe_paired(0, 0, 0, 0) is None


def test_a_curve_of_shares() -> None:
    points = ecdf([3.0, 1.0, 3.0, 2.0])
    assert [(point.value, point.share) for point in points] == [(1, 0.25), (2, 0.5), (3, 1.0)]
    assert all(point.low < point.share <= point.high for point in points)
    assert ecdf([]) == []


def test_kaplan_and_meier() -> None:
    points = kaplan_meier(REMISSION)
    going = [(point.value, round(1 - point.share, 4)) for point in points]
    assert going == [
        (6, 0.8571), (7, 0.8067), (10, 0.7529), (13, 0.6902), (16, 0.6275), (22, 0.5378),
        (23, 0.4482),
    ]  # fmt: skip
    errors = greenwood_error(points, REMISSION)
    expected = [0.0764, 0.0869, 0.0963, 0.1068, 0.1141, 0.1282, 0.1346]
    assert errors == pytest.approx(expected, abs=5e-5)
    assert (1 - points[0].high, 1 - points[0].low) == pytest.approx((0.620, 0.952), abs=5e-4)
    assert stopped_by(points, 0.5) == 23
    assert stopped_by(points, 0.9) is None
    assert restricted_mean(points, 35) == pytest.approx(23.29, abs=0.005)


def test_without_censoring_it_is_the_plain_curve() -> None:
    values = [0.2, 0.4, 0.4, 0.9]
    assert [point.share for point in kaplan_meier([(v, True) for v in values])] == pytest.approx(
        [point.share for point in ecdf(values)]
    )
    assert restricted_mean(kaplan_meier([(v, True) for v in values]), 2.0) == pytest.approx(
        statistics.mean(values)
    )
    assert kaplan_meier([(1.0, False)]) == []


@pytest.mark.parametrize(
    ("df", "t"), [(1, 12.706), (2, 4.303), (4, 2.776), (9, 2.262), (29, 2.045), (120, 1.980)]
)
def test_student_s_table(df: int, t: float) -> None:
    assert student_quantile(0.975, df) == pytest.approx(t, abs=5e-4)
    assert student(-t, df) == pytest.approx(0.025, abs=5e-5)
    assert student(0.0, df) == 0.5


def test_shifts_of_pairs() -> None:
    assert hodges_lehmann([1.0, 2.0, 4.0]) == 2.25  # of 1, 1.5, 2, 2.5, 3 and 4
    assert hodges_lehmann([]) is None
    assert relative_shift([(1.1, 1.0), (2.2, 2.0), (330.0, 300.0)]) == pytest.approx(0.1)
    assert relative_shift([(1.0, 0.0)]) is None
    assert absolute_shift([(1.0, 2.0), (5.0, 6.0)]) == -1.0
    pairs = [(2.0 * v, float(v)) for v in range(1, 101)]
    assert quantile_shift(pairs, 0.95) == pytest.approx(95.05)
    assert quantile_shift(pairs, 0.95, relative=True) == pytest.approx(1.0)
    assert quantile_shift([], 0.5) is None


# Darwin's maize: crossed less self-fertilised, in eighths of an inch (Fisher 1935).
MAIZE = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]


def test_signs_flipped() -> None:
    assert sum(MAIZE) == 314
    exact = sign_flip(MAIZE, draws=2**15)
    assert exact == pytest.approx(1726 / 32768)  # two-sided, as Fisher counted
    drawn = sign_flip(MAIZE, draws=10_000, seed=1)
    assert drawn == pytest.approx(1726 / 32768, abs=0.01)
    assert drawn == sign_flip(MAIZE, draws=10_000, seed=1)
    assert sign_flip([0.0, 0.0]) == 1.0
    assert sign_flip([]) is None


def test_labels_exchanged() -> None:
    pairs = [(2.0 * value, float(value)) for value in range(1, 11)]
    shifted = swap_labels(pairs, absolute_shift, draws=500)
    assert shifted is not None
    assert shifted < 0.02
    same = swap_labels([(float(v), float(v)) for v in range(10)], absolute_shift, draws=100)
    assert same == 1.0
    assert swap_labels([], absolute_shift) is None


def test_pairs_that_disagree() -> None:
    assert mcnemar(10, 2) == pytest.approx(2 * 79 / 4096)
    assert mcnemar(2, 10) == mcnemar(10, 2)
    assert mcnemar(5, 5) == mcnemar(0, 0) == 1.0


def test_many_at_once() -> None:
    adjusted = holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005})
    assert adjusted == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06, "d": 0.02})
    assert holm({}) == {}


def mean(values: list[float]) -> float | None:
    return statistics.mean(values) if values else None


def test_few_clusters_widen_the_interval() -> None:
    few = {f"s{i}": [float(i), i + 0.1] for i in range(8)}
    many = {f"s{i:02}": [float(i % 8), i % 8 + 0.1] for i in range(40)}
    narrow, wide = cluster_bootstrap(many, mean), cluster_bootstrap(few, mean)
    assert narrow is not None
    assert wide is not None
    assert narrow.low < 3.55 < narrow.high
    # Hesterberg: for 8 clusters the 2.5 % become those of t(7) times the root of 8/7: 0.57 %.
    spread = statistics.NormalDist(3.55, statistics.pstdev(range(8)) / math.sqrt(8))
    assert wide.low == pytest.approx(spread.inv_cdf(0.0057), abs=0.12)
    assert wide == cluster_bootstrap(few, mean)
    assert wide != cluster_bootstrap(few, mean, seed=1)
    assert cluster_bootstrap({"one": [1.0]}, mean) is None


def test_the_expanded_percentiles_are_hesterberg_s() -> None:
    assert expanded_tail(5) == pytest.approx(0.0010, abs=5e-5)
    assert expanded_tail(10) == pytest.approx(0.0086, abs=5e-5)
    assert expanded_tail(30) == pytest.approx(0.025)


def test_a_gate_passes_fails_or_cannot_tell() -> None:
    assert gate(0.01, Interval(-0.01, 0.03), 0.05, n=40).ruling == "pass"
    assert gate(-0.1, Interval(-0.2, -0.05), 0.05, n=40).better
    assert gate(0.2, Interval(0.1, 0.3), 0.05, n=40).ruling == "fail"
    torn = gate(0.01, Interval(-0.09, 0.11), 0.05, n=40)
    assert torn.ruling == "inconclusive"
    assert torn.needed == math.ceil(40 * (0.1 / 0.04) ** 2) + 1
    assert gate(0.05, Interval(-0.1, 0.2), 0.05, n=40).needed is None
    assert gate(0.1, Interval(0.01, 0.2), 0.05, n=40).ruling == "inconclusive"
    assert gate(0.0, None, 0.05, n=3).ruling == "inconclusive"


def test_an_unchanged_build_passes_a_gate_without_a_margin() -> None:
    assert gate(0.0, Interval(0.0, 0.0), 0.0, n=40).ruling == "pass"


def test_a_gate_may_look_upwards() -> None:
    assert gate(-0.2, Interval(-0.3, -0.1), 0.02, n=40, direction="higher").ruling == "fail"
    better = gate(0.2, Interval(0.1, 0.3), 0.02, n=40, direction="higher")
    assert (better.ruling, better.better) == ("pass", True)


def test_more_observations_are_asked_for_the_nearer_the_margin() -> None:
    interval = Interval(-0.1, 0.1)
    asked = [gate(e, interval, 0.05, n=20).needed or 0 for e in (0.0, 0.02, 0.03, 0.04)]
    assert all(a < b for a, b in pairwise(asked))
