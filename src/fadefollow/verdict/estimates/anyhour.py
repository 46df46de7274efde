"""The any-hour baseline: what the same trade earns when nothing has happened.

A rising market pays every long position and funding pays every short one. The mean of a row's
trades is therefore shown beside the mean of the same trades (coin, side, holding time, stops,
costs, funding) entered at every bar; no phase ends those by `opposite`. Where a book has several
rule sets, each trade is compared with entries by its own.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping

import numpy as np

from fadefollow.core.cache.shelf import Shelf
from fadefollow.engine.hedge.basket import Basket
from fadefollow.engine.kernels.outcomes import Outcomes
from fadefollow.engine.model import BookName, FloatArray
from fadefollow.engine.plans.strategy_plan import Plan
from fadefollow.verdict.estimates.days import Kind, Sample

#: net return by entry bar, shape (n,), of trades of one kind
ByBar = Mapping[Kind, FloatArray]
#: the same in each book that a plan has
BookOutcomes = Mapping[BookName, ByBar]


def all_outcomes(plan: Plan) -> BookOutcomes:
    """The outcome of entering at every bar, by book, coin, side and rule set, where it trades."""
    if plan.basket is None:
        return {"outright": _Outcomes(plan)}
    return {"outright": _Outcomes(plan), "hedged": _HedgedOutcomes(plan, plan.basket)}


class _Outcomes(ByBar):
    """Those of a plan's trades, read when they are asked for: one coin's are enough at a time."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        coins = range(len(plan.coin_arrays))
        self._kinds = {(c, side, rule): None for c in coins for side, rule in sorted(plan.kinds(c))}

    def __len__(self) -> int:
        return len(self._kinds)

    def __iter__(self) -> Iterator[Kind]:
        return iter(self._kinds)

    def __getitem__(self, kind: Kind) -> FloatArray:
        if kind not in self._kinds:
            raise KeyError(kind)
        return self.plan.everywhere(*kind).value


class _HedgedOutcomes(_Outcomes):
    """The same with their hedges."""

    def __init__(self, plan: Plan, basket: Basket) -> None:
        super().__init__(plan)
        self._basket = basket
        self._made: Shelf[Kind, FloatArray] = Shelf()

    def __getitem__(self, kind: Kind) -> FloatArray:
        if kind not in self._kinds:
            raise KeyError(kind)
        return self._made.ask(kind, lambda: self._hedge(kind))

    def _hedge(self, kind: Kind) -> FloatArray:
        coin, side, _ = kind
        symbol, outcome = self.plan.symbols[coin], self.plan.everywhere(*kind)
        return _hedged(self._basket, symbol, side, outcome)


def _hedged(basket: Basket, symbol: str, side: int, outcome: Outcomes) -> FloatArray:
    """The outcomes with their hedges; NaN where a trade cannot be hedged."""
    if symbol not in basket.betas:
        return np.full(len(outcome.value), math.nan)
    entry = np.arange(len(outcome.value))
    sides = np.full(len(entry), side)
    beta = basket.beta(symbol, entry)
    legs = basket.hedge(beta, sides, entry, outcome.exit_bar, outcome.inside)
    return outcome.value + legs.gross + legs.cost


def anyhour_mean(trades: Sample, by_bar: ByBar) -> float:
    """The mean over all bars, in the trades' mix of kinds; NaN without trades."""
    kinds, which = np.unique(
        np.column_stack([trades.coin, trades.side, trades.rule]), axis=0, return_inverse=True
    )
    counts = np.bincount(which.ravel(), weights=trades.weight, minlength=len(kinds))
    if len(trades) == 0:
        return math.nan
    with warnings.catch_warnings():
        # a coin that was listed too late for a single trade to end has no mean
        warnings.simplefilter("ignore", RuntimeWarning)
        means = [float(np.nanmean(by_bar[int(c), int(s), int(r)])) for c, s, r in kinds]
    return float(np.average(means, weights=counts))
