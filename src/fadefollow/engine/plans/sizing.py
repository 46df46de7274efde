"""Sizing by risk: what share of its full size a position takes, from the coin's own volatility."""

from __future__ import annotations

import math
from typing import TypeVar

import numpy as np
import pandas as pd

from fadefollow.engine.model import DAY_NS, FloatArray, IntArray

Closes = TypeVar("Closes", "pd.Series[float]", pd.DataFrame)

#: what the volatility is estimated from, and the fewest returns that give one
VOLATILITY_DAYS, MIN_VOLATILITY_DAYS = 30, 10
DAYS_A_YEAR = 365


def trailing_volatility(closes: Closes) -> Closes:
    """Standard deviation of daily returns over the days before each, as known when it begins.

    Args:
        closes: last closes of consecutive UTC days, one column a coin if there are several.
    """
    returns = closes.pct_change(fill_method=None)
    return returns.rolling(VOLATILITY_DAYS, min_periods=MIN_VOLATILITY_DAYS).std().shift(1)


def risk_shares(time: IntArray, close: FloatArray, *, target: float) -> FloatArray:
    """The share of weight × capital that a position opened at each bar takes, shape (n,).

    target / volatility, at most 1: a coin twice as wild as the target gets half. The volatility is
    that of returns between the last closes of the 30 UTC days before, annualised by √365, so that
    all of it is known when the day begins.

    Args:
        time: open times, nanoseconds since 1970 UTC, shape (n,).
        close: closes, NaN where a bar is missing, shape (n,).
        target: volatility at which a position has its full size, a fraction a year.

    Returns:
        Between 0 and 1; NaN where fewer than ten returns are known.
    """
    number = time // DAY_NS
    day = number - number[0]
    closes = pd.Series(close).groupby(day).last()  # of a day without a bar: NaN
    closes = closes.reindex(range(int(day[-1]) + 1))
    yearly = (trailing_volatility(closes) * math.sqrt(DAYS_A_YEAR)).to_numpy(np.float64)
    with np.errstate(divide="ignore"):
        share = np.minimum(target / np.maximum(yearly, 0.0), 1.0)
    return np.asarray(share[day], np.float64)
