"""Measures that signal modules share: rolling thresholds, and firing once per episode."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Concatenate, NamedTuple, ParamSpec, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from fadefollow.errors import DataError
from fadefollow.market import Market
from fadefollow.market.grid import stamps as naive_stamps
from fadefollow.phases.kernels import fire, frozen, of_the_past, slide

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
TimeArray = npt.NDArray[np.datetime64]
P = ParamSpec("P")
T = TypeVar("T")


def memoised(
    measure: Callable[Concatenate[Market, P], T], /
) -> Callable[Concatenate[Market, P], T]:
    """A measure of a market that is computed once for each of its latest arguments.

    For functions `measure(market, *parameters)` that depend on nothing else, so that a search over
    other parameters does not compute them again. Returned arrays are read-only. Of each function
    the values of the last few arguments are kept, see `Market.memo`.
    """

    @wraps(measure)
    def remembered(market: Market, /, *args: P.args, **kwargs: P.kwargs) -> T:
        key = (measure, *args, *kwargs.items())
        return market.memo(key, lambda: measure(market, *args, **kwargs))

    return remembered


class Ranks(NamedTuple):
    """Values in order, for quantiles of the same values over many windows."""

    rank: IntArray  #: of each value among those that are finite, −1 for the others, shape (k,)
    ordered: FloatArray  #: the finite ones, rising


def ranks_of(values: FloatArray) -> Ranks:
    """The ranks of values, shape (k,)."""
    known = np.flatnonzero(np.isfinite(values))  # a sort is many times slower with NaN
    order = known[np.argsort(values[known])]
    rank = np.full(len(values), -1)
    rank[order] = np.arange(len(order))
    return Ranks(rank, values[order])


def past_quantiles(
    time: pd.Series | TimeArray,
    values: FloatArray | Ranks,
    q: Sequence[float],
    *,
    days: float,
    available: pd.Series | None = None,
) -> FloatArray:
    """Rolling quantiles of the records strictly before each one, linear between two records.

    Args:
        time: stamps of the records, increasing, UTC, shape (k,).
        values: shape (k,), or their ranks; what is not finite is left out.
        q: which quantiles, between 0 and 1.
        days: length of the look-back.
        available: when each record was published, UTC, shape (k,): what was published after a
            record is none of its past. None: in order of time.

    Returns:
        Shape (len(q), k); NaN until the records reach back over the whole look-back (the warm-up),
        and where there is none in it.
    """
    ranks = values if isinstance(values, Ranks) else ranks_of(values)
    stamps = np.ascontiguousarray(np.asarray(time, "datetime64[ns]")).view(np.int64)
    arrays = map(frozen, (stamps, *ranks, np.array(q, np.float64)))
    window = pd.Timedelta(days=days).value
    found, ordered = of_the_past(*arrays, window)
    if not ordered:
        raise DataError("the times of records must be in increasing order")
    if available is not None:
        known = naive_stamps(available).view(np.int64)
        past = _Published(stamps, ranks, known, window)
        early = known < np.maximum.accumulate(known)  # published before one of an earlier time
        for i in np.flatnonzero(early).tolist():
            found[:, i] = past.quantiles(i, q)
    return found  # type: ignore[no-any-return]


class _Published(NamedTuple):
    """Records of which some were published after later ones, shape (k,) each."""

    time: IntArray  #: nanoseconds since 1970 UTC
    ranks: Ranks
    available: IntArray  #: nanoseconds since 1970 UTC
    window: int  #: nanoseconds

    def quantiles(self, i: int, q: Sequence[float]) -> list[float]:
        """Those of `past_quantiles` for record i, of what had been published when it was."""
        known = np.flatnonzero(self.available[: i + 1] <= self.available[i])
        time, now = self.time[known], self.time[i]
        inside = known[(time < now) & (time >= now - self.window)]
        rank = np.sort(self.ranks.rank[inside])
        past = self.ranks.ordered[rank[rank >= 0]]
        if not len(past) or now < time[0] + self.window:
            return [np.nan] * len(q)
        places = [one * (len(past) - 1) for one in q]
        ends = [(past[int(place)], past[math.ceil(place)], place % 1) for place in places]
        return [low + (high - low) * part for low, high, part in ends]


def past_quantile(
    time: pd.Series | TimeArray,
    values: FloatArray,
    q: float,
    *,
    days: float,
    available: pd.Series | None = None,
) -> FloatArray:
    """One rolling quantile of the records strictly before each one, see `past_quantiles`."""
    (found,) = past_quantiles(time, values, (q,), days=days, available=available)
    return np.asarray(found)


def published_late(available: IntArray) -> BoolArray:
    """Whether each record was published after one that comes after it, shape (k,).

    Args:
        available: when each record was published, in their order of time, shape (k,).
    """
    late = np.zeros(len(available), bool)
    late[:-1] = available[:-1] > np.minimum.accumulate(available[:0:-1])[::-1]
    return late


def fire_once(
    condition: BoolArray, *, cooldown_bars: int, bars: IntArray | None = None
) -> IntArray:
    """Bars on which a condition fires.

    It fires on the first bar on which it holds, and again when it begins anew after it has ended
    and `cooldown_bars` have passed since it fired.

    Args:
        condition: what is known at each bar's close, shape (n,); with `bars` from each of them on.
        cooldown_bars: bars from one event to the earliest next one.
        bars: numbers of the bars at which the condition may change, increasing, shape (n,); by
            default all of them.

    Returns:
        Numbers of the bars, increasing.
    """
    number = np.arange(len(condition))
    at = number if bars is None else bars
    fired, _ = fire(*map(frozen, (np.ascontiguousarray(condition), at, number)), cooldown_bars)
    return fired  # type: ignore[no-any-return]


def fire_on_records(
    market: Market, name: str, condition: BoolArray, *, cooldown_hours: float
) -> tuple[IntArray, IntArray]:
    """`fire_once` of a condition that changes with the records of a stream and at no other bar.

    Args:
        market: the coin.
        name: a stream that is not of bars.
        condition: by record, shape (k,).
        cooldown_hours: from one event to the earliest next one.

    Returns:
        Numbers of the bars, increasing, and of the record that is known at each one's close.
    """
    bars, known = market.steps(name)
    holds = frozen(np.ascontiguousarray(condition))
    return fire(holds, bars, known, market.bars(cooldown_hours))  # type: ignore[no-any-return]


def lagged(values: FloatArray, bars: int) -> FloatArray:
    """What each value was `bars` bars before, shape (n,); NaN in the first `bars`."""
    out = np.full(len(values), np.nan)
    out[bars:] = values[: max(len(values) - bars, 0)]
    return out


def change(values: FloatArray, bars: int) -> FloatArray:
    """Each value minus the one `bars` bars before, shape (n,); NaN where either is missing."""
    return values - lagged(values, bars)


@memoised
def spot_premium_bps(market: Market) -> FloatArray:
    """Spot / perp − 1 at each bar's close, in bps; NaN where either bar is missing."""
    spot, perp = (market.column(name, "close") for name in ("spot", "perp"))
    premium: FloatArray = 1e4 * (spot / perp - 1)
    return premium


@dataclass(frozen=True, eq=False)
class Past:
    """A coin's closes, led by its spot's from before the perp was listed.

    Attributes:
        closes: shape (lead + n,), spot's before the listing; read-only.
        lead: bars before the market's first.
        listed: number of the market's bar at which the perp was listed.
    """

    closes: FloatArray
    lead: int
    listed: int

    @property
    def known(self) -> bool:
        """Whether there is any past."""
        return self.lead + self.listed > 0

    def cut(self, values: FloatArray) -> FloatArray:
        """What was measured on `closes` at the market's bars, shape (n,); NaN till the listing."""
        out = values[self.lead :].copy()
        out[: self.listed] = np.nan
        return out

    def led(self, values: FloatArray, before: float) -> FloatArray:
        """The market's own values, shape (n,), with `before` on the bars before the listing."""
        out = np.concatenate([np.full(self.lead, before), values])
        out[: self.lead + self.listed] = before
        return out

    def reaches(self, bars: IntArray, window: int) -> BoolArray:
        """Whether a look-back of `window` bars from some of the market's bars begins before it."""
        return np.asarray(self.known & (bars - window < self.listed))


@memoised
def closes_with_past(market: Market, *, hours: float) -> Past:
    """The perp's closes, led by spot's from before its listing, where it was listed later.

    What is usual for a coin is known from its spot before its perp is listed. A perp that is cut
    at its start has a past of its own, which is not asked for; a spot whose price is beyond half
    more or less than the perp's as it is listed is in another unit, or another coin.

    Args:
        market: the coin.
        hours: how far back from the market's first bar.
    """
    close = market.column("perp", "close")
    there = np.flatnonzero(np.isfinite(close))
    without = Past(close, 0, 0)
    if not len(there) or market.missing("spot"):
        return without
    listed, first = int(there[0]), market.open_time[0]
    if market.table("perp")["time"].iloc[0].tz_convert(None) < first:
        return without
    span = np.timedelta64(market.bar.value, "ns")
    table = market.table("spot")
    times = table["time"].dt.tz_convert(None).to_numpy("datetime64[ns]")
    place = (times - first) // span
    early = np.flatnonzero((place >= -market.bars(hours)) & (place <= listed))
    if not len(early) or place[early[0]] >= listed:
        return without
    lead = max(-int(place[early[0]]), 0)
    closes = np.concatenate([np.full(lead, np.nan), close])
    spot = np.full(len(closes), np.nan)
    spot[place[early] + lead] = table["close"].to_numpy(np.float64)[early]
    beside = spot[lead + listed] / close[listed]
    if not 1 / _UNLIKE < beside < _UNLIKE:
        return without
    closes[: lead + listed] = spot[: lead + listed]
    closes.setflags(write=False)
    return Past(closes, lead, listed)


#: spot and perp of one coin in one unit are not that far apart
_UNLIKE = 1.5


def rolling_median(values: FloatArray, bars: int) -> FloatArray:
    """The median of the values present among the last `bars`, the bar's own included.

    Returns:
        Shape (n,); NaN (the warm-up) until half of `bars` values are present.
    """
    end = np.arange(1, len(values) + 1)
    start = np.maximum(end - bars, 0)
    (found,) = _quantiles(values, start, end, (0.5,), least=max((bars + 1) // 2, 1), halves=True)
    return np.asarray(found)


def usual_size(values: FloatArray, bars: int, *, floor: float) -> FloatArray:
    """A robust scale of what came before: the median |value| of the `bars` earlier bars.

    Args:
        values: shape (n,), centred on zero, such as changes over a window.
        bars: length of the look-back.
        floor: the least that is returned; a robust scale is zero where most values tie.

    Returns:
        Shape (n,), in the scale of a standard deviation if the values were normal; it uses the
        bars strictly before each one. NaN in the warm-up.
    """
    before = np.full(len(values), np.nan)
    before[1:] = rolling_median(np.abs(values), bars)[:-1]
    return np.maximum(before / _MEDIAN_OF_NORMAL, floor)


#: the median of |x| for a standard normal x
_MEDIAN_OF_NORMAL = 0.6744897501960817


def trailing_quantiles(
    values: FloatArray, q: Sequence[float], *, window_bars: int, every_bars: int = 1
) -> FloatArray:
    """Quantiles of what lies strictly before each bar, over a window, linear between two values.

    Args:
        values: shape (n,), as of each bar's close; NaN where missing.
        q: which quantiles, between 0 and 1.
        window_bars: length of the look-back.
        every_bars: step between the bars that are used, counted from the first; a long window loses
            nothing by it, and the work is that much less.

    Returns:
        Shape (len(q), n); NaN until `window_bars` have passed since the first value (the warm-up),
        and where less than half of the window is known.
    """
    every = min(max(every_bars, 1), window_bars)
    size = window_bars // every
    finite = np.isfinite(values)
    sample = _finite(values[::every])
    end = np.arange(1, len(sample) + 1)
    found = _quantiles(sample, np.maximum(end - size, 0), end, q, least=(size + 1) // 2)
    out = np.full((len(q), len(values)), np.nan)
    start = int(finite.argmax()) + window_bars if finite.any() else len(values)
    out[:, start:] = found[:, (np.arange(start, len(values)) - 1) // every]
    return out


def trailing_quantile(
    values: FloatArray, q: float, *, window_bars: int, every_bars: int = 1
) -> FloatArray:
    """One quantile of what lies strictly before each bar, see `trailing_quantiles`."""
    (found,) = trailing_quantiles(values, (q,), window_bars=window_bars, every_bars=every_bars)
    return np.asarray(found)


def trailing_mean(values: FloatArray, *, window_bars: int) -> FloatArray:
    """The mean of the last `window_bars` bars, this one included, shape (n,).

    NaN until the window is full (the warm-up), and where less than half of it is known.
    """
    rolled = pd.Series(values).rolling(window_bars, min_periods=(window_bars + 1) // 2).mean()
    out = rolled.to_numpy(copy=True)
    known = np.flatnonzero(np.isfinite(values))
    out[: known[0] + window_bars - 1 if len(known) else len(values)] = np.nan
    return out


def held_within(condition: BoolArray, *, bars: int) -> BoolArray:
    """Whether a condition holds at a bar, or has held at one of the `bars` bars before it."""
    number = np.arange(len(condition))
    last = np.maximum.accumulate(np.where(condition, number, -bars - 1))
    return np.asarray(number - last <= bars)


def _finite(values: FloatArray) -> FloatArray:
    finite = np.isfinite(values)
    return values if finite.all() else np.where(finite, values, np.nan)


def _quantiles(
    values: FloatArray | Ranks,
    start: IntArray,
    end: IntArray,
    q: Sequence[float],
    *,
    least: int = 1,
    halves: bool = False,
) -> FloatArray:
    """Quantiles of sliding windows, as pandas has them to the last bit.

    Args:
        values: shape (k,); NaN is left out.
        start, end: of each window, neither ever falling, shape (n,); `end` is not in it.
        q: which quantiles; between two values they are linear.
        least: values that a window must have; otherwise its quantiles are NaN.
        halves: take the mean of the two values instead, as of a median.

    Returns:
        Shape (len(q), n).
    """
    ranks = values if isinstance(values, Ranks) else ranks_of(values)
    arrays = (*ranks, start, end, np.array(q, np.float64))
    found: FloatArray = slide(*map(frozen, arrays), least, halves)
    return found
