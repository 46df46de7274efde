"""What a trial is worth: a book's trades on the past as one number.

Scores are computed on the resolver's bare arrays, with the same definitions as the verdict's: the
UTC day of entry as unit, fixed capital, daily returns marked to market. Only the block length of
the standard error differs: it is twice the longest holding time and no more, since the automatic
rule (`fadefollow.verdict.estimates.days.block_length`) needs longer than a whole trial.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from fadefollow.core.cache.compiled import kernel
from fadefollow.engine.model import FloatArray, IntArray
from fadefollow.tuning.model import Objective
from fadefollow.verdict.correction.overfit import TrackRecord, probabilistic_sharpe
from fadefollow.verdict.estimates.bootstrap import block_variance
from fadefollow.verdict.estimates.metrics import DAYS_A_YEAR, max_drawdown

#: objectives that need the daily returns
DAILY: frozenset[Objective] = frozenset({"psr", "calmar"})
#: what a trial with too few trades scores, plus their number: below all others, and graded
FLOOR = -1e6


def block_days(hold_hours: float) -> float:
    """The mean length of a block in days."""
    return max(1.0, 2.0 * hold_hours / 24.0)


def block_t(day: IntArray, value: FloatArray, *, hold_hours: float) -> float:
    """The mean of trade returns over its block standard error (see `verdict.bootstrap`).

    Args:
        day: of entry, shape (k,).
        value: net return on entry notional, shape (k,), finite.
        hold_hours: longest holding time.

    Returns:
        NaN without trades, or where they do not vary.
    """
    if len(value) == 0:
        return math.nan
    mean = float(value.mean())
    variance = _mean_variance(day, value, mean, 1.0 - 1.0 / block_days(hold_hours))
    # equal returns leave rounding behind
    return mean / math.sqrt(variance) if variance > 1e-24 * mean * mean else math.nan


@kernel
def _mean_variance(day: IntArray, value: FloatArray, mean: float, decay: float) -> float:
    """`block_variance` of the mean of trade returns, from what each day adds to it."""
    first, last = day[0], day[0]
    for one in day:
        first, last = min(first, one), max(last, one)
    total, count = np.zeros(last - first + 1), np.zeros(last - first + 1)
    for i in range(len(day)):
        total[day[i] - first] += value[i]
        count[day[i] - first] += 1.0
    for d in range(len(total)):
        total[d] = (total[d] - mean * count[d]) / len(value)
    return block_variance(total, decay)  # type: ignore[no-any-return]


def score(
    objective: Objective,
    *,
    day: IntArray,
    value: FloatArray,
    hold_hours: float,
    daily: FloatArray | None = None,
) -> float:
    """One objective; NaN where it cannot be computed.

    Args:
        objective: its name.
        day: of entry of each regular trade, shape (k,).
        value: net return on entry notional, shape (k,).
        hold_hours: longest holding time.
        daily: return of the book by day, shape (days,); needed by those in `DAILY`.
    """
    if objective == "t":
        return block_t(day, value, hold_hours=hold_hours)
    if objective == "bps":
        return 1e4 * float(value.mean()) if len(value) else math.nan
    assert daily is not None
    if objective == "psr":
        return probabilistic_sharpe(TrackRecord.of(daily))
    return calmar(daily)


def calmar(daily: FloatArray) -> float:
    """Annual return on fixed capital over the maximum drawdown; NaN without a drawdown.

    Source: Young (1991), "Calmar ratio: a smoother tool", Futures 20(1), on the whole sample.
    """
    fall = -max_drawdown(daily)
    return float(daily.mean()) * DAYS_A_YEAR / fall if fall > 0.0 else math.nan


def ranks_sum(scores: Sequence[Sequence[float]]) -> FloatArray:
    """The sum of each row's ranks in all columns, high is good; ties share the mean rank."""
    from scipy.stats import rankdata

    table = np.asarray(scores, np.float64)
    return np.asarray(rankdata(table, axis=0).sum(axis=1))
