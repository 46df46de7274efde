"""The real null: samples of a data set, and events where they were not."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from fadefollow.engine.costs import CostSettings
from fadefollow.engine.plans.strategy_plan import Plan
from fadefollow.errors import DataError
from fadefollow.market.datasets.dataset import Dataset
from fadefollow.market.lab import simulate
from fadefollow.market.panel import Market
from fadefollow.verdict.calibration import RealDesign, RealSource
from fadefollow.verdict.calibration import real_run as module
from fadefollow.verdict.calibration.simulated_run import plans_of
from fadefollow.workspace import find_workspace
from tests.support.paths import ROOT

BAR = pd.Timedelta("4h")
DESIGN = RealDesign(dataset="x", coins=24, years=1.0, draws=60, kinds=("times", "coins"))
TIMES, COINS = DESIGN.arms


@pytest.fixture(scope="module")
def bets():
    workspace = find_workspace(ROOT)
    strategy = workspace.strategy("fade_crowded_funding")
    return ((strategy, workspace.detector(strategy)),)


@pytest.fixture(scope="module")
def source(bets) -> RealSource:
    """Thirty coins of the lab for two years, in place of real ones."""
    universe = {"listings": "start", "deaths": 0.1, "planted_bps": -400.0}
    made = simulate({"seed": 3, "years": 2, "coins": 30, "universe": universe}, bar=BAR)
    markets = {
        coin: Market(
            coin,
            bar=BAR,
            tables=tables,
            listed=made.listed.get(coin),
            delisted=made.delisted.get(coin),
        )
        for coin, tables in made.tables.items()
    }
    dataset = Dataset(
        name="x", title="x", bar=BAR, simulated=True, fingerprint="3", markets=markets
    )
    return RealSource.of(dataset, bets)


def test_a_sample_has_btc_some_coins_and_a_span_of_the_right_length(source):
    samples = [source.sample(TIMES, np.random.default_rng(seed)) for seed in range(4)]
    for markets in samples:
        assert "BTC" in markets
        assert len(markets) <= 24
        starts = {market.index[0] for market in markets.values()}
        ends = {market.index[-1] + BAR for market in markets.values()}
        assert max(ends) - min(starts) == pd.Timedelta(days=365)
        # half of the span at least
        assert all(len(m.table("perp")) >= 0.5 * 365 * 6 for m in markets.values())
    assert len({tuple(markets) for markets in samples}) > 1
    assert len({markets["BTC"].index[0] for markets in samples}) > 1


def plans_in(source: RealSource, bets) -> list[Plan]:
    """The plans of one sample of coins and time."""
    markets = source.sample(COINS, np.random.default_rng(0))
    return plans_of(markets, bets, costs=CostSettings(), found=dict(source.found))


def test_events_move_in_time_together_and_none_is_lost(source, bets):
    plans = plans_in(source, bets)
    (moved,) = module.at_other_times(plans, np.random.default_rng(5))
    for old, new in zip(plans[0].bars, moved.bars, strict=True):
        assert len(old) == len(new)
        assert sorted(old % 6) == sorted(new % 6)  # each keeps its hour
        assert not len(old) or (np.sort(old) != np.sort(new)).any()
    assert sum(map(len, moved.bars)) > 100


def test_on_other_coins_each_event_keeps_its_hour(source, bets):
    plans = plans_in(source, bets)
    (moved,) = module._on_other_coins(plans, np.random.default_rng(5))
    before, after = (np.sort(np.concatenate(plan.bars)) for plan in (plans[0], moved))
    np.testing.assert_array_equal(before, after)
    changed = [len(a) != len(b) for a, b in zip(plans[0].bars, moved.bars, strict=True)]
    assert sum(changed) > 10


@pytest.mark.parametrize("arm", [TIMES, COINS])
def test_what_is_worth_400_bps_at_its_own_place_is_worth_its_costs_elsewhere(source, bets, arm):
    table = module.judge_real(DESIGN, bets, source, arm, seed=7)
    books = {stand.book for row in table.rows for stand in row.stands}
    assert books == ({"outright", "hedged"} if arm is TIMES else {"hedged"})
    for row in table.rows:
        hedged = row.stand("fade", "hedged")
        assert hedged is not None
        assert hedged.edge == 0.0
        # two round trips of 20 bps, and what the coins did by chance against their basket
        assert hedged.truth == pytest.approx(-40.0, abs=35.0)
        assert abs(hedged.mean - hedged.truth) < 4.0 * (hedged.high - hedged.low) / 3.92
        assert hedged.word != "pays"
    again = module.judge_real(DESIGN, bets, source, arm, seed=7)
    assert repr(dataclasses.replace(again, seconds=0.0)) == repr(
        dataclasses.replace(table, seconds=0.0)
    )


def test_a_data_set_without_funding_has_no_real_null(source, bets):
    bare = {
        symbol: Market(symbol, bar=BAR, tables={"perp": market.table("perp")})
        for symbol, market in source.dataset.markets.items()
    }
    dataset = dataclasses.replace(source.dataset, markets=bare)
    with pytest.raises(DataError, match="perp and funding"):
        RealSource.of(dataset, bets)
