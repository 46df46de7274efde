"""Pages into tables: the staged records of a fetch become a new version of the data set.

All of it happens in one update of the store, which is whole or not at all. A page whose name the
new version lists as folded may be removed; if that is cut short, the next fold knows it by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from fadefollow.errors import DataError
from fadefollow.market.asof.vintages import SEEN
from fadefollow.market.audit.implausible import plausible
from fadefollow.market.bars import base_of
from fadefollow.market.datasets.spec import DatasetSpec
from fadefollow.market.fetch.options import CALL, PUT
from fadefollow.market.fetch.pages import Page, Staging, read
from fadefollow.market.fetch.requests import Part
from fadefollow.market.fetch.time_ranges import joined
from fadefollow.market.findings import Finding, when
from fadefollow.market.importing import clean
from fadefollow.market.schema import canonical
from fadefollow.market.store.revise import Merged, merge_revisions
from fadefollow.market.store.store import Fetched, Listing, Manifest, Store, Update
from fadefollow.market.streams import stream


@dataclass(frozen=True)
class MergeResult:
    """What a fold did."""

    manifest: Manifest
    revised: tuple[Finding, ...]  #: values that the venue has changed since they were fetched


def staging(store: Store, dataset: str, part: Part) -> Staging:
    """Where the pages of a part lie."""
    return Staging(store.staging(dataset) / part.coin / part.name)


def merge_pages(
    store: Store, dataset: str, spec: DatasetSpec, parts: Sequence[Part]
) -> MergeResult | None:
    """Bring the pages of these parts into the data set; None where there is nothing new.

    Raises:
        DataError: the records break their schema, or a coin has neither perp nor spot bars.
        StoreError: the store cannot be written; the old version and all pages stay.
    """
    if not any(staging(store, dataset, part).pages() for part in parts):
        return None
    revised: list[Finding] = []

    def change(old: Manifest | None) -> Update:
        made = _PageMerge(store, dataset, spec, old)
        for part in parts:
            made.add(part)
        update = made.finish(parts)
        if old is None and not update.tables:
            raise _NothingError
        revised.extend(made.revisions)
        return update

    try:
        manifest = store.update(dataset, change, bar=spec.bar)
    except _NothingError:
        return None
    for part in parts:
        done = manifest.fetched.get(part.coin, {}).get(part.name)
        staging(store, dataset, part).drop(done.folded if done else ())
    return MergeResult(manifest, tuple(revised))


class _NothingError(Exception):
    """There would be a data set without data; the pages stay, they say what was asked for."""


class _PageMerge:
    """One update in the making; the data set is locked meanwhile."""

    def __init__(self, store: Store, dataset: str, spec: DatasetSpec, old: Manifest | None) -> None:
        self.store, self.dataset, self.spec, self.old = store, dataset, spec, old
        self.fresh: dict[tuple[str, str], list[pd.DataFrame]] = {}
        self.fetched: dict[str, dict[str, Fetched]] = {}
        self.revisions: list[Finding] = []

    def add(self, part: Part) -> None:
        """Read the new pages of one part."""
        was = self.old.fetched.get(part.coin, {}).get(part.name) if self.old else None
        check_market(part, was, self.dataset)
        known = set(was.folded) if was else set()
        found = staging(self.store, self.dataset, part).pages()
        pages = [p for p in found if p.name not in known]
        if not pages:
            return
        covered = (
            ()
            if part.snapshot
            else joined([*(was.covered if was else ()), *(p.window for p in pages)])
        )
        # names of pages that are gone need not be remembered
        names = tuple(p.name for p in found)
        state = Fetched(
            market=part.market.symbol,
            covered=covered,
            folded=names,
            interval_hours=part.funding_hours,
        )
        self.fetched.setdefault(part.coin, {})[part.name] = state
        frames = self.fresh.setdefault((part.coin, part.stream), [])
        frames += [made for page in pages if len(made := _frame(part, page))]

    def finish(self, parts: Sequence[Part]) -> Update:
        """The tables, with what the venue has revised kept beside them."""
        tables: dict[str, dict[str, pd.DataFrame]] = {}
        superseded: dict[str, dict[str, pd.DataFrame]] = {}
        findings: dict[tuple[str, str], tuple[Finding, ...]] = {}
        for (coin, name), frames in self.fresh.items():
            if not frames:
                continue
            newest, older = self._merged(coin, name, frames)
            newest, seen = plausible(newest, stream(name))
            older, _ = plausible(older, stream(name))
            if len(newest):
                tables.setdefault(coin, {})[name] = self._canonical(coin, name, newest)
            if len(older):
                superseded.setdefault(coin, {})[name] = older
                self.revisions.append(_revision(coin, name, older, len(older)))
            found = self._findings(coin, name, older)
            findings[coin, name] = (*found, *(f.of(coin) for f in seen))
        self._check_bases(tables)
        return Update(
            tables,
            findings,
            self._listings(parts, tables),
            self.fetched,
            superseded,
            source=self.spec.venue,
        )

    def _merged(self, coin: str, name: str, frames: list[pd.DataFrame]) -> Merged:
        """Each record as it was given last, and those that were given otherwise before."""
        entry = self.old.tables.get(coin, {}).get(name) if self.old else None
        stored = None
        if entry is not None:
            # derived columns, such as settlement intervals, are derived again
            given = [c for c in frames[0] if c != SEEN]
            stored = self.store.table(self.dataset, entry)
            stored = stored[[c for c in given if c in stored]]
        return merge_revisions(stored, frames, stream(name))

    def _canonical(self, coin: str, name: str, frame: pd.DataFrame) -> pd.DataFrame:
        if name == "funding":
            frame, _ = clean.infer_intervals(frame, stream(name))
        where = f"{self.spec.venue} {coin} {name}"
        return canonical(frame, name, bar=self.spec.bar, where=where, lag=self.spec.lag(name))

    def _findings(self, coin: str, name: str, older: pd.DataFrame) -> tuple[Finding, ...]:
        before = self.old.revised.get(coin, {}).get(name, ()) if self.old else ()
        count = sum(e.rows for e in before) + len(older)
        if not count:
            return ()
        first = min([pd.Timestamp(e.first) for e in before] + list(older["time"][:1]))
        return (_revision(coin, name, pd.DataFrame({"time": [first]}), count),)

    def _check_bases(self, tables: Mapping[str, Mapping[str, pd.DataFrame]]) -> None:
        for coin in tables:
            there = {*tables[coin], *(self.old.tables.get(coin, {}) if self.old else {})}
            hint = "add perp or spot to --streams, or choose a range in which it was traded"
            base_of(there, where=f"{self.spec.venue} {coin}", hint=hint)

    def _listings(
        self, parts: Sequence[Part], tables: Mapping[str, Mapping[str, pd.DataFrame]]
    ) -> dict[str, Listing]:
        """When trading began and ended, by the perp, else by spot."""
        made: dict[str, Listing] = {}
        for part in sorted(parts, key=lambda p: p.stream != "perp"):
            table = tables.get(part.coin, {}).get(part.stream)
            if part.stream not in ("perp", "spot") or part.coin in made or table is None:
                continue
            first = pd.Timestamp(table["time"].iloc[0])
            asked = self.fetched[part.coin][part.name].covered[0][0]
            listed = part.market.created
            if listed is None and first > pd.Timestamp(asked, unit="ms", tz="UTC"):
                listed = first
            ended = table["time"].iloc[-1] + self.spec.bar
            # a range that stops before the end does not tell when that was
            beyond = self.fetched[part.coin][part.name].covered[-1][1] > ended.value // 10**6
            gone = None if part.market.active or not beyond else ended
            made[part.coin] = Listing(
                listed=None if listed is None else listed.isoformat(),
                delisted=None if gone is None else gone.isoformat(),
            )
        return made


def check_market(part: Part, was: Fetched | None, dataset: str) -> None:
    """Refuse to go on with another market than the one that a stream came from.

    Raises:
        DataError: names both.
    """
    if was is not None and was.market not in ("", part.market.symbol):
        raise DataError(
            "a stream must come from a single market",
            got=f"{was.market} so far, now {part.market.symbol}",
            where=f"{dataset}, {part.coin} {part.stream}",
            hint="copy the data set's TOML to another name and fetch into that",
        )


def _frame(part: Part, page: Page) -> pd.DataFrame:
    times, values = read(page, part.columns)
    made = pd.DataFrame({"time": pd.to_datetime(times, unit="ms", utc=True).as_unit("ns")})
    if part.market.expiry is not None:
        made["expiry"] = part.market.expiry.as_unit("ns")
    for place, name in enumerate(part.columns):
        made[name] = values[:, place]
    if part.snapshot:
        made["expiry"] = pd.to_datetime(made["expiry"], unit="ms", utc=True).dt.as_unit("ns")
        made["right"] = made["right"].map({CALL: "call", PUT: "put"})
    asked = pd.Timestamp(page.asked, unit="ns", tz="UTC")
    return made.assign(**{SEEN: pd.Series(asked.as_unit("ns"), made.index)})


def _revision(coin: str, name: str, older: pd.DataFrame, count: int) -> Finding:
    text = "values changed later by the venue; runs use the first ones unless --revised is given"
    return Finding("warning", coin, name, "revised values", count, when(older["time"].min()), text)
