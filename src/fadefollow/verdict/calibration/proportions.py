"""Proportions and means with intervals, and logistic curves of a proportion."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy import stats
from scipy.special import expit

from fadefollow.engine.model import FloatArray

_LEVEL = 0.95


@dataclass(frozen=True)
class Share:
    """`count` of `of`, with a 95 % interval; NaN where there is nothing to count."""

    count: int
    of: int
    low: float
    high: float

    @property
    def value(self) -> float:
        """The share itself."""
        return self.count / self.of if self.of else math.nan

    def __str__(self) -> str:
        return f"{self.value:.1%} [{self.low:.1%}, {self.high:.1%}]"

    @classmethod
    def exact(cls, hits: Sequence[bool] | npt.NDArray[np.bool_]) -> Self:
        """Share of independent cases; interval of Clopper & Pearson (1934), Biometrika 26(4)."""
        count, of = int(np.sum(hits)), len(hits)
        if not of:
            return cls(0, 0, math.nan, math.nan)
        tail = (1.0 - _LEVEL) / 2.0
        low = float(stats.beta.ppf(tail, count, of - count + 1)) if count else 0.0
        high = float(stats.beta.ppf(1.0 - tail, count + 1, of - count)) if count < of else 1.0
        return cls(count, of, low, high)

    @classmethod
    def clustered(cls, groups: Sequence[Sequence[bool]]) -> Self:
        """Share of cases that depend within a market, with a ratio's normal interval.

        Source: Cochran (1977), Sampling Techniques (proportions in clusters).
        """
        hits = np.array([sum(group) for group in groups if len(group)], np.float64)
        sizes = np.array([len(group) for group in groups if len(group)], np.float64)
        if len(sizes) < 2:
            return cls.exact([hit for group in groups for hit in group])
        if not hits.any() or (hits == sizes).all():  # as if each group were one case
            bound = cls.exact(hits > 0.0)
            return cls(int(hits.sum()), int(sizes.sum()), bound.low, bound.high)
        share, k = hits.sum() / sizes.sum(), len(sizes)
        spread = float(np.square(hits - share * sizes).sum()) * k / (k - 1)
        error = float(stats.norm.ppf(0.5 + _LEVEL / 2.0)) * math.sqrt(spread) / float(sizes.sum())
        low, high = max(0.0, float(share) - error), min(1.0, float(share) + error)
        return cls(int(hits.sum()), int(sizes.sum()), low, high)


@dataclass(frozen=True)
class Mean:
    """A mean over independent markets, with a 95 % t-interval; NaN where it is not known."""

    value: float
    low: float
    high: float
    of: int

    def __str__(self) -> str:
        between = "" if math.isnan(self.low) else f" [{self.low:.0f}, {self.high:.0f}]"
        return f"{self.value:.0f}{between}"

    @classmethod
    def over(cls, values: Sequence[float] | FloatArray) -> Self:
        """Mean of the known values."""
        known = np.array([value for value in values if not math.isnan(value)], np.float64)
        k = len(known)
        if not k:
            return cls(math.nan, math.nan, math.nan, 0)
        mean = float(known.mean())
        if k == 1:
            return cls(mean, math.nan, math.nan, 1)
        far = float(stats.t.ppf(0.5 + _LEVEL / 2.0, k - 1) * known.std(ddof=1) / math.sqrt(k))
        return cls(mean, mean - far, mean + far, k)


@dataclass(frozen=True)
class Curve:
    """A logistic curve of a share over log x: share = 1 / (1 + exp(−(a + b·log x)))."""

    a: float
    b: float
    covariance: tuple[tuple[float, float], tuple[float, float]]
    of: int  #: cases that it was fitted to

    def at(self, x: float) -> tuple[float, float, float]:
        """The share at x, with its 95 % interval by the delta method on the logit."""
        place = np.array([1.0, math.log(x)])
        logit = float(place @ np.array([self.a, self.b]))
        error = 1.96 * math.sqrt(max(0.0, float(place @ np.array(self.covariance) @ place)))
        # hits and misses that a threshold parts have an error of thousands
        low, mid, high = expit([logit - error, logit, logit + error]).tolist()
        return mid, low, high


def logistic(x: FloatArray, hit: npt.NDArray[np.bool_]) -> Curve | None:
    """Fit a curve by maximum likelihood (Newton's steps); None where hits and misses do not mix.

    Args:
        x: positive, shape (k,).
        hit: shape (k,).
    """
    if len(x) < 10 or hit.all() or not hit.any():
        return None
    design = np.column_stack([np.ones(len(x)), np.log(x)])
    beta, information = np.zeros(2), np.eye(2)
    for _ in range(50):
        share = 1.0 / (1.0 + np.exp(-np.clip(design @ beta, -30.0, 30.0)))
        # a trace of ridge keeps a perfect split finite
        information = design.T @ (design * (share * (1.0 - share))[:, None]) + 1e-6 * np.eye(2)
        change = np.linalg.solve(information, design.T @ (hit - share))
        beta = beta + np.clip(change, -5.0, 5.0)
        if np.abs(change).max() < 1e-10:
            break
    inverse = np.linalg.inv(information).tolist()
    (p, q), (r, s) = inverse
    return Curve(float(beta[0]), float(beta[1]), ((p, q), (r, s)), len(x))


def plain(value: Any) -> Any:
    """For JSON, of a dataclass's `asdict`: shares with their `value`, NaN as None."""
    if isinstance(value, dict):
        if {"count", "of", "low", "high"} == set(value):
            value = value | {"value": value["count"] / value["of"] if value["of"] else None}
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
