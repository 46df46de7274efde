"""Universe: which coins count at which time, by what was known then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import pandas as pd

from fadefollow.core.cache.shelf import Shelf
from fadefollow.core.notes import Note
from fadefollow.errors import DataError
from fadefollow.market.asof.coin_history import Candidate, CoinHistory, between, every_date
from fadefollow.market.asof.universe_rule import UniverseSpec

C = TypeVar("C", bound=Candidate)
_DAY = pd.Timedelta(days=1)


@dataclass(frozen=True)
class Universe:
    """Membership of coins over time.

    Attributes:
        rule: by which it was formed.
        dates: when, UTC, at midnight, shape (k,).
        members: at each date the coins, the largest first.
        unranked: coins that have no volume, and are never members.
        unrated: coins without volumes of both perp and spot, where the rule asks for their ratio.
    """

    rule: UniverseSpec
    dates: pd.DatetimeIndex
    members: tuple[tuple[str, ...], ...]
    unranked: tuple[str, ...] = ()
    unrated: tuple[str, ...] = ()

    @classmethod
    def form(cls, rule: UniverseSpec, markets: Mapping[str, Candidate]) -> Universe:
        """Form the universe of a data set.

        At each date the coins are ranked by what they traded in the bars that closed in the
        `over_days` up to it. A coin counts if it is listed at that date, whatever becomes of it;
        one that was listed within those days with what it has traded since. Ranks are those among
        all coins that traded; age and volume ratio are further conditions, and take no part in
        them. The first date is the first that has as many days of data before it.

        Args:
            rule: which ranks by what, which ages and ratios, how often.
            markets: all coins that could be members, with their history from before the range
                that is looked at.

        Raises:
            DataError: no coin has a volume, or there is less history than the rule needs.
        """
        histories: dict[str, CoinHistory] = {}
        for symbol, coin in markets.items():  # one at a time: together they are gigabytes
            turnover = coin.turnover()
            if turnover is not None:
                histories[symbol] = CoinHistory.of(coin, turnover, rule)
        if not histories:
            raise DataError(
                "a universe by volume needs bars with a volume",
                got="none in any coin",
                hint="leave the universe out",
            )
        names = sorted(histories)
        known = [histories[name] for name in names]
        dates = _dates(rule, known)
        traded = np.array([one.traded(dates) for one in known])
        # by volume, then by name
        order = np.argsort(-traded, axis=0, kind="stable")
        fits = traded > 0
        if rule.has_age:
            begun = min(one.first for one in known)
            fits &= np.array([one.aged(dates, begun, *rule.ages) for one in known])
        if rule.has_ratio:
            fits &= np.array([between(one.perp_to_spot(dates), *rule.ratios) for one in known])
        best, worst = rule.band
        members = tuple(
            tuple(names[k] for k in column[best - 1 : worst] if fits[k, at])
            for at, column in enumerate(order.T)
        )
        return cls(
            rule,
            dates,
            members,
            tuple(s for s in markets if s not in histories),
            tuple(n for n in names if rule.has_ratio and histories[n].both is None),
        )

    def spans(self, symbol: str) -> tuple[tuple[pd.Timestamp, pd.Timestamp], ...]:
        """The times [from, to) of a coin's membership, one a date at which it was chosen."""
        ends = self.dates + self.rule.every
        found = zip(self.dates, ends, self.members, strict=True)
        return tuple((start, end) for start, end, coins in found if symbol in coins)

    def attached(self, markets: Mapping[str, C]) -> Mapping[str, C]:
        """The same candidates, each knowing when its coin is a member."""
        return Shelf((s, m.of_universe(self.spans(s))) for s, m in markets.items())

    def within(self, start: pd.Timestamp, end: pd.Timestamp) -> Universe:
        """The part of the universe from start to end, UTC."""
        keep = (self.dates < end) & (self.dates + self.rule.every > start)
        kept = tuple(coins for coins, k in zip(self.members, keep, strict=True) if k)
        return replace(self, dates=self.dates[keep], members=kept)

    def notes(self) -> tuple[Note, ...]:
        """The rule and the number of coins over time."""
        if not len(self.dates):
            return (Note("universe-empty", figures={"rule": self.rule.words}),)
        counts = [len(coins) for coins in self.members]
        by_year = pd.Series(counts, self.dates.year).groupby(level=0).mean()
        formed = Note(
            "universe",
            figures={
                "rule": self.rule.words,
                "fewest": min(counts),
                "most": max(counts),
                "dates": len(counts),
                "first": f"{self.dates[0]:%Y-%m-%d}",
                "mean_by_year": tuple(zip(by_year.index.tolist(), by_year.tolist(), strict=True)),
                "different": len({coin for coins in self.members for coin in coins}),
            },
        )
        left_out = {"universe-unranked": self.unranked, "universe-unrated": self.unrated}
        notes = (Note(code, figures={"coins": coins}) for code, coins in left_out.items() if coins)
        return formed, *notes


def _dates(rule: UniverseSpec, histories: Sequence[CoinHistory]) -> pd.DatetimeIndex:
    """When the universe is formed, up to the last bar's close."""
    over = pd.Timedelta(days=rule.over_days)
    first = min(one.opened for one in histories) + over
    last = max(one.closed for one in histories)
    dates = every_date(rule, first, last)
    if not len(dates):
        raise DataError(
            "a universe needs as much history as it looks back",
            got=f"{(last - first + over) / _DAY:.4g} days for {rule.words}",
            hint="a smaller over_days or every, or more data",
        )
    return dates
