"""The compiled core of the resolver: one position in one series, docs/money-rules.md."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from fadefollow.core.cache.compiled import kernel
from fadefollow.engine.exits import EXIT_REASONS, Levels
from fadefollow.engine.kernels.arrays import (
    BLOCK,
    CostRates,
    Exits,
    Extremes,
    Prices,
    Settlements,
)
from fadefollow.engine.model import FloatArray, IntArray

TIME, OPPOSITE, STOP, TARGET, TRAIL, LIQUIDATION, END = (
    EXIT_REASONS.index(name)
    for name in ("time", "opposite", "stop", "target", "trail", "liquidation", "end")
)

#: nanoseconds in 365 days
YEAR_NS = 365.0 * 86_400e9


class Limits(NamedTuple):
    """What ends one position."""

    hold: int  #: bars
    opposite: bool  #: whether a contrary phase does
    delay: int  #: bars that such a phase waits
    levels: Levels
    leverage: float


class Closed(NamedTuple):
    """One position from its entry to its end."""

    last: int  #: the bar in which it ended
    reason: int
    at_open: bool  #: ended at an open, so that the book may act at that open
    entry: float  #: fill
    exit: float  #: fill
    size: float
    fees: float
    slipped: float
    funding: float
    pnl: float


class Opened(NamedTuple):
    """One position as it is opened."""

    bar: int
    side: int
    cash: float  #: its notional


@kernel
def _flat_level(
    side: int, entry: float, funding_per_coin: float, leverage: float, rate: float
) -> float:
    """`liquidation_level` where there is one bracket: maintenance = rate · price."""
    if side > 0:
        return (entry * (1.0 - 1.0 / leverage) - funding_per_coin) / (1.0 - rate)
    return (entry * (1.0 + 1.0 / leverage) + funding_per_coin) / (1.0 + rate)


@kernel
def liquidation_level(
    side: int,
    entry: float,
    size: float,
    funding_per_coin: float,
    leverage: float,
    margins: FloatArray,
    in_coins: bool,
) -> float:
    """The price nearest to the entry at which equity is down to maintenance (paragraph 5).

    With equity = entry / leverage + funding + side · (price − entry), all per coin held, and
    maintenance = rate · price − deduction / size by the bracket that the position is in at that
    price.

    Args:
        margins: brackets, shape (b, 3): floor, rate, deduction. The first has no floor.
        in_coins: whether floors are sizes in coins, so that one bracket holds at every price;
            else they are notionals.

    Returns:
        It; where no price does it, one that is never touched.
    """
    count = len(margins)
    if count == 1:
        return _flat_level(side, entry, funding_per_coin, leverage, margins[0, 1])  # type: ignore[no-any-return]
    nearest = -side * math.inf
    equity = entry * (1.0 - side / leverage) - side * funding_per_coin
    for b in range(count):
        low, high = -math.inf, math.inf
        if in_coins:
            if (b > 0 and size < margins[b, 0]) or (b + 1 < count and size >= margins[b + 1, 0]):
                continue
        else:
            low = margins[b, 0] / size if b > 0 else low
            high = margins[b + 1, 0] / size if b + 1 < count else high
        level = (equity - side * margins[b, 2] / size) / (1.0 - side * margins[b, 1])
        # of a long position all prices up to the level are too low, of a short one all from it on
        if side > 0:
            level = min(level, high)
            if level >= low:
                nearest = max(nearest, level)
        else:
            level = max(level, low)
            if level <= high:
                nearest = min(nearest, level)
    return nearest


@kernel
def limits_of(when: IntArray, levels: FloatArray, k: int) -> Limits:
    """What ends a position of one rule set; columns of the levels as in EXIT_RULES."""
    at = Levels(stop=levels[k, 0], target=levels[k, 1], trail=levels[k, 2])
    return Limits(when[k, 1], when[k, 2] != 0, when[k, 0], at, levels[k, 3])


@kernel
def missing(
    open_: FloatArray, high: FloatArray, low: FloatArray, close: FloatArray, i: int
) -> bool:
    """Whether bar i is missing: it lacks a price."""
    return math.isnan(open_[i] + high[i] + low[i] + close[i])


@kernel
def first_opposite(exits: Exits, entry: int, side: int, delay: int, last: int) -> int:
    """The first bar after `entry`, up to `last`, at whose open a contrary phase is acted on."""
    exit_bar = exits.bar
    j = np.searchsorted(exit_bar, entry - 1 - delay, side="right")
    while j < len(exit_bar):
        due = exit_bar[j] + 1 + delay
        if due > last:
            break
        if exits.side[j] == -side:
            return int(due)
        j += 1
    return last + 1


@kernel
def _losing_level(
    side: int,
    adverse: float,
    liq_adverse: float,
    stop_level: float,
    trail_level: float,
    liq_level: float,
) -> tuple[int, float]:
    """Of the levels on the losing side that a bar touches, the one that price meets first.

    Args:
        adverse: the bar's low for a long position, its high for a short one.
        liq_adverse: likewise, of what liquidation is tested against.
    """
    reason, level = -1, 0.0
    if side * (liq_adverse - liq_level) <= 0.0:
        reason, level = LIQUIDATION, liq_level
    if side * (adverse - stop_level) <= 0.0 and (reason < 0 or side * (stop_level - level) > 0.0):
        reason, level = STOP, stop_level
    if side * (adverse - trail_level) <= 0.0 and (reason < 0 or side * (trail_level - level) > 0.0):
        reason, level = TRAIL, trail_level
    return reason, level


@kernel
def held_open(side: int, open_: float, low: float, high: float) -> float:
    """The open that liquidation is tested against: no worse than the low or high of its bar."""
    return max(open_, low) if side > 0 else min(open_, high)


@kernel
def _by_the_open(
    side: int, open_: float, stop_level: float, trail_level: float, target_level: float
) -> int:
    """The reason why a bar that opens beyond a level ends the position at its open, else −1."""
    stopped, trailed = side * (open_ - stop_level) <= 0.0, side * (open_ - trail_level) <= 0.0
    if trailed and (not stopped or side * (trail_level - stop_level) > 0.0):
        return TRAIL
    if stopped:
        return STOP
    return TARGET if side * (open_ - target_level) >= 0.0 else -1


@kernel
def walk(
    prices: Prices,
    paid: Settlements,
    exits: Exits,
    costs: CostRates,
    limits: Limits,
    entry_bar: int,
    side: int,
    cash: float,
) -> Closed:
    """One position from its entry to its end.

    A short pays `borrow`, a fraction of its entry notional a year, for the time that it is held.
    """
    # out of the tuples, or the loop counts references to each array at each bar
    time, open_, high, low, close, liq_open, liq_high, liq_low = prices
    settle_time, settle_rate, settle_mark = paid
    levels, leverage = limits.levels, limits.leverage
    entry = open_[entry_bar] * (1.0 + side * costs.slippage)
    size = cash / entry
    # a NaN or infinite level is never touched
    far = -side * math.inf
    stop_level = far if math.isnan(levels.stop) else entry * (1.0 - side * levels.stop)
    target_level = -far if math.isnan(levels.target) else entry * (1.0 + side * levels.target)
    trail_gap = math.inf if math.isnan(levels.trail) else levels.trail * entry
    settled = funding = funding_at_last = 0.0
    borrowed = costs.borrow * size * entry / YEAR_NS if side < 0 else 0.0
    margins, in_coins = costs.margins, costs.in_coins
    flat, rate = len(margins) == 1, margins[0, 1]
    liq_level = liquidation_level(side, entry, size, 0.0, leverage, margins, in_coins)
    k = np.searchsorted(settle_time, time[entry_bar], side="right")
    due = entry_bar + limits.hold
    due_opposite = due + 1
    if limits.opposite:
        due_opposite = first_opposite(exits, entry_bar, side, limits.delay, due)
    best = entry
    last, reason, at_open, reference = entry_bar, END, False, math.nan
    for i in range(entry_bar, len(time)):
        charged = borrowed > 0.0
        while k < len(settle_time) and settle_time[k] <= time[i]:
            settled -= side * size * settle_mark[k] * settle_rate[k]
            k += 1
            charged = True
        if charged:
            funding = settled - borrowed * (time[i] - time[entry_bar])
            if flat:  # as nearly always: the array stays out of the loop
                liq_level = _flat_level(side, entry, funding / size, leverage, rate)
            else:
                liq_level = liquidation_level(
                    side, entry, size, funding / size, leverage, margins, in_coins
                )
        if missing(open_, high, low, close, i):
            continue
        last, funding_at_last = i, funding
        liq_first = held_open(side, liq_open[i], liq_low[i], liq_high[i])
        if side * (liq_first - liq_level) <= 0.0:
            reason = LIQUIDATION
            break
        if i > entry_bar and (i >= due or i >= due_opposite):
            reason = TIME if i >= due else OPPOSITE
            at_open, reference = True, open_[i]
            break
        trail_level = best - side * trail_gap
        reason = _by_the_open(side, open_[i], stop_level, trail_level, target_level)
        if reason >= 0:
            reference = open_[i]
            break
        adverse, best_here = (low[i], high[i]) if side > 0 else (high[i], low[i])
        liq_adverse = liq_low[i] if side > 0 else liq_high[i]
        reason, level = _losing_level(
            side, adverse, liq_adverse, stop_level, trail_level, liq_level
        )
        if reason == LIQUIDATION:
            break
        if reason >= 0:
            reference = level
            break
        if side * (best_here - target_level) >= 0.0:
            reason, reference = TARGET, target_level
            break
        best = max(best, best_here) if side > 0 else min(best, best_here)
        reason = END
    slipped = size * abs(entry - open_[entry_bar])
    fees = costs.fee * size * entry
    if reason == LIQUIDATION:
        # the margin is gone, by price and funding together
        exit_ = entry - side * (entry / leverage + funding / size)
        pnl = -size * entry / leverage - fees
    else:
        if reason == END:
            reference, funding = close[last], funding_at_last
        exit_ = reference * (1.0 - side * costs.slippage)
        slipped += size * abs(exit_ - reference)
        fees += costs.fee * size * exit_
        pnl = side * size * (exit_ - entry) + funding - fees
    return Closed(last, reason, at_open, entry, exit_, size, fees, slipped, funding, pnl)


@kernel
def left_at_open(
    prices: Prices,
    paid: Settlements,
    costs: CostRates,
    position: Opened,
    last: int,
    reason: int,
    before: int,
) -> tuple[Closed, float]:
    """A position that is left at the open of bar `last`, if nothing ends it before.

    Only the settlements are visited, not the bars.

    Args:
        before: how many settlements there are up to its entry.

    Returns:
        To the last digit what `walk` gives; and a funding per coin held that it never has less of
        on the way.
    """
    entry_bar, side, cash = position
    time, open_ = prices.time, prices.open
    settle_time, settle_rate, settle_mark = paid
    entry = open_[entry_bar] * (1.0 + side * costs.slippage)
    size = cash / entry
    settled, least, k = 0.0, 0.0, before
    while k < len(settle_time) and settle_time[k] <= time[last]:
        settled -= side * size * settle_mark[k] * settle_rate[k]
        least = min(least, settled)
        k += 1
    borrowed = costs.borrow * size * entry / YEAR_NS if side < 0 else 0.0
    interest = borrowed * (time[last] - time[entry_bar])
    funding = settled - interest
    exit_ = open_[last] * (1.0 - side * costs.slippage)
    slipped = size * abs(entry - open_[entry_bar])
    slipped += size * abs(exit_ - open_[last])
    fees = costs.fee * size * entry
    fees += costs.fee * size * exit_
    pnl = side * size * (exit_ - entry) + funding - fees
    closed = Closed(last, reason, True, entry, exit_, size, fees, slipped, funding, pnl)
    return closed, (least - interest) / size


@kernel
def in_reach(
    side: int,
    entry: float,
    funding: float,
    limits: Limits,
    rate: float,
    worst: float,
    best: float,
) -> bool:
    """Whether a level may end a position that sees these extremes, with this funding or more."""
    levels = limits.levels
    liquidated_at = _flat_level(side, entry, funding, limits.leverage, rate)
    return (
        not worst > side * liquidated_at  # also of an unknown price
        or worst <= side * entry * (1.0 - side * levels.stop)
        or best >= side * entry * (1.0 + side * levels.target)
        or not math.isnan(levels.trail)
    )


@kernel
def held_to_open(
    prices: Prices,
    paid: Settlements,
    extremes: Extremes,
    exits: Exits,
    costs: CostRates,
    limits: Limits,
    position: Opened,
) -> Closed:
    """`walk` of a position that no price ends, found from the extremes of blocks of bars.

    Returns:
        To the last digit what `walk` gives; `last` is −1 where a price may end the position, or
        where that cannot be told from the blocks.
    """
    unknown = Closed(-1, END, False, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    first, side = position.bar, position.side
    if not len(extremes.low) or len(costs.margins) > 1 or not math.isnan(limits.levels.trail):
        return unknown
    last, reason = first + limits.hold, TIME
    if limits.opposite:
        opposite = first_opposite(exits, first, side, limits.delay, last)
        if opposite < last:
            last, reason = opposite, OPPOSITE
    if last >= len(prices.open) or missing(
        prices.open, prices.high, prices.low, prices.close, last
    ):
        return unknown
    low, high = math.inf, -math.inf
    for block in range(first // BLOCK, last // BLOCK + 1):
        low, high = min(low, extremes.low[block]), max(high, extremes.high[block])
    worst, best = (low, high) if side > 0 else (-high, -low)
    before = np.searchsorted(paid.time, prices.time[first], side="right")
    closed, funding = left_at_open(prices, paid, costs, position, last, reason, before)
    rate = costs.margins[0, 1]
    return unknown if in_reach(side, closed.entry, funding, limits, rate, worst, best) else closed
