from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fadefollow.engine.model import Rules
from fadefollow.verdict.conditions import event_splits, regimes, terciles, time_splits
from fadefollow.verdict.estimates.bootstrap import block_indices, bootstrap
from fadefollow.verdict.estimates.days import DaySums
from fadefollow.verdict.estimates.sparse import bootstrap_each
from fadefollow.verdict.exploratory import SplitCell
from fadefollow.verdict.splits import corrected, split_cells


def _rng(seed=0):
    return np.random.default_rng(seed)


def _table(plan, **context):
    """The plan's events as a signal would have told them."""
    rows = [
        (arrays.time[bar], arrays.symbol, plan.signal, plan.phases[code], lean)
        for arrays, bars, leans, codes in zip(
            plan.coin_arrays, plan.bars, plan.leans, plan.codes, strict=True
        )
        for bar, lean, code in zip(bars, leans, codes, strict=True)
    ]
    table = pd.DataFrame(rows, columns=["time", "symbol", "signal", "phase", "lean"])
    table["time"] = pd.to_datetime(table["time"], utc=True)
    return table.assign(strength=np.arange(len(table), dtype=float), **context)


def _cells(results, split, stance="follow"):
    return {c.cell: c for c in results if c.split == split and c.stance == stance}


@pytest.fixture
def daily(make_plan, make_arrays):
    """Two coins that rise by 1 % a day or fall by 1 %, held 24 h, an event a day at 23:00."""
    hours = np.arange(24 * 200)
    up, down = (100.0 * np.exp(sign * 0.01 * (hours + 1) / 24) for sign in (1, -1))
    bars = 23 + 24 * np.arange(190)
    coin_arrays = [make_arrays(up, symbol="UP"), make_arrays(down, symbol="DOWN")]
    return make_plan(coin_arrays, [bars, bars], rules=Rules(hold_hours=24.0, opposite=False))


def test_each_coins_mean_is_its_own_and_any_hour_earns_as_much(daily, make_books):
    found = _cells(split_cells(daily, make_books(daily), _table(daily)), "coin")
    assert list(found) == ["UP", "DOWN"]
    for name, sign in (("UP", 1), ("DOWN", -1)):
        earned = 1e4 * (math.exp(sign * 0.01) - 1.0)
        assert found[name].n_trades == 190
        assert found[name].mean_net_bps == pytest.approx(earned)
        assert found[name].anyhour_mean_bps == pytest.approx(earned, abs=0.01)


def test_weekday_is_that_of_the_entry(daily, make_books):
    found = _cells(split_cells(daily, make_books(daily), _table(daily)), "weekday")
    # 1 January 2024 is a Monday; the first entry is at its end, on Tuesday at 00:00
    assert {name: c.n_trades for name, c in found.items()} == {
        "Mon": 54,
        "Tue": 56,
        "Wed": 54,
        "Thu": 54,
        "Fri": 54,
        "Sat": 54,
        "Sun": 54,
    }


def test_year_is_that_of_the_entry(make_plan, make_arrays, make_books):
    start = pd.Timestamp("2023-12-30", tz="UTC").value
    arrays = make_arrays(np.ones(24 * 10), start=start)
    plan = make_plan([arrays], [[24, 47, 71]])
    found = _cells(split_cells(plan, make_books(plan), _table(plan)), "year")
    # known at the close of the year's last bar, entered in the next
    assert {name: c.n_trades for name, c in found.items()} == {"2023": 1, "2024": 1}
    assert {c.note for c in found.values()} == {"too few"}
    assert all(math.isnan(c.ci_low_bps) and math.isnan(c.p) for c in found.values())


def test_a_split_with_one_cell_is_left_out(make_plan, make_arrays, make_books):
    plan = make_plan([make_arrays(np.ones(24 * 60))], [[24, 200, 400]])
    found = split_cells(plan, make_books(plan), _table(plan))
    assert {c.split for c in found} == {"weekday"}


def test_regime_is_known_the_day_before(make_arrays):
    # rougher and rougher for 150 days, then quiet; up for 110 days, then down
    size = np.concatenate([np.linspace(0.02, 0.08, 150), np.full(100, 0.005)])
    trend = np.concatenate([np.full(110, 0.01), np.full(140, -0.01)])
    step = trend + size * np.where(np.arange(250) % 2 == 0, 1.0, -1.0)
    close = 100.0 * np.exp(np.cumsum(step))
    arrays = make_arrays(close, bar_hours=24)
    day = np.arange(250)
    found = regimes(arrays, day)
    assert (found[:90] == -1).all()
    assert found[109] == 0
    assert found[145] == 1
    assert found[240] == 2
    jump = close.copy()
    jump[240:] *= 5.0
    np.testing.assert_array_equal(regimes(make_arrays(jump, bar_hours=24), day)[:241], found[:241])


def test_terciles_rank_among_what_was_known():
    bars = np.arange(12)
    strength = np.array([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0, 6.5])
    found = terciles(pd.DataFrame({"bar": bars, "strength": strength}))
    # the tenth is the first with nine before it; later events do not change it
    assert found.tolist() == [-1] * 9 + [2, 0, 1]


def test_terciles_tie_at_one_bar_in_the_middle():
    found = terciles(pd.DataFrame({"bar": np.zeros(12, int), "strength": np.ones(12)}))
    assert found.tolist() == [1] * 12


def test_doors_and_weekends_come_from_the_context(daily):
    count = 380
    table = _table(daily, door_number=np.arange(count) % 6, quiet_weekend=np.arange(count) % 7 == 0)
    weekend, door, strength = event_splits(daily, 0, table)
    assert (weekend.name, door.name, strength.name) == ("weekend", "door", "strength")
    at = daily.bars[0]
    assert door.by_bar[0, at[:7]].tolist() == [-1, 0, 1, 2, 3, 3, -1]
    assert weekend.by_bar[0, at[:8]].tolist() == [0, 1, 1, 1, 1, 1, 1, 0]
    assert [s.name for s in event_splits(daily, 0, _table(daily))] == ["strength"]


def test_who_led_comes_from_the_context(daily):
    led = np.array(["spot", "perp", "neither", "unknown"])[np.arange(380) % 4]
    found, strength = event_splits(daily, 0, _table(daily, led_by=led))
    assert (found.name, found.cells, strength.name) == (
        "led by",
        ("spot", "perp", "neither"),
        "strength",
    )
    assert found.by_bar[0, daily.bars[0][:5]].tolist() == [0, 1, 2, -1, 0]


def test_time_splits_label_every_coin_and_day(daily):
    coin, year, _, weekday = time_splits(daily)
    assert coin.by_day[1].tolist() == [1] * 200
    assert [year.cells[c] for c in year.by_day[0, [0, 199]]] == ["2024", "2024"]
    assert [weekday.cells[c] for c in weekday.by_day[0, :3]] == ["Mon", "Tue", "Wed"]


def test_the_sparse_bootstrap_is_the_bootstrap():
    rng = _rng(3)
    count = (rng.random((3, 200)) < 0.1).astype(float) * rng.integers(1, 4, (3, 200))
    series = [DaySums(n * rng.standard_normal(200), n) for n in count]
    index = block_indices(200, length=4.0, draws=50, rng=_rng(5))
    dense = bootstrap(series, np.eye(3).tolist(), length=4.0, index=index)
    sparse = bootstrap_each(series, length=4.0, index=index)
    for one, other in zip(dense, sparse, strict=True):
        assert other.value == pytest.approx(one.value)
        assert other.se == pytest.approx(one.se)
        np.testing.assert_allclose(other.values, one.values)
        np.testing.assert_allclose(other.ses, one.ses)


def test_q_is_benjamini_and_hochbergs():
    unknown: list[Any] = [math.nan] * 6
    base = SplitCell("s", "a", "fade", "coin", "X", 99, 30.0, *unknown)
    found = corrected([replace(base, p=p) for p in (0.01, 0.04, 0.03, math.nan)])
    assert [c.q for c in found[:3]] == pytest.approx([0.03, 0.04, 0.04])
    assert math.isnan(found[3].q)
    assert corrected([]) == ()


def test_a_bull_market_is_no_find_and_a_planted_edge_is(make_stormy, make_books):
    plan = make_stormy(_rng(2), days=900, drift=0.015, opposite=False, events_a_year=80.0)
    drift = corrected(split_cells(plan, make_books(plan), _table(plan), draws=200))
    known = [c for c in drift if not math.isnan(c.q)]
    assert len(known) > 20
    assert sum(c.ci_low_bps > 0.0 for c in known if c.stance == "follow") > 2
    assert not any(c.q < 0.05 for c in known)
    plan = make_stormy(_rng(1), days=900, edge=0.08, opposite=False, events_a_year=80.0)
    edge = corrected(split_cells(plan, make_books(plan), _table(plan), draws=200))
    assert sum(c.q < 0.05 for c in edge) > 5


def test_same_seed_same_cells(make_stormy, make_books):
    plan = make_stormy(_rng(3), days=500)
    one, two = (
        split_cells(plan, make_books(plan), _table(plan), draws=100, seed=3) for _ in range(2)
    )
    assert repr(one) == repr(two)


def test_a_phase_without_an_event_labels_no_bar(daily):
    table = _table(daily, door_number=1.0).iloc[:0]
    found = event_splits(daily, 0, table)
    assert [split.name for split in found] == ["door", "strength"]
    assert all((split.by_bar == -1).all() for split in found)
