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

from fadefollow.engine.model import FloatArray, Plan
from fadefollow.engine.resolver import outcomes
from fadefollow.verdict.estimates.days import Kind, Sample

#: net return by entry bar, shape (n,), of trades of one kind
Outcomes = Mapping[Kind, FloatArray]


def all_outcomes(plan: Plan) -> dict[Kind, FloatArray]:
    """The outcome of entering at every bar, by coin, side and rule set, where the plan trades."""
    found = {}
    for coin, (tape, costs) in enumerate(zip(plan.tapes, plan.costs, strict=True)):
        used = set(zip(plan.leans[coin].tolist(), plan.rule_of(coin).tolist(), strict=True))
        for side, rule in sorted(used | {(-lean, rule) for lean, rule in used}):
            rules = plan.rules.sets[rule]
            found[coin, side, rule] = outcomes(tape, side, rules=rules, costs=costs).value
    return found


def anyhour_mean(trades: Sample, by_bar: Outcomes) -> float:
    """The mean over all bars, in the trades' mix of kinds; NaN without trades."""
    kinds, counts = np.unique(
        np.column_stack([trades.coin, trades.side, trades.rule]), axis=0, return_counts=True
    )
    if len(trades) == 0:
        return math.nan
    with warnings.catch_warnings():
        # a coin that was listed too late for a single trade to end has no mean
        warnings.simplefilter("ignore", RuntimeWarning)
        means = [float(np.nanmean(by_bar[int(c), int(s), int(r)])) for c, s, r in kinds]
    return float(np.average(means, weights=counts))
