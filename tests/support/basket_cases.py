"""Small markets for the basket: coins with prices by hand, and random ones that come and go."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from fadefollow.engine.hedge.basket import Constituent
from fadefollow.engine.model import BarArrays, Costs

HOUR = 3_600_000_000_000
DAY = 24 * HOUR
COSTS = Costs(fee=0.0005, slippage=0.0002, maintenance=0.005)


def basket_arrays(
    name: str, prices: Any, *, hours: int = 8, settle: Any = (), rates: Any = ()
) -> BarArrays:
    """A coin whose bars open at `prices[:-1]` and close at `prices[1:]`; NaN bars are missing."""
    prices = np.asarray(prices, float)
    open_, close = prices[:-1].copy(), prices[1:].copy()
    missing = np.isnan(open_) | np.isnan(close)
    open_[missing] = close[missing] = np.nan
    time = np.arange(len(open_), dtype=np.int64) * hours * HOUR
    mark = np.array([prices[int(t // (hours * HOUR))] for t in settle])
    return BarArrays(
        symbol=name,
        bar_ns=hours * HOUR,
        time=time,
        open=open_,
        high=np.fmax(open_, close),
        low=np.fmin(open_, close),
        close=close,
        liq_open=open_,
        liq_high=open_,
        liq_low=open_,
        settle_time=np.array(settle, np.int64),
        settle_rate=np.array(rates, float),
        settle_mark=mark,
    )


def random_market(rng: np.random.Generator, *, coins: int, days: int) -> dict[str, Constituent]:
    """Coins that list, stop, miss bars, pay funding, and are in the universe now and then."""
    bars = 3 * days
    made = {}
    for k in range(coins):
        steps = rng.normal(0, 0.03, bars + 1)
        prices = 100 * np.exp(np.cumsum(steps))
        first, last = sorted(rng.integers(0, bars, 2)) if k else (0, bars)
        prices[:first] = np.nan
        prices[last + 1 :] = np.nan
        prices[rng.random(bars + 1) < 0.04] = np.nan
        one = basket_arrays(f"C{k}", prices)
        known = np.flatnonzero(~np.isnan(one.open))
        chosen = known[known % 2 == 0]
        one = replace(
            one,
            settle_time=one.time[chosen] + rng.integers(0, 2) * HOUR,
            settle_rate=rng.normal(0, 0.001, len(chosen)),
            settle_mark=one.open[chosen],
        )
        inside = None if rng.random() < 0.5 else np.repeat(rng.random(days) < 0.8, 3)
        listed = int(rng.choice([-40, -10, 5])) * DAY
        costs = replace(COSTS, fee=float(rng.choice([0.0002, 0.0005])), slippage=1e-4 * (k % 3))
        made[f"C{k}"] = Constituent(one, costs, listed, inside)
    return made
