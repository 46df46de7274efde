"""The hedged book: the trades of an outright book, each with an opposite leg in the basket.

The trades are the same; their exits are those of the outright leg. A hedge opens at its trade's
open and closes at its exit's open, or at its last bar's close where the trade ends inside the bar.
A liquidated trade closes its hedge as well.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from fadefollow.core.cache.compiled import kernel
from fadefollow.engine.hedge.basket import Basket
from fadefollow.engine.model import BarArrays, Book, FloatArray, IntArray

#: exits at an open; all others end inside a bar
AT_OPEN = ("time", "opposite", "roll", "expiry")
#: columns that `with_hedge` adds: beta, cash of the hedge's price and funding, and of its costs
HEDGE_COLUMNS = ("beta", "hedge_gross", "hedge_cost")


def with_hedge(book: Book, arrays: BarArrays, basket: Basket | None) -> Book:
    """The same book, its trades with HEDGE_COLUMNS, cash in the quote currency.

    NaN where a trade is not hedged: there is no basket, the coin is the basket, or the basket was
    not formed yet.
    """
    trades = book.trades
    if basket is None or arrays.symbol not in basket.betas:
        return replace(book, trades=trades.assign(**dict.fromkeys(HEDGE_COLUMNS, np.nan)))
    entry, last = trades["entry_bar"].to_numpy(), trades["exit_bar"].to_numpy()
    beta = basket.beta(arrays.symbol, entry)
    inside = ~trades["reason"].isin(AT_OPEN).to_numpy()
    legs = basket.hedge(beta, trades["side"].to_numpy(), entry, last, inside)
    notional = trades["notional"].to_numpy()
    columns = {"hedge_gross": legs.gross * notional, "hedge_cost": legs.cost * notional}
    known = ~np.isnan(legs.gross + legs.cost)
    return replace(
        book,
        trades=trades.assign(
            beta=np.where(known, beta, np.nan),
            **{name: np.where(known, cash, np.nan) for name, cash in columns.items()},
        ),
    )


def hedged_pnl(trades: pd.DataFrame) -> FloatArray:
    """Net P&L of hedged trades, shape (k,); NaN where a trade is not hedged."""
    total = trades["pnl"] + trades["hedge_gross"] + trades["hedge_cost"]
    return total.to_numpy(np.float64)


def hedge_cash(trades: pd.DataFrame, basket: Basket) -> FloatArray:
    """The cash of the hedges by bar, shape (n,), as if marked to market at each bar's close.

    Half of the costs falls due at each end. Trades that are not hedged add nothing.
    """
    hedged = trades[trades["beta"].notna()]
    whole = hedged[["side", "entry_bar", "exit_bar"]].to_numpy(np.int64)
    names = ["beta", "notional", "hedge_gross", "hedge_cost"]
    money = hedged[names].to_numpy(np.float64)
    return _cash(whole, money, basket.open_level, basket.close_level)  # type: ignore[no-any-return]


@kernel
def _cash(
    whole: IntArray, money: FloatArray, open_level: FloatArray, close_level: FloatArray
) -> FloatArray:
    cash = np.zeros(len(open_level))
    for k in range(len(whole)):
        side, entry, last = whole[k]
        beta, notional, gross, cost = money[k]
        booked = 0.0
        for i in range(entry, last):
            worth = -side * beta * notional * (close_level[i] / open_level[entry] - 1.0)
            cash[i] += worth - booked
            booked = worth
        cash[last] += gross - booked
        cash[entry] += cost / 2.0
        cash[last] += cost / 2.0
    return cash
