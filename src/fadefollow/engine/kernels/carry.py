"""The compiled core for carry: a dated future against spot (docs/money-rules.md, 3 and 8).

Rules beyond those of the future alone:

- The future's side is that of the trade, spot is the other way, equal coins. Both legs come and go
  at opens at which both are present. Stop and target are changes of the basis (future / spot − 1)
  against and for the position since the open at which the held contract was entered, tested at
  closes of bars at which both are present, and acted on at the next open; a due `time` or
  `opposite` at that open names the exit first, a stop comes before a target.
- Only the future is liquidated; spot then closes at the next open at which it is present.
- Spot sold short pays the borrow rate on its entry notional for the time between its entry and its
  exit (open times of bars); it stands in the leg's `funding`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from fadefollow.core.cache.compiled import inlined, kernel
from fadefollow.engine.kernels.arrays import (
    Account,
    Carry,
    Contracts,
    CostRates,
    EventArrays,
    Exits,
    RuleTables,
    Spot,
)
from fadefollow.engine.kernels.book import by_due
from fadefollow.engine.kernels.future import (
    EXPIRY,
    ROLL,
    Entry,
    Legs,
    cut_legs,
    entry_of,
    following,
    legs_for,
    write_leg,
)
from fadefollow.engine.kernels.position import (
    END,
    LIQUIDATION,
    OPPOSITE,
    STOP,
    TARGET,
    TIME,
    YEAR_NS,
    Closed,
    Limits,
    first_opposite,
    held_open,
    liquidation_level,
)

#: reason of a leg that is still open
_OPEN = -1


class Held(NamedTuple):
    """The contract that is held."""

    contract: int
    begin: int  #: the bar at whose open it was entered
    fill: float
    liquidated_at: float  #: price
    basis: float  #: at that open


@inlined
def _enter(
    listed: Contracts,
    spot: Spot,
    costs: CostRates,
    c: int,
    begin: int,
    side: int,
    size: float,
    leverage: float,
) -> Held:
    fill = listed.open[c, begin] * (1.0 + side * costs.slippage)
    level = liquidation_level(side, fill, size, 0.0, leverage, costs.margins, costs.in_coins)
    return Held(c, begin, fill, level, listed.open[c, begin] / spot.open[begin] - 1.0)


@kernel
def _closed_leg(
    entry_open: float,
    exit_price: float,
    side: int,
    size: float,
    costs: CostRates,
    borrowed: float,
    last: int,
    reason: int,
) -> Closed:
    """A leg that was bought and sold; `borrowed` is a fraction of its entry notional."""
    entry = entry_open * (1.0 + side * costs.slippage)
    exit_ = exit_price * (1.0 - side * costs.slippage)
    fees = costs.fee * size * (entry + exit_)
    slipped = size * (abs(entry - entry_open) + abs(exit_ - exit_price))
    paid = -borrowed * size * entry if side < 0 else 0.0
    pnl = side * size * (exit_ - entry) - fees + paid
    return Closed(last, reason, True, entry, exit_, size, fees, slipped, paid, pnl)


@kernel
def _liquidated_leg(
    held: Held,
    entry_open: float,
    side: int,
    size: float,
    costs: CostRates,
    leverage: float,
    last: int,
) -> Closed:
    """A future whose margin is gone."""
    fill = held.fill
    fees = costs.fee * size * fill
    slipped = size * abs(fill - entry_open)
    pnl = -size * fill / leverage - fees
    bankrupt = fill - side * fill / leverage
    return Closed(last, LIQUIDATION, False, fill, bankrupt, size, fees, slipped, 0.0, pnl)


@kernel
def _basis_reached(limits: Limits, gain: float) -> int:
    """The reason why a change of the basis ends the position at the next open, else −1."""
    if gain <= -limits.levels.stop:
        return STOP
    return TARGET if gain >= limits.levels.target else _OPEN


@kernel
def _due_at_open(i: int, due: int, due_opposite: int, pending: int, leave: int) -> int:
    """The reason why the future is left at the open of bar i, else −1."""
    if i >= due:
        return TIME
    if i >= due_opposite:
        return OPPOSITE
    return ROLL if pending < 0 and i >= leave else pending


@inlined
def _future_until(
    listed: Contracts,
    spot: Spot,
    held: Held,
    limits: Limits,
    side: int,
    due: int,
    due_opposite: int,
) -> tuple[int, int]:
    """The bar in which the held contract ends, and why.

    It ends at that bar's open; at its close, the last common one, if the reason is `end`; or by
    liquidation.
    """
    c, begin, liquidated_at = held.contract, held.begin, held.liquidated_at
    leave = listed.leave[c]
    open_, close, spot_close = listed.open[c], listed.close[c], spot.close
    liq_low, liq_high = listed.liq_low[c], listed.liq_high[c]
    last, pending = begin, _OPEN
    for i in range(begin, len(close)):
        if math.isnan(close[i]):
            continue
        both = not math.isnan(spot_close[i])
        if i > begin:
            first = held_open(side, open_[i], liq_low[i], liq_high[i])
            if side * (first - liquidated_at) <= 0.0:
                return i, LIQUIDATION
            reason = _due_at_open(i, due, due_opposite, pending, leave) if both else _OPEN
            if reason == ROLL and following(listed.nearest, listed.close, c, i) < 0:
                reason = EXPIRY
            if reason >= 0:
                return i, reason
        if side * ((liq_low[i] if side > 0 else liq_high[i]) - liquidated_at) <= 0.0:
            return i, LIQUIDATION
        if both:
            last = i
            basis = close[i] / spot_close[i] - 1.0
            pending = _basis_reached(limits, side * (basis - held.basis))
    return last, END


@kernel
def _spot_left(spot: Spot, start: int, ended: int, reason: int) -> tuple[int, bool]:
    """The bar at which spot is left, and whether at its close because the data end.

    With the future, or where that is liquidated at the next open at which spot is present.
    """
    if reason != LIQUIDATION:
        return ended, reason == END
    for i in range(ended + 1, len(spot.close)):
        if not math.isnan(spot.close[i]):
            return i, False
    last = ended
    while last > start and math.isnan(spot.close[last]):
        last -= 1
    return last, True


@inlined
def _future_leg(
    listed: Contracts,
    held: Held,
    side: int,
    size: float,
    costs: CostRates,
    leverage: float,
    ended: int,
    reason: int,
) -> Closed:
    """The held contract, from its open to where it ends."""
    c, opened = held.contract, listed.open[held.contract, held.begin]
    if reason == LIQUIDATION:
        return _liquidated_leg(  # type: ignore[no-any-return]
            held, opened, side, size, costs, leverage, ended
        )
    out = listed.close[c, ended] if reason == END else listed.open[c, ended]
    return _closed_leg(  # type: ignore[no-any-return]
        opened, out, side, size, costs, 0.0, ended, reason
    )


@inlined
def _trade(
    market: Carry,
    exits: Exits,
    costs: CostRates,
    entry: Entry,
    cash: float,
    legs: Legs,
    count: int,
    equity: float,
) -> tuple[int, float, int]:
    """Write one trade's legs: the number of legs, the equity, the first bar for another entry."""
    listed, spot = market.future, market.spot
    start, side, limits = entry.start, entry.side, entry.limits
    leverage, due = limits.leverage, start + limits.hold
    due_opposite = due + 1
    if limits.opposite:
        due_opposite = first_opposite(exits, start, side, limits.delay, due)
    first = listed.nearest[start]
    size = cash / (listed.open[first, start] * (1.0 + side * costs.slippage))
    held = _enter(listed, spot, costs, first, start, side, size, leverage)
    while True:
        ended, reason = _future_until(listed, spot, held, limits, side, due, due_opposite)
        leg = _future_leg(listed, held, side, size, costs, leverage, ended, reason)
        count = write_leg(legs, count, entry, side, held.contract, held.begin, leg)
        equity += leg.pnl
        if reason != ROLL:
            break
        into = following(listed.nearest, listed.close, held.contract, ended)
        held = _enter(listed, spot, costs, into, ended, side, size, leverage)
    last, at_end = _spot_left(spot, start, ended, reason)
    out = spot.close[last] if at_end else spot.open[last]
    borrowed = costs.borrow * (listed.time[last] - listed.time[start]) / YEAR_NS
    leg = _closed_leg(spot.open[start], out, -side, size, costs, borrowed, last, reason)
    series = len(listed.leave)
    count = write_leg(legs, count, entry, -side, series, start, leg)
    legs.inside[entry.trade] = at_end
    return count, equity + leg.pnl, max(last, ended) + 1 if at_end else last


@kernel
def run_carry(
    market: Carry,
    events: EventArrays,
    rules: RuleTables,
    costs: CostRates,
    account: Account,
    alone: bool,
) -> tuple[Legs, int]:
    """All legs of one coin's book on futures against spot, and the number of dropped entries.

    With `alone`, every entry is its own book.
    """
    listed, spot = market.future, market.spot
    legs = legs_for(len(events.bar) * (len(listed.leave) + 2))
    count, trades, dropped, free_from, equity = 0, 0, 0, 0, account.capital
    due_bar, order = by_due(events.bar, events.rule, rules.when)
    for j in order:
        start = due_bar[j]
        if start >= len(listed.time) or (start < free_from and not alone) or start < 0:
            continue
        c = listed.nearest[start]
        if c < 0 or math.isnan(listed.close[c, start]) or math.isnan(spot.close[start]):
            dropped += 1
            continue
        cash = account.weight * (equity if account.compound else account.capital)
        if cash <= 0.0:
            break
        entry = entry_of(events, rules, j, start, trades)
        count, equity, free_from = _trade(
            market, events.exits, costs, entry, cash, legs, count, equity
        )
        trades += 1
    return cut_legs(legs, count, trades), dropped
