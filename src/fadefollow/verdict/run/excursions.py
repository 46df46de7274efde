"""How far price went against and for each trade while it was held (MAE and MFE)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from fadefollow.core.cache.compiled import kernel
from fadefollow.engine.model import DatedBarArrays, FloatArray, IntArray
from fadefollow.engine.plans.strategy_plan import Plan


def with_excursions(trades: pd.DataFrame, plans: Sequence[Plan]) -> pd.DataFrame:
    """The trades with `mae` and `mfe`, the worst and best return by price alone while held.

    Fractions of the entry fill, before funding, fees and the exit's slippage; `mae` ≤ 0 ≤ `mfe`.
    From the entry bar up to the exit, whose own price counts and whose bar does not: a trade that
    ends inside a bar has not seen the rest of it. NaN for dated futures and carries.

    Args:
        trades: a row a trade, columns as in TRADE_COLUMNS.
        plans: whose trades these are.
    """
    if trades.empty:
        return trades
    found = np.full((2, len(trades)), math.nan)
    by_name = {plan.strategy: plan for plan in plans}
    entered, left = (_ns(trades[f"{end}_time"]) for end in ("entry", "exit"))
    prices = trades[["entry_price", "exit_price"]].to_numpy(np.float64)
    side = trades["side"].to_numpy(np.int64)
    keys = ["strategy", "symbol"]
    groups: Mapping[Any, Any] = trades.groupby(keys, sort=False, observed=True).indices
    for (strategy, symbol), rows in groups.items():
        plan = by_name[strategy]
        arrays = plan.coin_arrays[plan.symbols.index(symbol)]
        if isinstance(arrays, DatedBarArrays):
            continue
        first, last = (np.searchsorted(arrays.time, times[rows]) for times in (entered, left))
        found[:, rows] = _excursions(arrays.high, arrays.low, first, last, side[rows], prices[rows])
    return trades.assign(mae=found[0], mfe=found[1])


def _ns(times: pd.Series) -> IntArray:
    return pd.DatetimeIndex(times).as_unit("ns").asi8


@kernel
def _excursions(
    high: FloatArray,
    low: FloatArray,
    first: IntArray,
    last: IntArray,
    side: IntArray,
    prices: FloatArray,
) -> FloatArray:
    """Worst and best return of k trades, shape (2, k)."""
    found = np.zeros((2, len(first)))
    for j in range(len(first)):
        entry, exit_ = prices[j]
        bottom, top = min(entry, exit_), max(entry, exit_)
        for i in range(first[j], last[j]):
            if not math.isnan(low[i]):
                bottom, top = min(bottom, low[i]), max(top, high[i])
        down, up = bottom / entry - 1.0, top / entry - 1.0
        found[0, j], found[1, j] = (down, up) if side[j] > 0 else (-up, -down)
    return found
