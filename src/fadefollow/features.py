"""Measures that signal modules share: rolling thresholds, and firing once per episode."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from numba import njit

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
