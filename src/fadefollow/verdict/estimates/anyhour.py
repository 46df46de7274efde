"""The any-hour baseline: what the same trade earns when nothing has happened.

A rising market pays every long position and funding pays every short one. The mean of a row's
trades is therefore shown beside the mean of the same trades (coin, side, holding time, stops,
costs, funding) entered at every bar; no phase ends those by `opposite`. Where a book has several
rule sets, each trade is compared with entries by its own.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping

import numpy as np

from fadefollow.engine.hedge.basket import Basket
from fadefollow.engine.hedge.hedged import BookName
from fadefollow.engine.kernels.book import Outcomes
from fadefollow.engine.model import BarArrays, FloatArray
from fadefollow.engine.plans.strategy_plan import Plan
from fadefollow.verdict.estimates.days import Kind, Sample

#: net return by entry bar, shape (n,), of trades of one kind
ByBar = Mapping[Kind, FloatArray]
#: the same in each book that a plan has
BookOutcomes = Mapping[BookName, ByBar]


def all_outcomes(plan: Plan) -> BookOutcomes:
    """The outcome of entering at every bar, by book, coin, side and rule set, where it trades."""
    found: dict[Kind, FloatArray] = {}
    hedged: dict[Kind, FloatArray] = {}
    for coin, arrays in enumerate(plan.coin_arrays):
        for side, rule in sorted(plan.kinds(coin)):
            outcome = plan.everywhere(coin, side, rule)
            found[coin, side, rule] = outcome.value
            if plan.basket is not None:
                hedged[coin, side, rule] = _hedged(plan.basket, arrays, side, outcome)
    return {"outright": found} if plan.basket is None else {"outright": found, "hedged": hedged}


def _hedged(basket: Basket, arrays: BarArrays, side: int, outcome: Outcomes) -> FloatArray:
    """The outcomes with their hedges; NaN where a trade cannot be hedged."""
    if arrays.symbol not in basket.betas:
        return np.full(len(outcome.value), math.nan)
    entry = np.arange(len(outcome.value))
    sides = np.full(len(entry), side)
    beta = basket.beta(arrays.symbol, entry)
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
