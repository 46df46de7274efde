"""An alarm for an edge that has gone: Page's CUSUM against the mean that history had.

With μ history's mean net return of a trade, s and n a block's sum and number of trades, v(n) the
variance of s about μ·n, and g the market's volatility, a block moves a sum that is held above zero
(Page 1954, Biometrika 41(1/2)):

    y = δ·(s − μ·n) / (g·v(n))^(1/2)          δ = μ·n / (g·v(n))^(1/2), at most 1
    C_k = max(0, C_{k−1} − y − log cosh y),   alarm when C_k ≥ h

Given how far a normal sum lies from μ·n, the step is the log likelihood ratio of the side on which
it lies: where trades earn nothing, to either side alike. Where sums are symmetric about μ·n its
exponential has the mean 1, whatever their size: a volatility that changes costs delay, but no false
alarms. One block adds log 2 at most, so that no single crash rings.

- v(n) = a·n + c·n²: trades of their own, and what all trades of a block share, fitted to history.
  Blocks that hold more trades, as of a universe that has grown, count for no more than they say.
- g follows the market's volatility: the mean of (s − μ·n)² / v(n) over about the last twenty blocks
  before this one, and one at the start.
- h comes from the null that history's mean goes on: blocks are drawn from history with
  replacement, each at random on either side of μ·n, by a seed of their own. A block is drawn as
  often as it has trades: where a universe has grown, those that come hold as many as the last ones,
  and μ is asked of all of them. So the stated rate holds where all blocks have trades.
- The mean of each draw is off by as much as that of a history of this length may be, likewise by
  random sides. What neighbours share is added to its variance: twice the correlation that trades
  held over a block's border give (`NEIGHBOURS`), or what history shows where that is more.

The chance of a false alarm within two years is 1 − exp(−2a) for a stated rate of `a` a year: h is
that quantile of the draws' highest sums, and nothing else. How often alarms are false on markets
that none of this was fitted to is measured (docs/watch.md).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.optimize import nnls

from fadefollow.engine.model import FloatArray
from fadefollow.verdict.estimates.days import DaySums
from fadefollow.verdict.sequential.blocks import NEIGHBOURS

#: false alarms a year, as stated before any were measured
FALSE_ALARMS = 0.1
#: draws of two years' blocks from which the threshold comes
_DRAWS, _YEARS = 2000, 2.0
#: blocks over which the volatility is averaged
_MEMORY = 20.0
#: the largest shift that is looked for, in deviations
_LARGEST = 1.0


class Spread(NamedTuple):
    """The variance of a block's sum with n trades, own·n + shared·n²."""

    own: float
    shared: float

    def of(self, count: FloatArray) -> FloatArray:
        """The variance of blocks with these numbers of trades."""
        return np.asarray(self.own * count + self.shared * count * count)


@dataclass(frozen=True)
class Alarm:
    """The alarm of a claim, fixed before its first block.

    Attributes:
        mean: history's mean net return of a trade, a positive fraction.
        spread: of a block's sum about it.
        threshold: h.
    """

    mean: float
    spread: Spread
    threshold: float

    @classmethod
    def of(
        cls, history: DaySums, *, blocks_a_year: float, rate: float, seed: int = 1
    ) -> Alarm | None:
        """The alarm that history's blocks give; None where they earned nothing, or too few trades.

        Args:
            history: blocks in order.
            blocks_a_year: number of blocks.
            rate: false alarms a year.
            seed: of the draws.
        """
        filled = history.count > 0.0
        held = DaySums(history.total[filled], history.count[filled])
        if filled.sum() < 2 or not held.mean > 0.0:
            return None
        spread = spread_of(held)
        if not spread.own + spread.shared > 0.0:
            return None
        rng = np.random.default_rng([seed])
        doubt = _doubt(history) * len(held.total) / (len(held.total) - 1)
        years = _drawn(held, doubt, max(1, round(_YEARS * blocks_a_year)), rng)
        loose = cls(held.mean, spread, math.inf)
        highest = loose.path(years).max(axis=1)
        level = math.exp(-_YEARS * rate)
        return cls(held.mean, spread, float(np.quantile(highest, level, method="higher")))

    def path(self, sums: DaySums) -> FloatArray:
        """The CUSUM after each block.

        Args:
            sums: blocks in order along the last axis, shape (..., k).
        """
        filled = sums.count > 0.0
        deviation = np.sqrt(np.where(filled, self.spread.of(sums.count), 1.0))
        expected = self.mean * sums.count / deviation
        apart = np.where(filled, (sums.total - self.mean * sums.count) / deviation, 0.0)
        heat = np.ones(sums.total.shape[:-1])
        height = np.zeros_like(heat)
        path = np.empty(sums.total.shape)
        for k in range(sums.total.shape[-1]):
            shift = np.minimum(expected[..., k] / np.sqrt(heat), _LARGEST)
            height = np.maximum(0.0, height + _step(shift * apart[..., k] / np.sqrt(heat)))
            path[..., k] = height
            warmer = heat + (np.square(apart[..., k]) - heat) / _MEMORY
            heat = np.where(filled[..., k], warmer, heat)
        return path


def _step(y: FloatArray) -> FloatArray:
    """−y − log cosh y, which is log 2 − log(1 + exp 2y)."""
    return np.asarray(math.log(2.0) - np.logaddexp(0.0, 2.0 * y))


def _drawn(held: DaySums, doubt: float, blocks: int, rng: np.random.Generator) -> DaySums:
    """Years in which the mean is history's, from its blocks, shape (draws, blocks).

    Args:
        held: blocks with trades.
        doubt: the variance of their mean, as a multiple of that of independent blocks.
        blocks: of a draw.
        rng: source of randomness.
    """
    known, trades = len(held.total), held.count.sum()
    place = rng.choice(known, (_DRAWS, blocks), p=held.count / trades)
    count = held.count[place]
    apart = held.residual[place] * _sides(rng, place.shape)
    off = (held.residual * _sides(rng, (_DRAWS, known))).sum(axis=1) / trades
    return DaySums((held.mean + math.sqrt(doubt) * off[:, None]) * count + apart, count)


def _doubt(history: DaySums) -> float:
    """What neighbours share, as a factor of the variance of the mean of independent blocks."""
    u = history.residual
    shown = 2.0 * float(u[1:] @ u[:-1]) / float(u @ u)
    return 1.0 + max(2.0 * NEIGHBOURS, shown)


def _sides(rng: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    """−1 or 1, each with an even chance."""
    return np.asarray(2.0 * rng.integers(0, 2, shape) - 1.0, np.float64)


def spread_of(sums: DaySums) -> Spread:
    """The variance of blocks by their number of trades, from blocks that all have some.

    Least squares of (s − r·n)² / n² on 1/n and 1, neither coefficient below zero.
    """
    squared = np.square(sums.residual / sums.count)
    design = np.column_stack([1.0 / sums.count, np.ones(len(squared))])
    (own, shared), _ = nnls(design, squared)
    return Spread(float(own), float(shared))
