"""Shared measures of the signals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fadefollow.errors import DataError
from fadefollow.market import Market
from fadefollow.phases.features import (
    fire_on_records,
    fire_once,
    memoised,
    past_quantile,
    past_quantiles,
    rolling_median,
    trailing_quantile,
    trailing_quantiles,
)
from tests.support.market_tables import bars, funding

START = pd.Timestamp("2024-01-01", tz="UTC")
#: few values, so that many tie; missing ones and infinities among them
VALUES = st.lists(
    st.one_of(
        st.integers(-3, 3).map(float),
        st.floats(-1e6, 1e6),
        st.just(np.nan),
        st.sampled_from([np.inf, -np.inf]),
    ),
    max_size=80,
)
Q = st.one_of(st.sampled_from([0.0, 0.5, 1.0]), st.floats(0, 1))


def test_past_quantile_leaves_out_the_record_itself() -> None:
    time = pd.Series(pd.date_range("2024-01-01", periods=5, freq="D", tz="UTC"))
    values = np.array([1.0, 2.0, 3.0, 100.0, 4.0])
    found = past_quantile(time, values, 0.5, days=2)
    # before the third record lie 1 and 2, before the fourth 2 and 3, before the fifth 3 and 100
    np.testing.assert_allclose(found, [np.nan, np.nan, 1.5, 2.5, 51.5])


@pytest.mark.parametrize(
    ("condition", "cooldown", "fired"),
    [
        ([0, 1, 1, 0, 1], 0, [1, 4]),
        ([1, 0, 1, 0, 1], 3, [0, 4]),
        ([1, 1, 1, 1], 1, [0]),
        ([1, 0, 1, 1, 1], 4, [0]),
        ([1, 0, 1, 0, 1, 1], 2, [0, 2, 4]),
        ([0, 0], 0, []),
        ([], 5, []),
    ],
)
def test_fire_once_fires_on_the_rise_and_after_the_cooldown(
    condition: list[int], cooldown: int, fired: list[int]
) -> None:
    got = fire_once(np.array(condition, dtype=bool), cooldown_bars=cooldown)
    assert got.tolist() == fired


@pytest.mark.parametrize(
    ("condition", "cooldown", "fired", "record"),
    [
        # settlements at 00:00, 08:00 and 16:00 are known at the close of the bars 0, 7 and 15
        ([1, 0, 1], 0.0, [0, 15], [0, 2]),
        ([1, 0, 1], 24.0, [0], [0]),
        ([0, 1, 1], 0.0, [7], [1]),
        ([0, 0, 0], 0.0, [], []),
    ],
)
def test_a_condition_of_records_fires_on_the_bar_that_knows_it(
    condition: list[int], cooldown: float, fired: list[int], record: list[int]
) -> None:
    hours = list(range(24))
    tables = {"perp": bars([100.0] * 24, hours), "funding": funding([0, 8, 16], [8.0] * 3)}
    market = Market("COIN", bar=pd.Timedelta(hours=1), tables=tables)
    holds = np.array(condition, bool)
    found = fire_on_records(market, "funding", holds, cooldown_hours=cooldown)
    assert [x.tolist() for x in found] == [fired, record]
    changes, known = market.steps("funding")
    by_bar = np.append(holds, False)[known]
    same = fire_once(by_bar, cooldown_bars=round(cooldown), bars=changes)
    assert same.tolist() == fired


@settings(max_examples=300, deadline=None)
@given(data=st.data(), values=VALUES, q=st.lists(Q, min_size=1, max_size=3), days=st.floats(0.1, 9))
def test_past_quantiles_are_those_of_pandas(
    data: Any, values: list[float], q: list[float], days: float
) -> None:
    # irregular, with several records at one time
    gaps = data.draw(
        st.lists(st.sampled_from([0, 1, 8, 24, 99]), min_size=len(values), max_size=len(values))
    )
    time = pd.Series(START + pd.to_timedelta(np.cumsum(gaps), "h")).dt.as_unit("ns")
    window = pd.Timedelta(days=days)
    series = pd.Series(values, index=pd.DatetimeIndex(time), dtype=float)
    found = past_quantiles(time, np.array(values, float), q, days=days)
    assert found.shape == (len(q), len(values))
    for one, row in zip(q, found, strict=True):
        expected = series.rolling(window, closed="left").quantile(one).to_numpy(copy=True)
        expected[(time - START < window + (time.min() - START)).to_numpy()] = np.nan
        np.testing.assert_array_equal(row, expected)


@settings(max_examples=300, deadline=None)
@given(values=VALUES, q=Q, bars=st.integers(1, 40))
@example(values=[1.0] * 70 + [2.0] * 70, q=0.5, bars=66)
def test_rolling_order_statistics_are_those_of_pandas(
    values: list[float], q: float, bars: int
) -> None:
    array = np.array(values, float)
    least = (bars + 1) // 2
    rolling = pd.Series(array).rolling(bars, min_periods=least)
    expected = np.full(len(array), np.nan)
    known = np.flatnonzero(np.isfinite(array))
    first = known[0] + bars if len(known) else len(array)
    expected[first:] = rolling.quantile(q).to_numpy()[np.arange(first, len(array)) - 1]
    np.testing.assert_array_equal(trailing_quantile(array, q, window_bars=bars), expected)
    both = trailing_quantiles(array, (q, 1 - q), window_bars=bars)
    np.testing.assert_array_equal(both[0], expected)
    finite = np.where(np.isfinite(array), array, np.nan)
    medians = pd.Series(finite).rolling(bars, min_periods=least).median()
    np.testing.assert_allclose(rolling_median(finite, bars), medians, rtol=1e-12, atol=1e-300)


def test_records_that_go_back_in_time_are_refused() -> None:
    time = pd.Series([START, START - pd.Timedelta(hours=1)])
    with pytest.raises(DataError, match="in increasing order"):
        past_quantile(time, np.zeros(2), 0.5, days=1)


def test_a_memoised_measure_is_computed_once_for_each_of_its_arguments() -> None:
    bars = pd.DataFrame({"time": pd.date_range(START, periods=3, freq="h", unit="ns")})
    bars = bars.assign(available=bars["time"] + pd.Timedelta(hours=1), close=1.0)
    one, other = (
        Market(name, bar=pd.Timedelta(hours=1), tables={"perp": bars}) for name in ("A", "B")
    )
    calls: list[tuple[str, float]] = []

    @memoised
    def measure(market: Market, factor: float) -> np.ndarray:
        calls.append((market.symbol, factor))
        return factor * market.column("perp", "close")

    assert measure(one, 2.0).tolist() == [2.0, 2.0, 2.0]
    assert measure(one, 3.0).tolist() == [3.0, 3.0, 3.0]
    assert measure(one, 2.0) is measure(one, 2.0)
    assert measure(other, 2.0).tolist() == [2.0, 2.0, 2.0]
    measure(one.until(START + pd.Timedelta(hours=2)), 2.0)
    assert calls == [("A", 2.0), ("A", 3.0), ("B", 2.0), ("A", 2.0)]
    with pytest.raises(ValueError, match="read-only"):
        measure(one, 2.0)[0] = 5.0
