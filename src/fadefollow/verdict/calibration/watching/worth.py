"""What each trade was worth when it was entered, as far as it can be known.

The lab knows it (`calibration.truth`). Of a real event at a random time it is the mean over entries
at every hour of the same coin and side; of one that was given to another coin it is the mean over
the coins that it might have been given to, entered at the same hour. What a trade earned beyond
that has mean zero, whatever came before.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import pandas as pd

from fadefollow.engine.model import BookName, FloatArray, IntArray
from fadefollow.engine.plans.strategy_plan import Plan
from fadefollow.verdict.calibration.real_run import moved_plan
from fadefollow.verdict.calibration.truth import Growth, expected
from fadefollow.verdict.estimates.anyhour import BookOutcomes, all_outcomes
from fadefollow.verdict.estimates.days import Kind
from fadefollow.verdict.placebos import CoinPlacebo

#: draws of other coins, of which the first is traded and the others say what it was worth
_DRAWS = 100


class Worth(Protocol):
    """What trades of one plan were worth when they were entered."""

    def of(self, trades: pd.DataFrame, book: BookName) -> FloatArray:
        """The expected net return of each trade, a fraction, shape (k,); NaN: not known.

        Args:
            trades: as from `trades_of`.
            book: in which they count.
        """


@dataclass(frozen=True)
class LabWorth:
    """On a lab market: what its drifts promise."""

    plan: Plan
    growth: Growth

    def of(self, trades: pd.DataFrame, book: BookName) -> FloatArray:
        """See `Worth`."""
        return expected(self.plan, trades, self.growth, book)


@dataclass(frozen=True)
class AnyHourWorth:
    """Of events at random times: the mean over entries at every hour.

    Attributes:
        everywhere: net returns of entries at every hour.
        start: means are taken apart before and from this bar on, as what any hour is worth changes
            over the years.
    """

    everywhere: BookOutcomes
    start: int

    def of(self, trades: pd.DataFrame, book: BookName) -> FloatArray:
        """See `Worth`."""
        known: dict[tuple[Kind, bool], float] = {}
        found = []
        for coin, side, rule, entry in _rows(trades, "coin", "side", "rule", "entry_bar"):
            key = (coin, side, rule), entry >= self.start
            if key not in known:
                values = self.everywhere[book][key[0]]
                known[key] = _mean(values[self.start :] if key[1] else values[: self.start])
            found.append(known[key])
        return np.array(found, np.float64)


@dataclass(frozen=True)
class OtherCoinsWorth:
    """Of events that were given to other coins: the mean over the coins of further draws.

    Attributes:
        everywhere: net returns of entries at every hour, of all coins.
        coins: by coin, signal bar and code, the coins to which further draws gave such an event.
    """

    everywhere: BookOutcomes
    coins: Mapping[tuple[int, int, int], IntArray]

    def of(self, trades: pd.DataFrame, book: BookName) -> FloatArray:
        """See `Worth`."""
        by_kind = self.everywhere[book]
        found = []
        names = ("coin", "signal_bar", "code", "side", "rule", "entry_bar")
        for coin, signal, code, side, rule, entry in _rows(trades, *names):
            others, times = np.unique(self.coins[coin, signal, code], return_counts=True)
            values = np.array([by_kind[int(c), side, rule][entry] for c in others])
            known = ~np.isnan(values)
            mean = np.average(values[known], weights=times[known]) if known.any() else math.nan
            found.append(float(mean))
        return np.array(found, np.float64)


def on_other_coins(plan: Plan, rng: np.random.Generator) -> tuple[Plan, OtherCoinsWorth]:
    """A plan with its events on other coins, and what its trades are worth.

    Args:
        plan: with a market basket.
        rng: source of randomness.
    """
    placebo = CoinPlacebo.draw(plan, draws=_DRAWS, rng=rng)
    given = _given(placebo)
    events, coins = placebo.entries, dict[tuple[int, int, int], list[IntArray]]()
    for group, coin in enumerate(given[0].tolist()):
        others = given[1:, group]
        for row in range(events.starts[group], events.starts[group + 1]):
            key = coin, int(events.bar[row]), int(events.code[row])
            coins.setdefault(key, []).append(others[others >= 0])
    worth = {key: np.concatenate(parts) for key, parts in coins.items() if key[0] >= 0}
    return moved_plan(plan, placebo), OtherCoinsWorth(all_outcomes(_of_every_kind(plan)), worth)


def _given(placebo: CoinPlacebo) -> IntArray:
    """The coin of each group of events in each draw, −1 where none, shape (draws, groups)."""
    given = np.empty(placebo.order.shape, np.int64)
    place = np.arange(placebo.order.shape[1])
    for row, order, bounds in zip(given, placebo.order, placebo.bounds, strict=True):
        row[order] = np.searchsorted(bounds, place, side="right") - 1
    return given


def _of_every_kind(plan: Plan) -> Plan:
    """The same plan with one event of each rule set on each coin, so that all can be traded."""
    rules, coins = np.arange(len(plan.rules.sets)), len(plan.coin_arrays)
    one, none = np.ones(len(rules), np.int64), np.zeros(len(rules), np.int64)
    return replace(
        plan,
        bars=(none,) * coins,
        leans=(one,) * coins,
        codes=(none,) * coins,
        which=(rules.astype(np.int64),) * coins,
    )


def _rows(trades: pd.DataFrame, *names: str) -> Sequence[tuple[int, ...]]:
    return list(trades[list(names)].astype(int).itertuples(index=False, name=None))


def _mean(values: FloatArray) -> float:
    with warnings.catch_warnings():
        # a coin that was listed too late for a single trade to end has no mean
        warnings.simplefilter("ignore", RuntimeWarning)
        return float(np.nanmean(values))
