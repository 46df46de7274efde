"""The edge pooled over coins: each coin's mean weighted by what is known of it.

A random-effects model says that the coins' true edges vary around a common one. For reading only:
coins move together, which the model does not know, so that its interval is too narrow to decide.

Source: DerSimonian & Laird (1986), Controlled Clinical Trials 7(3); Paule & Mandel (1982) for the
spread between coins, as in `statsmodels`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from fadefollow.verdict.estimates.bootstrap import ratio_se
from fadefollow.verdict.estimates.days import Sample, day_sums

#: a coin with fewer trades has no error of its own
MIN_TRADES = 8


@dataclass(frozen=True)
class Pooled:
    """The edge over coins, fractions; NaN where fewer than two coins can be pooled."""

    mean: float = math.nan
    low: float = math.nan
    high: float = math.nan
    spread: float = math.nan  #: standard deviation of the coins' true edges
    coins: int = 0


def pooled(trades: Sample, *, length: float, alpha: float) -> Pooled:
    """The pooled edge of some trades.

    Args:
        trades: of all coins.
        length: of a block, in days.
        alpha: level of the interval.
    """
    means, variances = [], []
    for coin in np.unique(trades.coin):
        mine = trades.kept(trades.coin == coin)
        if len(mine) >= MIN_TRADES:
            sums = day_sums(mine.day, mine.value, int(mine.day.max()) + 1, mine.weight)
            se = ratio_se(sums, length)
            if se > 0.0:
                means.append(sums.mean)
                variances.append(se**2)
    if len(means) < 2:
        return Pooled(coins=len(means))
    from statsmodels.stats.meta_analysis import combine_effects  # imports half of scipy

    with np.errstate(divide="ignore"):  # coins with equal means: of a figure that is not used
        found = combine_effects(np.array(means), np.array(variances), method_re="iterated")
    low, high = found.conf_int(alpha=alpha)[1]
    return Pooled(
        float(found.mean_effect_re),
        float(low),
        float(high),
        math.sqrt(max(found.tau2, 0.0)),
        len(means),
    )
