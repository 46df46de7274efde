"""Streaks of published flows, relabelled wallets, and the lag."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fadefollow.market import Market
from fadefollow.workspace import find_workspace

Netflow = find_workspace().signal("netflow")
START = pd.Timestamp("2024-01-01", tz="UTC")
HOUR, DAY = pd.Timedelta(hours=1), pd.Timedelta(days=1)
#: coins held at first; a usual day moves 0.1 % of it, in and out in turn
RESERVE = 1_000_000.0
CALM = [1000.0, -1000.0] * 20


def market(flows: list[float], *, lag_hours: float = 12.0, skip: int | None = None) -> Market:
    """Daily flows from 1 January on; day `skip` is not in the data."""
    time = pd.DatetimeIndex([START + i * DAY for i in range(len(flows))]).as_unit("ns")
    table = pd.DataFrame({"time": time, "netflow_coins": np.array(flows)})
    table["reserve_coins"] = RESERVE + table["netflow_coins"].cumsum()
    table["available"] = time + DAY + lag_hours * HOUR
    table = table.drop(index=[] if skip is None else [skip]).reset_index(drop=True)
    hours = pd.date_range(START, time[-1] + 4 * DAY, freq="h", unit="ns")
    perp = pd.DataFrame({"time": hours, "available": hours + HOUR, "volume": 1.0})
    perp = perp.assign(open=100.0, high=100.0, low=100.0, close=100.0)
    return Market("COIN", bar=HOUR, tables={"perp": perp, "netflow": table})


def events(made: Market, **params: float) -> list[tuple[str, str]]:
    found = Netflow(**{"lookback_days": 30.0} | params).detect(made).table
    return [(f"{t:%m-%d %H}", p) for t, p in zip(found["time"], found["phase"], strict=True)]


def test_a_streak_is_known_when_its_last_day_is_published():
    # the four days are 10 to 13 February; the last ends at 02-14 00:00
    flows = [*CALM, 2000, 2000, 2000, 2000, -500]
    assert events(market(flows)) == [("02-14 11", "inflow_streak")]
    assert events(market(flows, lag_hours=24)) == [("02-14 23", "inflow_streak")]
    assert events(market(flows, lag_hours=0)) == [("02-13 23", "inflow_streak")]


def test_outflows_mirror_inflows():
    # CALM ends with a day of outflow, so the streak is one day longer
    flows = [*CALM, -2000, -2000, -2000, 500]
    assert events(market(flows)) == [("02-13 11", "outflow_streak")]


def test_the_sum_is_measured_against_the_reserve():
    # 4 × 1,000 of a million are 0.4 %, the floor itself; strictly more is needed
    assert events(market([*CALM, 1000, 1000, 1000, 1000, -1])) == []
    assert len(events(market([*CALM, 1000, 1000, 1000, 1001, -1]))) == 1
    found = Netflow(lookback_days=30).detect(market([*CALM, 2000, 2000, 2000, 2000, -1])).table
    assert found["strength"].tolist() == pytest.approx([0.8])
    assert found["lean"].tolist() == [-1]


def test_a_day_of_the_other_sign_or_a_day_that_is_not_there_ends_the_streak():
    assert events(market([*CALM, 2000, 2000, -1, 2000, 2000])) == []
    flows = [*CALM, 2000, 2000, 2000, 2000, -500]
    assert events(market(flows, skip=42)) == []


def test_a_relabelled_wallet_is_no_flow():
    # 4 % of the reserve in a day, forty usual days; it counts as nothing and ends the streak
    flows = [*CALM, 2000, 2000, 40_000, 2000, 2000, 2000, 2000, -1]
    assert events(market(flows)) == [("02-17 11", "inflow_streak")]
    found = Netflow(lookback_days=30).detect(market(flows)).table
    # 8,000 against the reserve before them, with the relabelled coins
    assert found["strength"].tolist() == pytest.approx([100 * 8000 / 1_044_000])


def test_a_large_flow_that_is_usual_for_the_coin_is_a_flow():
    # on a coin that moves 0.5 % a day, 2 % is four usual days
    calm = [5000.0, -5000.0] * 20
    flows = [*calm, 20_000, 20_000, 20_000, 20_000, -1]
    assert events(market(flows)) == [("02-14 11", "inflow_streak")]


def test_a_streak_that_goes_on_fires_once():
    flows = [*CALM, *[2000.0] * 12, -1.0]
    assert events(market(flows)) == [("02-14 11", "inflow_streak")]


def test_nothing_fires_before_the_look_back_is_full():
    assert events(market([2000.0] * 20)) == []
