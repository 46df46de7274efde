"""Which basket hedges a plan, and the hedges of real coins against the oracle's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fadefollow.engine.costs import CostSettings, costs_of
from fadefollow.engine.hedge.basket import Constituent
from fadefollow.engine.hedge.hedged import with_hedge
from fadefollow.engine.hedge.hedging import Hedges
from fadefollow.engine.plans.bar_arrays import bar_arrays, calendar
from fadefollow.engine.plans.plan import covered, prepare
from fadefollow.engine.plans.trading import books
from fadefollow.engine.strategy import Strategy, Trade
from fadefollow.market.panel import Market
from fadefollow.phases import Phases
from tests.support.basket_oracle import beta_at, enough_members, hedge_of, keep_diary
from tests.support.oracle import oracle

FOUR = pd.Timedelta(hours=4)
COSTS = CostSettings()


def _market(symbol: str, close: np.ndarray, start: pd.Timestamp) -> Market:
    """A coin of four-hour bars with funding of 1 bp every eight hours."""
    time = pd.date_range(start, periods=len(close), freq=FOUR, unit="ns")
    opened = np.concatenate([close[:1], close[:-1]])
    perp = pd.DataFrame(
        {
            "time": time,
            "open": opened,
            "high": np.maximum(opened, close),
            "low": np.minimum(opened, close),
            "close": close,
            "volume": 1.0,
            "available": time + FOUR,
        }
    )
    settled = time[time.hour % 8 == 0]
    funding = pd.DataFrame({"time": settled, "rate": 1e-4, "interval_hours": 8.0})
    return Market(
        symbol, bar=FOUR, tables={"perp": perp, "funding": funding.assign(available=settled)}
    )


def _universe(coins: int, *, btc: bool = True, days: int = 60, late: int = 0) -> dict[str, Market]:
    """Coins of which the last `late` are listed 10 days before the end."""
    rng = np.random.default_rng(coins)
    start = pd.Timestamp("2024-01-01", tz="UTC")
    names = [*(["BTC"] if btc else []), *(f"C{k:02d}" for k in range(coins - btc))]
    made = {}
    for k, name in enumerate(names):
        skip = 6 * (days - 10) if k >= coins - late else 0
        close = 100.0 * np.exp(np.cumsum(rng.normal(0, 0.02, 6 * days)))[skip:]
        made[name] = _market(name, close, start + FOUR * skip)
    return made


def _strategy(**trade: Any) -> Strategy:
    return Strategy(
        name="fade_up",
        title="",
        claim="fade",
        account="a",
        signal="hand",
        phases=("up",),
        trade=Trade(**{"hold_hours": 24.0, **trade}),
    )


def _phases(markets: Mapping[str, Market], every: int, *, first: int = 250) -> Phases:
    """An event of each coin every so many of its own bars from the first on, leans in turn."""
    rows = []
    for symbol, market in markets.items():
        at = np.arange(first if len(market.index) > first else 5, len(market.index) - 1, every)
        rows.append(
            pd.DataFrame(
                {
                    "time": market.index[at],
                    "symbol": symbol,
                    "signal": "hand",
                    "phase": "up",
                    "lean": np.where(np.arange(len(at)) % 2, 1, -1),
                    "actor": "crowd",
                    "strength": 1.0,
                }
            )
        )
    table = pd.concat(rows, ignore_index=True).sort_values(["time", "symbol"], ignore_index=True)
    return Phases(table, {s: m.index for s, m in markets.items()}, {})


def _plan(markets: Mapping[str, Market], every: int = 20, **trade: Any) -> Any:
    strategy = _strategy(**trade)
    return prepare(strategy, markets, _phases(markets, every), costs=COSTS).plan


def test_twenty_members_are_a_market() -> None:
    markets = _universe(20)
    plan = Hedges.of(markets, COSTS).hedged(_plan(markets))
    assert plan.basket is not None
    assert plan.basket.kind == "market"
    assert set(plan.basket.betas) == set(markets)


def test_with_nineteen_btc_hedges_the_others() -> None:
    markets = _universe(19)
    plan = Hedges.of(markets, COSTS).hedged(_plan(markets))
    assert plan.basket is not None
    assert plan.basket.kind == "BTC"
    assert set(plan.basket.betas) == set(markets) - {"BTC"}
    # its level is BTC's price net of 1 bp a settlement
    btc = plan.coin_arrays[[t.symbol for t in plan.coin_arrays].index("BTC")]
    first = plan.basket.open_level[0]
    assert first == 1.0
    paid = 1e-4 * btc.settle_mark[btc.settle_time <= btc.time[5]][1:].sum()
    assert plan.basket.open_level[5] == pytest.approx((btc.open[5] - paid) / btc.open[0])


def test_young_coins_are_no_members_whom_the_median_counts() -> None:
    # 25 coins, of which 6 are too young: 19 members at every entry
    markets = _universe(25, late=6)
    plan = Hedges.of(markets, COSTS).hedged(_plan(markets))
    assert plan.basket is not None
    assert plan.basket.kind == "BTC"


def test_without_btc_and_a_market_there_is_no_hedged_book() -> None:
    markets = _universe(19, btc=False)
    plan = Hedges.of(markets, COSTS).hedged(_plan(markets))
    assert plan.basket is None
    assert plan.unhedged == "fewer than 20 coins for a market basket, and no BTC perp"


def test_btc_alone_has_no_hedge() -> None:
    markets = {"BTC": _universe(1)["BTC"]}
    plan = Hedges.of(markets, COSTS).hedged(_plan(markets))
    assert plan.basket is None
    assert plan.unhedged.endswith("BTC itself has no other hedge")


def test_a_strategy_on_few_coins_is_hedged_by_the_whole_data_set() -> None:
    markets = _universe(22)
    few = {name: markets[name] for name in ("BTC", "C05")}
    plan = Hedges.of(markets, COSTS).hedged(_plan(few))
    assert plan.basket is not None
    assert plan.basket.kind == "market"
    assert plan.basket.members[-1] == 22


def test_the_data_set_s_costs_are_those_of_the_members() -> None:
    markets = _universe(20)
    dear = CostSettings.model_validate({"coins": {"C00": {"taker_fee_bps": 25.0}}})
    basket = Hedges.of(markets, dear).market
    assert basket is not None
    # 19 fees of 5 bps and one of 25; slippage of 2 for BTC and 5 for 19 others
    assert basket.cost[-1] == pytest.approx((19 * 5 + 25 + 2 + 19 * 5) / 20 / 1e4)


# ---------------------------------------------------------------------------- real coins


def _real(folder: Path, symbol: str, start: pd.Timestamp, end: pd.Timestamp) -> Market | None:
    """A coin of the four-hour universe over some months; None where it was not there."""
    perp = pd.read_parquet(folder / "perp" / f"{symbol}.parquet")
    paid = pd.read_parquet(folder / "funding_implied" / f"{symbol}.parquet")
    perp, paid = (one.tz_localize("UTC") for one in (perp, paid))
    perp, paid = (one[(one.index >= start) & (one.index < end)] for one in (perp, paid))
    if len(perp) < 6 * 40 or len(paid) < 3 * 40:
        return None
    table = perp.reset_index(names="time").assign(available=perp.index + FOUR)
    funding = pd.DataFrame(
        {"time": paid.index, "rate": paid["funding_rate"].to_numpy(), "interval_hours": 8.0}
    )
    tables = {"perp": table, "funding": funding.assign(available=paid.index)}
    return Market(symbol, bar=FOUR, tables=tables)


@pytest.mark.shared
def test_hedges_of_real_coins_are_the_oracle_s(shared_data: Path) -> None:
    folder = shared_data / "universe_4h"
    start, end = (pd.Timestamp(t, tz="UTC") for t in ("2022-01-01", "2022-07-01"))
    names = sorted(p.stem for p in (folder / "funding_implied").glob("*.parquet"))[:60]
    found = {name: _real(folder, name, start, end) for name in names}
    markets = {name: one for name, one in found.items() if one is not None}
    assert len(markets) > 22
    plan = _plan(markets, 90, hold_hours=72.0, stop=0.15, target=0.2)
    plan = Hedges.of(markets, COSTS).hedged(plan)
    assert plan.basket is not None
    assert plan.basket.kind == "market"
    spans = {s: covered(m, "perp", "funding") for s, m in markets.items()}
    time = calendar(list(spans.values()), FOUR)
    coins = {
        s: Constituent(
            bar_arrays(m, time=time, start=spans[s][0], end=spans[s][1]),
            costs_of(s, COSTS),
            int(m.table("perp")["time"].iloc[0].value),
        )
        for s, m in markets.items()
    }
    diary = keep_diary(coins, min_days=30)
    bars = [int(b) for of_coin in plan.bars for b in of_coin]
    assert enough_members(diary, bars, fewest=20)
    hedged, reasons = 0, set[str]()
    for k, (own, book) in enumerate(
        zip(plan.coin_arrays, books(plan, "fade", missing_funding="skip"), strict=True)
    ):
        trades = with_hedge(book, own, plan.basket).trades
        rows, _ = oracle(own, plan.events(k, "fade"), plan.rules, plan.costs[k])
        assert len(rows) == len(trades)
        for row, got in zip(rows, trades.to_dict("records"), strict=True):
            beta = beta_at(coins, diary, own.symbol, row["entry_bar"], window=60, fewest=20)
            expected = hedge_of(row, coins, diary, beta=beta)
            assert expected is not None
            assert got["beta"] == pytest.approx(expected.beta, rel=1e-9)
            near = 1e-9 * row["notional"]
            assert got["hedge_gross"] == pytest.approx(expected.gross, abs=near)
            assert got["hedge_cost"] == pytest.approx(expected.cost, abs=near)
            hedged, reasons = hedged + 1, reasons | {row["reason"]}
    assert hedged > 100
    assert {"time", "stop", "target"} <= reasons
