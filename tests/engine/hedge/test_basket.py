"""The market basket agrees with an investor's diary, and knows nothing of the future."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fadefollow.engine.hedge.basket import Constituent, form_basket
from fadefollow.engine.model import BarArrays
from tests.support.basket_cases import COSTS, DAY, HOUR, basket_arrays, random_market
from tests.support.basket_oracle import beta_at, keep_diary


def test_two_coins_in_equal_weights_drift_within_the_day_and_are_evened_at_midnight():
    # one day of three bars: A doubles, B halves; then both stand still, and A falls by 10 %
    a = basket_arrays("A", [100, 150, 150, 200, 200, 180])
    b = basket_arrays("B", [10, 10, 5, 5, 5, 5])
    basket = form_basket(
        {"A": Constituent(a, COSTS, -40 * DAY), "B": Constituent(b, COSTS, -40 * DAY)},
        kind="market",
    )
    assert basket.open_level == pytest.approx([1.0, 1.25, 1.0, 1.25, 1.25])
    # at midnight 0.625 each: A's fall costs 0.0625
    assert basket.close_level == pytest.approx([1.25, 1.0, 1.25, 1.25, 1.1875])
    assert basket.members.tolist() == [2] * 5
    assert basket.cost == pytest.approx([0.0007] * 5)


def test_a_member_pays_its_funding_at_the_settlement():
    a = basket_arrays("A", [100, 100, 100, 100], settle=[8 * HOUR], rates=[0.01])
    basket = form_basket({"A": Constituent(a, COSTS, -40 * DAY)}, kind="market")
    # the settlement falls on the second open: who leaves there has paid, who enters there has not
    assert basket.open_level == pytest.approx([1.0, 0.99, 0.99])


def test_a_coin_joins_after_thirty_days_and_leaves_when_it_stops():
    a = basket_arrays("A", [100.0] * 100)
    b = basket_arrays("B", [10.0] * 3 + [np.nan] * 2 + [20.0] * 92 + [np.nan] * 3)
    listed = b.time[0] - 29 * DAY
    basket = form_basket(
        {"A": Constituent(a, COSTS, -40 * DAY), "B": Constituent(b, COSTS, listed)}, kind="market"
    )
    assert basket.members[:3].tolist() == [1, 1, 1]  # 29 days old
    # at day 1 its first bar is missing: no member; from day 2 on it is
    assert basket.members[3:9].tolist() == [1, 1, 1, 2, 2, 2]
    assert basket.members[-3:].tolist() == [1, 1, 1]


def test_the_hedge_is_opposite_and_pays_both_ends():
    a = basket_arrays("A", [100, 110, 110, 110])
    basket = form_basket({"A": Constituent(a, COSTS, -40 * DAY)}, kind="market")
    legs = basket.hedge(
        np.array([0.5, 2.0]),
        np.array([1, -1]),
        np.array([0, 0]),
        np.array([1, 0]),
        np.array([False, True]),
    )
    assert legs.gross == pytest.approx([-0.05, 0.2])
    assert legs.cost == pytest.approx([-0.5 * 0.0014, -2.0 * 0.0014])


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_levels_and_betas_agree_with_a_diary(seed: int):
    rng = np.random.default_rng(seed)
    coins = random_market(rng, coins=int(rng.integers(1, 6)), days=int(rng.integers(2, 80)))
    basket = form_basket(coins, kind="market")
    diary = keep_diary(coins, min_days=30)
    for ours, theirs in (
        (basket.open_level, diary.open_worth),
        (basket.close_level, diary.close_worth),
    ):
        scale = next((w for w in diary.open_worth if w is not None), 1.0)
        known = np.array([np.nan if w is None else w / scale for w in theirs])
        np.testing.assert_allclose(ours, known, rtol=1e-12)
    assert basket.members.tolist() == [len(names) for names in diary.members]
    for bar in rng.integers(0, len(basket.time), 3):
        for name in coins:
            expected = beta_at(coins, diary, name, int(bar), window=60, fewest=20)
            assert basket.beta(name, np.array([bar]))[0] == pytest.approx(expected, rel=1e-9)


def test_cutting_the_future_off_does_not_change_the_past():
    rng = np.random.default_rng(3)
    coins = random_market(rng, coins=5, days=70)
    whole = form_basket(coins, kind="market")
    for bars in (40, 97, 150):
        cut = {name: one._replace(arrays=first(one.arrays, bars)) for name, one in coins.items()}
        part = form_basket(cut, kind="market")
        np.testing.assert_array_equal(part.open_level, whole.open_level[:bars])
        np.testing.assert_array_equal(part.close_level, whole.close_level[:bars])
        np.testing.assert_array_equal(part.members, whole.members[:bars])
        for name in coins:
            days = whole.day[bars - 1] + 1
            np.testing.assert_array_equal(part.betas[name], whole.betas[name][:days])


def first(one: BarArrays, bars: int) -> BarArrays:
    names = ("time", "open", "high", "low", "close", "liq_open", "liq_high", "liq_low")
    known = one.settle_time <= one.time[bars - 1]
    settled = {n: getattr(one, n)[known] for n in ("settle_time", "settle_rate", "settle_mark")}
    return replace(one, **{n: getattr(one, n)[:bars] for n in names}, **settled)
