"""What a result keeps of a market: each value from when it was known, and only what is there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from fadefollow.jobs.chart_data import prices_of
from fadefollow.market import Market

START = pd.Timestamp("2024-01-01", tz="UTC")
HOUR, DAY = pd.Timedelta(hours=1), pd.Timedelta(days=1)
PRICES = ["open", "high", "low", "close"]


def hours(count: int) -> pd.DatetimeIndex:
    return pd.date_range(START, periods=count, freq="h", unit="ns")


def bars(close: float, count: int = 48) -> pd.DataFrame:
    time = hours(count)
    flat = dict.fromkeys(PRICES, close)
    return pd.DataFrame({"time": time, "available": time + HOUR, "volume": 1.0, **flat})


def records(at: list[float], available: list[float], **columns: Any) -> pd.DataFrame:
    """Records of these hours, known from those on."""
    time, known = (START + pd.to_timedelta(h, unit="h").as_unit("ns") for h in (at, available))
    return pd.DataFrame({"time": time, **columns, "available": known})


def table(**tables: pd.DataFrame) -> pd.DataFrame:
    return prices_of(Market("COIN", bar=HOUR, tables=tables))


def changes(column: pd.Series) -> list[tuple[int, float | None]]:
    """Where a column takes another value: number of the bar, and the value (None for none)."""
    values = column.to_numpy(np.float64)
    before = np.r_[np.inf, values[:-1]]
    new = (values != before) & ~(np.isnan(values) & np.isnan(before))
    return [(int(i), None if np.isnan(values[i]) else values[i]) for i in np.flatnonzero(new)]


def test_prices_alone_are_those_of_the_perp_else_of_spot() -> None:
    assert list(table(perp=bars(100.0))) == PRICES
    assert table(spot=bars(90.0))["close"].unique().tolist() == [90.0]
    both = table(perp=bars(100.0), spot=bars(101.0))
    assert both["close"].unique().tolist() == [100.0]
    assert both["premium_bps"].tolist() == pytest.approx([100.0] * 48, rel=1e-6)
    assert both.index[0] == START


def test_funding_is_the_last_settlement_per_eight_hours() -> None:
    funding = records([8, 12], [8, 12], rate=[0.0002, -0.0001], interval_hours=[8.0, 4.0])
    found = table(perp=bars(100.0, 20), funding=funding)["funding_bps_per_8h"]
    # the bar of 07:00 closes at the settlement, and knows it; 1 bps in 4 h are 2 in 8 h
    assert changes(found.round(6)) == [(0, None), (7, 2.0), (11, -2.0)]


def test_open_interest_is_known_at_its_stamp_and_forgotten_when_it_is_old() -> None:
    snapshots = records([2.5], [2.5], open_interest=[70.0])
    found = table(perp=bars(100.0, 20), open_interest=snapshots)["open_interest_coins"]
    assert changes(found) == [(0, None), (2, 70.0), (11, None)]


def test_a_day_of_netflow_and_liquidations_is_known_when_it_is_published() -> None:
    netflow = records([0, 24], [36, 60], netflow_coins=[500.0, -20.0], reserve_coins=[1e6, 1e6])
    liquidations = records([0], [30], long_coins=[7.0], short_coins=[3.0])
    found = table(perp=bars(100.0, 72), netflow=netflow, liquidations=liquidations)
    assert changes(found["netflow_coins"]) == [(0, None), (35, 500.0), (59, -20.0)]
    assert changes(found["liquidated_long_coins"]) == [(0, None), (29, 7.0)]
    assert changes(found["liquidated_short_coins"]) == [(0, None), (29, 3.0)]


def test_the_basis_is_annualised_at_ninety_days() -> None:
    count, expiry = 48, START + HOUR + 90 * DAY
    left = 90 - np.arange(count) / 24
    future = bars(100.0, count).assign(expiry=expiry.as_unit("ns"))
    future[PRICES] = np.tile((100 * (1 + 0.12 * left / 365))[:, None], 4)
    found = table(perp=bars(100.0), spot=bars(100.0), future=future)["basis_pct_per_year"]
    # the first day of a contract is left out
    assert found[:24].isna().all()
    assert found[24:].tolist() == pytest.approx([12.0] * 24, rel=1e-5)


def test_what_is_missing_has_no_column_and_prices_stay_exact() -> None:
    far = bars(100.0).assign(expiry=(START + 20 * DAY).as_unit("ns"))
    found = table(perp=bars(0.1), spot=bars(0.1), future=far)
    assert list(found) == [*PRICES, "premium_bps"]  # a basis that is never known is none
    assert found["close"].dtype == np.float64
    assert found["close"].iloc[0] == 0.1
    assert found["premium_bps"].dtype == np.float32
