"""An alarm for an edge that has gone: Page's CUSUM against the mean that history had.

With μ history's mean net return of a trade, s and n a block's sum and number of trades, and v(n)
the variance of s about μ·n, a block moves a sum that is held above zero (Page 1954, Biometrika
41(1/2)):

    z = (s − μ·n) / (g·v(n))^(1/2), held to ±2         δ = μ·n / (g·v(n))^(1/2), at most 1
    C_k = max(0, C_{k−1} − δ·z − δ²/2),                alarm when C_k ≥ h

Of normal sums that are not held this is the log likelihood ratio of "trades earn nothing" against
"trades earn μ".

- v(n) = a·n + c·n²: trades of their own, and what all trades of a block share, fitted to history.
  Blocks that hold more trades, as of a universe that has grown, count for no more than they say.
- g follows the market's volatility: the mean of (s − μ·n)² / v(n) over about the last twenty blocks
  before this one, and one at the start.
- z is held to ±2 and δ to 1, so that no single crash rings: history has too few of them to tell how
  large they come.
- h comes from history's own blocks, drawn with replacement, ten neighbours together, as they depend
  on each other. The mean of each draw is off by as much as that of a history of this length
  may be. Only blocks with trades are drawn, so that the stated rate holds where all have some.

The chance of a false alarm within two years is at most 1 − exp(−2a) for a rate of `a` a year; h is
set for a third of that rate, as markets change more than a history of some years shows (measured:
docs/watch.md).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.optimize import nnls

from fadefollow.engine.model import FloatArray
from fadefollow.verdict.estimates.days import DaySums

#: draws of two years' blocks from which the threshold comes
_DRAWS, _YEARS = 2000, 2.0
#: neighbouring blocks that are drawn together
_TOGETHER = 10
#: the threshold is set for so much of the stated rate, as markets change more than a history shows
_CAUTION = 1.0 / 3.0
#: blocks over which the volatility is averaged
_MEMORY = 20.0
#: the most that a block can stand apart, and the largest shift that is looked for, in deviations
_FARTHEST, _LARGEST = 2.0, 1.0


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
        years = _drawn(held, max(1, round(_YEARS * blocks_a_year)), rng)
        loose = cls(held.mean, spread, math.inf)
        highest = loose.path(years).max(axis=1)
        level = math.exp(-_YEARS * _CAUTION * rate)
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
            z = np.clip(apart[..., k] / np.sqrt(heat), -_FARTHEST, _FARTHEST)
            height = np.maximum(0.0, height - shift * z - 0.5 * shift * shift)
            path[..., k] = height
            warmer = heat + (np.square(apart[..., k]) - heat) / _MEMORY
            heat = np.where(filled[..., k], warmer, heat)
        return path


def _drawn(held: DaySums, blocks: int, rng: np.random.Generator) -> DaySums:
    """Years of blocks from those that history has, shape (draws, blocks)."""
    known = len(held.total)
    first = rng.integers(0, known, (_DRAWS, -(-blocks // _TOGETHER), 1))
    place = ((first + np.arange(_TOGETHER)) % known).reshape(_DRAWS, -1)[:, :blocks]
    again = rng.integers(0, known, (_DRAWS, known))
    off = held.total[again].sum(axis=1) / held.count[again].sum(axis=1) - held.mean
    count = held.count[place]
    return DaySums(held.total[place] + off[:, None] * count, count)


def spread_of(sums: DaySums) -> Spread:
    """The variance of blocks by their number of trades, from blocks that all have some.

    Least squares of (s − r·n)² / n² on 1/n and 1, neither coefficient below zero.
    """
    squared = np.square(sums.residual / sums.count)
    design = np.column_stack([1.0 / sums.count, np.ones(len(squared))])
    (own, shared), _ = nnls(design, squared)
    return Spread(float(own), float(shared))
