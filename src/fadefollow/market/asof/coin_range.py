"""Coin range: one coin's tables and what is to be shown of them, before its market is built.

Opening a data set cuts it several times: at its holdout, by its universe, to the range asked for.
Only the first and the last bar change with each cut; the market is built once, at the end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from fadefollow.market.bars import BASES, base_of
from fadefollow.market.grid import (
    FloatArray,
    TimeArray,
    known_by,
    naive,
    on_grid,
    opens,
    rows_on_grid,
)
from fadefollow.market.implied import with_implied_funding
from fadefollow.market.panel import Market, Times, bar_range


@dataclass(frozen=True)
class CoinRange:
    """One coin's tables and the bars of them to be shown.

    Attributes:
        symbol, bar, tables, listed, delisted, later, members: those of its `Market`.
        start, end: open of the first and close of the last bar, UTC.
    """

    symbol: str
    bar: pd.Timedelta
    tables: Mapping[str, pd.DataFrame]
    start: pd.Timestamp
    end: pd.Timestamp
    listed: pd.Timestamp | None = None
    delisted: pd.Timestamp | None = None
    later: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    members: Sequence[Times] | None = None

    @classmethod
    def whole(
        cls,
        symbol: str,
        *,
        bar: pd.Timedelta,
        tables: Mapping[str, pd.DataFrame],
        listed: pd.Timestamp | None = None,
        delisted: pd.Timestamp | None = None,
        later: Mapping[str, pd.DataFrame] | None = None,
    ) -> CoinRange:
        """All bars of the coin; DataError where it has none."""
        start, end = bar_range(tables, bar, where=symbol)
        return cls(
            symbol=symbol,
            bar=bar,
            tables=tables,
            start=start,
            end=end,
            listed=listed,
            delisted=delisted,
            later=later or {},
        )

    def market(self) -> Market:
        """The coin's market."""
        return Market(
            self.symbol,
            bar=self.bar,
            tables=self.tables,
            start=self.start,
            end=self.end,
            listed=self.listed,
            delisted=self.delisted,
            later=self.later,
        ).of_universe(self.members)

    def __len__(self) -> int:
        return max(int((self.end - self.start) // self.bar), 0)

    @property
    def open_time(self) -> TimeArray:
        """Open times of the bars, naive UTC, shape (n,)."""
        return opens(self.start, self.end, self.bar)

    @property
    def close_time(self) -> TimeArray:
        """Close times of the bars, naive UTC, shape (n,)."""
        return self.open_time + np.timedelta64(self.bar.value, "ns")

    @property
    def has_bars(self) -> bool:
        """Whether a bar of perp or spot lies inside."""
        times = (self._known(name)["time"] for name in BASES if name in self.tables)
        return len(self) > 0 and any(len(t) and t.iloc[-1] >= self.start for t in times)

    def turnover(self, stream: str | None = None) -> FloatArray | None:
        """As `Market.turnover`."""
        there = [name for name in self.tables if len(self._known(name))]
        base = base_of(there, where=self.symbol)
        name = stream or base
        table = self._known(name) if name in there else pd.DataFrame()
        if "volume" not in table or not table["volume"].notna().any():
            return None
        rows = rows_on_grid(table, self.open_time, self.bar)
        close, volume = (on_grid(table, c, len(self), rows) for c in ("close", "volume"))
        return close * volume

    def between(self, start: pd.Timestamp, end: pd.Timestamp) -> CoinRange:
        """The bars that open at or after `start` and close by `end`, as `Market.between`."""
        first = min(max(-((self.start - start) // self.bar), 0), len(self))
        last = max(min(max((end - self.start) // self.bar, 0), len(self)), first)
        until = self.start + last * self.bar
        # that a coin will be delisted is not known before it is
        gone = self.delisted if self.delisted is not None and self.delisted <= until else None
        return replace(self, start=self.start + first * self.bar, end=until, delisted=gone)

    def before(self, time: pd.Timestamp) -> CoinRange:
        """The bars that close by `time`, and no record that is stamped `time` or later."""
        cut = self.between(self.start, time)
        known = {name: table for name in self.tables if len(table := cut._known(name))}
        tables = {name: table[table["time"] < time] for name, table in known.items()}
        return replace(cut, tables=tables)

    def with_implied_funding(self) -> CoinRange:
        """The same with implied settlements among those of funding, see `market.implied`."""
        filled = with_implied_funding(self.market())
        if "funding" not in filled.streams:
            return self
        return replace(self, tables={**self.tables, "funding": filled.table("funding")})

    def of_universe(self, members: Sequence[Times] | None) -> CoinRange:
        """The same with these times [from, to) of membership."""
        return replace(self, members=members)

    def _known(self, name: str) -> pd.DataFrame:
        """The records of a stream that were available at the last close."""
        return known_by(self.tables[name], naive(self.end))
