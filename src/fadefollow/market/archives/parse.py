"""One file of Binance's archive as a raw frame: with or without a header, in whatever time unit.

What the archive is known to do wrong is coped with and counted: rows out of order, rows twice,
rows without prices, bars off the grid, snapshots of zero open interest, stamps that since
2026-06-25 are the start of a snapshot's five minutes instead of its end. Nothing is filled.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from fadefollow.errors import DataError
from fadefollow.market.archives.layout import DAY, INTERVALS, Part, contract_usd, in_contracts
from fadefollow.market.findings import Finding, Grade, when
from fadefollow.market.importing.clean import Cleaned
from fadefollow.market.schema import as_numbers
from fadefollow.market.stamps import JITTER, nanoseconds, row_error, row_numbers
from fadefollow.market.streams import stream

_BARS = (
    "open_time",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "close_time",
    "quote_volume",
    "count",
    "taker_buy_volume",
    "taker_buy_quote_volume",
    "ignore",
)
_FUNDING = ("calc_time", "funding_interval_hours", "last_funding_rate")
_METRICS = (
    "create_time",
    "symbol",
    "sum_open_interest",
    "sum_open_interest_value",
    "count_toptrader_long_short_ratio",
    "sum_toptrader_long_short_ratio",
    "count_long_short_ratio",
    "sum_taker_long_short_vol_ratio",
)
#: which of a file's columns are which of the stream's
_COLUMNS = {
    "funding": {
        "time": "calc_time",
        "rate": "last_funding_rate",
        "interval_hours": "funding_interval_hours",
    },
    "open_interest": {"time": "create_time", "open_interest": "sum_open_interest"},
    "long_short": {
        "time": "create_time",
        "ratio": "count_long_short_ratio",
        "top_accounts_ratio": "count_toptrader_long_short_ratio",
        "top_positions_ratio": "sum_toptrader_long_short_ratio",
        "taker_ratio": "sum_taker_long_short_vol_ratio",
    },
}
#: columns of bars that only some streams have
_AMOUNTS = ("volume", "taker_buy_volume")
#: columns that a file may lack, and rows have no value in
_RATIOS = ("top_accounts_ratio", "top_positions_ratio", "taker_ratio")
_EXTRA = ("taker_buy_volume", *_RATIOS)
_BAR_COLUMNS = {"time": "open_time", "open": "open", "high": "high", "low": "low", "close": "close"}
#: which of a bar's columns holds the coins traded where amounts count contracts: headers call it
#: the volume in the quoted currency
_IN_COINS, _COINS = 7, "coins"
#: how far the price within a bar's amounts may lie outside its range, as a fraction
_ROUNDING = 1e-3
#: from this day on the stamps of metrics are the start of their five minutes
RELABELLED, SNAPSHOT = pd.Timestamp("2026-06-25", tz="UTC"), pd.Timedelta(minutes=5)
#: stamps below are in milliseconds, from there to the next limit in microseconds
_MILLISECONDS, _MICROSECONDS, _TOO_MANY = 10**11, 10**14, 10**17


@dataclass(frozen=True)
class Piece:
    """The rows of one file: `time` (UTC) and the stream's columns, sorted, each time once."""

    part: Part
    table: pd.DataFrame
    findings: tuple[Finding, ...]


def parse(part: Part, data: bytes, where: str) -> Piece:
    """The rows of one CSV of the archive.

    Args:
        part: which file it is: its kind, symbol, and the month or day whose times it may hold.
        data: the CSV.
        where: its name, for messages.

    Raises:
        DataError: no CSV, a column is missing, a value is no number, or a time belongs into
            another file.
    """
    schema = stream(part.kind.stream)
    names = {"fundingRate": _FUNDING, "metrics": _METRICS}.get(part.kind.folder, _BARS)
    mapping = _COLUMNS.get(part.kind.stream, _BAR_COLUMNS)
    if part.kind.bars:
        mapping = {**mapping, **{n: n for n in _AMOUNTS if n in schema.columns}}
    raw = _read(data, names, [c for n, c in mapping.items() if n not in _EXTRA], where)
    _check_symbol(raw, part, where)
    rows = row_numbers(raw)
    frame = pd.DataFrame({"time": _times(raw[mapping["time"]], mapping["time"], where)})
    for name, column in mapping.items():
        if name != "time" and (column in raw or name not in _EXTRA):
            unit = schema.columns[name].unit
            frame[name] = as_numbers(raw[column], column, unit, rows, where)
    _check_period(frame["time"], part, where)
    if part.kind.bars and in_contracts(part.kind):
        frame[_COINS] = np.nan
        if raw.shape[1] > _IN_COINS:
            coins = str(raw.columns[_IN_COINS])
            frame[_COINS] = as_numbers(raw[coins], coins, "coins", rows, where)
    found: list[Finding] = []
    steps: tuple[Callable[[pd.DataFrame, Part], Cleaned], ...] = (
        _possible,
        _without_values,
        _off_the_grid,
        _in_coins,
        _relabel,
        _in_order,
        _once,
    )
    for step in steps:
        frame, seen = step(frame, part)
        found += seen
    return Piece(part, frame.reset_index(drop=True), tuple(found))


def _read(data: bytes, names: tuple[str, ...], needed: list[str], where: str) -> pd.DataFrame:
    first = data[:4096].lstrip(b"\xef\xbb\xbf").partition(b"\n")[0]
    start = first.partition(b",")[0].strip(b' "\r')
    header = bool(start) and not start[:1].isdigit()
    try:
        raw = pd.read_csv(
            io.BytesIO(data), header=0 if header else None, encoding="utf-8-sig", low_memory=False
        )
    except pd.errors.EmptyDataError:
        return pd.DataFrame({name: pd.Series(dtype="float64") for name in names})
    except (ValueError, UnicodeError) as error:  # ParserError is a ValueError
        got = str(error).splitlines()[0]
        raise DataError("the file must be valid CSV", got=got, where=where) from error
    if header:
        raw.columns = raw.columns.str.strip()
    elif raw.shape[1] == len(names):
        raw.columns = pd.Index(names)
    else:
        raise DataError(
            f"a file without a header must have {len(names)} columns",
            got=raw.shape[1],
            where=where,
        )
    absent = [c for c in needed if c not in raw]
    if absent:
        got = f"columns {', '.join(map(str, raw.columns))}"
        raise DataError(f"column {absent[0]} is missing", got=got, where=where)
    return raw


def _check_symbol(raw: pd.DataFrame, part: Part, where: str) -> None:
    if "symbol" in raw and not (other := raw.loc[raw["symbol"] != part.symbol, "symbol"]).empty:
        raise DataError(
            f"every row must have the symbol {part.symbol}", got=other.iloc[0], where=where
        )


def _times(column: pd.Series, name: str, where: str) -> pd.Series:
    """Text, or milliseconds or microseconds since 1970, each row by its own size.

    A bare date, of which the archive's daily files of metrics once held one row, is the start of
    that day: the price within it, value over coins, is the mark at that moment to its last digit.
    """
    rows = row_numbers(column.to_frame())
    if not len(column):
        return pd.Series(pd.DatetimeIndex([], tz="UTC").as_unit("ns"))
    if not pd.api.types.is_numeric_dtype(column.dtype):
        parsed = pd.to_datetime(column, format="ISO8601", errors="coerce", utc=True)
        bad = parsed.isna()
    else:
        known = column.between(_MILLISECONDS, _TOO_MANY)
        micro = column.where(known, 0).astype("int64")
        micro = micro.where(micro >= _MICROSECONDS, micro * 1000)
        parsed, bad = pd.to_datetime(micro, unit="us", utc=True), ~known
    if bad.any():
        at = int(bad.to_numpy().argmax())
        raise row_error(
            "times must be ISO 8601, or milliseconds or microseconds since 1970",
            repr(column.iloc[at]),
            where,
            rows[at],
            name,
            int(bad.sum()),
        )
    made: pd.Series = parsed.dt.as_unit("ns")
    return made


def _check_period(times: pd.Series, part: Part, where: str) -> None:
    """Refuse a file that holds another month's or day's rows."""
    slack = pd.Timedelta(0) if part.kind.bars else JITTER
    bad = (times < part.start - slack) | (times > part.end + slack)
    if part.kind.bars:
        bad |= times == part.end
    if bad.any():
        at = int(bad.to_numpy().argmax())
        raise row_error(
            f"times must lie from {when(part.start)} to {when(part.end)}, as the name says",
            when(times[at]),
            where,
            at + 1,
            "time",
            int(bad.sum()),
            "is the file under another's name?",
        )


def _possible(frame: pd.DataFrame, part: Part) -> Cleaned:
    """Leave out single values that cannot be, and optional columns of which there is nothing.

    What takers bought is a part of the volume; no ratio of two sides is 0, which the archive
    writes where it has none.
    """
    found: tuple[Finding, ...] = ()
    made = frame.copy(deep=False)
    if "taker_buy_volume" in made:
        bad = made["taker_buy_volume"] > made["volume"]
        made["taker_buy_volume"] = made["taker_buy_volume"].mask(bad)
        text = "takers' part larger than the volume, not stored"
        found += _seen("warning", part, "taker volume", frame, bad, text)
    for name in _RATIOS:
        if name in made:
            bad = made[name] == 0
            made[name] = made[name].mask(bad)
            found += _seen("note", part, f"{name} of 0", frame, bad, f"{name} of 0, not stored")
    empty = [n for n in _EXTRA if n in made and made[n].isna().all()]
    return made.drop(columns=empty), found


def _without_values(frame: pd.DataFrame, part: Part) -> Cleaned:
    """Leave out what is missing, and prices of zero; other zeros are `implausible`'s."""
    needed = [n for n in frame if n not in ("time", "volume", _COINS, *_EXTRA)]
    bad = frame[needed].isna().any(axis=1)
    if part.kind.bars and part.kind.stream != "premium_index":
        bad |= (frame[needed] <= 0).any(axis=1)
    return frame[~bad], _seen(
        "warning", part, "empty rows", frame, bad, "rows without values or of zero, not stored"
    )


def _off_the_grid(frame: pd.DataFrame, part: Part) -> Cleaned:
    """Leave out bars that do not open on the grid, as after some of the exchange's outages."""
    if not part.kind.bars:
        return frame, ()
    step = INTERVALS[part.interval].value
    off = pd.Series(nanoseconds(frame["time"]) % step != 0, frame.index)
    text = "bars that do not open on the grid, not stored"
    return frame[~off], _seen("warning", part, "bars off the grid", frame, off, text)


def _in_coins(frame: pd.DataFrame, part: Part) -> Cleaned:
    """Volume in coins where the file counts contracts.

    The file also says the coins themselves. They are taken where the dollars of its contracts over
    them are a price of the bar; elsewhere the contracts are converted at the mean of open, high,
    low and close.
    """
    if _COINS not in frame:
        return frame, ()
    dollars, coins = frame["volume"] * contract_usd(part.symbol), frame[_COINS]
    low, high = frame["low"] * (1 - _ROUNDING), frame["high"] * (1 + _ROUNDING)
    squares = (coins * low <= dollars) & (dollars <= coins * high)
    price = frame[["open", "high", "low", "close"]].mean(axis=1)
    converted = ~squares & (dollars > 0)
    text = "contracts whose coins the file does not say, converted at the bar's mean price"
    made = frame.assign(volume=coins.where(squares, dollars / price)).drop(columns=_COINS)
    return made, _seen("warning", part, "coins by price", frame, converted, text)


def _relabel(frame: pd.DataFrame, part: Part) -> Cleaned:
    """Give snapshots the time at which they were taken.

    Until 2026-06-24 a day's file runs from 00:05 to the next day's 00:00 and a stamp is the time
    of the snapshot; since then it runs from 00:00 to 23:55, and the snapshot is five minutes
    younger than its stamp. Without the shift, it would be known before it was taken.
    """
    moved = part.kind.folder == "metrics" and part.start >= RELABELLED
    if not moved or not len(frame) or (frame["time"] >= part.start + DAY).any():
        return frame, ()
    every = pd.Series(data=True, index=frame.index)
    text = "stamps mark the start of the five minutes since 2026-06-25; moved to the end"
    shifted = frame.assign(time=frame["time"] + SNAPSHOT)
    return shifted, _seen("note", part, "stamps moved", frame, every, text)


def _in_order(frame: pd.DataFrame, part: Part) -> Cleaned:
    back = frame["time"].diff() < pd.Timedelta(0)
    found = _seen("note", part, "unsorted rows", frame, back, "rows before the last one, sorted")
    return (frame.sort_values("time", kind="stable") if found else frame), found


def _once(frame: pd.DataFrame, part: Part) -> Cleaned:
    """Each time once, the last row of it; settlements by the minute, as their stamps jitter."""
    moment = frame["time"].dt.round("min") if part.kind.stream == "funding" else frame["time"]
    twice = moment.duplicated(keep="last")
    if not twice.any():
        return frame, ()
    values = frame.drop(columns="time").assign(moment=moment)
    same = twice & values.duplicated(keep=False)
    text = "rows recorded twice, stored once"
    other = "rows recorded twice with different values, the last one stored"
    return frame[~twice], (
        *_seen("note", part, "duplicates", frame, same, text),
        *_seen("warning", part, "conflicting rows", frame, twice & ~same, other),
    )


def _seen(
    grade: Grade, part: Part, rule: str, frame: pd.DataFrame, mask: pd.Series, text: str
) -> tuple[Finding, ...]:
    """A finding about the rows in `mask`; none without rows."""
    count = int(mask.sum())
    if not count:
        return ()
    first = when(frame["time"].iloc[int(mask.to_numpy().argmax())])
    return (Finding(grade, "", part.kind.stream, rule, count, first, text),)
