"""Coins moving onto exchanges, or off them, day after day.

Coins that are sent to an exchange are mostly sent there to be sold, and coins that leave it are
mostly kept. Account C, April 2021: before the sell-off exchange balances rose from 2.34 to 2.39
million BTC, "steadily, one to four thousand a day", four days of net inflow of 10.4k BTC together.
It claims that such a streak is selling pressure which price follows. A hypothesis.

Flows are published a day or so after the day's end, and a streak is known when its last day is.
A vendor that finds or loses an exchange's wallet moves its balance by more than a day's trade ever
does: such a day is a relabelling, no flow. It ends the streak, counts as nothing in sums, and is
left out of what is usual.

Source: documentation, accounts, C.1; phases, rows `netflow` and paragraph 7.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import numpy as np
import pandas as pd

from fadefollow.market import Market
from fadefollow.phases import Param, Phases, Signal
from fadefollow.phases.features import (
    BoolArray,
    FloatArray,
    fire_once,
    lagged,
    memoised,
    past_quantile,
)

_DAY = pd.Timedelta(days=1)
_NAMES = ("sum_pct_of_reserve", "large_pct_of_reserve", "days_in", "days_out")


class Netflow(Signal):
    """`days` published days in a row of one sign, whose sum is large against the reserve.

    Large means: above the `quantile` of the absolute sums over so many days of the past, and above
    a floor.
    """

    phases: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "inflow_streak": ("perp", "netflow"),
        "outflow_streak": ("perp", "netflow"),
    }
    about: ClassVar[Mapping[str, str]] = {
        "inflow_streak": "coins flow into exchanges",
        "outflow_streak": "coins flow out of exchanges",
    }
    reads: ClassVar[tuple[str, ...]] = ()

    days: Annotated[float, Param(2, 10, unit="days")] = 4.0
    quantile: Annotated[float, Param(0.5, 0.98)] = 0.87
    lookback_days: Annotated[float, Param(30, 365, unit="days")] = 90.0
    floor_pct: Annotated[float, Param(0.05, 5, unit="% of the reserve", log=True)] = 0.4
    cooldown_hours: Annotated[float, Param(0, 720, unit="hours")] = 168.0
    #: a day's flow is a relabelling beyond both
    jump_times: Annotated[float, Param(4, 50, unit="× usual", log=True)] = 10.0
    jump_pct: Annotated[float, Param(0.5, 10, unit="% of the reserve", log=True)] = 1.5

    def features(self, market: Market) -> dict[str, FloatArray]:
        """The newest published day's streak as of each bar's close, shape (n,).

        The sum over the last `days` days in % of the reserve before them, what it must exceed (NaN
        for the first `lookback_days`), and the days in a row of net inflow and of net outflow.
        """
        parts = _measure(
            market,
            self._days,
            self.quantile,
            self.lookback_days,
            self.jump_times,
            self.jump_pct,
        )
        return dict(zip(_NAMES, parts, strict=True))

    def states(self, market: Market) -> dict[str, BoolArray]:
        """Whether each phase's condition holds at each bar's close, shape (n,); never on a NaN."""
        total, large, days_in, days_out = self.features(market).values()
        beyond = np.maximum(large, self.floor_pct)
        return {
            "inflow_streak": (days_in >= self._days) & (total > beyond),
            "outflow_streak": (days_out >= self._days) & (-total > beyond),
        }

    def detect(self, market: Market) -> Phases:
        """Phases `inflow_streak` and `outflow_streak`; strength is the sum in % of the reserve."""
        missing, states = self.lacking(market), self.states(market)
        total, _, days_in, days_out = self.features(market).values()
        kinds = (
            ("inflow_streak", -1, "depositors", days_in),
            ("outflow_streak", 1, "withdrawers", days_out),
        )
        events: list[dict[str, Any]] = []
        for phase, lean, actor, length in kinds:
            if phase in missing:
                continue
            bar = fire_once(states[phase], cooldown_bars=market.bars(self.cooldown_hours))
            events.append(
                {
                    "bar": bar,
                    "phase": phase,
                    "lean": lean,
                    "actor": actor,
                    "strength": np.abs(total[bar]),
                    "sum_pct_of_reserve": total[bar],
                    "streak_days": length[bar],
                }
            )
        return Phases.of(market, signal=self.name(), events=events, missing=missing)

    def detection_hours(self) -> float:
        """The days of the streak."""
        return 24.0 * self._days

    @property
    def _days(self) -> int:
        return round(self.days)


@memoised
def _measure(
    market: Market,
    days: int,
    quantile: float,
    lookback_days: float,
    jump_times: float,
    jump_pct: float,
) -> tuple[FloatArray, ...]:
    """What `Netflow.features` are, in the order of `_NAMES`."""
    if market.missing("netflow"):
        return tuple(np.full(len(market), np.nan) for _ in _NAMES)
    flow, before, follows = _published(market)
    share = np.abs(flow / before)
    usual = _past(market, share, 0.5, lookback_days)
    # in the warm-up there is no usual day: the share of the reserve decides alone
    relabelled = (share > jump_times * np.nan_to_num(usual, nan=0.0)) & (share > jump_pct / 100)
    flow = np.where(relabelled, 0.0, flow)
    total = _last_days(flow, days) / lagged(before, days - 1)
    large = _past(market, np.abs(total), quantile, lookback_days)
    streaks = (_in_a_row(sign * flow > 0, follows) for sign in (1, -1))
    parts = (100 * total, 100 * large, *streaks)
    return tuple(market.as_of("netflow", part) for part in parts)


def _past(market: Market, values: FloatArray, q: float, days: float) -> FloatArray:
    """A quantile of the days before each one that had been published when it was, shape (k,)."""
    table = market.table("netflow")
    return past_quantile(table["time"], values, q, days=days, available=table["available"])


@memoised
def _published(market: Market) -> tuple[FloatArray, FloatArray, BoolArray]:
    """The days' flows, the reserves before them, and `_follows`, shape (k,) each."""
    table = market.table("netflow")
    flow, reserve = (table[c].to_numpy(float) for c in ("netflow_coins", "reserve_coins"))
    before = np.maximum(reserve - flow, 1e-9)
    return flow, before, _follows(table)


def _follows(table: pd.DataFrame) -> BoolArray:
    """Whether a record's day is the one after the record before it, published no later."""
    next_day = table["time"].diff() == _DAY
    in_turn = table["available"].diff() >= pd.Timedelta(0)
    return np.asarray(next_day & in_turn, bool)


def _in_a_row(holds: BoolArray, follows: BoolArray) -> FloatArray:
    """How many records in a row something has held, up to each one."""
    number = np.arange(len(holds))
    # the run began at this record if it does not follow the last, or after it if it fails here
    begins = np.where(holds, np.where(follows, -1, number), number + 1)
    return np.asarray(number + 1.0 - np.maximum.accumulate(begins))


def _last_days(flow: FloatArray, days: int) -> FloatArray:
    """The sum of the last `days` records, this one included; NaN before there are so many."""
    return np.asarray(pd.Series(flow).rolling(days).sum().to_numpy())
