"""What the same trade comes to from every bar: the compiled core of `resolver.outcomes`."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fadefollow.core.cache.compiled import kernel
from fadefollow.engine.kernels.arrays import (
    Account,
    CostRates,
    Exits,
    Prices,
    RuleTables,
    Settlements,
)
from fadefollow.engine.kernels.book import hole_held_over
from fadefollow.engine.kernels.position import (
    END,
    TIME,
    Limits,
    Opened,
    in_reach,
    left_at_open,
    limits_of,
    missing,
    walk,
)
from fadefollow.engine.model import FloatArray, IntArray


class Outcomes(NamedTuple):
    """Of the same trade entered at each bar's open, shape (n,)."""

    value: FloatArray  #: net return on entry notional
    exit_bar: IntArray
    inside: npt.NDArray[np.bool_]


@kernel
def cash_alone(account: Account, costs: CostRates, entry_bar: int) -> float:
    """The notional of a trade that is looked at by itself: of 1 where its return has no size."""
    if len(costs.margins) == 1:
        return 1.0
    part = account.share[entry_bar] if len(account.share) else 1.0
    return account.weight * part * account.capital


@kernel
def every_bar(
    prices: Prices,
    paid: Settlements,
    holes: IntArray,
    rules: RuleTables,
    costs: CostRates,
    side: int,
    account: Account,
) -> Outcomes:
    """The same trade, of the first rule set, entered at each bar's open; never left by `opposite`.

    Where maintenance depends on the size, it is that of a position of the starting capital.

    Returns:
        Of each bar the net return, NaN where there is none or it cannot be known; the bar in which
        the trade ended, −1 where none was entered; and whether it ended inside that bar.
    """
    n, none, share = len(prices.time), np.empty(0, np.int64), account.share
    flat = len(costs.margins) == 1
    value, exit_bar, inside = np.full(n, np.nan), np.full(n, -1), np.zeros(n, np.bool_)
    first = limits_of(rules.when, rules.levels, 0)
    limits = Limits(first.hold, False, 0, first.levels, first.leverage)
    worst, best = _extremes(prices, side, limits.hold + 1)
    before = settlements_before(prices.time, paid.time)
    for i in range(n):
        if missing(prices.open, prices.high, prices.low, prices.close, i):
            continue
        if len(share) and math.isnan(share[i]):
            continue
        cash = 1.0 if flat else cash_alone(account, costs, i)
        due, net = i + limits.hold, math.nan
        if (
            flat
            and due < n
            and not missing(prices.open, prices.high, prices.low, prices.close, due)
        ):
            opened = Opened(i, side, cash)
            left, funding = left_at_open(prices, paid, costs, opened, due, TIME, before[i])
            net, entry = left.pnl / (left.size * left.entry), left.entry
            if in_reach(side, entry, funding, limits, costs.margins[0, 1], worst[i], best[i]):
                net = math.nan
        if not math.isnan(net):
            last, ended = due, True
        else:
            done = walk(prices, paid, Exits(none, none), costs, limits, i, side, cash)
            last, ended, inside[i] = done.last, done.reason != END, not done.at_open
            net = done.pnl / (done.size * done.entry)
        exit_bar[i] = last
        if ended and hole_held_over(holes, prices.time[i], prices.time[last]) < 0:
            value[i] = net
    return Outcomes(value, exit_bar, inside)


@kernel
def settlements_before(time: IntArray, settle_time: IntArray) -> IntArray:
    """How many settlements there are up to each bar's open, shape (n,)."""
    before, k = np.empty(len(time), np.int64), 0
    for i in range(len(time)):
        while k < len(settle_time) and settle_time[k] <= time[i]:
            k += 1
        before[i] = k
    return before


@kernel
def _extremes(prices: Prices, side: int, window: int) -> tuple[FloatArray, FloatArray]:
    """The worst and the best price for a position over `window` bars from each on, times its side.

    The worst also of the prices that liquidation is tested against; missing bars are left out.
    """
    _, open_, high, low, close, _, liq_high, liq_low = prices
    bad, good = np.full(len(open_), math.inf), np.full(len(open_), math.inf)
    for i in range(len(open_)):
        if missing(open_, high, low, close, i):
            continue
        if math.isnan(liq_high[i] + liq_low[i]):  # no least can be told
            bad[i], good[i] = -math.inf, -math.inf
        elif side > 0:
            bad[i], good[i] = min(open_[i], low[i], liq_low[i]), -max(open_[i], high[i])
        else:
            bad[i], good[i] = -max(open_[i], high[i], liq_high[i]), min(open_[i], low[i])
    return _least_ahead(bad, window), -_least_ahead(good, window)


@kernel
def _least_ahead(values: FloatArray, window: int) -> FloatArray:
    """The least of each value and those that follow it, `window` in all, shape (n,).

    Of the last values, which fewer follow, it is that of some of them.

    Source: van Herk (1992), Pattern Recognition Letters 13(7): minima to and from the edges of
    blocks of `window` values.
    """
    ahead, behind = values.copy(), values.copy()
    for i in range(1, len(values)):
        if i % window:
            behind[i] = min(behind[i], behind[i - 1])
    for i in range(len(values) - 2, -1, -1):
        if (i + 1) % window:
            ahead[i] = min(ahead[i], ahead[i + 1])
    for i in range(len(values) - window + 1):
        ahead[i] = min(ahead[i], behind[i + window - 1])
    return ahead
