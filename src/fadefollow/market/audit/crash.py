"""Crashes told from changes of unit: whether the market went to a new level by itself.

A price that is redenominated, or a feed that changes its unit, shifts all its values from one
record to the next and trades on as it did. A market that crashes (or soars) trades through all
prices between, on a volume as it never had, and its bars stay wide; the coin's other prices go
with it. So a shift is the market's own if no other price of the coin contradicts it, and one of
them shows all of that.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from fadefollow.market.stamps import nanoseconds

FloatArray = npt.NDArray[np.float64]

_WEEK_NS = 7 * 86_400_000_000_000
#: bars from the shift on whose volume, and bars behind it whose width, are held against the week
#: before, of which so many bars must be there
_SHIFTED, _BEHIND, _FEWEST = 3, 6, 6
#: the volume of a crash, in coins and in money, is at least so many times that of the week before:
#: a redenomination multiplies one of the two, and a price in another unit neither of them alike
EXPLODES = 10.0
#: bars behind a crash are at least so many times as wide as those of the week before
WIDENS = 3.0
#: no market moves by more than this factor within a bar: LUNA lost 99.9 % over days
LARGEST = 50.0
#: a price goes with another if it moved by at least this share of it, on the log scale
_ALIKE = 0.5


def crashed(table: pd.DataFrame, time: int, beside: Mapping[str, pd.DataFrame]) -> bool:
    """Whether a shift of a price is the market's own and not one of its unit.

    Args:
        table: bars of the price, ascending.
        time: of the first record on the new level, ns since 1970.
        beside: bars of the coin's other prices.
    """
    move = _move(table, time)
    if not abs(move) <= np.log(LARGEST):  # nor NaN
        return False
    others = {name: _move(other, time) for name, other in beside.items()}
    known = {name: other for name, other in others.items() if np.isfinite(other)}
    if any(other * np.sign(move) < _ALIKE * abs(move) for other in known.values()):
        return False
    witnesses = [table, *(beside[name] for name in known)]
    with_volume = [bars for bars in witnesses if "volume" in bars]
    return any(_lived(bars, _row(bars, time)) for bars in with_volume or witnesses)


def _row(table: pd.DataFrame, time: int) -> int:
    """The row of the bar that holds a time: the last one that opens then or before."""
    return int(np.searchsorted(nanoseconds(table["time"]), time, side="right")) - 1


def _move(table: pd.DataFrame, time: int) -> float:
    """The log of the close at a time over the close before; NaN where one of them is missing."""
    row = _row(table, time)
    if row < 1 or nanoseconds(table["time"])[row] != time:
        return np.nan
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.diff(np.log(table["close"].to_numpy(np.float64)[row - 1 : row + 1]))[0])


def _lived(table: pd.DataFrame, row: int) -> bool:
    """Whether bars trade through a shift, on a volume that explodes, and stay wide behind it."""
    if not {"open", "high", "low"} <= set(table):
        return False
    times = nanoseconds(table["time"])
    start = int(np.searchsorted(times, times[row] - _WEEK_NS))
    if row - start < _FEWEST or row + 1 >= len(table):
        return False
    part = table.iloc[start : row + 1 + _BEHIND]
    return (
        _through(part, row - start) and _widens(part, row - start) and _explodes(part, row - start)
    )


def _through(bars: pd.DataFrame, at: int) -> bool:
    """Whether the bar of the shift opens on the old level, rather than on the new one."""
    open_, before = float(bars["open"].iloc[at]), float(bars["close"].iloc[at - 1])
    move = np.log(float(bars["close"].iloc[at]) / before)
    return bool(abs(np.log(open_ / before)) < (1 - _ALIKE) * abs(move))


def _widens(bars: pd.DataFrame, at: int) -> bool:
    width = ((bars["high"] - bars["low"]) / bars["close"]).to_numpy(np.float64)
    return bool(np.median(width[at + 1 :]) >= WIDENS * np.median(width[:at]))


def _explodes(bars: pd.DataFrame, at: int) -> bool:
    """Whether the volume explodes in coins and in money; True where none is known."""
    if "volume" not in bars:
        return True
    coins = bars["volume"].to_numpy(np.float64)
    return all(_times(sizes, at) >= EXPLODES for sizes in (coins, coins * bars["close"].to_numpy()))


def _times(sizes: FloatArray, at: int) -> float:
    usual = float(np.median(sizes[:at]))
    return float(sizes[at : at + _SHIFTED].mean()) / usual if usual > 0 else np.inf
