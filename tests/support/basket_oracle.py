"""The market basket a second time, from the rules in words: a diary of one investor, day by day.

Written without the basket's code: the investor sells everything at the first bar of each UTC day
at which some coin trades, puts equal money into that day's members, and writes down what it is
all worth at each open and close.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from fadefollow.engine.basket import Constituent

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
    time = next(iter(coins.values())).tape.time
    diary, holdings, money, today = Diary(), list[Holding](), 1.0, -1
    mark: dict[str, float] = {}
    for i, now in enumerate(time):
        for holding in holdings:
            tape = coins[holding.name].tape
            for when, rate, price in zip(
                tape.settle_time, tape.settle_rate, tape.settle_mark, strict=True
            ):
                if time[i - 1] < when <= now:
                    holding.owed += holding.coins * rate * price
        for name, one in coins.items():
            if not np.isnan(one.tape.open[i]):
                mark[name] = one.tape.open[i]
        worth = sum(h.coins * mark[h.name] - h.owed for h in holdings) if holdings else None
        if now // DAY != today:
            today = now // DAY
            chosen = [
                name
                for name, one in coins.items()
                if not np.isnan(one.tape.open[i])
                and now - one.listed >= min_days * DAY
                and (one.inside is None or one.inside[i])
            ]
            if chosen:
                money = money if worth is None else worth
                worth = money
                holdings = [Holding(n, money / len(chosen) / mark[n]) for n in chosen]
        diary.open_worth.append(worth)
        for name, one in coins.items():
            if not np.isnan(one.tape.close[i]):
                mark[name] = one.tape.close[i]
        diary.close_worth.append(
            sum(h.coins * mark[h.name] - h.owed for h in holdings) if holdings else None
        )
        diary.members.append([h.name for h in holdings])
    return diary


def beta_at(
    coins: dict[str, Constituent], diary: Diary, name: str, bar: int, *, window: int, fewest: int
) -> float:
    """Beta for an entry at a bar's open: from closes of the UTC days before, half way to 1."""
    time = next(iter(coins.values())).tape.time
    day = time // DAY
    coin, market = {}, {}
    for i in range(len(time)):
        if day[i] >= day[bar]:
            break
        close = coins[name].tape.close[i]
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
