"""One p-value for each row of a table of questions, corrected for the table.

Every strategy × phase × stance asked counts: the best of many rows looks good by luck. The
step-down max-T procedure compares each row with the placebo's distribution of the *largest*
statistic among the rows not better than it. As all rows share the placebo's shifts, the rows'
dependence (fade and follow are near mirror images, phases overlap) is in that distribution, and
nothing is paid for questions that are nearly the same.

Source: Westfall & Young (1993), Resampling-Based Multiple Testing, algorithm 2.8, on statistics
instead of p-values; the observed data count as one of the draws.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fadefollow.engine.model import FloatArray

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class MaxT:
    """The test of a table of r rows. NaN in rows that were not tested."""

    p: FloatArray  #: of each row on its own, shape (r,)
    adjusted: FloatArray  #: corrected for all tested rows, shape (r,)
    critical: FloatArray  #: a row's statistic above it has `adjusted` < alpha, shape (r,)


def step_down(observed: FloatArray, draws: FloatArray, *, family: BoolArray, alpha: float) -> MaxT:
    """Test one-sidedly, a large statistic pays, whether the observed rows beat the placebo.

    Rows drift by different amounts under the null (a long position in a rising market, costs of
    a thin coin). Each is therefore centred and scaled by its own placebo distribution before the
    maximum is taken: a monotone transform, the same for observation and draws, that leaves each
    row's own p as it is and gives every row the same chance to be the largest.

    Args:
        observed: statistic of each row, shape (r,); NaN is not tested.
        draws: the same in each placebo draw, shape (draws, r); a draw in which a tested row has no
            statistic counts against it.
        family: which rows the correction covers, shape (r,), chosen without regard to what they
            earned; the others have a p of their own only.
        alpha: level for `critical`.

    Returns:
        p-values (1 + #{draws as large}) / (1 + draws), so never below 1 / (1 + draws), and
        critical values of the single-step procedure, at or above those of the step-down.
    """
    p, adjusted, critical = (np.full(len(observed), np.nan) for _ in range(3))
    if len(draws) == 0:
        return MaxT(p, adjusted, critical)
    tested = np.isfinite(observed)
    unknown = ~np.isfinite(draws)
    p[tested] = _share(unknown[:, tested] | (draws[:, tested] >= observed[tested]))
    rows = np.flatnonzero(tested & family)
    if len(rows):
        z, z_draws, centre, scale = _standardised(observed[rows], draws[:, rows])
        adjusted[rows] = _step_down(z, z_draws)
        critical[rows] = centre + scale * _critical(z_draws.max(axis=1), alpha)
    return MaxT(p, adjusted, critical)


def p_error(p: float, draws: int) -> float:
    """The standard error that the number of draws leaves in a p-value (binomial)."""
    return math.sqrt(p * (1.0 - p) / draws) if draws else math.nan


def _standardised(
    observed: FloatArray, draws: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    # the observation belongs to the distribution under the null: without it, few draws are too sure
    both = np.vstack([observed, draws])
    both[~np.isfinite(both)] = np.nan
    centre, scale = np.nanmean(both, axis=0), np.nanstd(both, axis=0)
    scale = np.where(scale > 0.0, scale, 1.0)
    z = (both - centre) / scale
    return z[0], np.where(np.isnan(z[1:]), np.inf, z[1:]), centre, scale


def _share(as_large: BoolArray) -> FloatArray:
    return (1.0 + as_large.sum(axis=0)) / (1.0 + len(as_large))  # type: ignore[no-any-return]


def _step_down(z: FloatArray, draws: FloatArray) -> FloatArray:
    order = np.argsort(-z, kind="stable")
    # in each draw, for each row, the largest among this row and all that did worse
    successive = np.maximum.accumulate(draws[:, order][:, ::-1], axis=1)[:, ::-1]
    adjusted = np.empty(len(z))
    adjusted[order] = np.maximum.accumulate(_share(successive >= z[order]))
    return adjusted


def _critical(largest: FloatArray, alpha: float) -> float:
    """What must be exceeded for (1 + #{largest as large}) / (1 + draws) < alpha; inf if nothing."""
    allowed = math.ceil(alpha * (1 + len(largest)) - 1e-9) - 2
    return math.inf if allowed < 0 else float(np.sort(largest)[::-1][allowed])
