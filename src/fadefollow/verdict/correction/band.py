"""Intervals for the means of a table of questions that hold together.

The t of each mean, in each common bootstrap replicate, says how far a mean strays from its truth
by chance alone. The largest |t| among the rows of a replicate says how far the luckiest or the
unluckiest row strays. Its 1 − alpha quantile is one critical t for all rows: with probability
1 − alpha every row's truth lies within critical × standard error of its mean, so that "above
zero", "below zero" and "below the smallest edge worth trading" may all be read off at once.

Source: Romano & Wolf (2005), Econometrica 73(4) (studentised max statistics from a bootstrap under
dependence), single step.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from fadefollow.engine.model import FloatArray
from fadefollow.verdict.estimates.bootstrap import Bootstrapped

#: of a row's replicates, the share that must have a standard error
ENOUGH = 0.9


def simultaneous_t(rows: Sequence[Bootstrapped], *, alpha: float) -> float:
    """The critical |t| of a table at level 1 − alpha over all its rows; NaN for an empty table.

    Args:
        rows: bootstraps whose replicates were drawn together: replicate b of each row comes from
            the same resampled days wherever the rows share a block length.
        alpha: chance that any row's truth lies outside its interval.
    """
    usable = [t for row in rows if (t := replicate_t(row)) is not None]
    if not usable:
        return math.nan
    largest = np.fmax.reduce(np.abs(np.array(usable)), axis=0)
    return float(np.quantile(largest[~np.isnan(largest)], 1.0 - alpha))


def replicate_t(row: Bootstrapped) -> FloatArray | None:
    """(r* − r) / se* of each replicate, shape (draws,), NaN where it has no standard error.

    Returns:
        None where the row itself, or more than a tenth of its replicates, has none.
    """
    usable = row.ses > 0.0  # false for NaN
    if not row.se > 0.0 or usable.mean() < ENOUGH:
        return None
    out = np.full(len(row.ses), np.nan)
    out[usable] = (row.values[usable] - row.value) / row.ses[usable]
    return out
