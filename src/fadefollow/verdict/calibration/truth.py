"""What each trade on a lab market was really worth: its expected net return, known exactly.

After funding the lab's perp is a martingale plus drifts that are known: the market's own, and those
that a plant adds over its horizon. Whatever a strategy knew when it entered or left, the sum of
its trades' net returns less the sum of these expected ones is a martingale too (optional stopping):
their mean is the truth that an interval should cover.

With G the growth that the drifts promise from entry to exit, s the side, slippage c and fee f:

    q = G·(1 − s·c) / (1 + s·c),    expected net return = s·(q − 1) − f·(1 + q)

A hedge of β in a basket whose drifts promise the growth H earns −s·β·(H − 1) less its costs.

What this leaves out is below a tenth of a basis point: slippage and fees are paid on the price,
G is of price and funding together. A liquidation costs the maintenance margin more; at leverage 1
and holdings of days there is none.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from fadefollow.engine.hedge.basket import Basket
from fadefollow.engine.hedge.hedged import AT_OPEN
from fadefollow.engine.model import BookName, FloatArray
from fadefollow.engine.plans.strategy_plan import Plan
from fadefollow.verdict.truth import planted_growth


@dataclass(frozen=True)
class Growth:
    """What the drifts promise up to each bar's open, as logs, shape (n + 1,); the last at the end.

    Attributes:
        coins: in the order of the plan's coin_arrays.
        basket: of the basket that hedges the plan; zero where none does.
    """

    coins: tuple[FloatArray, ...]
    basket: FloatArray

    @classmethod
    def of(cls, plan: Plan, planted: pd.DataFrame, *, annual_drift: float) -> Growth:
        """The growth of a plan's coins and of its basket.

        Args:
            plan: on perps of the lab.
            planted: its truth table.
            annual_drift: of the lab's settings.
        """
        coins = tuple(
            planted_growth(plan, planted[planted["symbol"] == symbol], annual_drift=annual_drift)
            for symbol in plan.symbols
        )
        if plan.basket is None:
            return cls(coins, np.zeros(len(plan.time) + 1))
        return cls(coins, _basket(plan, plan.basket, coins))

    @property
    def even(self) -> Growth:
        """The same growth in all, spread evenly over time: what any time is worth."""
        coins = tuple(np.linspace(0.0, g[-1], len(g)) for g in self.coins)
        return replace(self, coins=coins, basket=np.linspace(0.0, self.basket[-1], len(coins[0])))


def _basket(plan: Plan, basket: Basket, coins: tuple[FloatArray, ...]) -> FloatArray:
    """Of a basket that is formed anew at each UTC day's first bar from its members of the day."""
    first = np.flatnonzero(np.diff(basket.day, prepend=-1))
    begins = np.append(first, len(basket.day))
    start = first[basket.day]
    total, count = np.zeros(len(start)), np.zeros(len(start))
    ends, members = np.zeros(len(first)), np.zeros(len(first))
    for symbol, growth in zip(plan.symbols, coins, strict=True):
        held = basket.member_days(symbol)
        inside = held[basket.day]
        total[inside] += np.expm1(growth[:-1] - growth[start])[inside]
        count[inside] += 1.0
        ends[held] += np.expm1(growth[begins[1:]] - growth[begins[:-1]])[held]
        members[held] += 1.0
    days = np.log1p(ends / np.maximum(members, 1.0))
    before = np.concatenate([[0.0], np.cumsum(days)])
    opens = before[basket.day] + np.log1p(total / np.maximum(count, 1.0))
    return np.append(opens, before[-1])


def expected(plan: Plan, trades: pd.DataFrame, growth: Growth, book: BookName) -> FloatArray:
    """The expected net return of each trade in a book, a fraction, shape (k,).

    Args:
        plan: what was traded.
        trades: as from `regular_trades`, for the hedged book those that are hedged.
        growth: that drifts promise.
        book: `outright` or `hedged`.
    """
    coin, side, entry, last = (
        trades[name].to_numpy(np.int64) for name in ("coin", "side", "entry_bar", "exit_bar")
    )
    gained = np.array(
        [
            growth.coins[c][b] - growth.coins[c][a]
            for c, a, b in zip(coin, entry, last, strict=True)
        ],
        np.float64,
    )
    fee = np.array([plan.costs[c].fee for c in coin])
    slip = side * np.array([plan.costs[c].slippage for c in coin])
    ratio = np.exp(gained) * (1.0 - slip) / (1.0 + slip)
    outright = np.asarray(side * (ratio - 1.0) - fee * (1.0 + ratio))
    if book == "outright":
        return outright
    # a trade that ends inside a bar closes its hedge at that bar's close
    closed = last + ~trades["reason"].isin(AT_OPEN).to_numpy()
    beta = trades["beta"].to_numpy(np.float64)
    hedge = -side * beta * np.expm1(growth.basket[closed] - growth.basket[entry])
    return np.asarray(outright + hedge + trades["hedge_cost"] / trades["notional"])
