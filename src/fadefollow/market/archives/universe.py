"""Which coins Binance's archive has, the dead ones too, and what fetching them takes.

The archive's own listing says which perpetuals there ever were: a folder for each. A plan lists the
files of each coin, so that a person knows beforehand how many coins, files and bytes there are.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from typing import Any

import pandas as pd

from fadefollow.errors import DataError, ParameterError
from fadefollow.market.archives.binance import MULTIPLES
from fadefollow.market.archives.contents import Contents, contents
from fadefollow.market.archives.dated import contracts, pairs
from fadefollow.market.archives.layout import (
    DATED,
    FUTURE,
    KINDS,
    Kind,
    interval_for,
    symbols_folder,
)
from fadefollow.market.archives.source import Source
from fadefollow.market.importing.files import Progress
from fadefollow.market.names import check_symbol

#: seconds that a file takes besides its transfer: unzipped, parsed, checked and stored
_PER_FILE = 0.02


@dataclass(frozen=True)
class Universe:
    """Which coins of the archive are wanted.

    Attributes:
        quote: currency that their perpetuals are quoted in.
        match: only symbols such as `BTCUSDT` that match: a glob (`*PEPE*`), or a regular expression
            between slashes (`/^1000/`).
        min_days: only perpetuals with files of so many days; a month counts whole.
    """

    quote: str = "USDT"
    match: str | None = None
    min_days: int = 0

    def __post_init__(self) -> None:
        check_symbol(self.quote)
        if self.min_days < 0:
            raise ParameterError("min_days must be at least 0", got=self.min_days)
        self.matches("")

    def matches(self, symbol: str) -> bool:
        """Whether a symbol is one of those wanted by name.

        Raises:
            ParameterError: the regular expression cannot be one.
        """
        if self.match is None:
            return True
        if len(self.match) < 3 or not self.match.startswith("/") or not self.match.endswith("/"):
            return fnmatchcase(symbol, self.match)
        try:
            return re.search(self.match[1:-1], symbol) is not None
        except re.error as error:
            rule = "a pattern between slashes must be a regular expression"
            raise ParameterError(rule, got=f"{self.match}: {error}") from error


@dataclass(frozen=True)
class CoinPlan:
    """One coin of the archive: what there is of it in a range.

    Attributes:
        coin: as stored: `1000PEPEUSDT` is PEPE.
        symbol: of its perpetual.
        multiple: how the names of its contracts begin, of `MULTIPLES`.
        streams: those of which there are files.
        first, end: of its perpetual's and spot's files in the range, UTC.
        files, size: of all streams in the range, without checksums; bytes.
        digest: changes with any of the files.
        stored: whether the data set has all of it already.
    """

    coin: str
    symbol: str
    multiple: str
    streams: tuple[str, ...]
    first: pd.Timestamp
    end: pd.Timestamp
    files: int
    size: int
    digest: str
    stored: bool = False


@dataclass(frozen=True)
class UniversePlan:
    """All coins to fetch, those that cannot be, and what it takes.

    Attributes:
        coins: by name.
        left_out: symbols that are wanted and cannot be fetched, with the reason.
        seconds: estimated, of what is not stored yet, by how fast the listing came.
    """

    coins: tuple[CoinPlan, ...]
    left_out: Mapping[str, str]
    seconds: float

    @property
    def todo(self) -> tuple[CoinPlan, ...]:
        """The coins that the data set does not have yet as the archive has them now."""
        return tuple(coin for coin in self.coins if not coin.stored)

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        todo = self.todo
        return {
            "coins": len(self.coins),
            "stored": len(self.coins) - len(todo),
            "files": sum(coin.files for coin in todo),
            "bytes": sum(coin.size for coin in todo),
            "seconds": round(self.seconds),
            "left_out": dict(self.left_out),
            "by_coin": [
                {
                    **asdict(coin),
                    "streams": list(coin.streams),
                    "first": f"{coin.first:%Y-%m-%d}",
                    "end": f"{coin.end:%Y-%m-%d}",
                }
                for coin in self.coins
            ],
        }


@dataclass(frozen=True)
class _Named:
    symbol: str
    coin: str
    multiple: str


def plan_universe(
    source: Source,
    universe: Universe,
    streams: Collection[str],
    bar: pd.Timedelta,
    since: pd.Timestamp,
    until: pd.Timestamp,
    workers: int,
    progress: Progress | None = None,
) -> UniversePlan:
    """List the archive and find what there is of each coin.

    Args:
        source: a mirror, or the network.
        streams: of the archive, perp among them.
        bar: of the data set.
        since, until: the range, UTC.
        workers: coins listed at the same time.
        progress: called for each coin.

    Raises:
        UnreachableError, StoreError: the archive cannot be listed.
        DataError: it has no such coin.
    """
    say = progress or _silent
    say("listing the archive's coins", None)
    have = {name: _symbols(source, KINDS[name]) for name in streams if name != FUTURE}
    dated = _dated(source) if FUTURE in streams else set()
    wanted, left_out = _coins(have["perp"], universe)
    began = time.monotonic()

    def look(named: _Named) -> CoinPlan | None:
        found = [name for name, there in have.items() if _symbol(named, name, universe) in there]
        if dated & set(pairs(named.coin, universe.quote).values()):
            found.append(FUTURE)
        return _coin_plan(source, named, universe, found, bar, (since, until))

    plans: list[CoinPlan] = []
    with ThreadPoolExecutor(max_workers=workers) as pool:
        for number, (named, made) in enumerate(zip(wanted, pool.map(look, wanted), strict=True)):
            say(f"listing {named.symbol}", number / len(wanted))
            if made is not None:
                plans.append(made)
    if not plans and not left_out:
        raise DataError(
            f"the archive has no perpetual in {universe.quote} that is wanted",
            got=f"{len(have['perp'])} symbols",
            where=f"{since:%Y-%m-%d} to {until:%Y-%m-%d}",
            hint="check --quote, --match and --min-days, and the range",
        )
    each = 0.0 if source.local else (time.monotonic() - began) / max(len(wanted), 1) / len(have)
    files = sum(plan.files for plan in plans)
    return UniversePlan(
        tuple(sorted(plans, key=lambda plan: plan.coin)), left_out, files * (2 * each + _PER_FILE)
    )


def _silent(text: str, done: float | None) -> None:
    """Say nothing."""


def _symbols(source: Source, kind: Kind) -> set[str]:
    """The names of a kind's folders, of months and of days."""
    each = (True,) * kind.monthly + (False,) * kind.daily
    listings = (source.listing(symbols_folder(kind, monthly=monthly)) for monthly in each)
    return {folder.rstrip("/").rpartition("/")[2] for part in listings for folder in part.folders}


def _dated(source: Source) -> set[str]:
    """How the names of the dated contracts begin that the archive has, as `BTCUSDT_`."""
    names = {name for bars, _ in DATED.values() for name in _symbols(source, bars)}
    return {name[:-6] for name in names if re.fullmatch(r".+_\d{6}", name)}


def _coins(symbols: Iterable[str], universe: Universe) -> tuple[list[_Named], dict[str, str]]:
    """The perpetuals that are wanted, each coin once, and those whose coin cannot be stored."""
    found: dict[str, _Named] = {}
    left_out: dict[str, str] = {}
    quote = universe.quote
    for symbol in sorted(symbols):
        base = symbol.removesuffix(quote)
        if base in ("", symbol) or "_" in symbol or not universe.matches(symbol):
            continue
        named = _Named(symbol, *_split(base))
        try:
            check_symbol(named.coin)
        except ParameterError as error:
            left_out[symbol] = error.summary
            continue
        other = found.get(named.coin)
        if other is None:
            found[named.coin] = named
            continue
        first, second = sorted((other, named), key=lambda one: len(one.multiple))
        found[named.coin] = first
        left_out[second.symbol] = f"{first.symbol} is of the same coin"
    return list(found.values()), left_out


def _split(base: str) -> tuple[str, str]:
    """The coin and the multiple in a contract's name: PEPE and 1000 of 1000PEPE."""
    for multiple in sorted(MULTIPLES, key=len, reverse=True):
        coin = base.removeprefix(multiple)
        if coin and base.startswith(multiple) and not (multiple and coin[0].isdigit()):
            return coin, multiple
    return base, ""


def _symbol(named: _Named, stream: str, universe: Universe) -> str:
    return f"{named.coin}{universe.quote}" if stream == "spot" else named.symbol


def _coin_plan(
    source: Source,
    named: _Named,
    universe: Universe,
    streams: list[str],
    bar: pd.Timedelta,
    window: tuple[pd.Timestamp, pd.Timestamp],
) -> CoinPlan | None:
    """What there is of one coin; None without a perpetual in the range, or with too short a one."""
    interval = interval_for(bar)

    def there(name: str, since: pd.Timestamp, until: pd.Timestamp) -> Contents | None:
        symbol = _symbol(named, name, universe)
        return contents(source, KINDS[name], symbol, interval, since, until)

    perp = there("perp", *window)
    if perp is None or perp.days < universe.min_days:
        return None
    since, until = max(window[0], perp.first), min(window[1], perp.end)
    found: dict[str, list[Contents]] = {"perp": [perp]}
    for name in streams:
        if name == FUTURE:
            mine = contracts(source, named.coin, universe.quote, interval)
            parts = [one for c in mine for one in (c.there, c.measured) if one is not None]
            found[name] = [one for one in parts if one.end > since and one.first < until]
        elif name != "perp":
            one = there(name, *(window if name == "spot" else (since, until)))
            found[name] = [] if one is None else [one]
    return _summed(named, {name: parts for name, parts in found.items() if parts}, window)


def _summed(
    named: _Named,
    found: Mapping[str, list[Contents]],
    window: tuple[pd.Timestamp, pd.Timestamp],
) -> CoinPlan:
    # files of metrics hold two streams, and count once
    bars = [part for name in ("perp", "spot") for part in found.get(name, ())]
    different = {part.digest: part for parts in found.values() for part in parts}
    return CoinPlan(
        named.coin,
        named.symbol,
        named.multiple,
        tuple(found),
        max(window[0], min(part.first for part in bars)),
        min(window[1], max(part.end for part in bars)),
        sum(part.files for part in different.values()),
        sum(part.size for part in different.values()),
        hashlib.sha256("\n".join(sorted(different)).encode()).hexdigest(),
    )
