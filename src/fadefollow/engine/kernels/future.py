"""The compiled core for dated futures (docs/money-rules.md, 3 and 8); against spot: `carry`.

Rules beyond those of the perp:

- An entry takes the nearest contract with enough days left; where there is none, or a leg's bar is
  missing, the entry is dropped and counted.
- A contract is left at the open of its `leave` bar (the next one that is present). If the holding
  time goes on, the same coins are bought or sold in the contract that is then the nearest, at the
  same open: reason `roll`; if there is none that trades at that open: `expiry`.
- A contract without later bars is left at its last close: `expiry` if others trade on, else `end`.
- Stop, target and trail of a future count from the fill of the leg that is held.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fadefollow.core.cache.compiled import kernel
from fadefollow.engine.exits import EXIT_REASONS
from fadefollow.engine.kernels.arrays import (
    Account,
    Contracts,
    CostRates,
    EventArrays,
    Prices,
    RuleTables,
    Settlements,
)
from fadefollow.engine.kernels.book import by_due
from fadefollow.engine.kernels.position import (
    END,
    OPPOSITE,
    TIME,
    Closed,
    Limits,
    first_opposite,
    limits_of,
    walk,
)
from fadefollow.engine.model import FloatArray, IntArray

ROLL, EXPIRY = EXIT_REASONS.index("roll"), EXIT_REASONS.index("expiry")

#: columns of the integer and the float records of a leg
LEG_INTS = (
    "trade",
    "code",
    "rule",
    "side",
    "signal_bar",
    "entry_bar",
    "exit_bar",
    "reason",
    "series",
)
LEG_FLOATS = (
    "entry_price",
    "exit_price",
    "size",
    "notional",
    "fees",
    "slippage",
    "funding",
    "pnl",
)


class Legs(NamedTuple):
    """All legs of one coin's book."""

    ints: IntArray  #: columns LEG_INTS
    floats: FloatArray  #: columns LEG_FLOATS
    inside: npt.NDArray[np.bool_]  #: of each trade, whether it ended inside its last bar


@kernel
def legs_for(room: int) -> Legs:
    """Legs that are still to be written."""
    return Legs(
        np.empty((room, len(LEG_INTS)), np.int64),
        np.empty((room, len(LEG_FLOATS)), np.float64),
        np.empty(room, np.bool_),
    )


@kernel
def cut_legs(legs: Legs, count: int, trades: int) -> Legs:
    """Those that were written."""
    return Legs(legs.ints[:count], legs.floats[:count], legs.inside[:trades])


class Entry(NamedTuple):
    """One entry: its trade's number, its event, when it is due and what ends it."""

    trade: int
    code: int
    rule: int
    signal_bar: int
    start: int
    side: int
    limits: Limits


@kernel
def entry_of(events: EventArrays, rules: RuleTables, j: int, start: int, trade: int) -> Entry:
    """The entry that an event makes."""
    code, rule, bar, side = events.code[j], events.rule[j], events.bar[j], events.side[j]
    return Entry(trade, code, rule, bar, start, side, limits_of(rules.when, rules.levels, rule))


@kernel
def write_leg(
    legs: Legs, count: int, entry: Entry, side: int, series: int, begin: int, leg: Closed
) -> int:
    """Add one leg; the number of legs comes back."""
    whole = (
        entry.trade,
        entry.code,
        entry.rule,
        side,
        entry.signal_bar,
        begin,
        leg.last,
        leg.reason,
        series,
    )
    for c in range(len(whole)):
        legs.ints[count, c] = whole[c]
    notional = leg.size * leg.entry
    money = (leg.entry, leg.exit, leg.size, notional, leg.fees, leg.slipped, leg.funding, leg.pnl)
    for c in range(len(money)):
        legs.floats[count, c] = money[c]
    return count + 1


@kernel
def _last_bar(close: FloatArray) -> int:
    """The last bar at which any contract is present, −1 if none is."""
    for i in range(close.shape[1] - 1, -1, -1):
        for c in range(close.shape[0]):
            if not math.isnan(close[c, i]):
                return i
    return -1


@kernel
def following(nearest: IntArray, close: FloatArray, c: int, i: int) -> int:
    """The contract that c is rolled into at the open of bar i, −1 if there is none."""
    into = nearest[i]
    return -1 if into <= c or math.isnan(close[into, i]) else into


@kernel
def _leg_ended(leg: Closed, reason: int) -> Closed:
    """The same with another reason."""
    return Closed(
        leg.last,
        reason,
        leg.at_open,
        leg.entry,
        leg.exit,
        leg.size,
        leg.fees,
        leg.slipped,
        leg.funding,
        leg.pnl,
    )


@kernel
def run_future(
    listed: Contracts,
    paid: Settlements,
    events: EventArrays,
    rules: RuleTables,
    costs: CostRates,
    account: Account,
    alone: bool,
) -> tuple[Legs, int]:
    """All legs of one coin's book on dated futures, and the number of dropped entries.

    With `alone`, every entry is its own book: none is ignored because another is open.
    """
    time, open_, high, low, close, liq_high, liq_low, nearest, leave = listed
    legs = legs_for(len(events.bar) * (len(leave) + 1))
    final = _last_bar(close)
    count, trades, dropped, free_from, equity = 0, 0, 0, 0, account.capital
    due_bar, order = by_due(events.bar, events.rule, rules.when)
    for j in order:
        start = due_bar[j]
        if start >= len(time) or (start < free_from and not alone) or start < 0:
            continue
        c = nearest[start]
        if c < 0 or math.isnan(close[c, start]):
            dropped += 1
            continue
        cash = account.weight * (equity if account.compound else account.capital)
        if cash <= 0.0:
            break
        entry = entry_of(events, rules, j, start, trades)
        limits, side = entry.limits, entry.side
        begin, due, into = start, start + limits.hold, c
        while into >= 0:
            c, into = into, -1
            prices = Prices(
                time, open_[c], high[c], low[c], close[c], open_[c], liq_high[c], liq_low[c]
            )
            hold = min(due, leave[c]) - begin
            within = Limits(hold, limits.opposite, limits.delay, limits.levels, limits.leverage)
            leg = walk(prices, paid, events.exits, costs, within, begin, side, cash)
            last, reason = leg.last, leg.reason
            if reason == TIME and last < due:  # the contract must be left
                if limits.opposite and (
                    first_opposite(events.exits, begin, side, limits.delay, due) <= last
                ):
                    reason = OPPOSITE  # at the very same open
                else:
                    into = following(nearest, close, c, last)
                    reason = ROLL if into >= 0 else EXPIRY
            elif reason == END and last < final:
                reason = EXPIRY
            count = write_leg(legs, count, entry, side, c, begin, _leg_ended(leg, reason))
            equity += leg.pnl
            begin = last
            if into >= 0:
                cash = leg.size * open_[into, begin] * (1.0 + side * costs.slippage)
        legs.inside[trades] = not leg.at_open
        trades += 1
        free_from = last if leg.at_open else last + 1
    return cut_legs(legs, count, trades), dropped
