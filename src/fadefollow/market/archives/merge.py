"""Into the store: what was read joins what is there, the data set is swapped whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from fadefollow.market.asof.vintages import SEEN
from fadefollow.market.bars import base_of
from fadefollow.market.fetch.time_ranges import holes, joined, without
from fadefollow.market.findings import Finding, when
from fadefollow.market.store.revise import merge_revisions
from fadefollow.market.store.store import Fetched, Listing, Manifest, Store, Update
from fadefollow.market.streams import Stream, stream

Key = tuple[str, str]  #: coin and stream


@dataclass(frozen=True)
class NewTable:
    """One table to keep: canonical, with what was seen and what it was made of."""

    table: pd.DataFrame
    findings: tuple[Finding, ...]
    source: str  #: which files


def merge_into_store(
    root: Path,
    dataset: str,
    fresh: Mapping[Key, NewTable],
    *,
    bar: pd.Timedelta,
    origin: str,
    missing: Iterable[Finding] = (),
    listings: Mapping[str, Listing] | None = None,
    now: pd.Timestamp | None = None,
) -> Manifest:
    """Join tables with those of a data set in the store; where both have a record, the new counts.

    What the source has changed is reported, and the records as they were are kept with the time at
    which that was noticed.

    Args:
        fresh: by coin and stream.
        bar: size of the data set's bars.
        origin: where the files come from, for the record.
        missing: findings about streams that have no table.
        listings: when coins were traded; what the data set knows already stays.
        now: when the files were got, UTC; by default the present.

    Raises:
        DataError: the data set has bars of another size, or a coin would have no bars.
        StoreError: the store cannot be read or written. The old version stays.
    """
    store, present = Store(root), pd.Timestamp.now(tz="UTC") if now is None else now

    def change(old: Manifest | None) -> Update:
        before = old.tables if old is not None else {}
        tables: dict[str, dict[str, pd.DataFrame]] = {}
        revised: dict[str, dict[str, pd.DataFrame]] = {}
        found: dict[Key, tuple[Finding, ...]] = {}
        for (coin, name), new in fresh.items():
            entry = before.get(coin, {}).get(name)
            there = None if entry is None else store.table(dataset, entry)
            got = pd.Series(present.as_unit("ns"), new.table.index)
            made, superseded = merge_revisions(
                there, [new.table.assign(**{SEEN: got})], stream(name)
            )
            tables.setdefault(coin, {})[name] = made
            seen = (*_kept_findings(old, coin, name, new.table), *new.findings)
            if len(superseded):
                revised.setdefault(coin, {})[name] = superseded
                seen = (*seen, _revision(name, superseded))
            found[coin, name] = tuple(f.of(coin) for f in seen)
        for finding in missing:
            if finding.stream not in before.get(finding.symbol, {}):
                found[finding.symbol, finding.stream] = (finding,)
        for coin in tables:
            names = {*tables[coin], *before.get(coin, {})}
            hint = "fetch its bars into this data set first"
            base_of(names, where=f"{dataset}, {coin}", hint=hint)
        known = old.listings if old is not None else {}
        new_listings = {c: item for c, item in (listings or {}).items() if c not in known}
        return Update(
            tables,
            findings=found,
            listings=new_listings,
            revised=revised,
            sources=_sources(origin, fresh),
            fetched=_covered(old, fresh, bar),
        )

    return store.update(dataset, change, bar=bar)


def _kept_findings(
    old: Manifest | None, coin: str, name: str, table: pd.DataFrame
) -> tuple[Finding, ...]:
    """Findings of before, without those about what has now been read again."""
    first, last = when(table["time"].iloc[0]), when(table["time"].iloc[-1])
    return tuple(
        f
        for f in (old.findings if old is not None else ())
        if (f.symbol, f.stream) == (coin, name) and f.where and not first <= f.where <= last
    )


def _revision(name: str, superseded: pd.DataFrame) -> Finding:
    text = "values changed later by the source; runs use the first ones unless --revised is given"
    first = when(superseded["time"].iloc[0])
    return Finding("warning", "", name, "revised values", len(superseded), first, text)


def _sources(origin: str, fresh: Mapping[Key, NewTable]) -> dict[Key, str]:
    return {key: f"{origin}: {item.source}" for key, item in fresh.items()}


def _covered(
    old: Manifest | None, fresh: Mapping[Key, NewTable], bar: pd.Timedelta
) -> dict[str, dict[str, Fetched]]:
    """What a later fetch of the same data set need not ask for: the ranges that hold records."""
    made: dict[str, dict[str, Fetched]] = {}
    for (coin, name), new in fresh.items():
        schema = stream(name)
        if schema.key:
            continue
        known = old.fetched.get(coin, {}).get(name) if old is not None else None
        times = new.table["time"].dt.as_unit("ms").astype("int64").to_numpy()
        step = None if schema.kind == "event" else _step(schema, bar)
        whole = int(times[0]), int(times[-1]) + (step or 1)
        here = without(whole, holes(times, whole, step))
        made.setdefault(coin, {})[name] = Fetched(
            market=known.market if known else "",
            covered=joined([*(known.covered if known else ()), *here]),
            folded=known.folded if known else (),
        )
    return made


def _step(schema: Stream, bar: pd.Timedelta) -> int:
    return int((schema.period or bar) / pd.Timedelta("1ms"))
