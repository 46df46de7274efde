"""Tables of a small market, and its bar arrays."""

from __future__ import annotations

import pandas as pd

from fadefollow.engine.plans.bar_arrays import bar_arrays, calendar
from fadefollow.market import Market

HOUR = pd.Timedelta(hours=1)
START = pd.Timestamp("2024-01-01", tz="UTC")


def bars(opens: list[float], hours: list[int], **columns: list[float]) -> pd.DataFrame:
    time = START + pd.to_timedelta(hours, unit="h").astype("timedelta64[ns]")
    table = pd.DataFrame({"time": time, "open": opens})
    table = table.assign(high=table["open"] + 2, low=table["open"] - 2, close=table["open"] + 1)
    return table.assign(volume=10.0, **columns, available=table["time"] + HOUR)


def funding(hours: list[float], interval: list[float]) -> pd.DataFrame:
    time = START + pd.to_timedelta(hours, unit="h").astype("timedelta64[ns]")
    return pd.DataFrame(
        {"time": time, "rate": 0.0001, "interval_hours": interval, "available": time}
    )


def make(
    tables: dict[str, pd.DataFrame],
    *,
    start: int = 0,
    end: int = 6,
    bars_: int = 6,
    spot: bool = False,
):
    market = Market("COIN", bar=HOUR, tables=tables)
    span = (START + start * HOUR, START + end * HOUR)
    time = calendar([(START, START + bars_ * HOUR)], HOUR)
    return bar_arrays(market, time=time, start=span[0], end=span[1], spot=spot)
