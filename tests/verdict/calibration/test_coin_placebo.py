"""The placebo in coins on made-up markets: whom it draws from, and that it sees nothing later."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from fadefollow.engine.hedge.basket import Constituent, form_basket
from fadefollow.engine.model import Rules
from fadefollow.verdict.placebos import CoinPlacebo
from tests.support.placebo_cases import draws_of

COINS, DAYS, PER_DAY = 24, 150, 6


@pytest.fixture
def make_market(make_plan, make_arrays):
    """A plan of many coins that walk at random, hedged by their basket."""

    def make(bars, codes=None, *, seed=0, volatility=0.01):
        rng = np.random.default_rng(seed)
        steps = rng.standard_normal((COINS, DAYS * PER_DAY)) * volatility
        coin_arrays = [
            make_arrays(100.0 * np.exp(np.cumsum(s)), symbol=f"C{k:02d}", bar_hours=4)
            for k, s in enumerate(steps)
        ]
        plan = make_plan(
            coin_arrays,
            bars,
            codes=codes,
            rules=Rules(hold_hours=72.0, opposite=False),
            window_hours=8.0,
        )
        costs = plan.costs[0]
        coins = {t.symbol: Constituent(t, costs, int(t.time[0])) for t in coin_arrays}
        return dataclasses.replace(plan, basket=form_basket(coins, kind="market"))

    return make


def targets(plan, draws: int = 4000) -> np.ndarray:
    """How often the first draw-by-draw event goes to each coin, shape (coins,)."""
    placebo = CoinPlacebo.draw(plan, draws=draws, rng=np.random.default_rng(1))
    return np.array(
        [len(placebo.moved(c, 0, draws).bar) for c in range(len(plan.coin_arrays))], float
    )


def one_event(coin: int, bar: int) -> list[list[int]]:
    return [[bar] if c == coin else [] for c in range(COINS)]


def test_an_events_own_coin_is_as_likely_as_any_other_that_is_alike(make_market):
    counts = targets(make_market(one_event(3, 100 * PER_DAY)))
    drawn = counts[counts > 0]
    assert counts.sum() == 4000
    assert counts[3] > 0
    # at least five others, or all of a fifth of the volatilities
    assert 6 <= len(drawn) <= COINS
    np.testing.assert_allclose(drawn / 4000, 1.0 / len(drawn), atol=0.03)


def test_coins_that_had_an_event_lately_are_left_out_and_those_that_will_have_one_are_not(
    make_market,
):
    at = 100 * PER_DAY
    alike = set(np.flatnonzero(targets(make_market(one_event(3, at)))))
    other = int(max(alike - {3}))
    # holding and window are 80 h, 20 bars
    for bar, joins in ((at - 20, False), (at - 21, True), (at + 1, True)):
        bars = one_event(3, at)
        bars[other] = [bar]
        placebo = CoinPlacebo.draw(make_market(bars), draws=4000, rng=np.random.default_rng(1))
        moved = placebo.moved(other, 0, 4000)
        assert bool((moved.bar == at).any()) is joins


def test_draws_vary_as_much_as_the_truth_does(make_market):
    """Where nothing is known, t of the draws has the spread of a t, not of the few alike coins."""
    rng = np.random.default_rng(4)
    bars = [np.sort(rng.choice(np.arange(200, 850), 6, replace=False)) for _ in range(COINS)]
    plan = make_market(bars, seed=5)
    lengths = np.array([6.0])
    placebo = CoinPlacebo.draw(plan, draws=400, rng=np.random.default_rng(2))
    draws = draws_of(plan, "follow", placebo, lengths)
    t = (draws.hedged_mean - draws.hedged_mean.mean()) / draws.hedged_se
    assert 0.85 < t.std() < 1.2  # 0.6 where the own coin was left out
