"""Contents: what a data set shows, cut step by step before any of its markets is built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pandas as pd

from fadefollow.core.cache.shelf import Shelf, only
from fadefollow.errors import DataError, unknown
from fadefollow.market.asof.coin_range import CoinRange
from fadefollow.market.asof.universe import Universe
from fadefollow.market.asof.universe_rule import UniverseSpec
from fadefollow.market.asof.vintages import Revision
from fadefollow.market.datasets.dataset import of_coins
from fadefollow.market.findings import Finding


@dataclass(frozen=True)
class Contents:
    """A data set on its way from the store to a `Dataset`, whose attributes these become."""

    name: str
    coins: Mapping[str, CoinRange]
    truth: pd.DataFrame | None = None
    findings: tuple[Finding, ...] = ()
    revisions: tuple[Revision, ...] = ()
    holdout: pd.Timestamp | None = None
    holdout_open: bool = False
    universe: Universe | None = None

    def select(self, *symbols: str) -> Contents:
        """Only these coins, in this order."""
        for symbol in symbols:
            if symbol not in self.coins:
                raise unknown("coin", symbol, self.coins, where=self.name)
        chosen = only(self.coins, symbols)
        return replace(
            self,
            coins=chosen,
            truth=of_coins(self.truth, chosen),
            revisions=tuple(r for r in self.revisions if r.symbol in chosen),
        )

    def with_implied_funding(self) -> Contents:
        """The same with implied settlements where the exchange's are missing."""
        filled = Shelf((s, coin.with_implied_funding()) for s, coin in self.coins.items())
        return replace(self, coins=filled)

    def with_universe(self, rule: UniverseSpec) -> Contents:
        """The same with a universe, formed among all coins that are there."""
        formed = Universe.form(rule, self.coins)
        return replace(self, coins=formed.attached(self.coins), universe=formed)

    def between(
        self, since: pd.Timestamp | None, until: pd.Timestamp | None, *, strict: bool
    ) -> Contents:
        """Cut to a range; coins without bars in it are left out and noted.

        Args:
            since, until: the range, UTC; None for the beginning or the end.
            strict: whether every coin must have bars in it.

        Raises:
            DataError: no coin has bars in it, or one has none although every one must.
        """
        if since is None and until is None:
            return self
        cut: Shelf[str, CoinRange] = Shelf()
        for symbol, coin in self.coins.items():
            start, end = since or coin.start, until or coin.end
            if start < end and (part := coin.between(start, end)).has_bars:
                cut.put(symbol, part)
        left_out = [symbol for symbol in self.coins if symbol not in cut]
        if not cut or (strict and left_out):
            raise DataError(
                f"no data since {since or 'the start'} until {until or 'the end'}",
                where=f"{self.name}, {', '.join(left_out)}",
                hint=f"the data cover {self._reach()}",
            )
        text = "no bars in the requested range, left out"
        notes = (Finding("warning", s, "perp", "no data", 1, "", text) for s in left_out)
        first, last = _span(cut)
        return replace(
            self,
            coins=cut,
            truth=_episodes(of_coins(self.truth, cut), since, until),
            findings=(*self.findings, *notes),
            universe=self.universe and self.universe.within(first, last),
        )

    def _reach(self) -> str:
        first, last = _span(self.coins)
        return f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC"


def _span(coins: Mapping[str, CoinRange]) -> tuple[pd.Timestamp, pd.Timestamp]:
    spans = [(coin.start, coin.end) for coin in coins.values()]
    return min(start for start, _ in spans), max(end for _, end in spans)


def _episodes(
    truth: pd.DataFrame | None, since: pd.Timestamp | None, until: pd.Timestamp | None
) -> pd.DataFrame | None:
    """The planted episodes that begin in the range."""
    if truth is None:
        return None
    inside = pd.Series(data=True, index=truth.index)
    if since is not None:
        inside &= truth["start"] >= since
    if until is not None:
        inside &= truth["start"] < until
    return truth[inside].reset_index(drop=True)
