"""The smallest edge that the whole decision rule would have shown with 80 % power.

"Undecided" means little unless it is known what could have been seen. The bootstrap replicates of
a row say how its mean and standard error vary; set around an assumed edge above the placebo, they
say how often all three conditions of the rule would have been met.
"""

from __future__ import annotations

import math

import numpy as np

from fadefollow.engine.model import FloatArray
from fadefollow.verdict.estimates.bootstrap import Bootstrapped

POWER = 0.8


def detectable_edge(
    mean: Bootstrapped,
    momentum: Bootstrapped,
    *,
    placebo_mean: float,
    mean_t: float,
    placebo_t: float,
    alpha: float,
) -> float:
    """The smallest edge, above the same trade at other times, found with 80 % power.

    In a world with the edge δ the mean is `placebo_mean` + δ and the excess over momentum is δ; a
    replicate shows it if the t of its mean, that of its mean over the placebo's and the one-sided
    lower bound of the excess are all above their critical values. Each of these holds from some δ
    on, so that the edge that is found in a share of the replicates is a quantile of what they need.

    Args:
        mean: bootstrap of the row's mean net return, fractions.
        momentum: that of its mean excess over the momentum benchmark, on the same resampled days.
        placebo_mean: mean over the placebo draws.
        mean_t: t of the interval that holds for all questions.
        placebo_t: t over the placebo's mean that the corrected p needs (`MaxT.critical`).
        alpha: level of the momentum's one-sided bound.

    Returns:
        A fraction ≥ 0; NaN where there is no interval, or no p can be below alpha.
    """
    momentum_t = momentum.limits(2.0 * alpha)[1]
    known = (placebo_mean, mean_t, placebo_t, momentum_t, mean.se)
    if not all(map(math.isfinite, known)):
        return math.nan
    needed = np.max(
        [
            _needed(mean, placebo_mean, mean_t),
            _needed(mean, 0.0, placebo_t),
            _needed(momentum, 0.0, momentum_t),
        ],
        axis=0,
    )
    found_from = np.where(np.isnan(needed), np.inf, needed)
    return max(0.0, float(np.quantile(found_from, POWER, method="higher")))


def _needed(estimate: Bootstrapped, centre: float, t: float) -> FloatArray:
    """The edge from which on each replicate has (centre + δ + error) / se > t, shape (draws,)."""
    return t * estimate.ses - centre - (estimate.values - estimate.value)
