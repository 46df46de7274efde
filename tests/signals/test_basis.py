"""The 90-day basis, its rules, and its phases, on contracts whose carry is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fadefollow.market import Market
from fadefollow.phases.dated_contracts import constant_maturity_basis, dated_volume, usable_rows
from fadefollow.workspace import find_workspace

Basis = find_workspace().signal("basis")
START = pd.Timestamp("2024-01-01", tz="UTC")
HOUR, DAY = pd.Timedelta(hours=1), pd.Timedelta(days=1)

Values = float | Sequence[float] | np.ndarray


def bars(close: Values, count: int, *, volume: Values = 10.0, bar: pd.Timedelta = HOUR):
    """Bars at one price each."""
    time = pd.DatetimeIndex([START + i * bar for i in range(count)]).as_unit("ns")
    price = np.broadcast_to(np.asarray(close, float), (count,))
    frame = pd.DataFrame({"time": time, "available": time + bar})
    frame = frame.assign(open=price, high=price, low=price, close=price)
    return frame.assign(volume=np.broadcast_to(np.asarray(volume, float), (count,)))


def contract(days: float, yearly: Values, count: int, *, volume: Values = 1.0) -> pd.DataFrame:
    """A contract with `days` to expiry at the first close, spot at 100, and this basis a year."""
    left = days - np.arange(count) / 24
    rows = bars(100 * (1 + np.broadcast_to(yearly, (count,)) * left / 365), count, volume=volume)
    rows.insert(1, "expiry", pd.Series(START + HOUR + days * DAY, rows.index).dt.as_unit("ns"))
    return rows


def market(*contracts: pd.DataFrame, count: int, **tables: pd.DataFrame) -> Market:
    future = pd.concat(contracts).sort_values(["time", "expiry"], ignore_index=True)
    base: Mapping[str, pd.DataFrame] = {"spot": bars(100, count), "perp": bars(100, count)}
    return Market("COIN", bar=HOUR, tables={**base, "future": future, **tables})


def basis(made: Market, **rules: float) -> np.ndarray:
    return constant_maturity_basis(made, usable_rows(made, **{"settle_hours": 0.0, **rules}))


def test_between_two_contracts_the_basis_is_linear_in_days():
    made = market(contract(60, 0.10, 3), contract(150, 0.16, 3), count=3)
    # 10 % at 60 days, 16 % at 150: a third of the way
    assert basis(made)[0] == pytest.approx(0.12)


def test_beyond_the_listed_maturities_the_nearest_stands_alone():
    made = market(contract(100, 0.10, 2), contract(190, 0.16, 2), count=2)
    assert basis(made)[0] == pytest.approx(0.10)
    made = market(contract(20, 0.30, 2), contract(80, 0.12, 2), count=2)
    assert basis(made)[0] == pytest.approx(0.12)


def test_a_lone_contract_far_from_the_maturity_says_nothing():
    assert basis(market(contract(46, 0.2, 2), count=2))[0] == pytest.approx(0.2)
    assert np.isnan(basis(market(contract(44, 0.2, 2), count=2))).all()
    assert basis(market(contract(180, 0.2, 2), count=2))[0] == pytest.approx(0.2)
    assert np.isnan(basis(market(contract(181, 0.2, 2), count=2))[0])


def test_a_contract_is_dropped_near_its_expiry():
    # over two days the near one falls from 8 days left to 6, and explodes
    made = market(contract(8, 1.0, 49), contract(99, 0.1, 49), count=49)
    found = basis(made)
    # (90 − 8) / 91 of the way from 100 % to 10 %
    assert found[0] == pytest.approx(1.0 - 0.9 * 82 / 91)
    assert found[24] == pytest.approx(1.0 - 0.9 * 83 / 91)
    np.testing.assert_allclose(found[25:], 0.1)


def test_rows_after_the_expiry_are_dropped():
    made = market(contract(-3, 0.0, 5), contract(90, 0.1, 5), count=5)
    np.testing.assert_allclose(basis(made)[0], 0.1)


def test_a_record_that_is_repeated_for_twelve_hours_is_stale():
    frozen: Any = contract(60, 0.5, 40)
    frozen.loc[10:, ["open", "high", "low", "close"]] = frozen.loc[10, "close"]
    made = market(frozen, contract(92, 0.1, 40), count=40)
    found = basis(made)
    assert (found[:22] > 0.11).all()  # the last one, of 21:00, is 11 h older than the record
    assert found[22:] == pytest.approx(0.1)


def test_a_contracts_first_day_is_dropped():
    wild = contract(60, 0.1, 40)
    wild.loc[0, ["high", "close"]] = 150.0
    made = market(wild, contract(150, 0.16, 40), count=40)
    found = basis(made, settle_hours=24)
    assert np.isnan(found[:24]).all()
    # 59 days left, and 149
    assert found[24] == pytest.approx(0.10 + 0.06 * 31 / 90)


def test_a_bar_without_spot_has_no_basis():
    spot = bars(100, 5).drop(index=2)
    made = market(contract(90, 0.1, 5), count=5, spot=spot)
    assert np.isnan(basis(made)).tolist() == [False, False, True, False, False]


def test_dated_volume_adds_up_the_contracts():
    made = market(contract(60, 0.1, 3, volume=2.0), contract(150, 0.1, 3, volume=5.0), count=4)
    np.testing.assert_array_equal(dated_volume(made), [7, 7, 7, np.nan])


COUNT = 24 * 30
QUICK = {
    "lookback_days": 14,
    "volume_days": 7,
    "peak_days": 2,
    "floor_pct": 12,
    "quantile": 0.9,
    "persist_hours": 0,
    "peak_slack": 0.04,
    "peak_rise": 0.03,
    "normal_times": 1.6,
}


def carry(yearly: Values, **tables: Any) -> Market:
    """Thirty days of one contract of that carry, so far away that it stays usable."""
    volume = tables.pop("volume", 1.0)
    return market(contract(120, yearly, COUNT, volume=volume), count=COUNT, **tables)


def events(made: Market, **params: float) -> list[tuple[int, str]]:
    found = Basis(**QUICK | params).detect(made).table
    bars = made.index.get_indexer(pd.DatetimeIndex(found["time"])).tolist()
    return list(zip(bars, found["phase"], strict=True))


def step(before: float, after: float, at: int = 480, end: int = COUNT) -> np.ndarray:
    at_all = np.arange(COUNT)
    return np.where((at_all >= at) & (at_all < end), after, before)


def test_rich_carry_is_beyond_quantile_and_floor_on_the_mean_of_a_day():
    # a mean over 24 h rises from 10 % by 0.5 a bar and passes 12 after the fifth
    assert events(carry(step(0.10, 0.22))) == [(484, "rich_carry")]
    assert events(carry(step(0.10, 0.115))) == []
    assert events(carry(step(0.20, 0.20))) == []  # a tie with its own quantile


def test_backwardation_is_below_zero_and_below_the_low_quantile():
    # from 1 % down to −1.4 %: below zero after more than 10 of 24 hours
    assert events(carry(step(0.01, -0.014))) == [(490, "backwardation")]
    assert events(carry(step(0.05, 0.001))) == []


def test_rich_carry_fires_again_only_after_the_cool_down():
    # three spells too short to move the 70 % quantile; the second falls into the cool-down
    yearly = step(0.10, 0.22, 400, 410) + step(0.0, 0.12, 480, 490) + step(0.0, 0.14, 640)
    made = carry(yearly)
    assert [bar for bar, _ in events(made, cooldown_hours=168, quantile=0.7)] == [404, 643]
    assert [bar for bar, _ in events(made, cooldown_hours=48, quantile=0.7)] == [404, 484, 643]


def test_it_must_last_without_a_break():
    # from bar 484 on, and for 60 hours after it
    assert events(carry(step(0.10, 0.22)), persist_hours=60, quantile=0.65) == [(544, "rich_carry")]
    assert events(carry(step(0.10, 0.22, 480, 520)), persist_hours=60, quantile=0.65) == []


def attacked(
    *, dated: float = 3.0, perp: float = 1.0, spot: float = 1.0, oi: float = 1.3
) -> Market:
    """Rich carry at bar 480; volumes in usual sizes and OI change at 500."""
    time = pd.DatetimeIndex([START + (i + 1) * HOUR for i in range(COUNT)]).as_unit("ns")
    held = pd.DataFrame({"time": time, "open_interest": step(100.0, 100 * oi, 500)})
    return carry(
        step(0.10, 0.22),
        volume=step(1.0, dated, 500),
        perp=bars(100, COUNT, volume=10 * step(1.0, perp, 500)),
        spot=bars(100, COUNT, volume=10 * step(1.0, spot, 500)),
        open_interest=held.assign(available=time),
    )


def test_an_attack_is_dated_volume_alone_at_the_peak_of_open_interest():
    # the day's mean volume passes twice the usual with the 13th of 24 hours at three times
    assert events(attacked()) == [(484, "rich_carry"), (512, "carry_attack")]


@pytest.mark.parametrize("way", [{"dated": 1.9}, {"perp": 3.0}, {"spot": 3.0}, {"oi": 0.9}])
def test_no_attack_without_each_of_its_parts(way):
    assert events(attacked(**way)) == [(484, "rich_carry")]


def test_without_volume_of_the_future_only_the_attack_is_missing():
    made = attacked()
    tables = {name: made.table(name) for name in made.streams}
    tables["future"] = tables["future"].drop(columns="volume")
    rest = Market("COIN", bar=HOUR, tables=tables)
    found = Basis(**QUICK).detect(rest)
    assert found.missing == {("COIN", "carry_attack"): ("future.volume",)}
    assert found.table["phase"].tolist() == ["rich_carry"]


def test_everything_also_runs_on_eight_hour_bars():
    made = carry(0.1).table("future")
    eight = pd.Timedelta(hours=8)
    tables = {
        name: table.assign(time=table["available"] - eight)[table["available"].dt.hour % 8 == 0]
        for name, table in {"future": made, "spot": bars(100, COUNT)}.items()
    }
    market_8h = Market("COIN", bar=eight, tables=tables)
    assert Basis(**QUICK).features(market_8h)["basis_pct_per_year"][-1] == pytest.approx(10.0)
