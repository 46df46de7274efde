"""Liquidation levels by hand: ladder, removal, thinning; and flushes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from fadefollow.market import Market
from fadefollow.workspace import find_workspace

WORKSPACE = find_workspace()
Liquidations = WORKSPACE.signal("liquidations")
from signals.liquidations import Bars, ladder, pile_up  # noqa: E402  (found through the workspace)

START = pd.Timestamp("2024-01-01", tz="UTC")
HOUR, DAY = pd.Timedelta(hours=1), pd.Timedelta(days=1)
#: one leverage, liquidated 2 % away
TWO_PERCENT = np.array([[0.02], [1.0]])


def levels(
    bars: list[tuple[float, float, float, float]], *, long_share: float = 0.5, **rules: float
) -> tuple[list[float], list[float]]:
    """Shorts above and longs below in coins, from (high, low, close, open interest)."""
    table = np.array(bars, float)
    columns = [np.ascontiguousarray(column) for column in table.T]
    speeds: dict[str, Any] = {"keep_per_bar": 1.0, "forget_per_bar": 1.0, "distance": 0.10}
    above, below = pile_up(
        Bars(*columns),
        shares=np.repeat([[long_share], [1 - long_share]], len(table), axis=1),
        ladder=TWO_PERCENT,
        **speeds | rules,
    )
    return tuple((side * columns[3] / 100).tolist() for side in (above, below))


def test_a_position_is_liquidated_one_over_leverage_less_maintenance_away():
    away, share = ladder(slope=0.0, maintenance=0.005)
    np.testing.assert_allclose(away, [0.195, 0.095, 0.035, 0.015, 0.005])
    np.testing.assert_allclose(share, [0.2] * 5)
    np.testing.assert_allclose(
        ladder(slope=1.0, maintenance=0.0)[1], [20 / 37, 10 / 37, 4 / 37, 2 / 37, 1 / 37]
    )


def test_new_positions_lie_on_both_sides_and_nearer_ones_count_more():
    above, below = levels([(100, 100, 100, 1000), (100, 100, 100, 1100)])
    # 50 coins 2 % above: 19 of 95 bins of 10 bps away; 50 coins 2 % below: 21 of 95
    assert above == pytest.approx([0.0, 40.0])
    assert below == pytest.approx([0.0, 50 * 74 / 95])


def test_the_share_of_longs_moves_new_positions_below():
    above, below = levels([(100, 100, 100, 1000), (100, 100, 100, 1100)], long_share=1.0)
    assert above[1] == 0.0
    assert below[1] == pytest.approx(100 * 74 / 95)


def test_a_level_is_removed_once_touched():
    opened = [(100, 100, 100, 1000), (100, 100, 100, 1100)]
    spared = levels([*opened, (101.9, 100, 100, 1100)])
    touched = levels([*opened, (102.05, 100, 100, 1100), (100, 100, 100, 1100)])
    assert spared[0][2] == pytest.approx(40.0)
    assert touched[0][2:] == [0.0, 0.0]
    assert touched[1][3] == pytest.approx(50 * 74 / 95)  # the longs are still there


def test_a_fall_of_open_interest_thins_all_levels():
    above, _ = levels([(100, 100, 100, 1000), (100, 100, 100, 1100), (100, 100, 100, 990)])
    assert above[2] == pytest.approx(0.9 * 40.0)


def test_what_was_liquidated_is_not_taken_off_twice():
    _, below = levels(
        [(100, 100, 100, 1000), (100, 100, 100, 1100), (102.05, 100, 100, 1050)]
    )  # the 50 coins of shorts that left open interest were those touched
    assert below[2] == pytest.approx(50 * 74 / 95)


def test_levels_decay_by_keep_per_bar():
    above, _ = levels(
        [(100, 100, 100, 1000), (100, 100, 100, 1100), (100, 100, 100, 1100)], keep_per_bar=0.5
    )
    assert above[1:] == pytest.approx([40.0, 20.0])


def test_a_hole_in_open_interest_opens_nothing():
    above, _ = levels([(100, 100, 100, 1000), (100, 100, 100, np.nan), (100, 100, 100, 2000)])
    assert above[2] == 0.0


COUNT = 24 * 40
RULES = {"lookback_days": 14.0}


def market(
    close: np.ndarray, oi: np.ndarray | None, *, reports: pd.DataFrame | None = None
) -> Market:
    """Hourly bars that reach from one close to the next."""
    hours = pd.DatetimeIndex([START + i * HOUR for i in range(len(close))]).as_unit("ns")
    before = np.concatenate([close[:1], close[:-1]])
    perp = pd.DataFrame({"time": hours, "available": hours + HOUR, "volume": 1.0})
    perp = perp.assign(open=before, close=close)
    perp = perp.assign(high=np.maximum(before, close), low=np.minimum(before, close))
    tables = {"perp": perp}
    if oi is not None:
        stamp = hours + HOUR
        tables["open_interest"] = pd.DataFrame(
            {"time": stamp, "open_interest": oi, "available": stamp}
        )
    if reports is not None:
        tables["liquidations"] = reports
    return Market("COIN", bar=HOUR, tables=tables)


def restless() -> tuple[np.ndarray, np.ndarray]:
    """A price that moves by 1 % a day up and down, and open interest that moves by 1 %."""
    wave = np.sin(np.arange(COUNT) * 2 * np.pi / 48)
    return 100 + 0.5 * wave, 1000 + 5 * wave


def events(made: Market, *phases: str, **params: float) -> list[tuple[int, str]]:
    found = Liquidations(**RULES | params).detect(made).select(*phases).table
    bars = made.index.get_indexer(pd.DatetimeIndex(found["time"])).tolist()
    return list(zip(bars, found["phase"], strict=True))


FLUSHES = ("short_flush", "long_flush")


def test_open_interest_that_falls_in_a_fast_rise_is_a_flush_of_shorts():
    close, oi = restless()
    assert events(market(close, oi), *FLUSHES) == []
    for sign, phase in ((1, "short_flush"), (-1, "long_flush")):
        moved, fell = close.copy(), oi.copy()
        moved[700:] += sign * 5.0
        fell[700:] *= 0.9
        assert events(market(moved, fell), *FLUSHES) == [(700, phase)]
        assert events(market(moved, oi), *FLUSHES) == []  # nobody closed
        assert events(market(close, fell), *FLUSHES) == []  # nobody was forced


def reported(longs: float, shorts: float, *, lag_hours: float = 24.0) -> pd.DataFrame:
    """Forty days of 10 coins of each side, but for the thirtieth, 30 January."""
    days = pd.DatetimeIndex([START + i * DAY for i in range(40)]).as_unit("ns")
    table = pd.DataFrame({"time": days, "long_coins": 10.0, "short_coins": 10.0})
    table.loc[29, ["long_coins", "short_coins"]] = [longs, shorts]
    return table.assign(available=days + DAY + lag_hours * HOUR)


def test_a_reported_spike_is_known_once_published():
    for close, oi in (restless(), (restless()[0], None)):
        made = market(close, oi, reports=reported(200.0, 20.0))
        # the day ends at 30 × 24 h and is published a day later
        assert events(made, *FLUSHES) == [(31 * 24 - 1, "long_flush")]
        found = Liquidations(**RULES).detect(made).select(*FLUSHES).table
        assert found["seen_in"].tolist() == ["liquidations"]
        assert found["strength"].tolist() == pytest.approx([20.0])
        made = market(close, oi, reports=reported(20.0, 200.0))
        assert events(made, *FLUSHES) == [(31 * 24 - 1, "short_flush")]


def test_a_report_of_both_sides_alike_is_no_flush():
    close, oi = restless()
    assert events(market(close, oi, reports=reported(200.0, 150.0)), *FLUSHES) == []


def test_a_report_of_what_open_interest_has_shown_is_not_told_again():
    close, oi = restless()
    close[29 * 24 + 10 :] -= 5.0
    oi[29 * 24 + 10 :] *= 0.9
    made = market(close, oi, reports=reported(200.0, 20.0))
    assert events(made, *FLUSHES) == [(29 * 24 + 10, "long_flush")]


def test_either_stream_is_enough_for_a_flush():
    close, _ = restless()
    found = Liquidations(**RULES).detect(market(close, None, reports=reported(200.0, 20.0)))
    assert found.table["phase"].tolist() == ["long_flush"]
    lacks = ("open_interest",)
    assert found.missing == {("COIN", "fuel_above"): lacks, ("COIN", "fuel_below"): lacks}
    found = Liquidations(**RULES).detect(market(close, None))
    assert found.missing["COIN", "short_flush"] == ("liquidations|open_interest",)


def test_shorts_that_open_below_the_price_to_come_are_fuel_above():
    # 300 coins are opened while the price falls by 8 %: most of them shorts, none touched since
    close, oi = restless()
    close[700:] -= 8.0 * np.clip((np.arange(COUNT)[700:] - 700) / 48, 0, 1)
    oi[700:] += 300.0 * np.clip((np.arange(COUNT)[700:] - 700) / 48, 0, 1)
    found = events(market(close, oi), "fuel_above", "fuel_below", tilt=1.0)
    assert [phase for _, phase in found] == ["fuel_above"]
    assert 700 < found[0][0] < 760
