"""What describes the books: ratios against closed forms, drawdowns, means by coin and year."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from fadefollow.verdict.exploratory import Fall
from fadefollow.verdict.run.descriptive import coin_years, ratios
from fadefollow.verdict.run.excursions import _excursions

KEY = ("s", "fade")


def table(values: list[float]) -> pd.DataFrame:
    index = pd.date_range("2021-01-01", periods=len(values), freq="D", tz="UTC", name="day")
    columns = pd.MultiIndex.from_tuples([KEY], names=["strategy", "stance"])
    return pd.DataFrame(np.array(values)[:, None], index=index, columns=columns)


def market(gains: list[float]) -> pd.DataFrame:
    index = pd.date_range("2021-01-01", periods=len(gains), freq="D", tz="UTC", name="day")
    return pd.DataFrame({"s": 1.0 + np.cumsum(gains)}, index=index)


def test_ratios_are_those_of_daily_gains_over_fixed_capital() -> None:
    gains = [0.01, -0.02, 0.03, 0.0, 0.01] * 73  # a year of 365 days
    held = [2.0 * x for x in gains]
    (found,), rolling = ratios({"outright": table((1.0 + np.cumsum(gains)).tolist())}, market(held))
    days = np.array(gains)
    assert found.gain_a_year == pytest.approx(days.sum())  # 73 × 0.03 = 2.19
    assert found.sharpe == pytest.approx(days.mean() / days.std(ddof=1) * math.sqrt(365))
    losses = np.minimum(days, 0.0)
    assert found.sortino == pytest.approx(
        days.mean() / math.sqrt((losses**2).mean()) * math.sqrt(365), rel=1e-3
    )
    # growth from 1 to 3.19 in one year
    assert found.growth_a_year == pytest.approx(2.19, rel=1e-6)
    # the market moves twice as much, but for its first day, which has no day before
    assert found.beta == pytest.approx(0.5, rel=0.01)
    assert [found.best_day, found.worst_day] == pytest.approx([0.03, -0.02])
    assert found.days_in_market == pytest.approx(0.8)
    assert len(rolling) == 1  # one week's end after the first window
    assert rolling["sharpe"].iloc[0] == pytest.approx(found.sharpe)
    assert rolling["mean"].iloc[0] == pytest.approx(2.19)  # 365 days' gains: 73 × 0.03


def test_an_account_that_had_nothing_left_has_no_growth() -> None:
    values = [1.1, 0.4, -0.1, 0.3] * 10
    (found,), _ = ratios({"outright": table(values)}, market([0.01] * 40))
    assert math.isnan(found.growth_a_year)
    assert math.isnan(found.calmar)
    assert found.worst_day == pytest.approx(-0.7)


def test_the_deepest_falls_are_measured_in_capital() -> None:
    values = [1.2, 1.0, 1.3, 1.25, 1.5, 1.4]
    (found,), _ = ratios({"outright": table(values)}, market([0.0] * 6))
    assert [(f.peak, f.valley, f.end) for f in found.falls] == [
        ("2021-01-01", "2021-01-02", "2021-01-03"),
        ("2021-01-05", "2021-01-06", ""),
        ("2021-01-03", "2021-01-04", "2021-01-05"),
    ]
    assert [f.depth for f in found.falls] == pytest.approx([-0.2, -0.1, -0.05])
    assert isinstance(found.falls[0], Fall)


def test_ratios_and_falls_are_those_of_vectorbt() -> None:
    import vectorbt as vbt

    rng = np.random.default_rng(7)
    gains, held = rng.normal(2e-3, 0.01, (2, 600))
    values = table((1.0 + np.cumsum(gains)).tolist())
    (found,), _ = ratios({"outright": values}, market(held.tolist()))
    daily = pd.Series(gains, pd.DatetimeIndex(values.index).tz_localize(None))
    own = daily.vbt.returns(freq="1D", year_freq="365D")
    beside = pd.Series(held, daily.index)
    beside.iloc[0] = 0.0  # the market's first day has no day before
    assert found.sharpe == pytest.approx(own.sharpe_ratio())
    assert found.sortino == pytest.approx(own.sortino_ratio())
    assert found.beta == pytest.approx(own.beta(beside))
    worth = pd.concat(
        [pd.Series([1.0], [daily.index[0] - pd.Timedelta(days=1)]), 1 + daily.cumsum()]
    )
    grown = (worth / worth.shift(1) - 1.0).iloc[1:].vbt.returns(freq="1D", year_freq="365D")
    assert found.growth_a_year == pytest.approx(grown.annualized())
    assert found.calmar == pytest.approx(grown.calmar_ratio())
    records = vbt.Drawdowns.from_ts(worth, freq="1D").records
    depth = (records["valley_val"] - records["peak_val"]).sort_values()
    assert len(found.falls) == 5
    assert [fall.depth for fall in found.falls] == pytest.approx(depth.head(5).tolist())
    for fall, (_, row) in zip(
        found.falls, records.loc[depth.head(5).index].iterrows(), strict=True
    ):
        days = [worth.index[int(row[name])] for name in ("peak_idx", "valley_idx")]
        assert [fall.peak, fall.valley] == [f"{day:%Y-%m-%d}" for day in days]


def test_coins_by_years_count_a_trade_of_two_legs_once() -> None:
    rows = [
        ("BTC", "2021-05-01", "time", "1", 0.01),
        ("BTC", "2021-06-01", "time", "2", 0.02),
        ("BTC", "2021-06-01", "time", "2", 0.01),  # its second leg
        ("BTC", "2022-06-01", "stop", "3", -0.04),
        ("ETH", "2022-06-01", "end", "4", 0.50),  # cut off by the end of data
    ]
    trades = pd.DataFrame(
        rows, columns=["symbol", "entry_time", "exit_reason", "trade_id", "return"]
    )
    trades = trades.assign(
        strategy="s", phase="p", stance="fade", entry_time=pd.to_datetime(trades["entry_time"])
    )
    found = coin_years(trades)[["symbol", "year", "n_trades", "mean_net_bps"]]
    assert found.to_numpy().tolist() == [["BTC", 2021, 2, 200.0], ["BTC", 2022, 1, -400.0]]


def test_excursions_end_at_the_exit_and_not_with_its_bar() -> None:
    high = np.array([101.0, 110.0, 200.0])
    low = np.array([98.0, 95.0, 10.0])
    ends = np.array([0, 0]), np.array([2, 2])
    prices = np.array([[100.0, 104.0], [100.0, 104.0]])
    found = _excursions(high, low, *ends, np.array([1, -1]), prices)
    # bars 0 and 1 were seen whole, of bar 2 only the exit at 104; a short sees the same from below
    assert found[:, 0].tolist() == pytest.approx([-0.05, 0.10])
    assert found[:, 1].tolist() == pytest.approx([-0.10, 0.05])
