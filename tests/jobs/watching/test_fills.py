"""Fills of a live account against the backtest's: by hand, and what cannot be read."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fadefollow.errors import DataError, ParameterError
from fadefollow.jobs.watching import fills
from fadefollow.jobs.watching.fills import compare_fills, matched, read_fills, worse_bps
from fadefollow.workspace import Workspace

DAY = pd.Timestamp("2024-05-01 08:00", tz="UTC")


def orders(days: int = 2) -> pd.DataFrame:
    """A purchase at 100 and a sale at 110 a day later, of each of some days."""
    rows = [
        {
            "claim": "mine",
            "symbol": "BTC",
            "action": action,
            "side": side,
            "state": "filled",
            "due_at": DAY + pd.Timedelta(days=2 * n + late),
            "assumed_price": price,
            "slippage_bps": 2.0,
            "fee_bps": 5.0,
        }
        for n in range(days)
        for action, side, late, price in (("enter", "buy", 0, 100.0), ("exit", "sell", 1, 110.0))
    ]
    return pd.DataFrame(rows)


def written(path: Path, text: str) -> Path:
    path.write_text(text, "utf-8")
    return path


HEAD = "symbol,action,side,time,price\n"


def test_worse_is_dearer_for_a_purchase_and_cheaper_for_a_sale() -> None:
    made = orders(1)
    bought = pd.DataFrame({"side": ["buy", "sell"], "price": [100.1, 110.11]})
    # +0.1 % dearer: 10 bps worse; +0.1 % dearer: 10 bps better
    assert worse_bps(bought, made).tolist() == pytest.approx([10.0, -10.0])


def test_fills_belong_to_the_nearest_order_of_their_kind(tmp_path: Path) -> None:
    text = (
        HEAD + "BTC,enter,buy,2024-05-01T08:00:20Z,100.02\n"
        "BTC,enter,buy,2024-05-01T08:20:00Z,100.05\n"  # the rest of the same order
        "BTC,exit,sell,2024-05-02T07:10:00Z,109.9\n"
        "ETH,enter,buy,2024-05-01T08:00:20Z,50\n"
        "BTC,enter,sell,2024-05-01T08:00:20Z,100\n"
        "BTC,enter,buy,2024-05-01T10:00:00Z,100\n"
    )
    found = read_fills(written(tmp_path / "fills.csv", text))
    place = matched(found, orders(), within=pd.Timedelta(hours=1))
    assert place.tolist() == [0, 0, 1, -1, -1, -1]


def test_slippage_comes_with_an_interval_over_days(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = orders(20)
    monkeypatch.setattr(fills, "watched_orders", lambda *_, **__: (made, {}, ()))
    rng = np.random.default_rng(1)
    worse = rng.normal(3.0, 4.0, len(made))
    side = np.where(made["side"] == "buy", 1.0, -1.0)
    price = made["assumed_price"] * (1.0 + side * worse / 1e4)
    table = made[["symbol", "action", "side"]].assign(
        time=made["due_at"] + pd.Timedelta(seconds=30), price=price, fee_bps=4.5
    )
    table.drop(index=7).to_csv(tmp_path / "fills.csv", index=False)
    workspace: Workspace = None  # type: ignore[assignment]  # its orders are given
    found = compare_fills(workspace, tmp_path / "fills.csv", step=lambda *_: None)
    kept = np.delete(worse, 7)
    assert (found.all.fills, found.all.days) == (39, 39)
    assert (found.enter.fills, found.exit.fills) == (20, 19)
    assert found.all.mean_bps == pytest.approx(kept.mean())
    # 1.96 · 4 / √39 = 1.26 on either side
    assert found.all.low_bps < found.all.mean_bps < found.all.high_bps
    assert found.all.high_bps - found.all.low_bps == pytest.approx(2.5, rel=0.25)
    assert found.all.assumed_bps == 2.0
    assert found.all.fee_bps == pytest.approx(-0.5)
    assert (found.unmatched, found.missed) == (0, 1)
    assert found.to_dict()["all"]["fills"] == 39


def test_fills_of_no_order_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fills, "watched_orders", lambda *_, **__: (orders(), {}, ()))
    path = written(tmp_path / "fills.csv", HEAD + "BTC,enter,buy,2023-05-01T08:00:20Z,100.02\n")
    workspace: Workspace = None  # type: ignore[assignment]
    with pytest.raises(ParameterError, match="no fill belongs"):
        compare_fills(workspace, path, step=lambda *_: None)


@pytest.mark.parametrize(
    ("text", "rule", "where"),
    [
        ("symbol,action,side,time\n", "needs a column", ""),
        (HEAD + "BTC,enter,buy,yesterday,100\n", "time must be", "row 2, column time"),
        (HEAD + "BTC,enter,buy,2024-05-01,100\nBTC,go,buy,2024-05-01,1\n", "action must", "row 3"),
        (HEAD + "BTC,enter,long,2024-05-01,100\n", "side must", "column side"),
        (HEAD + "BTC,enter,buy,2024-05-01,-1\n", "price must", "column price"),
        (HEAD + ",enter,buy,2024-05-01,1\n", "symbol must", "column symbol"),
        ("", "cannot read", ""),
    ],
)
def test_a_file_that_cannot_be_is_refused(tmp_path: Path, text: str, rule: str, where: str) -> None:
    path = written(tmp_path / "fills.csv", text)
    with pytest.raises(DataError, match=rule) as told:
        read_fills(path)
    assert told.value.where.startswith(str(path))
    assert where in told.value.where


def test_a_single_day_has_no_interval(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fills, "watched_orders", lambda *_, **__: (orders(), {}, ()))
    path = written(tmp_path / "fills.csv", HEAD + "BTC,enter,buy,2024-05-01T08:00:20Z,100.02\n")
    workspace: Workspace = None  # type: ignore[assignment]
    found = compare_fills(workspace, path, step=lambda *_: None)
    assert found.all.mean_bps == pytest.approx(2.0)
    assert math.isnan(found.all.low_bps)
    assert math.isnan(found.all.fee_bps)
    assert found.exit.fills == 0
