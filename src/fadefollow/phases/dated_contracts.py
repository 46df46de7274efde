"""Dated futures side by side: which rows can be used, and the basis at one constant maturity.

What the rows suffer from, and what is done about it:

* after its expiry a file may go on, and near it the annualised basis explodes: rows with fewer than
  `cutoff_days` left are dropped;
* a contract's first bars can be wild: its first `settle_hours` are dropped;
* a file may repeat one record for ever: a row that repeats all prices of a record that is
  `stale_hours` old or older is dropped.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from fadefollow.market.panel import FloatArray, Market, TimeArray

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

DAYS_PER_YEAR = 365.0
#: a lone contract stands for the target maturity if its own is within this factor of it
NEAR_ENOUGH = 2.0
_DAY, _HOUR = np.timedelta64(1, "D"), np.timedelta64(1, "h")


@dataclass(frozen=True)
class Rows:
    """Usable rows of all contracts on a market's grid, sorted by bar, then expiry; shape (r,).

    Attributes:
        bar: number of the bar.
        expiry: of the contract, naive UTC.
        days_left: from the bar's close to the expiry.
        close: of the bar.
        basis: future / spot − 1; NaN where spot is missing.
    """

    bar: IntArray
    expiry: TimeArray
    days_left: FloatArray
    close: FloatArray
    basis: FloatArray

    @property
    def annualised(self) -> FloatArray:
        """The basis per year of 365 days, a fraction."""
        return np.asarray(self.basis * DAYS_PER_YEAR / self.days_left)


def usable_rows(
    market: Market,
    *,
    cutoff_days: float = 7.0,
    settle_hours: float = 24.0,
    stale_hours: float = 12.0,
) -> Rows:
    """The rows of the dated futures of one coin that can be used.

    Args:
        cutoff_days: drop rows with fewer days left to expiry.
        settle_hours: drop a contract's first rows, by their open time.
        stale_hours: drop rows that repeat the prices of a record that is so old or older.
    """
    key = ("contracts", cutoff_days, settle_hours, stale_hours)
    return market.memo(key, lambda: _usable(market, cutoff_days, settle_hours, stale_hours))


def constant_maturity_basis(market: Market, rows: Rows, *, days: float = 90.0) -> FloatArray:
    """The annualised basis at a constant number of days to expiry.

    Between the two contracts around `days` it is linear in days. Where all are on one side, the
    nearest stands alone with its own, if its maturity is within a factor of two of `days`.

    Args:
        rows: of this market, see `usable_rows`.
        days: the maturity.

    Returns:
        Fraction per year as of each bar's close, shape (n,); NaN where no usable contract has a
        price or spot is missing.
    """
    known = np.isfinite(rows.basis)
    near = _side(market, rows, known & (rows.days_left <= days), last=True)
    far = _side(market, rows, known & (rows.days_left > days), last=False)
    gap = far[0] - near[0]
    between = near[1] + (far[1] - near[1]) * (days - near[0]) / gap
    alone = np.where(np.isnan(near[0]), far, near)
    fits = (alone[0] >= days / NEAR_ENOUGH) & (alone[0] <= days * NEAR_ENOUGH)
    return np.where(np.isnan(gap), np.where(fits, alone[1], np.nan), between)


def dated_volume(market: Market) -> FloatArray:
    """Coins traded in all dated futures within each bar, shape (n,); NaN on bars without any."""

    def add() -> FloatArray:
        out = np.full(len(market), np.nan)
        if market.missing("future.volume") or not len(market):
            return out
        table = market.table("future")
        volume = table["volume"].to_numpy(float)
        place = _place(market, _stamps(table["time"]))
        here = (place >= 0) & (place < len(market)) & np.isfinite(volume)
        total = np.bincount(place[here], volume[here], len(market))
        return np.where(np.bincount(place[here], minlength=len(market)) > 0, total, np.nan)

    return market.memo("dated volume", add)


def _side(market: Market, rows: Rows, keep: BoolArray, *, last: bool) -> FloatArray:
    """Days left and annualised basis of the last (or first) row kept of each bar, shape (2, n)."""
    at = np.flatnonzero(keep) if last else np.flatnonzero(keep)[::-1]
    out = np.full((2, len(market)), np.nan)
    # of several rows of a bar the one assigned last stays
    out[0, rows.bar[at]] = rows.days_left[at]
    out[1, rows.bar[at]] = rows.annualised[at]
    return out


def _usable(market: Market, cutoff_days: float, settle_hours: float, stale_hours: float) -> Rows:
    if market.missing("future") or not len(market):
        none = np.empty(0)
        return Rows(none.astype(int), none.astype("datetime64[ns]"), none, none, none)
    table = market.table("future")
    time, expiry = _stamps(table["time"]), _stamps(table["expiry"])
    since_listing, unchanged = market.memo("ages of contracts", lambda: _ages(table, time, expiry))
    place = _place(market, time)
    days_left = (expiry - time - np.timedelta64(market.bar.value, "ns")) / _DAY
    keep = (place >= 0) & (place < len(market)) & (days_left >= cutoff_days)
    keep &= (since_listing >= settle_hours) & ((unchanged == 0) | (unchanged < stale_hours))
    bar, close = place[keep], table["close"].to_numpy(float)[keep]
    basis = close / market.column("spot", "close")[bar] - 1
    return Rows(bar, expiry[keep], days_left[keep], close, basis)


def _ages(table: pd.DataFrame, time: TimeArray, expiry: TimeArray) -> tuple[FloatArray, FloatArray]:
    """Hours since the contract's first row, and since its prices last changed, a row each."""
    order = np.lexsort((time, expiry))
    prices = table[["open", "high", "low", "close"]].to_numpy(float)[order]
    stamp, contract = time[order], expiry[order]
    first = np.ones(len(order), bool)
    first[1:] = contract[1:] != contract[:-1]
    changed = first.copy()
    changed[1:] |= (prices[1:] != prices[:-1]).any(axis=1)
    out = np.empty((2, len(order)))
    for number, begins in enumerate((first, changed)):
        start = np.maximum.accumulate(np.where(begins, np.arange(len(order)), 0))
        out[number, order] = (stamp - stamp[start]) / _HOUR
    return out[0], out[1]


def _place(market: Market, time: TimeArray) -> IntArray:
    span = np.timedelta64(market.bar.value, "ns")
    place: IntArray = ((time - market.open_time[0]) // span).astype(np.int64)
    return place


def _stamps(column: pd.Series) -> TimeArray:
    stamps: TimeArray = column.dt.tz_convert(None).to_numpy("datetime64[ns]")
    return stamps
