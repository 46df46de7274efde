"""Prices of one coin that drift apart, and prices that stand still because nobody sends them."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
import pandas as pd

from fadefollow.market.audit.checks import APART
from fadefollow.market.findings import Finding, when
from fadefollow.market.panel import Market
from fadefollow.market.stamps import nanoseconds
from fadefollow.market.streams import Stream

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

_DAY_NS = 86_400_000_000_000
#: prices that ought to be near each other
PRICES = ("perp", "spot", "mark", "index")
#: two prices drift if most bars of so many days on end are apart by more than `checks.APART`;
#: the longest real dislocation known here, SOL in November 2022, took two
DRIFT_DAYS = 7
#: beyond this factor, a day is enough: they are not of the same thing
OTHER_THING = 1.5
#: so long without any change of price or any volume is a feed that stopped, if it is at least
#: `STOPPED_BARS` bars
STOPPED_HOURS, STOPPED_BARS = 24.0, 3


def drifting(market: Market) -> list[Finding]:
    """Pairs of prices of a coin that stay apart: one finding a pair, `stream` names both."""
    found = []
    days = market.open_time.astype(np.int64) // _DAY_NS
    there = [name for name in PRICES if not market.missing(f"{name}.close")]
    for one, other in itertools.combinations(there, 2):
        with np.errstate(divide="ignore", invalid="ignore"):
            gap = np.log(market.column(other, "close") / market.column(one, "close"))
        far = _apart_days(gap, days, np.log1p(APART), DRIFT_DAYS)
        far |= _apart_days(gap, days, np.log(OTHER_THING), 1)
        if not far.any():
            continue
        first = int(far.argmax())
        usual = float(np.expm1(np.nanmedian(gap[far])))
        text = (
            f"{other} and {one} stay more than {APART:.0%} apart for days on end: {other} is "
            f"usually {100 * abs(usual):.3g} % {'above' if usual > 0 else 'below'} {one} then"
        )
        where = when(market.index[first])
        name = f"{one}/{other}"
        found.append(
            Finding("error", market.symbol, name, "prices drift", int(far.sum()), where, text)
        )
    return found


def _apart_days(gap: FloatArray, days: npt.NDArray[np.int64], least: float, most: int) -> BoolArray:
    """The bars of at least `most` days on end on each of which most bars are apart.

    Days without both prices neither count nor interrupt.
    """
    known = np.isfinite(gap)
    if not known.any():
        return np.zeros(len(gap), bool)
    starts = np.flatnonzero(np.append(True, np.diff(days) != 0))
    counted = np.add.reduceat(known, starts, dtype=np.int64)
    apart = np.add.reduceat(known & (np.abs(gap) > least), starts, dtype=np.int64)
    places = np.flatnonzero(counted)
    bad = 2 * apart[places] > counted[places]
    edges = np.flatnonzero(np.diff(np.concatenate(([False], bad, [False])).astype(np.int8)))
    out = np.zeros(len(gap), bool)
    ends = np.append(starts[1:], len(gap))
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        if end - begin >= most:
            out[starts[places[begin]] : ends[places[end - 1]]] = True
    return out & known & (np.abs(gap) > least)


def stopped(symbol: str, table: pd.DataFrame, schema: Stream, bar: pd.Timedelta) -> list[Finding]:
    """Bars that repeat one price, without range or volume, for a day or longer."""
    if schema.kind != "bars" or len(table) < STOPPED_BARS:
        return []
    if schema.key:
        table = table.sort_values([*schema.key, "time"], kind="stable")
    close = table["close"].to_numpy(np.float64)
    same = np.append(False, np.diff(close) == 0)
    same &= np.append(False, np.diff(nanoseconds(table["time"])) == bar.value)
    if {"high", "low"} <= set(table):
        high, low = (table[c].to_numpy(np.float64) for c in ("high", "low"))
        same &= (high == low) | np.isnan(high) | np.isnan(low)
    if "volume" in table:
        same &= ~(table["volume"].to_numpy(np.float64) > 0)
    for key in schema.key:
        same &= (table[key] == table[key].shift()).to_numpy()
    edges = np.flatnonzero(np.diff(np.concatenate(([False], same, [False])).astype(np.int8)))
    starts, lengths = edges[::2] - 1, edges[1::2] - edges[::2] + 1
    long = lengths >= max(STOPPED_BARS, STOPPED_HOURS / (bar / pd.Timedelta(hours=1)))
    if not long.any():
        return []
    count = int(lengths[long].sum())
    longest = int(lengths.max()) * (bar / pd.Timedelta(hours=1))
    text = (
        f"one price without range or volume for up to {longest:g} h on end: has the feed stopped?"
    )
    where = when(table["time"].iloc[int(starts[long].min())])
    return [Finding("error", symbol, schema.name, "stale bars", count, where, text)]
