"""Tiny market frames for the tests of the market room."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

HOUR = pd.Timedelta(hours=1)


@pytest.fixture
def raw_bars() -> Callable[..., pd.DataFrame]:
    """Raw hourly bars from a start: close 100, 101, …; open = previous close."""

    def make(count: int = 6, start: str = "2024-01-01", freq: str = "1h") -> pd.DataFrame:
        close = 100.0 + np.arange(count)
        return pd.DataFrame(
            {
                "time": pd.date_range(start, periods=count, freq=freq, tz="UTC"),
                "open": close - 1,
                "high": close + 2,
                "low": close - 3,
                "close": close,
                "volume": np.full(count, 10.0),
            }
        )

    return make


@pytest.fixture
def raw_funding() -> Callable[..., pd.DataFrame]:
    """Raw settlements of 1 bp every 8 hours."""

    def make(count: int = 4, start: str = "2024-01-01", rate: float = 1e-4) -> pd.DataFrame:
        times = pd.date_range(start, periods=count, freq="8h", tz="UTC")
        return pd.DataFrame({"time": times, "rate": rate, "interval_hours": 8.0})

    return make
