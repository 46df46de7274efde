"""The grid of bars: when each opens and closes, and what of a table lies on it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
TimeArray = npt.NDArray[np.datetime64]


def opens(start: pd.Timestamp, end: pd.Timestamp, bar: pd.Timedelta) -> TimeArray:
    """Open times of the bars from start to end, naive UTC, shape (n,)."""
    count = max(int((end - start) // bar), 0)
    return naive(start) + np.timedelta64(bar.value, "ns") * np.arange(count)


def place(times: TimeArray, open_time: TimeArray, bar: pd.Timedelta) -> tuple[IntArray, BoolArray]:
    """On which bar each time lies, and whether it is exactly the open of one of them."""
    span = np.timedelta64(bar.value, "ns")
    offset = times - open_time[0]
    found = offset // span
    exact = (offset % span == np.timedelta64(0, "ns")) & (found >= 0) & (found < len(open_time))
    return found.astype(np.int64), exact


def on_grid(
    table: pd.DataFrame, column: str, open_time: TimeArray, bar: pd.Timedelta
) -> FloatArray:
    """A column of a table of bars, one value a bar, shape (n,).

    NaN where there is no bar that starts then and was available at its close.
    """
    out = np.full(len(open_time), np.nan)
    if not len(table) or not len(out) or column not in table:
        return out
    at, exact = place(stamps(table["time"]), open_time, bar)
    closes = open_time[at[exact]] + np.timedelta64(bar.value, "ns")
    exact[exact] &= stamps(table["available"])[exact] <= closes
    out[at[exact]] = table[column].to_numpy(np.float64)[exact]
    return out


def known_by(table: pd.DataFrame, end: np.datetime64) -> pd.DataFrame:
    """The records of a table that were available at a time, naive UTC."""
    known = stamps(table["available"]) <= end
    return table.copy(deep=False) if known.all() else table[known]


def stamps(column: pd.Series) -> TimeArray:
    """A UTC time column as naive datetime64[ns]."""
    found: TimeArray = column.dt.tz_convert(None).to_numpy("datetime64[ns]")
    return found


def naive(time: pd.Timestamp) -> np.datetime64:
    """A time as naive datetime64[ns] in UTC."""
    return np.datetime64(time.tz_convert(None) if time.tzinfo else time, "ns")
