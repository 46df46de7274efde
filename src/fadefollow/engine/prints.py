"""Trades that ended by a print of one series that no other series of the coin shares."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from fadefollow.engine.exits import EXIT_RULES
from fadefollow.engine.kernels.arrays import cost_rates
from fadefollow.engine.kernels.position import liquidation_level
from fadefollow.engine.model import AnyRules, BarArrays, Book, Costs, DatedBarArrays, FloatArray
from fadefollow.engine.plans.strategy_plan import Plan

BoolArray = npt.NDArray[np.bool_]

#: exits by the prices of the traded series, by the side of the position
_LOSING = [rule.name for rule in EXIT_RULES if rule.side == "losing"]
_WINNING = [rule.name for rule in EXIT_RULES if rule.side == "winning"]
_BY_PRICE = [*_LOSING, *_WINNING, "liquidation"]


def by_lone_print(plan: Plan, books: Sequence[Book]) -> pd.DataFrame:
    """The trades of a stance that ended by a print which the coin's other series do not share.

    A stop, trail or target counts if it was filled beyond what mark and spot support in that bar
    (see `fadefollow.market.prints`), a liquidation by the mark if neither perp nor spot came to
    its level. Where no other series is known nothing can be said.

    Args:
        plan: coin_arrays, costs and rules.
        books: one a coin, as `books` gives them.

    Returns:
        One row a trade: `symbol`, `time` (open time of the bar, UTC), `reason`.
    """
    parts = []
    for arrays, costs, book in zip(plan.coin_arrays, plan.costs, books, strict=True):
        held = book.trades if book.legs is None else book.legs
        if not held["reason"].isin(_BY_PRICE).any():  # as of most coins
            continue
        rows = held[_alone(arrays, plan.rules, costs, held)]
        stamps = arrays.time[rows["exit_bar"].to_numpy(np.int64)].astype("datetime64[ns]")
        time = pd.DatetimeIndex(stamps, tz="UTC")
        columns = {"symbol": arrays.symbol, "time": time, "reason": rows["reason"].to_numpy(object)}
        parts.append(pd.DataFrame(columns))
    if not parts:
        return pd.DataFrame({"symbol": [], "time": pd.DatetimeIndex([], tz="UTC"), "reason": []})
    return pd.concat(parts, ignore_index=True)


def _alone(arrays: BarArrays, rules: AnyRules, costs: Costs, held: pd.DataFrame) -> BoolArray:
    """Of each trade or leg, whether a lone print ended it, shape (k,)."""
    side = held["side"].to_numpy(np.float64)
    reason = held["reason"].to_numpy(object)
    filled = held["exit_price"].to_numpy(np.float64) / (1.0 - side * costs.slippage)
    low, high = _support(arrays, held)
    below, above = filled < low, filled > high
    losing = np.isin(reason, _LOSING) & np.where(side > 0, below, above)
    winning = np.isin(reason, _WINNING) & np.where(side > 0, above, below)
    alone: BoolArray = losing | winning | _by_the_mark_alone(arrays, rules, costs, held)
    return alone


def _support(arrays: BarArrays, held: pd.DataFrame) -> tuple[FloatArray, FloatArray]:
    """What the other series support in the bar in which each trade or leg ended."""
    bar = held["exit_bar"].to_numpy(np.int64)
    if isinstance(arrays, DatedBarArrays):
        if arrays.dated_liq_low is None or arrays.dated_liq_high is None or arrays.carry:
            return np.full(len(bar), -np.inf), np.full(len(bar), np.inf)
        series = held["series"].to_numpy(np.int64)
        return arrays.dated_liq_low[series, bar], arrays.dated_liq_high[series, bar]
    if arrays.shared_low is None or arrays.shared_high is None:
        return np.full(len(bar), -np.inf), np.full(len(bar), np.inf)
    # where the mark has highs and lows of its own, they support a print too
    low = np.fmin(arrays.shared_low, arrays.liq_low)[bar]
    return low, np.fmax(arrays.shared_high, arrays.liq_high)[bar]


def _by_the_mark_alone(
    arrays: BarArrays, rules: AnyRules, costs: Costs, held: pd.DataFrame
) -> BoolArray:
    """Liquidations at a level that neither perp nor spot came to."""
    gone = np.zeros(len(held), bool)
    if (
        isinstance(arrays, DatedBarArrays)
        or arrays.shared_low is None
        or arrays.shared_high is None
    ):
        return gone
    for row in np.flatnonzero(held["reason"].to_numpy(object) == "liquidation"):
        trade = held.iloc[row]
        bar, side, leverage = trade["exit_bar"], trade["side"], rules.sets[trade["rule"]].leverage
        rates = cost_rates(arrays, costs)
        level = liquidation_level(
            side,
            trade["entry_price"],
            trade["size"],
            trade["funding"] / trade["size"],
            leverage,
            rates.margins,
            rates.in_coins,
        )
        if side > 0:
            gone[row] = level < min(arrays.low[bar], arrays.shared_low[bar])
        else:
            gone[row] = level > max(arrays.high[bar], arrays.shared_high[bar])
    return gone
