"""Coverage: from when to when each stream reaches, and what is missing in between."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from fadefollow.market.findings import when
from fadefollow.market.panel import Market
from fadefollow.market.stamps import nanoseconds
from fadefollow.market.streams import Stream, stream

_HOUR_NS = 3_600_000_000_000


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

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return asdict(self)


def cover(symbol: str, table: pd.DataFrame, schema: Stream, bar: pd.Timedelta) -> Coverage:
    """The coverage of one canonical table that has rows.

    The step is the bar, the period, or for snapshots the usual distance; settlements are expected
    by their own intervals, contracts each between their own first and last bar.
    """
    (times, new), steps = ordered_times(table, schema), expected_steps(table, schema, bar)
    gap = np.where(new[1:], 0, np.diff(times))
    lost = np.maximum(np.rint(gap / steps[1:]).astype(np.int64) - 1, 0)
    holes = np.flatnonzero(lost > 0)
    missing, first = int(lost[holes].sum()), holes[0] if len(holes) else None
    longest = float((gap - steps[1:])[holes].max() / _HOUR_NS) if len(holes) else 0.0
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
        first_gap="" if first is None else when(pd.Timestamp(times[first] + steps[first + 1])),
    )


def cover_all(markets: Mapping[str, Market]) -> tuple[Coverage, ...]:
    """The coverage of every stream of every coin, in their order."""
    return tuple(
        cover(symbol, market.table(name), stream(name), market.bar)
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


def expected_steps(table: pd.DataFrame, schema: Stream, bar: pd.Timedelta) -> npt.NDArray[np.int64]:
    """Nanoseconds from the record before to each one, were none missing, shape (n,)."""
    if schema.kind == "bars":
        return np.full(len(table), bar.value, np.int64)
    if schema.name == "funding":
        hours: npt.NDArray[np.int64] = (table["interval_hours"] * _HOUR_NS).to_numpy(np.int64)
        return hours
    if schema.period is not None:
        return np.full(len(table), schema.period.value, np.int64)
    if schema.kind == "snapshot" and not schema.key and len(table) > 1:
        usual = int(np.median(np.diff(nanoseconds(table["time"]))))
        return np.full(len(table), max(usual, 1), np.int64)
    return np.full(len(table), np.iinfo(np.int64).max)  # events come when they come
