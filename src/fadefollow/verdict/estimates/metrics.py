"""What a row earned and lost, and where: P&L split, costs, Sharpe ratio, drawdown."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from fadefollow.engine.model import BookName, FloatArray
from fadefollow.verdict.estimates.parts import TradeParts
from fadefollow.verdict.model import PnlSplit

DAYS_A_YEAR = 365


def parts_split(parts: TradeParts, weight: FloatArray) -> PnlSplit:
    """Means over trades of the parts of their returns, bps; they sum to the mean net return.

    Args:
        parts: of k trades.
        weight: by what each counts, shape (k,).
    """
    names = ("price", "funding", "fees", "slippage", "liquidation", "hedge")
    if not len(weight):
        return PnlSplit(*(math.nan,) * len(names))
    return PnlSplit(*(1e4 * float(np.average(getattr(parts, n), weights=weight)) for n in names))


def pnl_split(trades: pd.DataFrame, book: BookName = "outright") -> PnlSplit:
    """Where the money of `trades` (columns as in `Book`) went; the parts sum to the net P&L.

    Price is that before slippage. Liquidated trades lose their margin whatever took it, so their
    whole P&L is `liquidation`, and no other part counts them.
    """
    liquidated = trades["reason"] == "liquidation"
    alive = trades[~liquidated]
    net, funding, fees, slippage = (
        float(alive[c].sum()) for c in ("pnl", "funding", "fees", "slippage")
    )
    return PnlSplit(
        price=net - funding + fees + slippage,
        funding=funding,
        fees=-fees,
        slippage=-slippage,
        liquidation=float(trades.loc[liquidated, "pnl"].sum()),
        hedge=float((trades["hedge_gross"] + trades["hedge_cost"]).sum())
        if book == "hedged"
        else 0.0,
    )


def breakeven_cost(parts: TradeParts, weight: FloatArray) -> float:
    """The round-trip cost, a fraction of entry notional, at which the mean return would be zero.

    The mean net return plus the mean of the fees and slippage that the trades paid; below zero, no
    cost is low enough. What a hedge costs is part of what it earns. NaN without trades.

    Args:
        parts: of k trades.
        weight: by what each counts, shape (k,).
    """
    if not len(weight):
        return math.nan
    return float(np.average(parts.net + parts.paid, weights=weight))


def sharpe(daily: FloatArray) -> float:
    """Annualised Sharpe ratio of daily returns, shape (days,); NaN if they do not vary."""
    spread = float(np.std(daily, ddof=1)) if len(daily) > 1 else 0.0
    return float(np.mean(daily)) / spread * math.sqrt(DAYS_A_YEAR) if spread > 0.0 else math.nan


def max_drawdown(daily: FloatArray) -> float:
    """The deepest fall of cumulative P&L below its peak, a fraction of the first capital, ≤ 0.

    Args:
        daily: P&L / the capital that the account began with by day, shape (days,), which add up;
            also where positions grow with gains.
    """
    path = np.concatenate([[0.0], np.cumsum(daily)])
    return float((path - np.maximum.accumulate(path)).min())
