"""A data set opened: read from the store or simulated, cut to what was asked for."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from fadefollow.errors import DataError, ParameterError, StoreError
from fadefollow.market.asof.holdout import hold_out
from fadefollow.market.asof.universe import Universe, UniverseSpec
from fadefollow.market.asof.vintages import Revision, revisions, vintages_of
from fadefollow.market.bars import bar_size, bar_text
from fadefollow.market.dataset import Dataset, of_coins
from fadefollow.market.dataset_spec import DatasetSpec
from fadefollow.market.findings import Finding
from fadefollow.market.lab import simulate
from fadefollow.market.names import check_dataset_name, check_symbol
from fadefollow.market.panel import Market
from fadefollow.market.store.store import Store, fingerprint
from fadefollow.market.streams import stream


def open_dataset(
    spec: DatasetSpec,
    name: str,
    store_root: Path,
    *,
    symbols: Sequence[str] | None = None,
    since: pd.Timestamp | None = None,
    until: pd.Timestamp | None = None,
    open_holdout: bool = False,
    universe: int | None = None,
    revised: bool = False,
) -> Dataset:
    """Read a data set from the store, or simulate it.

    Args:
        spec: what its TOML says.
        name: its name.
        store_root: the store's folder.
        symbols: only these coins, in this order; by default all.
        since: leave out bars that open before; UTC where it has no zone.
        until: leave out bars that close after.
        open_holdout: also show what the data set holds out. Go through
            `fadefollow.jobs.datasets.open_named`, which records it.
        universe: so many coins, the largest, by the rule of the TOML's `[universe]` or by the
            default one; 0 for all; by default what the TOML says. It is formed among all coins
            and from all that was known before, whatever coins and range are asked for.
        revised: take every record in its last vintage, as nobody knew it at the time, instead of
            the first, and revisions from when they were known.

    Raises:
        DataError: it was not imported, the range is backwards or holds no data, or too little for
            its universe.
        ParameterError: a holdout is to be opened, and none is declared.
        UnknownNameError: a coin that the data set does not have.
        StoreError: the store cannot be read.
    """
    check_dataset_name(name)
    since, until = _aware(since), _aware(until)
    if since is not None and until is not None and since >= until:
        rule = "the range must go forward"
        raise DataError(rule, got=f"since {since}, until {until}", where=name)
    for symbol in symbols or ():
        check_symbol(symbol)
    members = _rule(spec.universe, universe)
    needed = symbols if members is None else None
    whole = (
        _simulated(spec, name)
        if spec.source == "lab"
        else _stored(spec, name, Store(Path(store_root)), needed, revised=revised)
    )
    chosen = whole.select(*needed) if needed else whole
    if spec.implied_funding:
        chosen = dataclasses.replace(chosen.implied, implied_funding=True)
    shown = hold_out(chosen, spec.holdout, since=since, until=until, open_=open_holdout)
    if members is not None:
        formed = Universe.form(members, shown.markets)
        shown = dataclasses.replace(shown, markets=formed.attached(shown.markets), universe=formed)
        shown = shown.select(*symbols) if symbols else shown
    return _between(shown, since, until, strict=bool(symbols))


def _rule(declared: UniverseSpec | None, largest: int | None) -> UniverseSpec | None:
    if largest is None:
        return declared
    if largest < 0:
        raise ParameterError("a universe must have at least one coin", got=largest)
    if largest == 0:
        return None
    return (declared or UniverseSpec(largest=largest)).model_copy(update={"largest": largest})


def _simulated(spec: DatasetSpec, name: str) -> Dataset:
    made = simulate(spec.lab, bar=spec.bar)
    listed, delisted = made.listed, made.delisted
    markets = {
        symbol: Market(
            symbol,
            bar=spec.bar,
            tables=tables,
            listed=listed.get(symbol),
            delisted=delisted.get(symbol),
        )
        for symbol, tables in made.tables.items()
    }
    print_ = fingerprint(spec.bar, made.tables)
    return Dataset(
        name,
        spec.title,
        spec.bar,
        simulated=True,
        fingerprint=print_,
        markets=markets,
        truth=made.truth,
        costs=spec.costs,
        lab=spec.lab,
    )


def _stored(
    spec: DatasetSpec, name: str, store: Store, symbols: Sequence[str] | None, *, revised: bool
) -> Dataset:
    if name not in store.datasets():
        raise DataError(
            "the data set has not been imported",
            where=name,
            hint=_how_to_get(spec, name),
        )
    for attempt in (1, 2):
        pointer = store.read(name)
        try:
            tables = {
                coin: store.load(name, coin, pointer=pointer)
                for coin in symbols or tuple(pointer.tables)
            }
            older = {coin: store.superseded(name, coin, pointer=pointer) for coin in tables}
            break
        except StoreError:
            # two imports in a row may have removed files since the pointer was read
            if attempt == 2 or store.read(name) == pointer:
                raise
    bar = bar_size(pointer.bar)
    if bar != spec.bar:
        raise DataError(
            "the stored bars have another size than the data set's TOML says",
            got=f"{pointer.bar} in the store, {bar_text(spec.bar)} in the TOML",
            where=name,
            hint=_how_to_get(spec, name),
        )
    listings = pointer.listings
    tables, later, apart = _vintages(tables, older, revised=revised)
    markets = {
        coin: Market(
            coin,
            bar=bar,
            tables=streams,
            listed=listings[coin].listed_at if coin in listings else None,
            delisted=listings[coin].delisted_at if coin in listings else None,
            later=later.get(coin),
        )
        for coin, streams in tables.items()
    }
    findings = tuple(f for f in pointer.findings if f.symbol in markets)
    return Dataset(
        name,
        spec.title,
        bar,
        simulated=False,
        fingerprint=pointer.fingerprint,
        markets=markets,
        findings=findings,
        costs=spec.costs,
        revised=revised,
        revisions=apart,
    )


def _vintages(
    tables: dict[str, dict[str, pd.DataFrame]],
    older: Mapping[str, Mapping[str, Sequence[pd.DataFrame]]],
    *,
    revised: bool,
) -> tuple[
    dict[str, dict[str, pd.DataFrame]], dict[str, dict[str, pd.DataFrame]], tuple[Revision, ...]
]:
    """Tables in the vintages asked for, the revisions that follow, and how much they differ."""
    used = {coin: dict(streams) for coin, streams in tables.items()}
    later: dict[str, dict[str, pd.DataFrame]] = {}
    apart: list[Revision] = []
    for coin, streams in older.items():
        for name, parts in streams.items():
            found = vintages_of(tables[coin][name], parts, stream(name))
            apart += revisions(coin, stream(name), found)
            if not revised:
                used[coin][name] = found.first
                later.setdefault(coin, {})[name] = found.later
    return used, later, tuple(apart)


def _how_to_get(spec: DatasetSpec, name: str) -> str:
    if spec.source == "fetch":
        return f"fadefollow data fetch {name} BTC ETH --since 2021-01-01"
    return f"fadefollow data import {name} --from FOLDER"


def _between(
    dataset: Dataset, since: pd.Timestamp | None, until: pd.Timestamp | None, *, strict: bool
) -> Dataset:
    """Cut all markets to a range; coins without bars in it are left out and noted."""
    if since is None and until is None:
        return dataset
    cut, left_out = {}, []
    for symbol, market in dataset.markets.items():
        start = since or market.index[0]
        end = until or market.index[-1] + market.bar
        part = market.between(start, end) if start < end else None
        if part is not None and len(part) and {"perp", "spot"} & set(_with_bars(part)):
            cut[symbol] = part
        else:
            left_out.append(symbol)
    if not cut or (strict and left_out):
        raise DataError(
            "the range must hold data",
            got=f"since {since or 'the start'}, until {until or 'the end'}: nothing",
            where=f"{dataset.name}, {', '.join(left_out)}",
            hint=f"there is data from {_reach(dataset)}",
        )
    text = "no bars in the range asked for, left out"
    notes = tuple(Finding("warning", s, "perp", "no data", 1, "", text) for s in left_out)
    truth = of_coins(dataset.truth, cut)
    if truth is not None:
        inside = (truth["start"] >= (since or truth["start"].min())) & (
            truth["start"] < (until or truth["start"].max() + dataset.bar)
        )
        truth = truth[inside].reset_index(drop=True)
    universe = dataset.universe
    if universe is not None:
        ends = [m.index[-1] + m.bar for m in cut.values()]
        universe = universe.within(min(m.index[0] for m in cut.values()), max(ends))
    return dataclasses.replace(
        dataset, markets=cut, truth=truth, findings=(*dataset.findings, *notes), universe=universe
    )


def _with_bars(market: Market) -> tuple[str, ...]:
    """Those of perp and spot that have a bar inside the market's own range."""
    return tuple(
        name
        for name in ("perp", "spot")
        if name in market.streams and market.table(name)["time"].iloc[-1] >= market.index[0]
    )


def _reach(dataset: Dataset) -> str:
    first = min(m.index[0] for m in dataset.markets.values())
    last = max(m.index[-1] for m in dataset.markets.values()) + dataset.bar
    return f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC"


def _aware(time: pd.Timestamp | None) -> pd.Timestamp | None:
    if time is None:
        return None
    stamp = pd.Timestamp(time)
    return stamp.tz_localize("UTC") if stamp.tzinfo is None else stamp.tz_convert("UTC")
