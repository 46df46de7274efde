"""Takers: whether those who took the offer bought or sold, on the perp and on spot.

A move has been led by the market whose takers pushed that way harder: they pay for being first,
while those who follow are filled by orders that wait. Read from the taker buy volume of both bars,
which not every source has.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from fadefollow.market import Market
from fadefollow.phases.features import FloatArray, IntArray, memoised

#: without these nobody can say who led
NEEDS = ("perp.taker_buy_volume", "spot.taker_buy_volume")
SPOT, PERP, NEITHER, UNKNOWN = "spot", "perp", "neither", "unknown"


@memoised
def taker_imbalance(market: Market, name: str, window: int) -> FloatArray:
    """What takers bought minus what they sold over the volume of the last bars, shape (n,).

    Args:
        market: one coin.
        name: `perp` or `spot`.
        window: number of bars, the present one included.

    Returns:
        −1 (all sold) to 1 (all bought); NaN until the window is full, where less than half of it
        is known, and where nothing was traded.
    """
    bought = market.column(name, "taker_buy_volume")
    volume = market.column(name, "volume")
    both = pd.DataFrame({"net": 2 * bought - volume, "volume": volume})
    both[both["net"].isna()] = np.nan  # a bar counts with both or not at all
    sums = both.rolling(window, min_periods=(window + 1) // 2).sum()
    out = (sums["net"] / sums["volume"].where(sums["volume"] > 0)).to_numpy(copy=True)
    out[: window - 1] = np.nan
    return out


def leaders(spot: FloatArray, perp: FloatArray, side: IntArray | int) -> Any:
    """Who led moves: the market whose takers pushed their way harder, text, shape (k,).

    Args:
        spot, perp: their imbalances, shape (k,).
        side: +1 where price rose, −1 where it fell, 0 where it did neither.

    Returns:
        `spot`, `perp`, `neither` where the takers of neither pushed that way, `unknown` where an
        imbalance is.
    """
    on_spot, on_perp = side * spot, side * perp
    pushed = np.maximum(on_spot, on_perp) > 0
    led = np.where(on_spot > on_perp, SPOT, PERP)
    known = np.isfinite(on_spot + on_perp)
    return np.where(known, np.where(pushed, led, NEITHER), UNKNOWN)


def taker_context(
    market: Market, bars: IntArray, side: IntArray | int, window: int
) -> dict[str, Any]:
    """Context columns of events: who led the moves that end at some bars.

    Args:
        market: one coin.
        bars: numbers of the bars, shape (k,).
        side: of the moves, as in `leaders`.
        window: bars that a move took.

    Returns:
        `led_by`, `spot_taker_imbalance` and `perp_taker_imbalance`, shape (k,); nothing where the
        market does not know the taker buy volume of both.
    """
    if market.missing(*NEEDS):
        return {}
    spot, perp = (taker_imbalance(market, name, window)[bars] for name in ("spot", "perp"))
    return {
        "led_by": leaders(spot, perp, side),
        "spot_taker_imbalance": spot,
        "perp_taker_imbalance": perp,
    }
