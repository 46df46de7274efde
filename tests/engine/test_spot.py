"""The coin itself as an instrument: from a strategy to trades, portfolio and a run."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fadefollow.core.toml import build
from fadefollow.engine.costs import CostSettings
from fadefollow.engine.plans.plan import Prepared, contrary_events, prepare
from fadefollow.engine.plans.trading import books, trade_table
from fadefollow.engine.portfolio import portfolio
from fadefollow.engine.strategy import Range, Strategy, Trade
from fadefollow.errors import ParameterError
from fadefollow.jobs.run import RunOptions, run_result
from fadefollow.market import Market
from fadefollow.market.datasets.request import DataRequest
from fadefollow.market.datasets.spec import load_spec
from fadefollow.market.importing.files import import_files
from fadefollow.phases import Phases, Signal
from fadefollow.results.record import result_record
from fadefollow.tuning.space import Space
from fadefollow.verdict.estimates.daily import daily_pnl
from fadefollow.verdict.run.notes import left_out
from fadefollow.workspace import find_workspace, init_workspace
from tests.support.market_tables import HOUR, START, bars

N = 72


class Still(Signal):
    """A signal without parameters."""

    phases = {"up": ("spot",)}  # noqa: RUF012

    def features(self, market: Market) -> dict[str, np.ndarray]:
        return {}

    def detect(self, market: Market) -> Phases:
        return Phases.of(market, signal="still", events=[])


def strategy(phases: tuple[str, ...] = ("up",), **trade: object) -> Strategy:
    return Strategy.model_validate(
        {
            "name": "mine",
            "title": "t",
            "claim": "fade",
            "account": "a",
            "signal": "own",
            "phases": phases,
            "trade": {"instrument": "spot", "hold_hours": 24, **trade},
        }
    )


def spot(symbol: str = "COIN") -> Market:
    """Spot alone, a unit up each hour from 100."""
    return Market(
        symbol, bar=HOUR, tables={"spot": bars([100.0 + h for h in range(N)], list(range(N)))}
    )


def events(*rows: tuple[int, str, int], symbol: str = "COIN") -> Phases:
    """Events from (hour, phase, lean)."""
    table = pd.DataFrame(
        [
            {
                "time": START + hour * HOUR,
                "symbol": symbol,
                "signal": "own",
                "phase": phase,
                "lean": lean,
                "actor": "crowd",
                "strength": 1.0,
            }
            for hour, phase, lean in rows
        ]
    )
    return Phases(table, {}, {})


def prepared(phases: Phases, *, borrow: float | None = None, **trade: object) -> Prepared:
    costs = CostSettings(taker_fee_bps=0, slippage_bps=0, borrow_rate=borrow)
    found = strategy(tuple(dict.fromkeys(phases.table["phase"])), **trade)
    return prepare(found, {"COIN": spot()}, phases, costs=costs)


def test_spot_needs_neither_perp_nor_funding() -> None:
    plan = prepared(events((0, "up", 1))).plan
    (book,) = books(plan, "follow")
    trades = trade_table(plan, {"follow": (book,)})
    assert trades[["leg", "exit_reason", "funding"]].values.tolist() == [["spot", "time", 0.0]]
    # in at 101, out at 125: 24 of 101
    assert trades["return"].tolist() == pytest.approx([24 / 101])


def test_short_spot_is_refused_without_a_borrow_rate_and_only_where_there_are_shorts() -> None:
    assert list(prepared(events((0, "up", 1))).plan.refused) == ["fade"]
    assert list(prepared(events((0, "down", -1))).plan.refused) == ["follow"]
    assert list(prepared(events((0, "up", 1), (9, "down", -1))).plan.refused) == ["follow", "fade"]
    assert prepared(events((0, "up", 1)), borrow=0.1).plan.refused == {}
    (reason,) = prepared(events((0, "up", 1))).plan.refused.values()
    assert "borrow_rate" in reason
    assert reason.endswith("for COIN")


def test_short_spot_pays_for_being_borrowed_in_trade_portfolio_and_daily_returns() -> None:
    plan = prepared(events((0, "up", 1)), borrow=0.365, capital=1010.0, stop=None).plan
    made = books(plan, "fade")
    # 10 coins sold at 101, bought back at 125; a day's borrowing of 1,010 at 36.5 %: 1.01
    assert made[0].trades[["funding", "pnl"]].values.tolist() == [pytest.approx([-1.01, -241.01])]
    found = portfolio(plan.coin_arrays, made, rules=plan.rules)
    np.testing.assert_allclose(found.total_profit(), [-241.01])
    np.testing.assert_allclose(found.trades.values["pnl"], [-241.01])
    days = found.daily_returns(pd.DataFrame({"COIN": ~np.isnan(plan.coin_arrays[0].close)}))
    np.testing.assert_allclose(daily_pnl(plan, made), days, atol=1e-12)
    assert days.sum() == pytest.approx(-241.01 / 1010)


@pytest.mark.parametrize("trade", [{"leverage": 1.5}, {"leverage": 5.0, "weight": 2.0}])
def test_spot_takes_no_leverage(trade: dict[str, float]) -> None:
    with pytest.raises(ParameterError, match=f"leverage must be 1; got {trade['leverage']:g}"):
        build(Trade, {"instrument": "spot", "hold_hours": 24, **trade}, where="trade")


def test_a_search_of_leverage_on_spot_is_refused_before_it_starts() -> None:
    searched = strategy().model_copy(update={"search": {"trade.leverage": Range(low=1, high=3)}})
    with pytest.raises(ParameterError, match="leverage must be 1; got 3"):
        Space.of(searched, Still(), bar_hours=1.0)


# ---------------------------------------------------------------------------- opposite leans


def test_of_two_events_on_one_bar_the_phase_listed_first_is_traded_and_the_rest_counted() -> None:
    rows = (5, "down", -1), (5, "up", 1), (40, "up", 1), (40, "wide", 1), (50, "down", -1)
    for order, lean in ((("up", "down", "wide"), 1), (("down", "up", "wide"), -1)):
        costs = CostSettings(borrow_rate=0.1)
        found = prepare(strategy(order), {"COIN": spot()}, events(*rows), costs=costs)
        assert contrary_events(found.plan) == 1
        (book,) = books(found.plan, "follow")
        assert book.trades["side"].iloc[0] == lean
        (note,) = [n for n in left_out(found) if n.code == "opposite-leans"]
        assert (note.about["strategy"], note.figures["events"]) == ("mine", 1)


# ---------------------------------------------------------------------------- a run

SIGNAL = '''\
"""Every fourth day somebody buys."""

import numpy as np

from fadefollow.phases import Phases, Signal


class Buying(Signal):
    """Nothing to set."""

    phases = {"buying": ("spot",)}

    def features(self, market):
        """Nothing."""
        return {}

    def detect(self, market):
        """By the calendar."""
        rows = [
            {"bar": bar, "phase": "buying", "lean": 1, "actor": "spot buyer", "strength": 1.0}
            for bar in range(0, len(market), 96)
        ]
        return Phases.of(market, signal=self.name(), events=rows)
'''
STRATEGY = """\
title = "Spot buying"
claim = "follow"
account = "A test."
signal = "buying"
phases = ["buying"]

[trade]
instrument = "spot"
hold_hours = 24
"""
DATASET = """\
title = "Spot alone"
source = "files"
bar = "1h"

[[files]]
stream = "spot"
path = "{coin}.csv"
time = "time"
timezone = "UTC"
columns = { open = "open", high = "high", low = "low", close = "close", volume = "volume" }
"""


def test_a_spot_strategy_is_run_on_files_of_spot_alone(tmp_path) -> None:
    root = tmp_path / "mine"
    init_workspace(root)
    for name, text in (
        ("signals/buying.py", SIGNAL),
        ("strategies/spot.toml", STRATEGY),
        ("datasets/coins.toml", DATASET),
    ):
        (root / name).write_text(text)
    rng = np.random.default_rng(1)
    table = bars((100 * np.exp(np.cumsum(rng.normal(0, 0.004, 2400)))).tolist(), list(range(2400)))
    table.drop(columns="available").to_csv(tmp_path / "COIN.csv", index=False)
    workspace = find_workspace(root)
    spec = load_spec(root / "datasets" / "coins.toml")
    import_files(spec, "coins", tmp_path, workspace.store)
    options = RunOptions.of(
        workspace,
        DataRequest(dataset="coins"),
        strategies=("spot",),
        placebo_draws=50,
        bootstrap_draws=50,
    )
    run = run_result(workspace, options, step=lambda *_: None)
    (verdict,) = run.verdicts
    assert result_record(run)["verdicts"]
    assert verdict.follow.n_trades == 25
    assert "borrow_rate" in verdict.fade.reason
    assert set(run.trades["leg"]) == {"spot"}
    assert (run.trades["funding"] == 0).all()
