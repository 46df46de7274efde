"""A data set opened: read from the store or simulated, cut to what was asked for."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from fadefollow.core.cache.shelf import Shelf
from fadefollow.errors import DataError, StoreError
from fadefollow.market.asof.coin_range import CoinRange
from fadefollow.market.asof.contents import Contents
from fadefollow.market.asof.holdout import hold_out
from fadefollow.market.asof.universe_rule import combined_rule
from fadefollow.market.asof.vintages import Revision, revisions, vintages_of
from fadefollow.market.bars import bar_size, bar_text
from fadefollow.market.datasets.dataset import Dataset
from fadefollow.market.datasets.request import DataRequest
from fadefollow.market.datasets.spec import DatasetSpec
from fadefollow.market.findings import UNREADABLE, Finding
from fadefollow.market.names import check_dataset_name, check_symbol
from fadefollow.market.store.manifest import Manifest
from fadefollow.market.store.store import Store, fingerprint
from fadefollow.market.streams import stream


def open_dataset(
    spec: DatasetSpec,
    name: str,
    store_root: Path,
    request: DataRequest | None = None,
    *,
    streams: Collection[str] | None = None,
) -> Dataset:
    """Read a data set from the store, or simulate it, as far as was asked for.

    Each coin's market is built once, at the end.

    Args:
        spec: what its TOML says.
        name: its name.
        store_root: the store's folder.
        request: what to show of it; by default all but the holdout. To open that, go through
            `fadefollow.jobs.datasets.open_named`, which records it.
        streams: those to read of a stored data set, by default all; the fingerprint is that of all.

    Raises:
        DataError: it was not imported, the range is backwards or holds no data, or too little for
            its universe.
        ParameterError: a holdout is to be opened, and none is declared; since or until is no time.
        UnknownNameError: a coin that the data set does not have.
        StoreError: the store cannot be read.
    """
    check_dataset_name(name)
    request = request or DataRequest()
    since, until = request.start, request.end
    if since is not None and until is not None and since >= until:
        rule = "since must be before until"
        raise DataError(rule, got=f"since {since}, until {until}", where=name)
    for symbol in request.symbols or ():
        check_symbol(symbol)
    members = combined_rule(spec.universe, request.universe)
    # a universe is formed among all coins
    needed = request.symbols if members is None else None
    source = (
        _simulated(spec, name)
        if spec.source == "lab"
        else _stored(
            spec,
            name,
            Store(Path(store_root)),
            needed,
            revised=request.revised,
            streams=None if streams is None else {*streams, *_always(spec)},
        )
    )
    asked = _readable(request.symbols, source.contents)
    whole = source.contents.select(*asked) if asked and needed else source.contents
    if spec.implied_funding:
        # of all bars: what a settlement is implied from may lie before the range
        whole = whole.with_implied_funding()
    shown = hold_out(
        whole, spec.holdout, since=since, until=until, open_=request.opened_by is not None
    )
    if members is not None:
        shown = shown.with_universe(members)
        shown = shown.select(*asked) if asked else shown
    return source.dataset(shown.between(since, until, strict=bool(request.symbols)), spec)


@dataclass(frozen=True)
class _Source:
    """A data set before anything of it is cut."""

    contents: Contents
    bar: pd.Timedelta
    fingerprint: str
    revised: bool = False

    def dataset(self, shown: Contents, spec: DatasetSpec) -> Dataset:
        """The data set with the markets of what is shown."""
        simulated = spec.source == "lab"
        return Dataset(
            shown.name,
            spec.title,
            self.bar,
            simulated,
            self.fingerprint,
            Shelf((symbol, coin.market()) for symbol, coin in shown.coins.items()),
            truth=shown.truth,
            findings=shown.findings,
            costs=spec.costs,
            lab=spec.lab if simulated else {},
            holdout=shown.holdout,
            holdout_open=shown.holdout_open,
            universe=shown.universe,
            revised=self.revised,
            revisions=shown.revisions,
            implied_funding=spec.implied_funding,
        )


def _readable(symbols: Sequence[str] | None, contents: Contents) -> tuple[str, ...] | None:
    """The coins that are asked for without those that cannot be read."""
    if symbols is None:
        return None
    unread = {f.symbol: f for f in contents.findings if f.code == UNREADABLE}
    asked = tuple(symbol for symbol in symbols if symbol not in unread)
    if not asked:
        first = unread[symbols[0]]
        raise DataError(
            "no coin can be read", got=first.text, where=f"{contents.name}, {symbols[0]}"
        )
    return asked


def _simulated(spec: DatasetSpec, name: str) -> _Source:
    from fadefollow.market.lab import simulate  # only the lab needs its compiler

    made = simulate(spec.lab, bar=spec.bar)
    coins = {
        symbol: CoinRange.whole(
            symbol,
            bar=spec.bar,
            tables=tables,
            listed=made.listed.get(symbol),
            delisted=made.delisted.get(symbol),
        )
        for symbol, tables in made.tables.items()
    }
    contents = Contents(name, coins, truth=made.truth)
    return _Source(contents, spec.bar, fingerprint(spec.bar, made.tables))


def _always(spec: DatasetSpec) -> tuple[str, ...]:
    """Streams that opening a data set needs: prices, and what implied funding is made of."""
    return (
        "perp",
        "spot",
        "mark",
        "funding",
        *(("premium_index",) if spec.implied_funding else ()),
    )


def _stored(
    spec: DatasetSpec,
    name: str,
    store: Store,
    symbols: Sequence[str] | None,
    *,
    revised: bool,
    streams: Collection[str] | None,
) -> _Source:
    if name not in store.datasets():
        raise DataError(
            "the data set has not been imported",
            where=name,
            hint=_how_to_get(spec, name),
        )
    for attempt in (1, 2):
        manifest = store.read(name)
        _check_bar(manifest, spec, name)
        wanted = manifest if streams is None else manifest.of_streams(streams)
        read = _Read(Shelf(), [], {})
        for coin in symbols or tuple(manifest.tables):
            read.add(store, name, coin, wanted, revised=revised)
            # two imports in a row may have removed files since the manifest was read
            if read.errors and attempt == 1 and store.read(name) != manifest:
                break
        else:
            break
    if read.errors and not len(read.coins):
        raise next(iter(read.errors.values()))
    unread = [_unread(coin, error, manifest) for coin, error in read.errors.items()]
    findings = (*(f for f in manifest.findings if f.symbol in read.coins), *unread)
    contents = Contents(name, read.coins, findings=findings, revisions=tuple(read.revisions))
    return _Source(contents, spec.bar, manifest.fingerprint, revised)


def _check_bar(manifest: Manifest, spec: DatasetSpec, name: str) -> None:
    if bar_size(manifest.bar) != spec.bar:
        raise DataError(
            "the stored bars have another size than the data set's TOML says",
            got=f"{manifest.bar} in the store, {bar_text(spec.bar)} in the TOML",
            where=name,
            hint=_how_to_get(spec, name),
        )


@dataclass(frozen=True)
class _Read:
    """What was read of a store, coin by coin."""

    coins: Shelf[str, CoinRange]
    revisions: list[Revision]
    errors: dict[str, StoreError]  #: of coins that cannot be read

    def add(self, store: Store, name: str, coin: str, manifest: Manifest, *, revised: bool) -> None:
        """Read one more coin, or note why it cannot be read."""
        try:
            older = store.superseded(name, coin, manifest=manifest)
            tables = store.load(name, coin, manifest=manifest)
        except StoreError as error:
            self.errors[coin] = error
            return
        tables, later, apart = _vintages(coin, tables, older, revised=revised)
        listing = manifest.listings.get(coin)
        whole = CoinRange.whole(
            coin,
            bar=bar_size(manifest.bar),
            tables=tables,
            listed=listing.listed_at if listing else None,
            delisted=listing.delisted_at if listing else None,
            later=later,
        )
        self.coins.put(coin, whole)
        self.revisions.extend(apart)


def _unread(coin: str, error: StoreError, manifest: Manifest) -> Finding:
    file = Path(error.where).name
    entries = {e.file: stream_name for stream_name, e in manifest.tables[coin].items()}
    text = f"{file}: {error.summary}" if file else error.summary
    return Finding("error", coin, entries.get(file, "perp"), UNREADABLE, 1, "", text)


def _vintages(
    coin: str,
    tables: Mapping[str, pd.DataFrame],
    older: Mapping[str, Sequence[pd.DataFrame]],
    *,
    revised: bool,
) -> tuple[dict[str, pd.DataFrame], dict[str, pd.DataFrame], list[Revision]]:
    """A coin's tables in the vintages asked for, the revisions that follow, and their distance."""
    used, later, apart = dict(tables), dict[str, pd.DataFrame](), list[Revision]()
    for name, parts in older.items():
        found = vintages_of(tables[name], parts, stream(name))
        apart += revisions(coin, stream(name), found)
        if not revised:
            used[name] = found.first
            later[name] = found.later
    return used, later, apart


def _how_to_get(spec: DatasetSpec, name: str) -> str:
    if spec.source == "fetch":
        return f"fadefollow data fetch {name} BTC ETH --since 2021-01-01"
    return f"fadefollow data import {name} --from FOLDER"
