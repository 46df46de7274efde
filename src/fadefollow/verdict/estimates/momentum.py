"""The momentum benchmark: does a phase say more than the price's recent move?

Past returns explain more than half of the gap between perp and spot, so that a phase may be no
more than a costly way to say "it has risen". Each trade is compared with all entries in the same
coin, on the same side and by the same rules after a like trailing return. Those are held to their
time exit, stop or target: the benchmark has no phases that could end a position by `opposite`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fadefollow.core.cache.shelf import Shelf
from fadefollow.engine.model import BarArrays, FloatArray
from fadefollow.engine.plans.strategy_plan import Plan
from fadefollow.engine.resolver import hold_bars
from fadefollow.verdict.estimates.anyhour import ByBar
from fadefollow.verdict.estimates.days import DaySums, Kind, Sample, day_of_bar

DECILES = 10
#: small integers, as there is one a bar and coin
Deciles = npt.NDArray[np.int8]


@dataclass(frozen=True)
class Cells:
    """Outcomes of one kind of trade, by decile of the trailing return.

    An entry bar whose trailing return is unknown, or whose trade has no outcome, is in decile −1.
    """

    decile: Deciles  #: by entry bar, of all bars with a trailing return, shape (n,)
    deviation: FloatArray  #: outcome less its decile's mean, 0 where there is none, shape (n,)
    mean: FloatArray  #: of outcomes, NaN where there is none, shape (10,)
    count: FloatArray  #: of outcomes, shape (10,)


def trailing_decile(arrays: BarArrays, *, bars: int, delay: int) -> Deciles:
    """The decile, 0 to 9, of the trailing return as known when the entry is decided.

    An entry at the open of bar e follows from what was known at the close of bar e − 1 − delay; the
    trailing return is the one from `bars` earlier to that close. Deciles are those of the coin over
    the whole run: the benchmark explains trades afterwards, it does not make any.

    Returns:
        Shape (n,), by entry bar; −1 in the warm-up and where a close is missing.
    """
    trailing = np.full(len(arrays.close), np.nan)
    trailing[bars:] = arrays.close[bars:] / arrays.close[:-bars] - 1.0
    known = ~np.isnan(trailing)
    decile = np.full(len(trailing), -1, np.int8)
    if known.any():
        edges = np.quantile(trailing[known], np.arange(1, DECILES) / DECILES)
        decile[known] = np.searchsorted(edges, trailing[known], side="right")
    lag = 1 + delay
    return np.concatenate([np.full(lag, -1, np.int8), decile[:-lag]])[: len(decile)]


def deciles_of(plan: Plan, coin: int, *, bars: int, delay: int) -> Deciles:
    """`trailing_decile` of one of a plan's coins."""
    name = f"deciles over {bars} bars, delay {delay}"
    return plan.coin_arrays.derived(
        name, coin, lambda arrays: trailing_decile(arrays, bars=bars, delay=delay)
    )


def all_cells(plan: Plan, by_bar: ByBar) -> Mapping[Kind, Cells]:
    """The benchmark of each kind of trade that has outcomes; trailing over its holding time."""

    def of(kind: Kind) -> Cells:
        rules = plan.rules.sets[kind[2]]
        bars = hold_bars(rules, plan.bar_ns)
        return _cells(deciles_of(plan, kind[0], bars=bars, delay=rules.delay_bars), by_bar[kind])

    return Shelf((kind, of(kind)) for kind in by_bar)


def _cells(decile: Deciles, outcome: FloatArray) -> Cells:
    known = (decile >= 0) & ~np.isnan(outcome)
    count = np.bincount(decile[known], minlength=DECILES).astype(np.float64)
    total = np.bincount(decile[known], weights=outcome[known], minlength=DECILES)
    mean = np.divide(total, count, out=np.full(DECILES, np.nan), where=count > 0.0)
    deviation = np.zeros(len(outcome))
    deviation[known] = outcome[known] - mean[decile[known]]
    return Cells(decile, deviation, mean, count)


def momentum_days(plan: Plan, trades: Sample, cells: Mapping[Kind, Cells]) -> DaySums:
    """Day sums whose ratio is the mean excess over the benchmark, and whose error is its error.

    The benchmark is an estimate too. Its own deviations are therefore put on the days on which
    they arose, in the weight that the trades give them: they sum to zero, so that the ratio stays
    the mean excess, but resampling the days resamples the benchmark with the trades (the delta
    method's influence function; Hampel et al. 1986, Robust Statistics).

    Trades without a trailing return are left out.

    Returns:
        Shape (days,), in fractions.
    """
    day = day_of_bar(plan)
    total, count = np.zeros(int(day[-1]) + 1), np.zeros(int(day[-1]) + 1)
    for kind, mine in trades.by_kind():
        if kind not in cells:
            continue
        cell = cells[kind]
        entry, value, part = trades.entry_bar[mine], trades.value[mine], trades.weight[mine]
        excess = value - np.append(cell.mean, np.nan)[cell.decile[entry]]
        known = ~np.isnan(excess)
        entry, excess, part = entry[known], excess[known], part[known]
        np.add.at(total, day[entry], part * excess)
        np.add.at(count, day[entry], part)
        used = np.bincount(cell.decile[entry], weights=part, minlength=DECILES)
        weight = np.append(used / np.maximum(cell.count, 1.0), 0.0)[cell.decile]
        total -= np.bincount(day, weights=weight * cell.deviation, minlength=len(total))
    return DaySums(total, count)
