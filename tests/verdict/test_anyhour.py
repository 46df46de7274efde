from __future__ import annotations

import numpy as np
import pytest

from fadefollow.verdict.anyhour import all_outcomes, anyhour_mean
from fadefollow.verdict.days import Sample


def _trades(coin, side):
    k = len(coin)
    zeros = np.zeros(k, np.int64)
    return Sample(np.array(coin, np.int64), np.array(side, np.int64), zeros, zeros, np.zeros(k))


def test_mean_has_the_trades_mix_of_coins_and_sides():
    by_bar = {
        (0, 1): np.array([0.1, 0.3, np.nan]),
        (0, -1): np.array([-0.2, -0.2, np.nan]),
        (1, 1): np.array([0.6, 0.6, 0.6]),
    }
    # twice long in the first coin, once short, once long in the second
    assert anyhour_mean(_trades([0, 0, 0, 1], [1, 1, -1, 1]), by_bar) == pytest.approx(0.8 / 4)


def test_no_trades_have_no_baseline():
    assert np.isnan(anyhour_mean(_trades([], []), {}))


def test_outcomes_are_those_of_the_plans_holding_time(make_plan, make_tape):
    tapes = [make_tape(1.01 ** np.arange(100)), make_tape(np.ones(100))]
    by_bar = all_outcomes(make_plan(tapes, [[3], []]))
    assert set(by_bar) == {(0, 1), (0, -1)}  # the second coin has no events
    known = by_bar[0, 1][~np.isnan(by_bar[0, 1])]
    assert known[1:] == pytest.approx(1.01**24 - 1)
    assert len(known) == 76  # the last 24 entries do not end in time
