"""The as-of panel: nothing before it was available, nothing after the cut, nothing writable."""

from __future__ import annotations

import functools
import pickle
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fadefollow.errors import DataError, ParameterError
from fadefollow.market.panel import Market
from fadefollow.market.schema import canonical

HOUR = pd.Timedelta(hours=1)
START = pd.Timestamp("2024-01-01", tz="UTC")


def at(hour: float) -> pd.Timestamp:
    return START + hour * HOUR


def perp(hours: list[int]) -> pd.DataFrame:
    close = 100.0 + np.array(hours)
    times = [at(h) for h in hours]
    frame = pd.DataFrame(
        {"time": times, "open": close, "high": close, "low": close, "close": close}
    )
    return canonical(frame, "perp", bar=HOUR, where="test")


def funding(hours: list[float], rates: list[float]) -> pd.DataFrame:
    times = [at(h) for h in hours]
    frame = pd.DataFrame({"time": times, "rate": rates, "interval_hours": 8.0})
    return canonical(frame, "funding", bar=HOUR, where="test")


def netflow(values: list[float]) -> pd.DataFrame:
    times = pd.date_range(START, periods=len(values), freq="D")
    frame = pd.DataFrame({"time": times, "netflow_coins": values, "reserve_coins": 100.0})
    return canonical(frame, "netflow", bar=HOUR, where="test", lag=24 * HOUR)


def test_a_missing_bar_is_a_row_of_nan():
    market = Market("BTC", bar=HOUR, tables={"perp": perp([0, 1, 3])})
    assert len(market) == 4
    np.testing.assert_array_equal(market.column("perp", "close"), [100, 101, np.nan, 103])


def test_a_settlement_is_known_at_the_close_of_the_bar_that_ends_with_it():
    tables = {"perp": perp(list(range(10))), "funding": funding([8], [0.5e-4])}
    rate = Market("BTC", bar=HOUR, tables=tables).column("funding", "rate")
    # the bar that opens at 7 closes at 8, the settlement's own time
    np.testing.assert_array_equal(np.isnan(rate), [True] * 7 + [False] * 3)


def test_netflow_of_a_day_is_unknown_until_a_day_after_its_end():
    tables = {"perp": perp(list(range(60))), "netflow": netflow([7.0, 8.0])}
    flow = Market("BTC", bar=HOUR, tables=tables).column("netflow", "netflow_coins")
    assert np.isnan(flow[:47]).all()
    assert (flow[47:] == 7.0).all()


def test_an_old_record_is_forgotten():
    tables = {"perp": perp(list(range(40))), "funding": funding([2], [1e-4])}
    rate = Market("BTC", bar=HOUR, tables=tables).column("funding", "rate")
    # known for 25 h: from the bar closing at 2 to the bar closing at 27
    np.testing.assert_array_equal(np.flatnonzero(~np.isnan(rate)), np.arange(1, 27))


def test_a_bar_published_late_is_not_shown_at_its_close():
    table: Any = perp([0, 1, 2])
    table.loc[1, "available"] += HOUR
    market = Market("BTC", bar=HOUR, tables={"perp": table})
    np.testing.assert_array_equal(market.column("perp", "close"), [100, np.nan, 102])


def test_columns_and_times_are_read_only():
    market = Market("BTC", bar=HOUR, tables={"perp": perp([0, 1])})
    for array in (market.column("perp", "close"), market.open_time, market.close_time):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = array[1]


def test_tables_handed_out_are_copies():
    market = Market("BTC", bar=HOUR, tables={"perp": perp([0, 1])})
    table = market.table("perp")
    table.loc[:, "close"] = 0.0
    assert market.table("perp")["close"].tolist() == [100, 101]


def test_a_pickled_market_is_equal_and_still_read_only():
    market = Market("BTC", bar=HOUR, tables={"perp": perp([0, 1])})
    market.column("perp", "close")
    again = pickle.loads(pickle.dumps(market))
    np.testing.assert_array_equal(again.column("perp", "close"), [100, 101])
    with pytest.raises(ValueError, match="read-only"):
        again.open_time[0] = again.open_time[1]


def test_until_holds_only_the_past():
    tables = {"perp": perp(list(range(20))), "funding": funding([0, 8, 16], [1e-4] * 3)}
    cut = at(10)
    past = Market("BTC", bar=HOUR, tables=tables).until(cut)
    assert len(past) == 10
    assert (past.index < cut).all()
    assert all((past.table(name)["available"] <= cut).all() for name in past.streams)
    assert past.table("funding")["time"].tolist() == [at(0), at(8)]


def test_until_an_unfinished_bar_leaves_it_out():
    market = Market("BTC", bar=HOUR, tables={"perp": perp([0, 1, 2])})
    assert len(market.until(at(1.9))) == 1


def test_until_before_the_beginning_is_empty_and_stays_empty():
    empty = Market("BTC", bar=HOUR, tables={"perp": perp([0, 1])}).until(at(-5))
    assert len(empty) == 0
    assert empty.streams == ()
    assert len(empty.until(at(1))) == 0
    assert len(empty.frame()) == 0


def test_a_delisting_is_not_known_before_it_happens():
    market = Market(
        "LUNA", bar=HOUR, tables={"perp": perp([0, 1, 2, 3])}, listed=at(0), delisted=at(3)
    )
    assert market.until(at(2)).delisted is None
    assert market.until(at(3)).delisted == at(3)


@settings(max_examples=60, deadline=None)
@given(
    present=st.sets(st.integers(0, 30), min_size=2),
    settled=st.lists(st.integers(0, 30), unique=True, max_size=8),
    cut=st.integers(0, 31),
)
def test_until_equals_a_market_made_of_past_records_only(present, settled, cut):
    hours = sorted(present)
    tables = {"perp": perp(hours), "netflow": netflow([3.0, -4.0])}
    if settled:
        times = sorted(settled)
        tables["funding"] = funding(times, [1e-4 + h * 1e-6 for h in times])
    market = Market("BTC", bar=HOUR, tables=tables)
    past = market.until(at(cut))
    known = {name: t[t["available"] <= at(cut)] for name, t in tables.items()}
    end = min(max(at(cut), market.index[0]), market.index[-1] + HOUR)
    assert all((past.table(name)["available"] <= at(cut)).all() for name in past.streams)
    alone = Market("BTC", bar=HOUR, tables=known, start=market.index[0], end=end)
    pd.testing.assert_frame_equal(past.frame(), alone.frame())
    whole = market.frame().iloc[: len(past)]
    for name in past.frame():
        np.testing.assert_array_equal(past.frame()[name], whole[name])


def test_between_keeps_older_records_known():
    tables = {"perp": perp(list(range(20))), "funding": funding([0], [1e-4])}
    part = Market("BTC", bar=HOUR, tables=tables).between(at(5), at(8))
    assert part.index.tolist() == [at(5), at(6), at(7)]
    np.testing.assert_array_equal(part.column("funding", "rate"), [1e-4] * 3)


def test_windows_of_fewer_than_three_bars_are_refused():
    market = Market("BTC", bar=8 * HOUR, tables={"perp": perp([0, 8, 16])})
    assert market.bars_in(24) == 3
    with pytest.raises(ParameterError, match=r"at least 3 bars; got 16 h on bars of 8 h"):
        market.bars_in(16)


def test_missing_streams_are_named():
    market = Market("BTC", bar=HOUR, tables={"perp": perp([0])})
    assert market.missing("perp", "spot", "funding") == ("spot", "funding")
    with pytest.raises(DataError, match=r"BTC: no stream 'spot' in the market"):
        market.table("spot")


def test_a_stream_that_is_hardly_ever_known_is_missing():
    """Daily open interest is forgotten after 9 of 24 hours, what is of 1970 always was."""
    daily = pd.DataFrame({"time": [at(0), at(24), at(48)], "open_interest": 5.0})
    daily["available"] = daily["time"]
    often = daily.assign(time=[at(0), at(8), at(16)], available=[at(0), at(8), at(16)])
    old = daily.assign(time=daily["time"] - pd.Timedelta(days=19000))
    old["available"] = old["time"]
    tables = {"perp": perp(list(range(72)))}

    def seen(table: pd.DataFrame) -> tuple[float, tuple[str, ...]]:
        market = Market("BTC", bar=HOUR, tables={**tables, "open_interest": table})
        return round(market.known_share("open_interest"), 3), market.missing("open_interest")

    # of the closes from 1:00 on day 1 to 0:00 on day 3: nine of day 1, ten of day 2, the last
    assert seen(daily) == (0.417, ("open_interest",))
    assert seen(daily.iloc[:1].assign(available=at(0.5))) == (1.0, ())
    assert seen(often) == (1.0, ())
    assert seen(old) == (0.0, ("open_interest",))
    assert seen(daily.iloc[:0]) == (0.0, ("open_interest",))


def test_a_need_may_be_an_optional_column_or_one_of_several_streams():
    bars = perp([0]).drop(columns="volume", errors="ignore")
    market = Market("BTC", bar=HOUR, tables={"perp": bars, "spot": bars.assign(volume=1.0)})
    assert market.missing("perp", "perp.volume", "spot.volume") == ("perp.volume",)
    empty = Market("BTC", bar=HOUR, tables={"perp": bars.assign(volume=np.nan)})
    assert empty.missing("perp.volume") == ("perp.volume",)
    # a stream that is missing is named once, with or without a column
    assert market.missing("future", "future.volume") == ("future",)
    assert market.missing("liquidations|spot") == ()
    assert market.missing("liquidations|open_interest") == ("liquidations|open_interest",)


def test_a_market_needs_prices():
    with pytest.raises(DataError, match=r"BTC: a coin needs perp or spot bars"):
        Market("BTC", bar=HOUR, tables={"funding": funding([0], [1e-4])})


def test_of_values_with_parameters_only_the_last_used_are_kept():
    market = Market("BTC", bar=HOUR, tables={"perp": perp([0, 1])})
    made: list[object] = []

    def value(name, parameter):
        def make():
            made.append((name, parameter))
            return 10 * parameter

        return market.memo((name, parameter), make)

    market.memo("plain", lambda: made.append("plain"))
    market.column("perp", "close")
    for parameter in range(1000):
        value("a", parameter)
        assert value("b", 7) == 70
    made.clear()
    assert [value("a", parameter) for parameter in (997, 999)] == [9970, 9990]
    market.memo("plain", lambda: made.append("plain"))
    assert made == []
    assert value("a", 0) == 0
    assert made == [("a", 0)]
    assert len(market._memo) <= 4 + 1 + 1


def test_a_part_of_a_market_remembers_nothing_of_the_whole():
    market = Market("BTC", bar=HOUR, tables={"perp": perp([0, 1, 2])})
    assert market.memo(("bars", 1), lambda: len(market)) == 3
    for part in (market.until(at(2)), market.between(at(0), at(2))):
        assert part.memo(("bars", 1), functools.partial(len, part)) == 2
        assert part.column("perp", "close").tolist() == [100, 101]
    again = pickle.loads(pickle.dumps(market))
    assert again.memo(("bars", 1), lambda: -1) == -1


def test_threads_may_share_a_memo():
    market = Market("BTC", bar=HOUR, tables={"perp": perp([0, 1])})

    def work(number):
        return [
            market.memo(("x", k % 9), functools.partial(int, k % 9))
            for k in range(number, number + 2000)
        ]

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(work, range(16)))
    for number, values in enumerate(found):
        assert values == [k % 9 for k in range(number, number + 2000)]
    assert len(market._memo) <= 4


def test_a_value_for_each_record_is_asked_for():
    tables = {"perp": perp(list(range(60))), "netflow": netflow([7.0, 8.0])}
    market = Market("BTC", bar=HOUR, tables=tables)
    assert len(market.table("netflow")) == 1  # the second day is not yet published
    with pytest.raises(DataError, match="one value a record of netflow; got 3 values for 1"):
        market.as_of("netflow", np.ones(3))
