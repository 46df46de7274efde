"""Trials in the hedged book: each trade with its opposite leg in the market basket.

The same figures as `engine.hedge.hedged` and the verdict have, on the resolver's bare arrays.
A trade that cannot be hedged is none of the hedged book.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from fadefollow.engine.exits import EXIT_REASONS
from fadefollow.engine.hedge.basket import Basket
from fadefollow.engine.hedge.hedged import AT_OPEN, hedge_cash
from fadefollow.engine.kernels.book import FLOATS, INTS
from fadefollow.engine.model import BarArrays, FloatArray, IntArray

_AT_OPEN = [EXIT_REASONS.index(name) for name in AT_OPEN]
_SIDE, _ENTRY, _EXIT, _REASON = (
    INTS.index(name) for name in ("side", "entry_bar", "exit_bar", "reason")
)
_NOTIONAL = FLOATS.index("notional")


@dataclass(frozen=True)
class HedgeLegs:
    """The hedges of one coin's trades; NaN where a trade has none, shape (k,) each."""

    trades: IntArray  #: the trades' records, columns INTS, shape (k, ints)
    notional: FloatArray  #: of the trades, quote currency
    beta: FloatArray
    gross: FloatArray  #: price and funding of the basket, fraction of the notional
    cost: FloatArray  #: fees and slippage of both ends, ≤ 0, likewise

    @classmethod
    def of(cls, ints: IntArray, floats: FloatArray, arrays: BarArrays, basket: Basket) -> HedgeLegs:
        """The hedges of a perp's trades.

        Args:
            ints, floats: the trades as `bare_trades` returns them.
            arrays: of the coin.
            basket: on the arrays' calendar.
        """
        notional = floats[:, _NOTIONAL]
        if arrays.symbol not in basket.betas:
            none = np.full(len(ints), np.nan)
            return cls(ints, notional, none, none, none)
        entry = ints[:, _ENTRY]
        beta = basket.beta(arrays.symbol, entry)
        inside = ~np.isin(ints[:, _REASON], _AT_OPEN)
        legs = basket.hedge(beta, ints[:, _SIDE], entry, ints[:, _EXIT], inside)
        known = ~np.isnan(legs.gross + legs.cost)
        beta, gross, cost = (np.where(known, x, np.nan) for x in (beta, legs.gross, legs.cost))
        return cls(ints, notional, beta, gross, cost)

    @property
    def value(self) -> FloatArray:
        """What each hedge adds to its trade's net return, shape (k,)."""
        return self.gross + self.cost

    @property
    def hedged(self) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Which trades have a hedge, shape (k,)."""
        return ~np.isnan(self.beta)

    def daily(self, basket: Basket, day: IntArray, days: int) -> FloatArray:
        """The hedges' P&L by day, marked to market, quote currency, shape (days,).

        Args:
            basket: on the arrays' calendar.
            day: of each bar, from the first, shape (n,).
            days: in all.
        """
        table = pd.DataFrame(
            {
                "side": self.trades[:, _SIDE],
                "entry_bar": self.trades[:, _ENTRY],
                "exit_bar": self.trades[:, _EXIT],
                "beta": self.beta,
                "notional": self.notional,
                "hedge_gross": self.gross * self.notional,
                "hedge_cost": self.cost * self.notional,
            }
        )
        cash = np.bincount(day, weights=hedge_cash(table, basket), minlength=days)
        return cash.astype(np.float64)
