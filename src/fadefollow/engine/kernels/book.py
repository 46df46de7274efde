"""The compiled core of the resolver: a book of positions in one series, docs/money-rules.md."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fadefollow.core.cache.compiled import kernel
from fadefollow.engine.kernels.arrays import (
    Account,
    CostRates,
    EventArrays,
    Exits,
    Extremes,
    Prices,
    RuleTables,
    Settlements,
)
from fadefollow.engine.kernels.position import (
    END,
    Opened,
    held_to_open,
    limits_of,
    missing,
    walk,
)
from fadefollow.engine.model import FloatArray, IntArray

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


@kernel
def by_due(bar: IntArray, rule: IntArray, when: IntArray) -> tuple[IntArray, IntArray]:
    """The bar at whose open each event is due, and the events in the order in which they act.

    They act in order of their due bars; of those due at one open the one that was known first, and
    of those known at one bar the first in the order given. With one delay that is the order given.
    """
    due, order = np.empty(len(bar), np.int64), np.arange(len(bar))
    for j in range(len(bar)):
        due[j] = bar[j] + 1 + when[rule[j], 0]
        # by insertion: they are nearly in order, and numpy's sort takes a second to compile
        k = j
        while k > 0 and due[order[k - 1]] > due[j]:
            order[k] = order[k - 1]
            k -= 1
        order[k] = j
    return due, order


@kernel
def hole_held_over(holes: IntArray, entry_time: int, exit_time: int) -> int:
    """Number of the first hole that ends after the entry and begins before the exit, else −1."""
    for h in range(len(holes)):
        if holes[h, 1] > entry_time and holes[h, 0] < exit_time:
            return h
    return -1


@kernel
def run_book(
    prices: Prices,
    paid: Settlements,
    holes: IntArray,
    events: EventArrays,
    rules: RuleTables,
    costs: CostRates,
    account: Account,
    extremes: Extremes,
) -> tuple[IntArray, FloatArray, int]:
    """All trades of one coin and book, one position at a time (paragraph 2).

    Args:
        extremes: of the prices; empty ones make no difference but in time.

    Returns:
        integer records (INTS), float records (FLOATS), number of entries dropped on missing bars
        or for want of a size.
    """
    # out of the tuples, or the loop counts references to each array at each trade
    time, open_, high, low, close, _, _, _ = prices
    bar, side, code, rule, exits = events
    when, levels = rules
    share = account.share
    ints = np.empty((len(bar), len(INTS)), np.int64)
    floats = np.empty((len(bar), len(FLOATS)), np.float64)
    count, dropped, free_from, equity = 0, 0, 0, account.capital
    due_bar, order = by_due(bar, rule, when)
    for j in order:
        due = due_bar[j]
        if due >= len(time) or due < free_from or due < 0:
            continue
        part = share[due] if len(share) else 1.0
        if missing(open_, high, low, close, due) or math.isnan(part):
            dropped += 1
            continue
        cash = account.weight * part * (equity if account.compound else account.capital)
        if cash <= _RUIN * account.capital:
            break
        limits = limits_of(when, levels, rule[j])
        opened = Opened(due, side[j], cash)
        done = held_to_open(prices, paid, extremes, exits, costs, limits, opened)
        if done.last < 0:
            done = walk(prices, paid, exits, costs, limits, due, side[j], cash)
        hole = hole_held_over(holes, time[due], time[done.last])
        record = (code[j], rule[j], side[j], bar[j], due, done.last, done.reason, hole)
        for c in range(len(record)):
            ints[count, c] = record[c]
        notional = done.size * done.entry
        amounts = (
            done.entry,
            done.exit,
            done.size,
            notional,
            done.fees,
            done.slipped,
            done.funding,
            done.pnl,
            done.pnl / notional,
        )
        for c in range(len(amounts)):
            floats[count, c] = amounts[c]
        count += 1
        equity += done.pnl
        free_from = done.last if done.at_open else done.last + 1
        if done.reason == END:
            free_from = len(time)
    return ints[:count], floats[:count], dropped


@kernel
def run_plain(
    prices: Any, paid: Any, holes: IntArray, events: Any, rules: Any, costs: Any, account: Any
) -> tuple[IntArray, FloatArray, int]:
    """`run_book` by plain tuples of the same fields, which reach compiled code faster."""
    bar, side, code, rule, exits = events
    return run_book(  # type: ignore[no-any-return]
        Prices(*prices),
        Settlements(*paid),
        holes,
        EventArrays(bar, side, code, rule, Exits(*exits)),
        RuleTables(*rules),
        CostRates(*costs),
        Account(*account),
        Extremes(np.empty(0), np.empty(0)),
    )
