"""The tuner's benchmark compares what is the same: four ways to one score."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("backtesting", reason="backtesting.py is not installed")
from benchmarks.peers import metrics
from benchmarks.trials import by, compared, lab, peers, sampled, searched, trial_data

TRIALS = [
    {
        "params.quantile": quantile,
        "params.lookback_days": days,
        "params.floor_bps": 0.5,
        "trade.hold_hours": hours,
    }
    for quantile, days, hours in ((0.85, 30.0, 25.0), (0.9, 40.5, 73.0), (0.87, 60.0, 169.0))
]


@pytest.fixture(scope="module")
def made() -> Any:
    """Two coins, ten months of hourly bars."""
    return trial_data(lab(2, 0.8), trials=20, min_trades=5)


@pytest.fixture(scope="module")
def by_peers(made: Any) -> Any:
    """vectorbt in two ways, and backtesting.py."""
    return peers(made)


def test_all_ways_give_one_score(made: Any, by_peers: Any) -> None:
    vectorbt, plain, backtesting = by_peers
    found = compared(made, vectorbt, TRIALS)
    assert all(one.n_trades >= 10 for one in found)
    assert len({one.t for one in found}) == 3
    np.testing.assert_allclose(compared(made, plain, TRIALS), found, rtol=1e-9)
    np.testing.assert_allclose(compared(made, backtesting, TRIALS[:2]), found[:2], rtol=1e-9)


def test_a_difference_does_not_pass(made: Any, by_peers: Any) -> None:
    vectorbt, *_ = by_peers
    dearer = type(vectorbt)(vectorbt.markets, vectorbt.phases, vectorbt.fee + 1e-9)
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        compared(made, dearer, TRIALS[:1])


def test_no_entry_falls_where_a_position_ends(made: Any, by_peers: Any) -> None:
    vectorbt, *_ = by_peers
    for params in TRIALS:
        signal, trade = made.space.candidate(params)
        vectorbt.refuse_meetings(vectorbt.detect(signal), int(trade.hold_hours))
    sides = np.zeros((len(vectorbt.index), 2), np.int8)
    sides[[100, 124], 0] = 1
    vectorbt.refuse_meetings(sides, 25)
    with pytest.raises(AssertionError):
        vectorbt.refuse_meetings(sides, 24)


def test_the_metrics_of_two_trades_by_hand() -> None:
    # days 3 and 4, returns 2 % and 4 %: parts ∓0.005; blocks of 4 days weigh neighbours by 3/4,
    # and days that make up for each other count as independent ones
    found = metrics(np.array([3, 4]), np.array([0.02, 0.04]), hold_bars=48)
    variance = max(2 * 0.005**2 - 2 * 0.75 * 0.005**2, 2 * 0.005**2)
    assert found == pytest.approx((0.03 / variance**0.5, 2, 300.0), rel=1e-12)


def test_the_bare_sampler_asks_for_the_same_trials(made: Any) -> None:
    study = searched(made)
    assert len(study.trials) == 20
    sampled(made.space, made.settings, study.trials)  # asserts that they are
    with pytest.raises(AssertionError):
        sampled(made.space, made.settings, study.trials[::-1])


def test_optuna_evaluates_the_trials_that_it_is_given(made: Any) -> None:
    from benchmarks.trials import by_optuna

    seen = []

    class Peer:
        def detect(self, signal: Any) -> Any:
            return signal

        def backtest(self, signal: Any, hold: int) -> Any:
            seen.append((signal.quantile, signal.lookback_days, hold))
            return metrics(np.array([0, 9]), np.array([0.1, 0.2]), hold_bars=hold)

    by_optuna(made, Peer(), TRIALS)()
    assert seen == [(0.85, 30.0, 25), (0.9, 40.5, 73), (0.87, 60.0, 169)]
    assert by(made, Peer(), TRIALS[0]).n_trades == 2
