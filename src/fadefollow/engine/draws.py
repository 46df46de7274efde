"""Many books of one coin at once: the same rules on events that placebos have moved."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from fadefollow.engine.arrays import (
    Account,
    CostRates,
    EventArrays,
    Exits,
    Prices,
    RuleTables,
    Settlements,
    account_of,
    cost_rates,
    prices_of,
    rule_tables,
    settlements_of,
)
from fadefollow.engine.basket import Basket, BoolArray
from fadefollow.engine.exits import EXIT_REASONS
from fadefollow.engine.hedged import AT_OPEN
from fadefollow.engine.kernel import FLOATS, INTS, run_book
from fadefollow.engine.model import AnyRules, Costs, FloatArray, IntArray, Tape

#: rows of the sums that `add_draws` adds to
OUTRIGHT, TRADES, HEDGED, HEDGED_TRADES = range(4)
_CODE, _SIDE, _ENTRY, _EXIT, _REASON, _HOLE = (
    INTS.index(c) for c in ("code", "side", "entry_bar", "exit_bar", "reason", "hole")
)
_RETURN = FLOATS.index("return")
_END = EXIT_REASONS.index("end")
_AT_OPEN = np.array([reason in AT_OPEN for reason in EXIT_REASONS])


class MovedEvents(NamedTuple):
    """What a coin is given to trade in each of some draws: draw b has rows starts[b] … starts[b+1].

    Within a draw the events are in order of their bars, those of one bar in order of their codes.
    """

    starts: IntArray  #: shape (draws + 1,)
    bar: IntArray
    side: IntArray
    code: IntArray
    rule: IntArray
    exit_starts: IntArray  #: shape (draws + 1,)
    exit_bar: IntArray
    exit_side: IntArray


class HedgeLevels(NamedTuple):
    """A basket as the kernel takes it, for one coin; no levels where it has none."""

    beta: FloatArray  #: by bar of entry, NaN where the coin is not hedged
    open_level: FloatArray
    close_level: FloatArray
    cost: FloatArray


def hedge_levels(basket: Basket | None, symbol: str, n: int) -> HedgeLevels:
    """The basket for one coin; all NaN without a basket, or for the coin that is the basket."""
    if basket is None or symbol not in basket.betas:
        none = np.full(n, np.nan)
        return HedgeLevels(none, none, none, none)
    bars = np.arange(n)
    return HedgeLevels(
        basket.beta(symbol, bars), basket.open_level, basket.close_level, basket.cost
    )


def add_draws(
    tape: Tape,
    moved: MovedEvents,
    *,
    rules: AnyRules,
    costs: Costs,
    hedge: HedgeLevels,
    day: IntArray,
    sums: FloatArray,
) -> None:
    """Resolve one coin's book in each draw and add its returns up by day of entry.

    Args:
        tape, rules, costs: as in `resolve`.
        moved: the events of each draw.
        hedge: from `hedge_levels`.
        day: of each bar, shape (n,).
        sums: OUTRIGHT, TRADES, HEDGED and HEDGED_TRADES by phase and day, shape
            (draws, 4, codes, days), added to in place. Trades that the end of data cut off, or
            that were held over a hole in the settlements, do not count. A trade counts by the
            share of its full size that it has.
    """
    coin = _Coin(
        prices_of(tape),
        settlements_of(tape),
        tape.holes,
        rule_tables(rules, tape.bar_ns),
        cost_rates(tape, costs),
        account_of(rules, tape),
    )
    _add_draws(moved, hedge, coin, _AT_OPEN, day, sums)


class _Coin(NamedTuple):
    prices: Prices
    paid: Settlements
    holes: IntArray
    rules: RuleTables
    costs: CostRates
    account: Account


@njit(cache=True, nogil=True)
def _add_draws(
    moved: MovedEvents,
    hedge: HedgeLevels,
    coin: _Coin,
    at_open: BoolArray,
    day: IntArray,
    sums: FloatArray,
) -> None:
    share = coin.account.share
    for b in range(len(moved.starts) - 1):
        own = slice(moved.starts[b], moved.starts[b + 1])
        if own.start == own.stop:
            continue
        ends = slice(moved.exit_starts[b], moved.exit_starts[b + 1])
        events = EventArrays(
            moved.bar[own],
            moved.side[own],
            moved.code[own],
            moved.rule[own],
            Exits(moved.exit_bar[ends], moved.exit_side[ends]),
        )
        ints, floats, _ = run_book(
            coin.prices, coin.paid, coin.holes, events, coin.rules, coin.costs, coin.account
        )
        for i in range(len(ints)):
            if ints[i, _REASON] == _END or ints[i, _HOLE] >= 0:
                continue
            entry, last, code = ints[i, _ENTRY], ints[i, _EXIT], ints[i, _CODE]
            value, d = floats[i, _RETURN], day[ints[i, _ENTRY]]
            part = share[entry] if len(share) else 1.0
            sums[b, OUTRIGHT, code, d] += part * value
            sums[b, TRADES, code, d] += part
            level = hedge.open_level[last] if at_open[ints[i, _REASON]] else hedge.close_level[last]
            gain = -ints[i, _SIDE] * (level / hedge.open_level[entry] - 1.0)
            hedged = value + hedge.beta[entry] * (gain - hedge.cost[entry] - hedge.cost[last])
            if not np.isnan(hedged):
                sums[b, HEDGED, code, d] += part * hedged
                sums[b, HEDGED_TRADES, code, d] += part
