from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fadefollow.verdict.study import event_study


def _rng(seed=0):
    return np.random.default_rng(seed)


def _at(study, hour):
    return study.hours.index(float(hour))


@pytest.fixture
def ramp(make_plan, make_arrays):
    """A price that rises by 1 an hour from 1000; one event, at the close of bar 499."""
    close = 1001.0 + np.arange(1500)
    arrays = make_arrays(close)
    open_ = 1000.0 + np.arange(1500)
    return make_plan([replace(arrays, open=open_)], [[499]])


def test_path_is_zero_at_the_first_possible_entry_and_follows_the_price(ramp):
    (study,) = event_study(ramp, rng=_rng(), draws=20)
    assert study.hours[0] == -24.0
    assert study.hours[-1] == 168.0
    assert len(study.hours) == 193
    for hour in (-24, 0, 1, 168):  # the entry is at 1500
        assert study.mean_bps[_at(study, hour)] == pytest.approx(1e4 * hour / 1500)
    assert study.n_events == 1


def test_path_is_in_the_leans_direction(ramp):
    (study,) = event_study(replace(ramp, leans=(np.array([-1]),)), rng=_rng(), draws=5)
    assert study.mean_bps[_at(study, 30)] == pytest.approx(-1e4 * 30 / 1500)


@pytest.mark.parametrize("lean", [1, -1])
def test_the_leans_side_pays_or_receives_funding(ramp, lean):
    arrays = ramp.coin_arrays[0]
    settle = arrays.time[[490, 500, 508]]
    arrays = replace(
        arrays,
        open=np.full(1500, 1000.0),
        settle_time=settle,
        settle_rate=np.array([0.001, 0.002, -0.004]),
        settle_mark=np.full(3, 1000.0),
    )
    plan = replace(ramp, coin_arrays=(arrays,), leans=(np.array([lean]),))
    (study,) = event_study(plan, rng=_rng(), draws=5)
    # at the entry's own time a settlement is not charged; ten hours before, one was still to come
    paid = {-24: -30.0, -10: -20.0, 0: 0.0, 7: 0.0, 8: -40.0, 168: -40.0}
    for hour, bps in paid.items():
        assert study.mean_bps[_at(study, hour)] == pytest.approx(-lean * bps)


def test_placebo_is_the_same_at_other_times(ramp):
    growth = replace(ramp.coin_arrays[0], open=1.001 ** np.arange(1500))
    (study,) = event_study(replace(ramp, coin_arrays=(growth,)), rng=_rng(), draws=30)
    at = _at(study, 24)
    expected = 1e4 * (1.001**24 - 1)
    for line in (study.placebo_mean_bps, study.placebo_low_bps, study.placebo_high_bps):
        assert line[at] == pytest.approx(expected)


def test_the_band_holds_what_has_no_edge(make_stormy):
    inside = 0
    for seed in range(60):
        plan = make_stormy(_rng(seed), days=365, bar_hours=8)
        (study,) = event_study(plan, rng=_rng(seed), draws=100)
        at = _at(study, 72)
        assert study.placebo_low_bps[at] < study.placebo_mean_bps[at] < study.placebo_high_bps[at]
        inside += study.placebo_low_bps[at] <= study.mean_bps[at] <= study.placebo_high_bps[at]
    assert 0.85 <= inside / 60 <= 1.0


def test_a_planted_drift_leaves_the_band(make_stormy):
    plan = make_stormy(_rng(1), days=700, edge=0.06)
    (study,) = event_study(plan, rng=_rng(2), draws=200)
    at = _at(study, 72)
    assert study.mean_bps[at] > study.placebo_high_bps[at]


def test_bars_of_eight_hours_give_a_point_a_bar(make_plan, make_arrays):
    (study,) = event_study(make_plan([make_arrays(np.ones(300), bar_hours=8)], [[99]]), rng=_rng())
    assert study.hours[:3] == (-24.0, -16.0, -8.0)
    assert study.hours[-1] == 168.0


def test_missing_bars_are_left_out_at_their_hour(ramp):
    open_ = ramp.coin_arrays[0].open.copy()
    open_[507] = np.nan
    plan = replace(
        ramp,
        coin_arrays=(replace(ramp.coin_arrays[0], open=open_), ramp.coin_arrays[0]),
        costs=ramp.costs * 2,
        **{
            name: getattr(ramp, name) * 2
            for name in ("bars", "leans", "codes", "exit_bars", "exit_leans")
        },
    )
    (study,) = event_study(plan, rng=_rng(), draws=5)
    assert study.mean_bps[_at(study, 7)] == pytest.approx(1e4 * 7 / 1500)
    assert study.n_events == 2


def test_a_phase_without_events_has_empty_paths(ramp):
    _, never = event_study(replace(ramp, phases=("a", "never")), rng=_rng(), draws=5)
    assert never.n_events == 0
    assert np.isnan(never.mean_bps).all()
    assert np.isnan(never.placebo_mean_bps).all()


def test_without_possible_shifts_there_is_no_placebo(make_plan, make_arrays):
    (study,) = event_study(make_plan([make_arrays(np.ones(48))], [[20]]), rng=_rng())
    assert study.mean_bps[_at(study, 5)] == 0.0
    assert np.isnan(study.placebo_mean_bps).all()


def test_same_seed_same_band(make_stormy):
    plan = make_stormy(_rng(3), days=300)
    one, two = (event_study(plan, rng=_rng(4), draws=20) for _ in range(2))
    assert one == two


@pytest.mark.parametrize("lean", [1, -1])
def test_like_momentum_is_the_path_of_bars_that_moved_as_much(ramp, lean):
    growth = 1.001 ** np.arange(1500)
    arrays = replace(ramp.coin_arrays[0], open=growth, close=1.001 * growth)
    plan = replace(ramp, coin_arrays=(arrays,), leans=(np.array([lean]),))
    (study,) = event_study(plan, rng=_rng(), draws=5)
    for hour in (-24, 0, 24, 168):
        expected = lean * 1e4 * (1.001**hour - 1)
        assert study.momentum_mean_bps[_at(study, hour)] == pytest.approx(expected)


def test_like_momentum_is_unknown_without_a_trailing_return(make_plan, make_arrays):
    (study,) = event_study(make_plan([make_arrays(np.ones(400))], [[5]]), rng=_rng(), draws=5)
    assert np.isnan(study.momentum_mean_bps).all()
