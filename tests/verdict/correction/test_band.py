"""The interval that holds for a table: hand cases, and the textbook's for independent rows."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm

from fadefollow.engine.model import FloatArray
from fadefollow.verdict.correction.band import replicate_t, simultaneous_t
from fadefollow.verdict.estimates.bootstrap import (
    UNKNOWN,
    Bootstrapped,
    DayIndex,
    block_indices,
    bootstrap,
)
from fadefollow.verdict.estimates.days import DaySums


def _row(t, *, value=5.0, se=2.0) -> Bootstrapped:
    """Replicates with a given t, each by an error of its own."""
    t = np.asarray(t, float)
    ses = 1.0 + np.arange(len(t), dtype=float) % 3
    return Bootstrapped(value, se, value + t * ses, ses)


def test_replicates_are_studentised_by_their_own_errors() -> None:
    found = Bootstrapped(1.0, 9.0, np.array([3.0, 0.0, 2.0]), np.array([1.0, 2.0, 4.0]))
    assert replicate_t(found) == pytest.approx([2.0, -0.5, 0.25])


def test_the_largest_of_all_rows_in_each_replicate_counts() -> None:
    # |t| by replicate: 1, 2, 3, 4 and 4, 1, 1, 1: the larger ones are 4, 2, 3, 4
    rows = [_row([1.0, -2.0, 3.0, -4.0]), _row([-4.0, 1.0, 1.0, 1.0])]
    # sorted 2, 3, 4, 4: a third of the way up is 3, half way between the middle ones 3.5
    assert simultaneous_t(rows, alpha=2 / 3) == pytest.approx(3.0)
    assert simultaneous_t(rows, alpha=0.5) == pytest.approx(3.5)
    # each by itself: 1, 2, 3, 4 and 1, 1, 1, 4
    assert simultaneous_t(rows[:1], alpha=0.5) == pytest.approx(2.5)
    assert simultaneous_t(rows[1:], alpha=0.5) == pytest.approx(1.0)


@pytest.mark.parametrize("k", [1, 4])
def test_independent_normal_rows_need_sidaks_t(k: int) -> None:
    rng = np.random.default_rng(0)
    rows = [_row(rng.standard_normal(60_000)) for _ in range(k)]
    # each within t with 0.95^(1/k)
    expected = norm.ppf(0.5 + 0.5 * 0.95 ** (1 / k))
    assert simultaneous_t(rows, alpha=0.05) == pytest.approx(expected, rel=0.02)


def test_rows_that_say_the_same_cost_nothing() -> None:
    t = np.random.default_rng(0).standard_normal(2000)
    # fade and follow are mirror images before costs
    both, one = (simultaneous_t(rows, alpha=0.05) for rows in ([_row(t), _row(-t)], [_row(t)]))
    assert both == pytest.approx(one)


def test_replicates_without_an_error_are_left_out() -> None:
    t = np.arange(40.0)
    row = _row(t)
    row.ses[-1] = np.nan  # the largest one
    assert replicate_t(row) is not None
    assert simultaneous_t([row], alpha=1e-9) == pytest.approx(38.0)
    row.ses[-5:] = 0.0  # an eighth of all
    assert replicate_t(row) is None
    assert math.isnan(simultaneous_t([row], alpha=0.05))
    # and another row is not changed by it
    assert simultaneous_t([row, _row([1.0, 1.0])], alpha=0.5) == 1.0


def test_an_empty_table_has_no_interval() -> None:
    assert math.isnan(simultaneous_t([], alpha=0.05))
    assert math.isnan(simultaneous_t([UNKNOWN], alpha=0.05))


def _table(rng: np.random.Generator, index: DayIndex, rows: int, days: int) -> bool:
    """Whether all intervals of a table hold the truth, 0, of clustered days that share moves."""
    storm = np.exp(_smooth(rng, days, 5) / 3)
    common = _smooth(rng, days, 3)
    found: list[Bootstrapped] = []
    for _ in range(rows):
        count = rng.poisson(0.4 * storm).astype(float)
        value = 0.35 * storm * (common + _smooth(rng, days, 3))
        found += bootstrap([DaySums(count * value, count)], [[1.0]], length=10.0, index=index)
    t = simultaneous_t(found, alpha=0.05)
    return all(abs(row.value) <= t * row.se for row in found)


def _smooth(rng: np.random.Generator, days: int, lags: int) -> FloatArray:
    return np.convolve(rng.normal(size=days + lags - 1), np.ones(lags), "valid")


@pytest.mark.slow
@pytest.mark.parametrize("rows", [1, 6])
def test_twenty_blocks_hold_the_level_of_a_table(rows: int) -> None:
    # 200 days in blocks of ten: what may decide at the least (`judge.MIN_BLOCKS`)
    rng = np.random.default_rng(1)
    indices = [block_indices(200, length=10.0, draws=400, rng=rng) for _ in range(40)]
    held = [_table(rng, indices[k % 40], rows, 200) for k in range(500)]
    # 95 % of 500 with a sampling error of 1 %: two of them below at the most
    assert np.mean(held) >= 0.93
