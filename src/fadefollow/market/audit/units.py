"""Where a stream's unit changes: a level that shifts between two records by a factor, for good.

Markets do grow a hundredfold, but over weeks and with gaps between the days that overlap, or with
ranges that widen as volume does. A feed whose unit changes (coins to contracts or dollars,
fractions to percent, a redenomination) shifts all its values at once and keeps its shape. So a
change of unit is a factor between the medians of the days before and after, beyond what the
quantity does by itself, without overlap, from one day to the next; and for what moves smoothly,
as prices, reserves and open interest, from one record to the next. A price that a crash moved so is
told by `fadefollow.market.audit.crash`; a volume that a market gained by waking up, as it climbs
over days and its bars widen with it. What lasts for less than about the days that are compared is
an episode, and not found here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from fadefollow.market.audit.crash import crashed
from fadefollow.market.findings import Finding, when
from fadefollow.market.stamps import nanoseconds
from fadefollow.market.streams import Stream

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_DAY_NS = 86_400_000_000_000
#: the least factor of a change, for what moves smoothly and for what is noisy
SMOOTH, NOISY = 5.0, 30.0
#: days before and after that are compared, of which a third must be there
SMOOTH_DAYS, NOISY_DAYS = 9, 30
#: of the days' levels before and after, those beyond are outliers
_TAIL = 0.1
#: a rate whose usual value is multiplied by exactly this is per another time, or in another unit
EXACT = (8.0, 24.0, 100.0, 1e4)
_PRICE = "the price"
#: a volume's change of unit is there within a day, or so many records if a day has fewer
_AT_ONCE = 6
_SMOOTH_COLUMNS = {
    "open_interest": ("open_interest",),
    "netflow": ("reserve_coins",),
    "hash_rate": ("hash_rate",),
}
_NOISY_COLUMNS = {
    "netflow": ("netflow_coins",),
    "liquidations": ("long_coins", "short_coins"),
    "premium_index": ("close",),
}


@dataclass(frozen=True)
class _Sizes:
    """Positive sizes of one quantity at their times, shape (n,)."""

    name: str
    time: IntArray  #: ns since 1970, ascending
    size: FloatArray
    smooth: bool
    exact: bool = False  #: also look for the factors `EXACT`
    raw: FloatArray | None = None  #: sizes that must have changed as well
    reach: FloatArray | None = None  #: how wide bars are, by which `raw` was divided


def unit_changes(
    symbol: str,
    table: pd.DataFrame,
    schema: Stream,
    beside: Mapping[str, pd.DataFrame] | None = None,
) -> list[Finding]:
    """One finding a quantity of the stream whose unit seems to have changed.

    Args:
        symbol: the coin.
        table: canonical table; contracts and other keys are looked at as they come together.
        schema: its stream.
        beside: bars of the coin's other prices, by stream.
    """
    found = []
    for sizes in _quantities(table, schema):
        changes = _changes(sizes)
        if sizes.name == _PRICE:
            others = beside or {}
            changes = [
                one for one in changes if not crashed(table, int(sizes.time[one[0]]), others)
            ]
        if not changes:
            continue
        at, before, after = changes[0]
        factor = after / before if after > before else before / after
        text = (
            f"{sizes.name} is {factor:,.4g} times as {'large' if after > before else 'small'} from "
            f"one record to the next, and stays so (usually {before:.4g}, then {after:.4g}): has "
            "its unit changed?"
        )
        where = when(pd.Timestamp(int(sizes.time[at]), tz="UTC"))
        found.append(
            Finding("error", symbol, schema.name, "unit change", len(changes), where, text)
        )
    return found


def _quantities(table: pd.DataFrame, schema: Stream) -> Iterator[_Sizes]:
    """Quantities of a stream whose unit could change."""
    if not len(table) or schema.key:  # of contracts, each has its own level
        return
    time = nanoseconds(table["time"])
    if schema.kind == "bars" and schema.name != "premium_index":
        close = table["close"].to_numpy(np.float64)
        yield _sizes(_PRICE, time, close, smooth=True)
        if {"volume", "high", "low"} <= set(table):
            volume = table["volume"].to_numpy(np.float64)
            width = table["high"].to_numpy(np.float64) - table["low"].to_numpy(np.float64)
            with np.errstate(divide="ignore", invalid="ignore"):
                reach = width / close
                effort = np.where(reach > 0, volume / reach, np.nan)
            name = "volume, for the size of its moves,"
            yield _sizes(name, time, effort, raw=volume, reach=reach)
    if schema.name == "funding":
        rate = table["rate"].to_numpy(np.float64) * 8 / table["interval_hours"].to_numpy(np.float64)
        yield _sizes("the rate per 8 h", time, rate, exact=True)
    for column in _SMOOTH_COLUMNS.get(schema.name, ()):
        if column in table:
            yield _sizes(column, time, table[column].to_numpy(np.float64), smooth=True)
    for column in _NOISY_COLUMNS.get(schema.name, ()):
        if column in table:
            yield _sizes(column, time, table[column].to_numpy(np.float64))


def _sizes(
    name: str,
    time: IntArray,
    values: FloatArray,
    *,
    smooth: bool = False,
    exact: bool = False,
    raw: FloatArray | None = None,
    reach: FloatArray | None = None,
) -> _Sizes:
    size = np.abs(values)
    keep = np.isfinite(size) & (size > 0)
    raw, reach = (None if part is None else part[keep] for part in (raw, reach))
    return _Sizes(name, time[keep], size[keep], smooth, exact, raw, reach)


def _changes(sizes: _Sizes) -> list[tuple[int, float, float]]:
    """Per change the first record of the new level, and the usual size before and after."""
    if len(sizes.size) < 4:
        return []
    numbers = sizes.time // _DAY_NS
    daily = pd.Series(sizes.size).groupby(numbers).median()
    days, level = daily.index.to_numpy(np.int64), np.log(daily.to_numpy(np.float64))
    window = SMOOTH_DAYS if sizes.smooth else NOISY_DAYS
    least = np.log(SMOOTH if sizes.smooth else NOISY)
    if len(days) < 2 * (window // 3) + 1 or level.max() - level.min() < min(
        least, np.log(EXACT[0])
    ):
        return []
    before, after = _around(level, window, 0.5)
    step = after - before
    low_b, low_a = _around(level, window, _TAIL)
    high_b, high_a = _around(level, window, 1 - _TAIL)
    apart = np.where(step > 0, low_a > high_b, high_a < low_b)
    next_day = np.append(level[1:], level[-1]) - np.append(level[0], level[:-1])
    flagged = (np.abs(step) >= least) & apart & (step * next_day > 0)
    flagged &= np.abs(next_day) >= least / 2
    if sizes.exact:
        flagged |= np.isin(np.round(np.abs(step), 9), np.round(np.log(EXACT), 9))
    found, last = list[tuple[int, float, float]](), (-window, False)
    for start, end in _runs(flagged):
        ties = np.flatnonzero(np.abs(step[start:end]) >= np.abs(step[start:end]).max() - 1e-9)
        day = start + int(ties[len(ties) // 2])
        way = bool(step[day] > 0)
        if day - last[0] < window and way == last[1]:
            continue  # the same change, seen again
        at = _place(sizes, numbers, days, day, (before[day] + after[day]) / 2, up=way)
        if _real(sizes, at, step[day], least):
            last = day, way
            found.append((at, float(np.exp(before[day])), float(np.exp(after[day]))))
    return found


def _around(level: FloatArray, window: int, share: float) -> tuple[FloatArray, FloatArray]:
    """A quantile of the levels of the days before each day, and of those after it."""
    series, few = pd.Series(level), window // 3
    before = series.rolling(window, min_periods=few).quantile(share).shift()
    back = series[::-1].rolling(window, min_periods=few).quantile(share).shift()
    return before.to_numpy(np.float64), back.to_numpy(np.float64)[::-1]


def _runs(mask: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate(([False], mask, [False])).astype(np.int8)))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _place(
    sizes: _Sizes, numbers: IntArray, days: IntArray, day: int, middle: float, *, up: bool
) -> int:
    """The first record of the new level, within a few days of the one that was found."""
    near = 3
    start = int(np.searchsorted(numbers, days[max(day - near, 0)]))
    end = int(np.searchsorted(numbers, days[min(day + near, len(days) - 1)], side="right"))
    above = np.log(sizes.size[start:end]) > middle
    votes = np.cumsum(np.where(above == up, 1, -1))
    return start + int(np.argmin(np.append(0, votes)))


def _real(sizes: _Sizes, at: int, step: float, least: float) -> bool:
    """Whether a step of this log size is one of a unit, seen from the records around it.

    What moves smoothly moved at once. A volume did so as well, by itself and not only for the size
    of its moves; and the bars, which no unit changes, did not widen by as much as would explain it.
    """
    if not 0 < at < len(sizes.size):
        return False
    if sizes.smooth:
        return bool(abs(np.log(sizes.size[at] / sizes.size[at - 1])) >= 0.9 * least)
    if sizes.raw is None or sizes.reach is None:
        return True
    way = np.sign(step)
    by_itself = way * _shift(sizes.raw, at, max(len(sizes.raw) // 50, 24))
    day = max(int(_DAY_NS // np.median(np.diff(sizes.time))), _AT_ONCE)
    at_once, wider = (way * _shift(part, at, day) for part in (sizes.size, sizes.reach))
    return bool(min(by_itself, at_once) >= least / 2 and abs(step) >= least + max(wider, 0.0))


def _shift(values: FloatArray, at: int, near: int) -> float:
    """The log of the median of so many values from `at` on over that of those before."""
    return float(
        np.log(np.median(values[at : at + near]) / np.median(values[max(at - near, 0) : at]))
    )
