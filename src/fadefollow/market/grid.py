"""The grid of bars: when each opens and closes, and what of a table lies on it."""

from __future__ import annotations

from typing import NamedTuple

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


class OnGrid(NamedTuple):
    """Where the rows of a table of bars lie on a grid, those left out that do not lie on it."""

    rows: IntArray | slice  #: numbers of rows in the table, increasing
    bars: IntArray | slice  #: on which bar each lies


def rows_on_grid(table: pd.DataFrame, open_time: TimeArray, bar: pd.Timedelta) -> OnGrid:
    """The rows that start with a bar of the grid and were available at its close."""
    if not len(table) or not len(open_time):
        return OnGrid(slice(0), slice(0))
    at, exact = place(stamps(table["time"]), open_time, bar)
    closes = open_time[at[exact]] + np.timedelta64(bar.value, "ns")
    exact[exact] &= stamps(table["available"])[exact] <= closes
    return OnGrid(_as_slice(np.flatnonzero(exact)), _as_slice(at[exact]))


def _as_slice(numbers: IntArray) -> IntArray | slice:
    """The same numbers as a slice where each follows the one before."""
    if not len(numbers):
        return slice(0)
    return slice(numbers[0], numbers[-1] + 1) if (np.diff(numbers) == 1).all() else numbers


def on_grid(table: pd.DataFrame, column: str, count: int, found: OnGrid) -> FloatArray:
    """A column of a table of bars, one value a bar, shape (count,).

    NaN where there is no bar that starts then and was available at its close.
    """
    out = np.full(count, np.nan)
    if column in table:
        out[found.bars] = table[column].to_numpy(np.float64)[found.rows]
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
