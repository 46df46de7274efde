"""The vectorbt portfolio agrees with the trades that it is built from, net of funding."""

from __future__ import annotations

import dataclasses
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fadefollow.engine.model import BarArrays, Book, Costs, Rules
from fadefollow.engine.portfolio import FundedPortfolio, portfolio
from fadefollow.engine.resolver import resolve
from tests.support.engine_cases import make_arrays, make_events

COSTS = Costs(fee=0.0005, slippage=0.0002, maintenance=0.01)


def wild_arrays(seed: int, bars: int = 400) -> BarArrays:
    """Bar arrays with jumps, missing bars and settlements at odd times."""
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.standard_t(3, bars) * 0.02))
    open_ = np.r_[100.0, close[:-1]] * np.exp(rng.normal(0, 0.002, bars))
    high = np.maximum(open_, close) * (1 + rng.uniform(0, 0.02, bars))
    low = np.minimum(open_, close) * (1 - rng.uniform(0, 0.02, bars))
    rows: list[Any] = [tuple(map(float, row)) for row in np.column_stack([open_, high, low, close])]
    kept = [None if rng.random() < 0.03 else row for row in rows]
    hours = np.sort(rng.uniform(0, bars, bars // 6)).round(2)
    paid = [(h, rng.normal(0, 0.003), float(close[min(int(h), bars - 1)])) for h in hours]
    return dataclasses.replace(make_arrays(kept, settlements=paid), symbol=f"C{seed}")


def wild_books(seed: int, rules: Rules) -> tuple[list[BarArrays], list[Book]]:
    coin_arrays = [wild_arrays(10 * seed + i) for i in range(3)]
    rng = np.random.default_rng(seed)
    made = []
    for arrays in coin_arrays:
        bars = np.sort(rng.choice(len(arrays.time), 60, replace=False))
        sides = [(int(b), int(rng.choice([-1, 1]))) for b in bars]
        made.append(resolve(arrays, make_events(sides, sides), rules=rules, costs=COSTS))
    return coin_arrays, made


def build(seed: int, **settings: Any) -> tuple[FundedPortfolio, list[Book], list[BarArrays]]:
    rules = Rules(**{"hold_hours": 12, "leverage": 3.0, "stop": 0.08, "weight": 0.5, **settings})
    coin_arrays, made = wild_books(seed, rules)
    return portfolio(coin_arrays, made, rules=rules), made, coin_arrays


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("settings", [{}, {"compound": True}, {"stop": None, "leverage": 20.0}])
def test_profit_value_and_trades_agree_with_the_resolver(
    seed: int, settings: dict[str, object]
) -> None:
    found, made, _ = build(seed, **settings)
    assert sum(len(book.trades) for book in made) > 20
    profit = [book.trades["pnl"].sum() for book in made]
    np.testing.assert_allclose(found.total_profit(), profit, rtol=1e-9)
    np.testing.assert_allclose(found.value().iloc[-1] - 100_000, profit, rtol=1e-9)
    np.testing.assert_allclose(found.final_value() - 100_000, profit, rtol=1e-9)
    np.testing.assert_allclose(found.total_return() * 100_000, profit, rtol=1e-9)
    records = found.trades.values
    for column, book in enumerate(made):
        own = records[records["col"] == column]
        scale = book.trades["notional"].to_numpy()
        np.testing.assert_allclose(own["pnl"] / scale, book.trades["pnl"] / scale, atol=1e-12)
        np.testing.assert_allclose(own["return"], book.trades["return"], atol=1e-12)
        np.testing.assert_allclose(own["entry_fees"] + own["exit_fees"], book.trades["fees"])


def test_the_ledger_holds_exactly_the_funding_of_the_trades() -> None:
    found, made, _ = build(3)
    np.testing.assert_allclose(
        found.funding.sum(), [book.trades["funding"].sum() for book in made], rtol=1e-9
    )
    assert (found.funding.abs().sum() > 0).all()


def test_columns_groups_copies_and_pickles_keep_the_ledger() -> None:
    found, made, coin_arrays = build(4)
    total = sum(book.trades["pnl"].sum() for book in made)
    one = found[coin_arrays[1].symbol]
    assert one.total_profit() == pytest.approx(made[1].trades["pnl"].sum())
    assert one.trades.pnl.sum() == pytest.approx(made[1].trades["pnl"].sum())
    assert found.replace().total_profit().sum() == pytest.approx(total)
    together = found.regroup(group_by=True)
    assert together.total_profit() == pytest.approx(total)
    assert together.value().iloc[-1] == pytest.approx(300_000 + total)
    assert together.trades.pnl.sum() == pytest.approx(total)
    again = FundedPortfolio.loads(found.dumps())
    assert again.total_profit().sum() == pytest.approx(total)


def test_returns_are_on_fixed_capital_so_they_stay_meaningful_below_zero_equity() -> None:
    found, made, _ = build(5, leverage=20.0, weight=20.0, stop=None)
    assert (found.value().min() < 0).any()
    profit = [book.trades["pnl"].sum() / 100_000 for book in made]
    np.testing.assert_allclose(found.returns().sum(), profit, rtol=1e-9)


def test_compounding_returns_are_on_equity() -> None:
    found, _, _ = build(6, compound=True)
    grown = (1 + found.returns()).prod() - 1
    np.testing.assert_allclose(grown, found.total_return(), rtol=1e-9)


def test_vectorbt_s_metrics_and_plots_are_there() -> None:
    found, made, coin_arrays = build(7)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # vectorbt's own, on pandas 3
        stats = found.stats(column=coin_arrays[0].symbol)
        figure = found[coin_arrays[0].symbol].plot_value()
    assert stats["Total Trades"] == len(made[0].trades)
    assert stats["End Value"] == pytest.approx(100_000 + made[0].trades["pnl"].sum())
    assert len(figure.data) > 0


def test_one_settlement_stands_on_the_bar_that_opens_at_it() -> None:
    bars = [(100.0, 100.0, 100.0, 100.0)] * 6
    arrays = make_arrays(bars, settlements=[(2.0, 0.01, 100.0), (3.5, 0.02, 100.0)])
    rules = Rules(hold_hours=5, capital=1_000.0)
    book = resolve(
        arrays, make_events([(-1, 1)]), rules=rules, costs=Costs(fee=0, slippage=0, maintenance=0)
    )
    found = portfolio([arrays], [book], rules=rules)
    # 10 coins at 100: −10 at 02:00, −20 at 03:30, which the 04:00 bar is the first to know
    expected = pd.Series([0.0, 0.0, -10.0, 0.0, -20.0, 0.0])
    np.testing.assert_allclose(found.funding["COIN"], expected)
    np.testing.assert_allclose(found.value()["COIN"], 1_000 + expected.cumsum())
