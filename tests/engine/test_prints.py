"""Prints of the last price: what liquidation is held to, and which trades such a print ended."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fadefollow.engine.model import BarArrays, Costs, Events, Rules
from fadefollow.engine.plans.coin_arrays import CoinArrays
from fadefollow.engine.plans.strategy_plan import Plan
from fadefollow.engine.plans.trading import books
from fadefollow.engine.prints import by_lone_print
from fadefollow.market.prints import shared_range
from tests.support.dated_cases import make_dated
from tests.support.engine_cases import FLAT, make_arrays, make_events
from tests.support.market_tables import HOUR, START, bars, make
from tests.support.oracle import Quote, held_prices

FREE = Costs(fee=0.0, slippage=0.0, maintenance=0.0)
NAN = math.nan


def close_only(closes: list[float], hours: list[int]) -> pd.DataFrame:
    """A mark of which only closes are known."""
    table = bars(closes, hours)
    return table.assign(open=NAN, high=NAN, low=NAN, close=closes, volume=NAN)


def printed() -> pd.DataFrame:
    """A perp at 100 (high 102, low 98) that prints 323 and 20 in bar 2."""
    perp = bars([100.0] * 6, list(range(6)))
    perp.loc[2, ["high", "low"]] = 323.0, 20.0
    return perp


@pytest.mark.parametrize(
    ("others", "high", "low"),
    [
        ({}, 323.0, 20.0),  # neither is known: its own
        ({"mark": close_only([112.0], [2])}, 1.03 * 112, 0.97 * 112),
        ({"mark": close_only([112.0], [1])}, 1.03 * 112, 0.97 * 112),  # of the bar before
        ({"mark": close_only([112.0], [3])}, 323.0, 20.0),  # of the bar after: not known yet
        ({"mark": close_only([112.0], [0])}, 323.0, 20.0),  # too old
        ({"spot": bars([100.0], [2])}, 1.03 * 102, 0.97 * 98),
        ({"spot": bars([100.0, 90.0], [1, 2])}, 1.03 * 102, 0.97 * 88),
        ({"spot": bars([100.0], [2]), "mark": close_only([110.0], [2])}, 1.03 * 110, 0.97 * 98),
        ({"mark": bars([150.0], [2])}, 152.0, 148.0),  # the mark's own high and low
    ],
)
def test_perp_is_liquidated_by_what_mark_and_spot_support(others, high, low) -> None:
    made = make({"perp": printed(), **others})
    assert (made.liq_high[2], made.liq_low[2]) == (pytest.approx(high), pytest.approx(low))
    assert (made.high[2], made.low[2]) == (323.0, 20.0)  # stops and targets see the print


def test_high_and_low_are_never_moved_outwards() -> None:
    # spot stands far from the perp: neither side of the perp liquidates at a price it never had
    for spot in (200.0, 50.0):
        made = make(
            {"perp": bars([100.0] * 6, list(range(6))), "spot": bars([spot] * 6, list(range(6)))}
        )
        assert (made.liq_high <= 102.0).all()
        assert (made.liq_low >= 98.0).all()


@pytest.mark.parametrize("seed", range(20))
def test_held_prices_are_the_oracle_s(seed: int) -> None:
    rng = np.random.default_rng(seed)

    def table(share: float) -> pd.DataFrame:
        hours = np.union1d([0], np.flatnonzero(rng.random(40) < share))
        made = bars([100.0] * len(hours), hours.tolist())
        made["high"] *= np.exp(0.05 * np.abs(rng.standard_t(2, len(hours))))
        made["low"] *= np.exp(-0.05 * np.abs(rng.standard_t(2, len(hours))))
        return made

    perp, mark, spot = table(0.9), table(0.6), table(0.6)
    mark.loc[rng.random(len(mark)) < 0.7, ["open", "high", "low"]] = NAN
    made = make({"perp": perp, "mark": mark, "spot": spot}, end=40, bars_=40)
    expected = held_prices(*(quotes(t) for t in (perp, mark, spot)))
    for bar, held in enumerate(expected):
        if held is not None:  # nothing is tested on a missing bar
            assert (made.liq_high[bar], made.liq_low[bar]) == pytest.approx(held)


def quotes(table: pd.DataFrame) -> list[Quote]:
    rows: list[Quote] = [None] * 40
    hours = ((table["time"] - START) // HOUR).to_numpy(int)
    prices = table[["open", "high", "low", "close"]].to_numpy(float)
    for hour, row in zip(hours, prices, strict=True):
        rows[hour] = (row[0], row[1], row[2], row[3])
    return rows


def test_spot_is_held_to_perp_mark_and_its_own_closes() -> None:
    spot, perp = printed(), bars([80.0] * 6, list(range(6)))
    made = make({"spot": spot, "perp": perp, "mark": close_only([90.0], [2])}, spot=True)
    # its own closes of 101 count, as it may trade apart from the perp for long
    assert made.liq_high[2] == pytest.approx(1.03 * 101)
    assert made.liq_low[2] == pytest.approx(0.97 * 78)
    assert (made.open[2], made.spot, len(made.settle_time)) == (100.0, True, 0)
    alone = make({"spot": spot}, spot=True)
    assert (alone.liq_high[2], alone.liq_low[2]) == (323.0, 20.0)


def test_own_closes_support_nothing_where_no_other_series_is_known() -> None:
    low, high = shared_range([np.array([NAN, NAN, 100.0])], np.array([50.0, 50.0, 50.0]))
    np.testing.assert_allclose(low, [-np.inf, -np.inf, 48.5])
    np.testing.assert_allclose(high, [np.inf, np.inf, 103.0])


# ---------------------------------------------------------------------------- named trades


def plan_of(arrays: BarArrays, events: Events, rules: Rules) -> Plan:
    return Plan(
        "mine",
        "signal",
        ("a",),
        CoinArrays([arrays]),
        (FREE,),
        (events.bar,),
        (events.side,),
        (events.code,),
        (events.exit_bar,),
        (events.exit_side,),
        rules,
    )


def named(arrays: BarArrays, side: int, **rules: Any) -> list[tuple[str, str, str]]:
    """(coin, time, reason) of what a lone print ended, of one trade entered at bar 1."""
    plan = plan_of(arrays, make_events([(0, side)]), Rules(hold_hours=3, **rules))
    found = by_lone_print(plan, books(plan, "follow"))
    return [(r.symbol, f"{r.time:%Y-%m-%d %H:%M}", r.reason) for _, r in found.iterrows()]


def held_arrays(high: float, low: float, supported: tuple[float, float]) -> BarArrays:
    """Flat at 100, with this high and low in bar 2, of which others support that much."""
    arrays = make_arrays([FLAT, FLAT, (100, high, low, 100), FLAT, FLAT])
    below, above = (np.full(5, edge) for edge in supported)
    return replace(
        arrays,
        shared_low=below,
        shared_high=above,
        liq_high=np.minimum(arrays.high, above),
        liq_low=np.maximum(arrays.low, below),
    )


LONE = [("COIN", "2024-01-01 02:00")]


@pytest.mark.parametrize(
    ("side", "rules", "reason"),
    [
        (-1, {"stop": 0.05}, "stop"),
        (-1, {"trail": 0.05}, "trail"),
        (+1, {"target": 0.05}, "target"),
        (-1, {"stop": 0.02}, None),  # mark and spot support 103
        (-1, {"leverage": 20.0}, None),  # 105 is not reached by the held high
        (-1, {}, None),
    ],
)
def test_trade_that_a_lone_high_ended_is_named(side: int, rules: dict, reason: str | None) -> None:
    found = named(held_arrays(323.0, 100.0, (97.0, 103.0)), side, **rules)
    assert found == ([(*LONE[0], reason)] if reason else [])


def test_trade_that_a_lone_low_ended_is_named() -> None:
    assert named(held_arrays(100.0, 20.0, (97.0, 103.0)), 1, stop=0.05) == [(*LONE[0], "stop")]
    assert named(held_arrays(100.0, 20.0, (97.0, 103.0)), -1, target=0.05) == [(*LONE[0], "target")]
    # where no other series is known nothing can be said
    assert named(held_arrays(100.0, 20.0, (-np.inf, np.inf)), 1, stop=0.05) == []


def test_liquidation_by_a_mark_that_neither_perp_nor_spot_shares_is_named() -> None:
    mark = [(100.0, 100.0, 100.0)] * 2 + [(100.0, 300.0, 100.0)] + [(100.0, 100.0, 100.0)] * 2
    shared: dict[str, Any] = {"shared_low": np.full(5, 97.0), "shared_high": np.full(5, 103.0)}
    arrays = replace(make_arrays([FLAT] * 5, liq=mark), **shared)
    assert named(arrays, -1, leverage=2.0) == [(*LONE[0], "liquidation")]
    both = replace(make_arrays([FLAT, FLAT, (100, 250, 100, 100), FLAT, FLAT], liq=mark), **shared)
    assert named(both, -1, leverage=2.0) == []


def test_stop_of_a_contract_filled_beyond_what_is_supported_is_named() -> None:
    arrays = make_dated(
        [100.0, 100.0, (100.0, 323.0, 100.0, 100.0), 100.0, 100.0], nearest=[0] * 5, leave=[5]
    )
    held = replace(
        arrays, dated_liq_high=np.minimum(arrays.dated_high, 103.0), dated_liq_low=arrays.dated_low
    )
    assert named(held, -1, stop=0.05) == [(*LONE[0], "stop")]
    assert named(held, -1, leverage=10.0) == []  # and does not liquidate
    assert named(arrays, -1, leverage=10.0) == []  # liquidates, but nothing else is known
