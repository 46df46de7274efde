"""Measures that signal modules share: rolling thresholds, and firing once per episode."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from numba import njit

from fadefollow.market import Market

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


def past_quantile(time: pd.Series, values: FloatArray, q: float, *, days: float) -> FloatArray:
    """The rolling quantile of the records strictly before each one.

    Args:
        time: stamps of the records, increasing, shape (k,).
        values: shape (k,).
        q: which quantile, between 0 and 1.
        days: length of the look-back.

    Returns:
        Shape (k,); NaN until the records reach back over the whole look-back (the warm-up).
    """
    window = pd.Timedelta(days=days)
    series = pd.Series(values, index=pd.DatetimeIndex(time))
    quantile = series.rolling(window, closed="left").quantile(q).to_numpy(copy=True)
    if len(series):
        quantile[(series.index - series.index[0]) < window] = np.nan
    return quantile


def fire_once(condition: BoolArray, *, cooldown_bars: int) -> IntArray:
    """Bars on which a condition fires.

    It fires on the first bar on which it holds, and again when it begins anew after it has ended
    and `cooldown_bars` have passed since it fired.

    Args:
        condition: shape (n,), what is known at each bar's close.
        cooldown_bars: bars from one event to the earliest next one.

    Returns:
        Numbers of the bars, increasing.
    """
    return _fire_once(np.ascontiguousarray(condition), cooldown_bars)  # type: ignore[no-any-return]


@njit(cache=True)
def _fire_once(condition: BoolArray, cooldown_bars: int) -> IntArray:
    fired = np.empty(len(condition), np.int64)
    count, last = 0, -cooldown_bars
    for i in range(len(condition)):
        begins = condition[i] and (i == 0 or not condition[i - 1])
        if begins and i - last >= cooldown_bars:
            fired[count] = last = i
            count += 1
    return fired[:count]


def lagged(values: FloatArray, bars: int) -> FloatArray:
    """What each value was `bars` bars before, shape (n,); NaN in the first `bars`."""
    out = np.full(len(values), np.nan)
    out[bars:] = values[: max(len(values) - bars, 0)]
    return out


def change(values: FloatArray, bars: int) -> FloatArray:
    """Each value minus the one `bars` bars before, shape (n,); NaN where either is missing."""
    return values - lagged(values, bars)


def spot_premium_bps(market: Market) -> FloatArray:
    """Spot / perp − 1 at each bar's close, in bps; NaN where either bar is missing."""

    def make() -> FloatArray:
        spot, perp = (market.column(name, "close") for name in ("spot", "perp"))
        premium: FloatArray = 1e4 * (spot / perp - 1)
        return premium

    return market.memo("spot_premium_bps", make)


def rolling_median(values: FloatArray, bars: int) -> FloatArray:
    """The median of the values present among the last `bars`, the bar's own included.

    Returns:
        Shape (n,); NaN (the warm-up) until half of `bars` values are present.
    """
    return _rolling_median(np.ascontiguousarray(values, np.float64), bars)  # type: ignore[no-any-return]


def usual_size(values: FloatArray, bars: int, *, floor: float) -> FloatArray:
    """A robust scale of what came before: the median |value| of the `bars` earlier bars.

    Args:
        values: shape (n,), centred on zero, such as changes over a window.
        bars: length of the look-back.
        floor: the least that is returned; a robust scale is zero where most values tie.

    Returns:
        Shape (n,), in the scale of a standard deviation if the values were normal; it uses the
        bars strictly before each one. NaN in the warm-up.
    """
    before = np.full(len(values), np.nan)
    before[1:] = rolling_median(np.abs(values), bars)[:-1]
    return np.maximum(before / _MEDIAN_OF_NORMAL, floor)


#: the median of |x| for a standard normal x
_MEDIAN_OF_NORMAL = 0.6744897501960817


@njit(cache=True)
def _rolling_median(values: FloatArray, bars: int) -> FloatArray:
    # the window is kept in order; a new value takes the place of the old one by one short slide,
    # with unsigned indices, which compile to a move of memory (three times as fast)
    out = np.full(len(values), np.nan)
    ordered, count, one = np.empty(bars + 1), 0, np.uint64(1)
    for i in range(len(values)):
        new = values[i]
        old = values[i - bars] if i >= bars else np.nan
        at = count if np.isnan(old) else np.searchsorted(ordered[:count], old)
        if not np.isnan(new):
            to = np.searchsorted(ordered[:count], new)
            count += np.isnan(old)
            if to > at:
                to -= 1
                for k in range(np.uint64(at), np.uint64(to)):
                    ordered[k] = ordered[k + one]
            else:
                for k in range(np.uint64(at), np.uint64(to), -1):
                    ordered[k] = ordered[k - one]
            ordered[to] = new
        elif not np.isnan(old):
            count -= 1
            for k in range(np.uint64(at), np.uint64(count)):
                ordered[k] = ordered[k + one]
        if count > 0 and bars <= 2 * count:
            out[i] = (ordered[(count - 1) // 2] + ordered[count // 2]) / 2
    return out


def trailing_quantile(
    values: FloatArray, q: float, *, window_bars: int, every_bars: int = 1
) -> FloatArray:
    """The quantile of what lies strictly before each bar, over a window.

    Args:
        values: shape (n,), as of each bar's close; NaN where missing.
        q: which quantile, between 0 and 1.
        window_bars: length of the look-back.
        every_bars: take every so many-th bar only, counted from the first; a long window loses
            nothing by it, and the work is that much less.

    Returns:
        Shape (n,); NaN until `window_bars` have passed since the first value (the warm-up), and
        where less than half of the window is known.
    """
    every = min(max(every_bars, 1), window_bars)
    size = window_bars // every
    sample = pd.Series(values[::every]).rolling(size, min_periods=(size + 1) // 2).quantile(q)
    out = np.full(len(values), np.nan)
    known = np.flatnonzero(np.isfinite(values))
    start = known[0] + window_bars if len(known) else len(values)
    out[start:] = sample.to_numpy()[(np.arange(start, len(values)) - 1) // every]
    return out


def trailing_mean(values: FloatArray, *, window_bars: int) -> FloatArray:
    """The mean of the last `window_bars` bars, this one included, shape (n,).

    NaN until the window is full (the warm-up), and where less than half of it is known.
    """
    rolled = pd.Series(values).rolling(window_bars, min_periods=(window_bars + 1) // 2).mean()
    out = rolled.to_numpy(copy=True)
    known = np.flatnonzero(np.isfinite(values))
    out[: known[0] + window_bars - 1 if len(known) else len(values)] = np.nan
    return out


def held_within(condition: BoolArray, *, bars: int) -> BoolArray:
    """Whether a condition holds at a bar, or has held at one of the `bars` bars before it."""
    number = np.arange(len(condition))
    last = np.maximum.accumulate(np.where(condition, number, -bars - 1))
    return np.asarray(number - last <= bars)
