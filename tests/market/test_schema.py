"""Schemas: what becomes a canonical table, and every ugly input that is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fadefollow.errors import DataError, ParameterError
from fadefollow.market.bars import bar_size, bar_text
from fadefollow.market.schema import canonical, check

HOUR = pd.Timedelta(hours=1)


def bars(frame, **changes):
    return canonical(frame, "perp", bar=HOUR, where="BTC.csv", **changes)


def test_bars_are_available_at_their_close(raw_bars):
    table = bars(raw_bars(2))
    assert list(table.columns) == ["time", "open", "high", "low", "close", "volume", "available"]
    assert table["time"].dtype == table["available"].dtype == "datetime64[ns, UTC]"
    assert table["available"].tolist() == [
        pd.Timestamp("2024-01-01 01:00Z"),
        pd.Timestamp("2024-01-01 02:00Z"),
    ]


def test_the_frame_given_is_not_changed(raw_bars):
    frame = raw_bars(3)
    before = frame.copy()
    table = bars(frame)
    table.loc[:, "close"] = 0.0
    pd.testing.assert_frame_equal(frame, before)


def test_daily_records_are_available_after_the_day_and_the_lag():
    frame = pd.DataFrame(
        {
            "time": pd.to_datetime(["2024-01-01"], utc=True),
            "netflow_coins": [-5.0],
            "reserve_coins": [100.0],
        }
    )
    lag = pd.Timedelta(hours=24)
    table = canonical(frame, "netflow", bar=HOUR, where="x", lag=lag)
    assert table["available"][0] == pd.Timestamp("2024-01-03 00:00Z")


def test_settlements_are_available_at_once(raw_funding):
    table = canonical(raw_funding(1), "funding", bar=HOUR, where="x")
    assert table["available"][0] == table["time"][0] == pd.Timestamp("2024-01-01 00:00Z")


def test_milliseconds_of_jitter_are_rounded_and_counted(raw_funding):
    frame = raw_funding(3)
    frame.loc[1, "time"] += pd.Timedelta(milliseconds=7)
    checked = check(frame, "funding", bar=HOUR, where="x")
    assert checked.table["time"][1] == pd.Timestamp("2024-01-01 08:00Z")
    (found,) = checked.findings
    assert (found.rule, found.count, found.where) == ("jitter", 1, "2024-01-01 08:00")
    assert "7 ms" in found.text


def test_jitter_of_many_seconds_is_refused(raw_funding):
    frame = raw_funding(3)
    frame.loc[1, "time"] += pd.Timedelta(seconds=20)
    with pytest.raises(DataError, match=r"x, row 2, column time: funding must be .* whole minute"):
        canonical(frame, "funding", bar=HOUR, where="x")


def test_contracts_listed_one_after_the_other_are_sorted_by_time(raw_bars):
    june, march = raw_bars(2), raw_bars(2)
    june["expiry"] = pd.Timestamp("2024-06-28 08:00Z")
    march["expiry"] = pd.Timestamp("2024-03-29 08:00Z")
    table = canonical(pd.concat([june, march], ignore_index=True), "future", bar=HOUR, where="x")
    assert table["time"].dt.hour.tolist() == [0, 0, 1, 1]
    assert table["expiry"].dt.month.tolist() == [3, 6, 3, 6]


def test_mark_may_have_closes_only(raw_bars):
    table = canonical(raw_bars(2)[["time", "close"]], "mark", bar=HOUR, where="x")
    assert list(table.columns) == ["time", "close", "available"]


def test_an_empty_table_is_refused(raw_bars):
    with pytest.raises(DataError, match=r"BTC.csv: the table has no rows"):
        bars(raw_bars(0))


def test_a_missing_column_is_named(raw_bars):
    with pytest.raises(DataError, match=r"perp needs the columns high, low; got columns time, o"):
        bars(raw_bars().drop(columns=["high", "low"]))


def test_a_strange_column_is_named_with_the_nearest(raw_bars):
    with pytest.raises(DataError, match=r"got volumes\n  hint: did you mean 'volume'"):
        bars(raw_bars().rename(columns={"volume": "volumes"}))


def test_text_in_a_number_column_is_shown_with_its_row(raw_bars):
    frame = raw_bars().astype({"close": object})
    frame.loc[3, "close"] = "n.a."
    with pytest.raises(DataError, match=r"BTC.csv, row 4, column close: .* number .* 'n.a.'"):
        bars(frame)


def test_row_numbers_follow_the_frames_own_index(raw_bars):
    frame = raw_bars()
    frame.loc[4, "low"] = -1.0
    with pytest.raises(DataError, match=r"row 5, column low: low must be above zero"):
        bars(frame.iloc[2:])


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("open", 0.0, r"row 3, column open: open must be above zero \(USDT\); got 0 at 2024"),
        ("close", -5.0, r"column close: close must be above zero .* got -5"),
        ("close", np.inf, r"column close: close must be finite .* got inf"),
        ("open", np.nan, r"row 3, column open: open must have a value"),
        ("high", 90.0, r"row 3, column high: high must be at least low; got high 90, low 99"),
        ("close", 104.5, r"row 3, column close: close must lie between low and high"),
        ("open", 98.0, r"row 3, column open: open must lie between low and high"),
        ("volume", -1.0, r"column volume: volume must be at least 0"),
    ],
)
def test_impossible_values_are_refused(raw_bars, column, value, message):
    frame = raw_bars()
    frame.loc[2, column] = value
    with pytest.raises(DataError, match=message):
        bars(frame)


def test_several_bad_rows_are_counted(raw_bars):
    frame = raw_bars()
    frame.loc[[1, 2, 4], "close"] = 0.0
    with pytest.raises(DataError, match=r"row 2.*\(and 2 more rows\)"):
        bars(frame)


def test_high_may_miss_the_close_by_rounding(raw_bars):
    frame = raw_bars()
    frame.loc[2, "high"] = frame.loc[2, "close"] * (1 - 1e-12)
    assert len(bars(frame)) == 6


@pytest.mark.parametrize(
    ("factor", "message"),
    [(100, "it looks like percent"), (10_000, r"rate must be at most 0.1 .*\n.*basis points")],
)
def test_funding_in_another_unit_is_refused(raw_funding, factor, message):
    with pytest.raises(DataError, match=message):
        canonical(raw_funding(9, rate=1e-4 * factor), "funding", bar=HOUR, where="x")


def test_small_percentages_are_still_noticed(raw_funding):
    with pytest.raises(DataError, match=r"plausible fraction, at most 0.003; got 0.006"):
        canonical(raw_funding(9, rate=0.006), "funding", bar=HOUR, where="x")


def test_extreme_settlements_among_normal_ones_are_real(raw_funding):
    frame = raw_funding(9)
    frame.loc[4, "rate"] = -0.02
    assert canonical(frame, "funding", bar=HOUR, where="x")["rate"].min() == -0.02


def test_unsorted_times_are_refused(raw_bars):
    frame = raw_bars().iloc[[0, 2, 1, 3]].reset_index(drop=True)
    with pytest.raises(DataError, match=r"row 3, column time: times must ascend"):
        bars(frame)


def test_duplicates_are_refused(raw_bars):
    frame = raw_bars().iloc[[0, 1, 1, 2]].reset_index(drop=True)
    with pytest.raises(DataError, match=r"row 3, column time: times must not repeat; got 2024-01"):
        bars(frame)


def test_naive_times_are_refused_unless_a_zone_is_declared(raw_bars):
    frame = raw_bars()
    frame["time"] = frame["time"].dt.tz_localize(None)
    with pytest.raises(DataError, match=r"times must carry a time zone"):
        bars(frame)
    assert bars(frame, timezone="UTC")["time"][0] == pd.Timestamp("2024-01-01 00:00Z")
    tokyo = bars(frame, timezone="Asia/Tokyo")
    assert tokyo["time"][0] == pd.Timestamp("2023-12-31 15:00Z")


def test_times_of_another_zone_are_the_same_instants(raw_bars):
    frame = raw_bars()
    frame["time"] = frame["time"].dt.tz_convert("America/New_York")
    assert bars(frame)["time"][0] == pd.Timestamp("2024-01-01 00:00Z")
    assert bars(frame, timezone="Asia/Tokyo")["time"][0] == pd.Timestamp("2024-01-01 00:00Z")


def test_an_hour_that_exists_twice_is_refused(raw_bars):
    frame = raw_bars(6, start="2024-11-03")
    frame["time"] = frame["time"].dt.tz_localize(None)
    with pytest.raises(DataError, match=r"times must exist once in the time zone America/New_"):
        bars(frame, timezone="America/New_York")


def test_an_unknown_zone_is_refused(raw_bars):
    frame = raw_bars()
    frame["time"] = frame["time"].dt.tz_localize(None)
    with pytest.raises(DataError, match=r"no such time zone; got 'Mars/Olympus'"):
        bars(frame, timezone="Mars/Olympus")


def test_stamps_that_are_no_times_are_refused(raw_bars):
    frame = raw_bars().astype({"time": str})
    with pytest.raises(DataError, match=r"times must be time stamps; got '2024-01-01"):
        bars(frame)


def test_bars_off_the_grid_are_refused(raw_bars):
    frame = raw_bars()
    frame["time"] += pd.Timedelta(minutes=30)
    with pytest.raises(DataError, match=r"start on multiples of 1h, UTC; got 2024-01-01 00:30"):
        bars(frame)


def test_a_record_known_before_its_end_is_refused(raw_bars):
    frame = raw_bars(2)
    frame["available"] = frame["time"]
    with pytest.raises(DataError, match=r"not be available before its own end"):
        bars(frame)


def test_a_later_time_of_knowledge_is_kept(raw_bars):
    frame = raw_bars(2)
    frame["available"] = frame["time"] + 3 * HOUR
    assert bars(frame)["available"][0] == pd.Timestamp("2024-01-01 03:00Z")


@pytest.mark.parametrize(("text", "minutes"), [("5min", 5), ("1h", 60), ("8h", 480), ("1d", 1440)])
def test_bar_sizes_are_read_and_written(text, minutes):
    assert bar_size(text) == pd.Timedelta(minutes=minutes)
    assert bar_text(pd.Timedelta(minutes=minutes)) == text


@pytest.mark.parametrize("text", ["", "1", "7h", "0h", "-1h", "1w", "h1", "5 h", "1h; rm", "48h"])
def test_odd_bar_sizes_are_refused(text):
    with pytest.raises(ParameterError, match="a bar must divide a day"):
        bar_size(text)


def test_what_takers_bought_is_a_part_of_the_volume(raw_bars):
    table = bars(raw_bars(3).assign(taker_buy_volume=[10.0, None, 0.0]))  # volume is 10
    assert table["taker_buy_volume"].isna().tolist() == [False, True, False]
    with pytest.raises(DataError, match=r"at most volume; got 10.5 of 10 at 2024-01-01 01:00"):
        bars(raw_bars(2).assign(taker_buy_volume=[0.0, 10.5]))
    with pytest.raises(DataError, match="taker_buy_volume must be at least 0"):
        bars(raw_bars(2).assign(taker_buy_volume=[0.0, -1.0]))
    with pytest.raises(DataError, match="taker_buy_volume needs volume"):
        bars(raw_bars(2).assign(taker_buy_volume=1.0).drop(columns="volume"))
