from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from fadefollow.engine.model import DatedBarArrays
from fadefollow.verdict.capacity import capacity, capacity_of, liquidity


def test_the_edge_is_gone_where_impact_equals_it():
    # 2 · σ √(Q / V) = e with σ = 4 % a day, V = 10 million: 80 bps are gone at 1 % of the volume
    impact = 2 * 0.04 / math.sqrt(10e6)
    assert capacity_of(0.008, impact) == pytest.approx(100_000.0)
    assert 2 * 0.04 * math.sqrt(100_000 / 10e6) == pytest.approx(0.008)


def test_half_the_edge_carries_a_quarter():
    assert capacity_of(0.004, 1e-5) == pytest.approx(capacity_of(0.008, 1e-5) / 4)


@pytest.mark.parametrize("edge", [0.0, -0.001, math.nan])
def test_without_an_edge_nothing_is_carried(edge):
    assert math.isnan(capacity_of(edge, 1e-5))


def test_no_more_than_a_days_volume():
    assert capacity_of(0.5, 1e-6, volume=2e6) == 2e6


@pytest.fixture
def swinging(make_arrays):
    """Hourly bars that go up and down by 1 % in turn, 40 coins of volume each."""
    step = np.where(np.arange(2400) % 2 == 0, 0.01, -0.01)
    arrays = make_arrays(100.0 * np.exp(np.cumsum(step)))
    return replace(arrays, volume=np.full(2400, 40.0))


def test_impact_is_volatility_over_the_root_of_the_quote_volume(swinging):
    found = liquidity(swinging)
    volume = 40.0 * 24 * 100.0 * (math.exp(0.01) + 1.0) / 2  # half of the closes are 1 % higher
    sigma = 0.01 * math.sqrt(720 / 719) * math.sqrt(24)
    assert found.volume[2000] == pytest.approx(volume)
    assert found.impact[2000] == pytest.approx(sigma / math.sqrt(volume))
    assert np.isnan(found.impact[:360]).all()


def test_the_bars_size_does_not_change_the_impact(make_arrays):
    rng = np.random.default_rng(1)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0, 0.002, 24 * 90 * 4)))
    fine = replace(make_arrays(close, bar_hours=1), volume=np.full(len(close), 10.0))
    coarse = replace(make_arrays(close[3::4], bar_hours=4), volume=np.full(len(close) // 4, 40.0))
    one, four = (liquidity(arrays).impact for arrays in (fine, coarse))
    assert one[8000] == pytest.approx(four[2000], rel=0.1)


def test_only_what_was_known_at_the_open_counts(swinging):
    volume, close = swinging.volume.copy(), swinging.close.copy()
    volume[1500:], close[1500:] = 1e9, close[1500:] * 3
    changed = liquidity(replace(swinging, volume=volume, close=close))
    np.testing.assert_array_equal(changed.impact[:1501], liquidity(swinging).impact[:1501])
    assert changed.impact[1501] != liquidity(swinging).impact[1501]


def test_dated_futures_have_no_known_volume(swinging):
    values = {name: getattr(swinging, name) for name in swinging.__dataclass_fields__}
    assert np.isnan(liquidity(DatedBarArrays(**values)).impact).all()


def test_each_coin_by_itself_and_all_together(make_plan, make_books, swinging):
    # the entry at an open of 100 and the exit 25 h later at 101.005: follow earns, fade loses
    thin = replace(swinging, symbol="THIN", volume=np.full(2400, 0.4))
    from fadefollow.engine.model import Rules

    plan = make_plan(
        [replace(swinging, symbol="DEEP"), thin],
        [[1001, 1501], [1001]],
        rules=Rules(hold_hours=25.0, opposite=False),
    )
    books = make_books(plan)
    follow = capacity(plan, books["s", "follow"], 0)
    deep, small = follow.coins
    assert (deep.symbol, small.symbol) == ("DEEP", "THIN")
    edge = math.exp(0.01) - 1.0
    expected = (edge / (2 * liquidity(plan.coin_arrays[0]).impact[1002])) ** 2
    assert deep.quote == pytest.approx(expected, rel=0.01)
    assert small.quote == pytest.approx(expected / 100, rel=0.01)
    assert follow.median_quote == pytest.approx((deep.quote + small.quote) / 2)
    # mean impact of (1, 1, 10): the same edge is gone at a sixteenth
    assert follow.quote == pytest.approx(expected / 16, rel=0.01)
    fade = capacity(plan, books["s", "fade"], 0)
    assert math.isnan(fade.quote)
    assert math.isnan(fade.median_quote)
