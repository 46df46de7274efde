"""Orders as they become known, and the files that hold them."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from fadefollow.errors import ParameterError
from fadefollow.jobs.watching.export import (
    FREQTRADE_COLUMNS,
    export_signals,
    freqtrade,
    watched_orders,
)
from fadefollow.jobs.watching.orders import ORDER_COLUMNS
from fadefollow.workspace import Workspace
from tests.support.watch_cases import START, claim_of, grown, step, watching

HOUR = pd.Timedelta(hours=1)
END = pd.Timestamp("2024-06-25", tz="UTC")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    made = watching(tmp_path_factory.mktemp("orders") / "mine")
    grown(made, "2024-06-25")
    return made


@pytest.fixture(scope="module")
def orders(workspace: Workspace) -> pd.DataFrame:
    """Of the claim on short doors, with data to the 25th of June."""
    return watched_orders(workspace, ["short"], step=step)[0]


def as_of(workspace: Workspace, time: pd.Timestamp) -> pd.DataFrame:
    """The same as they were known at a time."""
    grown(workspace, str(time.tz_localize(None)))
    try:
        return watched_orders(workspace, ["short"], step=step)[0]
    finally:
        grown(workspace, "2024-06-25")


def test_each_trade_has_an_entry_and_an_exit(orders: pd.DataFrame) -> None:
    assert tuple(orders.columns) == ORDER_COLUMNS
    filled = orders[orders["state"] == "filled"]
    enter, leave = (filled[filled["action"] == a].set_index("trade_id") for a in ("enter", "exit"))
    assert set(leave.index) <= set(enter.index)
    assert len(enter) > 10
    # fading a short door is a purchase
    assert set(enter["side"]) == {"buy"}
    assert set(enter["position"]) == {"long"}
    assert set(leave["side"]) == {"sell"}
    # known at a close, filled at the open that follows; the candle is the one before
    assert (enter["due_at"] == enter["known_at"]).all()
    assert (enter["due_at"] - enter["candle"] == HOUR).all()
    assert (enter["known_at"] > START).all()
    # after a day, known from the entry on, or by the other door
    timed = leave[leave["reason"] == "time"]
    assert (timed["due_at"] - enter.loc[timed.index, "due_at"] == 24 * HOUR).all()
    assert (timed["known_at"] == enter.loc[timed.index, "due_at"]).all()
    assert set(leave["reason"]) <= {"time", "opposite"}


def test_an_entry_is_due_as_soon_as_its_phase_is_known(
    workspace: Workspace, orders: pd.DataFrame
) -> None:
    entry = orders[(orders["action"] == "enter") & (orders["state"] == "filled")].iloc[6]
    then = as_of(workspace, entry["known_at"])
    mine = then[(then["state"] == "due") & (then["symbol"] == entry["symbol"])]
    row = mine[mine["action"] == "enter"].iloc[-1]
    for name in ("side", "position", "known_at", "due_at", "candle", "reason"):
        assert row[name] == entry[name]
    assert pd.isna(row["assumed_price"])
    # with the latest exit that it can have
    leave = then[(then["symbol"] == entry["symbol"]) & (then["state"] == "planned")].iloc[-1]
    assert leave["due_at"] == entry["due_at"] + 24 * HOUR
    # what was accounted for is as it is later
    known = ["symbol", "action", "due_at"]
    before = then[then["state"] == "filled"].sort_values(known, ignore_index=True)
    later = orders[(orders["state"] == "filled") & (orders["due_at"] <= before["due_at"].max())]
    pd.testing.assert_frame_equal(before, later.sort_values(known, ignore_index=True))


def test_an_exit_is_planned_until_it_is_due(workspace: Workspace, orders: pd.DataFrame) -> None:
    leave = orders[(orders["action"] == "exit") & (orders["reason"] == "time")].iloc[3]
    entered = leave["due_at"] - 24 * HOUR
    for time, state in ((entered + 15 * HOUR, "planned"), (leave["due_at"], "due")):
        then = as_of(workspace, time)
        mine = then[(then["symbol"] == leave["symbol"]) & (then["action"] == "exit")].iloc[-1]
        assert (mine["state"], mine["due_at"], mine["reason"]) == (state, leave["due_at"], "time")
        assert mine["trade_id"] == leave["trade_id"]


def test_a_phase_against_the_position_is_an_exit_that_is_due(
    workspace: Workspace, orders: pd.DataFrame
) -> None:
    leave = orders[(orders["action"] == "exit") & (orders["reason"] == "opposite")].iloc[0]
    then = as_of(workspace, leave["known_at"])
    due = then[(then["state"] == "due") & (then["action"] == "exit")].iloc[-1]
    assert (due["trade_id"], due["due_at"]) == (leave["trade_id"], leave["due_at"])
    assert due["reason"] == "opposite"


def test_the_files_hold_the_orders(workspace: Workspace, tmp_path: Path) -> None:
    found = export_signals(workspace, tmp_path / "out", ["short"], step=step)
    name = "fade_doors-short_door-fade-outright"
    assert [p.relative_to(tmp_path / "out").as_posix() for p in found.files] == [
        "signals.csv",
        "signals.json",
        f"freqtrade/{name}.csv",
    ]
    table = pd.read_csv(tmp_path / "out" / "signals.csv", parse_dates=["known_at", "due_at"])
    assert len(table) == len(found.orders)
    assert table["assumed_price"].to_numpy()[0] == found.orders["assumed_price"].to_numpy()[0]
    told = json.loads((tmp_path / "out" / "signals.json").read_text("utf-8"))
    assert told["schema"] == 1
    assert told["claims"][0]["data_until"] == "2024-06-25T00:00:00Z"
    assert told["claims"][0]["trade"]["hold_hours"] == 24
    assert len(told["orders"]) == len(table)
    signals = pd.read_csv(tmp_path / "out" / "freqtrade" / f"{name}.csv", parse_dates=["date"])
    assert tuple(signals.columns) == FREQTRADE_COLUMNS
    assert set(signals["pair"]) == {"BTC/USDT:USDT", "ETH/USDT:USDT"}
    assert signals["enter_long"].sum() == (table["action"] == "enter").sum()
    assert signals[["enter_short", "exit_short"]].to_numpy().sum() == 0
    # written again: the same
    again = export_signals(workspace, tmp_path / "out", ["short"], step=step)
    pd.testing.assert_frame_equal(again.orders, found.orders)
    with pytest.raises(ParameterError, match="--quote"):
        export_signals(workspace, tmp_path / "out", quote="US/D", step=step)


def test_freqtrade_leaves_and_enters_on_one_candle() -> None:
    claim = claim_of()
    at = pd.Timestamp("2024-05-01 08:00", tz="UTC")
    base = {"claim": "mine", "symbol": "BTC", "candle": at}
    rows = [
        base | {"action": "exit", "position": "short", "reason": "opposite"},
        base | {"action": "enter", "position": "long", "reason": "short_door"},
        base | {"action": "exit", "position": "long", "reason": "stop", "candle": at + 5 * HOUR},
    ]
    found = freqtrade(pd.DataFrame(rows), claim, quote="USDC")
    assert found.to_dict("records") == [
        {
            "date": at,
            "pair": "BTC/USDC:USDC",
            "enter_long": 1,
            "enter_short": 0,
            "enter_tag": "mine",
            "exit_long": 0,
            "exit_short": 1,
            "exit_tag": "opposite",
        },
        {
            "date": at + 5 * HOUR,
            "pair": "BTC/USDC:USDC",
            "enter_long": 0,
            "enter_short": 0,
            "enter_tag": "",
            "exit_long": 1,
            "exit_short": 0,
            "exit_tag": "stop",
        },
    ]
