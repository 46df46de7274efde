"""Prints of the last price that no other series of the coin shares, such as a flash wick."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from fadefollow.market.panel import Market

FloatArray = npt.NDArray[np.float64]

#: a price further than this from all other series is a print of its own
SHARED_WITHIN = 0.03


def shared_range(
    others: Sequence[FloatArray], own_close: FloatArray | None = None
) -> tuple[FloatArray, FloatArray]:
    """The lowest and the highest price at each bar that the other series support.

    Each bar looks at itself and the bar before, never ahead.

    Args:
        others: prices of the other series by bar, shape (n,) each, NaN where not known.
        own_close: closes of the series itself, shape (n,), which count too where another series is
            known: for what may trade apart from the others for long, such as a dated future.

    Returns:
        Two arrays of shape (n,), `SHARED_WITHIN` below the lowest and above the highest; −inf and
        inf where no other series is known.
    """
    prices = _with_the_bar_before(others)
    known = ~np.isnan(prices).all(axis=0)
    if own_close is not None:
        prices = np.vstack([prices, _with_the_bar_before([own_close])])
    low = np.where(known, np.fmin.reduce(prices) * (1 - SHARED_WITHIN), -np.inf)
    high = np.where(known, np.fmax.reduce(prices) * (1 + SHARED_WITHIN), np.inf)
    return low, high


def supported(
    market: Market, traded: str, *, marks: Sequence[str] = ("close",)
) -> tuple[FloatArray, FloatArray]:
    """The lowest and the highest price of perp or spot that the coin's other series support.

    Args:
        market: the coin.
        traded: `"perp"`, held to mark and spot, or `"spot"`, held to mark, perp and its own closes.
        marks: columns of the mark that count.

    Returns:
        See `shared_range`, shape (n,) on the market's bars.
    """
    other = "spot" if traded == "perp" else "perp"
    names = [*(("mark", column) for column in marks), (other, "high"), (other, "low")]
    others = [market.column(*name) for name in names]
    return shared_range(others, None if traded == "perp" else market.column(traded, "close"))


def _with_the_bar_before(series: Sequence[FloatArray]) -> FloatArray:
    """The series, and each of them one bar later."""
    rows = np.vstack(series)
    late = np.full_like(rows, np.nan)
    late[:, 1:] = rows[:, :-1]
    return np.vstack([rows, late])
