"""From a market to the arrays of its listed contracts, in days; contract A expires on day 10."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from fadefollow.engine.kernels.dated import dated_arrays
from fadefollow.engine.model import Costs, DatedBarArrays, Rules
from fadefollow.engine.plans.bar_arrays import bar_arrays, calendar
from fadefollow.engine.resolver import resolve
from fadefollow.market import Market
from tests.support.engine_cases import make_events

DAY = pd.Timedelta(days=1)
START = pd.Timestamp("2024-01-01", tz="UTC")
FREE = Costs(fee=0.0, slippage=0.0, maintenance=0.0)
RULES = Rules(hold_hours=24 * 12, opposite=False)
LONG = make_events([(1, +1)])
DAYS = range(25)

Listing = tuple[Iterable[int], float, float]  #: days with bars, price on day 0, day of expiry
A: Listing = (range(0, 11), 200.0, 10)
B: Listing = (range(5, 21), 300.0, 20)


def bars(days: Iterable[int], price: float) -> pd.DataFrame:
    """Bars that open a unit higher each day."""
    number = np.array(list(days))
    time = START + pd.to_timedelta(number, unit="D").astype("timedelta64[ns]")
    table = pd.DataFrame({"time": time, "open": price + number})
    table = table.assign(high=table["open"] + 2, low=table["open"] - 2, close=table["open"] + 1)
    return table.assign(volume=10.0, available=table["time"] + DAY)


def listed(*contracts: Listing) -> pd.DataFrame:
    """The canonical table of these contracts."""
    parts = []
    for days, price, expiry in contracts:
        table = bars(days, price)
        table.insert(1, "expiry", START + pd.Timedelta(days=expiry))
        parts.append(table)
    return pd.concat(parts).sort_values(["time", "expiry"], ignore_index=True)


def build(
    tables: dict[str, pd.DataFrame],
    *,
    span: tuple[int, int] = (0, 25),
    carry: bool = False,
    min_days_left: float = 3.0,
    leave_days: float = 1.0,
) -> DatedBarArrays:
    market = Market("COIN", bar=DAY, tables=tables)
    time = calendar([(START, START + len(DAYS) * DAY)], DAY)
    start, end = START + span[0] * DAY, START + span[1] * DAY
    return dated_arrays(
        market,
        bar_arrays(market, time=time, start=start, end=end),
        carry=carry,
        min_days_left=min_days_left,
        leave_days=leave_days,
        start=start,
        end=end,
    )


def make(*contracts: Listing, **settings: object) -> DatedBarArrays:
    """With a perp on all days."""
    tables = {"future": listed(*contracts), "perp": bars(DAYS, 100.0)}
    return build(tables, **settings)  # type: ignore[arg-type]


def present(prices: np.ndarray) -> list[int]:
    return np.flatnonzero(~np.isnan(prices)).tolist()


def spans(made: DatedBarArrays, rules: Rules = RULES) -> list[tuple[int, int, int, str]]:
    """(series, entry bar, exit bar, reason) of the legs of a long that enters on day 2."""
    legs = resolve(made, LONG, rules=rules, costs=FREE).legs
    assert legs is not None
    names = ["series", "entry_bar", "exit_bar", "reason"]
    return sorted(legs[names].itertuples(index=False, name=None))


def test_contracts_are_in_order_of_expiry_with_their_own_prices() -> None:
    made = make(B, A)
    assert made.series == made.contracts == ("future:240111", "future:240121")
    assert present(made.dated_open[0]) == list(range(0, 11))
    assert present(made.dated_close[1]) == list(range(5, 21))
    prices = (made.dated_open, made.dated_high, made.dated_low, made.dated_close)
    assert [table[1, 7] for table in prices] == [307.0, 309.0, 305.0, 308.0]


def test_nearest_is_the_first_contract_with_enough_days_left() -> None:
    # three days before day 10 is the open of day 7, before day 20 that of day 17
    assert make(A, B).nearest.tolist() == [0] * 8 + [1] * 10 + [-1] * 7


@pytest.mark.parametrize(("days", "last"), [(3.0, 7), (3.5, 6), (4.0, 6), (9.0, 1)])
def test_min_days_left_counts_from_the_open(days: float, last: int) -> None:
    nearest = make(A, min_days_left=days).nearest
    assert np.flatnonzero(nearest == 0).tolist() == list(range(last + 1))


@pytest.mark.parametrize(("days", "leave"), [(1.0, 9), (1.5, 9), (2.0, 8), (2.5, 8), (0.0, 10)])
def test_leave_is_the_first_open_with_no_more_than_leave_days(days: float, leave: int) -> None:
    made = make(A, B, leave_days=days)
    assert made.leave.tolist() == [leave, leave + 10]
    assert spans(made) == [(0, 2, leave, "roll"), (1, leave, 14, "time")]


def test_an_expiry_inside_a_bar_counts_to_the_hour() -> None:
    # 08:00 on day 10: the open of day 9 has 1 day and 8 hours left, that of day 7 has 3 and 8
    inside = (range(0, 11), 200.0, 10 + 8 / 24)
    made = make(inside, B, min_days_left=3.25, leave_days=1.25)
    assert made.leave[0] == 10
    assert np.flatnonzero(made.nearest == 0).tolist() == list(range(8))


def test_a_contract_is_not_entered_before_it_is_listed() -> None:
    made = make((range(4, 11), 200.0, 10))
    assert np.flatnonzero(made.nearest == 0).tolist() == [4, 5, 6, 7]


def test_a_contract_that_has_ended_early_is_left_at_its_last_bar_if_others_trade_on() -> None:
    made = make((range(0, 7), 200.0, 10), B)
    assert made.leave[0] == 6
    assert spans(made) == [(0, 2, 6, "roll"), (1, 6, 14, "time")]


def test_a_contract_that_has_ended_early_and_alone_is_held_to_its_last_close() -> None:
    made = make((range(0, 7), 200.0, 10))
    assert made.leave[0] > 6
    assert spans(made) == [(0, 2, 6, "end")]


def test_rows_after_the_expiry_are_not_traded() -> None:
    made = make((range(0, 20), 200.0, 10))
    assert made.nearest[10:].tolist() == [-1] * 15
    assert spans(made) == [(0, 2, 9, "expiry")]


def test_what_lies_outside_the_span_is_left_out() -> None:
    made = make(A, B, span=(2, 12))
    assert present(made.dated_open[0]) == list(range(2, 11))
    assert present(made.dated_close[1]) == list(range(5, 12))


def test_a_missing_perp_bar_inside_the_span_is_not_the_contract_s() -> None:
    perp = bars([day for day in DAYS if day != 4], 100.0)
    made = build({"future": listed(A), "perp": perp})
    assert present(made.dated_open[0]) == list(range(0, 11))


@pytest.mark.parametrize("column", ["open", "high", "low", "close"])
def test_a_row_that_lacks_one_price_is_missing(column: str) -> None:
    table = listed(A)
    table.loc[3, column] = np.nan
    made = build({"future": table, "perp": bars(DAYS, 100.0)})
    whole = [day for day in range(0, 11) if day != 3]
    for prices in (made.dated_open, made.dated_high, made.dated_low, made.dated_close):
        assert present(prices[0]) == whole


# ---------------------------------------------------------------------------- carry


def test_a_contract_is_liquidated_by_what_spot_and_its_own_closes_support() -> None:
    # on day 2 the contract opens at 202 and closes at 203, the day before at 202; spot is near 100
    future = listed(A)
    future.loc[2, ["high", "low"]] = 500.0, 10.0
    perp = bars(DAYS, 100.0)
    made = build({"future": future, "perp": perp, "spot": bars([2], 100.0)})
    assert made.dated_liq_high is not None
    assert made.dated_liq_low is not None
    # spot on day 2: high 104, low 100; its own basis is real
    assert made.dated_liq_high[0, 2] == pytest.approx(1.03 * 203)
    assert made.dated_liq_low[0, 2] == pytest.approx(0.97 * 100)
    # where neither mark nor spot is known: its own
    made = build({"future": future, "perp": perp})
    assert made.dated_liq_high is not None
    assert made.dated_liq_low is not None
    assert (made.dated_liq_high[0, 2], made.dated_liq_low[0, 2]) == (500.0, 10.0)


def with_spot(days: Sequence[int], **settings: object) -> DatedBarArrays:
    tables = {"future": listed(A, B), "perp": bars(DAYS, 100.0), "spot": bars(days, 50.0)}
    return build(tables, carry=True, **settings)  # type: ignore[arg-type]


def test_carry_has_spot_as_its_last_series() -> None:
    made = with_spot(DAYS)
    assert made.series == ("future:240111", "future:240121", "spot")
    assert made.spot_open[7] == 57.0
    assert made.spot_close[7] == 58.0
    assert made.series_close(2)[7] == 58.0


@pytest.mark.parametrize("column", ["open", "close"])
def test_a_spot_bar_that_lacks_its_open_or_close_is_missing(column: str) -> None:
    spot = bars(DAYS, 50.0)
    spot.loc[3, column] = np.nan
    tables = {"future": listed(A), "perp": bars(DAYS, 100.0), "spot": spot}
    made = build(tables, carry=True)
    assert present(made.spot_open) == present(made.spot_close) == [d for d in DAYS if d != 3]


def test_a_missing_spot_bar_is_not_the_contract_s() -> None:
    made = with_spot([day for day in DAYS if day not in (4, 5)])
    assert present(made.spot_open) == [day for day in DAYS if day not in (4, 5)]
    assert present(made.dated_open[0]) == list(range(0, 11))
    assert np.flatnonzero(made.nearest == 0).tolist() == list(range(8))


def test_spot_outside_the_span_is_left_out() -> None:
    assert present(with_spot(DAYS, span=(2, 12)).spot_close) == list(range(2, 12))


def test_without_a_perp_the_coin_itself_is_spot() -> None:
    tables = {"future": listed(A, B), "spot": bars(DAYS, 50.0)}
    made = build(tables, carry=True)
    np.testing.assert_array_equal(made.open, 50.0 + np.arange(25))
    np.testing.assert_array_equal(made.close, 51.0 + np.arange(25))


def test_without_a_perp_the_span_still_holds() -> None:
    tables = {"future": listed(A, B), "spot": bars(DAYS, 50.0)}
    made = build(tables, carry=True, span=(2, 12))
    assert present(made.spot_open) == list(range(2, 12))
    assert present(made.dated_open[0]) == list(range(2, 11))


def test_a_carry_of_a_market_rolls_with_spot_held() -> None:
    # in on day 2 at 202 and 52; rolled on day 9 from 209 to 309; out on day 14 at 314 and 64
    made = with_spot(DAYS)
    rules = replace(RULES, capital=20_200.0)
    assert spans(made, rules) == [
        (0, 2, 9, "roll"),
        (1, 9, 14, "time"),
        (2, 2, 14, "time"),
    ]
    legs = resolve(made, LONG, rules=rules, costs=FREE).legs
    assert legs is not None
    pnl = legs.set_index("series")["pnl"]
    assert pnl.to_dict() == pytest.approx({0: 700.0, 1: 500.0, 2: -1200.0})
