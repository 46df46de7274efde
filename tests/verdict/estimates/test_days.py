from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fadefollow.engine.model import Book
from fadefollow.verdict.estimates.days import (
    DaySums,
    Sample,
    block_length,
    day_of_bar,
    day_sums,
    independent_blocks,
    regular_trades,
    sample,
)


def _book(**columns):
    return Book(pd.DataFrame(columns), 0)


def test_sums_and_counts_are_by_day_and_leave_nan_out():
    sums = day_sums(np.array([0, 2, 2, 2]), np.array([1.0, 2.0, 4.0, np.nan]), 4)
    assert sums.total.tolist() == [1.0, 0.0, 6.0, 0.0]
    assert sums.count.tolist() == [1.0, 0.0, 2.0, 0.0]
    assert sums.mean == pytest.approx(7 / 3)


def test_residuals_sum_to_zero():
    sums = DaySums(np.array([3.0, 1.0, 0.0]), np.array([2.0, 1.0, 0.0]))
    assert sums.residual == pytest.approx([1 / 3, -1 / 3, 0.0])


def test_mean_of_no_trades_is_nan():
    assert np.isnan(DaySums(np.zeros(3), np.zeros(3)).mean)


def test_days_are_utc_days_whatever_hour_the_calendar_begins(make_arrays, make_plan):
    six_in_the_evening = pd.Timestamp("2024-01-01 18:00", tz="UTC").value
    arrays = make_arrays(np.ones(10), start=six_in_the_evening)
    assert day_of_bar(make_plan([arrays], [[0]])).tolist() == [0] * 6 + [1] * 4


def test_only_regular_trades_of_the_phase_count(make_arrays, make_plan):
    columns = {
        "code": [0, 0, 0, 1],
        "side": [1, -1, 1, 1],
        "rule": [0, 2, 0, 0],
        "entry_bar": [1, 26, 27, 30],
        "reason": ["time", "stop", "end", "time"],
        "hole": [-1, -1, -1, -1],
        "return": [0.1, 0.2, 0.3, 0.4],
    }
    books = [_book(**columns), _book(**{**columns, "hole": [-1, 0, -1, -1]})]
    trades = regular_trades(books, 0)
    assert trades["coin"].tolist() == [0, 0, 1]
    plan = make_plan([make_arrays(np.ones(48))] * 2, [[0], [0]])
    found = sample(plan, trades)
    assert found.day.tolist() == [0, 1, 0]
    assert found.side.tolist() == [1, -1, 1]
    assert found.rule.tolist() == [0, 2, 0]
    assert found.value.tolist() == [0.1, 0.2, 0.1]


def test_blocks_are_at_least_twice_the_holding_time():
    sums = DaySums(np.random.default_rng(0).normal(size=500), np.ones(500))
    assert block_length([sums], hold_hours=24 * 20) == 40.0


def test_blocks_follow_the_automatic_rule_where_dependence_is_longer():
    noise = np.random.default_rng(0).normal(size=2000)
    smooth = np.convolve(noise, np.ones(40), "same")
    assert block_length([DaySums(smooth, np.ones(2000))], hold_hours=1.0) > 20.0


@pytest.mark.parametrize(
    "sums",
    [
        DaySums(np.zeros(50), np.zeros(50)),
        DaySums(np.ones(50), np.ones(50)),
        DaySums(np.array([1.0, -1.0]), np.ones(2)),
    ],
    ids=["no trades", "no variation", "two days"],
)
def test_the_automatic_rule_is_left_out_where_it_cannot_be_had(sums):
    assert block_length([sums], hold_hours=6.0) == 1.0


def test_every_day_filled_gives_days_over_length():
    assert independent_blocks(np.ones(300), 10.0) == 30.0


def test_blocks_begin_with_a_trade():
    count = np.zeros(100)
    count[[0, 9, 10, 50, 59]] = 1.0  # 0 and 9 share a block of ten days, 50 and 59 another
    assert independent_blocks(count, 10.0) == pytest.approx(25 / 9)  # (2+1+2)² / (4+1+4)


def test_a_block_with_nearly_all_trades_counts_nearly_alone():
    count = np.zeros(400)
    count[::10] = 1.0
    count[0] = 10_000.0
    assert independent_blocks(count, 5.0) == pytest.approx(1.0, abs=0.01)


def test_no_trades_are_no_blocks():
    assert independent_blocks(np.zeros(10), 2.0) == 0.0


def test_trades_are_of_one_kind_by_coin_side_and_rules():
    coin, side, rule = np.array([0, 0, 1, 0]), np.array([1, 1, 1, -1]), np.array([0, 1, 0, 0])
    trades = Sample(coin, side, rule, coin, coin, np.zeros(4))
    found = {kind: places.tolist() for kind, places in trades.by_kind()}
    assert found == {(0, -1, 0): [3], (0, 1, 0): [0], (0, 1, 1): [1], (1, 1, 0): [2]}
