"""Funding extremes on markets small enough to know the answer."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fadefollow.errors import ParameterError
from fadefollow.market import Market
from fadefollow.workspace import find_workspace

Funding = find_workspace().signal("funding")
START = pd.Timestamp("2024-01-01", tz="UTC")
HOUR = pd.Timedelta(hours=1)


def market(rates_bps: list[float], interval_hours: float = 8.0) -> Market:
    """A flat perp and one settlement an interval, the first at the start."""
    step = pd.Timedelta(hours=interval_hours)
    time = pd.DatetimeIndex([START + i * step for i in range(len(rates_bps))]).as_unit("ns")
    bars = pd.date_range(START, time[-1] + 2 * HOUR, freq="h", unit="ns")
    perp = pd.DataFrame({"time": bars, "available": bars + HOUR})
    perp = perp.assign(open=100.0, high=101.0, low=99.0, close=100.0, volume=1.0)
    funding = pd.DataFrame({"time": time, "rate": np.array(rates_bps) / 1e4, "available": time})
    funding["interval_hours"] = interval_hours
    return Market("COIN", bar=HOUR, tables={"perp": perp, "funding": funding})


def events(made: Market, **params: float) -> list[tuple[str, str]]:
    found = Funding(lookback_days=14, **params).detect(made).table
    return [(f"{t:%m-%d %H}", p) for t, p in zip(found["time"], found["phase"], strict=True)]


#: 15 days of the default rate, 46 settlements
CALM = [1.0] * 46


def test_an_extreme_is_known_at_the_close_of_the_bar_before_its_settlement() -> None:
    # the 47th settlement is at 2024-01-16 08:00, which the bar of 07:00 closes at
    assert events(market([*CALM, 5.0, 1.0])) == [("01-16 07", "crowded_long")]
    assert events(market([*CALM, -5.0, 1.0])) == [("01-16 07", "crowded_short")]


def test_a_tie_with_the_quantile_or_the_floor_is_no_extreme() -> None:
    assert events(market([*CALM, 1.0, 1.0])) == []
    assert events(market([*CALM, 1.5, 1.0])) == []  # the floor is 1.5
    assert events(market([*CALM, 1.51, 1.0])) == [("01-16 07", "crowded_long")]


def test_there_is_no_threshold_before_the_look_back_is_full() -> None:
    assert events(market([1.0] * 20 + [50.0] + [1.0] * 10)) == []


def test_it_fires_once_until_it_has_ended_and_the_cool_down_has_passed() -> None:
    rates = [*CALM, 5.0, 6.0, 1.0, 7.0, 1.0, 1.0, 8.0, 1.0]
    # 7.0 comes 24 h after the first event, 8.0 another 24 h later; what begins too early is lost
    assert events(market(rates), cooldown_hours=24, quantile=0.8) == [
        ("01-16 07", "crowded_long"),
        ("01-17 07", "crowded_long"),
        ("01-18 07", "crowded_long"),
    ]
    assert events(market(rates), cooldown_hours=25, quantile=0.8) == [
        ("01-16 07", "crowded_long"),
        ("01-18 07", "crowded_long"),
    ]


def test_rates_are_compared_per_8_hours() -> None:
    # 1 bp every 2 hours is 4 bps per 8 h
    made = market([0.25] * (4 * 15 * 3) + [1.0, 0.25], interval_hours=2.0)
    found = Funding(lookback_days=14).detect(made).table
    assert found["rate_bps_per_8h"].tolist() == pytest.approx([4.0])
    assert found["threshold_bps_per_8h"].tolist() == pytest.approx([1.0])
    assert found["strength"].tolist() == pytest.approx([3.0])


def test_without_funding_it_says_so() -> None:
    made = market(CALM)
    bare = Market("COIN", bar=HOUR, tables={"perp": made.table("perp")})
    found = Funding().detect(bare)
    assert len(found) == 0
    assert found.missing == {
        ("COIN", "crowded_long"): ("funding",),
        ("COIN", "crowded_short"): ("funding",),
    }


def test_a_window_of_fewer_than_three_bars_is_refused() -> None:
    made = market(CALM)
    week = pd.Timedelta(days=7)
    slow = Market(
        "COIN", bar=week, tables={"perp": made.table("perp"), "funding": made.table("funding")}
    )
    with pytest.raises(ParameterError, match="at least 3 bars"):
        Funding(lookback_days=14).detect(slow)
