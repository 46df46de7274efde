"""Universe: which coins count at which time, by what was known then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, Self, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from fadefollow.core.cache.shelf import Shelf
from fadefollow.core.notes import Note
from fadefollow.errors import DataError
from fadefollow.market.asof.universe_rule import UniverseSpec
from fadefollow.market.grid import FloatArray, TimeArray
from fadefollow.market.panel import Times


class Candidate(Protocol):
    """What may be a member: a `Market`, or what one is made of."""

    @property
    def open_time(self) -> TimeArray:
        """When each bar opens, UTC."""
        ...

    @property
    def close_time(self) -> TimeArray:
        """When each bar closes, UTC."""
        ...

    @property
    def listed(self) -> pd.Timestamp | None:
        """When the coin was listed; None where it is not known."""
        ...

    @property
    def delisted(self) -> pd.Timestamp | None:
        """When the coin was delisted; None where it was not."""
        ...

    def turnover(self, stream: str | None = None) -> FloatArray | None:
        """What was traded in each bar, in the quote currency, shape (n,); NaN where it is missing.

        Args:
            stream: `"perp"` or `"spot"`; None: the perp, else spot.

        Returns:
            None where there is no volume at all.
        """

    def of_universe(self, members: Sequence[Times] | None) -> Self:
        """The same with these times of membership."""


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
        ranked = {s: (m, t) for s, m in markets.items() if (t := m.turnover()) is not None}
        if not ranked:
            raise DataError(
                "a universe by volume needs bars with a volume",
                got="none in any coin",
                hint="leave the universe out",
            )
        over = pd.Timedelta(days=rule.over_days)
        dates = _dates(rule, [market for market, _ in ranked.values()], over)
        names = sorted(ranked)
        histories = [History(ranked[name][0], ranked[name][1], dates, over) for name in names]
        traded = np.array([one.traded() for one in histories])
        # by volume, then by name
        order = np.argsort(-traded, axis=0, kind="stable")
        fits = traded > 0
        if rule.has_age:
            begun = min(one.first for one in histories)
            fits &= np.array([one.aged(begun, *rule.ages) for one in histories])
        if rule.has_ratio:
            fits &= np.array([_between(one.perp_to_spot(), *rule.ratios) for one in histories])
        best, worst = rule.band
        members = tuple(
            tuple(names[k] for k in column[best - 1 : worst] if fits[k, at])
            for at, column in enumerate(order.T)
        )
        unrated = [
            n for n, one in zip(names, histories, strict=True) if rule.has_ratio and one.unrated
        ]
        return cls(
            rule, dates, members, tuple(s for s in markets if s not in ranked), tuple(unrated)
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


def _between(values: FloatArray, low: float | None, high: float | None) -> npt.NDArray[np.bool_]:
    """Whether values lie in a range, its ends included; NaN does not."""
    inside = ~np.isnan(values)
    if low is not None:
        inside &= values >= low
    if high is not None:
        inside &= values <= high
    return inside


def _dates(
    rule: UniverseSpec, markets: Sequence[Candidate], over: pd.Timedelta
) -> pd.DatetimeIndex:
    """When the universe is formed, up to the last bar's close."""
    first = pd.Timestamp(min(m.open_time[0] for m in markets), tz="UTC") + over
    last = pd.Timestamp(max(m.close_time[-1] for m in markets), tz="UTC")
    start = -(-first.value // rule.every.value) * rule.every.value
    dates = pd.date_range(pd.Timestamp(start, tz="UTC"), last, freq=rule.every, name="date")
    if not len(dates):
        raise DataError(
            "a universe needs as much history as it looks back",
            got=f"{(last - first + over) / _DAY:.4g} days for {rule.words}",
            hint="a smaller over_days or every, or more data",
        )
    return dates.as_unit("ns")


@dataclass(frozen=True)
class History:
    """What was known of one coin at each date."""

    coin: Candidate
    turnover: FloatArray
    dates: pd.DatetimeIndex
    over: pd.Timedelta

    @property
    def first(self) -> pd.Timestamp:
        """Open of the first bar that has a volume, UTC."""
        known = np.flatnonzero(self.turnover > 0)
        at = known[0] if len(known) else len(self.turnover) - 1
        return pd.Timestamp(self.coin.open_time[at], tz="UTC")

    @property
    def unrated(self) -> bool:
        """Whether perp or spot has no volume at all."""
        return self._both() is None

    def traded(self) -> FloatArray:
        """Quote volume in the time up to each date, shape (k,); 0 where the coin is not listed."""
        listed = np.ones(len(self.dates), bool)
        if self.coin.listed is not None:
            listed &= self.dates >= self.coin.listed
        if self.coin.delisted is not None:
            listed &= self.dates < self.coin.delisted
        return np.where(listed, self._summed(self.turnover), 0.0)

    def aged(
        self, begun: pd.Timestamp, least: float | None, most: float | None
    ) -> npt.NDArray[np.bool_]:
        """Whether it was listed for so many days at each date, shape (k,).

        Where the listing is not declared, the first bar with a volume stands for it. A coin that
        has traded since the data began may be older than they are: it is never young.

        Args:
            begun: when the first of all coins has a volume.
            least, most: days; None: any.
        """
        listed = self.coin.listed
        days = np.asarray((self.dates - (self.first if listed is None else listed)) / _DAY, float)
        unknown = listed is None and self.first <= begun + _DAY
        return _between(days, least, None) & _between(
            days + np.inf if unknown else days, None, most
        )

    def perp_to_spot(self) -> FloatArray:
        """Perp volume over spot volume in the time up to each date, shape (k,).

        Of the bars in which both are known; NaN where spot traded nothing in them.
        """
        both = self._both()
        if both is None:
            return np.full(len(self.dates), np.nan)
        perp, spot = (self._summed(volume) for volume in both)
        ratio: FloatArray = np.divide(perp, spot, out=np.full(len(perp), np.nan), where=spot > 0)
        return ratio

    def _both(self) -> tuple[FloatArray, FloatArray] | None:
        """Turnover of perp and spot in the bars in which both are known."""
        perp, spot = self.coin.turnover("perp"), self.coin.turnover("spot")
        if perp is None or spot is None:
            return None
        known = ~np.isnan(perp + spot)
        return np.where(known, perp, np.nan), np.where(known, spot, np.nan)

    def _summed(self, turnover: FloatArray) -> FloatArray:
        until = np.concatenate([[0.0], np.cumsum(np.nan_to_num(turnover))])
        ends, starts = (
            np.searchsorted(self.coin.close_time, when.tz_convert(None).to_numpy(), side="right")
            for when in (self.dates, self.dates - self.over)
        )
        summed: FloatArray = until[ends] - until[starts]
        return summed
