"""Scores of a trial, against hand figures and the verdict's own functions."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fadefollow.tuning.objective import block_t, calmar, ranks_sum, score
from fadefollow.verdict.estimates.bootstrap import ratio_se
from fadefollow.verdict.estimates.days import day_sums


def test_with_one_trade_a_day_and_blocks_of_a_day_t_is_the_plain_one() -> None:
    value = np.array([0.01, 0.03, 0.02, -0.02])
    # mean 0.01; deviations 0, 2, 1, −3 % have Σ² = 14e-4; se = √14e-4 / 4
    expected = 0.01 / (math.sqrt(14e-4) / 4)
    assert block_t(np.array([0, 3, 7, 9]), value, hold_hours=12.0) == pytest.approx(expected)


def test_t_has_the_standard_error_of_the_verdict() -> None:
    rng = np.random.default_rng(3)
    day, value = rng.integers(0, 400, 250), rng.normal(0.002, 0.03, 250)
    se = ratio_se(day_sums(day, value, 400), 6.0)  # 2 × 72 h
    assert block_t(day, value, hold_hours=72.0) == pytest.approx(value.mean() / se, rel=1e-12)


def test_overlapping_trades_lower_t() -> None:
    value = np.repeat([0.03, -0.01, 0.03, -0.01], 10)
    day = np.arange(40)
    assert block_t(day, value, hold_hours=72.0) < block_t(day, value, hold_hours=1.0)


@pytest.mark.parametrize("value", [[], [0.01], [0.02, 0.02, 0.02]])
def test_without_variation_there_is_no_t(value: list[float]) -> None:
    assert math.isnan(block_t(np.arange(len(value)), np.array(value), hold_hours=24.0))


def test_bps_are_the_mean_return() -> None:
    day, value = np.array([1, 1, 2]), np.array([0.01, -0.02, 0.04])
    assert score("bps", day=day, value=value, hold_hours=24.0) == pytest.approx(100.0)


def test_calmar_by_hand() -> None:
    daily = np.array([0.10, -0.05, -0.05, 0.20])  # mean 5 %; the deepest fall is 10 %
    assert calmar(daily) == pytest.approx(0.05 * 365 / 0.10)
    assert math.isnan(calmar(np.array([0.1, 0.2])))


def test_psr_of_normal_returns_by_hand() -> None:
    daily = np.array([0.02, -0.01] * 50)
    # SR = 0.005 / s, s² = 0.015² · 100/99; two points: skew 0, kurtosis 1 → spread 1
    sharpe = 0.005 / (0.015 * math.sqrt(100 / 99))
    expected = 0.5 * (1 + math.erf(sharpe * math.sqrt(99) / math.sqrt(2)))
    found = score("psr", day=np.arange(2), value=np.ones(2), hold_hours=1.0, daily=daily)
    assert found == pytest.approx(expected, abs=1e-6)


def test_ranks_are_summed_and_ties_share() -> None:
    assert ranks_sum([(1.0, 5.0), (2.0, 5.0), (3.0, 1.0)]).tolist() == [3.5, 4.5, 4.0]
