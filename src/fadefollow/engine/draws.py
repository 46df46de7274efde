"""Many books of one coin at once: the same rules on events that placebos have moved."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numba import njit

from fadefollow.engine.hedge.basket import Basket, BoolArray
from fadefollow.engine.kernels.arrays import (
    Account,
    CostRates,
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
from fadefollow.engine.kernels.book import (
    END,
    Outcomes,
    by_due,
    cash_alone,
    first_opposite,
    hole_held_over,
    limits_of,
    walk,
)
from fadefollow.engine.kernels.dated import returns_dated
from fadefollow.engine.model import (
    AnyRules,
    BarArrays,
    Costs,
    DatedBarArrays,
    Events,
    FloatArray,
    IntArray,
)

#: rows of the sums that `add_draws` adds to
OUTRIGHT, TRADES, HEDGED, HEDGED_TRADES = range(4)


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

    def mirrored(self) -> MovedEvents:
        """The same events traded on the other side."""
        return self._replace(side=-self.side, exit_side=-self.exit_side)


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


class Everywhere(NamedTuple):
    """What a trade earns that is entered at each bar's open, shape (2 · sets, n).

    Row 2 · rule is that of shorts, the next one that of longs.
    """

    value: FloatArray  #: net return outright, NaN if it does not count
    exit_bar: IntArray  #: −1 where no trade can be entered
    inside: BoolArray  #: whether it ends inside that bar
    hedged: FloatArray  #: net return of trade and hedge, NaN if there is none

    @classmethod
    def of(cls, by_kind: Mapping[tuple[int, int], Outcomes], hedge: HedgeLevels) -> Everywhere:
        """From outcomes by side and rule set; `by_kind` is not empty."""
        rows, n = 2 * (1 + max(rule for _, rule in by_kind)), len(hedge.beta)
        shape = rows, n
        value, hedged = np.full(shape, np.nan), np.full(shape, np.nan)
        table = cls(value, np.full(shape, -1), np.zeros(shape, bool), hedged)
        for (side, rule), found in by_kind.items():
            row = 2 * rule + (side > 0)
            table.value[row], table.exit_bar[row], table.inside[row] = found
            last = found.exit_bar
            level = np.where(found.inside, hedge.close_level[last], hedge.open_level[last])
            gain = -side * (level / hedge.open_level - 1.0)
            table.hedged[row] = found.value + hedge.beta * (gain - hedge.cost - hedge.cost[last])
        return table


def add_draws(
    arrays: BarArrays,
    moved: MovedEvents,
    *,
    rules: AnyRules,
    costs: Costs,
    everywhere: Everywhere | None,
    hedge: HedgeLevels,
    day: IntArray,
    sums: FloatArray,
) -> None:
    """Resolve one coin's book in each draw and add its returns up by day of entry.

    What a trade earns does not depend on the others, so that it is looked up by its bar of entry;
    only positions that a contrary phase ends early are walked anew. A book that compounds goes on
    where it would be ruined.

    Args:
        arrays, rules, costs: as in `resolve`.
        moved: the events of each draw.
        everywhere: for all that `moved` holds; None where the coin has no events in any draw.
        hedge: from `hedge_levels`.
        day: of each bar, shape (n,).
        sums: OUTRIGHT, TRADES, HEDGED and HEDGED_TRADES by phase and day, shape
            (draws, 4, codes, days), added to in place. Trades that the end of data cut off, or
            that were held over a hole in the settlements, do not count. A trade counts by the
            share of its full size that it has.
    """
    if everywhere is None or not len(moved.bar):
        return
    if isinstance(arrays, DatedBarArrays) and len(moved.exit_bar) and _left_by_opposite(rules):
        _add_dated(arrays, moved, rules, costs, day, sums)
        return
    coin = _Coin(
        prices_of(arrays),
        settlements_of(arrays),
        arrays.holes,
        rule_tables(rules, arrays.bar_ns),
        cost_rates(arrays, costs),
        account_of(rules, arrays),
    )
    _add_draws(moved, hedge, everywhere, coin, day, sums)


def _left_by_opposite(rules: AnyRules) -> bool:
    return any(one.opposite for one in rules.sets)


def _add_dated(
    arrays: DatedBarArrays,
    moved: MovedEvents,
    rules: AnyRules,
    costs: Costs,
    day: IntArray,
    sums: FloatArray,
) -> None:
    """The same where a contrary phase may end a position on dated futures; never hedged."""
    for b in range(len(moved.starts) - 1):
        own = slice(moved.starts[b], moved.starts[b + 1])
        ends = slice(moved.exit_starts[b], moved.exit_starts[b + 1])
        events = Events(
            moved.bar[own],
            moved.side[own],
            moved.code[own],
            moved.exit_bar[ends],
            moved.exit_side[ends],
            moved.rule[own],
        )
        found = returns_dated(arrays, events, rules=rules, costs=costs)
        known = ~np.isnan(found.value)
        at = found.code[known], day[found.entry_bar[known]]
        np.add.at(sums[b, OUTRIGHT], at, found.value[known])
        np.add.at(sums[b, TRADES], at, 1.0)


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
    table: Everywhere,
    coin: _Coin,
    day: IntArray,
    sums: FloatArray,
) -> None:
    n, when, share = len(day), coin.rules.when, coin.account.share
    for b in range(len(moved.starts) - 1):
        own = slice(moved.starts[b], moved.starts[b + 1])
        ends = slice(moved.exit_starts[b], moved.exit_starts[b + 1])
        bar, side = moved.bar[own], moved.side[own]
        code, rule = moved.code[own], moved.rule[own]
        exits = Exits(moved.exit_bar[ends], moved.exit_side[ends])
        due_bar, order = by_due(bar, rule, when)
        free_from = 0
        for j in order:
            due = due_bar[j]
            if due >= n or due < free_from or due < 0:
                continue
            row = 2 * rule[j] + (1 if side[j] > 0 else 0)
            last, inside = table.exit_bar[row, due], table.inside[row, due]
            if last < 0:  # a missing bar
                continue
            value, hedged = table.value[row, due], table.hedged[row, due]
            if when[rule[j], 2] != 0 and len(exits.bar):
                contrary = first_opposite(exits, due, side[j], when[rule[j], 0], last)
                if contrary < last or (contrary == last and inside):
                    value, last, inside = _walked(coin, exits, rule[j], due, side[j])
                    level = hedge.close_level[last] if inside else hedge.open_level[last]
                    gain = -side[j] * (level / hedge.open_level[due] - 1.0)
                    hedged = value + hedge.beta[due] * (gain - hedge.cost[due] - hedge.cost[last])
            free_from = last + 1 if inside else last
            if math.isnan(value):
                continue
            c, d = code[j], day[due]
            part = share[due] if len(share) else 1.0
            sums[b, OUTRIGHT, c, d] += part * value
            sums[b, TRADES, c, d] += part
            if not math.isnan(hedged):
                sums[b, HEDGED, c, d] += part * hedged
                sums[b, HEDGED_TRADES, c, d] += part


@njit(cache=True, nogil=True)
def _walked(
    coin: _Coin, exits: Exits, rule: int, entry_bar: int, side: int
) -> tuple[float, int, bool]:
    """Net return (NaN if it does not count), exit bar, and whether it ended inside that bar."""
    limits = limits_of(coin.rules.when, coin.rules.levels, rule)
    cash = cash_alone(coin.account, coin.costs, entry_bar)
    done = walk(coin.prices, coin.paid, exits, coin.costs, limits, entry_bar, side, cash)
    value, time = done.pnl / (done.size * done.entry), coin.prices.time
    if done.reason == END or hole_held_over(coin.holes, time[entry_bar], time[done.last]) >= 0:
        value = math.nan
    return value, done.last, not done.at_open
