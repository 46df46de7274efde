"""The edge pooled over coins: a hand case, statsmodels itself, and simulated spreads."""

from __future__ import annotations

import math

import numpy as np
import pytest
from statsmodels.stats.meta_analysis import combine_effects

from fadefollow.verdict.estimates.days import Sample
from fadefollow.verdict.estimates.shrinkage import pooled


def _trades(*coins):
    """Trades a day of each coin from its values."""
    coin = np.concatenate([np.full(len(v), k) for k, v in enumerate(coins)])
    day = np.concatenate([np.arange(len(v)) for v in coins])
    value = np.concatenate([np.asarray(v, float) for v in coins])
    return Sample(coin, np.ones_like(coin), np.zeros_like(coin), day, day, value)


def _around(mean, spread, n):
    """n values of a mean, half of them `spread` above it and half below."""
    return mean + spread * np.where(np.arange(n) % 2, 1.0, -1.0)


def test_two_coins_as_sure_as_each_other_meet_half_way() -> None:
    found = pooled(
        _trades(_around(0.01, 0.03, 10), _around(0.03, 0.03, 10)), length=1.0, alpha=0.05
    )
    # error² of each 0.03² / 10 = 9e-5; the means' own variance 0.0002, of which 9e-5 is error:
    # what is left, 1.1e-4, is the coins' own
    assert found.mean == pytest.approx(0.02)
    assert found.spread == pytest.approx(math.sqrt(2e-4 - 9e-5), rel=1e-4)
    # error of the mean √((9e-5 + 1.1e-4) / 2) = 0.01
    assert (found.low, found.high) == pytest.approx((0.02 - 0.0196, 0.02 + 0.0196), abs=1e-4)
    assert found.coins == 2


def test_coins_that_do_not_differ_are_weighed_by_what_is_known_of_them() -> None:
    # ten trades and forty, with the same scatter: weights 1 to 4, and no spread beyond the error
    sure, vague = _around(0.02, 0.05, 40), _around(0.01, 0.05, 10)
    found = pooled(_trades(vague, sure), length=1.0, alpha=0.05)
    assert found.spread == 0.0
    assert found.mean == pytest.approx((0.01 + 4 * 0.02) / 5)
    # error 0.05 / √50
    assert found.high - found.mean == pytest.approx(1.959964 * 0.05 / math.sqrt(50))


def test_it_is_statsmodels_random_effects_mean() -> None:
    rng = np.random.default_rng(0)
    values = [rng.normal(rng.normal(0.004, 0.01), 0.05, n) for n in (12, 30, 80, 200, 40)]
    found = pooled(_trades(*values), length=1.0, alpha=0.1)
    means = np.array([v.mean() for v in values])
    variances = np.array([v.var() / len(v) for v in values])  # a trade a day, blocks of one
    theirs = combine_effects(means, variances, method_re="iterated").summary_frame(alpha=0.1)
    row = theirs.loc["random effect"]
    assert found.mean == pytest.approx(row["eff"])
    assert (found.low, found.high) == pytest.approx((row["ci_low"], row["ci_upp"]))
    assert found.coins == 5
    assert found.spread > 0.0


def test_coins_with_few_trades_are_left_out() -> None:
    many, few = _around(0.02, 0.05, 40), _around(0.5, 0.05, 6)
    assert pooled(_trades(many, few), length=1.0, alpha=0.05).coins == 1
    assert math.isnan(pooled(_trades(many, few), length=1.0, alpha=0.05).mean)
    three = pooled(_trades(many, few, many), length=1.0, alpha=0.05)
    assert three.coins == 2
    assert three.mean == pytest.approx(0.02)


def test_longer_blocks_leave_more_of_the_differences_to_chance() -> None:
    rng = np.random.default_rng(1)
    smooth = [np.convolve(rng.normal(0, 0.05, 205), np.ones(6) / 6, "valid") for _ in range(4)]
    short, long = (pooled(_trades(*smooth), length=n, alpha=0.05) for n in (1.0, 12.0))
    assert long.spread < short.spread
