"""Other futures: markets that are the same up to a bar's close, and not after it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from fadefollow.market.panel import FloatArray, Market, TimeArray
from fadefollow.market.streams import Column, Stream, stream

BoolArray = npt.NDArray[np.bool_]
#: returns and signs turned round; records in another order; larger; nothing happens; no records
How = Literal["mirrored", "scrambled", "loud", "muted", "dropped"]


class Futures:
    """All that could have come after a bar of one market.

    Args:
        market: what did come.
        seed: of the values that are made up.
    """

    def __init__(self, market: Market, *, seed: int) -> None:
        self.market, self._seed = market, seed
        self._tables = {name: market.table(name) for name in market.streams}
        self._available = {name: stamps(t["available"]) for name, t in self._tables.items()}

    def cut(self, bar: int) -> Market:
        """The market as it was known at the close of `bar`."""
        return self.market.until(self.market.index[bar] + self.market.bar)

    def changed(
        self, bar: int, how: How, streams: Iterable[str] | None = None, *, end: int | None = None
    ) -> Market:
        """The same bars; records that became available after the close of `bar` are others.

        Args:
            bar: the last one that keeps what it knew.
            how: what becomes of the records.
            streams: only theirs; by default those of all.
            end: leave out the bars from this one on.
        """
        rng = np.random.default_rng([self._seed, bar])
        tables = dict(self._tables)
        for name in self._tables if streams is None else streams:
            future = self._available[name] > self.market.close_time[bar]
            if future.any():
                tables[name] = _changed(tables[name], stream(name), future, how, rng)
        return rebuilt(self.market, tables, bars=end)

    def last_record(self, name: str, bar: int) -> tuple[pd.Timestamp, pd.Timestamp] | None:
        """`time` and `available` of the last record that was available at the close of `bar`."""
        known = np.flatnonzero(self._available[name] <= self.market.close_time[bar])
        if not len(known):
            return None
        row = self._tables[name].iloc[known[np.argmax(self._available[name][known])]]
        return row["time"], row["available"]

    def arrivals(self, name: str) -> npt.NDArray[np.int64]:
        """The bars at whose closes records of a stream became known, increasing."""
        bars = np.unique(np.searchsorted(self.market.close_time, self._available[name], "left"))
        return bars[bars < len(self.market)]


def rebuilt(
    market: Market, tables: Mapping[str, pd.DataFrame], *, bars: int | None = None
) -> Market:
    """The same bars of the same coin, or the first `bars` of them, with other tables."""
    count = len(market) if bars is None else min(bars, len(market))
    return Market(
        market.symbol,
        bar=market.bar,
        tables=tables,
        start=market.index[0],
        end=market.index[0] + count * market.bar,
        listed=market.listed,
        delisted=market.delisted,
        later=market.later,
    ).of_universe(market.members)


def only(market: Market, names: Iterable[str]) -> Market:
    """The same bars with only these streams."""
    return rebuilt(market, {name: market.table(name) for name in names})


def delayed(market: Market, name: str) -> Market:
    """The same bars with one stream published a bar later."""
    tables = {n: market.table(n) for n in market.streams}
    late = tables[name]["available"] + market.bar
    tables[name] = tables[name].assign(available=late)
    return rebuilt(market, tables)


def stamps(column: pd.Series) -> TimeArray:
    """A UTC time column as naive datetime64[ns]."""
    naive: TimeArray = column.dt.tz_convert(None).to_numpy("datetime64[ns]")
    return naive


def _changed(
    table: pd.DataFrame, schema: Stream, future: BoolArray, how: How, rng: np.random.Generator
) -> pd.DataFrame:
    if how == "dropped":
        return table[~future]
    columns = [c for c in schema.columns if c in table and c not in schema.key]
    if how == "scrambled":
        order = np.arange(len(table))
        order[future] = rng.permutation(order[future])
        return table.assign(**{c: table[c].to_numpy()[order] for c in columns})
    return table.assign(**_revalued(table, schema, columns, future, how, rng))


def _revalued(
    table: pd.DataFrame,
    schema: Stream,
    columns: list[str],
    future: BoolArray,
    how: How,
    rng: np.random.Generator,
) -> dict[str, FloatArray]:
    """Columns of numbers with other values in the future, bars being bars still."""
    revalue = {"mirrored": _turned, "loud": _louder, "muted": _muted}[how]
    times = np.exp(rng.uniform(-1.5, 1.5, future.sum()))  # one a record, for all its columns
    out = {}
    for name in (c for c in columns if schema.columns[c].kind == "float"):
        values, spec = table[name].to_numpy(float).copy(), schema.columns[name]
        anchor = _anchor(table["close" if "close" in columns else name].to_numpy(float), future)
        values[future] = np.clip(revalue(values[future], spec, anchor, times), spec.low, spec.high)
        out[name] = values
    if how == "mirrored" and {"high", "low"} <= out.keys():
        high, low = out["high"].copy(), out["low"].copy()
        out["high"][future], out["low"][future] = low[future], high[future]
    return out


def _anchor(values: FloatArray, future: BoolArray) -> float:
    """The last value known, or the first that comes."""
    known = values[~future & np.isfinite(values)]
    first = values[np.isfinite(values)]
    return float(known[-1] if len(known) else first[0] if len(first) else 1.0)


def _turned(values: FloatArray, spec: Column, anchor: float, times: FloatArray) -> FloatArray:
    """Prices mirrored at the last one known, amounts more or less, signs turned round."""
    if spec.positive:
        return anchor**2 / values
    if spec.low is not None and spec.low >= 0:
        return values * times
    usual = float(np.nanmean(np.abs(values))) if np.isfinite(values).any() else 0.0
    return np.where(values == 0, usual, -values) * times


def _louder(values: FloatArray, spec: Column, anchor: float, _: FloatArray) -> FloatArray:
    """Three times the returns, ten times all else."""
    return np.asarray(anchor * (values / anchor) ** 3 if spec.positive else 10 * values)


def _muted(values: FloatArray, spec: Column, anchor: float, _: FloatArray) -> FloatArray:
    """Prices stand still, and nothing else happens."""
    return np.full(len(values), anchor if spec.positive else 0.0)
