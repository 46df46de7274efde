"""The audit: every planted defect is found, counted and placed; a clean market has none."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fadefollow.market.audit.audit import audit
from fadefollow.market.datasets.dataset import Dataset
from fadefollow.market.findings import Finding, merged
from fadefollow.market.panel import Market

HOUR = pd.Timedelta(hours=1)
START = pd.Timestamp("2024-01-01", tz="UTC")
N = 1000


def bars(wave: float = 0.01) -> pd.DataFrame:
    """Hourly bars that move by about 1 % up and down, with volume."""
    close = 100.0 * np.exp(wave * np.sin(np.arange(N) * 1.3))
    open_ = np.append(close[0], close[:-1])
    times = pd.date_range(START, periods=N, freq="h").as_unit("ns")
    frame = pd.DataFrame({"time": times, "open": open_})
    frame["high"] = np.maximum(open_, close) * 1.001
    frame["low"] = np.minimum(open_, close) * 0.999
    frame["close"], frame["volume"], frame["available"] = close, 5.0, times + HOUR
    return frame


def funding() -> pd.DataFrame:
    times = pd.date_range(START, periods=N // 8 + 1, freq="8h").as_unit("ns")
    rate = 1e-4 + 1e-5 * np.sin(np.arange(len(times)))
    return pd.DataFrame({"time": times, "rate": rate, "interval_hours": 8.0, "available": times})


def found(rule: str, **tables: Any) -> Finding:
    (finding,) = [f for f in audited(**tables).findings if f.rule == rule]
    return finding


def found_in(stream: str, rule: str, **tables: Any) -> Finding:
    findings = audited(**tables).findings
    (finding,) = [f for f in findings if (f.stream, f.rule) == (stream, rule)]
    return finding


def audited(findings: tuple[Finding, ...] = (), **tables: pd.DataFrame):
    market = Market("BTC", bar=HOUR, tables={"perp": bars(), **tables})
    data = Dataset(
        "demo",
        "Demo",
        HOUR,
        simulated=False,
        fingerprint="0",
        markets={"BTC": market},
        findings=findings,
    )
    return audit(data)


def test_a_clean_market_has_no_findings():
    result = audited(spot=bars(), funding=funding())
    assert result.findings == ()
    assert result.worst is None
    assert result.summary() == []
    cover = {c.stream: (c.rows, c.missing) for c in result.coverage}
    assert cover == {"perp": (1000, 0), "spot": (1000, 0), "funding": (126, 0)}


def test_gaps_are_counted_and_placed():
    finding = found("missing bars", spot=bars().drop(index=[10, 11, 40]))
    assert (finding.grade, finding.count, finding.where) == ("note", 3, "2024-01-01 10:00")
    assert finding.text == "3 of 1000 missing in 2 gaps, the longest 2 h"


def test_a_gap_longer_than_a_day_is_a_warning():
    assert found("missing bars", perp=bars().drop(index=range(50, 80))).grade == "warning"


def test_a_missing_settlement_is_a_warning():
    finding = found("missing settlements", funding=funding().drop(index=[3]))
    assert (finding.grade, finding.count, finding.where) == ("warning", 1, "2024-01-02 00:00")


def test_a_shorter_interval_is_a_note_not_a_gap():
    table = funding().iloc[:20]
    extra = table.iloc[[9]].assign(time=table["time"][9] + 4 * HOUR, interval_hours=4.0)
    table = pd.concat([table, extra]).sort_values("time", ignore_index=True)
    table.loc[11, "interval_hours"] = 4.0
    finding = found("interval changes", funding=table)
    assert (finding.grade, finding.count, finding.where) == ("note", 2, "2024-01-04 04:00")
    assert finding.text == "settled every 4, 8 h; changes until 2024-01-04 16:00"
    assert not [f for f in audited(funding=table).findings if f.rule == "missing settlements"]


def test_funding_that_ends_before_the_bars_is_a_warning():
    finding = found("ends early", funding=funding().iloc[:60])
    assert (finding.grade, finding.where) == ("warning", "2024-01-20 16:00")


def test_funding_in_percent_is_an_error():
    table = funding()
    table["rate"] *= 100
    assert found("wrong unit", funding=table).grade == "error"


@pytest.mark.parametrize(
    ("row", "column", "value"),
    [(7, "close", 0.0), (7, "low", 500.0), (7, "close", np.inf), (7, "volume", -1.0)],
)
def test_impossible_values_are_errors(row, column, value):
    table = bars()
    table.loc[row, column] = value
    finding = found("impossible values", spot=table)
    assert (finding.grade, finding.count, finding.where) == ("error", 1, "2024-01-01 07:00")


def test_duplicates_disorder_and_crooked_stamps_are_errors():
    table: Any = bars()
    table.loc[5, "time"] = table.loc[4, "time"]
    assert found("duplicates", spot=table).where == "2024-01-01 04:00"
    table.loc[5, "time"] -= 2 * HOUR
    assert found("unsorted", spot=table).where == "2024-01-01 02:00"
    table.loc[5, "time"] += pd.Timedelta(minutes=9)
    assert found("off the grid", spot=table).count == 1


def test_jitter_of_settlements_is_a_warning():
    table = funding()
    table.loc[4, "time"] += pd.Timedelta(milliseconds=7)  # type: ignore[assignment]
    assert (found("jitter", funding=table).grade, found("jitter", funding=table).count) == (
        "warning",
        1,
    )


def test_stale_rows_are_counted():
    table = bars()
    table.loc[100:104, ["open", "high", "low", "close"]] = 100.0
    finding = found("stale rows", spot=table)
    assert (finding.count, finding.where) == (5, "2024-01-05 04:00")


def test_a_jump_is_a_note_with_its_time_and_size():
    table = bars(wave=0.001)
    table.loc[500:, ["open", "high", "low", "close"]] *= 1.5
    finding = found("jumps", spot=table)
    assert (finding.grade, finding.count, finding.where) == ("note", 1, "2024-01-21 20:00")
    assert finding.text.endswith("+49.9 %")


def test_a_move_across_a_gap_is_no_jump():
    table = bars(wave=0.001)
    table.loc[500:, ["open", "high", "low", "close"]] *= 1.5
    result = audited(spot=table.drop(index=range(490, 500)))
    assert not [f for f in result.findings if f.rule == "jumps"]


def test_a_flash_wick_is_a_note():
    table = bars()
    table.loc[30, "low"] = 0.7 * table.loc[30, ["open", "close"]].min()
    finding = found("wicks", spot=table)
    assert (finding.grade, finding.count, finding.where) == ("note", 1, "2024-01-02 06:00")
    assert finding.text.endswith("−30.0 %")


def wick(high: float) -> pd.DataFrame:
    """Bars of which one prints a high of so many times its body."""
    table = bars()
    table.loc[30, "high"] = high * table.loc[30, ["open", "close"]].max()
    return table


@pytest.mark.parametrize(
    ("others", "grade", "effect"),
    [
        ({}, "warning", ", 1 where neither mark nor spot is known, so that they liquidate;"),
        ({"spot": bars()}, "note", ", 1 not shared by mark or spot, which liquidate nobody"),
        ({"mark": bars()}, "note", ", 1 not shared by mark or spot, which liquidate nobody"),
        ({"spot": wick(2.8)}, "note", ", 1 not shared by mark or spot, which liquidate nobody"),
        ({"spot": wick(2.95)}, "note", ", all shared by mark or spot;"),
        ({"mark": wick(2.95)}, "note", ", all shared by mark or spot;"),
    ],
    ids=["alone", "spot", "mark", "nearly", "spot-too", "mark-too"],
)
def test_a_wick_of_the_perp_is_graded_by_what_it_does_to_trades(others, grade, effect):
    finding = found_in("perp", "wicks", perp=wick(3.0), **others)
    assert (finding.grade, finding.count, finding.where) == (grade, 1, "2024-01-02 06:00")
    assert effect in finding.text
    assert finding.text.endswith("the largest +200.0 %")


def test_perp_far_below_spot_is_a_note_and_staying_there_a_warning():
    perp = bars()
    perp.loc[200, ["close", "low"]] *= 0.761
    finding = found("perp–spot divergence", perp=perp, spot=bars())
    assert (finding.grade, finding.count, finding.where) == ("note", 1, "2024-01-09 08:00")
    assert finding.text.endswith("perp 23.9 % below spot")
    perp.loc[200:229, ["open", "high", "low", "close"]] *= 0.9
    assert found("prices apart", perp=perp, spot=bars()).text.endswith("for 30 h on end")


def daily(count: int, start: str = "2023-06-01", **columns: np.ndarray) -> pd.DataFrame:
    times = pd.date_range(start, periods=count, freq="D", tz="UTC").as_unit("ns")
    return pd.DataFrame({"time": times, **columns, "available": times + 48 * HOUR})


def test_a_reserve_that_jumps_is_a_warning():
    flow = 100.0 * np.sin(np.arange(200) * 2.0)
    flow[150] = -116_178.0
    table = daily(200, netflow_coins=flow, reserve_coins=3e6 + flow.cumsum())
    finding = found("reserve jumps", netflow=table)
    assert (finding.grade, finding.count, finding.where) == ("warning", 1, "2023-10-29 00:00")
    assert "−116,178 coins" in finding.text


def test_a_throttled_feed_is_a_warning():
    coins = np.where(np.arange(600) < 300, 1000.0, 150.0)
    table = daily(600, "2022-06-01", long_coins=coins, short_coins=coins)
    finding = found("level change", liquidations=table)
    assert (finding.grade, finding.where) == ("warning", "2023-03-27 00:00")
    assert "0.15-fold" in finding.text


def test_gaps_between_contracts_are_not_gaps():
    june, september = bars().iloc[:100], bars().iloc[300:400]
    table = pd.concat(
        [june.assign(expiry=START + 200 * HOUR), september.assign(expiry=START + 900 * HOUR)],
        ignore_index=True,
    )
    cover = {c.stream: c for c in audited(future=table).coverage}["future"]
    assert (cover.rows, cover.missing, cover.gaps) == (200, 0, 0)


def test_findings_of_the_import_are_included_and_worst_come_first():
    note = Finding("note", "BTC", "funding", "caveat", 1, "", "Bybit's, not Binance's")
    result = audited((note,), spot=bars().drop(index=range(50, 80)))
    assert [f.grade for f in result.findings] == ["warning", "note"]
    assert result.worst == "warning"
    assert result.summary() == [
        "spot, missing bars: BTC 30. 30 of 1000 missing in 1 gaps, the longest 30 h "
        "(BTC, 2024-01-03 02:00)",
        "funding: Bybit's, not Binance's",
    ]
    assert json.loads(json.dumps(result.to_dict()))["worst"] == "warning"


def test_equal_findings_of_several_files_add_up():
    one = Finding("note", "BTC", "perp", "jitter", 2, "2024-02-01 00:00", "text")
    two = Finding("note", "BTC", "perp", "jitter", 3, "2024-01-01 00:00", "text")
    (both,) = merged([one, two])
    assert (both.count, both.where) == (5, "2024-01-01 00:00")


def test_findings_of_several_contracts_name_them_all():
    one, two = (
        Finding("note", "BTC", "future", "rows after expiry", n, "", "not stored", (name,))
        for n, name in ((2, "230929"), (3, "231229"))
    )
    (both,) = merged([one, two])
    assert (both.count, both.contracts) == (5, ("230929", "231229"))
    assert both.to_dict()["text"] == "future 230929, 231229: not stored"


def test_the_first_is_placed_and_the_largest_is_dated_in_the_text():
    table = bars()
    table.loc[30, "low"] = 0.8 * table.loc[30, ["open", "close"]].min()
    table.loc[60, "low"] = 0.7 * table.loc[60, ["open", "close"]].min()
    wick = found("wicks", spot=table)
    assert (wick.count, wick.where) == (2, "2024-01-02 06:00")
    assert wick.text.endswith("the largest −30.0 % on 2024-01-03 12:00")
    jumpy = bars(wave=0.001)
    jumpy.loc[500:, ["open", "high", "low", "close"]] *= 1.5
    jumpy.loc[700:, ["open", "high", "low", "close"]] *= 2.0
    jump = found("jumps", spot=jumpy)
    assert (jump.count, jump.where) == (2, "2024-01-21 20:00")
    assert jump.text.endswith(" % on 2024-01-30 04:00")
    rates = funding()
    rates.loc[[5, 9], "rate"] = -0.01, -0.02
    extreme = found("extreme rates", funding=rates)
    assert (extreme.count, extreme.where) == (2, "2024-01-02 16:00")
    assert extreme.text.endswith("−200 bps per interval on 2024-01-04 00:00")
    perp = bars()
    perp.loc[100, ["close", "low"]] *= 0.9
    perp.loc[200:229, ["open", "high", "low", "close"]] *= 0.8
    apart = found("perp–spot divergence", perp=perp, spot=bars())
    assert (apart.count, apart.where) == (31, "2024-01-05 04:00")
    assert " below spot on 2024-01-" in apart.text
    assert found("prices apart", perp=perp, spot=bars()).where == "2024-01-09 08:00"
