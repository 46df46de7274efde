"""What a placebo is, and how its draws become statistics."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

import numpy as np
from numba import njit

from fadefollow.engine.draws import (
    HEDGED,
    HEDGED_TRADES,
    OUTRIGHT,
    TRADES,
    Everywhere,
    MovedEvents,
    add_draws,
    hedge_levels,
)
from fadefollow.engine.model import FloatArray
from fadefollow.engine.plans.strategy_plan import Plan
from fadefollow.phases import Stance
from fadefollow.verdict.estimates.bootstrap import block_variance
from fadefollow.verdict.estimates.days import day_of_bar
from fadefollow.verdict.threads import threads

#: draws resolved in one go, so that their day sums stay small
AT_ONCE = 50

Kind = Literal["time", "coins"]


class Placebo(Protocol):
    """Where else the events of a plan could have been."""

    @property
    def kind(self) -> Kind:
        """What it changes."""

    @property
    def draws(self) -> int:
        """How many draws there are."""

    @property
    def kept(self) -> float:
        """Share of the events that can be moved."""

    def moved(self, coin: int, stance: Stance, first: int, last: int) -> MovedEvents:
        """The events that a coin is given in the draws from `first` to before `last`."""


@dataclass(frozen=True)
class Draws:
    """What a plan's rows of one stance earned in each draw, shape (draws, phases) each.

    Means are fractions of notional, NaN without a regular trade; se is the block standard error of
    the mean, NaN where there is none.
    """

    FIELDS: ClassVar = ("mean", "se", "hedged_mean", "hedged_se")

    mean: FloatArray
    se: FloatArray
    hedged_mean: FloatArray
    hedged_se: FloatArray


def resolve_draws(
    plan: Plan,
    stance: Stance,
    placebo: Placebo,
    *,
    first: int,
    last: int,
    lengths: FloatArray | None = None,
    hedged_lengths: FloatArray | None = None,
    progress: Callable[[int], None] | None = None,
) -> Draws:
    """Resolve one stance of a plan in each draw of a placebo, outright, hedged, or both.

    Args:
        plan: the strategy.
        stance: `fade` or `follow`.
        placebo: where the events go.
        first, last: the draws to resolve, from `first` to before `last`.
        lengths, hedged_lengths: block lengths in days of each phase's standard errors, shape
            (phases,); None where that book is not asked for, which then is all NaN.
        progress: called with the number of draws done since it was last called.
    """
    day = day_of_bar(plan)
    days = int(day[-1]) + 1
    basket = None if hedged_lengths is None else plan.basket
    levels = [hedge_levels(basket, t.symbol, len(t.time)) for t in plan.coin_arrays]

    coins = range(len(plan.coin_arrays))
    kinds = [plan.kinds(coin) for coin in coins]
    if placebo.kind == "coins":  # any coin may be given any other's events
        kinds = [set[tuple[int, int]]().union(*kinds)] * len(kinds)

    def all_bars(coin: int) -> Everywhere | None:
        found = {(side, rule): plan.everywhere(coin, side, rule) for side, rule in kinds[coin]}
        return Everywhere.of(found, levels[coin]) if found else None

    def some(begin: int) -> list[FloatArray]:
        end = min(begin + AT_ONCE, last)
        sums = np.zeros((end - begin, 4, len(plan.phases), days))
        for coin, (arrays, costs) in enumerate(zip(plan.coin_arrays, plan.costs, strict=True)):
            moved = placebo.moved(coin, stance, begin, end)
            add_draws(
                arrays,
                moved,
                rules=plan.rules,
                costs=costs,
                everywhere=everywhere[coin],
                hedge=levels[coin],
                day=day,
                sums=sums,
            )
        if progress is not None:
            progress(end - begin)
        outright = _statistics(sums[:, OUTRIGHT], sums[:, TRADES], lengths)
        hedged = _statistics(sums[:, HEDGED], sums[:, HEDGED_TRADES], hedged_lengths)
        return [*outright, *hedged]

    # the kernels let go of Python's lock, so threads use all cores
    with ThreadPoolExecutor(threads()) as pool:
        everywhere = list(pool.map(all_bars, coins))
        parts = list(pool.map(some, range(first, last, AT_ONCE)))
    none = np.empty((0, len(plan.phases)))
    return Draws(*(np.concatenate([none, *(part[k] for part in parts)]) for k in range(4)))


def _statistics(
    total: FloatArray, count: FloatArray, lengths: FloatArray | None
) -> tuple[FloatArray, FloatArray]:
    """Means and block standard errors, from sums of shape (draws, phases, days)."""
    if lengths is None:
        none = np.full(total.shape[:2], np.nan)
        return none, none
    mean, se = _means_and_errors(total, count, 1.0 - 1.0 / lengths)
    return mean, se


@njit(cache=True, nogil=True)
def _means_and_errors(
    total: FloatArray, count: FloatArray, decay: FloatArray
) -> tuple[FloatArray, FloatArray]:
    draws, phases, _ = total.shape
    mean, se = np.full((draws, phases), np.nan), np.full((draws, phases), np.nan)
    for b in range(draws):
        for c in range(phases):
            trades = count[b, c].sum()
            if trades > 0.0:
                mean[b, c] = total[b, c].sum() / trades
                influence = (total[b, c] - mean[b, c] * count[b, c]) / trades
                variance = block_variance(influence, decay[c])
                if variance > 0.0:
                    se[b, c] = math.sqrt(variance)
    return mean, se
