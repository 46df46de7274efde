from __future__ import annotations

import numpy as np
import pytest

from fadefollow.verdict.estimates.anyhour import all_outcomes, anyhour_mean
from fadefollow.verdict.estimates.days import Sample


def _trades(coin, side, rule=None):
    zeros = np.zeros(len(coin), np.int64)
    coin, side, rule = (zeros if x is None else np.array(x, np.int64) for x in (coin, side, rule))
    return Sample(coin, side, rule, zeros, zeros, zeros.astype(float))


def test_mean_has_the_trades_mix_of_coins_and_sides():
    by_bar = {
        (0, 1, 0): np.array([0.1, 0.3, np.nan]),
        (0, -1, 0): np.array([-0.2, -0.2, np.nan]),
        (1, 1, 0): np.array([0.6, 0.6, 0.6]),
    }
    # twice long in the first coin, once short, once long in the second
    assert anyhour_mean(_trades([0, 0, 0, 1], [1, 1, -1, 1]), by_bar) == pytest.approx(0.8 / 4)


def test_each_trade_is_compared_with_entries_by_its_own_rules():
    by_bar = {(0, 1, 0): np.array([0.1, 0.3]), (0, 1, 1): np.array([0.6, np.nan])}
    # three trades by the first rules, one by the second
    found = anyhour_mean(_trades([0] * 4, [1] * 4, [0, 1, 0, 0]), by_bar)
    assert found == pytest.approx((3 * 0.2 + 0.6) / 4)


def test_no_trades_have_no_baseline():
    assert np.isnan(anyhour_mean(_trades([], []), {}))


def test_outcomes_are_those_of_the_plans_holding_time(make_plan, make_arrays):
    coin_arrays = [make_arrays(1.01 ** np.arange(100)), make_arrays(np.ones(100))]
    outcomes = all_outcomes(make_plan(coin_arrays, [[3], []]))
    assert set(outcomes) == {"outright"}  # no basket, no hedged book
    by_bar = outcomes["outright"]
    assert set(by_bar) == {(0, 1, 0), (0, -1, 0)}  # the second coin has no events
    known = by_bar[0, 1, 0][~np.isnan(by_bar[0, 1, 0])]
    assert known[1:] == pytest.approx(1.01**24 - 1)
    assert len(known) == 76  # the last 24 entries do not end in time
