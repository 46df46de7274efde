"""The placebo in coins: the same trades at the same hours on coins that were not in the phase.

Each event is given to a member of the basket, drawn from those of the same fifth of trailing
volatility and third of trailing return. Its time, the market's mood, the clustering of events
across coins and the age of coins stay as they are; what the coin owes to its phase goes. Events of
one coin that could share a position move together.

An event's own coin is one of those drawn from. If the phase knew nothing it might have struck any
of them alike, and only draws that may return the truth vary as the truth does: among three other
coins, draws lie nearer to each other than the own coin lies to them. (Measured on universes with
nothing planted: without it the t of the draws had a standard deviation of 0.6.)

Source: Fisher (1935), The Design of Experiments (randomisation within blocks).

It belongs to the hedged book: against the market there is no common drift that a shift in time
would have to keep.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from fadefollow.core.cache.compiled import kernel
from fadefollow.engine.draws import MovedEvents
from fadefollow.engine.hedge.basket import BoolArray
from fadefollow.engine.model import HOUR_NS, FloatArray, IntArray
from fadefollow.engine.plans.sizing import trailing_volatility
from fadefollow.engine.plans.strategy_plan import Plan
from fadefollow.verdict.estimates.days import day_of_bar
from fadefollow.verdict.placebos.base import Kind

FIFTHS, THIRDS = 5, 3
#: other coins that are alike, fewer are joined by those that are less so
FEWEST_ALIKE = 5


class _Group(NamedTuple):
    """Events of one coin that move together."""

    coin: int
    bar: int  #: of the first event
    day: int  #: of the first possible entry
    codes: tuple[int, ...]


@dataclass(frozen=True)
class CoinPlacebo:
    """Which coin each group of a plan's events is given to in each draw."""

    plan: Plan
    #: groups by the coin that gets them, in each draw, shape (draws, groups)
    order: npt.NDArray[np.int32]
    bounds: IntArray  #: where each coin's groups begin in `order`, shape (draws, coins + 1)
    entries: _Events
    exits: _Events
    kept: float  #: share of the groups that some other coin could be given
    kind: ClassVar[Kind] = "coins"

    @property
    def draws(self) -> int:
        """How many draws there are."""
        return len(self.order)

    @classmethod
    def draw(cls, plan: Plan, *, draws: int, rng: np.random.Generator) -> CoinPlacebo:
        """Give each group of events to a coin like its own, or back to it, `draws` times.

        Args:
            plan: with a basket.
            draws: how many.
            rng: source of randomness.
        """
        groups, entries, exits = _grouped(plan)
        cells = _Cells.of(plan, groups)
        # small integers: there are millions of them, and they are sorted much faster
        targets = np.full((len(groups), draws), -1, np.int16)
        for number, group in enumerate(groups):
            able = cells.like(group, number)
            if len(able):
                able = np.append(able, group.coin)
                targets[number] = able[rng.integers(0, len(able), draws)]
        # in order of time, so that a coin's events are nearly in order
        early = np.argsort([group.bar for group in groups], kind="stable")
        order = np.empty((draws, len(groups)), np.int32)
        coins = np.arange(len(plan.coin_arrays) + 1)
        bounds = np.empty((draws, len(coins)), np.int64)
        for draw in range(draws):
            given = targets[early, draw]
            by_coin = np.argsort(given, kind="stable")
            order[draw] = early[by_coin]
            bounds[draw] = np.searchsorted(given[by_coin], coins)
        kept = float((targets[:, 0] >= 0).mean()) if draws and len(groups) else 1.0
        return cls(plan, order, bounds, entries, exits, kept)

    def moved(self, coin: int, first: int, last: int) -> MovedEvents:
        """See `Placebo`."""
        lows, highs = self.bounds[first:last, coin], self.bounds[first:last, coin + 1]
        counts = highs - lows
        draw = np.repeat(np.arange(last - first), counts)
        # where each draw's groups lie in `order`, one after the other
        begin = np.arange(first, last) * self.order.shape[1] + lows
        place = np.repeat(begin - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())
        group = self.order.reshape(-1)[place].astype(np.int64)
        starts, rows = self.entries.rows_of(draw, group, last - first)
        ends, exits = self.exits.rows_of(draw, group, last - first)
        own, out = self.entries, self.exits
        return MovedEvents(
            starts,
            own.bar[rows],
            own.lean[rows],
            own.code[rows],
            own.rule[rows],
            ends,
            out.bar[exits],
            out.lean[exits],
        )


@dataclass(frozen=True)
class _Events:
    """Events sorted by group; those of group g are rows starts[g] … starts[g + 1]."""

    starts: IntArray
    bar: IntArray
    lean: IntArray
    code: IntArray
    rule: IntArray

    def rows_of(self, draw: IntArray, group: IntArray, draws: int) -> tuple[IntArray, IntArray]:
        """Where each draw's rows begin, and the rows, in order of bar and code."""
        lengths = self.starts[group + 1] - self.starts[group]
        ends = np.append(0, np.cumsum(lengths))
        rows = np.repeat(self.starts[group] - ends[:-1], lengths) + np.arange(ends[-1])
        starts = ends[np.searchsorted(draw, np.arange(draws + 1))]
        _sort_each(rows, starts, self.bar, self.code)
        return starts, rows


@kernel
def _sort_each(rows: IntArray, starts: IntArray, bar: IntArray, code: IntArray) -> None:
    """Sort each draw's rows by bar and code, in place.

    By insertion: a draw gives a coin few events, and most are in order.
    """
    for b in range(len(starts) - 1):
        for i in range(starts[b] + 1, starts[b + 1]):
            row = rows[i]
            k = i
            while k > starts[b]:
                last = rows[k - 1]
                if (bar[last], code[last], last) < (bar[row], code[row], row):
                    break
                rows[k] = last
                k -= 1
            rows[k] = row


def _grouped(plan: Plan) -> tuple[list[_Group], _Events, _Events]:
    """The groups of all coins, their entries, and the phases that can end their positions."""
    day = day_of_bar(plan)
    gap = math.ceil((plan.rules.hold_hours + plan.window_hours) * 3.6e12 / plan.bar_ns)
    groups: list[_Group] = []
    entries: list[tuple[IntArray, ...]] = []
    exits: list[tuple[IntArray, ...]] = []
    for coin, bars in enumerate(plan.bars):
        if not len(bars):
            continue
        number = np.cumsum(np.diff(bars, prepend=bars[0]) > gap)
        firsts = np.searchsorted(number, np.arange(number[-1] + 1))
        offset = len(groups)
        for k, at in enumerate(firsts):
            codes = tuple(np.unique(plan.codes[coin][number == k]).tolist())
            begin = int(day[min(bars[at] + 1, len(day) - 1)])
            groups.append(_Group(coin, int(bars[at]), begin, codes))
        entries.append(
            (offset + number, bars, plan.leans[coin], plan.codes[coin], plan.rule_of(coin))
        )
        exit_bars = plan.exit_bars[coin]
        owner = np.searchsorted(bars[firsts], exit_bars, side="right") - 1
        none = np.zeros(len(exit_bars), np.int64)
        mine = owner >= 0
        table = (offset + owner, exit_bars, plan.exit_leans[coin], none, none)
        exits.append(tuple(column[mine] for column in table))
    return groups, _events(entries, len(groups)), _events(exits, len(groups))


def _events(parts: list[tuple[IntArray, ...]], groups: int) -> _Events:
    columns = [np.concatenate([np.empty(0, np.int64), *(p[k] for p in parts)]) for k in range(5)]
    group, *rest = (column[np.argsort(columns[0], kind="stable")] for column in columns)
    return _Events(np.searchsorted(group, np.arange(groups + 1)), *rest)


@dataclass(frozen=True)
class _Cells:
    """Which coins are alike, from what was known before each day; shape (coins, days)."""

    member: BoolArray
    fifth: IntArray  #: of trailing volatility among the members, −1 where unknown
    third: IntArray  #: of trailing return
    busy: tuple[BoolArray, ...]  #: by phase, coins in an event of it, shape (coins, groups)

    @classmethod
    def of(cls, plan: Plan, groups: list[_Group]) -> _Cells:
        assert plan.basket is not None
        day = day_of_bar(plan)
        days = int(day[-1]) + 1
        last = np.flatnonzero(np.diff(day, append=days))
        close = pd.DataFrame(
            [
                plan.coin_arrays.derived(
                    "day closes", coin, lambda t: pd.Series(t.close).ffill().to_numpy()[last]
                )
                for coin in range(len(plan.coin_arrays))
            ]
        ).T
        hold = max(1, math.ceil(plan.rules.hold_hours / 24.0))
        trailing = close / close.shift(hold) - 1.0
        member = np.array([plan.basket.member_days(symbol) for symbol in plan.symbols])
        begins = np.array([group.bar for group in groups], np.int64)
        return cls(
            member,
            _ranks(trailing_volatility(close).to_numpy().T, member, FIFTHS),
            _ranks(trailing.shift(1).to_numpy().T, member, THIRDS),
            tuple(_busy(plan, code, begins) for code in range(len(plan.phases))),
        )

    def like(self, group: _Group, number: int) -> IntArray:
        """Other coins that a group may go to: like its own, else as volatile, else any member."""
        d = group.day
        able = self.member[:, d].copy()
        able[group.coin] = False
        for code in group.codes:
            able &= ~self.busy[code][:, number]
        fifth = self.fifth[:, d] == self.fifth[group.coin, d]
        third = self.third[:, d] == self.third[group.coin, d]
        for some in (able & fifth & third, able & fifth):
            if some.sum() >= FEWEST_ALIKE:
                return np.flatnonzero(some)
        return np.flatnonzero(able)


def _ranks(values: FloatArray, member: BoolArray, parts: int) -> IntArray:
    """The part of the members' distribution that each value lies in, shape (coins, days)."""
    known = member & ~np.isnan(values)
    count = known.sum(axis=0)
    ordered = np.sort(np.where(known, values, np.inf), axis=0)  # the unknown last
    below = np.zeros(values.shape, np.int64)
    for share in np.arange(1, parts) / parts:
        # a quantile lies between two order statistics, as numpy's own
        place = share * np.maximum(count - 1, 0)
        low = np.floor(place).astype(np.int64)
        high = np.minimum(low + 1, np.maximum(count - 1, 0))
        first, then = (np.take_along_axis(ordered, k[None, :], axis=0)[0] for k in (low, high))
        with np.errstate(invalid="ignore"):  # of a day without members
            edge = first + (place - low) * (then - first)
            below += values >= edge
    return np.where(np.isnan(values) | (count == 0), -1, below)


def _busy(plan: Plan, code: int, begins: IntArray) -> BoolArray:
    """Coins that had an event of a phase so far and lately, shape (coins, groups).

    Only what was known when a group begins counts: coins that a phase will strike next have moved
    until then, and those that it will not have moved the other way.
    """
    reach = plan.rules.hold_hours + plan.window_hours
    bars_back = math.ceil(reach * HOUR_NS / plan.bar_ns)
    busy = np.zeros((len(plan.coin_arrays), len(begins)), bool)
    for coin, (bars, codes) in enumerate(zip(plan.bars, plan.codes, strict=True)):
        own = np.append(-bars_back - 1, bars[codes == code])
        last = own[np.searchsorted(own, begins, side="right") - 1]
        busy[coin] = begins - last <= bars_back
    return busy
