"""The bootstrap of many thin series: as `fadefollow.verdict.estimates.bootstrap`, and much quicker.

A cell of a split has trades on few of a thousand days. Days without trades add nothing to a mean
or to its error but the time that passes, so that only the others are visited.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fadefollow.core.cache.compiled import kernel
from fadefollow.engine.model import FloatArray
from fadefollow.verdict.estimates.bootstrap import Bootstrapped, DayIndex, ratio_se
from fadefollow.verdict.estimates.days import DaySums


def bootstrap_each(
    series: Sequence[DaySums], *, length: float, index: DayIndex
) -> tuple[Bootstrapped, ...]:
    """Bootstrap the ratio of each of `series`, all on the same resampled days.

    Args:
        series: day sums over the same days.
        length: mean length of a block in days.
        index: resampled days, from `block_indices`, shape (draws, days).

    Returns:
        What `bootstrap` gives with one contrast a series.
    """
    if not series:
        return ()
    total, count = (np.array([getattr(s, name) for s in series]) for name in ("total", "count"))
    values, ses = _ratios(index, total, count, 1.0 - 1.0 / length)
    return tuple(
        Bootstrapped(sums.mean, ratio_se(sums, length), values[:, k], ses[:, k])
        for k, sums in enumerate(series)
    )


@kernel
def _ratios(
    index: DayIndex, total: FloatArray, count: FloatArray, decay: float
) -> tuple[FloatArray, FloatArray]:
    """Ratios and standard errors by replicate and series, shape (draws, k) each."""
    draws, n_days = index.shape
    values = np.full((draws, len(total)), np.nan)
    ses = np.full((draws, len(total)), np.nan)
    power, used = np.empty(n_days + 1), np.zeros(n_days, np.bool_)
    for i in range(n_days + 1):
        power[i] = decay**i
    for i in range(n_days):
        for k in range(len(count)):
            used[i] = used[i] or count[k, i] > 0.0
    place, day = np.empty(n_days, np.int64), np.empty(n_days, np.int64)
    for b in range(draws):
        m = 0
        for i in range(n_days):
            if used[index[b, i]]:
                place[m], day[m] = i, index[b, i]
                m += 1
        for k in range(len(total)):
            s, n = 0.0, 0.0
            for j in range(m):
                s += total[k, day[j]]
                n += count[k, day[j]]
            if n > 0.0:
                values[b, k] = s / n
                variance, alone, held, last = 0.0, 0.0, 0.0, 0
                for j in range(m):
                    if count[k, day[j]] > 0.0:
                        psi = (total[k, day[j]] - s / n * count[k, day[j]]) / n
                        before = held * power[place[j] - last]
                        variance += psi * (psi + 2.0 * before)
                        alone += psi * psi
                        held, last = before + psi, place[j]
                ses[b, k] = np.sqrt(max(variance, alone))
    return values, ses
