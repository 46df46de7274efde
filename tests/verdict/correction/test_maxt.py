from __future__ import annotations

import itertools

import numpy as np
import pytest

from fadefollow.verdict.correction.maxt import p_error, step_down


def _test(observed, draws, alpha=0.05, family=None):
    observed, draws = np.array(observed, float), np.array(draws, float)
    every = np.ones(len(observed), bool)
    return step_down(observed, draws, family=every if family is None else family, alpha=alpha)


def test_maxt_of_two_rows_by_hand():
    # both rows hold the values 0 to 4, so that standardising changes nothing
    table = _test([4, 2], [[0, 4], [1, 0], [2, 3], [3, 1]])
    assert table.p == pytest.approx([1 / 5, 3 / 5])
    # the larger of the two is ≥ 4 in one draw; the second row then competes alone
    assert table.adjusted == pytest.approx([2 / 5, 3 / 5])


def test_a_worse_row_is_never_more_significant():
    # standardised: first row 1.22, second 1.20, which no draw of its own reaches
    table = _test([4, 2], [[4, -3], [-3, 1], [-3, 0], [-2, 0]])
    assert table.p == pytest.approx([2 / 5, 1 / 5])
    assert table.adjusted == pytest.approx([2 / 5, 2 / 5])


def test_against_all_subsets_by_brute_force():
    rng = np.random.default_rng(0)
    observed, draws = rng.normal(1, 1, size=4), rng.normal(size=(99, 4))
    both = np.vstack([observed, draws])
    z = (both - both.mean(axis=0)) / both.std(axis=0)
    # closed testing: a row's adjusted p is the largest p of any set of rows that holds it
    expected = np.zeros(4)
    for size in range(1, 5):
        for rows in map(list, itertools.combinations(range(4), size)):
            largest = z[:, rows].max(axis=1)
            p = (largest >= largest[0]).mean()
            expected[rows] = np.maximum(expected[rows], p)
    assert _test(observed, draws).adjusted == pytest.approx(expected)


def test_one_row_is_a_plain_placebo_test():
    draws = np.arange(19.0)[:, None]
    table = _test([17.5], draws)
    assert table.p == pytest.approx([2 / 20])
    assert table.adjusted.tolist() == table.p.tolist()


def test_rows_of_other_drift_and_scale_weigh_the_same():
    rng = np.random.default_rng(1)
    observed, draws = rng.normal(1, 1, size=3), rng.normal(size=(199, 3))
    moved = _test(100 + 7 * observed, 100 + 7 * draws)
    assert moved.adjusted == pytest.approx(_test(observed, draws).adjusted)
    one_moved = _test(observed * [1, 50, 1] + [0, 9, 0], draws * [1, 50, 1] + [0, 9, 0])
    assert one_moved.adjusted == pytest.approx(_test(observed, draws).adjusted)


def test_the_same_row_twice_costs_nothing():
    rng = np.random.default_rng(2)
    draws = rng.normal(size=(199, 1))
    one, two = _test([2.0], draws), _test([2.0, 2.0], np.hstack([draws, draws]))
    assert two.adjusted.tolist() == [one.p[0]] * 2


def test_rows_outside_the_family_have_a_p_and_no_correction():
    rng = np.random.default_rng(3)
    draws = rng.normal(size=(99, 2))
    table = _test([2.0, 3.0], draws, family=np.array([True, False]))
    assert np.isfinite(table.p).all()
    assert table.adjusted[0] == table.p[0]
    assert np.isnan(table.adjusted[1])
    assert np.isnan(table.critical[1])


def test_a_row_without_a_statistic_is_not_tested():
    table = _test([np.nan, 2.0], np.zeros((9, 2)))
    assert np.isnan(table.p[0])
    assert np.isnan(table.adjusted[0])


def test_a_draw_without_a_statistic_counts_against_the_row():
    table = _test([5.0], [[np.nan], [0.0], [1.0], [2.0]])
    assert table.p == pytest.approx([2 / 5])
    assert table.adjusted == pytest.approx([2 / 5])


def test_no_draws_no_test():
    assert np.isnan(_test([1.0], np.empty((0, 1))).p).all()


@pytest.mark.parametrize("alpha", [0.05, 0.1, 0.2])
def test_above_the_critical_value_is_significant_and_at_it_is_not(alpha):
    draws = np.random.default_rng(4).normal(size=(99, 1))
    critical = _test([0.0], draws, alpha).critical[0]
    # the observation shifts the standardisation of one row but not the order
    assert _test([critical + 1e-6], draws).adjusted[0] < alpha
    assert _test([critical - 1e-6], draws).adjusted[0] >= alpha


def test_too_few_draws_for_the_level_have_no_critical_value():
    assert _test([3.0], np.zeros((19, 1)) + np.arange(19)[:, None]).critical[0] == np.inf


def test_error_of_a_p_value_is_binomial():
    assert p_error(0.05, 1000) == pytest.approx(0.00689, abs=1e-5)
