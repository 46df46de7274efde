"""Intervals for ratios of day sums: a studentised stationary block bootstrap.

The bootstrap draws blocks of days with geometric lengths (Politis & Romano 1994, JASA 89(428)), so
that the replicates keep the dependence between near days. A replicate is studentised by its own
standard error, which makes the interval follow the skewness and the uncertain scale of trade
returns (Götze & Künsch 1996, Annals of Statistics 24(5); Davison & Hinkley 1997).

The standard error is analytic, with the weights that the stationary bootstrap implies for a mean:
(1 − 1/L)^|i−j| between days i and j (as in Politis & Romano 1994, without their end
correction). It is never negative, costs one pass over the days, and is the same function in the
sample, in the replicates and in the placebo, so that what it lacks in one, it lacks in all.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from fadefollow.core.cache.compiled import kernel
from fadefollow.core.cache.shelf import Shelf
from fadefollow.engine.model import FloatArray
from fadefollow.verdict.estimates.days import DaySums

#: below this share of replicates with a standard error, no interval is given
_ENOUGH = 0.9
#: numbers of days, as small as can be: there are millions of them
DayIndex = npt.NDArray[np.uint16] | npt.NDArray[np.uint32]


@kernel
def block_variance(influence: FloatArray, decay: float) -> float:
    """Σ_ij decay^|i−j| ψ_i ψ_j over the days' influences ψ, shape (days,), in one pass.

    At least Σ_i ψ_i², the variance of independent days: that near days make up for each other is
    hardly ever true of trades, and the sum over long blocks says so by chance.
    """
    variance, alone, before = 0.0, 0.0, 0.0
    for psi in influence:
        variance += psi * (psi + 2.0 * before)
        alone += psi * psi
        before = decay * (before + psi)
    return max(variance, alone)


def ratio_se(sums: DaySums, length: float) -> float:
    """The block standard error of the ratio Σ s / Σ n; NaN without trades.

    With u_d = s_d − r n_d the ratio's error is Σ u_d / Σ n_d to first order (Cochran 1977, Sampling
    Techniques); for L = 1 and one trade a day it is the plain error of a mean.
    """
    trades = float(sums.count.sum())
    if trades == 0.0:
        return math.nan
    return math.sqrt(block_variance(sums.residual / trades, 1.0 - 1.0 / length))


@dataclass(frozen=True)
class Bootstrapped:
    """An estimate with its standard error, and the same of its replicates, shape (draws,)."""

    value: float
    se: float
    values: FloatArray
    ses: FloatArray

    def limits(self, alpha: float) -> tuple[float, float]:
        """The two critical values of t = (r* − r) / se*, at level 1 − alpha together.

        On each side the farther of the equal-tailed quantile and of the symmetric one (of |t|). The
        symmetric one covers better (Hall 1988, JRSS B 50(1)), as the equal-tailed one takes the
        chance skewness of a few heavy-tailed trades for the real one; where trades are really
        skew, as with rare liquidations, the equal-tailed one guards the long side. (Measured on
        clustered trades with volatility clusters, nominal 95 %: equal-tailed 91 %, symmetric and
        both together 93 to 95 %; with skewness 90, 91 and 93 %.)

        Returns:
            Below and above zero; NaN where more than a tenth of the replicates have no error.
        """
        usable = self.ses > 0.0  # false for NaN
        if not self.se > 0.0 or usable.sum() < _ENOUGH * len(self.ses):
            return math.nan, math.nan
        t = (self.values[usable] - self.value) / self.ses[usable]
        low, high = np.quantile(t, [alpha / 2.0, 1.0 - alpha / 2.0])
        both = np.quantile(np.abs(t), 1.0 - alpha)
        return float(min(low, -both)), float(max(high, both))

    def lower(self, alpha: float) -> float:
        """The one-sided lower bound of level 1 − alpha; NaN where the sample is too small."""
        return self.value - self.limits(2.0 * alpha)[1] * self.se

    def interval(self, alpha: float) -> tuple[float, float]:
        """The two-sided interval of level 1 − alpha; NaN where the sample is too small."""
        low, high = self.limits(alpha)
        return self.value - high * self.se, self.value - low * self.se


#: for a statistic that cannot be had
UNKNOWN = Bootstrapped(math.nan, math.nan, np.empty(0), np.empty(0))


def bootstrap(
    series: Sequence[DaySums],
    contrasts: Sequence[Sequence[float]],
    *,
    length: float,
    index: DayIndex,
) -> tuple[Bootstrapped, ...]:
    """Bootstrap linear combinations of ratios jointly, on the same resampled days.

    Args:
        series: k series of day sums over the same days.
        contrasts: m rows of k weights, one a statistic: (1, 0) is the first ratio, (−1, 1) the
            second less the first.
        length: mean length of a block in days.
        index: resampled days, from `block_indices`, shape (draws, days).

    Returns:
        m results, in the order of `contrasts`.
    """
    total = np.array([sums.total for sums in series])
    count = np.array([sums.count for sums in series])
    weights, decay = np.array(contrasts, np.float64), 1.0 - 1.0 / length
    sample = np.arange(total.shape[1], dtype=index.dtype)[None, :]
    value, se = _contrasts(sample, total, count, weights, decay)
    values, ses = _contrasts(index, total, count, weights, decay)
    return tuple(
        Bootstrapped(float(value[0, m]), float(se[0, m]), values[:, m], ses[:, m])
        for m in range(len(weights))
    )


@dataclass(frozen=True)
class Resampling:
    """The resampled days that all questions of a run share.

    Rows whose blocks are equally long get the same days, so that their replicates can be compared
    with each other; a row's interval does not change when other rows join the run.
    """

    first_day: int  #: UTC, counted from 1970
    n_days: int
    draws: int
    seed: int
    _known: Shelf[float, DayIndex] = field(default_factory=Shelf, repr=False, compare=False)

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"_known": Shelf()}  # other processes draw their own

    def index(self, length: float) -> DayIndex:
        """Days for blocks of a mean length in days, shape (draws, n_days)."""

        def drawn() -> DayIndex:
            rng = np.random.default_rng([self.seed, round(1e3 * length)])
            return block_indices(self.n_days, length=length, draws=self.draws, rng=rng)

        return self._known.ask(length, drawn)

    def placed(self, sums: DaySums, first_day: int) -> DaySums:
        """Day sums that begin on `first_day`, on the run's own days."""
        before = first_day - self.first_day
        after = self.n_days - before - len(sums.total)
        return DaySums(*(np.pad(one, (before, after)) for one in (sums.total, sums.count)))


def block_indices(n_days: int, *, length: float, draws: int, rng: np.random.Generator) -> DayIndex:
    """Resampled days, shape (draws, n_days): the indices of `arch`'s stationary bootstrap.

    Its generator is compiled and takes about 25 µs a replicate of 2,000 days; only the looping
    over statistics in Python, which `arch` does next, would be slow.
    """
    # arch declares a whole block size, but only ever uses its inverse as a probability
    from arch.bootstrap import StationaryBootstrap  # its package takes two seconds to import

    source = StationaryBootstrap(length, np.zeros(n_days), seed=rng)
    index = np.empty((draws, n_days), np.uint16 if n_days <= 2**16 else np.uint32)
    for row in index:
        row[:] = source.update_indices()
    return index


@kernel
def _contrasts(
    index: DayIndex, total: FloatArray, count: FloatArray, weights: FloatArray, decay: float
) -> tuple[FloatArray, FloatArray]:
    """Values and standard errors by replicate and contrast, shape (draws, m) each."""
    draws, n_days = index.shape
    n_series, n_contrasts = len(total), len(weights)
    values = np.full((draws, n_contrasts), np.nan)
    ses = np.full((draws, n_contrasts), np.nan)
    influence = np.empty((n_series, n_days))
    ratio, combined = np.empty(n_series), np.empty(n_days)
    for b in range(draws):
        days = index[b]
        for k in range(n_series):
            s, n = 0.0, 0.0
            for d in days:
                s += total[k, d]
                n += count[k, d]
            ratio[k] = s / n if n > 0.0 else np.nan
            for i in range(n_days):
                u = total[k, days[i]] - ratio[k] * count[k, days[i]]
                influence[k, i] = u / n if n > 0.0 else np.nan
        for m in range(n_contrasts):
            combined[:] = 0.0
            value = 0.0
            for k in range(n_series):
                if weights[m, k] != 0.0:
                    value += weights[m, k] * ratio[k]
                    combined += weights[m, k] * influence[k]
            values[b, m] = value
            if not np.isnan(value):
                ses[b, m] = np.sqrt(block_variance(combined, decay))
    return values, ses
