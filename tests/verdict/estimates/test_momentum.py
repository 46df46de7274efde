from __future__ import annotations

import numpy as np
import pytest

from fadefollow.engine.model import Rules
from fadefollow.engine.resolver import resolve
from fadefollow.verdict.estimates.anyhour import all_outcomes
from fadefollow.verdict.estimates.days import regular_trades, sample
from fadefollow.verdict.estimates.momentum import all_cells, momentum_days, trailing_decile


def _excess(plan):
    books = [
        resolve(arrays, plan.events(i, "follow"), rules=plan.rules, costs=plan.costs[i])
        for i, arrays in enumerate(plan.coin_arrays)
    ]
    trades = sample(plan, regular_trades(books, 0))
    return trades, momentum_days(plan, trades, all_cells(plan, all_outcomes(plan)["outright"]))


def test_deciles_are_known_when_the_entry_is_decided(make_arrays):
    rank = np.random.default_rng(0).permutation(20)
    close = np.cumprod(np.concatenate([[100.0], 1 + (rank - 10) / 1000]))
    # the return from bar i to i + 1 is known at the close of i + 1 and acted on at i + 2, or later
    expected = (rank // 2).tolist()
    assert trailing_decile(make_arrays(close), bars=1, delay=0).tolist() == [-1, -1, *expected[:-1]]
    later = trailing_decile(make_arrays(close), bars=1, delay=2)
    assert later.tolist() == [-1] * 4 + expected[:-3]


def test_decile_is_unknown_where_a_close_is_missing(make_arrays):
    close = np.linspace(100, 200, 30)
    close[10] = np.nan
    unknown = np.flatnonzero(trailing_decile(make_arrays(close), bars=3, delay=0) < 0)
    assert unknown.tolist() == [0, 1, 2, 3, 11, 14]


def test_holding_longer_than_the_data_leaves_no_decile(make_arrays):
    assert set(trailing_decile(make_arrays(np.ones(5)), bars=9, delay=0)) == {-1}


def test_nothing_is_left_where_all_hours_are_alike(make_plan, make_arrays):
    plan = make_plan([make_arrays(1.01 ** np.arange(600))], [[2, 100, 300]])
    trades, days = _excess(plan)
    assert len(trades) == 3
    assert days.count.sum() == 2  # the first has no trailing return yet
    assert days.total == pytest.approx(0.0, abs=1e-12)


def _trending(rng, n):
    """Hours that continue the last one: what momentum explains, and nothing else does."""
    shock = rng.normal(size=n) * 0.01
    for i in range(1, n):
        shock[i] += 0.5 * shock[i - 1]
    return 100 * np.exp(np.cumsum(shock))


def test_a_phase_that_only_says_it_has_risen_has_no_excess(make_plan, make_arrays):
    close = _trending(np.random.default_rng(1), 20_000)
    rising = np.flatnonzero(np.diff(close, prepend=close[0]) / close > 0.015)
    rules = Rules(hold_hours=1.0, opposite=False)
    trades, days = _excess(make_plan([make_arrays(close)], [rising[rising > 1]], rules=rules))
    assert trades.value.mean() > 0.008
    assert abs(days.mean) < 0.001


def test_the_benchmarks_own_deviations_sum_to_nothing(make_stormy):
    plan = make_stormy(np.random.default_rng(2), days=300)
    trades, days = _excess(plan)
    cells = all_cells(plan, all_outcomes(plan)["outright"])
    excess = [
        value - cells[coin, side, 0].mean[cells[coin, side, 0].decile[entry]]
        for coin, side, entry, value in zip(
            trades.coin, trades.side, trades.entry_bar, trades.value, strict=True
        )
        if cells[coin, side, 0].decile[entry] >= 0
    ]
    assert days.mean == pytest.approx(np.mean(excess))
    # and they are there: days without a trade have a part in the error
    assert np.abs(days.total[days.count == 0]).max() > 0.0
