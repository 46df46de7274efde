"""The any-hour baseline: what the same trade earns when nothing has happened.

A rising market pays every long position and funding pays every short one. The mean of a row's
trades is therefore shown beside the mean of the same trades (coin, side, holding time, stops,
costs, funding) entered at every bar; no phase ends those by `opposite`.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping

import numpy as np

from fadefollow.engine.model import FloatArray, Plan
from fadefollow.engine.resolver import outcomes
from fadefollow.verdict.days import Sample

#: net return by entry bar, shape (n,), of a trade in coin (its place in the plan) and side
Outcomes = Mapping[tuple[int, int], FloatArray]


def all_outcomes(plan: Plan) -> dict[tuple[int, int], FloatArray]:
    """The outcome of entering at every bar, by coin and side, where the plan trades them."""
    found = {}
    for coin, (tape, costs) in enumerate(zip(plan.tapes, plan.costs, strict=True)):
        leans = set(plan.leans[coin].tolist())
        for side in sorted(leans | {-lean for lean in leans}):
            found[coin, side] = outcomes(tape, side, rules=plan.rules, costs=costs)
    return found


def anyhour_mean(trades: Sample, by_bar: Outcomes) -> float:
    """The mean over all bars, in the trades' mix of coins and sides; NaN without trades."""
    pairs, counts = np.unique(
        np.column_stack([trades.coin, trades.side]), axis=0, return_counts=True
    )
    if len(trades) == 0:
        return math.nan
    with warnings.catch_warnings():
        # a coin that was listed too late for a single trade to end has no mean
        warnings.simplefilter("ignore", RuntimeWarning)
        means = [float(np.nanmean(by_bar[int(coin), int(side)])) for coin, side in pairs]
    return float(np.average(means, weights=counts))
