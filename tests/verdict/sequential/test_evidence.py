"""The evidence of blocks: e-values by hand, limits where they say so, and the promise itself."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fadefollow.engine.model import FloatArray
from fadefollow.verdict.estimates.days import DaySums
from fadefollow.verdict.sequential.evidence import Bound, Evidence, tightest_at

SIDES: tuple[Bound, Bound] = ("at most", "at least")


def sums(total: list[float], count: list[float] | None = None) -> DaySums:
    counts = np.ones(len(total)) if count is None else np.array(count, np.float64)
    return DaySums(np.array(total, np.float64), counts)


def both(found: Evidence) -> float:
    """Mean of the two e-values against zero after the last block."""
    return 0.5 * sum(math.exp(found.log_e(0.0, side)[-1]) for side in SIDES)


def test_the_e_value_of_one_block_by_hand() -> None:
    # ρ² = 100, s = 0.1: ρ²V = 1, so 2 · 2^(−1/2) · exp(1/4) · Φ(2^(−1/2))
    # = 2 · 0.70711 · 1.28403 · 0.76025 = 1.38053
    found = Evidence.of(sums([0.1]), rho2=100.0)
    assert math.exp(found.log_e(0.0, "at most")[0]) == pytest.approx(1.38053, abs=1e-5)
    # of the other side Φ(−2^(−1/2)) = 0.23975: 0.43535
    assert math.exp(found.log_e(0.0, "at least")[0]) == pytest.approx(0.43535, abs=1e-5)


def test_both_sides_together_are_robbins_two_sided_mixture() -> None:
    # Φ(z) + Φ(−z) = 1: their mean is (1 + ρ²V)^(−1/2) · exp(ρ²S² / (2 + 2ρ²V));
    # S = 0.3, V = 0.04 + 0.01 = 0.05, ρ² = 10: 1.5^(−1/2) · exp(0.9 / 3) = 0.81650 · 1.34986
    assert both(Evidence.of(sums([0.2, 0.1]), rho2=10.0)) == pytest.approx(1.10216, abs=1e-5)


def test_neighbours_that_go_together_widen_the_variance() -> None:
    # +0.1 +0.1 −0.1 −0.1: the estimate is 0, V = 0.04, neighbours 2 · (0.01 − 0.01 + 0.01) = 0.02:
    # S = 0, ρ² = 50: (1 + 50 · 0.06)^(−1/2) = 0.5
    found = Evidence.of(sums([0.1, 0.1, -0.1, -0.1]), rho2=50.0)
    assert both(found) == pytest.approx(0.5)


def test_neighbours_that_make_up_for_each_other_do_not_count() -> None:
    # S = 0.1, V = 0.05; u = ±0.15, whose −0.045 is left out: 1.5^(−1/2) · exp(0.1 / 3) = 0.84417
    assert both(Evidence.of(sums([0.2, -0.1]), rho2=10.0)) == pytest.approx(0.84417, abs=1e-5)


def test_the_mean_is_that_of_a_trade_and_not_of_a_block() -> None:
    # ten trades of −10 bps and one of +100: a trade earned nothing, and nothing speaks for an edge
    found = Evidence.of(sums([-0.01, 0.01], [10.0, 1.0]), rho2=1e4)
    assert found.mean[-1] == pytest.approx(0.0)
    assert found.log_e(0.0, "at most")[-1] == pytest.approx(found.log_e(0.0, "at least")[-1])


def test_empty_blocks_change_nothing() -> None:
    alone = Evidence.of(sums([0.02, 0.03]), rho2=1e3)
    apart = Evidence.of(sums([0.02, 0.03, 0.0, 0.0], [1.0, 1.0, 0.0, 0.0]), rho2=1e3)
    assert apart.log_e(0.01, "at most")[-1] == alone.log_e(0.01, "at most")[-1]
    assert np.isnan(Evidence.of(sums([0.0], [0.0]), rho2=1e3).mean[0])


def test_a_limit_is_where_the_e_value_decides() -> None:
    rng = np.random.default_rng(4)
    found = Evidence.of(sums(list(rng.normal(0.02, 0.05, 200))), rho2=tightest_at(0.05, 120.0))
    low, high = found.limit(0.05, "at most"), found.limit(0.05, "at least")
    assert low[-1] < found.mean[-1] < high[-1]
    limits: list[tuple[FloatArray, Bound]] = [(low, "at most"), (high, "at least")]
    for limit, bound in limits:
        decided = math.exp(found.log_e(float(limit[-1]), bound)[-1])
        assert decided == pytest.approx(20.0, rel=1e-4)
    assert not np.isfinite(low[0])  # one block decides nothing
    # ρ²V = 13.3: √(2 · log(10 · √14.3) · 14.3 / 13.3) = 2.8 standard errors of 35 bps
    assert high[-1] - low[-1] == pytest.approx(2 * 2.8 * 0.05 / math.sqrt(200), rel=0.1)


def test_the_sequence_is_tightest_where_it_was_asked_to_be() -> None:
    found = {
        blocks: Evidence.of(sums([0.01, -0.01] * 60), rho2=tightest_at(0.01, blocks))
        for blocks in (12.0, 120.0, 1200.0)
    }
    widths = {b: float(e.limit(0.05, "at least")[-1]) for b, e in found.items()}
    assert min(widths, key=lambda b: widths[b]) == 120.0


def test_fair_coins_looked_at_after_each_of_200_tosses_are_seldom_called_unfair() -> None:
    # symmetric increments: by Ville's inequality at most 5 % ever, whatever the number of looks;
    # 0.05 + 3 · √(0.05 · 0.95 / 1500) = 0.067
    rng = np.random.default_rng(1)
    tosses = rng.choice([-0.02, 0.02], (1500, 200))
    rho2 = tightest_at(0.02, 100.0)
    logs = [Evidence.of(sums(list(row)), rho2=rho2).log_e(0.0, "at most") for row in tosses]
    ever = [bool((log >= math.log(20.0)).any()) for log in logs]
    assert 0.002 < np.mean(ever) < 0.067
    # a test at 5 % after each toss calls a third of them unfair
    t = tosses.cumsum(axis=1) / (0.02 * np.sqrt(np.arange(1, 201)))
    assert (t >= 1.645).any(axis=1).mean() > 0.3
