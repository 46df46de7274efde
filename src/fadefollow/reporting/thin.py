"""Long series made short for drawing, with their extremes kept, and packed for Plotly."""

from __future__ import annotations

import base64
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Line:
    """A curve: `time` in milliseconds since 1970 UTC and `value`, both of shape (n,)."""

    time: FloatArray
    value: FloatArray


@dataclass(frozen=True)
class Band:
    """The range of a price per stretch of time; all of shape (n,), `time` being its start."""

    time: FloatArray
    low: FloatArray
    high: FloatArray


def millis(times: pd.DatetimeIndex | pd.Series) -> FloatArray:
    """Milliseconds since 1970 UTC; NaN where there is no time."""
    index = pd.DatetimeIndex(times)
    stamps = index.as_unit("ms").asi8.astype(np.float64)
    stamps[np.asarray(index.isna())] = np.nan
    return stamps


def keep_extremes(values: npt.ArrayLike, *, points: int) -> IntArray:
    """Places of at most about `points` values that show all highs and lows.

    The series is cut into `points / 2` stretches, of each of which the lowest and the highest
    value stay, with the first and the last of all. A stretch without any number keeps one NaN,
    so that a hole stays a hole.
    """
    series = np.asarray(values, np.float64)
    if series.size <= points:
        return np.arange(series.size)
    size = -(-series.size // max(points // 2 - 1, 1))
    folded = _fold(series, size)
    first = np.arange(len(folded)) * size
    low = np.where(np.isnan(folded), np.inf, folded).argmin(axis=1) + first
    high = np.where(np.isnan(folded), -np.inf, folded).argmax(axis=1) + first
    places = np.concatenate(([0], low, high, [series.size - 1]))
    return np.unique(places[places < series.size])


def thin(time: FloatArray, values: npt.ArrayLike, *, points: int) -> Line:
    """A curve of at most about `points` values with all highs and lows."""
    series = np.asarray(values, np.float64)
    kept = keep_extremes(series, points=points)
    return Line(time[kept], series[kept])


def ranges(time: FloatArray, low: npt.ArrayLike, high: npt.ArrayLike, *, points: int) -> Band:
    """The lowest low and highest high of each of at most `points` stretches."""
    lows, highs = np.asarray(low, np.float64), np.asarray(high, np.float64)
    size = max(-(-lows.size // max(points, 1)), 1)
    lowest = np.fmin.reduce(_fold(lows, size), axis=1)
    highest = np.fmax.reduce(_fold(highs, size), axis=1)
    return Band(time[::size], lowest, highest)


def packed(values: npt.ArrayLike, dtype: str = "f4") -> dict[str, str]:
    """An array in the binary form that Plotly reads (`{dtype, bdata}`), NaN kept as NaN."""
    raw = np.ascontiguousarray(np.asarray(values), dtype=f"<{dtype}").tobytes()
    return {"dtype": dtype, "bdata": base64.b64encode(raw).decode("ascii")}


def _fold(series: FloatArray, size: int) -> FloatArray:
    padded = np.full(-(-series.size // size) * size, np.nan)
    padded[: series.size] = series
    return padded.reshape(-1, size)
