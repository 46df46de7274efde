"""How much of a Sharpe ratio is luck and selection: PSR, DSR, track record length, CSCV.

Sharpe ratios here are **not annualised**: mean over standard deviation of returns per period (per
day where returns are daily). Divide an annualised ratio of daily returns by √365 first.

Sources:
    [1] Bailey & López de Prado, "The Sharpe ratio efficient frontier", Journal of Risk 15(2), 2012:
        the probabilistic Sharpe ratio and the minimum track record length.
    [2] Bailey & López de Prado, "The deflated Sharpe ratio", Journal of Portfolio Management 40(5),
        2014: the expected maximum, the deflated Sharpe ratio, and its numerical example.
    [3] Bailey, Borwein, López de Prado & Zhu, "The probability of backtest overfitting", Journal of
        Computational Finance 20(4), 2017: CSCV and the statistics derived from it.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fadefollow.errors import DataError, ParameterError

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

#: numbers that CSCV holds in memory at once, in each of a few arrays
_CHUNK = 4_000_000
_MOST_BLOCKS = 20  # 184,756 ways to choose half of them


@dataclass(frozen=True)
class TrackRecord:
    """What the formulas need to know of a series of returns."""

    n: int  #: returns
    sharpe: float  #: per period, not annualised; NaN where the returns do not vary
    skew: float = 0.0
    kurtosis: float = 3.0  #: not in excess: 3 for normal returns

    def __post_init__(self) -> None:
        if self.kurtosis < 1.0 + self.skew**2 - 1e-9:  # NaN passes
            raise ParameterError(
                "kurtosis must be at least 1 + skew²",
                got=f"kurtosis {self.kurtosis:g}, skew {self.skew:g}",
                hint="a normal distribution has kurtosis 3 here, not 0",
            )

    @classmethod
    def of(cls, returns: FloatArray) -> TrackRecord:
        """The record of `returns`, shape (n,), finite; NaN where they do not vary."""
        from scipy import stats

        n = len(returns)
        spread = float(np.std(returns, ddof=1)) if n > 1 else 0.0
        if not spread > 1e-12 * float(np.abs(returns).max(initial=0.0)):
            return cls(n, math.nan, math.nan, math.nan)
        shape = float(stats.skew(returns)), float(stats.kurtosis(returns, fisher=False))
        return cls(n, float(np.mean(returns)) / spread, *shape)

    @property
    def error(self) -> float:
        """Standard error of the Sharpe ratio, [1]; NaN for fewer than 2 returns."""
        return math.sqrt(self.spread / (self.n - 1)) if self.n > 1 else math.nan

    @property
    def spread(self) -> float:
        """1 − skew·SR + (kurtosis − 1)/4·SR², the variance of √(n − 1)·SR."""
        variance = 1.0 - self.skew * self.sharpe + (self.kurtosis - 1.0) / 4.0 * self.sharpe**2
        return max(variance, 0.0) if not math.isnan(variance) else math.nan


def probabilistic_sharpe(record: TrackRecord, benchmark: float = 0.0) -> float:
    """Probability that the true Sharpe ratio exceeds `benchmark`, [1].

    Args:
        record: of independent returns of any distribution with four moments.
        benchmark: per period, not annualised.

    Returns:
        PSR in [0, 1]; NaN where the record has no Sharpe ratio.
    """
    from scipy import stats

    excess, error = record.sharpe - benchmark, record.error
    if error == 0.0:
        return 0.5 * (1.0 + float(np.sign(excess)))
    return float(stats.norm.cdf(excess / error))


def expected_max_sharpe(n_trials: int, variance: float) -> float:
    """Expected maximum of `n_trials` Sharpe ratios where none has any skill, [2].

    Args:
        n_trials: independent trials; correlated ones counted in full make it larger, not smaller,
            though their smaller variance makes up for it in part.
        variance: between the trials' Sharpe ratios, per period, not annualised.

    Returns:
        The expected maximum, per period; 0 for a single trial. An approximation for large numbers:
        8 % too low at two trials, 2 % too high at ten.

    Raises:
        ParameterError: fewer than one trial, or a negative variance.
    """
    from scipy import stats

    if n_trials < 1:
        raise ParameterError("n_trials must be at least 1", got=n_trials)
    if variance < 0.0:
        raise ParameterError("variance must be at least 0", got=variance)
    if n_trials == 1:
        return 0.0
    quantiles = stats.norm.isf([1.0 / n_trials, 1.0 / (n_trials * math.e)])
    weights = 1.0 - np.euler_gamma, np.euler_gamma
    return math.sqrt(variance) * float(np.dot(weights, quantiles))


def deflated_sharpe(record: TrackRecord, *, n_trials: int, variance: float) -> float:
    """Probability that the best of all trials has a true Sharpe ratio above zero, [2].

    PSR against what luck alone would have made of the best of so many trials. Where trials differ
    in truth (a stance and its opposite), that counts as variance too, and the answer is strict.

    Args:
        record: of the trial that is looked at.
        n_trials: all that were ever tried, not only those that are shown.
        variance: between the trials' Sharpe ratios, per period, not annualised.

    Returns:
        DSR in [0, 1]; NaN where the record has no Sharpe ratio.
    """
    return probabilistic_sharpe(record, expected_max_sharpe(n_trials, variance))


@dataclass(frozen=True)
class Overfitting:
    """What CSCV found, [3]; `c` is the number of ways to choose half of the blocks."""

    n_trials: int
    blocks: int
    pbo: float  #: share of choices whose winner is no better than the median outside them
    logits: FloatArray  #: of the winner's relative rank out of sample, shape (c,); low is bad
    winners: IntArray  #: which trial was best in sample, shape (c,)
    in_sample: FloatArray  #: the winner's Sharpe ratio, per period, shape (c,)
    out_of_sample: FloatArray  #: the same trial's in the other half, shape (c,)
    p_loss: float  #: share of choices whose winner loses out of sample
    slope: float  #: of out-of-sample on in-sample Sharpe: performance degradation; NaN if unknown
    intercept: float
    r2: float


def cscv(returns: FloatArray, *, blocks: int = 16) -> Overfitting:
    """Probability of backtest overfitting by combinatorially symmetric cross-validation, [3].

    The periods are cut into blocks; each half of the blocks in turn is the sample in which the best
    trial is chosen, and the other half judges it.

    Args:
        returns: shape (T, N), per period (rows, in order) and trial (columns), all trials over the
            same periods, finite. The oldest T mod `blocks` rows are left out, as in [3].
        blocks: even, 2 to 20; 16 gives 12,870 choices.

    Returns:
        See `Overfitting`. A trial whose returns do not vary in a half has Sharpe ratio 0 there;
        equal trials share their ranks.

    Raises:
        ParameterError: blocks is odd or out of range.
        DataError: fewer than 2 trials, fewer than 2 periods a block, or values that are not finite.
    """
    if blocks % 2 or not 2 <= blocks <= _MOST_BLOCKS:
        raise ParameterError(f"blocks must be even, 2 to {_MOST_BLOCKS}", got=blocks)
    table = np.asarray(returns, np.float64)
    if table.ndim != 2 or table.shape[1] < 2 or table.shape[0] < 2 * blocks:
        raise DataError(
            "CSCV needs a table of at least 2 periods a block × 2 trials",
            got=f"shape {table.shape} for {blocks} blocks",
        )
    if not np.isfinite(table).all():
        raise DataError("returns must be finite", got=f"{int((~np.isfinite(table)).sum())} are not")
    halves = _Halves.of(table, blocks)
    half = np.array(list(itertools.combinations(range(blocks), blocks // 2)))
    chosen = np.zeros((len(half), blocks))
    np.put_along_axis(chosen, half, 1.0, axis=1)
    size = max(_CHUNK // table.shape[1], 1)
    parts = [halves.duel(chosen[at : at + size]) for at in range(0, len(chosen), size)]
    winners, inside, outside, rank = (np.concatenate(part) for part in zip(*parts, strict=True))
    share = rank / (table.shape[1] + 1)
    logits = np.log(share / (1.0 - share))
    slope, intercept, r2 = _line(inside, outside)
    return Overfitting(
        n_trials=table.shape[1],
        blocks=blocks,
        pbo=float((logits <= 0.0).mean()),
        logits=logits,
        winners=winners.astype(np.int64),
        in_sample=inside,
        out_of_sample=outside,
        p_loss=float((outside < 0.0).mean()),
        slope=slope,
        intercept=intercept,
        r2=r2,
    )


@dataclass(frozen=True)
class _Halves:
    """Sums by block, from which the Sharpe ratios of any half follow."""

    mean: FloatArray  #: of each trial over all periods, shape (N,)
    total: FloatArray  #: of returns less `mean`, shape (blocks, N)
    square: FloatArray  #: of their squares, shape (blocks, N)
    periods: int  #: in half of the blocks

    @classmethod
    def of(cls, table: FloatArray, blocks: int) -> _Halves:
        kept = table[len(table) % blocks :]
        mean = kept.mean(axis=0)
        cut = (kept - mean).reshape(blocks, -1, table.shape[1])  # less cancellation in squares
        return cls(mean, cut.sum(axis=1), (cut**2).sum(axis=1), len(kept) // 2)

    def sharpe(self, chosen: FloatArray) -> FloatArray:
        """Sharpe ratios of the trials in halves; `chosen` has shape (k, blocks), 0 or 1."""
        total, square = chosen @ self.total, chosen @ self.square
        variance = (square - total**2 / self.periods) / (self.periods - 1)
        size = self.square.sum(axis=0) / (2 * self.periods)
        known = variance > 1e-12 * size + 1e-28 * self.mean**2  # less is rounding
        spread = np.sqrt(np.where(known, variance, 1.0))
        ratio: FloatArray = np.where(known, (self.mean + total / self.periods) / spread, 0.0)
        return ratio

    def duel(self, chosen: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Winner in each chosen half, its Sharpe ratio there and outside, and its rank outside."""
        inside, outside = self.sharpe(chosen), self.sharpe(1.0 - chosen)
        winner = inside.argmax(axis=1)[:, None]
        best, its = (np.take_along_axis(half, winner, axis=1) for half in (inside, outside))
        near = 1e-12 * (1.0 + np.abs(its))  # equal trials may differ by rounding
        below = (outside < its - near).sum(axis=1)
        equal = (np.abs(outside - its) <= near).sum(axis=1)
        return winner[:, 0].astype(float), best[:, 0], its[:, 0], below + (equal + 1.0) / 2.0


def _line(x: FloatArray, y: FloatArray) -> tuple[float, float, float]:
    from scipy import stats

    if np.ptp(x) <= 1e-12 * np.abs(x).max():
        return math.nan, math.nan, math.nan
    fit = stats.linregress(x, y)
    return float(fit.slope), float(fit.intercept), float(fit.rvalue**2)
