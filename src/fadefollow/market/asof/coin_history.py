"""Coin history: what was known of one coin at each date of a universe, in sums."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from fadefollow.market.asof.universe_rule import UniverseSpec
from fadefollow.market.grid import FloatArray, TimeArray
from fadefollow.market.panel import Times

_DAY = pd.Timedelta(days=1)


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


def every_date(rule: UniverseSpec, first: pd.Timestamp, last: pd.Timestamp) -> pd.DatetimeIndex:
    """All dates of a rule from first to last."""
    start = -(-first.value // rule.every.value) * rule.every.value
    dates = pd.date_range(pd.Timestamp(start, tz="UTC"), last, freq=rule.every, name="date")
    return dates.as_unit("ns")


@dataclass(frozen=True)
class CoinHistory:
    """What is needed of one coin to form a universe: sums, no bars.

    Attributes:
        opened, closed: open of its first bar and close of its last, UTC.
        first: open of the first bar that has a volume, UTC.
        listed, delisted: when it was; None where it is not known, or was not.
        volume: quote volume in the time up to each date, by those at which there is any.
        both: the same of perp and of spot in the bars in which both are known; None where one of
            them has no volume at all, or the rule does not ask.
    """

    opened: pd.Timestamp
    closed: pd.Timestamp
    first: pd.Timestamp
    listed: pd.Timestamp | None
    delisted: pd.Timestamp | None
    volume: pd.Series
    both: tuple[pd.Series, pd.Series] | None

    @classmethod
    def of(cls, coin: Candidate, turnover: FloatArray, rule: UniverseSpec) -> CoinHistory:
        """The history of a coin with these quote volumes a bar, shape (n,)."""
        opens, closes = coin.open_time, coin.close_time
        over = pd.Timedelta(days=rule.over_days)
        opened, closed = (pd.Timestamp(t, tz="UTC") for t in (opens[0], closes[-1]))
        dates = every_date(rule, opened, closed + over)
        known = np.flatnonzero(turnover > 0)
        first = opens[known[0] if len(known) else len(turnover) - 1]
        both = _both(coin) if rule.has_ratio else None
        return cls(
            opened,
            closed,
            pd.Timestamp(first, tz="UTC"),
            coin.listed,
            coin.delisted,
            _summed(turnover, closes, dates, over),
            None
            if both is None
            else (_summed(both[0], closes, dates, over), _summed(both[1], closes, dates, over)),
        )

    def traded(self, dates: pd.DatetimeIndex) -> FloatArray:
        """Quote volume in the time up to each date, shape (k,); 0 where the coin is not listed."""
        listed = np.ones(len(dates), bool)
        if self.listed is not None:
            listed &= dates >= self.listed
        if self.delisted is not None:
            listed &= dates < self.delisted
        return np.where(listed, _at(self.volume, dates), 0.0)

    def aged(
        self, dates: pd.DatetimeIndex, begun: pd.Timestamp, least: float | None, most: float | None
    ) -> npt.NDArray[np.bool_]:
        """Whether it was listed for so many days at each date, shape (k,).

        Where the listing is not declared, the first bar with a volume stands for it. A coin that
        has traded since the data began may be older than they are: it is never young.

        Args:
            dates: when.
            begun: when the first of all coins has a volume.
            least, most: days; None: any.
        """
        listed = self.listed
        days = np.asarray((dates - (self.first if listed is None else listed)) / _DAY, float)
        unknown = listed is None and self.first <= begun + _DAY
        return between(days, least, None) & between(days + np.inf if unknown else days, None, most)

    def perp_to_spot(self, dates: pd.DatetimeIndex) -> FloatArray:
        """Perp volume over spot volume in the time up to each date, shape (k,).

        Of the bars in which both are known; NaN where spot traded nothing in them.
        """
        if self.both is None:
            return np.full(len(dates), np.nan)
        perp, spot = (_at(volume, dates) for volume in self.both)
        ratio: FloatArray = np.divide(perp, spot, out=np.full(len(perp), np.nan), where=spot > 0)
        return ratio


def _both(coin: Candidate) -> tuple[FloatArray, FloatArray] | None:
    """Turnover of perp and spot in the bars in which both are known."""
    perp, spot = coin.turnover("perp"), coin.turnover("spot")
    if perp is None or spot is None:
        return None
    known = ~np.isnan(perp + spot)
    return np.where(known, perp, np.nan), np.where(known, spot, np.nan)


def _summed(
    turnover: FloatArray, closes: TimeArray, dates: pd.DatetimeIndex, over: pd.Timedelta
) -> pd.Series:
    """What was traded in the bars that closed in the time up to each date."""
    until = np.concatenate([[0.0], np.cumsum(np.nan_to_num(turnover))])
    ends, starts = (
        np.searchsorted(closes, when.tz_convert(None).to_numpy(), side="right")
        for when in (dates, dates - over)
    )
    return pd.Series(until[ends] - until[starts], dates)


def _at(volume: pd.Series, dates: pd.DatetimeIndex) -> FloatArray:
    """A coin's volume at all dates: none before its first bar, nor long after its last."""
    found: FloatArray = volume.reindex(dates, fill_value=0.0).to_numpy(np.float64)
    return found


def between(values: FloatArray, low: float | None, high: float | None) -> npt.NDArray[np.bool_]:
    """Whether values lie in a range, its ends included; NaN does not."""
    inside = ~np.isnan(values)
    if low is not None:
        inside &= values >= low
    if high is not None:
        inside &= values <= high
    return inside
