from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm

from fadefollow.verdict.estimates.bootstrap import UNKNOWN, Bootstrapped
from fadefollow.verdict.estimates.detectable import detectable_edge

Z = norm.ppf((np.arange(40_000) + 0.5) / 40_000)
#: 0.84 for the power; what is tested by intervals is tested at one-sided 5 %: 1.645
POWER, ONE_SIDED = 0.84162, 1.64485


def _normal(se, value=0.0):
    return Bootstrapped(value, se, value + se * Z, np.full(len(Z), se))


def _edge(mean=None, momentum=None, **changed):
    settings = {"placebo_mean": 0.0, "mean_t": 1.96, "placebo_t": 0.0, "alpha": 0.05} | changed
    return detectable_edge(mean or _normal(1.0), momentum or _normal(1e-6), **settings)


def test_one_binding_condition_has_the_textbook_answer():
    assert _edge(_normal(3.0)) == pytest.approx(3 * (1.96 + POWER), rel=1e-3)
    assert _edge(_normal(1e-6), _normal(2.0)) == pytest.approx(2 * (ONE_SIDED + POWER), rel=1e-3)


def test_what_was_found_does_not_change_what_could_have_been():
    assert _edge(_normal(3.0, value=50.0)) == pytest.approx(_edge(_normal(3.0)))


def test_costs_and_drift_of_other_times_come_on_top():
    assert _edge(placebo_mean=-7.0) == pytest.approx(7 + 1.96 + POWER, rel=1e-3)


def test_a_stricter_correction_needs_a_larger_edge():
    # of the two critical values the larger one binds
    for stricter in ({"mean_t": 3.0}, {"placebo_t": 3.0}):
        assert _edge(**stricter) == pytest.approx(3 + POWER, rel=1e-3)


def test_two_independent_conditions_need_more_than_each():
    turned = Bootstrapped(0.0, 1.0, np.random.default_rng(0).permutation(Z), np.ones(len(Z)))
    # both hold with 0.8: each with √0.8
    expected = ONE_SIDED + norm.ppf(math.sqrt(0.8))
    assert _edge(_normal(1.0), turned, mean_t=ONE_SIDED) == pytest.approx(expected, rel=0.01)


def test_detectable_edge_is_never_negative():
    assert _edge(_normal(1.0), _normal(1.0, value=3.0), placebo_mean=1e3) > 0.0
    tiny = Bootstrapped(0.0, 1.0, np.zeros(len(Z)), np.full(len(Z), 1e-12))
    # however far the placebo lies above zero, the mean must lie above the placebo
    assert _edge(_normal(1.0), tiny, placebo_mean=1e3) == pytest.approx(POWER, rel=1e-3)
    assert _edge(tiny, tiny, placebo_mean=1e3) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize(
    "changed",
    [
        {"mean": UNKNOWN},
        {"momentum": UNKNOWN},
        {"mean_t": math.nan},
        {"placebo_t": math.inf},
        {"placebo_mean": math.nan},
    ],
)
def test_unknown_where_the_sample_is_too_small(changed):
    assert math.isnan(_edge(**changed))
