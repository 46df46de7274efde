from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
from scipy.stats import norm

from fadefollow.core.cache.shared_folder import SHARED
from fadefollow.verdict.estimates.bootstrap import (
    UNKNOWN,
    Bootstrapped,
    Resampling,
    block_indices,
    block_variance,
    bootstrap,
    ratio_se,
)
from fadefollow.verdict.estimates.days import DaySums


def _rng(seed=0):
    return np.random.default_rng(seed)


def _index(days, length, draws, *, seed):
    return block_indices(days, length=length, draws=draws, rng=_rng(seed))


def _moving_average(rng, days, lags):
    """Correlated normals: each is the sum of `lags` neighbouring shocks."""
    return np.convolve(rng.normal(size=days + lags - 1), np.ones(lags), "valid")


def test_variance_of_two_days_in_closed_form():
    assert block_variance(np.array([2.0, 3.0]), 0.5) == pytest.approx(4 + 9 + 2 * 0.5 * 6)


def test_weights_fall_geometrically_with_distance():
    influence = np.array([1.0, 0.0, 0.0, 1.0])
    assert block_variance(influence, 0.9) == pytest.approx(2 + 2 * 0.9**3)


def test_days_that_make_up_for_each_other_make_no_error_smaller():
    # 1 + 1 − 2 · 0.9 = 0.2 would be nearly sure of its mean
    assert block_variance(np.array([1.0, -1.0]), 0.9) == pytest.approx(1 + 1)


def test_error_of_one_independent_trade_a_day_is_that_of_a_mean():
    values = np.array([1.0, 2.0, 3.0, 6.0])
    # mean 3, squared deviations 4 + 1 + 0 + 9 = 14, error √(14 / 4 / 4)
    assert ratio_se(DaySums(values, np.ones(4)), 1.0) == pytest.approx(math.sqrt(14) / 4)


def test_error_of_a_ratio_by_hand():
    sums = DaySums(np.array([3.0, 1.0]), np.array([2.0, 1.0]))
    # r = 4/3, u = (1/3, −1/3), error √(2/9) / 3
    assert ratio_se(sums, 1.0) == pytest.approx(math.sqrt(2) / 9)


def test_error_without_trades_is_nan():
    assert math.isnan(ratio_se(DaySums(np.zeros(5), np.zeros(5)), 2.0))


def test_analytic_error_is_the_spread_of_the_replicates():
    sums = DaySums(_moving_average(_rng(), 3000, 4), np.ones(3000))
    (found,) = bootstrap([sums], [[1.0]], length=12.0, index=_index(3000, 12.0, 2000, seed=1))
    assert found.se == pytest.approx(found.values.std(), rel=0.05)


def test_error_of_correlated_days_is_the_long_run_one():
    values = np.concatenate([_moving_average(_rng(s), 4000, 5) for s in range(10)])
    # the long-run variance of a sum of five unit shocks is 25
    expected = 5 / math.sqrt(len(values))
    assert ratio_se(DaySums(values, np.ones(len(values))), 40.0) == pytest.approx(expected, rel=0.1)


def test_blocks_of_resampled_days_have_the_mean_length_and_go_round():
    index = block_indices(200, length=8.0, draws=500, rng=_rng())
    jumps = np.mean(np.diff(index.astype(int), axis=1) % 200 != 1)
    assert jumps == pytest.approx((1 / 8) * (199 / 200), rel=0.03)
    assert np.bincount(index.ravel(), minlength=200) == pytest.approx(500, rel=0.5)


def test_contrasts_share_the_resampled_days():
    rng = _rng()
    first, second = (DaySums(rng.normal(size=300), np.ones(300)) for _ in range(2))
    a, b, gap = bootstrap(
        [first, second], [[1, 0], [0, 1], [-1, 1]], length=3.0, index=_index(300, 3.0, 50, seed=1)
    )
    assert gap.value == pytest.approx(b.value - a.value)
    assert gap.values == pytest.approx(b.values - a.values)
    assert gap.se == pytest.approx(math.hypot(a.se, b.se), rel=0.3)


def test_a_series_without_trades_leaves_the_others_alone():
    full, empty = DaySums(_rng().normal(size=60), np.ones(60)), DaySums(np.zeros(60), np.zeros(60))
    a, b, gap = bootstrap(
        [full, empty], [[1, 0], [0, 1], [-1, 1]], length=2.0, index=_index(60, 2.0, 200, seed=1)
    )
    assert np.isfinite(a.interval(0.05)).all()
    assert np.isnan(b.interval(0.05)).all()
    assert np.isnan(gap.interval(0.05)).all()


def test_interval_is_the_normal_one_for_normal_replicates():
    z = norm.ppf((np.arange(20_000) + 0.5) / 20_000)
    found = Bootstrapped(5.0, 2.0, 5.0 + 3.0 * z, np.full(20_000, 3.0))
    assert found.interval(0.05) == pytest.approx((5 - 2 * 1.96, 5 + 2 * 1.96), abs=0.01)


def test_interval_is_studentised_not_scaled_by_the_spread_of_the_means():
    z = norm.ppf((np.arange(20_000) + 0.5) / 20_000)
    errors = np.where(np.arange(20_000) % 2, 1.0, 0.25)
    found = Bootstrapped(0.0, 1.0, errors * z, errors)
    assert found.interval(0.05) == pytest.approx((-1.96, 1.96), abs=0.02)


def test_real_skewness_moves_the_side_that_it_concerns():
    t = np.random.default_rng(0).exponential(size=50_000) - 1.0  # long to the right
    found = Bootstrapped(0.0, 1.0, t, np.ones(50_000))
    low, high = found.interval(0.05)
    # equal-tailed 97.5 % quantile of an exponential less 1, symmetric 95 % quantile of |t|
    assert low == pytest.approx(-(-math.log(0.025) - 1.0), rel=0.03)
    assert high == pytest.approx(-math.log(0.05) - 1.0, rel=0.03)


@pytest.mark.parametrize(
    "found",
    [
        UNKNOWN,
        Bootstrapped(1.0, 0.0, np.ones(9), np.ones(9)),
        Bootstrapped(1.0, 1.0, np.ones(9), np.array([1.0] * 8 + [np.nan])),
    ],
    ids=["unknown", "no error", "replicates without error"],
)
def test_no_interval_from_too_little(found):
    assert np.isnan(found.interval(0.05)).all()


def test_same_seed_same_replicates():
    sums = DaySums(_rng().normal(size=50), np.ones(50))
    one, two = (
        bootstrap([sums], [[1.0]], length=2.0, index=_index(50, 2.0, 20, seed=7))[0].values
        for _ in range(2)
    )
    assert one.tolist() == two.tolist()


def _coverage(markets, days, draws, seed):
    """How often intervals hold the true mean of clustered, correlated, unevenly filled days."""
    hits = 0
    rng = _rng(seed)
    for _ in range(markets):
        storm = np.exp(_moving_average(rng, days, 5) / 3)
        count = rng.poisson(0.4 * storm).astype(float)
        value = 1.0 + 0.5 * storm * _moving_average(rng, days, 3)
        sums = DaySums(count * value, count)
        index = block_indices(days, length=6.0, draws=draws, rng=rng)
        (found,) = bootstrap([sums], [[1.0]], length=6.0, index=index)
        low, high = found.interval(0.05)
        hits += low <= 1.0 <= high
    return hits / markets


def test_intervals_cover_the_truth_of_clustered_days():
    assert 0.91 <= _coverage(200, 300, 200, seed=3) <= 0.985


@pytest.mark.slow
@pytest.mark.parametrize("days", [300, 1000])
def test_intervals_cover_92_to_97_percent(days):
    assert 0.92 <= _coverage(1000, days, 500, seed=4) <= 0.97


def test_days_are_drawn_anew_where_they_are_sent(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv(SHARED, str(tmp_path))
    days = Resampling(0, 40, 10, 1)
    drawn = days.index(5.0)
    sent = pickle.loads(pickle.dumps(days))
    assert (sent.index(5.0) == drawn).all()
    assert sent == days
    assert list(tmp_path.iterdir()) == []
