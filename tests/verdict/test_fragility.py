from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from fadefollow.engine.model import Costs
from fadefollow.market import Market
from fadefollow.market.datasets.dataset import Dataset
from fadefollow.market.lab import simulate
from fadefollow.verdict.fragility import (
    changes,
    doubled_costs,
    fragility,
    published_later,
    streams_of,
    without_funding,
)
from fadefollow.verdict.run.measure import Settings
from fadefollow.workspace import find_workspace

EIGHT = pd.Timedelta(hours=8)
QUICK = Settings(placebo_draws=100, bootstrap_draws=200)


@pytest.fixture(scope="module")
def bet():
    workspace = find_workspace()
    strategy = workspace.strategy("fade_crowded_funding")
    return strategy, workspace.detector(strategy)


@pytest.fixture(scope="module")
def dataset():
    lab = simulate(
        {
            "seed": 3,
            "years": 2.5,
            "coins": ["AA", "BB", "CC"],
            "plants": {"crowded_short": {"drift_bps": -700, "horizon_hours": 72, "per_year": 16}},
        },
        bar=EIGHT,
    )
    markets = {s: Market(s, bar=EIGHT, tables=tables) for s, tables in lab.tables.items()}
    return Dataset(
        "lab", "a lab", EIGHT, simulated=True, fingerprint="0", markets=markets, truth=lab.truth
    )


@pytest.fixture(scope="module")
def rows(dataset, bet):
    return fragility(dataset, [bet], settings=QUICK, step=lambda text, done: None)


def _of(rows, phase):
    return {row.change: row for row in rows if row.phase == phase}


def test_every_change_is_judged_for_every_phase(rows):
    assert list(_of(rows, "crowded_short")) == [
        "as run",
        "one bar more delay",
        "costs doubled",
        "no funding",
        "held twice as long",
        "held half as long",
        "perp a bar later",
        "funding a bar later",
    ]
    assert len(rows) == 16


def test_a_large_planted_edge_survives_small_changes(rows):
    short = _of(rows, "crowded_short")
    assert short["as run"].verdict == "supported"
    assert short["as run"].stance == "fade"
    assert not short["as run"].flips
    assert not short["costs doubled"].flips
    assert short["held half as long"].mean_net_bps < short["as run"].mean_net_bps


def test_doubled_costs_take_a_round_trip(rows):
    short = _of(rows, "crowded_short")
    lost = short["as run"].mean_net_bps - short["costs doubled"].mean_net_bps
    assert short["costs doubled"].n_trades == short["as run"].n_trades
    # two fees of 5 bps and two slippages of 5, on fills that move with the price
    assert lost == pytest.approx(20.0, abs=1.0)


def test_news_a_bar_late_is_a_bar_of_delay_for_a_signal_of_one_stream(rows):
    short = _of(rows, "crowded_short")
    late, delayed = short["funding a bar later"], short["one bar more delay"]
    assert late.mean_net_bps == pytest.approx(delayed.mean_net_bps)


def test_costs_that_flip_a_verdict_are_said(dataset, bet):
    dear = replace(dataset, costs={"taker_fee_bps": 150.0})
    found = _of(fragility(dear, [bet], settings=QUICK, step=lambda *_: None), "crowded_short")
    assert found["as run"].verdict == "supported"
    assert found["costs doubled"].flips
    assert found["costs doubled"].verdict != "supported"


def test_what_cannot_be_measured_is_left_out(dataset, bet):
    bare = replace(
        dataset,
        markets={
            s: Market(s, bar=EIGHT, tables={"perp": m.table("perp")})
            for s, m in dataset.markets.items()
        },
    )
    assert fragility(bare, [bet], settings=QUICK, step=lambda *_: None) == ()


def test_only_strategies_that_need_a_stream_are_tried_with_it_late(bet):
    strategy, signal = bet
    assert streams_of(signal, strategy) == ("perp", "funding")
    late = next(c for c in changes([bet]) if c.late == "funding")
    assert late.concerns(signal, strategy)
    workspace = find_workspace()
    other = workspace.strategy("fade_doors")
    assert not late.concerns(workspace.detector(other), other)
    assert streams_of(workspace.detector(other), other) == ("perp", "spot")


def test_bars_that_come_later_carry_the_bar_before(dataset):
    market = dataset.markets["AA"]
    late = published_later(market, "perp")
    np.testing.assert_array_equal(
        late.column("perp", "close")[1:], market.column("perp", "close")[:-1]
    )
    np.testing.assert_array_equal(late.column("spot", "close"), market.column("spot", "close"))
    known = published_later(market, "funding").column("funding", "rate")
    np.testing.assert_array_equal(known[1:], market.column("funding", "rate")[:-1])
    assert len(late) == len(market)


def test_funding_and_costs_are_all_that_changes(make_plan, make_arrays):
    none = np.empty(0)
    arrays = replace(
        make_arrays(np.ones(50)),
        settle_time=np.array([7], np.int64),
        settle_rate=np.array([0.1]),
        settle_mark=np.array([1.0]),
        holes=np.array([[1, 2]]),
    )
    plan = make_plan([arrays], [[3]], costs=Costs(0.001, 0.002, 0.005, borrow=0.1))
    assert doubled_costs(plan).costs == (Costs(0.002, 0.004, 0.005, borrow=0.2),)
    bare = without_funding(plan).coin_arrays[0]
    np.testing.assert_array_equal(bare.settle_rate, none)
    assert bare.holes.shape == (0, 2)
    np.testing.assert_array_equal(bare.close, arrays.close)


def test_half_a_holding_time_is_whole_bars(bet):
    strategy, _ = bet
    half = next(c for c in changes([bet]) if c.name == "held half as long")
    assert half.strategy is not None
    assert half.strategy(strategy, 8.0).trade.hold_hours == 32.0  # of 72 h
    assert half.strategy(strategy, 72.0).trade.hold_hours == 72.0
