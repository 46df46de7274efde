"""A data set from DataFrames: bars long or wide, in any order, times with or without a zone.

A bar's `time` is its open. A record is available from its close (bars) or its stamp (settlements,
snapshots), unless a column `available` says otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from fadefollow.errors import DataError, ParameterError, unknown
from fadefollow.market.bars import bar_size, bar_text
from fadefollow.market.datasets.dataset import Dataset
from fadefollow.market.names import check_dataset_name, check_symbol
from fadefollow.market.panel import Market, bar_range
from fadefollow.market.schema import canonical
from fadefollow.market.settlements import inferred_hours
from fadefollow.market.stamps import nanoseconds
from fadefollow.market.store.store import fingerprint

Frames = pd.DataFrame | Mapping[str, pd.DataFrame]

#: what the column of times and that of coins may be called, in lower case
TIMES = ("time", "timestamp", "datetime", "date")
COINS = ("symbol", "coin")
#: the coin of frames that name none
ONLY = "COIN"
_PRICES = ("open", "high", "low", "close")
_BARS = (*_PRICES, "volume", "taker_buy_volume")
_HOUR = pd.Timedelta(hours=1)


def dataset_of_frames(
    prices: Frames,
    *,
    funding: Frames | None = None,
    streams: Mapping[str, Frames] | None = None,
    name: str = "frames",
    bar: str | None = None,
    costs: Mapping[str, Any] | None = None,
) -> Dataset:
    """A data set whose perps have these prices.

    Args:
        prices: bars of perps: long (columns time, symbol or coin, open, high, low, close and
            optionally volume; the time may be the index), wide (two levels of columns, prices and
            coins), a mapping of coins to bars, or one of prices to frames with a column a coin.
        funding: settlements likewise, columns time, symbol, rate (a fraction of notional, positive
            where longs pay) and optionally interval_hours; in a wide frame the rates themselves,
            a column a coin. None: settlements of rate 0, so that nothing is charged.
        streams: further streams by name, long, in their own columns, see
            `fadefollow.market.streams`.
        name: the data set's name.
        bar: size of a bar, such as `"1h"`; by default the smallest distance between two bars.
        costs: a `[costs]` table.

    Raises:
        DataError: frames that are not as they must be; the message names coin, row and column.
        ParameterError: a name or a size that cannot be.
        UnknownNameError: settlements or records of a coin without bars.
    """
    parts = coin_frames(prices, "perp")
    size = bar_size(bar) if bar is not None else _smallest(parts)
    tables = {
        coin: {"perp": canonical(frame, "perp", bar=size, where=f"{coin}, prices")}
        for coin, frame in parts.items()
    }
    others = {**(streams or {}), **({} if funding is None else {"funding": funding})}
    for stream, frames in others.items():
        for coin, frame in coin_frames(frames, stream).items():
            if coin not in tables:
                raise unknown("coin", coin, tables, where=f"{stream} of the data set {name}")
            filled = _with_intervals(frame) if stream == "funding" else frame
            where = f"{coin}, {stream}"
            tables[coin][stream] = canonical(filled, stream, bar=size, where=where)
    if "funding" not in others:
        for coin, mine in tables.items():
            mine["funding"] = no_funding(mine, bar=size, where=coin)
    coins = f"{len(tables)} coins" if len(tables) > 1 else next(iter(tables))
    return Dataset(
        check_dataset_name(name),
        f"DataFrames of {coins}",
        size,
        simulated=False,
        fingerprint=fingerprint(size, tables),
        markets={
            coin: Market(coin, bar=size, tables=tables[coin], listed=mine["perp"]["time"].iloc[0])
            for coin, mine in tables.items()
        },
        costs=dict(costs or {}),
        handed_over=True,
        free_funding="funding" not in others,
    )


def market_of_frame(
    bars: pd.DataFrame,
    *,
    symbol: str | None = None,
    funding: pd.DataFrame | None = None,
    streams: Mapping[str, pd.DataFrame] | None = None,
    bar: str | None = None,
) -> Market:
    """One coin's market; arguments and errors are those of `dataset_of_frames`.

    Args:
        bars: of one coin.
        symbol: the coin; by default the one that the bars name.
        funding, streams, bar: as there; their records may leave the coin out.

    Raises:
        ParameterError: they are of several coins.
    """
    if not isinstance(bars, pd.DataFrame):
        raise DataError("a market must be made of a DataFrame of bars", got=type(bars).__name__)
    own = coin_frames(bars, "perp")
    coin = symbol or next(iter(own))
    others = {**(streams or {}), **({} if funding is None else {"funding": funding})}
    made = dataset_of_frames(
        _of_coin(own, coin, "perp"),
        streams={name: _of_coin(coin_frames(f, name), coin, name) for name, f in others.items()},
        bar=bar,
    )
    return made.markets[coin]


def _of_coin(parts: dict[str, pd.DataFrame], coin: str, stream: str) -> dict[str, pd.DataFrame]:
    """The records of the only coin, whatever it is called in them."""
    if len(parts) > 1:
        hint = "ff.dataset takes several"
        raise ParameterError("a market has one coin", got=", ".join(parts), where=stream, hint=hint)
    return dict.fromkeys([coin], next(iter(parts.values())))


def no_funding(
    tables: Mapping[str, pd.DataFrame], *, bar: pd.Timedelta, where: str
) -> pd.DataFrame:
    """Settlements of rate 0 over all bars of a coin, canonical."""
    step = max(bar, _HOUR)
    start, end = bar_range(tables, bar, where=where)
    time = pd.date_range(start.floor(step), end, freq=step, unit="ns")
    frame = pd.DataFrame({"time": time, "rate": 0.0, "interval_hours": step / _HOUR})
    return canonical(frame, "funding", bar=bar, where=f"{where}, funding")


def coin_frames(frames: Frames, stream: str) -> dict[str, pd.DataFrame]:
    """Each coin's records of a stream with a column `time`, UTC, in its order.

    Raises:
        DataError: the frames hold nothing, or name no time.
    """
    found: dict[str, pd.DataFrame] = {}
    for coin, frame in _parts(frames, stream):
        made = _timed(frame, where=f"{coin}, {stream}")
        found[check_symbol(coin)] = made.sort_values("time", kind="stable")
    if not found:
        raise DataError(f"{stream} must have records", got="none")
    return found


def utc_times(column: pd.Series, *, where: str) -> pd.Series:
    """Times in UTC; naive ones are UTC already.

    Raises:
        DataError: they are no time stamps, or one is missing.
    """
    if not pd.api.types.is_datetime64_any_dtype(column.dtype):
        got = "none" if not len(column) else repr(column.iloc[0])
        hint = "make them with pd.to_datetime(…, utc=True); numbers need unit="
        raise DataError("times must be time stamps", got=got, where=where, hint=hint)
    if column.isna().any():
        at = int(column.isna().to_numpy().argmax()) + 1
        raise DataError("every row must have a time", got=f"none in row {at}", where=where)
    zoned = column.dt.tz_convert("UTC") if column.dt.tz else column.dt.tz_localize("UTC")
    made: pd.Series = zoned.dt.as_unit("ns")
    return made


def lowered(frame: pd.DataFrame, *, where: str) -> pd.DataFrame:
    """The frame with plain columns in lower case, its index among them where it has a meaning.

    The first of `TIMES` is called time, the first of `COINS` symbol.
    """
    unnamed = frame.index.nlevels == 1 and frame.index.name is None
    if unnamed and isinstance(frame.index, pd.DatetimeIndex):
        frame = frame.rename_axis(index="time")
        unnamed = False
    made = frame if unnamed else frame.reset_index()
    made = made.set_axis([str(c).lower() for c in made.columns], axis=1)
    for name, known in (("time", TIMES), ("symbol", COINS)):
        there = [c for c in made.columns if c in known]
        if len(there) > 1:
            raise DataError(f"one column must be the {name}", got=", ".join(there), where=where)
        made = made.rename(columns=dict.fromkeys(there, name))
    return made


def _parts(frames: Frames, stream: str) -> Iterator[tuple[str, pd.DataFrame]]:
    if isinstance(frames, Mapping):
        keys = {str(key).lower(): key for key in frames}
        if {"open", "close"} <= keys.keys() or (stream == "funding" and "rate" in keys):
            wide = {name: frames[key] for name, key in keys.items()}
            yield from _unstacked(pd.concat(wide, axis=1))
            return
        for symbol, frame in frames.items():
            yield symbol, lowered(frame, where=f"{symbol}, {stream}")
        return
    if frames.columns.nlevels == 2:
        yield from _unstacked(_fields_first(frames, stream))
        return
    made = lowered(frames, where=stream)
    if "symbol" in made:
        if made["symbol"].isna().any():
            raise DataError("every row must name its coin", got="none", where=stream)
        for coin, rows in made.groupby("symbol", sort=False, observed=True):
            yield str(coin), rows.drop(columns="symbol")
    elif stream == "funding" and "rate" not in made:
        yield from _unstacked(pd.concat({"rate": frames}, axis=1))
    else:
        yield ONLY, made


def _fields_first(frame: pd.DataFrame, stream: str) -> pd.DataFrame:
    for level in (0, 1):
        if "close" in {str(name).lower() for name in frame.columns.get_level_values(level)}:
            return frame if level == 0 else frame.swaplevel(axis=1)
    raise DataError(
        "a level of the columns must hold open, high, low and close",
        got=", ".join(map(str, frame.columns[0])),
        where=stream,
    )


def _unstacked(wide: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Each coin's rows that hold anything, of a frame with fields above coins."""
    for coin in dict.fromkeys(wide.columns.get_level_values(1)):
        mine = pd.DataFrame(wide.xs(coin, axis=1, level=1)).dropna(how="all")
        if len(mine):
            yield str(coin), lowered(mine, where=str(coin))


def _timed(frame: pd.DataFrame, *, where: str) -> pd.DataFrame:
    if "time" not in frame:
        raise DataError(
            "bars and settlements need their times",
            got=f"columns {', '.join(map(str, frame.columns))}",
            where=where,
            hint="a column time, or an index of time stamps",
        )
    made = frame.assign(time=utc_times(frame["time"], where=f"{where}, column time"))
    if "available" in made:
        made["available"] = utc_times(made["available"], where=f"{where}, column available")
    return made


def _smallest(parts: Mapping[str, pd.DataFrame]) -> pd.Timedelta:
    """The smallest distance between two bars of a coin."""
    steps = [np.diff(nanoseconds(frame["time"])) for frame in parts.values()]
    found = np.concatenate([step[step > 0] for step in steps])
    if not len(found):
        raise DataError("a coin needs at least two bars", got="one", hint='or bar="1h"')
    return bar_size(bar_text(pd.Timedelta(int(found.min()), "ns")))


def _with_intervals(frame: pd.DataFrame) -> pd.DataFrame:
    if "interval_hours" in frame:
        return frame
    return frame.assign(interval_hours=inferred_hours(nanoseconds(frame["time"].dt.round("min"))))
