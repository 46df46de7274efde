"""One coin out of Binance's archive: canonical tables by stream."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import pandas as pd

from fadefollow.errors import DataError
from fadefollow.market.archives.dated import fetch_dated
from fadefollow.market.archives.layout import FUTURE, INTERVALS, interval_for, kind_of, plan
from fadefollow.market.archives.merge import NewTable
from fadefollow.market.archives.series import Reader, Series, UsedFile, gather
from fadefollow.market.audit.implausible import plausible
from fadefollow.market.findings import Finding, when
from fadefollow.market.importing import clean
from fadefollow.market.schema import check
from fadefollow.market.streams import stream

#: what contracts on many cheap coins are called: 1000PEPEUSDT is of 1000 PEPE
MULTIPLES = {"": 1, "1000": 1000, "1000000": 1_000_000, "1M": 1_000_000}
_PRICES, _AMOUNTS = (
    ("open", "high", "low", "close"),
    ("volume", "taker_buy_volume", "open_interest"),
)


def planned(
    streams: Sequence[str],
    bar: pd.Timedelta,
    since: pd.Timestamp,
    until: pd.Timestamp,
    now: pd.Timestamp,
) -> int:
    """How many files a coin needs at first sight, for the progress; dated contracts not counted."""
    interval = interval_for(bar)
    kinds = [kind_of(name) for name in streams if name != FUTURE]
    return sum(len(plan(kind, "", interval, since, until, now)) for kind in kinds)


def fetch_coin(
    coin: str,
    quote: str,
    streams: Sequence[str],
    bar: pd.Timedelta,
    since: pd.Timestamp,
    until: pd.Timestamp,
    reader: Callable[[], Reader],
    multiple: str | None = None,
) -> tuple[dict[str, NewTable], list[UsedFile], list[Finding]]:
    """All streams of a coin, canonical at the data set's bar.

    Args:
        coin, quote: e.g. BTC and USDT.
        streams: of `layout.STREAMS`, perp first: what else there is of contracts is looked for
            while it has bars.
        bar: of the data set; the archive's largest bars that divide it are joined.
        since, until: the range, UTC.
        reader: makes a new one for each stream.
        multiple: how the names of the coin's contracts begin, of `MULTIPLES`, where it is known.

    Returns:
        Tables by stream, the files that they were made of, and what was seen of streams without
        a table.

    Raises:
        DataError: a file is damaged, the archive unreachable, or it has no bars of the coin.
    """
    made: dict[str, NewTable] = {}
    files: list[UsedFile] = []
    missing: list[Finding] = []
    for name in streams:
        if name == FUTURE:
            dated = fetch_dated(coin, quote, bar, since, until, reader)
            if dated is None:
                missing.append(_absent(name, coin, quote))
                continue
            files += dated.used
            record = _record(dated.used, f"{len(dated.symbols)} contracts", dated.table)
            made[name] = NewTable(dated.table, dated.findings, f"{name} {record}")
            continue
        first, last = since, until
        if name != "spot" and "perp" in made:
            times = made["perp"].table["time"]
            first = max(since, times.iloc[0].floor("D"))
            last = min(until, (times.iloc[-1] + bar).ceil("D"))
        tried = [""] if name == "spot" else list(MULTIPLES) if multiple is None else [multiple]
        for prefix in tried:
            used = reader()
            interval = interval_for(bar)
            symbol = f"{prefix}{coin}{quote}"
            series = gather(kind_of(name), symbol, interval, first, last, used)
            if len(series.table):
                multiple = multiple if name == "spot" else prefix
                files += used.used
                made[name] = _canonical(series, name, symbol, prefix, bar, used)
                break
        else:
            missing.append(_absent(name, coin, quote))
    if {"perp", "spot"} & set(streams) and not {"perp", "spot"} & set(made):
        raise DataError(
            f"the archive has no perp or spot bars of {coin}{quote} in this range",
            where=f"{since:%Y-%m-%d} to {until:%Y-%m-%d}",
            hint="check that Binance listed the coin under this name at that time",
        )
    return made, files, missing


def _absent(name: str, coin: str, quote: str) -> Finding:
    text = f"the archive has no {name} of {coin}{quote} in this range"
    return Finding("note", coin, name, "no data", 1, "", text)


def _canonical(
    series: Series, name: str, symbol: str, prefix: str, bar: pd.Timedelta, reader: Reader
) -> NewTable:
    schema, frame, found = stream(name), series.table, list(series.findings)
    factor = MULTIPLES[prefix]
    if factor != 1:
        frame = _per_coin(frame, name, factor)
        text = f"a contract of {symbol} is {factor:,} coins; prices and amounts are stored per coin"
        found.append(Finding("note", "", name, "multiple", len(frame), "", text))
    if schema.kind == "snapshot":
        frame, seen = plausible(frame, schema)  # before a bar takes its last one
        found += seen
        frame = _last_of_bar(frame, bar)
    small = INTERVALS[interval_for(bar)]
    checked = check(frame, name, bar=small, where=symbol)
    found += checked.findings
    table = checked.table
    if schema.kind == "bars":
        table, seen = clean.resample(table, schema, small=small, bar=bar)
        found += seen
        if not len(table):
            raise DataError("no complete bar in the range", where=symbol)
    return NewTable(table, tuple(found), f"{name} {_record(reader.used, symbol, table)}")


def _per_coin(frame: pd.DataFrame, name: str, factor: int) -> pd.DataFrame:
    if name in ("premium_index", "funding"):
        return frame
    scaled = {c: frame[c] / factor for c in _PRICES if c in frame}
    return frame.assign(**scaled, **{c: frame[c] * factor for c in _AMOUNTS if c in frame})


def _last_of_bar(frame: pd.DataFrame, bar: pd.Timedelta) -> pd.DataFrame:
    """The last snapshot of each bar: no row of the panel sees another."""
    bins = frame["time"].dt.ceil(bar)
    kept: pd.DataFrame = frame[~bins.duplicated(keep="last")]
    return kept.reset_index(drop=True)


def _record(used: Sequence[UsedFile], symbol: str, table: pd.DataFrame) -> str:
    """Which files a table was made of: their number, and a hash of all their hashes."""
    lines = "\n".join(f"{file.sha256}  {file.path}" for file in sorted(used, key=_path))
    digest = hashlib.sha256(lines.encode()).hexdigest()[:16]
    verified = sum(file.verified for file in used)
    return (
        f"{symbol}, {when(table['time'].iloc[0])} to {when(table['time'].iloc[-1])}, "
        f"{len(used)} files, {verified} verified, list {digest}"
    )


def _path(file: UsedFile) -> str:
    return file.path
