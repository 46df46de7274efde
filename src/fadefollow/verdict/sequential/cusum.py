"""An alarm for an edge that has gone: Page's CUSUM against the mean that history had.

With μ history's mean net return of a trade, and a block's sum s and number n of trades,

    C_k = max(0, C_{k−1} + (μ/2·n_k − s_k) / σ),      alarm when C_k ≥ h

It drifts down by μ/2 a trade while trades earn μ, and up by as much when they earn nothing: the
log likelihood ratio of the two means, up to a factor (Page 1954, Biometrika 41(1/2)). Block sums
have fat tails, and their number of trades is random, so that h comes from history's own blocks,
drawn with replacement: the chance of an alarm within two years is 1 − exp(−2a) for a stated rate of
`a` false alarms a year.
"""

from __future__ import annotations

import math

import numpy as np

from fadefollow.engine.model import FloatArray
from fadefollow.verdict.estimates.days import DaySums

#: draws of two years' blocks from which the threshold comes
_DRAWS, _YEARS = 4000, 2.0


def steps(sums: DaySums, *, mean: float, spread: float) -> FloatArray:
    """What each block adds to the CUSUM before it is held above zero, shape (k,).

    Args:
        sums: blocks in order.
        mean: history's mean net return of a trade, a positive fraction.
        spread: σ, root mean square of history's s_b − μ·n_b.
    """
    return np.asarray((0.5 * mean * sums.count - sums.total) / spread)


def cusum(added: FloatArray) -> FloatArray:
    """The CUSUM after each block, from `steps`; along the last axis, shape (..., k)."""
    summed = np.cumsum(added, axis=-1)
    lowest = np.minimum(np.minimum.accumulate(summed, axis=-1), 0.0)
    return np.asarray(summed - lowest)


def threshold(
    history: DaySums,
    *,
    mean: float,
    spread: float,
    blocks_a_year: float,
    rate: float,
    seed: int = 1,
) -> float:
    """The height h at which false alarms come at a stated rate.

    Args:
        history: its blocks, from which years are drawn while the edge lives.
        mean, spread: as in `steps`.
        blocks_a_year: number of blocks.
        rate: false alarms a year.
        seed: of the draws.
    """
    rng = np.random.default_rng([seed])
    blocks = max(1, round(_YEARS * blocks_a_year))
    added = steps(history, mean=mean, spread=spread)
    drawn = added[rng.integers(0, len(added), (_DRAWS, blocks))]
    highest = cusum(drawn).max(axis=1)
    return float(np.quantile(highest, math.exp(-_YEARS * rate), method="higher"))
