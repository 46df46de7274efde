"""Coverage: from when to when each stream reaches, and what is missing in between."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from fadefollow.market.findings import when
from fadefollow.market.panel import Market
from fadefollow.market.settlements import HOUR_NS, distances
from fadefollow.market.stamps import nanoseconds
from fadefollow.market.streams import Stream, stream

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Coverage:
    """One stream of one coin."""

    symbol: str
    stream: str
    first: str  #: first record, `2020-01-01 00:00`, UTC
    last: str
    rows: int
    expected: int  #: records between first and last at the stream's own step
    missing: int  #: expected − rows
    gaps: int  #: runs of missing records
    longest_gap_hours: float  #: from one record to the next, less one step
    first_gap: str  #: first missing record; empty if none
    #: share of the bars in its time at which it was known, see `Market.known_share`; NaN unasked
    known: float = math.nan

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return asdict(self)


def cover(
    symbol: str, table: pd.DataFrame, schema: Stream, bar: pd.Timedelta, *, known: float = math.nan
) -> Coverage:
    """The coverage of one canonical table that has rows; `known` is what a market says of it.

    The step is the bar, the period, or for snapshots the usual distance; what is missing of
    settlements is counted by `settlements.distances`, contracts each between their own first and
    last bar.
    """
    times, gap, steps, lost = _between(table, schema, bar)
    holes = np.flatnonzero(lost > 0)
    missing, first = int(lost[holes].sum()), holes[0] if len(holes) else None
    longest = float((gap - steps)[holes].max() / HOUR_NS) if len(holes) else 0.0
    return Coverage(
        symbol=symbol,
        stream=schema.name,
        first=when(table["time"].iloc[0]),
        last=when(table["time"].iloc[-1]),
        rows=len(table),
        expected=len(table) + missing,
        missing=missing,
        gaps=len(holes),
        longest_gap_hours=longest,
        first_gap="" if first is None else when(pd.Timestamp(times[first] + steps[first])),
        known=known,
    )


def cover_all(markets: Mapping[str, Market]) -> tuple[Coverage, ...]:
    """The coverage of every stream of every coin, in their order."""
    return tuple(
        cover(symbol, market.table(name), stream(name), market.bar, known=market.known_share(name))
        for symbol, market in markets.items()
        for name in market.streams
    )


def ordered_times(
    table: pd.DataFrame, schema: Stream
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Stamps in nanoseconds, one key value (e.g. contract) after the other, shape (n,).

    Returns:
        The stamps, and whether a row is the first of its key.
    """
    if not schema.key:
        return nanoseconds(table["time"]), np.arange(len(table)) == 0
    keys = list(schema.key)
    by_key = table.sort_values([*keys, "time"], kind="stable")
    new = (by_key[keys] != by_key[keys].shift()).any(axis=1).to_numpy()
    return nanoseconds(by_key["time"]), new


def _between(
    table: pd.DataFrame, schema: Stream, bar: pd.Timedelta
) -> tuple[IntArray, IntArray, IntArray, IntArray]:
    """Stamps, shape (n,), and between each two how far, how far if none were missing, how many are.

    All in nanoseconds but the last.
    """
    times, new = ordered_times(table, schema)
    if schema.name == "funding":
        found = distances(times, table["interval_hours"].to_numpy(np.float64))
        return times, found.ns, found.step, found.missing
    gap = np.where(new[1:], 0, np.diff(times))
    steps = np.full(len(gap), _step(times, schema, bar), np.int64)
    return times, gap, steps, np.maximum(np.rint(gap / steps).astype(np.int64) - 1, 0)


def _step(times: IntArray, schema: Stream, bar: pd.Timedelta) -> int:
    """Nanoseconds from one record to the next, were none missing."""
    if schema.kind == "bars":
        return bar.value
    if schema.period is not None:
        return schema.period.value
    if schema.kind == "snapshot" and not schema.key and len(times) > 1:
        return max(int(np.median(np.diff(times))), 1)
    return np.iinfo(np.int64).max  # events come when they come
