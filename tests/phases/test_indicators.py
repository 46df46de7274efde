"""Signals as vectorbt indicators: broadcast parameters, and straight into a portfolio."""

import numpy as np
import pandas as pd
import pytest
import vectorbt as vbt

from fadefollow.errors import DataError, ParameterError, UnknownNameError
from fadefollow.market import Market
from fadefollow.phases import Phases
from fadefollow.phases.indicators import indicator
from fadefollow.workspace import find_workspace

WORKSPACE = find_workspace()
Signal = WORKSPACE.signal("funding")
Funding = indicator(Signal)

HOUR = pd.Timedelta(hours=1)
START = pd.Timestamp("2021-01-01", tz="UTC")
DAYS = 40
WARM_UP = {"lookback_days": 14.0}
#: the same for `run`, without a column level for it
SHORT = WARM_UP | {"hide_params": ["lookback_days"]}


def coin(symbol, *rates, start=START, spot_only=False):
    """A coin that opens bar i at 100 + i; funding is 1 bp but for (settlement, bps)."""
    time = pd.date_range(start, periods=24 * DAYS, freq=HOUR).as_unit("ns")
    opens = 100.0 + np.arange(len(time))
    prices = {"open": opens, "high": opens + 1, "low": opens, "close": opens + 1, "volume": 1.0}
    bars = pd.DataFrame({"time": time, **prices, "available": time + HOUR})
    paid = pd.date_range(start, periods=3 * DAYS, freq="8h").as_unit("ns")
    rate = np.full(len(paid), 1e-4)
    for settlement, bps in rates:
        rate[settlement] = 1e-4 * bps
    funding = pd.DataFrame({"time": paid, "rate": rate, "interval_hours": 8.0, "available": paid})
    tables = {"spot" if spot_only else "perp": bars, "funding": funding}
    return Market(symbol, bar=HOUR, tables=tables)


@pytest.fixture
def coins():
    # crowded longs of BTC at bar 479 (settlement 60 is known at its close), shorts at bar 719
    return [coin("BTC", (60, 3.0), (90, -3.0)), coin("ETH", (75, 5.0), start=START + 24 * HOUR)]


def bars_of(frame, column):
    return np.flatnonzero(frame[column]).tolist()


def test_phases_and_entries_are_boolean_frames(coins):
    found = Funding.run(coins[0], **SHORT)
    assert bars_of(found.crowded_long, "BTC") == [479]
    assert bars_of(found.crowded_short, "BTC") == [719]
    assert bars_of(found.follow_long, "BTC") == bars_of(found.fade_short, "BTC") == [480]
    assert bars_of(found.follow_short, "BTC") == bars_of(found.fade_long, "BTC") == [720]
    assert found.crowded_long.dtypes.eq(bool).all()
    assert found.crowded_long.index.equals(coins[0].index)


def test_parameters_become_column_levels(coins):
    found = Funding.run(
        coins, quantile=[0.90, 0.95], floor_bps=[2.0, 4.0], param_product=True, **SHORT
    )
    columns = found.crowded_long.columns
    assert columns.names == ["funding_quantile", "funding_floor_bps", "symbol"]
    assert len(columns) == 8
    assert found.crowded_long.sum().tolist() == [1, 1, 0, 1, 1, 1, 0, 1]
    assert found[(0.95, 4.0, "ETH")].crowded_long.sum() == 1


def test_lists_without_product_go_in_pairs(coins):
    found = Funding.run(
        coins[0], quantile=[0.90, 0.95], floor_bps=[2.0, 4.0], hide_params=["quantile"]
    )
    assert found.wrapper.shape_2d[1] == 2
    assert found.crowded_long.columns.names == ["funding_floor_bps", "symbol"]


def test_broadcast_results_equal_separate_runs(coins):
    quantiles, floors = [0.90, 0.99], [0.5, 4.0]
    found = Funding.run(coins, quantile=quantiles, floor_bps=floors, param_product=True, **SHORT)
    for quantile in quantiles:
        for floor in floors:
            signal = Signal(quantile=quantile, floor_bps=floor, **WARM_UP)
            phases = Phases.concat(signal.detect(market) for market in coins)
            long, short = phases.entries("fade")
            for name, frame in (("fade_long", long), ("fade_short", short)):
                mine = getattr(found, name)[quantile][floor]
                pd.testing.assert_frame_equal(mine, frame, check_names=False, check_freq=False)
            for phase in Signal.phases:
                times = phases.select(phase).table.groupby("symbol")["time"].apply(list)
                mine = getattr(found, phase)[quantile][floor]
                for symbol in ("BTC", "ETH"):
                    assert list(mine.index[mine[symbol]]) == times.get(symbol, [])


def test_coins_on_different_grids_share_the_union(coins):
    found = Funding.run(coins, **SHORT)
    assert len(found.wrapper.index) == 24 * (DAYS + 1)
    assert bars_of(found.crowded_long, "ETH") == [24 + 75 * 8 - 1]
    assert found.close.iloc[:24, 1].isna().all()


def test_entries_go_straight_into_a_portfolio(coins):
    found = Funding.run(coins[0], **SHORT)
    portfolio = vbt.Portfolio.from_signals(
        found.close,
        found.fade_long,
        short_entries=found.fade_short,
        price=found.open,
        size=1.0,
        init_cash=10_000.0,
        upon_opposite_entry="reverse",
        freq="1h",
    )
    trades = portfolio.trades.records
    # crowded longs: sold at the open of bar 480, 580; crowded shorts: reversed at 720, 820;
    # the last close is 100 + 959 + 1
    assert trades["entry_price"].tolist() == [580.0, 820.0]
    assert trades["exit_price"].tolist() == [820.0, 1060.0]
    assert trades["direction"].tolist() == [1, 0]
    assert trades["pnl"].tolist() == [-240.0, 240.0]
    assert portfolio.total_profit().tolist() == [0.0]


def test_entries_of_phases_go_straight_into_a_portfolio(coins):
    phases = Signal(**WARM_UP).detect(coins[0])
    long, short = phases.entries("follow")
    opens, close = (
        pd.DataFrame({"BTC": coins[0].column("perp", price)}, index=long.index)
        for price in ("open", "close")
    )
    portfolio = vbt.Portfolio.from_signals(
        close,
        long,
        short_entries=short,
        price=opens,
        size=1.0,
        init_cash=10_000.0,
        upon_opposite_entry="reverse",
        freq="1h",
    )
    assert portfolio.trades.records["pnl"].tolist() == [240.0, -240.0]


def test_entries_wait_for_the_delay(coins):
    found = Funding.run(coins[0], delay_bars=3, **SHORT)
    assert bars_of(found.follow_long, "BTC") == [483]
    assert bars_of(found.crowded_long, "BTC") == [479]


def test_one_parameter_for_each_coin(coins):
    found = Funding.run(coins, floor_bps=[2.0, 6.0], lookback_days=14.0, per_column=True)
    assert found.crowded_long.sum().tolist() == [1, 0]


def test_prices_are_those_of_spot_where_there_is_no_perp():
    found = Funding.run(coin("BTC", spot_only=True))
    assert found.open.iloc[5, 0] == 105.0
    assert not found.crowded_long.to_numpy().any()


def test_a_mapping_of_markets_will_do(coins):
    one, other = (Funding.run(m, **SHORT) for m in (coins, {m.symbol: m for m in coins}))
    pd.testing.assert_frame_equal(one.fade_long, other.fade_long)


def test_an_unknown_parameter_is_named(coins):
    with pytest.raises(UnknownNameError, match="did you mean 'quantile'"):
        Funding.run(coins, quantle=0.9)


def test_a_parameter_out_of_bounds_is_refused(coins):
    with pytest.raises(ParameterError, match="quantile must be between"):
        Funding.run(coins, quantile=[0.9, 1.5])


def test_the_same_coin_twice_is_refused(coins):
    with pytest.raises(DataError, match="another coin; got"):
        Funding.run([coins[0], coins[0]])
    with pytest.raises(DataError, match="got none"):
        Funding.run([])


def test_bars_of_different_sizes_are_refused(coins):
    tables = {name: coins[1].table(name) for name in coins[1].streams}
    with pytest.raises(
        DataError, match="same bar size; got BTC 0 days 01:00:00, ETH 0 days 02:00:00"
    ):
        Funding.run([coins[0], Market("ETH", bar=2 * HOUR, tables=tables)])


@pytest.mark.parametrize("name", WORKSPACE.names("signals"))
def test_every_signal_is_an_indicator(name, coins):
    signal = WORKSPACE.signal(name)
    built = indicator(signal)
    assert built is indicator(signal)
    found = built.run(coins)
    assert built.param_names == tuple(signal.params())
    for phase in signal.phases:
        assert getattr(found, phase).shape == (24 * (DAYS + 1), 2)
