"""The compiled core of the resolver: how one position lives and ends (DESIGN.md, section 4)."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from fadefollow.engine.model import (
    EXIT_REASONS,
    AnyRules,
    Events,
    FloatArray,
    IntArray,
    Rules,
    hold_bars,
)
from fadefollow.errors import ParameterError

TIME, OPPOSITE, STOP, TARGET, TRAIL, LIQUIDATION = range(6)
END = EXIT_REASONS.index("end")

#: nanoseconds in 365 days
YEAR_NS = 365.0 * 86_400e9
#: a compounding account below this share of its capital is ruined
_RUIN = 1e-9

#: columns of the integer and the float records of a trade
INTS = ("code", "rule", "side", "signal_bar", "entry_bar", "exit_bar", "reason", "hole")
FLOATS = (
    "entry_price",
    "exit_price",
    "size",
    "notional",
    "fees",
    "slippage",
    "funding",
    "pnl",
    "return",
)


_CODE, _ENTRY, _REASON, _HOLE = (
    INTS.index(name) for name in ("code", "entry_bar", "reason", "hole")
)
_RETURN = FLOATS.index("return")

#: columns of the two tables of rule sets, one of integers (delay and hold in bars)
WHEN = ("delay", "hold", "opposite")
LEVELS = ("stop", "target", "trail", "leverage")


def rule_tables(rules: AnyRules, bar_ns: int) -> tuple[IntArray, FloatArray]:
    """The rule sets as the kernels take them: WHEN and LEVELS, one row a set; NaN is off.

    Raises:
        ParameterError: a holding time is not a whole number of bars.
    """
    when = [(r.delay_bars, hold_bars(r, bar_ns), r.opposite) for r in rules.sets]
    return np.array(when, np.int64), np.array([exit_levels(r) for r in rules.sets])


def exit_levels(rules: Rules) -> tuple[float, float, float, float]:
    """One rule set's row of LEVELS."""
    off = math.nan
    stop, target, trail = (off if x is None else x for x in (rules.stop, rules.target, rules.trail))
    return stop, target, trail, rules.leverage


def event_arrays(events: Events, rules: AnyRules) -> tuple[IntArray, ...]:
    """The events as the kernels take them.

    Raises:
        ParameterError: an event's rule set is not among the rules.
    """
    rule, count = events.rule, len(rules.sets)
    if rule is None:
        rule = np.zeros(len(events.bar), np.int64)
    elif len(rule) and not 0 <= rule.min() <= rule.max() < count:
        raise ParameterError(
            f"an event's rule must be the place of one of {count} rule sets",
            got=f"{rule.min()} to {rule.max()}",
        )
    return events.bar, events.side, events.code, rule, events.exit_bar, events.exit_side


@njit(cache=True, nogil=True)
def liquidation_level(
    side: int, entry: float, funding_per_coin: float, leverage: float, maintenance: float
) -> float:
    """The price at which equity falls to maintenance × size × price (paragraph 5).

    With equity = entry / leverage + funding + side · (price − entry), all per coin held.
    """
    if side > 0:
        return (entry * (1.0 - 1.0 / leverage) - funding_per_coin) / (1.0 - maintenance)
    return (entry * (1.0 + 1.0 / leverage) + funding_per_coin) / (1.0 + maintenance)


@njit(cache=True, nogil=True)
def _missing(open_, high, low, close, i):  # a bar that lacks one price is missing
    return math.isnan(open_[i] + high[i] + low[i] + close[i])


@njit(cache=True, nogil=True)
def by_due(bar: IntArray, rule: IntArray, when: IntArray) -> tuple[IntArray, IntArray]:
    """The bar at whose open each event is due, and the events in the order in which they act.

    They act in order of their due bars; of those due at one open the one that was known first, and
    of those known at one bar the first in the order given. With one delay that is the order given.
    """
    due = np.empty(len(bar), np.int64)
    sorted_ = True
    for j in range(len(bar)):
        due[j] = bar[j] + 1 + when[rule[j], 0]
        sorted_ = sorted_ and (j == 0 or due[j - 1] <= due[j])
    return due, np.arange(len(bar)) if sorted_ else np.argsort(due, kind="mergesort")


@njit(cache=True, nogil=True)
def first_opposite(
    exit_bar: IntArray, exit_side: IntArray, entry: int, side: int, delay: int, last: int
) -> int:
    """The first bar after `entry`, up to `last`, at whose open a contrary phase is acted on."""
    j = np.searchsorted(exit_bar, entry - 1 - delay, side="right")
    while j < len(exit_bar):
        due = exit_bar[j] + 1 + delay
        if due > last:
            break
        if exit_side[j] == -side:
            return int(due)
        j += 1
    return last + 1


@njit(cache=True, nogil=True)
def _losing_level(
    side: int, stop_level: float, trail_level: float, liq_level: float,
    low: float, high: float, liq_low: float, liq_high: float,
) -> tuple[int, float]:  # fmt: skip
    """Of the levels on the losing side that the bar touches, the one that price meets first."""
    adverse = low if side > 0 else high
    liq_adverse = liq_low if side > 0 else liq_high
    reason, level = -1, 0.0
    if side * (liq_adverse - liq_level) <= 0.0:
        reason, level = LIQUIDATION, liq_level
    if side * (adverse - stop_level) <= 0.0 and (reason < 0 or side * (stop_level - level) > 0.0):
        reason, level = STOP, stop_level
    if side * (adverse - trail_level) <= 0.0 and (reason < 0 or side * (trail_level - level) > 0.0):
        reason, level = TRAIL, trail_level
    return reason, level


@njit(cache=True, nogil=True)
def held_open(side: int, open_: float, low: float, high: float) -> float:
    """The open that liquidation is tested against: no worse than the low or high of its bar."""
    return max(open_, low) if side > 0 else min(open_, high)


@njit(cache=True, nogil=True)
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


@njit(cache=True, nogil=True)
def walk(
    time, open_, high, low, close, liq_open, liq_high, liq_low,
    settle_time, settle_rate, settle_mark,
    entry_bar, side, exit_bar, exit_side, opposite, delay, hold,
    stop, target, trail, leverage, fee, slippage, maintenance, borrow, cash,
):  # fmt: skip
    """One position from its entry to its end.

    A short pays `borrow`, a fraction of its entry notional a year, for the time that it is held.

    Returns:
        exit bar, reason, 1 if it ended at an open (so that the book may act at that open), entry
        fill, exit fill, size, fees, slippage, funding, P&L.
    """
    entry = open_[entry_bar] * (1.0 + side * slippage)
    size = cash / entry
    # a NaN or infinite level is never touched
    far = -side * math.inf
    stop_level = far if math.isnan(stop) else entry * (1.0 - side * stop)
    target_level = -far if math.isnan(target) else entry * (1.0 + side * target)
    trail_gap = math.inf if math.isnan(trail) else trail * entry
    settled = funding = funding_at_last = 0.0
    borrowed = borrow * size * entry / YEAR_NS if side < 0 else 0.0
    liq_level = liquidation_level(side, entry, 0.0, leverage, maintenance)
    k = np.searchsorted(settle_time, time[entry_bar], side="right")
    due = entry_bar + hold
    due_opposite = due + 1
    if opposite:
        due_opposite = first_opposite(exit_bar, exit_side, entry_bar, side, delay, due)
    best = entry
    last, reason, at_open, reference = entry_bar, END, 0, math.nan
    for i in range(entry_bar, len(time)):
        charged = borrowed > 0.0
        while k < len(settle_time) and settle_time[k] <= time[i]:
            settled -= side * size * settle_mark[k] * settle_rate[k]
            k += 1
            charged = True
        if charged:
            funding = settled - borrowed * (time[i] - time[entry_bar])
            liq_level = liquidation_level(side, entry, funding / size, leverage, maintenance)
        if _missing(open_, high, low, close, i):
            continue
        last, funding_at_last = i, funding
        liq_first = held_open(side, liq_open[i], liq_low[i], liq_high[i])
        if side * (liq_first - liq_level) <= 0.0:
            reason = LIQUIDATION
            break
        if i > entry_bar and (i >= due or i >= due_opposite):
            reason = TIME if i >= due else OPPOSITE
            at_open, reference = 1, open_[i]
            break
        reason = _by_the_open(side, open_[i], stop_level, best - side * trail_gap, target_level)
        if reason >= 0:
            reference = open_[i]
            break
        reason, level = _losing_level(
            side, stop_level, best - side * trail_gap, liq_level,
            low[i], high[i], liq_low[i], liq_high[i],
        )  # fmt: skip
        if reason == LIQUIDATION:
            break
        if reason >= 0:
            reference = level
            break
        if side * ((high[i] if side > 0 else low[i]) - target_level) >= 0.0:
            reason, reference = TARGET, target_level
            break
        best = max(best, high[i]) if side > 0 else min(best, low[i])
        reason = END
    slipped = size * abs(entry - open_[entry_bar])
    fees = fee * size * entry
    if reason == LIQUIDATION:
        # the margin is gone, by price and funding together
        exit_ = entry - side * (entry / leverage + funding / size)
        pnl = -size * entry / leverage - fees
    else:
        if reason == END:
            reference, funding = close[last], funding_at_last
        exit_ = reference * (1.0 - side * slippage)
        slipped += size * abs(exit_ - reference)
        fees += fee * size * exit_
        pnl = side * size * (exit_ - entry) + funding - fees
    return last, reason, at_open, entry, exit_, size, fees, slipped, funding, pnl


@njit(cache=True, nogil=True)
def _hole_held_over(holes: IntArray, entry_time: int, exit_time: int) -> int:
    """Number of the first hole that ends after the entry and begins before the exit, else −1."""
    for h in range(len(holes)):
        if holes[h, 1] > entry_time and holes[h, 0] < exit_time:
            return h
    return -1


@njit(cache=True, nogil=True)
def run_book(
    time, open_, high, low, close, liq_open, liq_high, liq_low,
    settle_time, settle_rate, settle_mark, holes,
    bar, side, code, rule, exit_bar, exit_side, when, levels,
    fee, slippage, maintenance, borrow, capital, weight, compound,
):  # fmt: skip
    """All trades of one coin and book, one position at a time (paragraph 2).

    Args:
        rule: of each event, its row in `when` (WHEN) and `levels` (LEVELS), by which the position
            lives until it ends.

    Returns:
        integer records (INTS), float records (FLOATS), number of entries dropped on missing bars.
    """
    ints = np.empty((len(bar), len(INTS)), np.int64)
    floats = np.empty((len(bar), len(FLOATS)), np.float64)
    count, dropped, free_from, equity = 0, 0, 0, capital
    due_bar, order = by_due(bar, rule, when)
    for j in order:
        due = due_bar[j]
        if due >= len(time) or due < free_from or due < 0:
            continue
        if _missing(open_, high, low, close, due):
            dropped += 1
            continue
        cash = weight * (equity if compound else capital)
        if cash <= _RUIN * capital:
            break
        k = rule[j]
        delay, hold, opposite = when[k, 0], when[k, 1], when[k, 2]
        stop, target, trail, leverage = levels[k, 0], levels[k, 1], levels[k, 2], levels[k, 3]
        last, reason, at_open, entry, exit_, size, fees, slipped, funding, pnl = walk(
            time, open_, high, low, close, liq_open, liq_high, liq_low,
            settle_time, settle_rate, settle_mark,
            due, side[j], exit_bar, exit_side, opposite, delay, hold,
            stop, target, trail, leverage, fee, slippage, maintenance, borrow, cash,
        )  # fmt: skip
        hole = _hole_held_over(holes, time[due], time[last])
        record = (code[j], rule[j], side[j], bar[j], due, last, reason, hole)
        for c in range(len(record)):
            ints[count, c] = record[c]
        notional = size * entry
        amounts = (entry, exit_, size, notional, fees, slipped, funding, pnl, pnl / notional)
        for c in range(len(amounts)):
            floats[count, c] = amounts[c]
        count += 1
        equity += pnl
        free_from = len(time) if reason == END else (last if at_open else last + 1)
    return ints[:count], floats[:count], dropped


@njit(cache=True, nogil=True)
def every_bar(
    time, open_, high, low, close, liq_open, liq_high, liq_low,
    settle_time, settle_rate, settle_mark, holes, side, hold,
    stop, target, trail, leverage, fee, slippage, maintenance, borrow,
):  # fmt: skip
    """Net return of the same trade entered at each bar's open; NaN where it cannot be had."""
    out = np.full(len(time), np.nan)
    none = np.empty(0, np.int64)
    for i in range(len(time)):
        if _missing(open_, high, low, close, i):
            continue
        last, reason, _, entry, _, size, _, _, _, pnl = walk(
            time, open_, high, low, close, liq_open, liq_high, liq_low,
            settle_time, settle_rate, settle_mark,
            i, side, none, none, 0, 0, hold,
            stop, target, trail, leverage, fee, slippage, maintenance, borrow, 1.0,
        )  # fmt: skip
        if reason != END and _hole_held_over(holes, time[i], time[last]) < 0:
            out[i] = pnl / (size * entry)
    return out


@njit(cache=True, nogil=True)
def run_shifted(
    shifts, circle, day, sums,
    time, open_, high, low, close, liq_open, liq_high, liq_low,
    settle_time, settle_rate, settle_mark, holes,
    bar, side, code, rule, exit_bar, exit_side, when, levels,
    fee, slippage, maintenance, borrow, capital, weight, compound,
):  # fmt: skip
    """The book of the same events, all shifted, once for each shift; returns summed by day.

    Args:
        shifts: bars by which events move round a circle of `circle` bars, shape (b,); those that
            fall behind the calendar's end are left out.
        day: of each bar, shape (n,).
        sums: returns and counts, shape (b, 2, codes, days), added to in place; trades cut off by
            the end of data or held over a hole do not count.
    """
    n = len(time)
    for b in range(len(shifts)):
        turned = (bar + shifts[b]) % circle
        order = np.argsort(turned, kind="mergesort")
        order = order[: np.searchsorted(turned[order], n)]
        exit_turned = (exit_bar + shifts[b]) % circle
        exit_order = np.argsort(exit_turned, kind="mergesort")
        exit_order = exit_order[: np.searchsorted(exit_turned[exit_order], n)]
        ints, floats, _ = run_book(
            time, open_, high, low, close, liq_open, liq_high, liq_low,
            settle_time, settle_rate, settle_mark, holes,
            turned[order], side[order], code[order], rule[order],
            exit_turned[exit_order], exit_side[exit_order], when, levels,
            fee, slippage, maintenance, borrow, capital, weight, compound,
        )  # fmt: skip
        for i in range(len(ints)):
            if ints[i, _REASON] != END and ints[i, _HOLE] < 0:
                sums[b, 0, ints[i, _CODE], day[ints[i, _ENTRY]]] += floats[i, _RETURN]
                sums[b, 1, ints[i, _CODE], day[ints[i, _ENTRY]]] += 1.0
