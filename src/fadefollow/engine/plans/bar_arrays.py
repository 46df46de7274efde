"""From a market to the arrays that the resolver reads."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from fadefollow.engine.model import BarArrays, DatedBarArrays, FloatArray, IntArray
from fadefollow.market.panel import Market
from fadefollow.market.prints import supported
from fadefollow.market.settlements import holes

#: those that do not hold one value a bar
_BY_RECORD = frozenset(
    {"settle_time", "settle_rate", "settle_mark", "settle_implied", "holes", "leave"}
)
_PRICES = ("open", "high", "low", "close")


def calendar(spans: list[tuple[pd.Timestamp, pd.Timestamp]], bar: pd.Timedelta) -> IntArray:
    """The union calendar of several coins: open times, nanoseconds since 1970 UTC, shape (n,).

    Args:
        spans: per coin the first open and the last close, UTC.
        bar: size of a bar.
    """
    first, last = min(s for s, _ in spans), max(e for _, e in spans)
    count = (last - first.floor(bar)) // bar
    return first.floor(bar).value + bar.value * np.arange(count, dtype=np.int64)


def bar_arrays(
    market: Market,
    *,
    time: IntArray,
    start: pd.Timestamp,
    end: pd.Timestamp,
    spot: bool = False,
) -> BarArrays:
    """One coin's perp on a calendar, with what lies outside [start, end] left out.

    Where it has no perp, its spot, as what dated futures are measured against.
    Liquidation is tested against the mark where the market has its highs and lows; else against
    the perp's, held to what mark and spot support in that bar and the one before, as a print of the
    last price alone liquidates nobody; where neither is known, against the perp's own.
    The mark at a settlement τ is the mark's close of the bar that closes at τ; else the perp's
    open of the bar that contains τ; else (a missing bar) the last perp close before.

    Args:
        market: the coin.
        time: the union calendar, see `calendar`.
        start: first open time that may be used.
        end: last close time that may be used.
        spot: the coin itself is traded: no settlements, and what its shorts are liquidated by is
            its own prices, held to what mark, perp and its own closes support.
    """
    bar_ns = market.bar.value
    grid = market.open_time.astype(np.int64)
    place = np.searchsorted(time, grid)
    inside = np.flatnonzero((grid >= start.value) & (grid + bar_ns <= end.value))
    place = place[inside]

    def on_calendar(values: FloatArray) -> FloatArray:
        out = np.full(len(time), np.nan)
        out[place] = values[inside]
        return out

    def spread(stream: str, column: str) -> FloatArray:
        return on_calendar(market.column(stream, column))

    base = "spot" if spot else market.base
    prices = {c: spread(base, c) for c in _PRICES}
    whole = ~np.isnan(np.column_stack(list(prices.values()))).any(axis=1)
    for price in prices.values():
        price[~whole] = np.nan  # a bar that is partly missing is missing
    marks = {c: spread("mark", c) for c in _PRICES}
    low, high = (on_calendar(edge) for edge in supported(market, base))
    held = {
        "open": prices["open"],
        "high": np.minimum(prices["high"], high),
        "low": np.maximum(prices["low"], low),
    }
    if not spot and not all(np.isnan(marks[c]).all() for c in held):  # the mark is the perp's
        held = {c: np.where(np.isnan(marks[c]), held[c], marks[c]) for c in held}
    settle, rate, gone = _unsettled() if spot else _settlements(market, start, end)
    return BarArrays(
        symbol=market.symbol,
        bar_ns=bar_ns,
        time=time,
        **prices,
        liq_open=held["open"],
        liq_high=held["high"],
        liq_low=held["low"],
        settle_time=settle,
        settle_rate=rate,
        settle_mark=_marks(time, bar_ns, settle, marks["close"], prices["open"], prices["close"]),
        holes=gone,
        volume=spread(base, "volume"),
        spot=spot,
        shared_low=low.astype(np.float32),
        shared_high=high.astype(np.float32),
        settle_implied=_implied(market, settle),
    )


def cut_arrays(whole: BarArrays, first: int, last: int) -> BarArrays:
    """The bars from `first` to before `last`, as views; bars are numbered from 0 again.

    Settlements and holes stay as they are, as they count by their times.
    """
    bars = slice(first, last)
    cut: dict[str, Any] = {
        f.name: value[..., bars]
        for f in fields(whole)
        if isinstance(value := getattr(whole, f.name), np.ndarray)
        and value.ndim
        and value.shape[-1] == len(whole.time)
        and f.name not in _BY_RECORD
    }
    if isinstance(whole, DatedBarArrays):
        cut["leave"] = whole.leave - first
    return replace(whole, **cut)


def _unsettled() -> tuple[IntArray, FloatArray, IntArray]:
    return np.empty(0, np.int64), np.empty(0), np.empty((0, 2), np.int64)


def _settlements(
    market: Market, start: pd.Timestamp, end: pd.Timestamp
) -> tuple[IntArray, FloatArray, IntArray]:
    if market.missing("funding"):
        return _unsettled()
    table = market.table("funding")
    table = table[(table["time"] >= start) & (table["time"] <= end)]
    time = table["time"].dt.tz_convert(None).to_numpy("datetime64[ns]").astype(np.int64)
    found = holes(time, table["interval_hours"].to_numpy(np.float64))
    return time, table["rate"].to_numpy(np.float64).copy(), found


def _implied(market: Market, settle: IntArray) -> npt.NDArray[np.bool_] | None:
    """Which settlements were implied from the premium; None where none was."""
    if market.funding_implied is None:
        return None
    table = market.table("funding")
    implied = table[table["implied"] == 1]["time"].dt.tz_convert(None)
    return np.isin(settle, implied.to_numpy("datetime64[ns]").astype(np.int64))


def _marks(
    time: IntArray,
    bar_ns: int,
    settle: IntArray,
    mark_close: FloatArray,
    perp_open: FloatArray,
    perp_close: FloatArray,
) -> FloatArray:
    if not len(time):
        return np.full(len(settle), np.nan)
    number, offset = np.divmod(settle - time[0], bar_ns)
    before = number - 1
    closes_at = (offset == 0) & (before >= 0) & (before < len(time))
    mark = np.full(len(settle), np.nan)
    mark[closes_at] = mark_close[before[closes_at]]
    inside = (number >= 0) & (number < len(time))
    opened = np.full(len(settle), np.nan)
    opened[inside] = perp_open[number[inside]]
    known = pd.Series(perp_close).ffill().to_numpy()
    last = np.full(len(settle), np.nan)
    earlier = before >= 0
    last[earlier] = known[np.minimum(before[earlier], len(time) - 1)]
    return np.where(np.isnan(mark), np.where(np.isnan(opened), last, opened), mark)
