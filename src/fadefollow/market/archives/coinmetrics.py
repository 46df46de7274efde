"""Coin Metrics' community CSV: one file a coin, one row a day, exchange flows and hash rate.

The file is restated history: a value is what is thought today, not what was published on the
day. When a day was complete is in it for later years; a record counts as known at that moment or
after the declared lag, whichever is later.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from fadefollow.errors import DataError, unknown
from fadefollow.market.archives.merge import NewTable
from fadefollow.market.archives.series import UsedFile
from fadefollow.market.archives.source import ArchiveFile, Source
from fadefollow.market.findings import Finding
from fadefollow.market.importing.clean import drop_missing
from fadefollow.market.names import nearest
from fadefollow.market.schema import as_numbers, check
from fadefollow.market.stamps import row_numbers
from fadefollow.market.streams import stream

_DAY = pd.Timedelta(days=1)
#: columns that a stream is made of; all of them are needed
STREAMS = {
    "netflow": ("FlowInExNtv", "FlowOutExNtv", "SplyExNtv"),
    "hash_rate": ("HashRate",),
}
#: seconds since 1970 at which a day's values were complete
_COMPLETE = "AssetEODCompletionTime"
#: a day completed later than this was recomputed: its completion time says nothing
RECKONED_ANEW = 3 * _DAY
#: the file's hash rate is in TH/s
_EH = 1e-6
_CAVEAT = (
    "restated history, not what was known on the day; wallets were relabelled, and other "
    "vendors' levels differ"
)


@dataclass(frozen=True)
class Daily:
    """One stream of a coin's file: `time` (a day's start, UTC), its columns, `available`."""

    table: pd.DataFrame
    findings: tuple[Finding, ...]


def fetch_coin(
    source: Source,
    coin: str,
    streams: Sequence[str],
    since: pd.Timestamp,
    until: pd.Timestamp,
    lag: pd.Timedelta,
) -> tuple[dict[str, NewTable], list[UsedFile], list[Finding]]:
    """Streams of a coin, canonical.

    Args:
        streams: of `STREAMS`.
        since, until: UTC; days that begin from since on and are over by until.
        lag: of publication after a day's end.

    Returns:
        Tables by stream, the file, and what was seen of streams without a table.

    Raises:
        DataError: there is no file, it cannot be got, or breaks the schema.
    """
    got = get_file(source, coin)
    daily = read_daily(got, streams, since, until, lag)
    made: dict[str, NewTable] = {}
    missing: list[Finding] = []
    for name, part in daily.items():
        if not len(part.table):
            text = "Coin Metrics has no values in this range"
            missing.append(Finding("note", coin, name, "no data", 1, "", text))
            continue
        checked = check(part.table, name, bar=_DAY, where=got.path)
        record = f"{name} {got.path}, SHA-256 {got.sha256}"
        found = (*part.findings, *checked.findings)
        made[name] = NewTable(checked.table, found, record)
    used = UsedFile(got.path, got.sha256, got.verified, got.fetched, got.data.count(b"\n") - 1)
    return made, [used], missing


def path_of(coin: str) -> str:
    """The path of the coin's file, relative to the base."""
    return f"csv/{coin.lower()}.csv"


def get_file(source: Source, coin: str) -> ArchiveFile:
    """The coin's file.

    Raises:
        DataError: there is none, or it cannot be got.
    """
    got = source.get(path_of(coin))
    if got is None:
        raise DataError(
            "Coin Metrics has no file for this coin",
            where=path_of(coin),
            hint="files are named by asset, such as btc, not by contract",
        )
    return got


def read_daily(
    got: ArchiveFile,
    streams: Sequence[str],
    since: pd.Timestamp,
    until: pd.Timestamp,
    lag: pd.Timedelta,
) -> dict[str, Daily]:
    """Streams of one file, in a range.

    Args:
        streams: of `STREAMS`.
        since, until: UTC; days that begin from since on and are over by until.
        lag: of publication after a day's end.

    Raises:
        DataError: no CSV, cut, or without a needed column; a value that is no number.
        UnknownNameError: a stream that the file does not give.
    """
    where = got.path
    raw = _read(got.data, where)
    rows = row_numbers(raw)
    days = pd.to_datetime(raw["time"], format="ISO8601", errors="coerce", utc=True)
    if days.isna().any():
        at = int(days.isna().to_numpy().argmax())
        got_time = repr(raw["time"].iloc[at])
        raise DataError("times must be ISO 8601", got=got_time, where=f"{where}, row {at + 1}")
    days = days.dt.as_unit("ns")
    complete = _complete(raw, days, where)
    made: dict[str, Daily] = {}
    for name in streams:
        if name not in STREAMS:
            raise unknown("Coin Metrics stream", name, STREAMS)
        values = {c: _column(raw, c, where) for c in STREAMS[name]}
        numbers = {c: as_numbers(v, c, "coins", rows, where) for c, v in values.items()}
        frame = pd.DataFrame({"time": days, **_columns(name, numbers)})
        late = days + _DAY + lag
        frame["available"] = late.where(complete.isna() | (complete < late), complete)
        inside = (days >= since) & (days + _DAY <= until)
        made[name] = _whole(frame[inside], name)
    return made


def _columns(name: str, numbers: Mapping[str, pd.Series]) -> dict[str, pd.Series]:
    if name == "hash_rate":
        return {"hash_rate": numbers["HashRate"] * _EH}
    flow = numbers["FlowInExNtv"] - numbers["FlowOutExNtv"]
    return {"netflow_coins": flow, "reserve_coins": numbers["SplyExNtv"]}


def _whole(frame: pd.DataFrame, name: str) -> Daily:
    """Without days before the first value and after the last, which are no gaps; others counted."""
    present = frame[list(stream(name).columns)].notna().any(axis=1).to_numpy()
    if not present.any():
        return Daily(frame.iloc[:0], ())
    first, last = int(present.argmax()), len(present) - int(present[::-1].argmax())
    table, found = drop_missing(frame.iloc[first:last], stream(name))
    caveat = () if name != "netflow" else (Finding("note", "", name, "caveat", 1, "", _CAVEAT),)
    return Daily(table, (*found, *caveat))


def _complete(raw: pd.DataFrame, days: pd.Series, where: str) -> pd.Series:
    """When each day was complete, NaT where the file does not say so credibly."""
    if _COMPLETE not in raw:
        return pd.Series(pd.NaT, raw.index, dtype="datetime64[ns, UTC]")
    seconds = as_numbers(raw[_COMPLETE], _COMPLETE, "seconds", row_numbers(raw), where)
    known = seconds.between(0, 4e9)
    times = pd.to_datetime(seconds.where(known), unit="s", utc=True).dt.as_unit("ns")
    end = days + _DAY
    return times.where((times >= end) & (times <= end + RECKONED_ANEW))


def _column(raw: pd.DataFrame, name: str, where: str) -> pd.Series:
    if name not in raw:
        raise DataError(
            f"column {name} is missing",
            got=f"{raw.shape[1]} other columns",
            where=where,
            hint=nearest(name, list(raw.columns)).strip()
            or "the community file of this coin has no exchange flows",
        )
    return raw[name]


def _read(data: bytes, where: str) -> pd.DataFrame:
    """The file's columns; a file whose last line is cut is refused."""
    lines = data.rstrip(b"\r\n").rpartition(b"\n")
    last, commas = lines[2].count(b","), data.partition(b"\n")[0].count(b",")
    if not data.strip():
        raise DataError("the file is empty", where=where)
    if not data.endswith(b"\n") or last != commas:
        raise DataError(
            "the last line is cut off",
            where=where,
            hint="the download may be incomplete: fetch the file again",
        )
    try:
        raw = pd.read_csv(io.BytesIO(data), encoding="utf-8-sig", low_memory=False)
    except (ValueError, UnicodeError) as error:
        got = str(error).splitlines()[0]
        raise DataError("the file must be valid CSV", got=got, where=where) from error
    if "time" not in raw:
        got = ", ".join(map(str, raw.columns[:5]))
        raise DataError("column time is missing", got=f"columns {got}", where=where)
    return raw
