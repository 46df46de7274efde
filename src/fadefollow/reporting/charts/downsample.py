"""Long series made short for drawing, with their extremes kept, and packed for Plotly."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

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
    rows = folded(series, size)
    first = np.arange(len(rows)) * size
    low = np.where(np.isnan(rows), np.inf, rows).argmin(axis=1) + first
    high = np.where(np.isnan(rows), -np.inf, rows).argmax(axis=1) + first
    places = np.concatenate(([0], low, high, [series.size - 1]))
    return np.unique(places[places < series.size])


def thin(time: FloatArray, values: npt.ArrayLike, *, points: int) -> Line:
    """A curve of at most about `points` values with all highs and lows."""
    series = np.asarray(values, np.float64)
    kept = keep_extremes(series, points=points)
    return Line(time[kept], series[kept])


def packed(values: npt.ArrayLike, dtype: str = "f4") -> dict[str, str]:
    """An array in the binary form that Plotly reads (`{dtype, bdata}`), NaN kept as NaN."""
    raw = np.ascontiguousarray(np.asarray(values), dtype=f"<{dtype}").tobytes()
    return {"dtype": dtype, "bdata": base64.b64encode(raw).decode("ascii")}


def steps(time: FloatArray) -> dict[str, Any]:
    """Times as whole steps from the first one, which the page's script turns into milliseconds.

    Two bytes a time in place of eight where 65 536 steps suffice; without NaN.
    """
    start, step, count = _grid(time)
    if not count.size or count.max() > 0xFFFF_FFFF:
        return packed(time, "f8")
    dtype = "u2" if count.max() <= 0xFFFF else "u4"
    return {**packed(count, dtype), "start": start, "step": step}


def clock(time: FloatArray) -> dict[str, Any]:
    """The times of a trace: `x0` and `dx` where they are regular, `x` in steps otherwise."""
    start, step, count = _grid(time)
    if count.size > 1 and (np.diff(count) == 1).all():
        return {"x0": start, "dx": step}
    return {"x": steps(time)}


def _grid(time: FloatArray) -> tuple[int, int, IntArray]:
    """The first time, the largest step that all times share, and the steps since the first."""
    whole = np.asarray(time, np.float64).round().astype(np.int64)
    if not whole.size:
        return 0, 1, whole
    start = int(whole.min())
    step = max(int(np.gcd.reduce(whole - start)), 1)
    return start, step, (whole - start) // step


def fair_share(counts: list[int], most: int) -> int:
    """How many of each kind may stay, so that all together are at most `most`.

    Kinds with few members keep them all, and leave what they do not need to the others.
    """
    left = most
    for place, count in enumerate(sorted(counts)):
        share = left // (len(counts) - place)
        if count > share:
            return share
        left -= count
    return max(counts, default=0)


def folded(series: FloatArray, size: int) -> FloatArray:
    """A series in rows of `size` values, the last one filled up with NaN."""
    padded = np.full(-(-series.size // size) * size, np.nan)
    padded[: series.size] = series
    return padded.reshape(-1, size)
