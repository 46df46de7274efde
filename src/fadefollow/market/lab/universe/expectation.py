"""What each perp of a lab market is expected to do: the growth that its drifts promise.

After funding a perp is a martingale times this growth, given whatever was known before. A quantity
that is multilinear in the coins' returns over disjoint spans of time has, as its expectation, its
value on these prices: the gain of holding one perp, or the level of a basket that is formed anew
each day by weights known beforehand.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from fadefollow.market.lab.clock import HOURS_PER_YEAR, FloatArray
from fadefollow.market.lab.phases import LEANS

_HOUR = pd.Timedelta(hours=1)


def expected_prices(
    truth: pd.DataFrame,
    times: pd.DatetimeIndex,
    *,
    symbols: Sequence[str],
    annual_drift: float,
) -> pd.DataFrame:
    """Growth after funding that the drifts promise each coin from the first time to each, from 1.

    Args:
        truth: of a lab market.
        times: UTC, increasing, shape (n,).
        symbols: the coins.
        annual_drift: of the lab's settings.

    Returns:
        Times × coins. A coin's listing and delisting say nothing about it, so it has no NaN.
    """
    hours = np.asarray((times - times[0]) / _HOUR, np.float64)
    steady = np.log1p(annual_drift) * hours / HOURS_PER_YEAR
    worth = truth[truth["planted_bps"] != 0.0]
    by_coin = {str(symbol): rows for symbol, rows in worth.groupby("symbol")}
    log_growth = {s: steady + _planted(by_coin.get(s), times, hours) for s in symbols}
    return pd.DataFrame({s: np.exp(path) for s, path in log_growth.items()}, index=times)


def _planted(rows: pd.DataFrame | None, times: pd.DatetimeIndex, hours: FloatArray) -> FloatArray:
    """Log growth that plants promise from the first time to each, shape (n,)."""
    if rows is None:
        return np.zeros(len(hours))
    start = np.asarray((pd.DatetimeIndex(rows["start"]) - times[0]) / _HOUR, np.float64)
    length = rows["horizon_hours"].to_numpy(np.float64)
    lean = rows["phase"].map(LEANS).to_numpy(np.float64)
    whole = np.log1p(lean * rows["planted_bps"].to_numpy(np.float64) / 1e4)
    knots = np.concatenate([start, start + length])
    slope = np.concatenate([whole / length, -whole / length])
    # a kinked line: each plant bends it up at its start and back at its end
    order = np.argsort(knots, kind="stable")
    knots, slope = knots[order], slope[order]
    after = np.searchsorted(knots, hours, side="right")
    slopes, offsets = (np.append(0.0, np.cumsum(part)) for part in (slope, slope * knots))
    level = slopes[after] * hours - offsets[after]
    return np.asarray(level - level[0])
