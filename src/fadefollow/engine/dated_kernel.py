"""The compiled core for dated futures, alone and against spot (DESIGN.md, section 4.3 and 4.8).

Rules beyond those of the perp:

- An entry takes the nearest contract with enough days left; where there is none, or a leg's bar is
  missing, the entry is dropped and counted.
- A contract is left at the open of its `leave` bar (the next one that is present). If the holding
  time goes on, the same coins are bought or sold in the contract that is then the nearest, at the
  same open: reason `roll`; if there is none that trades at that open: `expiry`.
- A contract without later bars is left at its last close: `expiry` if others trade on, else `end`.
- Stop, target and trail of a future count from the fill of the leg that is held.
- Carry: the future's side is that of the trade, spot is the other way, equal coins. Both legs come
  and go at opens at which both are present. Stop and target are changes of the basis (future /
  spot − 1) against and for the position since the open at which the held contract was entered,
  tested at closes of bars at which both are present, and acted on at the next open; a due `time`
  or `opposite` at that open names the exit first, a stop comes before a target.
- Only the future is liquidated; spot then closes at the next open at which it is present.
- Spot sold short pays the borrow rate on its entry notional for the time between its entry and its
  exit (open times of bars); it stands in the leg's `funding`.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from fadefollow.engine.kernel import (
    END,
    LIQUIDATION,
    OPPOSITE,
    STOP,
    TARGET,
    TIME,
    YEAR_NS,
    by_due,
    first_opposite,
    held_open,
    liquidation_level,
    walk,
)
from fadefollow.engine.model import EXIT_REASONS

ROLL, EXPIRY = EXIT_REASONS.index("roll"), EXIT_REASONS.index("expiry")
#: reason of a leg that is still open
_OPEN = -1

#: columns of the integer and the float records of a leg
LEG_INTS = (
    "trade", "code", "rule", "side", "signal_bar", "entry_bar", "exit_bar", "reason", "series",
)  # fmt: skip
LEG_FLOATS = (
    "entry_price", "exit_price", "size", "notional", "fees", "slippage", "funding", "pnl",
)  # fmt: skip


@njit(cache=True, nogil=True)
def _write(ints, floats, count, whole, money):
    for c in range(len(whole)):
        ints[count, c] = whole[c]
    for c in range(len(money)):
        floats[count, c] = money[c]
    return count + 1


@njit(cache=True, nogil=True)
def _closed_leg(entry_open, exit_price, side, size, fee, slippage, borrowed):
    """Entry fill, exit fill, size, notional, fees, slippage, funding, P&L of a leg."""
    entry = entry_open * (1.0 + side * slippage)
    exit_ = exit_price * (1.0 - side * slippage)
    fees = fee * size * (entry + exit_)
    slipped = size * (abs(entry - entry_open) + abs(exit_ - exit_price))
    paid = -borrowed * size * entry if side < 0 else 0.0
    pnl = side * size * (exit_ - entry) - fees + paid
    return entry, exit_, size, size * entry, fees, slipped, paid, pnl


@njit(cache=True, nogil=True)
def _last_bar(d_close):
    """The last bar at which any contract is present, −1 if none is."""
    for i in range(d_close.shape[1] - 1, -1, -1):
        for c in range(d_close.shape[0]):
            if not math.isnan(d_close[c, i]):
                return i
    return -1


@njit(cache=True, nogil=True)
def run_future(
    time, d_open, d_high, d_low, d_close, liq_high, liq_low, nearest, leave,
    bar, side, code, rule, exit_bar, exit_side, when, levels,
    fee, slippage, maintenance, capital, weight, compound, alone,
):  # fmt: skip
    """All legs of one coin's book on dated futures: integer records, float records, dropped.

    With `alone`, every entry is its own book: none is ignored because another is open.
    """
    room = len(bar) * (len(leave) + 1)
    ints = np.empty((room, len(LEG_INTS)), np.int64)
    floats = np.empty((room, len(LEG_FLOATS)), np.float64)
    no_time, no_rate = np.empty(0, np.int64), np.empty(0, np.float64)
    final = _last_bar(d_close)
    count, trades, dropped, free_from, equity = 0, 0, 0, 0, capital
    due_bar, order = by_due(bar, rule, when)
    for j in order:
        start = due_bar[j]
        if start >= len(time) or (start < free_from and not alone) or start < 0:
            continue
        c = nearest[start]
        if c < 0 or math.isnan(d_close[c, start]):
            dropped += 1
            continue
        cash = weight * (equity if compound else capital)
        if cash <= 0.0:
            break
        k = rule[j]
        delay, hold, opposite = when[k, 0], when[k, 1], when[k, 2]
        stop, target, trail, leverage = levels[k, 0], levels[k, 1], levels[k, 2], levels[k, 3]
        due, begin, at_open = start + hold, start, 1
        while True:
            until = min(due, leave[c])
            last, reason, at_open, entry, exit_, size, fees, slipped, funding, pnl = walk(
                time, d_open[c], d_high[c], d_low[c], d_close[c],
                d_open[c], liq_high[c], liq_low[c], no_time, no_rate, no_rate,
                begin, side[j], exit_bar, exit_side, opposite, delay, until - begin,
                stop, target, trail, leverage, fee, slippage, maintenance, 0.0, cash,
            )  # fmt: skip
            following = -1
            turned = opposite and (
                first_opposite(exit_bar, exit_side, begin, side[j], delay, due) <= last
            )
            if reason == TIME and last < due and turned:
                reason = OPPOSITE  # at the very open at which the contract must be left
            elif reason == TIME and last < due:
                following = nearest[last]
                if following <= c or math.isnan(d_close[following, last]):
                    following = -1
                reason = ROLL if following >= 0 else EXPIRY
            elif reason == END and last < final:
                reason = EXPIRY
            whole = (trades, code[j], rule[j], side[j], bar[j], begin, last, reason, c)
            money = (entry, exit_, size, size * entry, fees, slipped, funding, pnl)
            count = _write(ints, floats, count, whole, money)
            equity += pnl
            if following < 0:
                break
            c, begin = following, last
            cash = size * d_open[c, begin] * (1.0 + side[j] * slippage)
        trades += 1
        free_from = last if at_open else last + 1
    return ints[:count], floats[:count], dropped


@njit(cache=True, nogil=True)
def run_carry(
    time, d_open, d_high, d_low, d_close, liq_high, liq_low, s_open, s_close, nearest, leave,
    bar, side, code, rule, exit_bar, exit_side, when, levels,
    fee, slippage, maintenance, borrow, capital, weight, compound, alone,
):  # fmt: skip
    """All legs of one coin's book on futures against spot."""
    room = len(bar) * (len(leave) + 2)
    ints = np.empty((room, len(LEG_INTS)), np.int64)
    floats = np.empty((room, len(LEG_FLOATS)), np.float64)
    count, trades, dropped, free_from, equity = 0, 0, 0, 0, capital
    spot_series = len(leave)
    due_bar, order = by_due(bar, rule, when)
    for j in order:
        start = due_bar[j]
        if start >= len(time) or (start < free_from and not alone) or start < 0:
            continue
        c = nearest[start]
        if c < 0 or math.isnan(d_close[c, start]) or math.isnan(s_close[start]):
            dropped += 1
            continue
        cash = weight * (equity if compound else capital)
        if cash <= 0.0:
            break
        way = side[j]
        k = rule[j]
        delay, hold, opposite = when[k, 0], when[k, 1], when[k, 2]
        stop, target, leverage = levels[k, 0], levels[k, 1], levels[k, 3]
        size = cash / (d_open[c, start] * (1.0 + way * slippage))
        due = start + hold
        due_opposite = due + 1
        if opposite:
            due_opposite = first_opposite(exit_bar, exit_side, start, way, delay, due)
        begin, pending, reason, last = start, _OPEN, _OPEN, start
        fill = d_open[c, begin] * (1.0 + way * slippage)
        level = liquidation_level(way, fill, 0.0, leverage, maintenance)
        basis_then = d_open[c, begin] / s_open[begin] - 1.0
        future_open, ended, liquidated_at = True, len(time), -1
        for i in range(start, len(time)):
            spot_here, future_here = not math.isnan(s_close[i]), not math.isnan(d_close[c, i])
            if not future_open:
                if spot_here:
                    last, ended = i, i
                    break
                continue
            first = held_open(way, d_open[c, i], liq_low[c, i], liq_high[c, i])
            if future_here and i > begin and way * (first - level) <= 0.0:
                reason = LIQUIDATION
            elif spot_here and future_here:
                last = i
                if i > start:
                    if i >= due:
                        reason = TIME
                    elif i >= due_opposite:
                        reason = OPPOSITE
                    elif pending >= 0:
                        reason = pending
                    if reason >= 0:
                        ended = i
                        break
                    if i >= leave[c]:
                        following = nearest[i]
                        if following <= c or math.isnan(d_close[following, i]):
                            reason, ended = EXPIRY, i
                            break
                        leg = _closed_leg(
                            d_open[c, begin], d_open[c, i], way, size, fee, slippage, 0.0
                        )
                        whole = (trades, code[j], rule[j], way, bar[j], begin, i, ROLL, c)
                        count = _write(ints, floats, count, whole, leg)
                        equity += leg[7]
                        c, begin = following, i
                        fill = d_open[c, begin] * (1.0 + way * slippage)
                        level = liquidation_level(way, fill, 0.0, leverage, maintenance)
                        basis_then = d_open[c, begin] / s_open[begin] - 1.0
            if reason < 0 and not math.isnan(d_close[c, i]):
                adverse = liq_low[c, i] if way > 0 else liq_high[c, i]
                if way * (adverse - level) <= 0.0:
                    reason = LIQUIDATION
                elif spot_here:
                    gain = way * (d_close[c, i] / s_close[i] - 1.0 - basis_then)
                    if gain <= -stop:
                        pending = STOP
                    elif gain >= target:
                        pending = TARGET
            if reason == LIQUIDATION:
                # the future's margin is gone; spot waits for its next open
                bankrupt = fill - way * fill / leverage
                fees = fee * size * fill
                slipped = size * abs(fill - d_open[c, begin])
                pnl = -size * fill / leverage - fees
                whole = (trades, code[j], rule[j], way, bar[j], begin, i, LIQUIDATION, c)
                money = (fill, bankrupt, size, size * fill, fees, slipped, 0.0, pnl)
                count = _write(ints, floats, count, whole, money)
                equity += pnl
                future_open, liquidated_at = False, i
        at_end = ended == len(time)
        if future_open:
            out = d_close[c, last] if at_end else d_open[c, last]
            leg = _closed_leg(d_open[c, begin], out, way, size, fee, slippage, 0.0)
            if at_end:
                reason = END
            whole = (trades, code[j], rule[j], way, bar[j], begin, last, reason, c)
            count = _write(ints, floats, count, whole, leg)
            equity += leg[7]
        if at_end:
            last = start
            for i in range(start, len(time)):
                if not math.isnan(s_close[i]) and (
                    not future_open or not math.isnan(d_close[c, i])
                ):
                    last = i
        out = s_close[last] if at_end else s_open[last]
        borrowed = borrow * (time[last] - time[start]) / YEAR_NS
        leg = _closed_leg(s_open[start], out, -way, size, fee, slippage, borrowed)
        whole = (trades, code[j], rule[j], -way, bar[j], start, last, reason, spot_series)
        count = _write(ints, floats, count, whole, leg)
        equity += leg[7]
        trades += 1
        free_from = max(last, liquidated_at) + 1 if at_end else last
    return ints[:count], floats[:count], dropped
