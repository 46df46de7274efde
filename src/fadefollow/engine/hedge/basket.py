"""The market basket that hedges a trade, and each coin's beta to it.

A hedged trade holds, beside its own position, an opposite one in the basket, of beta times its
notional, opened and closed at the same opens. What is left is what the coin did beyond the market.

The basket holds its members in equal weights. It is formed anew at the first bar of each UTC day
from what was known then: coins that were listed for 30 days, trade in that bar, and are in the
universe. Between two formations the weights drift. A member that misses bars keeps its last close
as its mark; where no coin trades at a day's first bar the day before goes on. The level is net of
funding: a holder pays the members' settlements as they fall due.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from fadefollow.engine.model import DAY_NS, BarArrays, Costs, FloatArray, IntArray

BoolArray = npt.NDArray[np.bool_]

#: days that a coin must have been listed before it is a member
MEMBER_DAYS = 30
#: trailing days of returns in a beta, and the fewest that give one
BETA_DAYS, MIN_BETA_DAYS = 60, 20
#: a market basket needs so many members, the median over the entries of a book
MIN_MEMBERS = 20
MAX_BETA = 3.0


class Constituent(NamedTuple):
    """A coin that may be a member."""

    arrays: BarArrays  #: on the basket's calendar
    costs: Costs
    listed: int  #: first time at which it traded, nanoseconds since 1970 UTC
    inside: BoolArray | None = None  #: bars in which it is in the universe; None: always


class HedgeReturns(NamedTuple):
    """What hedge legs earned, as fractions of the notional of the trades that they hedge."""

    gross: FloatArray  #: price and funding of the basket, shape (k,)
    cost: FloatArray  #: fees and slippage of both ends, ≤ 0, shape (k,)


@dataclass(frozen=True)
class Basket:
    """Levels of a basket on a calendar of bars.

    Attributes:
        kind: the market's coins in equal weights, or BTC alone.
        time: open times, nanoseconds since 1970 UTC, shape (n,).
        open_level, close_level: at each bar's open and close, net of funding, shape (n,); NaN
            before the first formation.
        members: coins held in each bar, shape (n,).
        cost: fee and slippage of one end, mean over the members, shape (n,).
        day: UTC day of each bar, counted from the calendar's first, shape (n,).
        betas: by coin, for entries on each day, shape (days,).
        held: by coin, the days on which it is a member, shape (days,).
    """

    kind: Literal["market", "BTC"]
    time: IntArray
    open_level: FloatArray
    close_level: FloatArray
    members: IntArray
    cost: FloatArray
    day: IntArray
    betas: Mapping[str, FloatArray] = field(default_factory=dict)
    held: Mapping[str, BoolArray] = field(default_factory=dict)

    def member_days(self, symbol: str) -> BoolArray:
        """The days on which a coin is a member, shape (days,)."""
        none = np.zeros(int(self.day[-1]) + 1, bool)
        return self.held.get(symbol, none)

    def on(self, time: IntArray) -> Basket:
        """The same basket on another calendar of the same bars; unknown outside its own."""
        bar_ns = int(time[1] - time[0]) if len(time) > 1 else 1
        at = (time - self.time[0]) // bar_ns
        inside = (at >= 0) & (at < len(self.time))
        place = np.clip(at, 0, len(self.time) - 1)
        days = time // DAY_NS
        day = days - days[0]
        old_day = np.arange(int(day[-1]) + 1) + int(days[0] - self.time[0] // DAY_NS)
        known_day = (old_day >= 0) & (old_day <= int(self.day[-1]))
        old_day = np.clip(old_day, 0, int(self.day[-1]))

        def bars(values: FloatArray) -> FloatArray:
            return np.where(inside, values[place], np.nan)

        return replace(
            self,
            time=time,
            day=day,
            open_level=bars(self.open_level),
            close_level=bars(self.close_level),
            cost=bars(self.cost),
            members=np.where(inside, self.members[place], 0),
            betas={n: np.where(known_day, b[old_day], 1.0) for n, b in self.betas.items()},
            held={n: known_day & held[old_day] for n, held in self.held.items()},
        )

    def beta(self, symbol: str, bar: IntArray) -> FloatArray:
        """A coin's beta for entries at the opens of `bar`, shape (k,); 0 … 3."""
        return self.betas[symbol][self.day[bar]]

    def hedge(
        self, beta: FloatArray, side: IntArray, entry: IntArray, exit_: IntArray, inside: BoolArray
    ) -> HedgeReturns:
        """What the opposite legs of some trades earned.

        Args:
            beta: of each trade's coin at its entry, shape (k,).
            side: of the trades: +1 long, −1 short.
            entry, exit_: bars in which the trades began and ended.
            inside: whether a trade ended inside its last bar; its hedge then ends at its close.

        Returns:
            NaN where the basket has no level at the entry.
        """
        last = np.where(inside, self.close_level[exit_], self.open_level[exit_])
        gross = -side * beta * (last / self.open_level[entry] - 1.0)
        return HedgeReturns(gross, -beta * (self.cost[entry] + self.cost[exit_]))


def form_basket(coins: Mapping[str, Constituent], *, kind: Literal["market", "BTC"]) -> Basket:
    """The basket of some coins, with the beta of each of them.

    Args:
        coins: by name, all on one calendar, at least one; gone through one at a time.
        kind: "market" asks members to be listed for 30 days, "BTC" does not.
    """
    time = next(iter(coins.values())).arrays.time
    day = time // DAY_NS
    day = day - day[0]
    first_bars = np.flatnonzero(np.diff(day, prepend=-1))
    age = MEMBER_DAYS * DAY_NS if kind == "market" else 0
    held = np.array([_member(one, first_bars, age) for one in coins.values()])
    start = first_bars[held.any(axis=0)]
    held = held[:, held.any(axis=0)]
    if not len(start):
        none = np.full(len(time), np.nan)
        nothing = Basket(kind, time, none, none, np.zeros(len(time), np.int64), none, day)
        return with_betas(nothing, (one.arrays for one in coins.values()))
    counts = held.sum(axis=0)
    period = np.searchsorted(start, np.arange(len(time)), side="right") - 1
    sums = _Sums.empty(len(time), len(start))
    for one, mine in zip(coins.values(), held, strict=True):
        sums.add(one, mine, start, period)
    growth = sums.next_open / counts
    base = np.concatenate([[1.0], np.cumprod(growth[:-1])])
    known = period >= 0
    scale = np.where(known, (base / counts)[period], np.nan)
    days = period[first_bars]
    level = Basket(
        kind,
        time,
        sums.open_ * scale,
        sums.close * scale,
        np.where(known, counts[period], 0),
        np.where(known, (sums.cost / counts)[period], np.nan),
        day,
        held={name: mine[days] & (days >= 0) for name, mine in zip(coins, held, strict=True)},
    )
    return with_betas(level, (one.arrays for one in coins.values()))


def with_betas(basket: Basket, coin_arrays: Iterable[BarArrays]) -> Basket:
    """The same basket, knowing the betas of these coins too."""
    market = _daily(basket.close_level, basket.day)
    found = {
        arrays.symbol: _betas(_daily(arrays.close, basket.day), market) for arrays in coin_arrays
    }
    return replace(basket, betas={**basket.betas, **found})


def _member(one: Constituent, first_bars: IntArray, age: int) -> BoolArray:
    """Days at whose first bar a coin is a member, shape (days,)."""
    arrays = one.arrays
    trades = ~np.isnan(arrays.open[first_bars])
    old = arrays.time[first_bars] - one.listed >= age
    return trades & old & (True if one.inside is None else one.inside[first_bars])


@dataclass
class _Sums:
    """Sums over members of what one unit put into each at its period's start has become."""

    open_: FloatArray  #: at each bar's open, shape (n,)
    close: FloatArray  #: at each bar's close, shape (n,)
    next_open: FloatArray  #: at the open of the period that follows, shape (periods,)
    cost: FloatArray  #: fee and slippage of one end, shape (periods,)

    @classmethod
    def empty(cls, bars: int, periods: int) -> _Sums:
        return cls(np.zeros(bars), np.zeros(bars), np.zeros(periods), np.zeros(periods))

    def add(self, one: Constituent, held: BoolArray, start: IntArray, period: IntArray) -> None:
        """Add one coin's part, in place.

        Args:
            held: periods in which it is a member, shape (periods,).
            start: first bar of each period.
            period: of each bar, −1 before the first, shape (n,).
        """
        if not held.any():
            return
        close = _carried(one.arrays.close)
        open_ = np.where(
            np.isnan(one.arrays.open), np.concatenate([[np.nan], close[:-1]]), one.arrays.open
        )
        paid = funding_paid(one.arrays)
        bars = np.flatnonzero((period >= 0) & held[period])
        at = start[period[bars]]
        owed, entry = paid[bars] - paid[at], open_[at]
        self.open_[bars] += (open_[bars] - owed) / entry
        self.close[bars] += (close[bars] - owed) / entry
        ends = np.flatnonzero(held[:-1])
        first, then = start[ends], start[ends + 1]
        self.next_open[ends] += (open_[then] - (paid[then] - paid[first])) / open_[first]
        self.cost[held] += one.costs.fee + one.costs.slippage


def funding_paid(arrays: BarArrays) -> FloatArray:
    """What one coin held long has paid up to each bar's open, in the quote currency, shape (n,)."""
    paid = np.concatenate([[0.0], np.cumsum(arrays.settle_rate * arrays.settle_mark)])
    return paid[np.searchsorted(arrays.settle_time, arrays.time, side="right")]


def _carried(values: FloatArray) -> FloatArray:
    """Values with the last known one in place of each that is missing."""
    return np.asarray(pd.Series(values).ffill(), np.float64)


def _daily(close: FloatArray, day: IntArray) -> FloatArray:
    """Returns between the last known closes of UTC days, shape (days,); the first is NaN."""
    last = np.flatnonzero(np.diff(day, append=day[-1] + 1))
    known = _carried(close)[last]
    traded = np.zeros(len(last), bool)
    traded[np.unique(day[~np.isnan(close)])] = True
    known = np.where(traded, known, np.nan)
    return np.concatenate([[np.nan], known[1:] / known[:-1] - 1.0])


def _betas(coin: FloatArray, market: FloatArray) -> FloatArray:
    """Of each day's entries, from the days before, half way between their slope and 1."""
    both = pd.DataFrame({"coin": coin, "market": market}).where(
        lambda frame: frame.notna().all(axis=1)
    )
    window = both.rolling(BETA_DAYS, min_periods=MIN_BETA_DAYS)
    covariance = window["coin"].cov(both["market"])
    slope = (covariance / window["market"].var()).shift(1).to_numpy()
    slope = np.where(np.isfinite(slope), slope, 1.0)
    return np.clip(0.5 * slope + 0.5, 0.0, MAX_BETA)
