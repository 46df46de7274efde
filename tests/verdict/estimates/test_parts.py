"""Where a mean comes from: the parts of each trade add up to its net return."""

from __future__ import annotations

from dataclasses import astuple, replace

import numpy as np
import pandas as pd
import pytest

from fadefollow.engine.model import Costs, Rules
from fadefollow.verdict.estimates.days import regular_trades
from fadefollow.verdict.estimates.metrics import parts_split, pnl_split
from fadefollow.verdict.estimates.parts import TradeParts

COLUMNS = ("reason", "notional", "fees", "slippage", "funding", "pnl", "hedge_gross", "hedge_cost")
ROWS = (
    # price moves 10 + 3 + 1 + 0.5 = 14.5 on a notional of 1,000
    ("time", 1000.0, 1.0, 0.5, -3.0, 10.0, -6.0, -1.5),
    # liquidated: the whole loss, whatever took it
    ("liquidation", 500.0, 0.5, 0.25, -40.0, -500.5, 20.0, -0.5),
)


def _table() -> pd.DataFrame:
    return pd.DataFrame(list(ROWS), columns=list(COLUMNS))


def test_parts_by_hand() -> None:
    found = TradeParts.of(_table(), "outright")
    assert found.price == pytest.approx([0.0145, 0.0])
    assert found.funding == pytest.approx([-0.003, 0.0])
    assert found.fees == pytest.approx([-0.001, 0.0])
    assert found.slippage == pytest.approx([-0.0005, 0.0])
    assert found.liquidation == pytest.approx([0.0, -1.001])
    assert found.hedge.tolist() == [0.0, 0.0]
    assert found.net == pytest.approx([0.01, -1.001])


def test_the_hedge_is_net_of_its_costs_and_counts_for_liquidated_trades_too() -> None:
    found = TradeParts.of(_table(), "hedged")
    assert found.hedge == pytest.approx([-0.0075, 0.039])
    assert found.net == pytest.approx([0.0025, -0.962])
    assert found.against_the_market == pytest.approx([0.007, 0.039])


def test_means_in_bps_sum_to_the_mean() -> None:
    split = parts_split(TradeParts.of(_table(), "hedged"), np.ones(2))
    # 145 and 0, −30 and 0, −10, −5, −10,010, and −75 and 390, each halved
    assert astuple(split) == pytest.approx((72.5, -15.0, -5.0, -2.5, -5005.0, 157.5))
    assert sum(astuple(split)) == pytest.approx(1e4 * (0.0025 - 0.962) / 2)


def test_parts_of_nothing_are_unknown() -> None:
    assert np.isnan(
        astuple(parts_split(TradeParts.of(_table().iloc[:0], "hedged"), np.ones(0)))
    ).all()


def test_parts_of_resolved_trades_sum_to_their_returns(make_stormy, make_books) -> None:
    costs = Costs(fee=0.0005, slippage=0.0002, maintenance=0.005)
    plan = make_stormy(np.random.default_rng(0), days=600, events_a_year=120.0, costs=costs)
    plan = replace(plan, rules=Rules(hold_hours=72.0, leverage=8.0))
    coin_arrays = []
    for arrays in plan.coin_arrays:
        place = np.arange(2, len(arrays.time), 2)
        settled = {"settle_rate": np.full(len(place), 0.0004), "settle_mark": arrays.close[place]}
        coin_arrays.append(replace(arrays, settle_time=arrays.time[place], **settled))
    plan = replace(plan, coin_arrays=tuple(coin_arrays))
    for books in make_books(plan).values():
        trades = regular_trades(books, 0)
        assert (trades["reason"] == "liquidation").sum() > 5
        parts = TradeParts.of(trades, "outright")
        assert parts.net == pytest.approx(trades["return"].to_numpy(), abs=1e-12)
        # and the means are those of the money, as every notional is the capital
        money = astuple(pnl_split(trades))
        means = [1e4 * m / plan.rules.capital / len(trades) for m in money]
        assert astuple(parts_split(parts, np.ones(len(trades)))) == pytest.approx(means)
