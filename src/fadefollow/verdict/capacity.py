"""How much a stance carries: the order size at which its own market impact eats its net edge.

An order of Q in a market that trades V a day with daily volatility σ moves the price against
itself by the fraction

    impact = Y · σ · √(Q / V),  Y = 1,

the square-root law. It knows no time: with the volume and the volatility of a bar, σ/√24 and V/24
an hour, the same number follows from the order's participation in its bar's volume. Both ends of
a trade pay it in full, so that a mean net edge e is gone at Q = (e / mean of both ends' Y σ/√V)².
Whole impact at both ends is careful: the average fill of an order worked over time pays about
two thirds of it. The law was measured on orders of up to some tenths of a day's volume; an answer
beyond a whole day's volume is cut off there.

Sources: Almgren, Thum, Hauptmann & Li (2005), Direct estimation of equity market impact, Risk 18(7)
(exponent 0.6); Tóth et al. (2011), Anomalous price impact and the critical nature of liquidity in
financial markets, Physical Review X 1, 021006 (square root, Y of order 1); Donier & Bonart (2015),
A million metaorder analysis of market impact on the Bitcoin, Market Microstructure and Liquidity
1(2) (the same law on Bitcoin).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from fadefollow.engine.model import DAY_NS, BarArrays, Book, DatedBarArrays, FloatArray
from fadefollow.engine.plans.strategy_plan import Plan
from fadefollow.verdict.correction.maxt import BoolArray
from fadefollow.verdict.estimates.days import regular_trades
from fadefollow.verdict.exploratory import CoinCapacity

#: the law's prefactor, of order 1 in all markets where it was measured
Y = 1.0
#: volume is that of the day before, volatility that of the month before
VOLATILITY_DAYS = 30


@dataclass(frozen=True)
class Capacity:
    """Order sizes in the quote currency; NaN where the mean net edge is not above zero."""

    quote: float  #: of all coins' orders alike, from all trades together
    median_quote: float  #: median over coins, one without an edge carrying nothing
    coins: tuple[CoinCapacity, ...]  #: those with trades


@dataclass(frozen=True)
class Liquidity:
    """What one coin can take, by bar, shape (n,) each; NaN where unknown."""

    impact: FloatArray  #: Y σ / √V: the impact, a fraction, of an order of one quote unit
    volume: FloatArray  #: V, quote currency a day


def capacity_of(edge: float, impact: float, *, volume: float = math.inf) -> float:
    """The order size at which a mean edge is gone.

    Args:
        edge: mean net return, a fraction.
        impact: mean over trades of Y σ / √V at entry plus that at exit.
        volume: a day's volume, beyond which the law says nothing.

    Returns:
        (edge / impact)², quote currency, at most `volume`; NaN unless the edge is positive and
        the impact known.
    """
    if not (edge > 0.0 and impact > 0.0):
        return math.nan
    return min((edge / impact) ** 2, volume)


def liquidity(arrays: BarArrays) -> Liquidity:
    """What a coin can take at the open of each bar.

    From what was known at the bar's open: V is the quote volume (volume × close) of the 24 hours
    before, σ the daily volatility of the bar returns of the 30 days before.

    Returns:
        NaN in the first 15 days, while half of a window is missing, and where no volume is known,
        as for dated futures.
    """
    if arrays.volume is None or isinstance(arrays, DatedBarArrays):
        unknown = np.full(len(arrays.time), math.nan)
        return Liquidity(unknown, unknown)
    a_day = max(1, DAY_NS // arrays.bar_ns)
    close = pd.Series(arrays.close)
    step = np.log(close.to_numpy()[1:] / close.to_numpy()[:-1])
    returns = pd.Series(np.concatenate([[math.nan], step]))
    window, least = VOLATILITY_DAYS * a_day, VOLATILITY_DAYS * a_day // 2
    sigma = returns.rolling(window, min_periods=max(2, least)).std() * math.sqrt(a_day)
    traded = (pd.Series(arrays.volume) * close).rolling(a_day, min_periods=a_day // 2 or 1)
    volume = (traded.mean() * a_day).shift(1)
    volume = volume.where(volume > 0.0)
    impact = Y * sigma.shift(1) / np.sqrt(volume)
    return Liquidity(impact.to_numpy(np.float64), volume.to_numpy(np.float64))


def capacity(plan: Plan, books: Sequence[Book], code: int) -> Capacity:
    """What one stance of one phase carries, from the regular trades whose impact is known.

    Args:
        plan: the strategy.
        books: of the stance, one a coin.
        code: of the phase.
    """
    trades = regular_trades(books, code)
    coin, entry, last = (trades[c].to_numpy(np.int64) for c in ("coin", "entry_bar", "exit_bar"))
    value = trades["return"].to_numpy(np.float64)
    impact, volume = np.full(len(trades), math.nan), np.full(len(trades), math.nan)
    for number in np.unique(coin).tolist():
        found = plan.coin_arrays.derived("liquidity", number, liquidity)
        mine = coin == number
        impact[mine] = found.impact[entry[mine]] + found.impact[last[mine]]
        volume[mine] = found.volume[entry[mine]]
    known = ~(np.isnan(impact) | np.isnan(value))

    def carried(which: BoolArray) -> float:
        if not which.any():
            return math.nan
        edge, cost = float(value[which].mean()), float(impact[which].mean())
        return capacity_of(edge, cost, volume=float(np.median(volume[which])))

    coins = tuple(
        CoinCapacity(plan.symbols[number], carried(known & (coin == number)))
        for number in np.unique(coin).tolist()
    )
    quote = carried(known)
    middle = float(np.median([0.0 if math.isnan(c.quote) else c.quote for c in coins] or [0.0]))
    return Capacity(quote, middle if quote > 0.0 and middle > 0.0 else math.nan, coins)
