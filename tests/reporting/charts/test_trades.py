"""The table of all trades that a report holds: what is in it, what is cut, and how it is packed."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from fadefollow.core.notes import Note
from fadefollow.engine.model import TRADE_COLUMNS
from fadefollow.reporting.charts.trades import Kept, trade_table
from fadefollow.verdict.model import RunResult
from tests.support.html_page import unzipped
from tests.support.reporting_cases import Cases

START = pd.Timestamp("2024-01-01", tz="UTC")


def trade(number: int, gain: float, **changes: Any) -> dict[str, Any]:
    """A trade of six hours, entered `number` days after the start at 100."""
    entry = START + pd.Timedelta(days=number)
    row = dict.fromkeys(TRADE_COLUMNS, 0.0) | {
        "strategy": "s",
        "symbol": "BTC",
        "phase": "crowded",
        "stance": "fade",
        "book": "outright",
        "side": 1,
        "signal_time": entry,
        "entry_time": entry,
        "entry_price": 100.0,
        "exit_time": entry + pd.Timedelta(hours=6),
        "exit_price": 101.0,
        "exit_reason": "time",
        "leg": "perp",
        "trade_id": f"t{number}",
        "size": 10.0,
        "notional": 1000.0,
        "funding": -2.0,
        "return": gain,
        "mae": -0.01,
        "mfe": 0.02,
    }
    return row | changes


def run_of(cases: Cases, *rows: dict[str, Any], **more: Any) -> RunResult:
    return replace(cases.plain, trades=pd.DataFrame(list(rows)), prices={}, notes=(), **more)


def test_columns_are_whole_steps_of_their_units(cases: Cases) -> None:
    one, two = trade(0, 0.0123), trade(1, -0.004, exit_price=math.nan, mae=math.nan)
    told = json.loads(unzipped(trade_table(run_of(cases, one, two), 10).packed()))
    assert told["unit"] == 6 * 3_600_000  # all times are multiples of six hours
    assert told["held"] == [1, 1]
    assert told["entry"][1] == 4  # a day later
    # ln 100 = 4.60517 is 46 052 basis points, ln 101 = 4.61512 is 46 151, 99 more
    assert told["price"] == [46_052, 0]
    assert told["left"] == [99, None]
    assert (told["gain"], told["mae"], told["mfe"]) == ([123, -40], [-100, None], [200, 200])
    assert told["funding"] == [-20, -20]  # −2 of 1 000
    assert told["groups"] == [["s", "crowded", "fade", 0]]
    assert (told["coins"], told["reasons"], told["lone"]) == (["BTC"], ["time"], [])


def test_of_too_many_the_best_the_worst_and_the_latest_are_held(cases: Cases) -> None:
    many = [trade(n, 0.001 * n * (-1) ** n) for n in range(30)]
    few = [trade(n, 0.0, phase="rare", trade_id=f"r{n}") for n in range(3)]
    table = trade_table(run_of(cases, *many, *few), 9)
    # nine places: three for the rare phase, six for the other, two of each kind
    assert table.groups["s", "rare", "fade"] == Kept(4, 7, 3, 2)
    assert table.groups["s", "crowded", "fade"] == Kept(0, 4, 30, 2)
    # gains are 0, −1, +2, … −29: the best are 28 and 26, the worst 29 and 27, the latest 29 and 28
    assert table.rows["trade_id"].tolist()[:4] == ["t26", "t27", "t28", "t29"]
    assert table.left_out == {"BTC": 26}


def test_both_legs_of_a_carry_are_one_row(cases: Cases) -> None:
    legs = [
        trade(0, 0.0, leg=leg, trade_id="c", pnl=pnl, notional=1000.0)
        for leg, pnl in (("spot", -4.0), ("future", 10.0))
    ]
    table = trade_table(run_of(cases, *legs), 10)
    assert table.rows["leg"].tolist() == ["future"]
    assert table.rows["return"].tolist() == [pytest.approx(0.006)]  # (10 − 4) / 1 000
    assert table.left_out == {}


def test_a_future_that_is_rolled_is_left_with_its_last_leg(cases: Cases) -> None:
    later = START + pd.Timedelta(days=9)
    legs = [
        trade(0, 0.0, leg="spot", trade_id="c", pnl=1.0, exit_time=later),
        trade(0, 0.0, leg="future:240126", trade_id="c", pnl=2.0, exit_reason="roll"),
        trade(1, 0.0, leg="future:240329", trade_id="c", pnl=3.0, exit_time=later),
    ]
    (row,) = trade_table(run_of(cases, *legs), 10).rows.to_dict("records")
    assert (row["entry_time"], row["exit_time"]) == (START, later)
    assert (row["exit_reason"], row["pnl"]) == ("time", 6.0)


def test_what_the_data_cut_off_is_listed(cases: Cases) -> None:
    table = trade_table(run_of(cases, trade(0, 0.0), trade(1, 0.0, exit_reason="end")), 10)
    assert table.reasons == ("end", "time")


def test_exits_by_a_lone_print_are_marked(cases: Cases) -> None:
    note = Note(
        "lone-prints",
        {"strategy": "s", "stance": "fade"},
        {"total": 1, "trades": [("BTC", "2024-01-02 06:00", "stop")]},
    )
    rows = [trade(0, 0.0), trade(1, 0.0), trade(1, 0.0, stance="follow", trade_id="f")]
    run = replace(run_of(cases, *rows), notes=(note,))
    assert trade_table(run, 10).lone == {1}  # not the other stance's


def test_trades_without_excursions_are_of_an_earlier_version(cases: Cases) -> None:
    row = trade(0, 0.0)
    del row["mae"], row["mfe"]
    told = json.loads(unzipped(trade_table(run_of(cases, row), 10).packed()))
    assert (told["mae"], told["mfe"], told["gain"]) == ([], [], [0])


def test_a_run_without_trades_has_an_empty_table(cases: Cases) -> None:
    run = replace(cases.plain, trades=cases.plain.trades.iloc[:0])
    table = trade_table(run, 10)
    assert table.groups == {}
    assert json.loads(unzipped(table.packed()))["gain"] == []
