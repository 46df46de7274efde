"""From a market to bar arrays: what is missing, which mark, which holes."""

from __future__ import annotations

import numpy as np

from fadefollow.engine.plans.bar_arrays import calendar
from tests.support.market_tables import HOUR, START, bars, funding, make


def test_calendar_is_the_union_of_the_spans() -> None:
    spans = [(START + HOUR, START + 3 * HOUR), (START, START + 2 * HOUR)]
    assert calendar(spans, HOUR).tolist() == [START.value + i * HOUR.value for i in range(3)]


def test_missing_bars_and_what_lies_outside_the_span_are_nan() -> None:
    perp = bars([100.0, 101.0, 103.0, 104.0, 105.0], [0, 1, 3, 4, 5])
    made = make({"perp": perp}, start=1, end=5)
    np.testing.assert_array_equal(made.open, [np.nan, 101, np.nan, 103, 104, np.nan])
    np.testing.assert_array_equal(made.close, [np.nan, 102, np.nan, 104, 105, np.nan])


def test_a_bar_that_lacks_one_price_is_missing() -> None:
    perp = bars([100.0, 101.0, 102.0], [0, 1, 2])
    perp.loc[1, "high"] = np.nan
    made = make({"perp": perp})
    assert np.isnan([made.open[1], made.high[1], made.low[1], made.close[1]]).all()


def test_liquidation_is_tested_on_the_mark_where_it_has_highs_and_lows() -> None:
    perp = bars([100.0, 101.0], [0, 1])
    mark = bars([90.0, 91.0], [0, 1])
    mark.loc[1, ["open", "high", "low"]] = np.nan
    made = make({"perp": perp, "mark": mark})
    np.testing.assert_array_equal(made.liq_low[:2], [88, 99])
    # the perp's 103, held to within 3 % of the mark's close of 92
    np.testing.assert_allclose(made.liq_high[:2], [92, 94.76])
    np.testing.assert_array_equal(made.liq_open[:2], [90, 101])


def test_mark_at_a_settlement_is_the_close_of_the_bar_that_closes_at_it() -> None:
    perp = bars([100.0, 101.0, 102.0, 103.0], [0, 1, 2, 3])
    mark = bars([90.0, 91.0], [0, 1])
    settled = funding([1.0, 2.0, 3.0, 3.5], [1.0] * 4)
    made = make({"perp": perp, "mark": mark, "funding": settled})
    # marks close at 91 and 92; no mark closes at 03:00; 03:30 lies inside the bar that opens at 103
    np.testing.assert_array_equal(made.settle_mark, [91, 92, 103, 103])


def test_mark_at_a_settlement_on_a_missing_bar_is_the_last_close() -> None:
    perp = bars([100.0, 103.0], [0, 3])
    made = make({"perp": perp, "funding": funding([2.0], [1.0])})
    np.testing.assert_array_equal(made.settle_mark, [101])


def test_holes_are_gaps_longer_than_the_interval_declared_after_them() -> None:
    perp = bars([100.0] * 6, [0, 1, 2, 3, 4, 5])
    settled = funding([0.0, 1.0, 3.0, 5.0], [1.0, 1.0, 1.0, 2.0])
    made = make({"perp": perp, "funding": settled})
    assert ((made.holes - START.value) / HOUR.value).tolist() == [[1.0, 3.0]]
