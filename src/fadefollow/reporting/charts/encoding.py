"""Numbers made small for the page: whole multiples of a unit, as differences, zipped.

`scripts/market_data.js` reads what is written here.
"""

from __future__ import annotations

import base64
import gzip
import json
import math
from typing import Any

import numpy as np

from fadefollow.reporting.charts.downsample import FloatArray, IntArray

#: so many units lie between the 1 % and the 99 % quantile of a curve at least
FINENESS = 500
#: prices are whole multiples of this in their logarithm: one basis point
PRICE_UNIT = 1e-4

Whole = list[int | None]


def unit_of(values: FloatArray) -> float:
    """The largest of 1, 2 and 5 times a power of ten that shows a curve finely enough.

    Args:
        values: of any shape, at least one of them finite.
    """
    known = values[np.isfinite(values)]
    low, high = np.quantile(known, [0.01, 0.99])
    spread = float(high - low) or float(np.abs(known).max()) or 1.0
    most = spread / FINENESS
    power = 10.0 ** math.floor(math.log10(most))
    return power * max(times for times in (1, 2, 5) if times * power <= most * (1 + 1e-9))


def decimals_of(unit: float) -> int:
    """How many decimals show a multiple of a unit."""
    return max(0, -math.floor(math.log10(unit) + 1e-9))


def differences(values: FloatArray, unit: float = 1.0) -> Whole:
    """Each value in units, less the last one before it that was known; None for NaN.

    Errors of rounding do not add up: the values are rounded, not the differences.
    """
    whole = np.round(np.asarray(values, np.float64) / unit)
    known = np.flatnonzero(np.isfinite(whole))
    return _placed(np.diff(whole[known], prepend=0.0), known, whole.size, None)


def candle_steps(
    opened: FloatArray, high: FloatArray, low: FloatArray, close: FloatArray
) -> dict[str, Whole]:
    """Prices in basis points of their logarithm, each relative to what it is nearest to.

    The open and the close to the close before, the high and the low to the higher and the lower of
    open and close. Where one of the four is missing, the close is None and the others 0.
    """
    all_four = np.stack([opened, high, low, close])
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.round(np.log(all_four) / PRICE_UNIT)
    known = np.isfinite(logs).all(axis=0)
    first, top, bottom, last = logs[:, known]
    before = np.r_[0.0, last[:-1]]
    parts = {
        "open": first - before,
        "high": top - np.maximum(first, last),
        "low": np.minimum(first, last) - bottom,
        "close": last - before,
    }
    places = np.flatnonzero(known)
    return {
        name: _placed(part, places, known.size, None if name == "close" else 0)
        for name, part in parts.items()
    }


def _placed(steps: FloatArray, places: IntArray, size: int, hole: int | None) -> Whole:
    """Steps at their places, `hole` at all others."""
    whole: Whole = steps.astype(np.int64).tolist()
    if len(whole) == size:
        return whole
    out: Whole = [hole] * size
    for place, step in zip(places.tolist(), whole, strict=True):
        out[place] = step
    return out


def zipped(data: Any) -> str:
    """JSON, zipped, as base64; the same bytes for the same data.

    Raises:
        ValueError: there is a NaN in it.
    """
    return zipped_text(json.dumps(data, allow_nan=False, separators=(",", ":")), level=6)


def zipped_text(text: str, *, level: int = 9) -> str:
    """A text, zipped, as base64; the same bytes for the same text."""
    return base64.b64encode(gzip.compress(text.encode("utf-8"), level, mtime=0)).decode("ascii")
