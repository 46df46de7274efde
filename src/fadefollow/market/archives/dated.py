"""Dated futures of one coin out of Binance's archive: both kinds, in coins, one row a contract.

An expiry may have two contracts, one margined in dollars and one in the coin. The one whose files
begin in an earlier month is stored, so that an expiry's prices are those of one market from its
first bar to its last; of two that begin together, the one in dollars. Volume is that of both.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby

import pandas as pd

from fadefollow.market.archives.contents import Contents, contents
from fadefollow.market.archives.layout import (
    DATED,
    FUTURE,
    INTERVALS,
    Kind,
    contract_usd,
    in_contracts,
    interval_for,
    symbols_folder,
)
from fadefollow.market.archives.series import Reader, UsedFile, gather
from fadefollow.market.archives.source import Source
from fadefollow.market.audit.implausible import plausible
from fadefollow.market.findings import Finding, when
from fadefollow.market.importing import clean
from fadefollow.market.schema import check
from fadefollow.market.streams import stream

#: the hour, UTC, at which contracts are settled on the day in their name
SETTLED = pd.Timedelta(hours=8)
_EPOCH, _FOREVER = pd.Timestamp("2017-01-01", tz="UTC"), pd.Timestamp("2200-01-01", tz="UTC")
_DOLLARS = ("USDT", "USDC", "BUSD", "USD")


@dataclass(frozen=True)
class Contract:
    """One dated contract, as the archive's listing has it."""

    symbol: str  #: as `BTCUSDT_210326`
    expiry: pd.Timestamp  #: UTC
    bars: Kind
    metrics: Kind
    there: Contents  #: of its bars
    measured: Contents | None  #: of its metrics

    @property
    def label(self) -> str:
        """The day of its expiry, as `210326`."""
        return self.symbol.rpartition("_")[2]


@dataclass(frozen=True)
class Dated:
    """All dated futures of a coin: a canonical table, what was seen, and the files."""

    table: pd.DataFrame
    findings: tuple[Finding, ...]
    used: tuple[UsedFile, ...]
    symbols: tuple[str, ...]


def pairs(coin: str, quote: str) -> dict[str, str]:
    """How the names of a coin's dated contracts begin, by market."""
    names = dict.fromkeys(DATED, f"{coin}{quote}_")
    if quote in _DOLLARS:
        names["futures/cm"] = f"{coin}USD_"
    return names


def contracts(
    source: Source, coin: str, quote: str, interval: str, workers: int = 1
) -> list[Contract]:
    """The dated contracts that the archive has of a coin, by expiry, then by first listing.

    Args:
        interval: of their bars.
        workers: folders listed at the same time.

    Raises:
        UnreachableError, StoreError: the archive cannot be listed.
    """
    named: list[tuple[str, str]] = []
    for market, pair in pairs(coin, quote).items():
        bars, _ = DATED[market]
        folders = {
            folder.rstrip("/").rpartition("/")[2]
            for monthly in (True, False)
            for folder in source.listing(symbols_folder(bars, monthly=monthly) + pair).folders
        }
        named += [(market, name) for name in folders if _expiry(name, pair) is not None]
    with ThreadPoolExecutor(max_workers=workers) as pool:
        found = list(pool.map(partial(_contract, source, interval), named))
    order = list(DATED)
    return sorted(
        (one for one in found if one is not None),
        key=lambda one: (one.expiry, one.there.first, order.index(one.bars.market)),
    )


def _contract(source: Source, interval: str, named: tuple[str, str]) -> Contract | None:
    market, symbol = named
    bars, metrics = DATED[market]
    expiry = _expiry(symbol, "")
    there = contents(source, bars, symbol, interval, _EPOCH, _FOREVER)
    if expiry is None or there is None:
        return None
    measured = contents(source, metrics, symbol, "", _EPOCH, _FOREVER)
    return Contract(symbol, expiry, bars, metrics, there, measured)


def _expiry(symbol: str, pair: str) -> pd.Timestamp | None:
    """When a contract ends, None where the name is not one of a contract of this pair."""
    match = re.fullmatch(rf"{re.escape(pair)}(?:.*_)?(\d{{6}})", symbol)
    day = pd.to_datetime(match[1], format="%y%m%d", utc=True, errors="coerce") if match else pd.NaT
    return None if pd.isna(day) else (day + SETTLED).as_unit("ns")


def fetch_dated(
    coin: str,
    quote: str,
    bar: pd.Timedelta,
    since: pd.Timestamp,
    until: pd.Timestamp,
    reader: Callable[[], Reader],
) -> Dated | None:
    """All dated futures of a coin in a range, canonical at the data set's bar.

    Args:
        coin, quote: e.g. BTC and USDT; coin-margined contracts are quoted in USD.
        bar: of the data set.
        since, until: the range, UTC.
        reader: makes a new one for each stream of each contract.

    Returns:
        None where there is none.

    Raises:
        DataError: a file is damaged, or the archive unreachable.
    """
    interval, first = interval_for(bar), reader()
    listed = contracts(first.source, coin, quote, interval, first.workers)
    inside = [one for one in listed if one.there.end > since and one.there.first < until]
    parts: list[Dated] = []
    for _, mine in groupby(inside, key=lambda one: one.expiry):
        read = [_read(one, bar, since, until, reader) for one in mine]
        parts += _joined([part for part in read if part is not None])
    if not parts:
        return None
    columns = [c for c in ("time", *stream(FUTURE).columns) if any(c in p.table for p in parts)]
    table = pd.concat([part.table for part in parts], ignore_index=True)
    table = table.sort_values(["time", "expiry"], kind="stable", ignore_index=True)
    used = tuple(file for part in parts for file in part.used)
    symbols = tuple(name for part in parts for name in part.symbols)
    about = _about_files(used, len(symbols), when(table["time"].iloc[0]))
    found = (about, *(finding for part in parts for finding in part.findings))
    return Dated(table[[*columns, "available"]], found, used, symbols)


def _read(
    contract: Contract,
    bar: pd.Timedelta,
    since: pd.Timestamp,
    until: pd.Timestamp,
    reader: Callable[[], Reader],
) -> Dated | None:
    """One contract by itself."""
    interval, schema, used = interval_for(bar), stream(FUTURE), reader()
    low, high = max(since, contract.there.first), min(until, contract.there.end)
    series = gather(contract.bars, contract.symbol, interval, low, high, used)
    frame, trimmed = clean.trim_contract(series.table, schema, contract.expiry)
    if not len(frame):
        return None
    small = INTERVALS[interval]
    frame = frame.reset_index(drop=True).assign(expiry=contract.expiry)
    checked = check(frame, FUTURE, bar=small, where=contract.symbol)
    table, joined = clean.resample(checked.table, schema, small=small, bar=bar)
    if not len(table):
        return None
    found = [*series.findings, *trimmed, *checked.findings, *joined]
    files = list(used.used)
    if contract.measured is not None:
        held, seen, read = _open_interest(contract, table, bar, until, reader())
        table = table.assign(open_interest=held)
        found += seen
        files += read
    if in_contracts(contract.bars):
        size = contract_usd(contract.symbol)
        text = f"a contract is {size:g} dollars; amounts are stored in coins, prices as they are"
        found.append(Finding("note", "", FUTURE, "contracts", len(table), "", text))
    about = tuple(
        replace(finding, stream=FUTURE, contracts=(contract.label,))
        for finding in found
        if finding.rule != "archive files"  # told once for all contracts
    )
    return Dated(table, about, tuple(files), (contract.symbol,))


def _open_interest(
    contract: Contract,
    table: pd.DataFrame,
    bar: pd.Timedelta,
    until: pd.Timestamp,
    reader: Reader,
) -> tuple[pd.Series, Sequence[Finding], Sequence[UsedFile]]:
    """Open interest in coins at each bar's close, NaN where no snapshot was taken in it.

    Contracts are converted at the close of the bar in which the snapshot was taken, so that nothing
    is known before that close.
    """
    assert contract.measured is not None
    times = table["time"]
    low = max(times.iloc[0].floor("D"), contract.measured.first)
    high = min(until, (times.iloc[-1] + bar).ceil("D"), contract.measured.end)
    series = gather(contract.metrics, contract.symbol, "", low, high, reader)
    held, seen = plausible(series.table, stream("open_interest"))
    if not len(held):
        return times.map(lambda _: float("nan")), [*series.findings, *seen], reader.used
    opened = held["time"].dt.ceil(bar) - bar
    last = ~opened.duplicated(keep="last")
    by_bar = pd.Series(held["open_interest"][last].to_numpy(float), opened[last])
    amount = pd.Series(by_bar.reindex(times).to_numpy(float), table.index)
    if in_contracts(contract.metrics):
        amount = amount * contract_usd(contract.symbol) / table["close"]
    return amount, [*series.findings, *seen], reader.used


def _joined(parts: Sequence[Dated]) -> list[Dated]:
    """The contracts of one expiry as one: the first's prices, the volume of all."""
    if len(parts) < 2:
        return list(parts)
    main, *others = parts
    volume = main.table["volume"]
    for other in others:
        traded = other.table.set_index("time")["volume"].reindex(main.table["time"])
        volume = volume + traded.fillna(0.0).to_numpy()
    text = (
        "two contracts have this expiry: prices are of the one that was listed first, the volume "
        "of both"
    )
    label = main.symbols[0].rpartition("_")[2]
    note = Finding(
        "note", "", FUTURE, "two contracts", 1, when(main.table["time"].iloc[0]), text, (label,)
    )
    return [
        Dated(
            main.table.assign(volume=volume),
            (*(f for part in parts for f in part.findings), note),
            tuple(file for part in parts for file in part.used),
            tuple(name for part in parts for name in part.symbols),
        )
    ]


def _about_files(used: Iterable[UsedFile], count: int, where: str) -> Finding:
    files = list(used)
    months = sum("/monthly/" in file.path for file in files)
    verified = sum(file.verified for file in files)
    text = (
        f"{count} contracts, {months} monthly and {len(files) - months} daily files, "
        f"{verified} checksums verified"
    )
    return Finding("note", "", FUTURE, "archive files", len(files), where, text)
