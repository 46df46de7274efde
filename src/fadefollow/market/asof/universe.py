"""Universe: which coins count at which time, by what was known then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal, Protocol, Self, TypeVar

import numpy as np
import pandas as pd
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from fadefollow.core.notes import Note
from fadefollow.errors import DataError, ParameterError
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

    def turnover(self) -> FloatArray | None:
        """What was traded in each bar, in the quote currency; None where there is no volume."""

    def of_universe(self, members: Sequence[Times] | None) -> Self:
        """The same with these times of membership."""


C = TypeVar("C", bound=Candidate)
_DAY = pd.Timedelta(days=1)


def _period(value: object) -> object:
    """Whole days from `"30D"`."""
    if isinstance(value, str):
        try:
            value = pd.Timedelta(value)
        except ValueError:
            value = pd.Timedelta(0)
    if not isinstance(value, pd.Timedelta) or value < _DAY or value % _DAY:
        raise ParameterError("every must be some whole days", got=value, hint='write "30D"')
    return value


class UniverseSpec(BaseModel):
    """The rule by which a universe is formed: `[universe]` in a data set's TOML."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    largest: int = Field(ge=1)  #: so many coins
    by: Literal["volume"] = "volume"  #: of the perp, else of spot, in the quote currency
    over_days: float = Field(30.0, gt=0, le=3650)  #: summed over so many days before each date
    #: formed anew after so many days, at midnight UTC, counted from 1970
    every: Annotated[pd.Timedelta, BeforeValidator(_period)] = pd.Timedelta(days=30)

    @property
    def words(self) -> str:
        """The rule in words."""
        return (
            f"the {self.largest} largest coins by {self.by} over {self.over_days:g} days, "
            f"formed every {self.every // _DAY} days"
        )


@dataclass(frozen=True)
class Universe:
    """Membership of coins over time.

    Attributes:
        rule: by which it was formed.
        dates: when, UTC, at midnight, shape (k,).
        members: at each date the coins, the largest first.
        unranked: coins that have no volume, and are never members.
    """

    rule: UniverseSpec
    dates: pd.DatetimeIndex
    members: tuple[tuple[str, ...], ...]
    unranked: tuple[str, ...] = ()

    @classmethod
    def form(cls, rule: UniverseSpec, markets: Mapping[str, Candidate]) -> Universe:
        """Form the universe of a data set.

        At each date the coins are ranked by what they traded in the bars that closed in the
        `over_days` up to it. A coin counts if it is listed at that date, whatever becomes of it;
        one that was listed within those days with what it has traded since. The first date is the
        first that has as many days of data before it.

        Args:
            rule: how many, by what, how often.
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
        traded = np.array([_traded(*ranked[name], dates, over) for name in names])
        # by volume, then by name
        order = np.argsort(-traded, axis=0, kind="stable")[: rule.largest]
        members = tuple(
            tuple(names[k] for k in column if traded[k, at] > 0)
            for at, column in enumerate(order.T)
        )
        return cls(rule, dates, members, tuple(s for s in markets if s not in ranked))

    def spans(self, symbol: str) -> tuple[tuple[pd.Timestamp, pd.Timestamp], ...]:
        """The times [from, to) of a coin's membership, one a date at which it was chosen."""
        ends = self.dates + self.rule.every
        found = zip(self.dates, ends, self.members, strict=True)
        return tuple((start, end) for start, end, coins in found if symbol in coins)

    def attached(self, markets: Mapping[str, C]) -> dict[str, C]:
        """The same candidates, each knowing when its coin is a member."""
        return {s: m.of_universe(self.spans(s)) for s, m in markets.items()}

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
        if not self.unranked:
            return (formed,)
        return formed, Note("universe-unranked", figures={"coins": self.unranked})


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


def _traded(
    market: Candidate, turnover: FloatArray, dates: pd.DatetimeIndex, over: pd.Timedelta
) -> FloatArray:
    """Quote volume in the time up to each date, shape (k,); 0 where the coin is not listed."""
    until = np.concatenate([[0.0], np.cumsum(turnover)])
    ends, starts = (
        np.searchsorted(market.close_time, when.tz_convert(None).to_numpy(), side="right")
        for when in (dates, dates - over)
    )
    listed = np.ones(len(dates), bool)
    if market.listed is not None:
        listed &= dates >= market.listed
    if market.delisted is not None:
        listed &= dates < market.delisted
    return np.where(listed, until[ends] - until[starts], 0.0)
