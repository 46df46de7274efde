"""A data set, opened: markets by coin with their coverage and fingerprint."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pandas as pd

from fadefollow.core.cache.memo import Memo
from fadefollow.core.cache.shelf import Shelf, only
from fadefollow.core.notes import Note
from fadefollow.core.text import html_card, listed
from fadefollow.errors import unknown
from fadefollow.market.asof.universe import Universe
from fadefollow.market.asof.vintages import Revision, vintage_notes
from fadefollow.market.bars import bar_text
from fadefollow.market.datasets.coverage import Coverage, cover_all
from fadefollow.market.findings import Finding
from fadefollow.market.implied import Count, with_implied_funding
from fadefollow.market.panel import Market


@dataclass(frozen=True)
class Dataset:
    """Everything that a run knows about its data.

    Attributes:
        name: the data set's name.
        title: one line for people.
        bar: size of the bars.
        simulated: whether it comes from the lab.
        fingerprint: hash of all stored values (of all coins and times, not only those opened), of
            revised records of their last vintages.
        markets: by coin; go through them one at a time, as all may not fit into memory.
        truth: on lab data the planted phases: `symbol, phase, start, end, planted_bps,
            horizon_hours`; else None.
        findings: what the import saw, and what opening left out.
        costs: overrides of costs, as written in the data set's TOML.
        costs_then: in place of these where a run is repeated: its costs, defaults filled in.
        lab: on lab data, the settings that it was simulated with.
        holdout: when the data set's holdout begins, UTC; None where it has none.
        holdout_open: whether the markets hold data from the holdout.
        universe: which coins count when, in the range that was opened; None: all, always.
        revised: whether records are in their last vintages, a look-ahead, or in those that were
            known at each time.
        revisions: how far first and last vintages are apart; empty where nothing was revised.
        implied_funding: whether the data set asks for implied settlements where the exchange's
            are missing; its markets then have them.
        left_out: by coin the findings for which the gate left it out; `markets` has it no more.
        handed_over: whether it was made from frames, so that no file of a workspace describes it.
        free_funding: whether nobody gave settlements, so that none is charged.
    """

    name: str
    title: str
    bar: pd.Timedelta
    simulated: bool
    fingerprint: str
    markets: Mapping[str, Market]
    truth: pd.DataFrame | None = None
    findings: tuple[Finding, ...] = ()
    costs: Mapping[str, Any] = field(default_factory=dict)
    costs_then: Mapping[str, Any] | None = None
    lab: Mapping[str, Any] = field(default_factory=dict)
    holdout: pd.Timestamp | None = None
    holdout_open: bool = False
    universe: Universe | None = None
    revised: bool = False
    revisions: tuple[Revision, ...] = ()
    implied_funding: bool = False
    left_out: Mapping[str, tuple[Finding, ...]] = field(default_factory=dict)
    handed_over: bool = False
    free_funding: bool = False

    def __repr__(self) -> str:
        first = min((m.index[0] for m in self.markets.values() if len(m)), default=None)
        last = max((m.index[-1] + m.bar for m in self.markets.values() if len(m)), default=None)
        range_ = "" if first is None else f", {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC"
        simulated = ", simulated" if self.simulated else ""
        coins = listed(self.symbols) or "no coins"
        return f"Dataset({self.name}: {coins}; bars of {bar_text(self.bar)}{range_}{simulated})"

    def _repr_html_(self) -> str | None:
        return html_card(self)

    @property
    def notes(self) -> tuple[Note, ...]:
        """Notes on the universe and the vintages."""
        formed = self.universe.notes() if self.universe is not None else ()
        vintages = vintage_notes(self.revisions, revised=self.revised)
        free = (Note("free-funding"),) if self.free_funding else ()
        return *formed, *vintages, *Count.of(self.markets).notes, *free

    @property
    def symbols(self) -> tuple[str, ...]:
        """The coins."""
        return tuple(self.markets)

    @cached_property
    def streams(self) -> Mapping[str, tuple[str, ...]]:
        """The streams of each coin that have a record."""
        return {symbol: market.streams for symbol, market in self.markets.items()}

    @property
    def coverages(self) -> tuple[Coverage, ...]:
        """Coverage of each stream of each coin; computed once."""
        return self.memo.get("coverages", lambda: cover_all(self.markets), keep=None)

    def coverage(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Coin → stream → `first`, `last` (text, UTC), `rows`, `missing`, `known` (a share)."""
        found: dict[str, dict[str, dict[str, Any]]] = {}
        for c in self.coverages:
            row = {"first": c.first, "last": c.last, "rows": c.rows, "missing": c.missing}
            row["known"] = round(c.known, 4)
            found.setdefault(c.symbol, {})[c.stream] = row
        return found

    @cached_property
    def memo(self) -> Memo:
        """The cache of values computed for this data set."""
        return Memo()

    @cached_property
    def implied(self) -> Dataset:
        """The same data set with implied settlements where the exchange's are missing."""
        filled = Shelf((s, with_implied_funding(market)) for s, market in self.markets.items())
        return dataclasses.replace(self, markets=filled)

    def select(self, *symbols: str) -> Dataset:
        """The same data set with only these coins."""
        for symbol in symbols:
            if symbol not in self.markets:
                raise unknown("coin", symbol, self.markets, where=self.name)
        chosen = only(self.markets, symbols)
        return dataclasses.replace(
            self,
            markets=chosen,
            truth=of_coins(self.truth, chosen),
            revisions=tuple(r for r in self.revisions if r.symbol in chosen),
        )


def of_coins(truth: pd.DataFrame | None, coins: Iterable[str]) -> pd.DataFrame | None:
    """The planted episodes of these coins; None where the truth is not known."""
    return (
        None if truth is None else truth[truth["symbol"].isin(list(coins))].reset_index(drop=True)
    )
