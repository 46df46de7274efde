"""What a placebo is, and how its draws become statistics."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from threading import Lock
from typing import ClassVar, Literal, NamedTuple, Protocol

import numpy as np

from fadefollow.core.cache.compiled import kernel
from fadefollow.engine.draws import (
    DrawSums,
    Everywhere,
    HedgeLevels,
    MovedEvents,
    add_draws,
    hedge_levels,
)
from fadefollow.engine.hedge.basket import Basket
from fadefollow.engine.model import BarArrays, FloatArray
from fadefollow.engine.plans.strategy_plan import Plan
from fadefollow.phases import Stance
from fadefollow.verdict.estimates.bootstrap import block_variance
from fadefollow.verdict.estimates.days import day_of_bar
from fadefollow.verdict.threads import threads

#: of the day sums of draws that are resolved in one go
SUMS_BYTES = 64_000_000

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

    def moved(self, coin: int, first: int, last: int) -> MovedEvents:
        """The events that a coin is given in the draws from `first` to before `last`.

        Their sides are those of following.
        """


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


@dataclass(frozen=True)
class Lengths:
    """Block lengths in days of each phase's standard errors, shape (phases,), of one stance.

    None where that book is not asked for, which then is all NaN.
    """

    outright: FloatArray | None
    hedged: FloatArray | None


def resolve_draws(
    plan: Plan,
    placebo: Placebo,
    lengths: Mapping[Stance, Lengths],
    *,
    first: int,
    last: int,
    progress: Callable[[int], None] | None = None,
) -> dict[Stance, Draws]:
    """Resolve a plan in each draw of a placebo, outright, hedged, or both.

    Coin by coin, as no more than one coin's bars are needed at a time; what is kept are day sums.

    Args:
        plan: the strategy.
        placebo: where the events go.
        lengths: for each stance that is asked for.
        first, last: the draws to resolve, from `first` to before `last`.
        progress: called with the number of draws done since it was last called.
    """
    books = sum(book is not None for one in lengths.values() for book in (one.outright, one.hedged))
    size = 16 * max(books, 1) * len(plan.phases) * (int(day_of_bar(plan)[-1]) + 1)
    at_once = max(SUMS_BYTES // size, 1)
    parts = [
        _some_draws(plan, placebo, lengths, begin, min(begin + at_once, last), progress)
        for begin in range(first, last, at_once)
    ]
    none = np.empty((0, len(plan.phases)))
    return {
        stance: Draws(
            *(np.concatenate([none, *(part[stance][k] for part in parts)]) for k in range(4))
        )
        for stance in lengths
    }


def _some_draws(
    plan: Plan,
    placebo: Placebo,
    lengths: Mapping[Stance, Lengths],
    first: int,
    last: int,
    progress: Callable[[int], None] | None,
) -> dict[Stance, tuple[FloatArray, ...]]:
    """The fields of `Draws` by stance, of draws whose day sums fit into memory together."""
    day, stances = day_of_bar(plan), tuple(lengths)
    hedged = any(one.hedged is not None for one in lengths.values())
    # the kernels let go of Python's lock, so threads use all cores; each has draws of its own
    edges = np.unique(np.linspace(first, last, threads() + 1).astype(int)).tolist()
    workers = len(edges) - 1
    tables = _Tables(plan, placebo.kind, plan.basket if hedged else None, users=workers)
    size = last - first, len(plan.phases), int(day[-1]) + 1
    sums = {
        stance: DrawSums.zeros(
            size, outright=one.outright is not None, hedged=one.hedged is not None
        )
        for stance, one in lengths.items()
    }
    coins = len(plan.coin_arrays)

    def work(bounds: tuple[int, int]) -> list[list[FloatArray]]:
        begin, end = bounds
        shape = end - begin, len(plan.phases)
        mine = {stance: one.some(begin - first, end - first) for stance, one in sums.items()}
        told = 0
        for coin in range(coins):
            table = tables.take(coin)
            if table is not None:
                follow = placebo.moved(coin, begin, end)
                for stance, total in mine.items():
                    add_draws(
                        table.arrays,
                        follow if stance == "follow" else follow.mirrored(),
                        rules=plan.rules,
                        costs=plan.costs[coin],
                        everywhere=table.everywhere,
                        hedge=table.levels,
                        day=day,
                        sums=total,
                    )
            done = (end - begin) * (coin + 1) // coins
            if progress is not None and done > told:
                progress(done - told)
                told = done
        return [
            [
                *_means_and_errors(total.outright, _decay(one.outright), shape),
                *_means_and_errors(total.hedged, _decay(one.hedged), shape),
            ]
            for total, one in zip(mine.values(), lengths.values(), strict=True)
        ]

    with ThreadPoolExecutor(workers) as pool:
        parts = list(pool.map(work, pairwise(edges)))
    return {
        stance: tuple(np.concatenate([part[number][k] for part in parts]) for k in range(4))
        for number, stance in enumerate(stances)
    }


class _Table(NamedTuple):
    """What a trade of one coin earns at every bar."""

    arrays: BarArrays
    levels: HedgeLevels
    everywhere: Everywhere


class _Tables:
    """The tables of a plan's coins, each made once and gone when all threads have had it."""

    def __init__(self, plan: Plan, kind: Kind, basket: Basket | None, *, users: int) -> None:
        self._plan, self._basket, self._users = plan, basket, users
        coins = range(len(plan.coin_arrays))
        self._kinds = [plan.kinds(coin) for coin in coins]
        if kind == "coins":  # any coin may be given any other's events
            self._kinds = [set[tuple[int, int]]().union(*self._kinds)] * len(coins)
        self._made: dict[int, tuple[_Table | None, int]] = {}
        self._locks = [Lock() for _ in coins]

    def take(self, coin: int) -> _Table | None:
        """The table of a coin; None where it has no events in any draw."""
        with self._locks[coin]:
            table, taken = self._made.pop(coin, (None, 0))
            if not taken:
                table = self._make(coin)
            if taken + 1 < self._users:
                self._made[coin] = table, taken + 1
        return table

    def _make(self, coin: int) -> _Table | None:
        plan = self._plan
        found = {
            (side, rule): plan.everywhere(coin, side, rule) for side, rule in self._kinds[coin]
        }
        if not found:
            return None
        arrays = plan.coin_arrays[coin]
        levels = hedge_levels(self._basket, arrays.symbol, len(plan.time))
        return _Table(arrays, levels, Everywhere.of(found, levels))


def _decay(lengths: FloatArray | None) -> FloatArray:
    """The weight of a day's neighbour by phase; empty for a book that is not asked for."""
    return np.empty(0) if lengths is None else 1.0 - 1.0 / lengths


@kernel
def _means_and_errors(
    sums: FloatArray, decay: FloatArray, shape: tuple[int, int]
) -> tuple[FloatArray, FloatArray]:
    """Means and block standard errors by draw and phase, from one book of `DrawSums`."""
    mean, se = np.full(shape, np.nan), np.full(shape, np.nan)
    for b in range(len(sums)):
        for c in range(len(decay)):
            total, count = sums[b, c, :, 0], sums[b, c, :, 1]
            trades = count.sum()
            if trades > 0.0:
                mean[b, c] = total.sum() / trades
                influence = (total - mean[b, c] * count) / trades
                variance = block_variance(influence, decay[c])
                if variance > 0.0:
                    se[b, c] = math.sqrt(variance)
    return mean, se
