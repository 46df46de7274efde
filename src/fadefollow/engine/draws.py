"""Many books of one coin at once: the same rules on events that placebos have moved."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fadefollow.core.cache.compiled import kernel
from fadefollow.engine.hedge.basket import Basket
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
from fadefollow.engine.kernels.book import by_due, hole_held_over
from fadefollow.engine.kernels.dated import returns_dated
from fadefollow.engine.kernels.outcomes import Outcomes, cash_alone, settlements_before
from fadefollow.engine.kernels.position import (
    END,
    OPPOSITE,
    Opened,
    left_at_open,
    limits_of,
    missing,
    walk,
)
from fadefollow.engine.model import (
    AnyRules,
    BarArrays,
    Costs,
    DatedBarArrays,
    Events,
    FloatArray,
    IntArray,
)

Int32Array = npt.NDArray[np.int32]


class DrawSums(NamedTuple):
    """What `add_draws` adds to: of each draw, phase and day the returns, and how many there are.

    Shape (draws, codes, days, 2), the two of a day beside each other in memory; or (0, 0, 0, 2) of
    a book that is not asked for.
    """

    outright: FloatArray
    hedged: FloatArray

    @classmethod
    def zeros(
        cls, shape: tuple[int, int, int], *, outright: bool = True, hedged: bool = True
    ) -> DrawSums:
        """With nothing added yet.

        Args:
            shape: draws, codes, days.
            outright, hedged: whether that book is asked for.
        """
        made = [np.zeros((*(shape if asked else (0, 0, 0)), 2)) for asked in (outright, hedged)]
        return cls(*made)

    def some(self, first: int, last: int) -> DrawSums:
        """The draws from `first` to before `last`."""
        return DrawSums(self.outright[first:last], self.hedged[first:last])


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
    """What a trade earns that is entered at each bar's open.

    Row 2 · rule is that of shorts, the next one that of longs.
    """

    #: net return outright, NaN if it does not count, and that of trade and hedge, NaN if there is
    #: none, shape (2 · sets, n, 2)
    net: FloatArray
    #: the first bar at whose open the book may act again, −1 where no trade can be entered, shape
    #: (2 · sets, n)
    free_from: Int32Array

    @classmethod
    def of(cls, by_kind: Mapping[tuple[int, int], Outcomes], hedge: HedgeLevels) -> Everywhere:
        """From outcomes by side and rule set; `by_kind` is not empty."""
        rows, n = 2 * (1 + max(rule for _, rule in by_kind)), len(hedge.beta)
        table = cls(np.full((rows, n, 2), np.nan), np.full((rows, n), -1, np.int32))
        for (side, rule), found in by_kind.items():
            row, last = 2 * rule + (side > 0), found.exit_bar
            table.free_from[row] = last + found.inside
            level = np.where(found.inside, hedge.close_level[last], hedge.open_level[last])
            gain = -side * (level / hedge.open_level - 1.0)
            table.net[row, :, 0] = found.value
            table.net[row, :, 1] = found.value + hedge.beta * (gain - hedge.cost - hedge.cost[last])
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
    sums: DrawSums,
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
        sums: added to in place. Trades that the end of data cut off, or that were held over a hole
            in the settlements, do not count. A trade counts by the share of its full size that it
            has.
    """
    if everywhere is None or not len(moved.bar):
        return
    if isinstance(arrays, DatedBarArrays) and _left_by_opposite(moved, rules):
        _add_dated(arrays, moved, rules, costs, day, sums.outright)
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


def _left_by_opposite(moved: MovedEvents, rules: AnyRules) -> bool:
    """Whether a contrary phase can end a position: not if all lean the same way."""
    if not any(one.opposite for one in rules.sets):
        return False
    side = moved.side[0]
    return bool((moved.side != side).any() or (moved.exit_side != side).any())


def _add_dated(
    arrays: DatedBarArrays,
    moved: MovedEvents,
    rules: AnyRules,
    costs: Costs,
    day: IntArray,
    sums: FloatArray,
) -> None:
    """The same where a contrary phase may end a position on dated futures; never hedged."""
    for b in range(len(moved.starts) - 1 if len(sums) else 0):
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
        np.add.at(sums[b, ..., 0], at, found.value[known])
        np.add.at(sums[b, ..., 1], at, 1.0)


class _Coin(NamedTuple):
    prices: Prices
    paid: Settlements
    holes: IntArray
    rules: RuleTables
    costs: CostRates
    account: Account


@kernel
def _add_draws(
    moved: MovedEvents,
    hedge: HedgeLevels,
    table: Everywhere,
    coin: _Coin,
    day: IntArray,
    sums: DrawSums,
) -> None:
    # out of the tuples, or the loops count references to each array
    starts, bar, side, code, rule, exit_starts, exit_bar, exit_side = moved
    net, free = table
    outright, with_hedge = sums
    prices, paid, holes, costs = coin.prices, coin.paid, coin.holes, coin.costs
    time, open_, high, low, close = prices[:5]
    n, when, share = len(day), coin.rules.when, coin.account.share
    before = settlements_before(time, paid.time)
    in_order = True  # with one delay events act as they are given
    for k in range(len(when)):
        in_order = in_order and when[k, 0] == when[0, 0]
    for b in range(len(starts) - 1):
        first, last_exit = starts[b], exit_starts[b + 1]
        k, free_from = exit_starts[b], 0
        own = slice(first, starts[b + 1])
        order = bar[:0] if in_order else by_due(bar[own], rule[own], when)[1]
        for i in range(first, starts[b + 1]):
            j = i if in_order else first + order[i - first]
            delay = when[rule[j], 0]
            due = bar[j] + 1 + delay
            if due >= n or due < free_from or due < 0:
                continue
            row = 2 * rule[j] + (1 if side[j] > 0 else 0)
            until = free[row, due]
            if until < 0:  # a missing bar
                continue
            value, hedged = net[row, due]
            if when[rule[j], 2] != 0:
                k = _first_after(exit_bar, k, exit_starts[b], last_exit, bar[j])
                contrary = _contrary(exit_bar, exit_side, k, last_exit, side[j], until - 1 - delay)
                if contrary >= 0:
                    at, inside = contrary + 1 + delay, False
                    while at + 1 < until and missing(open_, high, low, close, at):
                        at += 1
                    position = Opened(due, side[j], cash_alone(coin.account, costs, due))
                    if at + 1 < until:
                        # it lives through that bar, so that nothing else has ended it before
                        done, _ = left_at_open(
                            prices, paid, costs, position, at, OPPOSITE, before[due]
                        )
                        value, until = done.pnl / (done.size * done.entry), at
                        if len(holes) and hole_held_over(holes, time[due], time[at]) >= 0:
                            value = math.nan
                    else:
                        exits = Exits(exit_bar[k:last_exit], exit_side[k:last_exit])
                        value, until, inside = _walked(coin, exits, rule[j], position)
                    last = until - 1 if inside else until
                    level = hedge.close_level[last] if inside else hedge.open_level[last]
                    gain = -side[j] * (level / hedge.open_level[due] - 1.0)
                    hedged = value + hedge.beta[due] * (gain - hedge.cost[due] - hedge.cost[last])
            free_from = until
            if math.isnan(value):
                continue
            c, d = code[j], day[due]
            part = share[due] if len(share) else 1.0
            if len(outright):
                outright[b, c, d, 0] += part * value
                outright[b, c, d, 1] += part
            if len(with_hedge) and not math.isnan(hedged):
                with_hedge[b, c, d, 0] += part * hedged
                with_hedge[b, c, d, 1] += part


@kernel
def _first_after(exit_bar: IntArray, k: int, first: int, last: int, bar: int) -> int:
    """The place of the first phase that became known after `bar`, sought from place `k` on."""
    while k > first and exit_bar[k - 1] > bar:
        k -= 1
    while k < last and exit_bar[k] <= bar:
        k += 1
    return k


@kernel
def _contrary(
    exit_bar: IntArray, exit_side: IntArray, k: int, last: int, side: int, before: int
) -> int:
    """The bar of the first contrary phase from place `k` on that is known before `before`, or −1.

    Only one before the position's own end counts.
    """
    while k < last and exit_bar[k] < before:
        if exit_side[k] == -side:
            return int(exit_bar[k])
        k += 1
    return -1


@kernel
def _walked(coin: _Coin, exits: Exits, rule: int, position: Opened) -> tuple[float, int, bool]:
    """Net return of a position that a contrary phase may end, bar by bar.

    Returns:
        The return, NaN if it does not count; from when on the book is free; and whether it ended
        inside a bar.
    """
    limits, time = limits_of(coin.rules.when, coin.rules.levels, rule), coin.prices.time
    entry_bar, side, cash = position
    done = walk(coin.prices, coin.paid, exits, coin.costs, limits, entry_bar, side, cash)
    inside, value = not done.at_open, done.pnl / (done.size * done.entry)
    if done.reason == END or hole_held_over(coin.holes, time[entry_bar], time[done.last]) >= 0:
        value = math.nan
    return value, done.last + 1 if inside else done.last, inside
