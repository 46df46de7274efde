"""The market basket and the hedges a second time, from the rules in words.

The basket is a diary of one investor, day by day; a hedge is what another one does beside a trade.

Written without the basket's code: the investor sells everything at the first bar of each UTC day
at which some coin trades, puts equal money into that day's members, and writes down what it is
all worth at each open and close.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fadefollow.engine.hedge.basket import Constituent
from fadefollow.engine.model import BarArrays, IntArray

DAY = 86_400_000_000_000


@dataclass
class Diary:
    """What the investor wrote down, by bar; None before the first formation."""

    open_worth: list[float | None] = field(default_factory=list)
    close_worth: list[float | None] = field(default_factory=list)
    members: list[list[str]] = field(default_factory=list)


@dataclass
class Holding:
    """So many coins of one kind, and what they have paid in funding."""

    name: str
    coins: float
    owed: float = 0.0


def keep_diary(coins: dict[str, Constituent], *, min_days: int) -> Diary:
    """The diary of an investor who begins with 1."""
    time = next(iter(coins.values())).arrays.time
    diary, holdings, money, today = Diary(), list[Holding](), 1.0, -1
    mark: dict[str, float] = {}
    due = {name: _settlements(one.arrays, time) for name, one in coins.items()}
    for i, now in enumerate(time):
        for holding in holdings:
            holding.owed += holding.coins * due[holding.name].get(i, 0.0)
        for name, one in coins.items():
            if not np.isnan(one.arrays.open[i]):
                mark[name] = one.arrays.open[i]
        worth = sum(h.coins * mark[h.name] - h.owed for h in holdings) if holdings else None
        if now // DAY != today:
            today = now // DAY
            chosen = [
                name
                for name, one in coins.items()
                if not np.isnan(one.arrays.open[i])
                and now - one.listed >= min_days * DAY
                and (one.inside is None or one.inside[i])
            ]
            if chosen:
                money = money if worth is None else worth
                worth = money
                holdings = [Holding(n, money / len(chosen) / mark[n]) for n in chosen]
        diary.open_worth.append(worth)
        for name, one in coins.items():
            if not np.isnan(one.arrays.close[i]):
                mark[name] = one.arrays.close[i]
        diary.close_worth.append(
            sum(h.coins * mark[h.name] - h.owed for h in holdings) if holdings else None
        )
        diary.members.append([h.name for h in holdings])
    return diary


def _settlements(arrays: BarArrays, time: IntArray) -> dict[int, float]:
    """By the first bar that opens at or after them, what settlements take from one coin."""
    due: dict[int, float] = {}
    for when, rate, price in zip(
        arrays.settle_time, arrays.settle_rate, arrays.settle_mark, strict=True
    ):
        bar = int(np.searchsorted(time, when, side="left"))
        due[bar] = due.get(bar, 0.0) + rate * price
    return due


def beta_at(
    coins: dict[str, Constituent], diary: Diary, name: str, bar: int, *, window: int, fewest: int
) -> float:
    """Beta for an entry at a bar's open: from closes of the UTC days before, half way to 1."""
    time = next(iter(coins.values())).arrays.time
    day = time // DAY
    coin, market = {}, {}
    for i in range(len(time)):
        if day[i] >= day[bar]:
            break
        close = coins[name].arrays.close[i]
        if not np.isnan(close):
            coin[day[i]] = close
        worth = diary.close_worth[i]
        if worth is not None:
            market[day[i]] = worth
    pairs = [
        (coin[d] / coin[d - 1] - 1.0, market[d] / market[d - 1] - 1.0)
        for d in range(day[bar] - window, day[bar])
        if d in coin and d - 1 in coin and d in market and d - 1 in market
    ]
    slope = 1.0
    if len(pairs) >= fewest:
        x, y = np.array(pairs).T
        slope = float(np.cov(x, y)[0, 1] / np.var(y, ddof=1))
    return min(max(0.5 * slope + 0.5, 0.0), 3.0)


@dataclass
class Hedge:
    """What somebody earned who held the basket against one trade, in the quote currency."""

    beta: float
    gross: float  #: price and funding of the basket
    cost: float  #: fees and slippage of both ends, ≤ 0


#: a trade that ends by one of these is over at its last bar's open, and its hedge with it
LEAVES_AT_OPEN = ("time", "opposite")


def hedge_of(
    trade: Mapping[str, Any], coins: dict[str, Constituent], diary: Diary, *, beta: float
) -> Hedge | None:
    """The hedge of one trade (as the oracle of trades gives it); None where there is no basket.

    He sells `beta` times the trade's notional of the basket at the open at which the trade begins
    (buys, if the trade is short). He is out again at the open at which the trade ends, or at its
    last bar's close if it ends inside that bar. Both times he pays the members' mean fee and
    slippage on what he opened.
    """
    first, last = trade["entry_bar"], trade["exit_bar"]
    at_open = trade["reason"] in LEAVES_AT_OPEN
    sold = diary.open_worth[first]
    bought = (diary.open_worth if at_open else diary.close_worth)[last]
    if sold is None or bought is None:
        return None
    money = beta * trade["notional"]
    gross = -trade["side"] * money * (bought - sold) / sold
    rates = [_mean_rate(coins, diary.members[bar]) for bar in (first, last)]
    return Hedge(beta, gross, -money * sum(rates))


def _mean_rate(coins: dict[str, Constituent], members: list[str]) -> float:
    return sum(coins[m].costs.fee + coins[m].costs.slippage for m in members) / len(members)


def enough_members(diary: Diary, signal_bars: Sequence[int], *, fewest: int) -> bool:
    """Whether the basket may hedge a book: the median number of members over its entries."""
    counts = sorted(len(diary.members[min(b + 1, len(diary.members) - 1)]) for b in signal_bars)
    middle = counts[(len(counts) - 1) // 2], counts[len(counts) // 2]
    return sum(middle) / 2 >= fewest
