"""Blocks: how long, when they end, which trades belong to them."""

from __future__ import annotations

import pandas as pd
import pytest

from fadefollow.verdict.sequential.blocks import BlockRule, block_days, block_sums

START = pd.Timestamp("2025-01-01", tz="UTC")


@pytest.mark.parametrize(("hours", "days"), [(1, 1), (12, 1), (13, 2), (24, 2), (72, 6), (168, 14)])
def test_a_block_is_twice_the_holding_time_in_whole_days(hours: float, days: int) -> None:
    assert block_days(hours) == days


def test_a_block_is_finished_when_its_last_trade_can_have_ended() -> None:
    # 6 days of entries, 3 days of holding, a day of grace: the 11th of January, 00:00
    rule = BlockRule.of(START, hold_hours=72)
    assert rule.settled(0) == pd.Timestamp("2025-01-11", tz="UTC")
    assert rule.finished(pd.Timestamp("2025-01-10 23:00", tz="UTC")) == 0
    assert rule.finished(pd.Timestamp("2025-01-11 00:00", tz="UTC")) == 1
    assert rule.finished(pd.Timestamp("2025-01-17 00:00", tz="UTC")) == 2
    assert rule.finished(pd.Timestamp("2024-06-01", tz="UTC")) == 0
    assert rule.a_year == pytest.approx(60.875)


def test_trades_belong_to_the_block_of_their_entry() -> None:
    rule = BlockRule.of(START, hold_hours=72)
    rows = [
        ("2024-12-31 23:00", 0.50, "time", 1.0),  # before the start
        ("2025-01-01 00:00", 0.02, "time", 1.0),
        ("2025-01-06 23:00", -0.01, "stop", 1.0),
        ("2025-01-07 00:00", 0.04, "opposite", 0.5),  # half of its full size
        ("2025-01-08 00:00", 0.99, "end", 1.0),  # cut off by the end of its coin's data
        ("2025-01-13 00:00", 0.07, "time", 1.0),  # of a block that is not finished
    ]
    trades = pd.DataFrame(rows, columns=["entry_time", "return", "exit_reason", "share"])
    trades["entry_time"] = pd.to_datetime(trades["entry_time"], utc=True)
    found = block_sums(trades, rule, 2)
    assert found.total.tolist() == pytest.approx([0.01, 0.02])
    assert found.count.tolist() == [2.0, 0.5]
