"""The truth of a trade: what the lab's drifts promise it, outright and against a basket."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from fadefollow.engine.hedge.basket import Constituent, form_basket
from fadefollow.engine.model import Costs
from fadefollow.verdict.calibration.truth import Growth, expected

NO_PLANTS = pd.DataFrame(
    {
        "symbol": [],
        "phase": [],
        "start": pd.DatetimeIndex([], tz="UTC"),
        "planted_bps": [],
        "horizon_hours": [],
    }
)
DAY = 24


def one_trade(side: int, entry: int, last: int, **more: object) -> pd.DataFrame:
    row = {"coin": [0], "side": [side], "entry_bar": [entry], "exit_bar": [last]}
    return pd.DataFrame(row | {name: [value] for name, value in more.items()})


@pytest.mark.parametrize(
    ("side", "costs", "bps"),
    [
        (1, Costs(fee=0.0, slippage=0.0, maintenance=0.0), 48.40),  # 1.8 ** (72 / 8766)
        (-1, Costs(fee=0.0, slippage=0.0, maintenance=0.0), -48.40),
        (1, Costs(fee=5e-4, slippage=5e-4, maintenance=0.0), 28.33),
        (-1, Costs(fee=5e-4, slippage=5e-4, maintenance=0.0), -68.48),
    ],
)
def test_a_trade_earns_the_drift_less_its_costs(make_plan, make_arrays, side, costs, bps):
    plan = make_plan([make_arrays(np.full(200, 100.0))], [[]], costs=costs)
    growth = Growth.of(plan, NO_PLANTS, annual_drift=0.8)
    trade = one_trade(side, 10, 82)
    worth = expected(plan, trade, growth, "outright")
    assert 1e4 * worth[0] == pytest.approx(bps, abs=0.02)
    assert expected(plan, trade, growth.even, "outright") == pytest.approx(worth)


def planted(plan, symbol: str, bar: int, bps: float) -> pd.DataFrame:
    """Shorts that are squeezed by −bps within 72 h."""
    return pd.DataFrame(
        {
            "symbol": [symbol],
            "phase": ["crowded_short"],
            "start": [pd.to_datetime(plan.coin_arrays[0].time[bar], utc=True)],
            "planted_bps": [bps],
            "horizon_hours": [72.0],
        }
    )


def test_a_plant_acts_in_its_own_bars_whole_or_in_part(make_plan, make_arrays):
    plan = make_plan([make_arrays(np.full(288, 100.0))], [[]])  # hourly
    table = planted(plan, "X", 24, -144.0)
    table["start"] += pd.Timedelta(minutes=15)
    earned = np.diff(Growth.of(plan, table, annual_drift=0.0).coins[0])
    hour = np.log(1.0144) / 72.0
    assert earned[23] == 0.0
    assert earned[24:97] == pytest.approx([0.75 * hour, *[hour] * 71, 0.25 * hour])
    assert not earned[97:].any()
    before = table.assign(start=table["start"] - pd.Timedelta(hours=60))
    earned = np.diff(Growth.of(plan, before, annual_drift=0.0).coins[0])
    assert earned[:37] == pytest.approx([hour] * 36 + [0.25 * hour])
    assert not earned[37:].any()


def test_a_trade_earns_the_part_of_a_plant_that_it_is_there_for(make_plan, make_arrays):
    plan = make_plan([make_arrays(np.full(288, 100.0))], [[]])
    growth = Growth.of(plan, planted(plan, "X", 24, -144.0), annual_drift=0.0)
    whole, half, after = (
        1e4 * expected(plan, one_trade(1, *held), growth, "outright")[0]
        for held in ((24, 96), (60, 132), (96, 168))
    )
    assert whole == pytest.approx(144.0)  # the lean is short: fading it, long, pays
    assert half == pytest.approx(71.74, abs=0.01)
    assert after == pytest.approx(0.0, abs=1e-9)
    any_time = 1e4 * expected(plan, one_trade(1, 24, 96), growth.even, "outright")[0]
    assert any_time == pytest.approx(144.0 / 4, abs=0.5)


@pytest.fixture
def hedged(make_plan, make_arrays):
    """Two coins for 40 days, both members of their basket from the 31st on."""
    coin_arrays = [make_arrays(np.full(40 * DAY, 100.0), symbol=name) for name in ("X", "Y")]
    costs = Costs(fee=0.0, slippage=0.0, maintenance=0.0)
    coins = {t.symbol: Constituent(t, costs, int(t.time[0])) for t in coin_arrays}
    plan = make_plan(coin_arrays, [[], []])
    return dataclasses.replace(plan, basket=form_basket(coins, kind="market"))


def test_a_hedge_gives_back_what_the_basket_is_promised(hedged):
    """X gains 144 bps in 72 h from day 32 on; half of the basket is X."""
    growth = Growth.of(hedged, planted(hedged, "X", 32 * DAY, -144.0), annual_drift=0.0)
    held = {"beta": 1.0, "hedge_cost": -0.30, "notional": 100.0, "reason": "time"}
    long = one_trade(1, 32 * DAY, 35 * DAY, **held)
    # three days of (e^g − 1) / 2, with e^(3g) = 1.0144: 1.0023886³ − 1 = 71.83 bps
    assert 1e4 * expected(hedged, long, growth, "hedged")[0] == pytest.approx(
        144.0 - 71.83 - 30.0, abs=0.01
    )
    short = one_trade(-1, 32 * DAY, 35 * DAY, **(held | {"beta": 0.5}))
    assert 1e4 * expected(hedged, short, growth, "hedged")[0] == pytest.approx(
        -144.0 + 35.91 - 30.0, abs=0.01
    )


def test_a_trade_that_ends_inside_a_bar_closes_its_hedge_at_that_bars_close(hedged):
    growth = Growth.of(hedged, planted(hedged, "Y", 32 * DAY, -144.0), annual_drift=0.0)
    held = {"beta": 1.0, "hedge_cost": 0.0, "notional": 100.0}
    stopped, timed = (
        1e4
        * expected(
            hedged, one_trade(1, 32 * DAY, 32 * DAY + last, reason=reason, **held), growth, "hedged"
        )[0]
        for reason, last in (("stop", 11), ("time", 12))
    )
    assert stopped == pytest.approx(timed)  # the close of bar 11 is the open of bar 12
    # half of twelve hours of e^(g·12/72) − 1, with e^g = 1.0144
    assert timed == pytest.approx(-1e4 * (1.0144 ** (1 / 6) - 1.0) / 2.0)


def test_a_basket_is_worth_nothing_before_it_is_formed(hedged):
    growth = Growth.of(hedged, NO_PLANTS, annual_drift=0.2)
    assert growth.basket[30 * DAY] == 0.0
    # ten days of 20 % a year
    assert growth.basket[-1] == pytest.approx(np.log(1.2) * 240 / 8766)
