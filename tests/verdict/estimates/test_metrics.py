from __future__ import annotations

import math
from dataclasses import astuple

import numpy as np
import pandas as pd
import pytest

from fadefollow.engine.model import Costs, Rules
from fadefollow.verdict.estimates.days import regular_trades
from fadefollow.verdict.estimates.metrics import breakeven_cost, max_drawdown, pnl_split, sharpe
from fadefollow.verdict.estimates.parts import TradeParts


def _trades(*rows):
    names = ("reason", "notional", "fees", "slippage", "funding", "pnl", "return")
    return pd.DataFrame(rows, columns=list(names))


def test_pnl_split_by_hand():
    trades = _trades(
        ("time", 1000.0, 1.0, 0.5, -3.0, 10.0, 0.01),
        ("stop", 1000.0, 1.0, 0.5, 2.0, -20.0, -0.02),
        ("liquidation", 1000.0, 0.5, 0.25, -400.0, -1000.5, -1.0005),
    )
    split = pnl_split(trades)
    # price before slippage: 10 + 3 + 1 + 0.5 and −20 − 2 + 1 + 0.5
    assert astuple(split) == pytest.approx((14.5 - 20.5, -1.0, -2.0, -1.0, -1000.5, 0.0))
    assert sum(astuple(split)) == pytest.approx(-1010.5)


def test_split_of_resolved_trades_sums_to_their_pnl(make_stormy, make_books):
    costs = Costs(fee=0.0005, slippage=0.0002, maintenance=0.005)
    plan = make_stormy(np.random.default_rng(0), costs=costs)
    for books in make_books(plan).values():
        trades = regular_trades(books, 0)
        moved = trades["side"] * trades["size"] * (trades["exit_price"] - trades["entry_price"])
        split = pnl_split(trades)
        assert sum(astuple(split)) == pytest.approx(trades["pnl"].sum())
        assert split.price == pytest.approx(moved.sum() + trades["slippage"].sum())


def test_split_of_nothing_is_zero():
    assert astuple(pnl_split(_trades())) == (0.0,) * 6


def _breakeven(trades):
    return breakeven_cost(TradeParts.of(trades, "outright"), np.ones(len(trades)))


def test_breakeven_is_the_cost_that_makes_the_mean_zero(make_plan, make_arrays, make_books):
    rules = Rules(hold_hours=24.0, opposite=False)
    close = 1.001 ** np.arange(500)

    def trades(fee):
        costs = Costs(fee=fee, slippage=0.0, maintenance=0.0)
        plan = make_plan([make_arrays(close)], [[10, 100, 200]], rules=rules, costs=costs)
        return regular_trades(make_books(plan)["s", "follow"], 0)

    free, paid = _breakeven(trades(0.0)), _breakeven(trades(0.003))
    assert free == pytest.approx(1.001**24 - 1)
    assert paid == pytest.approx(free)
    # a fee at both ends of this round-trip cost leaves nothing
    fee = free / (1 + 1.001**24)
    assert trades(fee)["return"].mean() == pytest.approx(0.0, abs=1e-12)


def test_breakeven_without_trades_is_nan():
    assert math.isnan(_breakeven(_trades()))


def test_sharpe_is_annualised_with_365_days():
    # mean 1, standard deviation √2 of 0 and 2
    assert sharpe(np.array([0.0, 2.0])) == pytest.approx(math.sqrt(365 / 2))


@pytest.mark.parametrize("daily", [[], [0.1], [0.0, 0.0, 0.0]])
def test_sharpe_of_what_does_not_vary_is_nan(daily):
    assert math.isnan(sharpe(np.array(daily)))


def test_drawdown_is_of_added_not_compounded_returns():
    assert max_drawdown(np.array([0.5, -0.2, -0.2, 0.3, -0.1])) == pytest.approx(-0.4)


def test_drawdown_counts_from_the_first_day():
    assert max_drawdown(np.array([-0.1, 0.3])) == pytest.approx(-0.1)
    assert max_drawdown(np.array([])) == 0.0
