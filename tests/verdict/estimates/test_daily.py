from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from fadefollow.engine.model import Book, Costs, Rules
from fadefollow.engine.portfolio import portfolio
from fadefollow.verdict.estimates.daily import daily_pnl

HOUR_NS = 3_600_000_000_000
COSTS = Costs(fee=0.001, slippage=0.0, maintenance=0.0)


def _with_funding(arrays, every=8, rate=0.0005):
    place = np.arange(0, len(arrays.time), every)
    mark = np.where(np.isnan(arrays.close), 100.0, arrays.close)
    return replace(
        arrays,
        settle_time=arrays.time[place],
        settle_rate=np.full(len(place), rate),
        settle_mark=mark[place],
    )


def test_a_position_by_hand(make_plan, make_arrays, make_books):
    close = np.full(72, 100.0)
    close[20:40] = 110.0
    close[40:] = 105.0
    arrays = make_arrays(close)
    # at midnight of the second day, and two hours later: 1 % and 2 % of a mark of 100
    settle = arrays.time[[24, 26]]
    arrays = replace(
        arrays,
        settle_time=settle,
        settle_rate=np.array([0.01, 0.02]),
        settle_mark=np.full(2, 100.0),
    )
    rules = Rules(hold_hours=40.0, opposite=False, capital=1000.0)
    plan = make_plan([arrays], [[9]], rules=rules, costs=COSTS)
    found = daily_pnl(plan, make_books(plan)["s", "follow"])
    # ten coins bought at 100 in hour 10 of day one, sold at 105 in hour 2 of day three
    assert found.to_numpy() * 1000 == pytest.approx([100 - 1, -50 - 10 - 20, -1.05])
    assert found.index[0] == pd.Timestamp("2024-01-01", tz="UTC")
    assert len(found) == 3


def test_days_sum_to_the_trades_and_agree_with_the_portfolio(make_stormy, make_books):
    plan = make_stormy(np.random.default_rng(1), days=200, costs=COSTS)
    closes = [arrays.close.copy() for arrays in plan.coin_arrays]
    coin_arrays = []
    for arrays, close in zip(plan.coin_arrays, closes, strict=True):
        gone = np.zeros(len(close), bool)
        gone[:100] = gone[400:407] = True
        bars = {
            name: np.where(gone, np.nan, getattr(arrays, name))
            for name in ("open", "high", "low", "close", "liq_open", "liq_high", "liq_low")
        }
        coin_arrays.append(_with_funding(replace(arrays, **bars), every=2))
    plan = replace(plan, coin_arrays=tuple(coin_arrays))
    for books in make_books(plan).values():
        found = daily_pnl(plan, books)
        total = sum(book.trades["pnl"].sum() for book in books)
        assert found.sum() * 3 * plan.rules.capital == pytest.approx(total)
        listed = pd.DataFrame({t.symbol: ~np.isnan(t.close) for t in plan.coin_arrays})
        theirs = portfolio(plan.coin_arrays, books, rules=plan.rules).daily_returns(listed)
        assert found.to_numpy() == pytest.approx(theirs.to_numpy(), abs=1e-12)


def test_only_the_coins_listed_on_a_day_share_it(make_plan, make_arrays, make_books):
    late = np.full(96, 100.0)
    late[:48] = np.nan
    rise = np.full(96, 100.0)
    rise[12:] = 110.0
    rules = Rules(hold_hours=6.0, opposite=False, capital=1000.0)
    plan = make_plan([make_arrays(rise), make_arrays(late)], [[9], [50]], rules=rules)
    found = daily_pnl(plan, make_books(plan)["s", "follow"])
    assert found.tolist() == pytest.approx([0.1, 0.0, 0.0, 0.0])
    later = make_plan([make_arrays(rise), make_arrays(late)], [[], []], rules=rules)
    both = make_plan([make_arrays(rise[::-1]), make_arrays(late)], [[80], [50]], rules=rules)
    assert daily_pnl(later, make_books(later)["s", "follow"]).tolist() == [0.0] * 4
    fell = daily_pnl(both, make_books(both)["s", "follow"])
    assert fell.tolist() == pytest.approx([0, 0, 0, -1 / 22])  # 100 / 110 − 1, shared by two coins


def test_days_before_the_first_listing_are_not_days(make_plan, make_arrays, make_books):
    close = np.full(96, 100.0)
    close[:30] = np.nan
    plan = make_plan([make_arrays(close)], [[40]])
    found = daily_pnl(plan, make_books(plan)["s", "follow"])
    assert [str(day.date()) for day in found.index] == ["2024-01-02", "2024-01-03", "2024-01-04"]


def test_phases_add_up_to_the_book(make_stormy, make_books):
    plan = make_stormy(np.random.default_rng(2), days=100)
    codes = tuple(np.arange(len(bars)) % 2 for bars in plan.bars)
    plan = replace(plan, codes=codes, phases=("a", "b"))
    books = make_books(plan)["s", "fade"]
    parts = [daily_pnl(plan, books, code) for code in (0, 1)]
    assert (parts[0] + parts[1]).to_numpy() == pytest.approx(daily_pnl(plan, books).to_numpy())
    assert parts[0].abs().sum() > 0.0


def test_no_trades_earn_nothing(make_plan, make_arrays, make_books):
    plan = make_plan([make_arrays(np.full(48, 100.0))], [[]])
    books = make_books(plan)["s", "fade"]
    assert isinstance(books[0], Book)
    assert daily_pnl(plan, books).tolist() == [0.0, 0.0]
