"""What was known about a trade when it was entered: the labels by which results are split.

Coin, year, regime and weekday belong to the time of entry (the UTC day, the unit of resampling).
The quiet weekend, the number of a door, who led and the strength belong to the event itself.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right, insort
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from fadefollow.engine.model import DAY_NS, BarArrays, FloatArray, IntArray
from fadefollow.engine.plans.strategy_plan import Plan
from fadefollow.verdict.estimates.days import day_of_bar

#: who may have led the move of an event, see `fadefollow.phases.takers`
LEADERS = ("spot", "perp", "neither")
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
REGIMES = ("bull", "bear", "calm")
DOORS = ("first", "second", "third", "fourth and later")
STRENGTHS = ("weak", "middling", "strong")
#: the coin's own move and volatility are taken over so many days
TRAILING_DAYS = 30
#: calm is below the lowest third of volatility in so many days, of which so many must be known
HISTORY_DAYS, LEAST_HISTORY = 365, 60
#: an event with fewer known before it has no tercile
LEAST_EVENTS = 9


@dataclass(frozen=True)
class TimeSplit:
    """A split by the time of entry."""

    name: str
    cells: tuple[str, ...]
    by_day: IntArray  #: cell of each coin and day, −1 where unknown, shape (coins, days)


@dataclass(frozen=True)
class EventSplit:
    """A split by the event that was traded."""

    name: str
    cells: tuple[str, ...]
    by_bar: npt.NDArray[np.int8]  #: cell of the event of each coin and bar, −1 for none, (coins, n)


def time_splits(plan: Plan) -> tuple[TimeSplit, ...]:
    """Coin, calendar year, regime and weekday of every coin and UTC day of a plan's calendar."""
    coins = len(plan.coin_arrays)
    day = day_of_bar(plan)
    stamps = plan.time[0] // DAY_NS + np.arange(int(day[-1]) + 1)
    dates = pd.DatetimeIndex((stamps * DAY_NS).astype("datetime64[ns]"))
    first = int(dates[0].year)
    years = tuple(str(first + k) for k in range(int(dates[-1].year) - first + 1))

    def same(codes: object) -> IntArray:
        return np.tile(np.asarray(codes, np.int64), (coins, 1))

    return (
        TimeSplit(
            "coin",
            plan.symbols,
            np.repeat(np.arange(coins)[:, None], len(dates), axis=1),
        ),
        TimeSplit("year", years, same(dates.year - first)),
        TimeSplit(
            "regime",
            REGIMES,
            np.array(
                [
                    plan.coin_arrays.derived("regimes", k, lambda arrays: regimes(arrays, day))
                    for k in range(coins)
                ]
            ),
        ),
        TimeSplit("weekday", WEEKDAYS, same(dates.day_of_week)),
    )


def regimes(arrays: BarArrays, day: IntArray) -> IntArray:
    """The coin's regime on each UTC day, as known at the end of the day before, shape (days,).

    From daily closes: *calm* (2) if the standard deviation of the last 30 daily log returns is in
    the lowest third of its own last 365 days (60 at least); else *bull* (0) if the price has risen
    over the 30 days and *bear* (1) if not. −1 in the warm-up and after a month with missing days.

    Args:
        arrays: of the coin.
        day: of each bar, counted from the first, shape (n,).
    """
    close = pd.Series(arrays.close).groupby(day).last()  # the last that is not missing
    level = pd.Series(np.log(close.to_numpy(np.float64)))
    log_return = level.diff()
    spread = log_return.rolling(TRAILING_DAYS).std()
    quiet = spread.rolling(HISTORY_DAYS, min_periods=LEAST_HISTORY).quantile(1.0 / 3.0)
    move = level.diff(TRAILING_DAYS)
    code = np.where(spread <= quiet, 2, np.where(move > 0.0, 0, 1))
    code[(spread.isna() | quiet.isna() | move.isna()).to_numpy()] = -1
    return np.concatenate([[-1], code[:-1]]).astype(np.int64)


def event_splits(plan: Plan, code: int, table: pd.DataFrame) -> tuple[EventSplit, ...]:
    """Quiet weekend, door, who led and strength of one phase's events, as far as they have them.

    Args:
        plan: the strategy.
        code: of the phase.
        table: events as detected (`Phases.table`); events of other signals, phases or coins, and
            those outside the plan's calendar, are not looked at.
    """
    events = _events(plan, plan.phases[code], table)
    splits = [_split(plan, events, "strength", STRENGTHS, terciles(events))]
    if "led_by" in events:
        led = pd.Index(LEADERS).get_indexer(pd.Index(events["led_by"]))  # −1 where nobody knows
        splits.insert(0, _split(plan, events, "led by", LEADERS, led.astype(np.int64)))
    if "door_number" in events:
        number = events["door_number"].fillna(0.0).to_numpy(np.float64)
        splits.insert(0, _split(plan, events, "door", DOORS, np.clip(number, 0, 4) - 1))
    if "quiet_weekend" in events:
        quiet = events["quiet_weekend"].eq(other=True).to_numpy(np.bool_)
        cells = ("after a quiet weekend", "otherwise")
        splits.insert(0, _split(plan, events, "weekend", cells, np.where(quiet, 0, 1)))
    return tuple(splits)


def terciles(events: pd.DataFrame) -> IntArray:
    """The third (0, 1, 2) of each event's strength by rank among those known by then.

    Known by then are the phase's events of all coins up to the same bar, itself included; ties
    count half. Above two thirds of them is strong, up to one third weak. −1 for an event before
    which fewer than 9 were known, and where the strength is missing.

    Args:
        events: columns `bar` and `strength`, sorted by bar.

    Returns:
        Shape (k,).
    """
    bars, strengths = (events[c].to_numpy() for c in ("bar", "strength"))
    found = np.full(len(events), -1)
    known: list[float] = []
    start = 0
    while start < len(bars):
        end = int(np.searchsorted(bars, bars[start], side="right"))
        for value in strengths[start:end]:
            if not math.isnan(value):
                insort(known, float(value))
        for i in range(start, end):
            if len(known) > LEAST_EVENTS and not math.isnan(strengths[i]):
                below, upto = bisect_left(known, strengths[i]), bisect_right(known, strengths[i])
                share = (below + upto) / 2.0 / len(known)
                found[i] = 0 if share <= 1.0 / 3.0 else 1 if share <= 2.0 / 3.0 else 2
        start = end
    return found


def _events(plan: Plan, phase: str, table: pd.DataFrame) -> pd.DataFrame:
    """One phase's events in the plan's calendar, with `coin` and `bar`, sorted by bar and coin."""
    mine = table[(table["phase"] == phase) & (table["signal"] == plan.signal)]
    coins = {symbol: coin for coin, symbol in enumerate(plan.symbols)}
    mine = mine[mine["symbol"].isin(list(coins))]
    stamps = mine["time"].dt.tz_convert(None).to_numpy("datetime64[ns]").astype(np.int64)
    bar = (stamps - plan.time[0]) // plan.bar_ns
    mine = mine.assign(bar=bar, coin=mine["symbol"].map(coins).astype("int64"))
    inside = (mine["bar"] >= 0) & (mine["bar"] < len(plan.time))
    found = mine[inside].sort_values(["bar", "coin"], kind="stable")
    # context of other phases is empty here; where there is no event, every column is
    return found.dropna(axis=1, how="all") if len(found) else found


def _split(
    plan: Plan,
    events: pd.DataFrame,
    name: str,
    cells: tuple[str, ...],
    codes: IntArray | FloatArray,
) -> EventSplit:
    # small integers, as there is one a bar and coin
    by_bar = np.full((len(plan.coin_arrays), len(plan.time)), -1, np.int8)
    by_bar[events["coin"].to_numpy(), events["bar"].to_numpy()] = codes.astype(np.int8)
    return EventSplit(name, cells, by_bar)
